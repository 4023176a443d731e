/* A list of phrases (@pm, @pmFromFile): does one of them occur in a value? ASCII case is folded.
 * One automaton over their first bytes, the rest is compared where one begins; linear in the value
 * but for phrases that begin alike. Made at load, never written to after phrases_seal. */
#pragma once

#include "base/slice.h"
#include "waf/match.h"
#include "waf/work.h"

struct phrases;

enum { PHRASE_BYTES_MAX = 4096, PHRASES_MAX = 65536 };

MUST_CHECK int phrases_open(struct phrases **ret_phrases);
void phrases_free(struct phrases *phrases);

/* One phrase as it is. -EINVAL empty or too long · -E2BIG too many · -ENOMEM */
MUST_CHECK int phrases_add(struct phrases *phrases, slice phrase);

/* The argument of @pm: words between white space; |41 42| stands for bytes in hexadecimal.
 * Also -EINVAL when such a | has no end or holds what is no hexadecimal number. */
MUST_CHECK int phrases_add_words(struct phrases *phrases, slice argument);

/* The content of a file of @pmFromFile: one phrase a line without white space at its ends; empty
 * lines and those that begin with # do not count. */
MUST_CHECK int phrases_add_lines(struct phrases *phrases, slice content);

/* After the last phrase, before the first search. -EINVAL none was added · -ENOMEM */
MUST_CHECK int phrases_seal(struct phrases *phrases);

unsigned phrases_count(const struct phrases *phrases);
size_t phrases_bytes(const struct phrases *phrases);
slice phrases_get(const struct phrases *phrases, unsigned index); /* lower case */

/* The phrase that ends first, of those that end there the longest (ModSecurity 2).
 * 1 found · 0 not · -errno of work_spend */
MUST_CHECK int phrases_find(const struct phrases *phrases, slice value, struct match_span *ret_span,
                            struct work *work);
