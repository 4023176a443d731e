/* The WAF: one transaction is one request and its response, judged by a ruleset.
 *
 * What a transaction says depends on what it is given and on nothing else: the ruleset, the world
 * (clock, identifier, addresses, the store of persistent collections) and the bytes of request and
 * response. It does no I/O and never waits, but spends `work`, whose pause callback may let others
 * run, and asks the world, which may take its time. Memory is the arena's; nothing has to be
 * closed. Slices that are given must live as long as the transaction, and so must the bodies;
 * slices that are returned live as long as the arena.
 *
 * The order of the calls:
 *
 *     waf_prepare(ruleset)                    once, after the rules have been read
 *     waf_open                                a transaction; presets with waf_set_variable
 *     waf_set_request, waf_add_request_field  as they came
 *     waf_run(t, WAF_REQUEST_HEADERS)
 *     waf_wants_request_body                  what the rules want of the body
 *     waf_request_body or …_part, …_end       nothing when there is none
 *     waf_run(t, WAF_REQUEST_BODY)
 *     waf_set_response, waf_add_response_field
 *     waf_run(t, WAF_RESPONSE_HEADERS)
 *     waf_wants_response_body, waf_response_body
 *     waf_run(t, WAF_RESPONSE_BODY)
 *     waf_run(t, WAF_LOGGING)                 always, whatever was decided before
 *
 * Every phase runs at most once, and in this order; phases may be left out. After each waf_run the
 * caller looks at waf_decision: anything but WAF_PASS and WAF_ALLOW has to be done at once.
 *
 * WAF_LOGGING need not wait for the last byte of the response: what it sees is known before, but
 * for the time that has gone by (ruleset.is_timed). */
#pragma once

#include "base/arena.h"
#include "waf/match.h"
#include "waf/rule.h"
#include "waf/work.h"

struct waf_lists;
struct waf_store;
struct waf_transaction;

enum waf_phase {
    WAF_REQUEST_HEADERS = 1,
    WAF_REQUEST_BODY,
    WAF_RESPONSE_HEADERS,
    WAF_RESPONSE_BODY,
    WAF_LOGGING
};

/* What the ruleset lets the engine compute once: which sources a link reads, which comparisons need
 * no text, which rules a ctl means. Call it after loading and before the first transaction; it
 * writes ruleset->plan. 0 · -ENOMEM */
MUST_CHECK int waf_prepare(struct ruleset *rules);

struct waf_address {
    slice text; /* as inet_ntop writes it */
    uint16_t port;
};

struct waf_world {
    int64_t now_ms;       /* since 1970, when the request began */
    int32_t utc_offset_s; /* of local time, for TIME_HOUR and the like */
    slice unique_id;
    struct waf_address client, server;
    struct waf_store *store; /* engine/store.h; NULL: persistent collections stay empty */
    struct waf_lists *lists; /* lists.h; NULL: @rbl matches nothing */
    slice application;       /* whose collections they are, where SecWebAppId says nothing else */

    /* The whole ruleset in shadow, or some of its rules: they run and are told, but nothing is
     * refused, and rules in shadow add to no score. */
    bool is_shadow;
    const struct id_range *shadow_rules;
    unsigned shadow_rule_count;

    /* All of a multipart body but the contents of files; 0: as the rules say. */
    uint64_t fields_bytes_max;

    /* Media types of the responses whose bodies are looked at, instead of those the rules name. */
    const slice *response_types;
    unsigned response_type_count;

    /* What ModSecurity does not do: values that are Base64 of text are looked into; rules for
     * arguments look at the fields that no standard knows. */
    bool decodes_base64, inspects_fields;

    /* What is found out about values that come again is kept (engine/known.h): the decision is the
     * same, steps are spared. Else each is looked at as if it were new. */
    bool remembers;
};

/* 0 · -ENOMEM. The world is copied, what its slices point to is not. */
MUST_CHECK int waf_open(const struct ruleset *rules, const struct waf_world *world,
                        struct arena *arena, struct work *work, struct waf_transaction **ret);

/* A variable of TX before any rule runs: a paranoia level, a threshold. Name without "tx.",
 * whatever its case; the value must live as long as the transaction. 0 · -ENOMEM · -EDQUOT too many
 */
