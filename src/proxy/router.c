#include "proxy/router.h"

#include <errno.h>

#include "waf/patterns/pattern.h"
#include "wire/cookie.h"
#include "wire/fingerprint.h"
#include "wire/h2_fingerprint.h"
#include "wire/query.h"
#include "wire/uri.h"

/* A pattern that needs more steps than this is given up: a route's regular expression must not be a
 * way to stop a worker. What an automaton decides takes one for each byte and some for what it has
 * not met before; what looks around or back some 10 ns for each. */
#define REGEX_STEPS_MAX 100000u

static int regex_matches(const struct route_pattern *p, slice path)
{
    struct work work;
    work_open(&work, REGEX_STEPS_MAX, NULL, NULL);
    int found = pattern_matches(p->regex, path, &work);
    return found >= 0 ? found : -ERANGE;
}

int route_pattern_matches(const struct route_pattern *p, slice path)
{
    switch (p->kind) {
    case MATCH_EXACT:
        return slice_equal(path, p->text);
    case MATCH_PREFIX: /* "/x/" and "/x" itself, never "/xy" */
        return slice_starts_with(path, p->text) &&
               (path.len == p->text.len || p->text.len == 0 ||
                p->text.ptr[p->text.len - 1] == '/' || path.ptr[p->text.len] == '/');
    case MATCH_EXTENSION:
        return slice_ends_with(path, p->text);
    case MATCH_REGEX:
        return regex_matches(p, path);
    case MATCH_ANY:
        return true;
    }
    return false;
}

static bool is_one_of(const struct condition *c, slice value)
{
    if (c->value_count == 0)
        return true;
    for (uint32_t i = 0; i < c->value_count; i++)
        if (slice_equal(c->values[i], value))
            return true;
    return false;
}

static bool any_field_is(const struct condition *c, const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *f = &fields->items[i];
        if (!f->dropped && slice_equal_fold(f->name, c->name) && is_one_of(c, f->value))
            return true;
    }
    return false;
}

static bool any_cookie_is(const struct condition *c, const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *f = &fields->items[i];
        slice rest = f->value;
        struct cookie_pair pair;
        while (f->id == FIELD_COOKIE && !f->dropped && cookie_next(&rest, &pair))
            if (slice_equal(pair.name, c->name) && is_one_of(c, pair.value))
                return true;
    }
    return false;
}

static bool any_query_is(const struct condition *c, slice query)
{
    slice rest = query;
    struct query_pair pair;
    while (query_next(&rest, &pair))
        if (slice_equal(pair.name, c->name) && is_one_of(c, pair.value))
            return true;
    return false;
}

static bool any_fingerprint_is(const struct condition *c, slice fingerprint)
{
    for (uint32_t i = 0; i < c->value_count; i++)
        if (fingerprint_matches(c->values[i], fingerprint))
            return true;
    return false;
}

static bool any_h2_fingerprint_is(const struct condition *c, const struct routing_question *q)
{
    char memory[H2_FINGERPRINT_BYTES_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    if (q->h2_noted)
        h2_fingerprint_write(&w, q->h2_noted);
    return any_fingerprint_is(c, q->h2_noted ? writer_slice(&w) : q->h2);
}

bool condition_holds(const struct condition *c, const struct routing_question *q)
{
    bool holds = false;
    switch (c->kind) {
    case CONDITION_METHOD:
        holds = is_one_of(c, q->method_text);
        break;
    case CONDITION_HEADER:
        holds = any_field_is(c, q->fields);
        break;
    case CONDITION_QUERY:
        holds = any_query_is(c, q->query);
        break;
    case CONDITION_COOKIE:
        holds = any_cookie_is(c, q->fields);
        break;
    case CONDITION_IP:
        holds = network_set_find(&c->networks, q->client) != NULL;
        break;
    case CONDITION_JA4:
        holds = any_fingerprint_is(c, q->ja4);
        break;
    case CONDITION_H2:
        holds = any_h2_fingerprint_is(c, q);
        break;
    }
    return holds != c->negated;
}

/* 1 · 0 · -ERANGE not decided */
static int route_matches(const struct route *r, const struct routing_question *q)
{
    int matches = 0;
    for (uint32_t i = 0; i < r->pattern_count && matches <= 0; i++) {
        int one = route_pattern_matches(&r->patterns[i], q->path);
        matches = one ? one : matches;
    }
    for (uint32_t i = 0; i < r->condition_count && matches; i++)
        if (!condition_holds(&r->conditions[i], q))
            return 0;
    return matches;
}

const struct route *router_find(const struct site *site, const struct routing_question *q)
{
    for (uint32_t i = 0; i + 1 < site->route_count; i++) {
        int matches = route_matches(&site->routes[i], q);
        if (matches)
            return matches > 0 ? &site->routes[i] : NULL;
    }
    return &site->routes[site->route_count - 1];
}

bool router_is_certain(const struct site *site, const struct route *route,
                       const struct routing_question *q, char *memory)
{
    struct routing_question other = *q;
    struct writer w = writer_over(memory, q->path.len);
    if (path_read_otherwise(q->path, &w) != 0)
        return false;
    other.path = writer_slice(&w);
    return slice_equal(other.path, q->path) || router_find(site, &other) == route;
}
