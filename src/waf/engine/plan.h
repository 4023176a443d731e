/* What the engine computes of a ruleset once, so that a transaction need not: per link how its
 * values are found and compared, per node which bytes can change a value on its way there, per ctl
 * which rules it means. Lives in the ruleset's arena; made by waf_prepare, never written to
 * afterwards. */
#pragma once

#include "waf/match.h"
#include "waf/rule.h"
#include "waf/work.h"

enum { VIEW_SOURCES_MAX = 16, VIEWS_MAX = 1024 };

enum link_kind {
    LINK_KIND_VALUES,  /* targets, operator */
    LINK_KIND_COMPARE, /* one variable of TX against a number: no text is made */
    LINK_KIND_ACTION   /* SecAction: matches */
};

/* Where the values of a target come from. */
enum target_kind {
    TARGET_SOURCE, /* one source or more, of struct waf_transaction */
    TARGET_TX,
    TARGET_KEPT, /* a persistent collection */
    TARGET_ENV,
    TARGET_GEO,
    TARGET_MATCHED, /* MATCHED_VARS and their names */
    TARGET_SCALAR,  /* computed when asked */
    TARGET_NONE     /* an exclusion */
};

struct target_plan {
    enum target_kind kind;
    unsigned char sources[3];
    unsigned char count; /* of sources */
    bool has_names;      /* the variable is a collection */
};

/* Sources that many links look through in the same shape: what their values may match is united
 * once for all these links. */
struct view_plan {
    uint32_t node;
    unsigned count;
    unsigned char sources[VIEW_SOURCES_MAX];
};

enum compare { COMPARE_EQ, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

struct link_plan {
    enum link_kind kind;
    bool has_exclusions; /* a target with ! */
    bool is_read_next;   /* the next link of the chain looks at MATCHED_VARS */
    bool is_search;      /* asks whether something is in a value, not what form the value has */
    bool is_screened;    /* candidates tell of a source whether it can match */
    bool is_placed_late; /* where its match stands is found when the whole chain has matched */
    uint32_t view;       /* WAF_NONE: it has none */
    struct target_plan *targets;

    /* LINK_KIND_COMPARE */
    enum compare compare;
    bool is_count;
    uint32_t slot;       /* left side */
    uint32_t right_slot; /* WAF_NONE: `right` */
    int64_t right;
};

struct rule_plan {
    struct link_plan *links;
    bool is_told; /* a match of it is kept: it logs, scores or disrupts */
};

/* A transformation of the ruleset, one bit each. */
struct transform_plan {
    const struct transform *transform;
    size_t len_min; /* the least of all nodes that are made by it */
};

enum {
    PLAN_TRANSFORMS_MAX = 63
}; /* there are not as many; bit 63 is free for who looks at items */

/* Transformations that values of a class of bytes trigger. */
struct trigger_plan {
    unsigned class;
    uint64_t transforms;
};

/* Who looks at a source: of what is known of its values, only that is kept. */
struct source_plan {
    uint64_t *needs; /* a bit for each need; NULL: nobody */
    uint64_t nodes;  /* behind which; the first 64 */
};

struct node_plan {
    uint64_t transforms; /* from the raw value to this one: bits of transform_plan */

    size_t len_min;   /* no rule that looks at what this node makes, or at what is made of it, can
                         match a shorter value */
    uint32_t decoder; /* this node or the nearest above whose transformation knows how long it
                         leaves a value; 0: none, or one between may lengthen it */
    bool never_grows; /* nor does any above */
    uint64_t *needs;  /* that somebody has for what it makes: a bit for each; NULL: none */
};

/* What says no to most rules, beside each other in the order of their phase: the view of the first
 * link, WAF_NONE when there is none, and its need. */
struct rule_screen {
    uint32_t view, need;
};

struct plan {
    struct rule_screen *screens[WAF_PHASES + 1]; /* by phase, as rule_phase.rules */
    struct rule_plan *rules;                     /* by rule.index */
    struct node_plan *nodes;                     /* by number */
    struct transform_plan transforms[PLAN_TRANSFORMS_MAX];
    unsigned transform_count;
    uint64_t untriggered; /* transformations that may change any value */
    struct trigger_plan triggers[PLAN_TRANSFORMS_MAX];
    unsigned trigger_count;
    struct source_plan *sources; /* by place, enum source_place */
    struct view_plan *views;
    unsigned view_count;
    uint32_t *tx_sorted; /* slots in the order of their names */
    bool *tx_is_score;   /* by slot: an anomaly score, what matches add to it is told */
    uint32_t captures[MATCH_SPANS_MAX]; /* slots of TX:0 … TX:9; WAF_NONE: nobody asks */
    unsigned candidate_words;           /* 64-bit words of a set of needs */
    uint64_t *no_candidates;            /* the empty one */
    unsigned rule_words;                /* of a set of rules */
    bool reads_xml_parts;               /* some rule looks at them */
};

/* The slot of a name, lower case; WAF_NONE. */
uint32_t plan_slot(const struct ruleset *rules, slice name);

/* Whether a variable of TX is one that counts up to a verdict. */
bool plan_name_is_score(slice name);

/* The rules that a ctl means, one bit for each by rule.index. text: expanded, where it has macros.
 * 0 · -ENOMEM, and what a pattern says */
MUST_CHECK int plan_ctl_rules(const struct ruleset *rules, const struct ctl_action *ctl, slice text,
                              uint64_t *set, struct work *work);
