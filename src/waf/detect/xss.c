#include "waf/detect/xss.h"

#include "base/number.h"
#include "waf/detect/html_token.h"
#include "waf/detect/xss_evidence.h"
#include "waf/detect/xss_url.h"

/* What a tag or an attribute costs beside its bytes: tables of names. */
enum { EVENT_STEPS = 16 };

/* Without these bytes in it, a value does not leave the place. */
struct traits {
    bool has_place[HTML_PLACE_BACKTICK + 1];
    bool has_colon;
    size_t rules_end; /* behind the last { or @; 0: none */
};

static int find_traits(slice value, struct traits *ret, struct work *work)
{
    bool has[256] = { false };
    size_t rules_end = 0;
    for (size_t at = 0; at < value.len; at += WORK_BLOCK) {
        slice block = slice_first(slice_after(value, at), WORK_BLOCK);
        TRY(work_spend(work, block.len));
        for (size_t i = 0; i < block.len; i++) {
            has[(unsigned char)block.ptr[i]] = true;
            if (block.ptr[i] == '{' || block.ptr[i] == '@')
                rules_end = at + i + 1;
        }
    }
    bool has_attributes = has['='];
    *ret = (struct traits){ .has_colon = has[':'] || has['&'], .rules_end = rules_end };
    ret->has_place[HTML_PLACE_TEXT] = has['<'];
    ret->has_place[HTML_PLACE_TAG] = ret->has_place[HTML_PLACE_UNQUOTED] = has_attributes;
    ret->has_place[HTML_PLACE_SINGLE] = has_attributes && has['\''];
    ret->has_place[HTML_PLACE_DOUBLE] = has_attributes && has['"'];
    ret->has_place[HTML_PLACE_BACKTICK] = has_attributes && has['`'];
    return 0;
}

/* As xss_detect goes by its traits: a tag, an attribute, a colon or a reference to one. */
void xss_required(struct byte_set *ret)
{
    *ret = (struct byte_set){ 0 };
    for (const char *c = "<=:&"; *c; c++)
        byte_set_add(ret, (unsigned char)*c);
}

static int judge(slice value, enum html_place place, const struct traits *traits,
                 struct xss_result *ret, struct work *work)
{
    struct html_reader reader;
    slice element = { .ptr = value.ptr };
    int result = html_reader_open(&reader, value, place, work);
    while (result == 1) {
        struct html_event e;
        const char *because = NULL;
        TRY(work_spend(work, EVENT_STEPS));
        TRY(html_read(&reader, &e));
        switch (e.kind) {
        case HTML_END:
            return 0;
        case HTML_TAG:
            element = e.name;
            because = xss_element(e.name, reader.at < traits->rules_end);
            break;
        case HTML_END_TAG:
            element = e.name;
            break;
        case HTML_ATTRIBUTE:
            TRY(xss_attribute(&(struct xss_attribute){ element, e.name, e.value, place }, &because,
                              work));
            break;
        case HTML_COMMENT:
        case HTML_DECLARATION:
        case HTML_INSTRUCTION:
            because = xss_comment(&e);
            break;
        }
        if (because) {
            if (ret)
                *ret =
                    (struct xss_result){ .because = because, .at = e.at, .len = reader.at - e.at };
            return 1;
        }
    }
    return result;
}

int xss_detect(slice value, struct xss_result *ret, struct work *work)
{
    struct traits traits;
    TRY(find_traits(value, &traits, work));
    for (unsigned place = 0; place < ARRAY_LENGTH(traits.has_place); place++) {
        if (!traits.has_place[place])
            continue;
        int result = judge(value, place, &traits, ret, work);
        if (result != 0)
            return result;
    }
    if (!traits.has_colon)
        return 0;
    TRY(work_spend(work, number_min(value.len, XSS_URL_BYTES_MAX)));
    if (!xss_url_is_script(value))
        return 0;
    if (ret)
        *ret = (struct xss_result){ .because = "a URL that runs script", .len = value.len };
    return 1;
}
