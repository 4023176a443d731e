/* Does a value leave its place in an SQL statement?
 *
 * The question is asked once for each place where applications put values: as it stands (a number,
 * a name), inside '…', inside "…" and inside `…`. In each the value is read with the lexical rules
 * of the five big dialects and walked along a small grammar of expressions and statements. What is
 * no SQL from its first token on (prose, names, code) ends the walk at once; what goes along needs
 * evidence: a tautology, a UNION with its SELECT, a stacked statement, a subselect, a function that
 * waits or reads files, a comment behind a closed string …
 *
 * Nothing is allocated, no recursion, the cost is linear in the value. */
#pragma once

#include "waf/byte_set.h"
#include "waf/work.h"

enum { SQLI_FINGERPRINT_MAX = 8 };

struct sqli_result {
    /* The first tokens, folded, a letter each, in the alphabet that rule writers know: s string,
     * 1 number, n name, v variable, f function, k keyword, E statement, U union, B order or group,
     * T other statement, t type, o operator, & logic, c comment, A collate and punctuation as it
     * is. NUL-terminated. */
    char fingerprint[SQLI_FINGERPRINT_MAX + 1];
    const char *because; /* the evidence in a few words, static */
};

/* 1 an injection, *ret says which · 0 none, *ret untouched · -errno of the work. ret may be NULL.
 */
MUST_CHECK int sqli_detect(slice value, struct sqli_result *ret, struct work *work);

/* Bytes of which a value has one whenever sqli_detect says yes. */
void sqli_required(struct byte_set *ret);
