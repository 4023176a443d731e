/* What the filter `waf` leaves with an exchange for the logs. */
#pragma once

#include "proxy/exchange.h"
#include "shared/counters.h"
#include "waf/bodies/decompress.h"
#include "waf/lists.h"
#include "waf/waf.h"

struct buffer;

/* One exchange before the rules: x->waf, from the moment a route with rules is known until the log
 * lines are written. The memory of the transaction is a pooled buffer first, and then its own; it
 * goes back before the response's body begins, when no rule has anything to tell. */
struct waf_exchange {
    const struct waf_settings *settings;
    struct waf_transaction *transaction; /* NULL: not begun, or over with nothing to tell */
    struct buffer *first;                /* of the arena */
    struct arena arena;
    struct work work;
    slice body; /* of the request, as it came and as far as it was held; only without an encoding */
    struct decompress request_body,
        response_body;   /* as they were read, when they came compressed */
    int64_t spent_ns;    /* by the clock, pauses not counted */
    int64_t began_ns;    /* of the call that runs; 0: none */
    int64_t cpu_ns;      /* of the processor, when the call's last pause ended; 0: none yet */
    int64_t cpu_used_ns; /* between pauses */
    int64_t cpu_max_ns;
    struct waf_lists lists;
    int64_t lists_ms; /* that questions to lists in the DNS may still wait, together */
    bool is_last_phase;
    bool is_over;     /* the budget is spent */
    bool is_given_up; /* it goes on without a verdict */
    bool is_logged;   /* the last phase has run */

    /* Not all of it was judged, although nobody refused it: the reason that would have been given.
     * NULL: all that should be was. */
    const char *unjudged;
    uint32_t spent_by; /* the rule at which the budget was spent; 0: none, a body was being read */
};

/* Rules without a word of their own only add up what others have found, and those of reporting
 * repeat it: neither is told. */
bool waf_is_told(const struct waf_match *m);

/* What came of what the rules said. */
enum rule_verdict waf_verdict(const struct waf_transaction *t);

/* Whether a rule has something to tell: a record is due. */
bool waf_has_findings(const struct exchange *x);

/* A record is due for that, or for what was not judged. */
bool waf_has_record(const struct exchange *x);

/* "refused", "would-refuse", "noticed", or "unjudged" where nothing was found and not all was
 * looked at. */
const char *waf_verdict_name(const struct exchange *x);

/* ,"waf":{…}: the verdict, the score and every rule that contributed. */
void waf_log_findings(struct writer *w, const struct exchange *x);

struct waf_record_limits {
    size_t bytes;   /* of all rules */
    unsigned rules; /* what there are more is counted */
};

/* ,"waf":{…} of a record: the rules that are to be told, with places, values before and after
 * decoding, transformations. */
void waf_write_record(struct writer *w, const struct exchange *x,
                      bool (*is_told)(const struct waf_match *m),
                      const struct waf_record_limits *limits);

/* ,"rules":"OWASP_CRS/4.28.0": what the rules call themselves, if they do. */
void waf_write_rules_name(struct writer *w, const struct exchange *x);

/* Microseconds in the rules; 0: none ran. */
uint64_t waf_time_us(const struct exchange *x);
