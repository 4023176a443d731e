/* Transformations: what `t:` names. Each turns a value into another one, in one pass and in steps
 * of bounded length, so that a large value holds nobody up. One table names them all (transform.c),
 * in the order of their names; each has a file of its own with what it does in detail.
 *
 * Semantics are those of ModSecurity 2, with two differences: a NUL is a byte like any other, and
 * where ModSecurity reads beyond a value or copies a byte unseen we do what the documentation says.
 */
#pragma once

#include "base/arena.h"
#include "waf/byte_set.h"
#include "waf/transforms/unicode_map.h"
#include "waf/work.h"

/* One value under way. The whole of `in` is visible from the start; a step looks ahead as it needs.
 */
struct transform_run {
    slice in;
    size_t at;         /* bytes of `in` used up */
    char *out;         /* out_max(in.len) bytes, aligned to 16 */
    size_t out_len;    /* may shrink again: a path that goes up */
    uint64_t state[4]; /* each transformation's own; zero at first */
    const struct unicode_map
        *map; /* of SecUnicodeMapFile; NULL: only full-width forms are folded */
    bool done;
    int error; /* -ENOMEM: the library of a digest had no memory; ends the run */
};

struct transform {
    const char *name;
    const char *alias; /* another spelling, or NULL */

    /* Called by transform_find: false when what it needs is not there. NULL: it needs nothing. */
    bool (*load)(void);

    /* The bound of out_len for a value of in_len bytes. */
    size_t (*out_max)(size_t in_len);

    /* A value with none of these bytes comes out as it is; NULL: any value may change. */
    const struct byte_set *triggers;

    /* false: the value comes out as it is, though it has a trigger; cheaper than to try. NULL: not
     * known without trying. */
    bool (*may_change)(slice in);

    /* A bound of out_len for this very value, at most in.len; whatever is `enough` or more may be
     * told of a longer one. NULL: only out_max is known. */
    size_t (*longest)(slice in, size_t enough);

    /* Goes on for about bytes_max bytes of `in` (at least one; a few more when something ends
     * there) and sets `done` when there is nothing left to say. However a value is cut, the result
     * is the same. */
    void (*step)(struct transform_run *run, size_t bytes_max);

    /* Gives back what a run holds besides memory of an arena; NULL: nothing. Safe before the first
     * step and after the last. */
    void (*release)(struct transform_run *run);

    const char *meaning,
        *example; /* the generated reference; an example is `input` becomes `output` */
};

/* By name or alias, whatever its case; NULL. Called while a configuration is loaded, never later:
 * for sha1 and md5 it asks libcrypto for the algorithm (NULL when libcrypto has none). */
const struct transform *transform_find(slice name);

/* The known name nearest to a misspelt one; NULL when none is near. */
const char *transform_suggest(slice name);

/* All of them, by name, for the reference and for tests. */
extern const struct transform *const waf_transforms[];
extern const size_t waf_transform_count;

/* Whether the value after it is never longer than the one before. */
bool transform_never_grows(const struct transform *t);

/* Whether two values are the same bytes. 1 · 0 · what work_spend() says */
MUST_CHECK int transform_is_same(slice a, slice b, struct work *work);

/* The value after one transformation: in memory of the arena, or `in` itself, same pointer and same
 * length, when nothing changed. What the arena gave too much is given back.
 * returns 0 · -ENOMEM · what work_spend() says; takes as long as its pauses */
MUST_CHECK int transform_apply(const struct transform *t, slice in, const struct unicode_map *map,
                               struct arena *arena, struct work *work, slice *ret_out);
