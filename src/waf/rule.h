/* Compiled rules: what the reader of SecLang (seclang/) makes and the engine (engine/) runs. Made
 * once when a configuration is loaded, never written to afterwards, shared by all sites and,
 * copy-on-write, by all workers. Everything lives in the ruleset's arena.
 *
 * A rule is one SecRule or SecAction with what is chained to it: one or more links. What belongs to
 * the rule as a whole (id, phase, disruptive action, flow, message, tags) stands in the rule; what
 * each link does by itself (targets, operator, transformations, setvar, ctl, capture) stands in the
 * link. Semantics are those of ModSecurity 2. */
#pragma once

#include "base/arena.h"
#include "waf/variable.h"

struct operator;
struct pattern;
struct plan;
struct prefilter;
struct transform;
struct geo_database;
struct unicode_map;

enum {
    WAF_PHASES = 5,
    WAF_NONE = UINT32_MAX, /* no such rule, slot, need, node */
    WAF_CHAIN_LINKS_MAX = 64,
    WAF_TRANSFORMS_MAX = 32, /* of one link */
};

/* Text with %{…} in it: pieces one after the other. */
enum macro_kind { MACRO_TEXT, MACRO_VARIABLE };

struct macro_piece {
    enum macro_kind kind;
    slice text;                /* MACRO_TEXT; otherwise the key, lower case, empty for none */
    enum variable_id variable; /* MACRO_VARIABLE; an unknown one was an error at load */
    uint32_t slot;             /* of the key, when the variable is TX; WAF_NONE for none */
};

struct macro {
    slice source; /* as written */
    struct macro_piece *pieces;
    unsigned count; /* 0: empty text; 1 of MACRO_TEXT: nothing to expand */
};

/* How a target narrows its variable. */
enum selector_kind {
    SELECT_ALL,
    SELECT_NAME,       /* exact, case folded */
    SELECT_ELEMENT,    /* the same, whichever index an array of JSON has in it: only what the
                          proxy's configuration excludes */
    SELECT_PATTERN,    /* /regex/, unanchored, case folded */
    SELECT_XML_TEXT,   /* all text: the XPath of a star below the root */
    SELECT_XML_VALUES, /* XML://@*  */
    SELECT_XML_PARTS,  /* XML://text() */
};

struct target {
    enum variable_id variable;
    enum selector_kind selector;
    bool is_count;    /* & */
    bool is_excluded; /* !: takes away what the others selected, wherever it stands */
    slice name;       /* SELECT_NAME, SELECT_ELEMENT: lower case; SELECT_PATTERN: as written */
    struct pattern *pattern;
    uint32_t slot; /* TX and SELECT_NAME */
};

enum link_flags {
    LINK_CAPTURE = 1,
    LINK_MULTI_MATCH = 2,
    LINK_NEGATED = 4, /* !@rx */
    LINK_ALWAYS = 8,  /* SecAction: no targets, no operator */
};

/* One node of the tree of transformations of a ruleset: the value of `parent`, then `transform`.
 * Node 0 is the raw value. Children stand behind their parents. */
struct transform_node {
    uint32_t parent;
    const struct transform *transform;
    unsigned triggers; /* a class bit of the prefilter: set in a raw value that this node may
                          change; 0xffff: any */
};

enum set_kind { SET_ASSIGN, SET_ADD, SET_SUBTRACT, SET_DELETE, SET_DEPRECATE };

/* initcol, and setsid, setuid, setrsc: which record a persistent collection stands for from now on
 */
struct initcol_action {
    enum variable_id collection; /* IP, GLOBAL, RESOURCE; SESSION, USER of setsid, setuid */
    struct macro key;
};

/* setvar, expirevar, deprecatevar, setenv */
struct set_action {
    enum set_kind kind;
    enum variable_id collection; /* TX, IP, GLOBAL, SESSION, USER, RESOURCE, ENV */
    struct macro name;           /* lower case where it is text */
    uint32_t slot;               /* of a TX name without macro */
    struct macro value;
    bool is_expiry;           /* expirevar: value is seconds */
    uint32_t amount, every_s; /* SET_DEPRECATE: so much less for each such span without an update */
};

enum ctl_kind {
    CTL_RULE_ENGINE, /* On, Off, DetectionOnly: `number` an enum waf_mode */
    CTL_RULE_REMOVE_BY_ID,
    CTL_RULE_REMOVE_BY_TAG,
    CTL_RULE_REMOVE_BY_MSG,
    CTL_RULE_REMOVE_TARGET_BY_ID,
    CTL_RULE_REMOVE_TARGET_BY_TAG,
    CTL_RULE_REMOVE_TARGET_BY_MSG,
    CTL_REQUEST_BODY_ACCESS,         /* number 0, 1 */
    CTL_REQUEST_BODY_PROCESSOR,      /* text */
    CTL_FORCE_REQUEST_BODY_VARIABLE, /* number 0, 1 */
    CTL_REQUEST_BODY_LIMIT,          /* number */
    CTL_RESPONSE_BODY_ACCESS,
    CTL_RESPONSE_BODY_LIMIT,
    CTL_AUDIT_ENGINE,    /* On, Off, RelevantOnly: `number` an enum audit_engine */
    CTL_AUDIT_LOG_PARTS, /* `number`: bits of AUDIT_PART; `change`: all of them, or more, or less */
    CTL_DEBUG_LOG_LEVEL, /* read and without effect */
    CTL_HASH_ENGINE,     /* refused at load; here so that the error can name it */
};

/* Rules by id: a single one has first == last. */
struct id_range {
    uint32_t first, last;
};

