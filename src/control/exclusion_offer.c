#include "control/exclusion_offer.h"

#include <errno.h>
#include <string.h>

#include "base/writer.h"
#include "config/format.h"
#include "control/json_value.h"

#define PATH_BYTES_MAX 2000u /* of `on`, in waf_options.c 2,048 */
#define WORDS_BYTES    8192u

/* --- What was asked for ----------------------------------------------------------------------- */

/* The path of "GET http://host/a?b HTTP/1.1"; empty: it has none. */
static slice path_of(slice head)
{
    slice line = slice_first(head, slice_find_byte(head, '\r'));
    slice target = slice_after(line, slice_find_byte(line, ' ') + 1);
    target = slice_first(target, slice_find_byte(target, ' '));
    size_t scheme = slice_find(target, SLICE("://"));
    if (scheme < target.len && target.ptr[0] != '/') {
        target = slice_after(target, scheme + 3);
        target = slice_after(target, slice_find_byte(target, '/'));
    }
    slice path = slice_first(target, slice_find_byte(target, '?'));
    return path.len && path.ptr[0] == '/' ? path : slice_of("", 0);
}

static slice host_of(slice head)
{
    static const slice name = SLICE("host:");
    while (head.len) {
        slice line = slice_first(head, slice_find_byte(head, '\r'));
        head = slice_after(head, line.len + 2);
        if (line.len > name.len && slice_equal_fold(slice_first(line, name.len), name))
            return slice_trim(slice_after(line, name.len));
    }
    return slice_of("", 0);
}

/* Whether the language can name it behind `on`: a star at its end would mean all below. */
static bool is_path_for_on(slice path)
{
    return path.len && path.len <= PATH_BYTES_MAX && slice_find_byte(path, '*') == path.len;
}

/* --- Words ------------------------------------------------------------------------------------ */

/* "ARGS:q" of "MATCHED_VARS:ARGS:q": what an earlier link of the chain matched. */
static slice without_list(slice target)
{
    static const slice lists[] = { SLICE("MATCHED_VARS:"), SLICE("MATCHED_VARS_NAMES:") };
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
        if (slice_equal(slice_first(target, lists[i].len), lists[i]))
            return slice_after(target, lists[i].len);
    return target;
}

/* "arg", "header" or "cookie"; NULL: the variable has no place of its own. */
static const char *place_of(slice target, slice *ret_name)
{
    static const struct {
        slice variable;
        const char *place;
    } places[] = { { SLICE("ARGS"), "arg" },
                   { SLICE("ARGS_NAMES"), "arg" },
                   { SLICE("ARGS_GET"), "arg" },
                   { SLICE("ARGS_GET_NAMES"), "arg" },
                   { SLICE("ARGS_POST"), "arg" },
                   { SLICE("ARGS_POST_NAMES"), "arg" },
                   { SLICE("REQUEST_HEADERS"), "header" },
                   { SLICE("REQUEST_HEADERS_NAMES"), "header" },
                   { SLICE("REQUEST_COOKIES"), "cookie" },
                   { SLICE("REQUEST_COOKIES_NAMES"), "cookie" } };
    target = without_list(target);
    size_t colon = slice_find_byte(target, ':');
    *ret_name = slice_after(target, colon + 1);
    for (size_t i = 0; ret_name->len && i < ARRAY_LENGTH(places); i++)
        if (slice_equal(slice_first(target, colon), places[i].variable))
            return places[i].place;
    return NULL;
}

/* "/blog/" and a star, of "/blog/save": all paths of the folder. */
static slice folder_of(slice path)
{
    while (path.len && path.ptr[path.len - 1] != '/')
        path.len--;
    return path;
}

/* place, path: NULL and empty leave them out. False: the language has no word for the name. */
static bool write_words(struct writer *w, uint32_t rule, const char *place, slice name, slice path)
{
    writer_format(w, "exclude rule %u", rule);
    if (place) {
        writer_format(w, " %s ", place);
        if (!format_word(w, name))
            return false;
    }
    if (path.len == 0)
        return true;
    writer_literal(w, " on ");
    return format_word(w, path);
}

static int keep_words(struct arena *a, const struct writer *w, slice *ret)
{
    *ret = arena_copy(a, writer_slice(w));
    return ret->ptr ? 0 : -ENOMEM;
}

/* The folder of the path, for a rule whose variable has no place. */
static slice all_of_folder(struct arena *a, slice path)
{
    slice folder = folder_of(path);
    char *memory = arena_take(a, folder.len + 1);
    struct writer w = writer_over(memory, memory ? folder.len + 1 : 0);
    writer_slice_add(&w, folder);
    writer_byte(&w, '*');
    return w.overflowed ? slice_of("", 0) : writer_slice(&w);
}

static int set_words(struct arena *a, slice path, struct exclusion_offer *offer)
{
    char memory[WORDS_BYTES];
    slice name, nothing = slice_of("", 0);
    const char *place = place_of(offer->target, &name);
    slice on = is_path_for_on(path) ? path : nothing;
    struct writer w = writer_over(memory, sizeof memory);
    if (!write_words(&w, offer->rule, place, name, on) || w.overflowed) {
        place = NULL;
        w = writer_over(memory, sizeof memory);
        if (!write_words(&w, offer->rule, NULL, nothing, on)) {
            on = nothing;
            w = writer_over(memory, sizeof memory);
            (void)write_words(&w, offer->rule, NULL, nothing, nothing);
        }
    }
    TRY(keep_words(a, &w, &offer->words[EXCLUSION_NARROW]));
    w = writer_over(memory, sizeof memory);
    (void)write_words(&w, offer->rule, NULL, nothing,
                      place || on.len == 0 ? on : all_of_folder(a, on));
    TRY(keep_words(a, &w, &offer->words[EXCLUSION_PATH]));
    w = writer_over(memory, sizeof memory);
    (void)write_words(&w, offer->rule, NULL, nothing, nothing);
    return keep_words(a, &w, &offer->words[EXCLUSION_RULE]);
}

