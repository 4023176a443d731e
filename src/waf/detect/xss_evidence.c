#include "waf/detect/xss_evidence.h"

#include "waf/detect/xss_url.h"

enum { NAME_BYTES_MAX = 32, NULS_MAX = 4096, DOCTYPE_BYTES_MAX = 4096 };

/* A value is held against all words at once; a name is looked for in tables. */
enum { CHARACTER_STEPS = 8, ATTRIBUTE_STEPS = 64 };

/* By themselves, whatever their attributes. */
static const slice elements[] = { SLICE("script"),    SLICE("iframe"), SLICE("frameset"),
                                  SLICE("scriptlet"), SLICE("xss"),    SLICE("vmlframe"),
                                  SLICE("htmlfile"),  SLICE("isindex") };

/* With an attribute; without one they are what documentation has for placeholders: <object>. */
static const slice loading_elements[] = {
    SLICE("applet"),   SLICE("base"),    SLICE("bgsound"), SLICE("embed"),  SLICE("fencedframe"),
    SLICE("frame"),    SLICE("handler"), SLICE("ilayer"),  SLICE("import"), SLICE("layer"),
    SLICE("listener"), SLICE("object"),  SLICE("portal"),  SLICE("style"),  SLICE("xml"),
};

/* Whose value is a URL that is followed or loaded. */
static const slice url_attributes[] = {
    SLICE("action"),     SLICE("background"), SLICE("by"),       SLICE("cite"),
    SLICE("classid"),    SLICE("code"),       SLICE("codebase"), SLICE("content"),
    SLICE("data"),       SLICE("dynsrc"),     SLICE("from"),     SLICE("folder"),
    SLICE("formaction"), SLICE("href"),       SLICE("icon"),     SLICE("lowsrc"),
    SLICE("manifest"),   SLICE("ping"),       SLICE("poster"),   SLICE("profile"),
    SLICE("src"),        SLICE("srcset"),     SLICE("to"),       SLICE("values"),
    SLICE("xlink:href"), SLICE("xml:base"),   SLICE("usemap"),   SLICE("longdesc"),
};

/* The event handlers of HTML, SVG and old browsers, without "on"; others need a value that is
 * script. */
static const slice events[] = {
    SLICE("abort"),
    SLICE("activate"),
    SLICE("afterprint"),
    SLICE("afterscriptexecute"),
    SLICE("animationend"),
    SLICE("animationiteration"),
    SLICE("animationstart"),
    SLICE("auxclick"),
    SLICE("beforecopy"),
    SLICE("beforecut"),
    SLICE("beforeinput"),
    SLICE("beforematch"),
    SLICE("beforepaste"),
    SLICE("beforeprint"),
    SLICE("beforescriptexecute"),
    SLICE("beforetoggle"),
    SLICE("beforeunload"),
    SLICE("begin"),
    SLICE("blur"),
    SLICE("bounce"),
    SLICE("cancel"),
    SLICE("canplay"),
    SLICE("canplaythrough"),
    SLICE("change"),
    SLICE("click"),
    SLICE("close"),
    SLICE("command"),
    SLICE("contextmenu"),
    SLICE("copy"),
    SLICE("cuechange"),
    SLICE("cut"),
    SLICE("dblclick"),
    SLICE("drag"),
    SLICE("dragend"),
    SLICE("dragenter"),
    SLICE("dragleave"),
    SLICE("dragover"),
    SLICE("dragstart"),
    SLICE("drop"),
    SLICE("durationchange"),
    SLICE("end"),
    SLICE("ended"),
    SLICE("error"),
    SLICE("finish"),
    SLICE("focus"),
    SLICE("focusin"),
    SLICE("focusout"),
    SLICE("formdata"),
    SLICE("fullscreenchange"),
    SLICE("gesturestart"),
    SLICE("gotpointercapture"),
    SLICE("hashchange"),
    SLICE("help"),
    SLICE("input"),
    SLICE("invalid"),
    SLICE("keydown"),
    SLICE("keypress"),
    SLICE("keyup"),
    SLICE("load"),
    SLICE("loadeddata"),
    SLICE("loadedmetadata"),
    SLICE("loadend"),
    SLICE("loadstart"),
    SLICE("lostpointercapture"),
    SLICE("message"),
    SLICE("mousedown"),
    SLICE("mouseenter"),
    SLICE("mouseleave"),
    SLICE("mousemove"),
    SLICE("mouseout"),
    SLICE("mouseover"),
    SLICE("mouseup"),
    SLICE("mousewheel"),
    SLICE("offline"),
    SLICE("online"),
    SLICE("pagehide"),
    SLICE("pageshow"),
    SLICE("paste"),
    SLICE("pause"),
    SLICE("play"),
    SLICE("playing"),
    SLICE("pointercancel"),
    SLICE("pointerdown"),
    SLICE("pointerenter"),
    SLICE("pointerleave"),
    SLICE("pointermove"),
    SLICE("pointerout"),
    SLICE("pointerover"),
    SLICE("pointerrawupdate"),
    SLICE("pointerup"),
    SLICE("popstate"),
    SLICE("progress"),
    SLICE("propertychange"),
    SLICE("ratechange"),
    SLICE("readystatechange"),
    SLICE("repeat"),
    SLICE("reset"),
    SLICE("resize"),
    SLICE("scroll"),
    SLICE("scrollend"),
    SLICE("search"),
    SLICE("seeked"),
    SLICE("seeking"),
    SLICE("select"),
    SLICE("selectionchange"),
    SLICE("selectstart"),
    SLICE("show"),
    SLICE("slotchange"),
    SLICE("stalled"),
    SLICE("start"),
    SLICE("storage"),
    SLICE("submit"),
    SLICE("suspend"),
    SLICE("timeupdate"),
    SLICE("toggle"),
    SLICE("touchcancel"),
    SLICE("touchend"),
    SLICE("touchmove"),
    SLICE("touchstart"),
    SLICE("transitioncancel"),
    SLICE("transitionend"),
    SLICE("transitionrun"),
    SLICE("transitionstart"),
    SLICE("unhandledrejection"),
    SLICE("unload"),
    SLICE("volumechange"),
    SLICE("waiting"),
    SLICE("webkitanimationend"),
    SLICE("webkitanimationstart"),
    SLICE("webkittransitionend"),
    SLICE("wheel"),
    SLICE("zoom"),
};

