/* The routes of one site: built, sorted from the most specific to the least, and checked for ties
 * and for routes that nothing reaches. */
#include <errno.h>
#include <stdlib.h>

#include "control/loader.h"
#include "proxy/router.h"
#include "wire/fingerprint.h"

/* One entry of the sorted list: patterns of one statement that are equally specific. */
struct entry {
    struct route route;
    const struct statement *statement;
    uint32_t number; /* in the order of writing, so that sorting gives one result */
};

struct entries {
    struct entry *items;
    uint32_t count;
};

int load_where(struct loader *l, const struct statement *s, slice *ret)
{
    return statement_where(s, &l->c->arena, ret);
}

/* --- one route --- */

static int compare_patterns(const void *left, const void *right)
{
    const struct route_pattern *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind != MATCH_REGEX && a->text.len != b->text.len)
        return a->text.len > b->text.len ? -1 : 1;
    return slice_compare(a->text, b->text);
}

static int build_patterns(struct loader *l, struct statement *s, struct route *route)
{
    const struct argument_value *patterns = statement_argument(s, 1);
    route->patterns = arena_take_array(&l->c->arena, patterns->count, sizeof *route->patterns);
    if (!route->patterns)
        return -ENOMEM;
    for (uint32_t i = 0; i < patterns->count; i++) {
        int error = load_pattern(l, s, &patterns->words[i], patterns->texts[i],
                                 &route->patterns[route->pattern_count]);
        if (error == -ENOMEM)
            return error;
        if (error)
            statement_mark_broken(s);
        else
            route->pattern_count++;
    }
    if (route->pattern_count > 1)
        qsort(route->patterns, route->pattern_count, sizeof *route->patterns, compare_patterns);
    return 0;
}

#define LABEL_BYTES_MAX 256u

/* Appends as much as there is room for; false: "..." ends the label. */
static bool add_to_label(struct writer *w, slice text)
{
    size_t room = w->capacity - w->len - SLICE("...").len;
    if (text.len <= room) {
        writer_slice_add(w, text);
        return true;
    }
    while (room > 0 && ((unsigned char)text.ptr[room] & 0xc0) == 0x80)
        room--; /* not in the middle of a character */
    writer_slice_add(w, slice_first(text, room));
    writer_literal(w, "...");
    return false;
}

/* The patterns as they are written: the name of the route in logs. */
static int build_label(struct loader *l, const struct statement *s, struct route *route)
{
    char text[LABEL_BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    for (uint32_t i = 0; i < s->argument_count; i++) {
        if (slice_equal(s->arguments[i].text, SLICE("priority")) ||
            (i > 0 && !add_to_label(&w, SLICE(" "))) || !add_to_label(&w, s->arguments[i].text))
            break;
    }
    route->label = arena_copy(&l->c->arena, writer_slice(&w));
    return route->label.ptr ? 0 : -ENOMEM;
}

/* Statements of which a block has one at most. */
static void check_answers(struct loader *l, const struct statement *block)
{
    const struct statement *first = NULL;
    for (struct statement *s = block->first; s; s = s->next) {
        if (!statement_is(s, "to") && !statement_is(s, "redirect") && !statement_is(s, "respond"))
            continue;
        if (!first) {
            first = s;
            continue;
        }
        if (s->is_broken || first->directive == s->directive)
            continue;
        struct diagnostic *item = diagnostics_add(l->diagnostics, E0406, &s->name.span,
                                                  "both '%s' and '%s' would answer here",
                                                  first->directive->name, s->directive->name);
        diagnostic_label(l->diagnostics, item, "second answer");
        diagnostic_help(l->diagnostics, item, "keep one of them; '%s' is on line %u",
                        first->directive->name, first->name.span.line);
    }
}

static bool answers(const struct blocks *b)
{
    const struct target_settings *target = b->all[FEATURE_TARGET];
    const struct answer_settings *answer = b->all[FEATURE_ANSWER];
    return target->origin || answer->kind != ANSWER_NONE;
}

/* Has something above it errors of its own? An answer may have been meant there. */
static bool inherits_broken(struct loader *l, const struct statement *site)
{
    if (l->diagnostics->count >= DIAGNOSTICS_MAX) /* nobody will read more */
        return false;
    for (const struct file *f = l->files.first; f; f = f->next)
        for (const struct statement *s = f->tree.root.first; s; s = s->next)
            if (statement_is(s, "defaults") && s->has_broken)
                return true;
    for (const struct statement *s = site->first; s; s = s->next) {
        if (!statement_is(s, "use") || s->is_broken)
            continue;
        const struct argument_value *names = statement_argument(s, 0);
        for (uint32_t i = 0; i < names->count; i++) {
            const struct policy *p = name_map_find(&l->policies, names->texts[i]);
            if (p && p->statement->has_broken)
                return true;
        }
    }
    return false;
}

static void check_route_answers(struct loader *l, const struct statement *s,
                                const struct blocks *blocks)
{
    if (answers(blocks) || s->has_broken || s->parent->has_broken || inherits_broken(l, s->parent))
        return;
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0404, &s->name.span,
                                              "this route has nothing to answer with");
    diagnostic_label(l->diagnostics, item, "no 'to' here or in its site");
    diagnostic_help(l->diagnostics, item, "add 'to', 'redirect' or 'respond'");
}

