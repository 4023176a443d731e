/* The inside of a transaction: what the files of the engine share. waf.h is its face. */
#pragma once

#include "base/panic.h"
#include "waf/bodies/body.h"
#include "waf/engine/plan.h"
#include "waf/engine/tx.h"
#include "waf/engine/values.h"
#include "waf/waf.h"

/* The persistent collections, in the order of `keys`. */
enum kept_collection { KEPT_IP, KEPT_GLOBAL, KEPT_SESSION, KEPT_USER, KEPT_RESOURCE, KEPT_COUNT };

/* A target taken away from some rules while the transaction runs (ctl:ruleRemoveTarget…). */
struct removal {
    struct removal *next;
    const uint64_t *rules;
    const struct target *target;
};

/* What a value is said to be of: ARGS:q, &ARGS:q, XML:/… Its text is made when somebody asks. */
struct value_name {
    const struct target *target; /* NULL: nothing */
    enum variable_id variable;   /* mostly the target's */
    slice key;                   /* the item's name; ptr NULL: the variable has none */
};

/* What a link found, before it is known whether that is told: nothing is cut or copied yet. */
struct found {
    struct waf_finding finding; /* without its name */
    struct value_name name;
};

/* What MATCHED_VARS holds: the matches of one link. */
struct matched {
    slice name, value;
};

struct matched_list {
    struct matched *items;
    unsigned count, capacity;
};

struct request_body {
    struct body_reader reader;
    struct body_limits limits;
    struct multipart *multipart; /* of the piecewise form; NULL otherwise */
    bool is_begun;
    bool is_ended;
    bool is_cut;      /* INBOUND_DATA_ERROR */
    bool has_text;    /* REQUEST_BODY is there */
    slice text;       /* the whole body, where it was given as a whole */
    uint64_t length;  /* REQUEST_BODY_LENGTH */
    slice processor;  /* URLENCODED … or empty */
    bool is_forced;   /* ctl:forceRequestBodyVariable */
    slice unreadable; /* why, when the caller could not make it readable */
};

/* The variables that are sources: of the others there is nothing to keep. */
enum source_place {
    PLACE_NONE,
    PLACE_ARGS_GET,
    PLACE_ARGS_POST,
    PLACE_FILES,
    PLACE_FILES_SIZES,
    PLACE_MULTIPART_PART_HEADERS,
    PLACE_REQUEST_COOKIES,
    PLACE_REQUEST_HEADERS,
    PLACE_RESPONSE_HEADERS,
    PLACE_XML_TEXT,
    PLACE_XML_VALUES,
    PLACE_XML_PARTS,
    PLACE_FREE_FIELDS,
    PLACE_FILLED, /* from here on by collect.c */
    PLACE_REQUEST_LINE = PLACE_FILLED,
    PLACE_REQUEST_METHOD,
    PLACE_REQUEST_PROTOCOL,
    PLACE_REQUEST_URI,
    PLACE_REQUEST_URI_RAW,
    PLACE_REQUEST_FILENAME,
    PLACE_REQUEST_BASENAME,
    PLACE_QUERY_STRING,
    PLACE_PATH_INFO,
    PLACE_REQUEST_BODY,
    PLACE_RESPONSE_BODY,
    PLACE_NAMES, /* from here on of other sources */
    PLACE_ARGS_GET_NAMES = PLACE_NAMES,
    PLACE_ARGS_POST_NAMES,
    PLACE_REQUEST_COOKIES_NAMES,
    PLACE_REQUEST_HEADERS_NAMES,
    PLACE_RESPONSE_HEADERS_NAMES,
    PLACE_FILES_NAMES,
    PLACE_COUNT
};

extern const unsigned char source_places[SOURCE_COUNT]; /* collect.c */

struct waf_transaction {
    const struct ruleset *rules;
    const struct plan *plan;
    struct waf_world world;
    struct arena *arena;
    struct work *work;
    uint64_t work_before;
    int64_t elapsed_ms;

    /* What may be changed by ctl. */
    enum waf_mode mode;
    bool has_request_body, has_response_body;
    uint64_t request_body_bytes_max, response_body_bytes_max;
    enum audit_engine audit_engine;
    uint32_t audit_parts;