/* In lower case, without the NULs that old browsers pass over; empty when it is too long to be
 * known. */
static slice plain_name(slice name, char memory[NAME_BYTES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (count == NAME_BYTES_MAX || i == NULS_MAX)
            return slice_of(memory, 0);
        if (name.ptr[i] != '\0')
            memory[count++] = ascii_lower(name.ptr[i]);
    }
    return slice_of(memory, count);
}

static bool is_in(slice name, const slice *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(name, list[i]))
            return true;
    return false;
}

static slice without_prefix(slice name)
{
    size_t colon = slice_find_byte(name, ':');
    return colon == name.len ? name : slice_after(name, colon + 1);
}

const char *xss_element(slice name, bool has_rules)
{
    char memory[NAME_BYTES_MAX];
    slice plain = plain_name(name, memory), local = without_prefix(plain);
    if (slice_equal(local, SLICE("include")) && local.len < plain.len)
        return "an element that includes a file";
    if (slice_equal(local, SLICE("style")) && has_rules)
        return "a style sheet";
    return is_in(local, elements, ARRAY_LENGTH(elements)) ? "an element that runs script" : NULL;
}

/* What stands in a value, character references undone. */
struct contents {
    bool has[128];
    bool words[9]; /* of `words` below, in lower case, white space and backslashes left out */
};

static const char *const words[] = { "expression(",  "behavior:",   "behaviour:",
                                     "-moz-binding", "javascript:", "vbscript:",
                                     "stylesheet",   "import",      "utf-7" };
enum { WORD_JAVASCRIPT = 4, WORD_STYLESHEET = 6, WORD_IMPORT = 7, WORD_UTF7 = 8 };

static int find_contents(slice value, struct contents *ret, struct work *work)
{
    size_t matched[ARRAY_LENGTH(words)] = { 0 }, paid_at = 0;
    for (size_t at = 0; at < value.len;) {
        unsigned char c = html_character(value, &at);
        ret->has[c] = true;
        if (at - paid_at >= WORK_BLOCK / CHARACTER_STEPS) {
            TRY(work_spend(work, CHARACTER_STEPS * (at - paid_at)));
            paid_at = at;
        }
        if (c <= ' ' || c == '\\')
            continue;
        char lower = ascii_lower((char)c);
        for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
            matched[i] = lower == words[i][matched[i]] ? matched[i] + 1 : lower == words[i][0];
            if (words[i][matched[i]] == '\0') {
                ret->words[i] = true;
                matched[i] = 0;
            }
        }
    }
    return work_spend(work, CHARACTER_STEPS * (value.len - paid_at));
}

static bool has_any(const struct contents *c, const char *signs)
{
    for (; *signs; signs++)
        if (c->has[(unsigned char)*signs])
            return true;
    return false;
}

static bool is_letters(slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 'a' || text.ptr[i] > 'z')
            return false;
    return true;
}

/* Inside an element a known handler needs nothing more; where the value only may have left its
 * attribute, it needs to be script: a call, an assignment, a template … */
static const char *event_attribute(const struct xss_attribute *a, slice event,
                                   const struct contents *contents)
{
    bool is_known = is_in(event, events, ARRAY_LENGTH(events));
    bool in_element = a->element.len > 0;
    if (a->value.len == 0 || (!is_known && (event.len < 3 || !is_letters(event))))
        return NULL;
    if (in_element && is_known)
        return "an event handler";
    bool is_likely = in_element || (a->place >= HTML_PLACE_SINGLE && is_known);
    return has_any(contents, is_likely ? "(`=;.[{\\" : "(`") ? "an event handler" : NULL;
}