struct ctl_action {
    enum ctl_kind kind;
    struct id_range ids;
    enum set_kind change;
    struct macro text;       /* tag, message, processor */
    struct pattern *pattern; /* ByTag, ByMsg: a regular expression (ModSecurity 2) */
    struct target target;    /* …TARGET… */
    int64_t number;
    const uint64_t *rules; /* waf_prepare: a bit for each rule.index it means; NULL: not before its
                              text has been expanded */
};

struct link {
    struct target *targets;
    unsigned target_count;
    const struct operator* operator;
    const void *prepared; /* operator's own */
    struct macro argument;
    unsigned flags;
    uint32_t node;    /* of the transformation tree; the end of its chain */
    uint32_t *stages; /* LINK_MULTI_MATCH: nodes from raw to `node` */
    unsigned stage_count;
    uint32_t need; /* of the prefilter, WAF_NONE: the operator must always run */
    struct set_action *sets;
    unsigned set_count;
    struct ctl_action *ctls;
    unsigned ctl_count;
    struct initcol_action *initcols;
    unsigned initcol_count;
    uint32_t line; /* in the rule's file, of this link */
};

enum disruption {
    DISRUPT_PASS,
    DISRUPT_ALLOW,
    DISRUPT_ALLOW_PHASE,
    DISRUPT_ALLOW_REQUEST,
    DISRUPT_DENY,
    DISRUPT_DROP,
    DISRUPT_REDIRECT
};

enum rule_flags {
    RULE_LOG = 1,
    RULE_AUDIT_LOG = 2,
};

enum { SEVERITY_NONE = 255 }; /* 0 EMERGENCY … 7 DEBUG */

struct rule {
    uint32_t id;         /* from 1, unique */
    unsigned char phase; /* 1 … 5 */
    unsigned char severity;
    unsigned char accuracy, maturity;
    unsigned flags;
    enum disruption disruption; /* `block` resolved */
    unsigned short status;      /* of deny */
    struct macro redirect;
    struct link *links;
    unsigned link_count;
    struct macro msg, logdata;
    struct macro *tags;
    unsigned tag_count;
    slice rev, ver;
    unsigned skip;    /* skip:N rules of this phase */
    uint32_t skip_to; /* skipAfter: the index in the phase to go on with, its count when the marker
                         is not behind the rule; WAF_NONE: no skipAfter. Markers are in no list */
    slice file;
    uint32_t line;
    uint32_t index; /* in ruleset.rules */
};

enum waf_mode { WAF_OFF, WAF_DETECT, WAF_ENFORCE }; /* SecRuleEngine */

enum body_limit_action { BODY_REJECT, BODY_PROCESS_PARTIAL };

enum audit_engine { AUDIT_OFF, AUDIT_ON, AUDIT_RELEVANT }; /* SecAuditEngine */

enum { AUDIT_STATUSES = 640 };

/* A letter of SecAuditLogParts; seclang/audit.c says what each means. */
#define AUDIT_PART(letter) (1u << ((letter) - 'A'))

/* What the directives that are no rules say. */
struct waf_directives {
    enum waf_mode mode;
    bool has_request_body, has_response_body; /* …BodyAccess */
    uint64_t request_body_bytes_max;          /* SecRequestBodyLimit */
    uint64_t request_body_no_files_bytes_max; /* SecRequestBodyNoFilesLimit */
    enum body_limit_action request_body_action;
    uint64_t response_body_bytes_max;
    enum body_limit_action response_body_action;
    slice *response_types; /* SecResponseBodyMimeType; lower case */
    unsigned response_type_count;
    unsigned json_depth_max, arguments_max, upload_files_max;
    char argument_separator;
    unsigned char cookie_format; /* 0, 1 */
    const struct unicode_map *unicode_map;
    unsigned collection_timeout_s; /* SecCollectionTimeout */
    slice component_signature, web_app_id;
    slice list_key; /* SecHttpBlKey; empty: none */
    enum audit_engine audit_engine;
    uint32_t audit_parts;                         /* bits of AUDIT_PART */
    uint64_t audit_statuses[AUDIT_STATUSES / 64]; /* a bit for each: SecAuditLogRelevantStatus */
};

struct rule_phase {
    struct rule **rules; /* in the order of the files; chains are one */
    unsigned count;
};

/* What a ruleset owns besides the memory of its arena. */
struct ruleset_owned {
    void (*release)(void *thing);
    void *thing;
};

struct ruleset {
    struct arena arena;
    struct ruleset_owned *owned;
    unsigned owned_count;
    struct rule *rules;
    unsigned rule_count;
    struct rule_phase phases[WAF_PHASES + 1]; /* by number; 0 is empty */
    struct transform_node *nodes;
    unsigned node_count;
    struct prefilter *prefilter;
    unsigned need_count;
    slice *tx_names; /* lower case; a slot is an index. Slots 0 to 9 are "0" … "9": captures */
    unsigned tx_count;
    struct waf_directives directives;
    struct geo_database *geo; /* that @geoLookup asks; NULL: none */
    slice *files;             /* read, in order */
    unsigned file_count;
    bool is_timed;           /* something asks how long the transaction has taken (DURATION) */
    const struct plan *plan; /* the engine's own: waf_prepare in waf.h */
    struct waf_known
        *known; /* by waf_prepare: engine/known.h; NULL: of so large a ruleset nothing */
};

/* The thing is released with the ruleset; at once where there is no memory. 0 · -ENOMEM */
MUST_CHECK int ruleset_own(struct ruleset *rules, void (*release)(void *thing), void *thing);

/* Releases what it owns, the arena and the ruleset itself. NULL is fine. */
void ruleset_free(struct ruleset *rules);

/* EMERGENCY … DEBUG for 0 … 7; "" for anything else. */
const char *severity_name(unsigned severity);

/* By name or number, whatever its case: 0 … 7; -EINVAL. */
int severity_parse(slice text);
