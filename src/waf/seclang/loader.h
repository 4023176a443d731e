/* A load under way: what the files of this folder share.
 *
 * Directives are read into drafts, because exclusions may still change a rule that stands before
 * them; finishing turns the drafts that are left into the ruleset (build.c). What goes into the
 * ruleset is in its arena, everything else in `scratch`, which ends with the load. */
#pragma once

#include <errno.h>

#include "waf/operators/operator.h"
#include "waf/patterns/pattern.h"
#include "waf/seclang/list.h"
#include "waf/seclang/names.h"
#include "waf/seclang/reader.h"
#include "waf/seclang/seclang.h"

struct action_row;

/* One action as it was read: typed, not yet applied. */
struct action {
    const struct action_row *row;
    slice value; /* without quotes */
    union {
        uint64_t number;
        slice text;
        struct macro macro;
        const struct transform *transform; /* NULL: t:none */
        struct set_action set;
        struct initcol_action initcol;
        struct ctl_action *ctls; /* `count` of them */
    };
    unsigned count;
};

struct actions {
    struct action *items;
    unsigned count, capacity;
};

struct targets {
    struct target *items;
    unsigned count, capacity;
};

/* An operator with a prepared argument; links with the same one share it. */
struct prepared {
    const struct operator* operator;
    void *made;
    uint32_t need;
    bool is_registered; /* need is of the prefilter */
};

struct draft_link {
    struct targets targets;
    struct prepared *prepared; /* NULL: SecAction */
    struct macro argument;
    bool is_negated;
    struct actions actions;
    uint32_t line;
};

struct draft_rule {
    uint32_t id;
    unsigned char phase;
    bool is_removed;
    struct {
        struct draft_link *items;
        unsigned count, capacity;
    } links;
    const struct actions *defaults; /* of its phase, when it was read; NULL: none */
    struct actions updates;         /* SecRuleUpdateActionById */
    slice file;
    uint32_t line;
    uint32_t order;   /* among drafts */
    slice skip_after; /* found while it is built */
};

/* SecMarker: stands before the draft with this order. */
struct draft_marker {
    slice name;
    uint32_t order;
};

struct problems {
    struct waf_problem *items; /* room for `room` */
    unsigned count, room, total;
};

/* A file, or the files of a pattern, that is being read. */
struct source {
    slice *paths;
    unsigned next, count;
    bool is_open;
    slice file;
    struct seclang_reader reader;
};

/* How operators reach the world; some do so long after the load, so it lives with the rules. */
struct outside {
    struct operator_world operators; /* its context is this */
    struct seclang_world world;
    struct seclang *load; /* NULL: it is over */
    const struct ruleset *rules;
};

struct seclang {
    struct seclang_world world;
    struct ruleset *rules; /* NULL: handed over */
    struct arena scratch;
    struct outside *outside;        /* in the ruleset's arena */
    struct pattern_cache *patterns; /* the ruleset owns it */
    struct prefilter *prefilter;
    struct problems errors, warnings;

    struct source sources[SECLANG_DEPTH_MAX];
    unsigned depth;
    slice file;                     /* being read */
    const struct reader_line *line; /* the directive; NULL: between files */

    struct {
        struct draft_rule **items;
        unsigned count, capacity;
    } drafts;
    struct {
        struct draft_marker *items;
        unsigned count, capacity;
    } markers;
    struct draft_rule *chain; /* waits for its next link */
    const struct actions *defaults[WAF_PHASES + 1];

    struct names slots;    /* of TX */
    struct names ids;      /* id -> order of the draft */
    struct names selected; /* text of a pattern in a target or ctl -> index in `compiled` */
    struct names shared;   /* operator and argument -> index in `prepared` */
    struct {
        slice *items;
        unsigned count, capacity;
    } tx_names, files, types;
    struct {
        struct pattern **items;
        unsigned count, capacity;
    } compiled;
    struct {
        struct prepared **items;
        unsigned count, capacity;
    } prepared;
};

/* Notes an error at a byte of the directive that is being read; -EINVAL. */
__attribute__((format(printf, 3, 4))) int load_error(struct seclang *l, const char *at,
                                                     const char *format, ...);
__attribute__((format(printf, 3, 4))) void load_warning(struct seclang *l, const char *at,
                                                        const char *format, ...);

/* Notes a problem that has its text and perhaps its place already; -EINVAL. */
int load_problem(struct seclang *l, const struct waf_problem *problem);

/* Notes a warning that has its text and place. */
void load_note(struct seclang *l, const struct waf_problem *warning);

/* A lower-case copy in the ruleset's arena (the same bytes when nothing changes); ptr NULL without
 * memory. */
slice load_lower(struct seclang *l, slice text);

/* The slot of a TX name, lower case, whose bytes stay. 0 · -ENOMEM */
MUST_CHECK int load_slot(struct seclang *l, slice lower, uint32_t *ret_slot);

/* A compiled pattern of a selector, or of a ctl (flags: enum pattern_flags), shared with others of
 * the same text. 0 · -EINVAL noted · -ENOMEM */
MUST_CHECK int load_selector(struct seclang *l, slice text, unsigned flags, struct pattern **ret);

/* Removes blanks at both ends, line ends and vertical white space included. */
slice load_trim(slice text);

/* Errors of one part do not keep the others from being looked at: -ENOMEM and the like win. */
static inline int load_worse(int so_far, int result)
{
    return so_far && so_far != -EINVAL ? so_far : result ? result : so_far;
}