static bool denies_somebody(const struct access_settings *access)
{
    for (uint32_t i = 0; i < access->entry_count; i++)
        if (access->entries[i].denies)
            return true;
    return false;
}

/* `allow ip` changes nothing where nothing is denied. */
static void check_allow(struct loader *l, const struct statement *block, bool is_denied)
{
    for (const struct statement *s = block->first; s && !is_denied; s = s->next) {
        if (!statement_is(s, "allow") || s->is_broken ||
            slice_equal(statement_argument(s, 0)->text, SLICE("method")))
            continue;
        struct span where = statement_span(s);
        struct diagnostic *item = diagnostics_add(l->diagnostics, W0704, &where,
                                                  "this 'allow' has no effect: nothing is denied");
        diagnostic_label(l->diagnostics, item, "allows what is allowed");
        diagnostic_help(l->diagnostics, item, "add:  deny all");
        return;
    }
}

static int build_route(struct loader *l, struct statement *s, const struct blocks *inherited,
                       struct route *route)
{
    struct blocks blocks = blocks_inherit(inherited);
    struct apply_target t = { .blocks = &blocks, .route = route, .depth = 3 };
    const struct argument_value *priority = statement_argument(s, 2);
    TRY(blocks_apply(l, s, &t));
    TRY(blocks_finish(l, &blocks));
    if (priority->is_set)
        route->priority = (int32_t)priority->number;
    /* a `to` of the route is nearer than a `redirect` of its site */
    if (blocks.is_own[FEATURE_TARGET] && !blocks.is_own[FEATURE_ANSWER] && statement_find(s, "to"))
        blocks.all[FEATURE_ANSWER] = l->defaults.all[FEATURE_ANSWER];
    memcpy(route->blocks, blocks.all, sizeof route->blocks);
    check_answers(l, s);
    check_route_answers(l, s, &blocks);
    check_allow(l, s, denies_somebody(blocks.all[FEATURE_ACCESS]));
    TRY(build_patterns(l, s, route));
    TRY(build_label(l, s, route));
    return load_where(l, s, &route->where);
}

static void check_priority_twice(struct loader *l, const struct statement *s)
{
    const struct statement *inside = statement_find(s, "priority");
    if (!statement_argument(s, 2)->is_set || !inside)
        return;
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0203, &inside->name.span, "'priority' is written twice");
    diagnostic_label(l->diagnostics, item, "also behind the pattern");
}

