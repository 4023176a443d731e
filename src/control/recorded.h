/* A request to be judged again: one that the gate has kept (filters/recent.c), or one from a file.
 * What is known of it is here, and what is not: secrets are masked, bodies may have been kept in
 * part or not at all. */
#pragma once

#include <jansson.h>

#include "control/dry_run.h"

struct recorded {
    struct dry_request request; /* without the listener, which is another in each configuration */
    slice id, time;
    slice listener; /* as `listen` says it; empty: the first */
    slice line;     /* of the request */

    slice configuration; /* the digest of the one that decided; empty: none did */
    uint64_t generation;
    unsigned status;     /* that was answered */
    slice reason, fault; /* empty: nothing was refused, nothing failed */
    slice site, route;
    bool has_server;    /* it was sent to an origin */
    bool would_refuse;  /* so the rules said, in shadow */
    bool has_responses; /* rules of later phases found something */

    bool head_is_cut, body_is_cut, body_is_missing;
    uint32_t masked, response_masked; /* values of which only the names are known */
};

/* One as the admin socket tells it. Slices point into json and arena.
 * 0 · -EINVAL it is none · -ENOMEM */
MUST_CHECK int recorded_read(const json_t *json, struct arena *a, struct recorded *ret);

/* One as it would come over the wire, from an address that nothing is known of, which nobody has
 * decided about. bytes live as long as it. 0 · -EINVAL nothing but white space · -E2BIG too many
 * fields · -ENOMEM */
MUST_CHECK int recorded_from_wire(slice bytes, struct arena *a, struct recorded *ret);