    struct waf_request request;
    struct waf_response response;
    uint64_t fields_bytes; /* of the request, when the caller does not say */
    slice content_type, authorization;
    slice response_type;
    bool has_response;

    struct source sources[PLACE_COUNT];
    const uint64_t **views;   /* by view of the plan: what its sources may match; NULL: not asked in
                                 this phase */
    struct waf_known *known;  /* NULL: nothing is known, nor to be kept */
    struct known_needs needs; /* that counted when the transaction began */
    struct recollection *recollections; /* of items whose values come again and again */
    struct request_body body;
    uint32_t head_flags; /* enum body_flag: what the query and the fields say */
    slice response_body;
    bool has_response_body_text, is_response_cut;
    uint64_t response_bytes;
    uint64_t arguments_bytes; /* of names and values */

    struct tx_values tx;
    struct tx_names env;
    struct tx_names geo;            /* of the last address that @geoLookup found */
    slice keys[KEPT_COUNT];         /* what initcol said; ptr NULL: not made */
    unsigned new_keys;              /* bits by kept_collection: nothing was kept under them */
    unsigned touched_keys;          /* this transaction has changed what is kept under them */
    int64_t updated_ms[KEPT_COUNT]; /* of those: when somebody had changed it before */

    const struct rule *rule; /* that runs */
    unsigned phase;
    struct value_name matched_name; /* MATCHED_VAR_NAME */
    slice matched_value;            /* MATCHED_VAR */
    struct matched_list matched[2]; /* what the previous link matched; what this one does */
    unsigned matched_now;           /* index of what this link writes */
    unsigned highest_severity;

    uint64_t *removed; /* rules; NULL: none */
    struct removal *removals;

    unsigned allowed_until; /* phases below it do not run */
    bool is_over;           /* nothing runs any more but phase 5 */
    struct waf_decision decision, would_be;
    struct waf_match *matches, **matches_end;
    struct found *found; /* by the rule that runs: one a link */
    unsigned found_room;
    struct waf_counts counts;
    bool is_audited;
};

/* collect.c */

/* Marks the sources that nobody has to fill later. */
void collect_open(struct waf_transaction *t);

/* Whether a variable is kept as a source; the others are computed when asked (scalar.c). */
static inline bool collect_is_source(unsigned source)
{
    return source_places[source] != PLACE_NONE;
}

/* Of one that is. */
static inline struct source *source_of(struct waf_transaction *t, unsigned source)
{
    ASSERT(collect_is_source(source));
    return &t->sources[source_places[source]];
}

/* What rules look for in it. NULL: nothing; and of persistent collections, whose sources are
 * outside of the transaction, for the moment. */
static inline const struct source_plan *source_plan_of(const struct waf_transaction *t,
                                                       const struct source *s)
{
    bool is_inside = s >= t->sources && s < t->sources + PLACE_COUNT;
    const struct source_plan *plan = is_inside ? &t->plan->sources[s - t->sources] : NULL;
    return plan && plan->needs ? plan : NULL;
}

/* Fills a source as far as it can be now. */
MUST_CHECK int collect_source(struct waf_transaction *t, unsigned source);

/* free_fields.c */

/* A field of the request as it came, beside its place among REQUEST_HEADERS. 0 · -ENOMEM and the
 * like */
MUST_CHECK int free_field_add(struct waf_transaction *t, slice name, slice value);

/* body.c */
/* Before the first phase: forms and multipart by their type, as ModSecurity 2 does it; other
 * readers where a rule says so. */
void body_choose_processor(struct waf_transaction *t);

MUST_CHECK int body_query_read(struct waf_transaction *t, slice query);

/* recall.c */

/* What is known counts for this need. Of one that never counted, nothing is known: whoever asks
 * looks at the values themselves. */
static inline bool recall_counts(struct waf_transaction *t, uint32_t need)
{
    if (!t->known || known_counts(&t->needs, need))
        return true;
    known_ask(t->known, need);
    return false;
}

/* Finds out what is known of the item, the index-th of its source: item.known.
 * 0 · -ENOMEM · -errno of `work` */
MUST_CHECK int item_recall(struct waf_transaction *t, struct source *s, unsigned index,
                           struct item *item);

MUST_CHECK static inline int item_recall_once(struct waf_transaction *t, struct source *s,
                                              unsigned index, struct item *item)
{
    return item->is_recalled ? 0 : item_recall(t, s, index, item);
}