/* Splits a route into entries of equally specific patterns. */
static int add_route(struct loader *l, struct statement *s, const struct blocks *inherited,
                     const struct site *site, struct entries *to)
{
    struct route whole = { .site = site };
    check_priority_twice(l, s);
    TRY(build_route(l, s, inherited, &whole));
    for (uint32_t i = 0; i < whole.pattern_count;) {
        uint32_t end = i + 1;
        const struct route_pattern *p = whole.patterns;
        while (end < whole.pattern_count && p[end].kind == p[i].kind &&
               (p[i].kind == MATCH_REGEX || p[end].text.len == p[i].text.len))
            end++;
        struct entry *entry = &to->items[to->count];
        *entry = (struct entry){ .route = whole, .statement = s, .number = to->count++ };
        entry->route.patterns = whole.patterns + i;
        entry->route.pattern_count = end - i;
        i = end;
    }
    return 0;
}

/* --- order --- */

static int compare_rank(const struct route *a, const struct route *b)
{
    const struct route_pattern *p = &a->patterns[0], *q = &b->patterns[0];
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    if (p->kind != MATCH_REGEX && p->text.len != q->text.len)
        return p->text.len > q->text.len ? -1 : 1;
    if (a->condition_count != b->condition_count)
        return a->condition_count > b->condition_count ? -1 : 1;
    return 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = compare_rank(&a->route, &b->route);
    if (order)
        return order;
    return a->number < b->number ? -1 : 1;
}

static bool has_value(const struct condition *c, slice value)
{
    for (uint32_t i = 0; i < c->value_count; i++)
        if (slice_equal(c->values[i], value))
            return true;
    return false;
}

/* No value of a is one of b's. */
static bool values_differ(const struct condition *a, const struct condition *b)
{
    for (uint32_t i = 0; i < a->value_count; i++)
        if (has_value(b, a->values[i]))
            return false;
    return a->value_count && b->value_count;
}

/* No fingerprint has one of a's forms and one of b's. */
static bool fingerprints_differ(const struct condition *a, const struct condition *b)
{
    for (uint32_t i = 0; i < a->value_count; i++)
        for (uint32_t j = 0; j < b->value_count; j++)
            if (!fingerprint_patterns_differ(a->values[i], b->values[j]))
                return false;
    return true;
}

/* Every value of a is one of b's. */
static bool values_within(const struct condition *a, const struct condition *b)
{
    for (uint32_t i = 0; i < a->value_count; i++)
        if (!has_value(b, a->values[i]))
            return false;
    return a->value_count || !b->value_count;
}

static bool networks_differ(const struct network_set *a, const struct network_set *b)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (network_set_find(b, a->entries[i].network.base))
            return false;
    for (uint32_t i = 0; i < b->count; i++)
        if (network_set_find(a, b->entries[i].network.base))
            return false;
    return true;
}

/* Can no request meet both conditions? */
static bool conditions_exclude(const struct condition *a, const struct condition *b)
{
    if (a->kind != b->kind || !slice_equal_fold(a->name, b->name) || (a->negated && b->negated))
        return false;
    if (a->kind == CONDITION_IP)
        return !a->negated && !b->negated && networks_differ(&a->networks, &b->networks);
    if (a->negated || b->negated)
        return a->negated ? values_within(b, a) : values_within(a, b);
    return a->kind == CONDITION_JA4 || a->kind == CONDITION_H2 ? fingerprints_differ(a, b)
                                                               : values_differ(a, b);
}

static bool routes_exclude(const struct route *a, const struct route *b)
{
    for (uint32_t i = 0; i < a->condition_count; i++)
        for (uint32_t j = 0; j < b->condition_count; j++)
            if (conditions_exclude(&a->conditions[i], &b->conditions[j]))
                return true;
    return false;
}

/* Of two routes of equal rank: may one request match both? Sorted patterns of one length. */
static bool patterns_meet(const struct route *a, const struct route *b)
{
    if (a->patterns[0].kind == MATCH_REGEX)
        return true;
    for (uint32_t i = 0; i < a->pattern_count; i++)
        for (uint32_t j = 0; j < b->pattern_count; j++)
            if (slice_equal(a->patterns[i].text, b->patterns[j].text))
                return true;
    return false;
}

