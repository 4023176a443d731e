/* What kind of attack the rules have found, in a word for logs and metrics and a sentence for
 * people. The kind is that of the matches that weigh most, or of the rule that decided without a
 * score, told by the tags of the Core Rule Set (attack-sqli and so on). */
#pragma once

#include "waf/waf.h"

#define WAF_CLASS_TEXT_BYTES 320u

struct waf_class {
    const char *reason; /* a stable word: "waf.sqli" */
    const char *text;   /* "SQL injection" */
};

struct waf_class waf_class_of(const struct waf_transaction *t, const struct waf_decision *d);

/* The rule that has refused by itself, or would have, without a score; NULL: none. */
const struct rule *waf_class_decider(const struct waf_transaction *t);

/* "SQL injection: rule 942100 and 3 more, score 20, refused from 5"; to: WAF_CLASS_TEXT_BYTES,
 * NUL-terminated. */
void waf_class_describe(const struct waf_transaction *t, const struct waf_decision *d,
                        const struct waf_class *class, char *to);

/* The request's score, or the response's in its phases, and from where on it is refused; false: the
 * rules keep none. */
bool waf_class_score(const struct waf_transaction *t, unsigned phase, int64_t *ret_score,
                     int64_t *ret_threshold);
