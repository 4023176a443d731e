/* Aho-Corasick over the first bytes of many strings: where one begins in a value, the rest of it is
 * compared. ASCII case is folded. 16-bit cells, bytes that no string has share a class; when there
 * would be too many states for 16 bits, fewer first bytes are taken. Made at load, then read only.
 */
#pragma once

#include "base/slice.h"

enum { AUTOMATON_HEAD_MAX = 8, AUTOMATON_STRING_MAX = 4096 };

struct automaton_string {
    uint32_t text; /* offset */
    uint16_t len;
    uint16_t head; /* bytes of it that are in the automaton */
    uint32_t first_target;
};

/* What is told when a string is found; the user's number. */
struct automaton_target {
    uint32_t value;
    uint32_t next;
};

enum { AUTOMATON_NONE = UINT32_MAX };

struct automaton {
    uint16_t *table; /* state << shift | class -> state */
    uint32_t states, first_output;
    unsigned shift;
    uint8_t class_of[256];
    /* Strings whose heads end in state first_output + i, the longest heads first: from
     * output_begins[i] on up to the next. */
    uint32_t *output_begins, *output_strings;
    uint32_t output_count;

    struct automaton_string *strings;
    uint32_t string_count, string_room;
    struct automaton_target *targets;
    uint32_t target_count, target_room;
    char *text; /* lower case */
    uint32_t text_len, text_room;
    uint32_t *buckets; /* while strings are added */
    uint32_t bucket_count;
};

/* a: zeroed. The string is copied; added twice it is one with two targets.
 * 0 · -EINVAL empty or longer than AUTOMATON_STRING_MAX · -E2BIG · -ENOMEM */
MUST_CHECK int automaton_add(struct automaton *a, slice string, uint32_t target);
/* Also for none. head_max: first bytes of each string that it takes, at most AUTOMATON_HEAD_MAX;
 * fewer are less memory and more comparisons. */
MUST_CHECK int automaton_build(struct automaton *a, unsigned head_max);
void automaton_free(struct automaton *a);
size_t automaton_bytes(const struct automaton *a);

static inline uint32_t automaton_next(const struct automaton *a, uint32_t state, unsigned char byte)
{
    return a->table[(size_t)state << a->shift | a->class_of[byte]];
}

static inline slice automaton_string_text(const struct automaton *a,
                                          const struct automaton_string *string)
{
    return slice_of(a->text + string->text, string->len);
}

/* The strings whose heads end in a state that is first_output or more: their numbers. */
static inline const uint32_t *automaton_outputs(const struct automaton *a, uint32_t state,
                                                uint32_t *ret_count)
{
    const uint32_t *begins = a->output_begins + (state - a->first_output);
    *ret_count = begins[1] - begins[0];
    return a->output_strings + begins[0];
}

/* Whether the string stands in the value whose first `at` bytes end with its head. *cost grows by
 * the bytes that were compared. */
bool automaton_confirms(const struct automaton *a, const struct automaton_string *string,
                        slice value, size_t at, size_t *cost);
