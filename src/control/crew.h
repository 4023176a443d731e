/* The workers of a generation: forked from it, so they share its layout; replaced at once when they
 * die, at most three times in ten minutes; watched, so that siblings accept from the sockets of one
 * that is stopped, stalled or gone.
 *
 * Nobody accepts before crew_serve(): a generation that fails on the way to it has never held a
 * connection. A worker whose generation ends before that ends too; later it serves on alone. */
#pragma once

#include <poll.h>

#include "control/boot.h"
#include "control/message.h"
#include "control/worker.h"

struct crew_options {
    const struct boot_record *boot;
    struct shared_memory *memory;
    const struct configuration *configuration;
    const uint32_t *slots; /* one for each worker */
    uint32_t count;
    const struct worker_listener *listeners;
    uint32_t listener_count;
    void (*leave_generation)(void); /* in a new worker: closes what is the generation's alone */
    int (*open_keys)(void);         /* a channel to the keyholder, for a worker; -1: none */
    void (*on_exhausted)(void);     /* one died that may not be replaced any more; once */
};

/* Forks all and waits until each is ready to serve. `options` and what it points to stay alive.
 * 0 · -errno, crew_failure() says more; then crew_stop() and crew_end() */
MUST_CHECK int crew_start(const struct crew_options *options);
const char *crew_failure(void);

/* The keyholder was replaced: each gets a new channel to it. */
void crew_renew_keys(void);

/* They accept connections from now on, and so do their replacements. */
void crew_serve(void);

/* They accept no more and finish what they have. closed: bit i for listens[i] of the configuration,
 * whose sockets are taken to their end and closed for everybody. is_last: the program ends, idle
 * connections are closed soon. */
void crew_drain(uint64_t closed, bool is_last);

/* The same to all, with its descriptors. */
void crew_pass(const struct message *m);

/* They end what they have at once. */
void crew_stop(void);

/* After a failed start: waits a moment for what is left. */
void crew_end(void);

/* SIGCHLD has come. */
void crew_reap(void);

/* Processes that exist. */
uint32_t crew_living(void);

/* Fills the control sockets in, one entry for each worker; afterwards hears what came. */
void crew_poll(struct pollfd *ret_polled);
void crew_hear(const struct pollfd *polled);

/* Looks for workers that do not get on; how long poll may sleep until the next look, -1 for ever.
 */
void crew_watch(void);
int crew_watch_ms(void);

/* The slot of a worker that was reaped: totals kept, gauges and clients cleared, free again. */
void worker_slot_release(struct shared_memory *m, uint32_t slot);
