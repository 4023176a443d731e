/* `waf`: by which rules a route's requests and responses are judged, and how strictly. The rules
 * themselves are shared by all places that name the same ones. */
#pragma once

#include "waf/rule.h"

struct word;

enum { WAF_RESPONSE_MS = 2000 }; /* how long a response is held unless it is written */

enum waf_level {
    WAF_LEVEL_OFF,
    WAF_LEVEL_LOW,
    WAF_LEVEL_BALANCED,
    WAF_LEVEL_STRICT,
    WAF_LEVEL_PARANOID
};

/* As the words of `mode` stand in the row. */
enum waf_enforcement { WAF_MODE_OFF, WAF_MODE_SHADOW, WAF_MODE_ENFORCE };

/* Where rules come from; those of our own unless it is written. */
enum waf_source_kind { WAF_SOURCE_BUILTIN, WAF_SOURCE_CRS, WAF_SOURCE_FILES };

struct waf_source {
    enum waf_source_kind kind;
    slice *paths; /* of CRS at most one, its folder; none: where distributions put it */
    uint32_t count;
    const struct word *word; /* that says so; only while loading */
};

/* What a rule looks at is narrowed to one value by its name. */
enum waf_place { WAF_PLACE_ALL, WAF_PLACE_ARG, WAF_PLACE_HEADER, WAF_PLACE_COOKIE };

/* Rules that a statement names; only while loading. */
struct waf_mention {
    const struct word *word;
    bool
        *is_meant; /* shared by all places that inherit it: rules of one of them have such a rule */
};

/* exclude rule ID | attack CLASS [arg|header|cookie NAME] [on PATH] [because TEXT] [until DATE] */
struct waf_exclusion {
    uint32_t first_id, last_id; /* 0: by class */
    slice attack;               /* "sqli" for the tag attack-sqli */
    enum waf_place place;
    slice name; /* of the argument, field or cookie */
    slice path; /* canonical; empty: everywhere */
    bool path_is_prefix;
    int64_t until_s; /* since 1970; 0: for ever */
    slice because, where;
    struct ctl_action *actions; /* what it means to the rules */
    uint32_t action_count;
    struct waf_mention mention; /* of the rule or class */
};

struct waf_settings {
    uint8_t level; /* enum waf_level */
    uint8_t mode;  /* enum waf_enforcement */
    struct waf_source source;
    uint32_t paranoia;           /* 0: as the level says */
    uint32_t threshold;          /* of the request's score; 0: as the level says */
    uint32_t outbound_threshold; /* of the response's; 0: 4, as the Core Rule Set has it */
    struct waf_exclusion *exclusions;
    uint32_t exclusion_count;
    struct id_range *shadows; /* rules that are told and not enforced */
    uint32_t shadow_count;
    struct waf_mention *shadow_mentions; /* of each */
    uint32_t shadow_mention_count;
    uint64_t body_bytes_max;     /* of a request, files not counted; a longer one is refused */
    uint64_t response_bytes_max; /* 0: responses are not looked at */
    int64_t response_ms;         /* how long a response is held at most */
    slice *response_types;       /* media types; none: as the rules say */
    uint32_t response_type_count;
    int64_t budget_ms;     /* of the processor, for one exchange */
    uint8_t budget_passes; /* what is over it goes on */
    bool inspects_base64;  /* values that are Base64 of text are looked into */
    bool inspects_headers; /* rules for arguments look at header fields that no standard knows */
    slice where;
    const struct word *level_word; /* only while loading */

    const struct ruleset *rules; /* NULL: off */
    struct waf_preset {          /* variables of TX that the settings come to */
        slice name, value;
    } * presets;
    uint32_t preset_count;
};

/* What the level says where nothing else is written. */
static inline uint32_t waf_paranoia(const struct waf_settings *w)
{
    static const uint8_t levels[] = { 1, 1, 1, 2, 3 };
    return w->paranoia ? w->paranoia : levels[w->level];
}

static inline uint32_t waf_threshold(const struct waf_settings *w)
{
    static const uint8_t levels[] = { 5, 10, 5, 5, 5 };
    return w->threshold ? w->threshold : levels[w->level];
}

static inline uint32_t waf_outbound_threshold(const struct waf_settings *w)
{
    return w->outbound_threshold ? w->outbound_threshold : 4;
}