MUST_CHECK int waf_set_variable(struct waf_transaction *t, slice name, slice value);

struct waf_request {
    slice line; /* as received, without its end; HTTP/2: as HTTP/1 would have written it */
    slice method;
    slice target;    /* as received: /path?query, http://host/path, * or host:port */
    slice protocol;  /* HTTP/1.1 */
    slice path;      /* what the origin will be asked for, when it is not the target's own path as
                        received (dots resolved, percent-encoding made canonical); empty: no other */
    slice host;      /* SERVER_NAME: without port */
    uint64_t length; /* of line and fields on the wire, for FULL_REQUEST_LENGTH */
};

/* 0 · -ENOMEM · -EDQUOT, -ECANCELED of `work` */
MUST_CHECK int waf_set_request(struct waf_transaction *t, const struct waf_request *request);
/* Does what a `ctl` would do, before any rule runs: an exclusion that stands outside the rules. The
 * action lives as long as the transaction. 0 · -ENOMEM */
MUST_CHECK int waf_apply(struct waf_transaction *t, const struct ctl_action *action);

MUST_CHECK int waf_add_request_field(struct waf_transaction *t, slice name, slice value);

/* Runs the rules of a phase.
 * 0: see waf_decision · -EDQUOT the budget is spent (waf_current_rule says by whom) · -ECANCELED
 * the pause said no · -ENOMEM. After an error only WAF_LOGGING may follow. */
MUST_CHECK int waf_run(struct waf_transaction *t, enum waf_phase phase);

struct waf_body_wish {
    bool is_wanted;         /* some rule may look into it: not for what is no text */
    bool may_stream;        /* give it piece by piece: contents of files are not kept (multipart) */
    uint64_t bytes_max;     /* more than that is refused or not looked at */
    bool is_refused_beyond; /* else the first bytes_max bytes are judged */
};

/* After phase 1, when the fields of the body and the rules' wishes are known. */
struct waf_body_wish waf_wants_request_body(const struct waf_transaction *t);

/* The whole body, with its Content-Encoding already undone. Malformed bodies are no error: rules
 * decide (REQBODY_ERROR). A body beyond the limit decides by itself (413) or sets
 * INBOUND_DATA_ERROR. 0 · -ENOMEM · -EDQUOT, -ECANCELED of `work` */
MUST_CHECK int waf_request_body(struct waf_transaction *t, slice body);

/* The same piece by piece, where waf_wants_request_body says that it may be. A piece need not live
 * longer than the call. */
MUST_CHECK int waf_request_body_part(struct waf_transaction *t, slice piece);
MUST_CHECK int waf_request_body_end(struct waf_transaction *t);

/* More of a multipart body than may be was no content of files: the rest has not been read. */
bool waf_request_body_is_too_long(const struct waf_transaction *t);

/* The body could not be made readable (a broken Content-Encoding, or one nobody knows): what
 * REQBODY_ERROR_MSG is to say. */
void waf_request_body_unreadable(struct waf_transaction *t, slice message);

struct waf_response {
    unsigned status;
    slice protocol; /* HTTP/1.1 */
    slice reason;   /* of the status line; may be empty */
};

MUST_CHECK int waf_set_response(struct waf_transaction *t, const struct waf_response *response);
MUST_CHECK int waf_add_response_field(struct waf_transaction *t, slice name, slice value);

/* After phase 3. is_wanted: by type, and as the rules say. */
struct waf_body_wish waf_wants_response_body(const struct waf_transaction *t);
MUST_CHECK int waf_response_body(struct waf_transaction *t, slice body);

/* What rules could look at of it: at most SecResponseBodyLimit; empty: nothing. */
slice waf_seen_response_body(const struct waf_transaction *t);

/* The clock for DURATION and for expiry of what later phases store. */
void waf_set_elapsed(struct waf_transaction *t, int64_t elapsed_ms);

/* What came of it. */

enum waf_disposition { WAF_PASS, WAF_ALLOW, WAF_DENY, WAF_DROP, WAF_REDIRECT };

