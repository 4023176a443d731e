/* The prefilter of a rule set: one pass over a value tells which of all patterns and phrase lists
 * can match it at all; the others need not be run. Sound: what it leaves out cannot match.
 *
 * Each operator that it serves is a *need*, a dense number. A need is told by
 *  - literals: strings of which one must occur, up to three such sets (Aho-Corasick);
 *  - conditional literals: the same under the condition that the value holds none of some bytes
 * with which the pattern allows evasion (quotes, backslashes…); a value with such a byte is a
 * candidate;
 *  - guards: sets of bytes of which one must occur; the least length.
 * Phrase lists are decided: their bit says that one of the phrases is there.
 *
 * Classes are sets of bytes of which the prefilter notes whether a value has one: guards,
 * conditions, and what the engine asks for to know which transformations can change a value.
 *
 * Made at load; after prefilter_build never written to, shared by all. */
#pragma once

#include "base/slice.h"
#include "waf/byte_set.h"
#include "waf/work.h"

struct pattern;
struct phrases;
struct prefilter;

enum { PREFILTER_CLASSES_MAX = 128, PREFILTER_NEEDS_MAX = 16384, PREFILTER_NO_CLASS = 0xffff };

struct prefilter_classes {
    uint64_t bits[2];
};

MUST_CHECK int prefilter_open(struct prefilter **ret_prefilter);
void prefilter_free(struct prefilter *prefilter);

/* What is added lives until prefilter_build has returned. -E2BIG too many · -ENOMEM */
MUST_CHECK int prefilter_add_pattern(struct prefilter *prefilter, const struct pattern *pattern,
                                     uint32_t *ret_need);
MUST_CHECK int prefilter_add_phrases(struct prefilter *prefilter, const struct phrases *phrases,
                                     uint32_t *ret_need);
/* A need that a value meets which has one of these bytes. */
MUST_CHECK int prefilter_add_bytes(struct prefilter *prefilter, const struct byte_set *bytes,
                                   uint32_t *ret_need);
/* A need that every value may meet. */
MUST_CHECK int prefilter_add_always(struct prefilter *prefilter, uint32_t *ret_need);

/* The bit of a class of bytes; the same for equal sets. -E2BIG: all are taken. Those that are asked
 * for before prefilter_build go before the prefilter's own. */
MUST_CHECK int prefilter_add_class(struct prefilter *prefilter, const struct byte_set *bytes,
                                   unsigned *ret_class);

MUST_CHECK int prefilter_build(struct prefilter *prefilter);

/* The least length of a value that meets the need; 0 when it is not known. */
size_t prefilter_need_length(const struct prefilter *prefilter, uint32_t need);

unsigned prefilter_needs(const struct prefilter *prefilter);
/* 64-bit words of a set of candidates. */
unsigned prefilter_words(const struct prefilter *prefilter);
size_t prefilter_bytes(const struct prefilter *prefilter);

static inline bool prefilter_has_class(struct prefilter_classes c, unsigned bit)
{
    return c.bits[bit >> 6 & 1] >> (bit & 63) & 1;
}

/* Which classes the value meets. One look at each byte: the caller spends value.len steps, in
 * blocks of WORK_BLOCK (classes of parts are OR-ed). */
struct prefilter_classes prefilter_classes(const struct prefilter *prefilter, slice value);

/* candidates: prefilter_words() words; a bit is set for each need that the value may meet, bits
 * that are set stay. classes: of the whole value. 0 · -errno of work_spend. */
MUST_CHECK int prefilter_scan(const struct prefilter *prefilter, slice value,
                              struct prefilter_classes classes, uint64_t *candidates,
                              struct work *work);

/* A value to scan, as prefilter_scan takes it. */
struct prefilter_value {
    slice bytes;
    struct prefilter_classes classes;
    uint64_t *candidates;
};

/* Many values together, for which much less time goes than for one by one. */
MUST_CHECK int prefilter_scan_all(const struct prefilter *prefilter,
                                  const struct prefilter_value *values, size_t count,
                                  struct work *work);

/* How the need is told, for tests and reports. */
enum need_kind { NEED_ALWAYS, NEED_LITERALS, NEED_CONDITIONAL, NEED_GUARDED, NEED_PHRASES };
enum need_kind prefilter_need_kind(const struct prefilter *prefilter, uint32_t need);
