/* The load generator's engine: many clients on one epoll loop, a bounded number of exchanges, their
 * times in a histogram.
 *
 * Closed loop: every client starts its next exchange when the last is complete. Open loop:
 * exchanges start at a fixed rate on whichever client is free, and their time counts from the
 * moment at which they were to start, so a server that stalls is charged for all that had to wait
 * (no coordinated omission). Once: every client does one exchange and then keeps its connection. */
#pragma once

#include "client.h"
#include "h2_link.h"
#include "histogram.h"

struct load {
    struct client_plan plan;
    unsigned client_count;
    unsigned concurrency; /* exchanges on their way at once, at most */
    double rate;          /* open loop: exchanges per second; 0 closed loop */
    bool once;            /* a client that has done its exchange is not used again */
    bool retries;         /* a cut exchange is tried again on a new connection, and is no failure */
    int64_t timeout_ns;   /* for one run; what is then not finished has failed */

    /* The last run. */
    uint64_t finished, failed, cut, gone;
    int64_t elapsed_ns;
    const char *error; /* of the first failure; NULL without one */
    struct histogram times;

    /* Own. */
    struct client *clients;
    struct h2_links links; /* with HTTP/2 */
    struct client **queue; /* ring of the clients that are free */
    unsigned queue_first, queue_count;
    uint64_t started, goal;
    int64_t start_ns;
};

/* Makes the clients of a load whose first part is filled in. 0 · -ENOMEM · -errno */
MUST_CHECK int load_open(struct load *load);

/* Does `exchanges` exchanges and fills in the last run. Stops early after 1,000 failures.
 * 0 also when exchanges failed · -errno when epoll did. Waits (the whole run). */
MUST_CHECK int load_run(struct load *load, uint64_t exchanges);

/* How many connections were lost between load_run and now. */
uint64_t load_lost(struct load *load);

void load_close(struct load *load);
