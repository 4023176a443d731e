/* Which route of a site serves a request: the first in the site's list, which is sorted from the
 * most specific to the least while loading, whose pattern matches the canonical path and whose
 * conditions all hold. The last entry, the site's own, matches always. */
#pragma once

#include "proxy/configuration.h"

/* What routing looks at; `explain` fills it without an exchange. */
struct routing_question {
    enum method method;
    slice method_text;
    slice path; /* canonical */
    slice query;
    const struct fields *fields;
    struct ip client;
    slice ja4; /* empty: a client without TLS */
    slice h2;  /* the fingerprint of an HTTP/2 client as a text, or … */
    const struct h2_fingerprint *h2_noted; /* … as its connection has it. Neither: no such client */
};

/* NULL: whether a route's expression matches could not be decided within the steps that one may
 * take. Such a request is refused, for the next route may allow what that one forbids. */
const struct route *router_find(const struct site *site, const struct routing_question *q);

/* Does every server that may stand behind see a path of this route? False when another reading of
 * it (path_read_otherwise) belongs to another route: a rule must not be got around by what the
 * origin drops. `memory` is room for path.len bytes. */
bool router_is_certain(const struct site *site, const struct route *route,
                       const struct routing_question *q, char *memory);

/* 1 · 0 · -ERANGE not decided */
int route_pattern_matches(const struct route_pattern *p, slice path);
bool condition_holds(const struct condition *c, const struct routing_question *q);