static void report_tie(struct loader *l, const struct entry *a, const struct entry *b)
{
    struct span where = statement_span(b->statement);
    bool is_regex = a->route.patterns[0].kind == MATCH_REGEX;
    const struct span *first = &a->statement->name.span;
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, E0407, &where,
        is_regex ? "two regex routes may match the same request, and text order never decides"
                 : "two routes match the same requests");
    diagnostic_label(l->diagnostics, item, "conflicts with %.*s:%u",
                     SLICE_ARGUMENTS(first->source->name), first->line);
    diagnostic_help(l->diagnostics, item,
                    "merge them, add a 'when' condition, or say which wins with: priority N");
}

/* Patterns of equal rank with the same text stand apart in the list only by their number: a hash
 * would be faster for thousands of routes, so runs are sorted by text first. */
static int compare_texts(const void *left, const void *right)
{
    const struct entry *const *a = left, *const *b = right;
    int order = compare_rank(&(*a)->route, &(*b)->route);
    if (order == 0)
        order = slice_compare((*a)->route.patterns[0].text, (*b)->route.patterns[0].text);
    if (order)
        return order;
    return (*a)->number < (*b)->number ? -1 : 1;
}

static void check_run(struct loader *l, struct entry **run, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (patterns_meet(&run[j]->route, &run[i]->route) &&
                !routes_exclude(&run[j]->route, &run[i]->route)) {
                report_tie(l, run[j], run[i]);
                break;
            }
}

/* Do two entries belong to one run: could they tie at all? A group of several patterns is compared
 * with everything of its rank. */
static bool same_run(const struct entry *a, const struct entry *b)
{
    if (compare_rank(&a->route, &b->route) != 0)
        return false;
    bool is_simple = a->route.pattern_count == 1 && b->route.pattern_count == 1 &&
                     a->route.patterns[0].kind != MATCH_REGEX;
    return !is_simple || slice_equal(a->route.patterns[0].text, b->route.patterns[0].text);
}

static int check_ties(struct loader *l, struct entries *e)
{
    struct entry **order = arena_take_array(&l->scratch, e->count, sizeof *order);
    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < e->count; i++)
        order[i] = &e->items[i];
    if (e->count > 1)
        qsort(order, e->count, sizeof *order, compare_texts);
    for (uint32_t i = 0; i < e->count;) {
        uint32_t end = i + 1;
        while (end < e->count && same_run(order[end - 1], order[end]))
            end++;
        check_run(l, order + i, end - i);
        i = end;
    }
    return 0;
}

/* Does every path that `inner` matches match `outer` too? */
static bool covers(const struct route_pattern *outer, const struct route_pattern *inner)
{
    switch (outer->kind) {
    case MATCH_ANY:
        return true;
    case MATCH_PREFIX:
        return (inner->kind == MATCH_EXACT || inner->kind == MATCH_PREFIX)
                   ? route_pattern_matches(outer, inner->text) > 0
                   : outer->text.len == 0;
    case MATCH_EXTENSION:
        return inner->kind != MATCH_REGEX && inner->kind != MATCH_PREFIX &&
               slice_ends_with(inner->text, outer->text);
    case MATCH_EXACT:
    case MATCH_REGEX:
        return inner->kind == outer->kind && slice_equal(inner->text, outer->text);
    }
    return false;
}

static bool is_shadowed(const struct entry *inner, const struct entry *outer)
{
    if (outer->route.condition_count || outer->route.priority <= inner->route.priority)
        return false;
    for (uint32_t i = 0; i < inner->route.pattern_count; i++) {
        bool is_covered = false;
        for (uint32_t j = 0; j < outer->route.pattern_count && !is_covered; j++)
            is_covered = covers(&outer->route.patterns[j], &inner->route.patterns[i]);
        if (!is_covered)
            return false;
    }
    return true;
}