struct waf_decision {
    enum waf_disposition disposition;
    unsigned status; /* of WAF_DENY and WAF_REDIRECT */
    slice location;  /* of WAF_REDIRECT, expanded */
    unsigned phase;
    const struct rule *rule; /* that decided; NULL for WAF_PASS and for a limit of the body */
};

/* What has to be done. */
const struct waf_decision *waf_decision(const struct waf_transaction *t);

/* What the first disruptive action would have done, where shadow or DetectionOnly kept it from it.
 */
const struct waf_decision *waf_would_be(const struct waf_transaction *t);

enum { WAF_MATCH_BYTES_MAX = 512, WAF_TEXT_BYTES_MAX = 2048, WAF_MATCHES_MAX = 512 };

/* What one link of a rule found. */
struct waf_finding {
    unsigned link; /* 0: the head of a chain */
    enum variable_id variable;
    slice name;                  /* ARGS:q */
    bool is_decoded;             /* `value` came out of the Base64 that `raw` is */
    slice member;                /* whose value it is: of JSON json.a.b, of a URL's query
                                    the argument; else empty */
    slice raw;                   /* the value as it came: WAF_MATCH_BYTES_MAX of it */
    size_t raw_bytes;            /* how long it was */
    slice value;                 /* after them: WAF_MATCH_BYTES_MAX of it, around the first span */
    size_t value_bytes;          /* how long it was */
    size_t value_at;             /* where `value` begins in it */
    uint32_t node;               /* whose transformations they were: ruleset.nodes */
    struct operator_match match; /* spans in the whole value */
};

/* One rule that matched one value and is to be logged, adds to a score, or disrupts. */
struct waf_match {
    struct waf_match *next; /* in the order they happened */
    const struct rule *rule;
    unsigned phase;
    slice msg, logdata;           /* expanded, at most WAF_TEXT_BYTES_MAX each */
    slice *tags;                  /* expanded, the same; NULL: none of them has a macro */
    slice argument;               /* of the last link's operator, expanded */
    int64_t score;                /* what its setvars added to anomaly scores */
    enum waf_disposition enacted; /* what it made happen */
    enum waf_disposition wished;  /* what its action asks for: in shadow they differ */
    unsigned status;
    bool is_logged;    /* `log`: it belongs in the error log */
    bool is_shadow;    /* the rule is in shadow by itself */
    unsigned findings; /* one a link; the last is what the log tells of */
    struct waf_finding finding[];
};

/* Tag number `i` of its rule, expanded. */
slice waf_match_tag(const struct waf_match *m, unsigned i);

/* The first match; NULL when there is none. At most WAF_MATCHES_MAX are kept, which
 * waf_counts.matches may exceed. */
const struct waf_match *waf_matches(const struct waf_transaction *t);

/* The rule at which a phase was broken off: who spent the budget. NULL: none, between phases (the
 * body is read there). */
const struct rule *waf_current_rule(const struct waf_transaction *t);

/* A variable of TX that is a number: false when there is none. */
bool waf_score(const struct waf_transaction *t, slice name, int64_t *ret_value);

/* Every variable of TX whose name ends in "_score" or holds "anomaly_score" and is not 0: calls
 * back with name and value. */
void waf_scores(const struct waf_transaction *t,
                void (*each)(void *context, slice name, int64_t value), void *context);

struct waf_counts {
    uint64_t rules;     /* visited */
    uint64_t operators; /* run on a value */
    uint64_t copies;    /* values as transformations made them */
    uint64_t bytes;     /* of these */
    uint64_t matches;   /* rules and values */
    uint64_t kept;      /* of these, in waf_matches */
    uint64_t steps;     /* of `work`, since waf_open */
};

struct waf_counts waf_counts(const struct waf_transaction *t);

/* Whether the audit log wants this transaction (SecAuditEngine, ctl:auditEngine): of the relevant
 * ones, a rule with `auditlog` matched, the status is one of SecAuditLogRelevantStatus, or the
 * caller says so (refused by no rule). */
bool waf_is_audited(const struct waf_transaction *t, unsigned status, bool is_relevant);

/* The parts that a record of it has: SecAuditLogParts and ctl:auditLogParts, bits of AUDIT_PART. */
uint32_t waf_audit_parts(const struct waf_transaction *t);
