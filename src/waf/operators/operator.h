/* Operators: what decides whether a value matches, `@rx`, `@pm`, `@eq` and so on. One table names
 * them all (operator.c), in the order of their names; each has a file of its own.
 *
 * An operator's argument is prepared once, when the rules are loaded; evaluation reads what was
 * prepared, is linear in the value, allocates nothing (@rx with a macro excepted, within its
 * bounds) and spends work as it goes. Negation (`!@rx`) is the engine's. Semantics are those of
 * ModSecurity 2. */
#pragma once

#include "base/arena.h"
#include "waf/byte_set.h"
#include "waf/match.h"
#include "waf/problem.h"
#include "waf/work.h"

struct pattern;
struct pattern_cache;
struct phrases;

/* What only the loader's caller can do. All of it lives as long as the rules. */
struct operator_world {
    void *context;

    /* The bytes of a file that a rule names, relative to the rule file `beside`; they must live
     * until prepare() returns. 0 · -errno. NULL: there are no files. */
    int (*read_file)(void *context, slice path, slice beside, slice *ret_bytes);

    /* @geoLookup: is the address known? 1 · 0 · -errno. NULL: no. */
    int (*geo_lookup)(void *context, slice address);
};

struct operator_setup {
    struct arena *arena;                /* what is prepared lives here */
    const struct operator_world *world; /* NULL: nothing can be done outside */
    struct pattern_cache *patterns;     /* bounds that all patterns share; may be NULL */
    slice rule_file;                    /* as read_file() wants it in `beside` */
    struct waf_problem *problem;        /* its text is set when prepare() says -EINVAL */
};

struct operator
{
    const char *name;
    const char *alias;   /* ipMatchF */
    bool takes_argument; /* false: whatever stands there is refused */
    bool has_macros;     /* %{…} in the argument is expanded at run time; prepare() then gets the
                            argument as written and must not judge it */

    /* At load. `argument` lives as long as the arena. has_macro: it holds at least one macro, so
     * evaluate() will be given the expanded text each time.
     * returns 0 · -EINVAL with setup->problem · -ENOMEM. NULL: nothing to prepare. */
    int (*prepare)(struct operator_setup * setup, slice argument, bool has_macro,
                   void **ret_prepared);

    /* `argument` is expanded where it has macros, else as written. match NULL: captures are not
     * wanted. returns 1 match · 0 none · -errno (work_spend's, -ENOMEM) */
    int (*evaluate)(const void *prepared, slice argument, slice value, struct operator_match *match,
                    struct work *work);

    /* Gives back what prepare() made besides memory of the arena; NULL: nothing. */
    void (*release)(void *prepared);

    /* For the prefilter: what must be in a value for a match. NULL members: not of that kind. A
     * pattern or a list of phrases that is made only at run time gives NULL. */
    struct pattern *(*pattern)(const void *prepared);
    const struct phrases *(*phrases)(const void *prepared);

    bool fills_geo; /* a match fills GEO with where the value is */
    bool asks_list; /* the engine asks the list in the DNS that is the argument instead of
                       evaluating: rbl.h */
    bool is_search; /* asks whether something is in the value, not what form the value has */

    /* Of others: bytes of which a value must have one for a match; NULL: not known. ret: empty. */
    void (*required)(const void *prepared, struct byte_set *ret);

    const char *meaning, *example; /* the generated reference */
};

/* By name (without @) or alias, whatever its case; NULL. */
const struct operator* operator_find(slice name);

/* For an error: says in `problem` that there is no such operator, or that it is one of
 * ModSecurity's that does not exist here, and names the nearest. Returns -EINVAL. */
int operator_unknown(slice name, struct waf_problem *problem);

/* All of them, by name, for the reference and for tests. */
extern const struct operator* const waf_operators[];
extern const size_t waf_operator_count;

/* Of ModSecurity, refused by name. */
struct refused_operator {
    const char *name, *why;
};

extern const struct refused_operator waf_refused_operators[];
extern const size_t waf_refused_operator_count;

/* The calls through the table, with the members that may be NULL. */
MUST_CHECK int operator_prepare(const struct operator* op, struct operator_setup *setup,
                                slice argument, bool has_macro, void **ret_prepared);
void operator_release(const struct operator* op, void *prepared);
struct pattern *operator_pattern(const struct operator* op, const void *prepared);
const struct phrases *operator_phrases(const struct operator* op, const void *prepared);
/* false: any value may match. */
bool operator_required(const struct operator* op, const void *prepared, struct byte_set *ret);