/* Only a higher priority can hide a route that is more specific. */
static void check_reachable(struct loader *l, const struct entries *e)
{
    for (uint32_t i = 1; i < e->count; i++)
        for (uint32_t j = 0; j < i && e->items[j].route.priority > e->items[i].route.priority;
             j++) {
            if (!is_shadowed(&e->items[i], &e->items[j]))
                continue;
            struct span where = statement_span(e->items[i].statement);
            struct diagnostic *item =
                diagnostics_add(l->diagnostics, E0410, &where, "this route is never reached");
            diagnostic_label(l->diagnostics, item, "hidden by line %u",
                             e->items[j].statement->name.span.line);
            diagnostic_help(l->diagnostics, item, "give it a priority of its own, or remove it");
            break;
        }
}

/* --- the site --- */

static bool is_route(const struct statement *s)
{
    return statement_is(s, "route") && !s->is_broken;
}

static uint32_t count_entries(const struct statement *block)
{
    uint32_t count = 0;
    for (const struct statement *s = block->first; s; s = s->next)
        if (is_route(s))
            count += statement_argument(s, 1)->count;
    return count;
}

static int add_routes(struct loader *l, const struct statement *block, const struct blocks *own,
                      const struct site *site, struct entries *to)
{
    for (struct statement *s = block->first; s; s = s->next)
        if (is_route(s))
            TRY(add_route(l, s, own, site, to));
    return 0;
}

/* An `allow` of the site may be about a `deny` of one of its routes. */
static void check_site_allow(struct loader *l, const struct site_draft *draft)
{
    bool is_denied = false;
    for (uint32_t i = 0; i < draft->site->route_count; i++)
        is_denied = is_denied || denies_somebody(draft->site->routes[i].blocks[FEATURE_ACCESS]);
    check_allow(l, draft->statement, is_denied);
}

static int finish_site(struct loader *l, struct site_draft *draft, const struct blocks *own,
                       const struct entries *e)
{
    struct site *site = draft->site;
    site->routes = arena_take_array(&l->c->arena, e->count + 1, sizeof *site->routes);
    struct route_pattern *any = arena_take(&l->c->arena, sizeof *any);
    if (!site->routes || !any)
        return -ENOMEM;
    for (uint32_t i = 0; i < e->count; i++)
        site->routes[i] = e->items[i].route;
    any->kind = MATCH_ANY;
    struct route *last = &site->routes[e->count];
    *last =
        (struct route){ .site = site, .patterns = any, .pattern_count = 1, .where = site->where };
    memcpy(last->blocks, own->all, sizeof last->blocks);
    site->route_count = e->count + 1;
    check_site_allow(l, draft);
    if (e->count || answers(own) || draft->statement->has_broken ||
        inherits_broken(l, draft->statement))
        return 0;
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0404, &draft->statement->name.span,
                                              "this site has nothing to answer with");
    diagnostic_label(l->diagnostics, item, "no 'to' inside");
    diagnostic_help(l->diagnostics, item, "for example:  to 127.0.0.1:3000");
    return 0;
}

int load_routes(struct loader *l, struct site_draft *draft, const struct blocks *own)
{
    const struct statement *s = draft->statement;
    check_answers(l, s);
    uint32_t capacity = count_entries(s);
    for (const struct extension *e = draft->extensions; e; e = e->next)
        capacity += count_entries(e->statement);
    struct entries entries = { .items =
                                   arena_take_array(&l->scratch, capacity, sizeof *entries.items) };
    if (!entries.items)
        return -ENOMEM;
    TRY(add_routes(l, s, own, draft->site, &entries));
    for (const struct extension *e = draft->extensions; e; e = e->next)
        TRY(add_routes(l, e->statement, own, draft->site, &entries));
    if (entries.count > 1)
        qsort(entries.items, entries.count, sizeof *entries.items, compare_entries);
    TRY(check_ties(l, &entries));
    check_reachable(l, &entries);
    return finish_site(l, draft, own, &entries);
}