const char *exclusion_setting(uint32_t rule)
{
    static const struct {
        uint32_t rule;
        const char *setting;
    } settings[] = { { 911100, "rule 900200, which methods may come" },
                     { 920420, "rule 900220, which types of bodies may come" },
                     { 920430, "rule 900230, which versions of HTTP may come" },
                     { 920440, "rule 900240, which extensions nobody may ask for" },
                     { 920450, "rule 900250, which header fields may not come" },
                     { 920451, "rule 900255, which further header fields may not come" },
                     { 920480, "rule 900280, which character sets may come" } };
    for (size_t i = 0; i < ARRAY_LENGTH(settings); i++)
        if (settings[i].rule == rule)
            return settings[i].setting;
    return NULL;
}

/* --- Rules ------------------------------------------------------------------------------------ */

static bool adds_to_score(const json_t *rule)
{
    return json_integer_value(json_object_get(rule, "score")) > 0;
}

static bool any_adds(const json_t *rules)
{
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (adds_to_score(json_array_get(rules, i)))
            return true;
    return false;
}

/* Which rules are the reason. */
struct reason {
    uint32_t decider;  /* decided by itself; 0: none */
    bool only_decider; /* others have changed nothing: it has refused */
    bool only_adding;  /* others only add up what these have found */
};

static struct reason reason_of(const json_t *waf)
{
    json_int_t score = json_integer_value(json_object_get(waf, "score"));
    json_int_t threshold = json_integer_value(json_object_get(waf, "threshold"));
    uint32_t decider = (uint32_t)json_integer_value(json_object_get(waf, "decided_by"));
    bool is_watched = slice_equal(json_text_of(waf, "verdict"), SLICE("would-refuse"));
    bool any = any_adds(json_object_get(waf, "rules"));
    return (struct reason){ .decider = decider,
                            .only_decider = decider && (!is_watched || (any && score < threshold)),
                            .only_adding = any };
}

static bool is_reason(const struct reason *reason, const json_t *rule)
{
    if (reason->decider && json_integer_value(json_object_get(rule, "id")) == reason->decider)
        return true;
    return !reason->only_decider && (!reason->only_adding || adds_to_score(rule));
}

static bool is_offered(const struct exclusion_offers *offers, const struct exclusion_offer *offer)
{
    for (uint32_t i = 0; i < offers->count; i++)
        if (slice_equal(offers->items[i].words[EXCLUSION_NARROW], offer->words[EXCLUSION_NARROW]))
            return true;
    return false;
}

static int offer_rule(struct exclusion_offers *ret, struct arena *a, uint32_t rule, slice msg,
                      slice target)
{
    struct exclusion_offer offer = { .rule = rule, .msg = msg, .target = target };
    if (offer.rule == 0 || ret->count == EXCLUSION_OFFERS_MAX)
        return 0;
    TRY(set_words(a, ret->path, &offer));
    if (!is_offered(ret, &offer))
        ret->items[ret->count++] = offer;
    return 0;
}

/* Whether it names an argument or a cookie: what a client fills in, unlike the fields that a rule
 * has among its conditions. */
static bool is_filled_in(slice target)
{
    slice name;
    const char *place = place_of(target, &name);
    return place && strcmp(place, "header") != 0;
}

/* What the last link of a chain found is what the rule is about. Where that has no place (TX:1), it
 * came out of the argument or cookie that a link before it has found something in. */
static slice target_of(const json_t *rule)
{
    const json_t *findings = json_object_get(rule, "findings");
    size_t count = json_array_size(findings);
    if (count == 0)
        return json_text_of(rule, "target");
    slice name, last = json_text_of(json_array_get(findings, count - 1), "target");
    for (size_t i = count - 1; i-- > 0 && !place_of(last, &name);) {
        slice earlier = json_text_of(json_array_get(findings, i), "target");
        if (is_filled_in(earlier))
            return earlier;
    }
    return last;
}

static int offers_for(struct exclusion_offers *ret, struct arena *a, const json_t *rule)
{
    return offer_rule(ret, a, (uint32_t)json_integer_value(json_object_get(rule, "id")),
                      json_text_of(rule, "msg"), target_of(rule));
}

int exclusion_offers(const json_t *exchange, struct arena *a, struct exclusion_offers *ret)
{
    const json_t *request = json_object_get(exchange, "request");
    const json_t *waf = json_object_get(exchange, "waf"), *rules = json_object_get(waf, "rules");
    slice head = json_text_of(request, "head");
    *ret = (struct exclusion_offers){ .host = host_of(head), .path = path_of(head) };
    if (!json_is_object(exchange) || !json_is_object(request))
        return -EINVAL;
    struct reason reason = reason_of(waf);
    bool is_listed = false;
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        if (!is_reason(&reason, rule))
            continue;
        is_listed = is_listed || json_integer_value(json_object_get(rule, "id")) == reason.decider;
        TRY(offers_for(ret, a, rule));
    }
    if (reason.decider && !is_listed) /* `nolog` */
        TRY(offer_rule(ret, a, reason.decider, slice_of("", 0), slice_of("", 0)));
    return 0;
}
