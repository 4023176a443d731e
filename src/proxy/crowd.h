/* The crowd: all client connections of this worker, and the limits on how many there may be:
 * `limits connections`, `limits connections-per-client` and the descriptors of the process.
 *
 * Counting is exact over all workers: each counts itself first, then looks at the sum. Where a
 * limit is reached the newest is refused, unless a client that holds more connections than the
 * newest one's has one that waits for a request: then that one goes. A flood from a few addresses
 * so leaves room for everybody else. */
#pragma once

#include "proxy/connection.h"

void crowd_open(void);

/* A connection that was accepted. True: it is one of the crowd now. False: it was refused, answered
 * and written to the security log; the caller closes and frees it. */
bool crowd_admit(struct connection *c);

/* Counts the connection for its client, also for one that a PROXY header named later. False: it was
 * refused, as above. A peer inside `trust proxies` stands for many clients and is not counted. */
bool crowd_count_client(struct connection *c);

/* It closes. */
void crowd_leave(struct connection *c);

uint32_t crowd_count(void);
void crowd_each(void (*call)(struct connection *)); /* which may end that one */

/* Refuses a socket that is no connection yet, or not any more: one bare answer, one record. */
void crowd_refuse(struct socket *s, const struct failure *why, struct ip peer, uint64_t *counter);

/* What is lacking, whoever notices it. */
extern const struct failure crowd_no_descriptor, crowd_no_fiber, crowd_no_memory;
