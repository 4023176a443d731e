/* rx: a regular expression occurs in the value (waf/patterns). Case counts unless the expression
 * says
 * (?i); the dot takes line feeds, too; bytes, not characters.
 *
 * An argument with macros is compiled when its text is known. What was compiled is kept by its
 * text, a few of them; an expansion that is no regular expression, or is too long, matches nothing
 * (it is logged by nobody: the rules set such variables themselves). */
#include "waf/operators/table.h"

#include <errno.h>
#include <stdlib.h>

#include "waf/patterns/pattern.h"

enum { EXPANSIONS_MAX = 16, EXPANSION_BYTES_MAX = 8192 };

/* A compiled expansion. It is not replaced while a fiber that waits is inside it. */
struct expansion {
    struct pattern *pattern; /* NULL: none here */
    unsigned users;
    uint64_t used_at;
};

struct expansions {
    struct pattern_cache *cache;
    struct expansion kept[EXPANSIONS_MAX];
    uint64_t clock;
};

struct rx {
    struct pattern *pattern;       /* NULL: the argument has macros */
    struct expansions *expansions; /* of this process */
};

static int compile(struct operator_setup *setup, slice argument, struct rx *rx)
{
    struct pattern_problem problem = { 0 };
    int result = pattern_compile(argument, 0, setup->patterns, &rx->pattern, &problem);
    if (result != -EINVAL)
        return result;
    return waf_problem_set(setup->problem, "@rx: %s at byte %zu of the expression", problem.text,
                           problem.at);
}

static int prepare(struct operator_setup *setup, slice argument, bool has_macro,
                   void **ret_prepared)
{
    struct rx *rx = arena_take(setup->arena, sizeof *rx);
    if (!rx)
        return -ENOMEM;
    if (has_macro) {
        rx->expansions = arena_take(setup->arena, sizeof *rx->expansions);
        if (!rx->expansions)
            return -ENOMEM;
        rx->expansions->cache = setup->patterns;
    } else {
        TRY(compile(setup, argument, rx));
    }
    *ret_prepared = rx;
    return 0;
}

static void release(void *prepared)
{
    struct rx *rx = prepared;
    if (rx->pattern)
        pattern_free(rx->pattern);
    for (unsigned i = 0; rx->expansions && i < EXPANSIONS_MAX; i++) {
        if (rx->expansions->kept[i].pattern)
            pattern_free(rx->expansions->kept[i].pattern);
    }
}

static int match_pattern(struct pattern *pattern, slice value, struct operator_match *match,
                         struct work *work)
{
    int result = pattern_matches(pattern, value, work);
    if (result != 1 || !match)
        return result;
    return pattern_capture(pattern, value, match, work);
}

/* The kept expansion with this text; otherwise the place for it, NULL when all are in use. */
static struct expansion *find_place(struct expansions *all, slice text)
{
    struct expansion *oldest = NULL;
    for (unsigned i = 0; i < EXPANSIONS_MAX; i++) {
        struct expansion *e = &all->kept[i];
        if (e->pattern && slice_equal(pattern_text(e->pattern), text))
            return e;
        if (e->users == 0 && (!oldest || e->used_at < oldest->used_at))
            oldest = e;
    }
    return oldest;
}

static int compile_expansion(struct expansions *all, struct expansion *e, slice text)
{
    struct pattern *pattern = NULL;
    int result = pattern_compile(text, 0, all->cache, &pattern, NULL);
    if (result != 0)
        return result;
    if (e->pattern)
        pattern_free(e->pattern);
    e->pattern = pattern;
    return 0;
}

static int evaluate_expanded(struct expansions *all, slice text, slice value,
                             struct operator_match *match, struct work *work)
{
    if (text.len > EXPANSION_BYTES_MAX)
        return 0;
    struct expansion spare = { 0 };
    struct expansion *e = find_place(all, text);
    if (!e)
        e = &spare;
    if (!e->pattern || !slice_equal(pattern_text(e->pattern), text)) {
        TRY(work_spend(work, WORK_BLOCK));
        int result = compile_expansion(all, e, text);
        if (result != 0)
            return result == -EINVAL ? 0 : result;
    }
    e->used_at = ++all->clock;
    e->users++;
    int result = match_pattern(e->pattern, value, match, work);
    e->users--;
    if (spare.pattern)
        pattern_free(spare.pattern);
    return result;
}

static int evaluate(const void *prepared, slice argument, slice value, struct operator_match *match,
                    struct work *work)
{
    const struct rx *rx = prepared;
    if (rx->pattern)
        return match_pattern(rx->pattern, value, match, work);
    return evaluate_expanded(rx->expansions, argument, value, match, work);
}

static struct pattern *rx_pattern(const void *prepared)
{
    return ((const struct rx *)prepared)->pattern;
}

const struct operator operator_rx = {
    .name = "rx",
    .takes_argument = true,
    .has_macros = true,
    .prepare = prepare,
    .evaluate = evaluate,
    .release = release,
    .pattern = rx_pattern,
    .is_search = true,
    .meaning = "A regular expression occurs in the value.",
    .example = "SecRule ARGS \"@rx (?i)<script\" \"id:1,phase:2,deny\"",
};