/* Whether it is known that the operator of the need cannot match what the node makes of the item.
 */
static inline bool recall_rules_out(struct waf_transaction *t, const struct item *item,
                                    uint32_t node, uint32_t need)
{
    return item->known && known_counts(&t->needs, need) &&
           known_rules_out(&item->known->facts, node, need);
}

/* Adds to a set what may match behind the node, and all that nothing is known of. */
void recall_unite(const struct waf_transaction *t, const struct known_facts *f, uint32_t node,
                  uint64_t *set);

/* At the end of a phase: keeps what was found out in it. */
void recall_learn(struct waf_transaction *t);

/* scalar.c */

/* A variable with one value at most: *ret_present false when there is none (in the sense of
 * ModSecurity 2: no evaluation). Numbers are written into the arena. 0 · -ENOMEM */
MUST_CHECK int scalar_read(struct waf_transaction *t, enum variable_id variable, slice *ret_value,
                           bool *ret_present);

/* RULE:id and the like; empty for what there is not. */
MUST_CHECK int scalar_rule(struct waf_transaction *t, slice name, slice *ret_value,
                           bool *ret_present);

/* Digits in the arena. 0 · -ENOMEM */
MUST_CHECK int scalar_number(struct waf_transaction *t, int64_t value, slice *ret_value);

/* kept.c */
bool kept_is(enum variable_id variable);
enum kept_collection kept_of(enum variable_id variable);
MUST_CHECK int kept_read(struct waf_transaction *t, enum variable_id collection, slice name,
                         slice *ret_value, bool *ret_present);
MUST_CHECK int kept_set(struct waf_transaction *t, const struct set_action *s, slice name,
                        slice value);
MUST_CHECK int kept_init(struct waf_transaction *t, enum variable_id collection, slice key);

/* Copies the variables of a collection into a source. */
MUST_CHECK int kept_list(struct waf_transaction *t, enum variable_id collection,
                         struct source *source);

/* macro.c */

/* The text with its variables filled in; `m` without variables costs nothing. 0 · -ENOMEM */
MUST_CHECK int macro_expand(struct waf_transaction *t, const struct macro *m, slice *ret_text);

/* The first so many bytes of it. */
MUST_CHECK int macro_expand_first(struct waf_transaction *t, const struct macro *m,
                                  size_t bytes_max, slice *ret_text);

/* action.c */

/* What the link does by itself each time it matches; *score is what it added to anomaly scores. */
MUST_CHECK int action_run(struct waf_transaction *t, const struct rule *rule,
                          const struct link *link, int64_t *score);
bool action_is_shadowed(const struct waf_transaction *t, const struct rule *rule);

/* link.c */

/* One rule under way. */
struct rule_run {
    struct waf_transaction *t;
    const struct rule *rule;
    const struct rule_plan *plan;
    unsigned link_index;
    const struct link *link;
    const struct link_plan *link_plan;
    bool has_matched;    /* this link */
    bool is_stopped;     /* a decision was made: no more values */
    bool target_found;   /* this target had a match: what only repeats it is passed over */
    int64_t score;       /* added since the last match that was told */
    slice argument;      /* expanded */
    struct found *found; /* by link; NULL when nobody is told */
};

/* The text of a name; empty for that of nothing. 0 · -ENOMEM */
MUST_CHECK int value_name_text(struct waf_transaction *t, const struct value_name *name,
                               slice *ret_text);

/* Runs the link over its values: has_matched, is_stopped. */
MUST_CHECK int link_run(struct rule_run *run);

/* The word that an operator found may lie in the match itself, or in memory of the operator's: put
 * into the arena, it stays. 0 · -ENOMEM */
MUST_CHECK int match_word_keep(struct waf_transaction *t, struct operator_match *m);

/* list.c */

/* What a list in the DNS says of the value. m NULL: its words are not wanted. 1 · 0 · -errno of
 * `lists` and of the work · -ENOMEM */
MUST_CHECK int list_says(struct waf_transaction *t, slice list, const struct value_name *name,
                         slice value, struct operator_match *m);

/* decision.c */

/* The last link matched: tells of it and disrupts. */
MUST_CHECK int decision_match(struct rule_run *run);