static const char *style_attribute(const struct contents *contents)
{
    for (size_t i = 0; i <= WORD_JAVASCRIPT + 1; i++)
        if (contents->words[i])
            return "script in a style";
    return NULL;
}

/* <animate attributeName=href … sets what would be found in the attribute itself. */
static const char *animated_attribute(slice value)
{
    char memory[NAME_BYTES_MAX];
    slice plain = without_prefix(plain_name(slice_trim(value), memory));
    if (slice_equal(plain, SLICE("href")) || slice_equal(plain, SLICE("src")) ||
        slice_starts_with(plain, SLICE("on")))
        return "an animation that sets a link or a handler";
    return NULL;
}

static const char *element_attribute(const struct xss_attribute *a, slice name,
                                     const struct contents *contents)
{
    char memory[NAME_BYTES_MAX];
    slice element = plain_name(a->element, memory);
    if ((a->value.len > 0 || is_in(name, url_attributes, ARRAY_LENGTH(url_attributes))) &&
        is_in(without_prefix(element), loading_elements, ARRAY_LENGTH(loading_elements)))
        return "an element that loads something";
    if (slice_equal(element, SLICE("meta")) && slice_equal(name, SLICE("http-equiv")))
        return "a directive of the protocol in the page";
    if (slice_equal(element, SLICE("meta")) && contents->words[WORD_UTF7])
        return "a character set that hides script";
    if (slice_equal(element, SLICE("link")) && slice_equal(name, SLICE("rel")) &&
        (contents->words[WORD_STYLESHEET] || contents->words[WORD_IMPORT]))
        return "an element that loads a style sheet";
    return NULL;
}

/* Browsers run no script of what is shown by <img>, SVG included. A value inside an attribute
 * hardly ever stands in one of the few elements that would. */
static bool is_shown(const struct xss_attribute *a, slice name)
{
    bool may_be_image = a->element.len == 0 || slice_equal_fold(a->element, SLICE("img"));
    return may_be_image && slice_equal(name, SLICE("src")) && xss_url_is_picture(a->value);
}

static const char *judge_name(const struct xss_attribute *a, slice name,
                              const struct contents *contents)
{
    if (slice_starts_with(name, SLICE("on")))
        return event_attribute(a, slice_after(name, 2), contents);
    if (slice_equal(name, SLICE("values")) || slice_equal(name, SLICE("content")))
        return contents->words[WORD_JAVASCRIPT] ? "a URL that runs script" : NULL;
    if (is_in(name, url_attributes, ARRAY_LENGTH(url_attributes)))
        return xss_url_runs(a->value) && !is_shown(a, name) ? "a URL that runs script" : NULL;
    if (slice_equal(name, SLICE("style")))
        return style_attribute(contents);
    if (slice_equal(name, SLICE("srcdoc")))
        return contents->has['<'] ? "a page in an attribute" : NULL;
    if (slice_equal(name, SLICE("attributename")))
        return animated_attribute(a->value);
    if (slice_equal(name, SLICE("datasrc")) || slice_equal(name, SLICE("dataformatas")))
        return "a data binding";
    return NULL;
}

int xss_attribute(const struct xss_attribute *a, const char **ret_because, struct work *work)
{
    char memory[NAME_BYTES_MAX];
    struct contents contents = { .has = { false } };
    slice name = plain_name(a->name, memory);
    *ret_because = NULL;
    if (name.len < 2)
        return 0;
    TRY(work_spend(work, ATTRIBUTE_STEPS));
    TRY(find_contents(a->value, &contents, work));
    *ret_because = judge_name(a, name, &contents);
    if (!*ret_because && a->element.len > 0)
        *ret_because = element_attribute(a, name, &contents);
    return 0;
}

static bool begins_with(slice text, slice word)
{
    return slice_equal_fold(slice_first(text, word.len), word);
}

const char *xss_comment(const struct html_event *e)
{
    slice text = slice_trim(e->value);
    switch (e->kind) {
    case HTML_COMMENT:
        return begins_with(text, SLICE("[if")) ? "a comment with a condition" : NULL;
    case HTML_DECLARATION:
        return begins_with(text, SLICE("entity")) ||
                       (begins_with(text, SLICE("doctype")) &&
                        slice_find_byte(slice_first(text, DOCTYPE_BYTES_MAX), '[') <
                            slice_first(text, DOCTYPE_BYTES_MAX).len)
                   ? "a declaration of an entity"
                   : NULL;
    case HTML_INSTRUCTION:
        return begins_with(text, SLICE("import")) || begins_with(text, SLICE("xml-stylesheet"))
                   ? "an instruction that loads a style sheet or a component"
                   : NULL;
    case HTML_END:
    case HTML_TAG:
    case HTML_END_TAG:
    case HTML_ATTRIBUTE:
        break;
    }
    return NULL;
}
