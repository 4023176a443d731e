/* A descriptor that the loop watches: registered once, edge-triggered for both directions, never
 * touched again. Readiness is remembered: a short read or write clears the bit and the next wait
 * parks without a probe. After RDHUP, HUP or ERR reading goes on until 0, since data and FIN can
 * come in one edge (`hangup`).
 *
 * At most one fiber waits for each direction. While no fiber waits, an owner may park it: then
 * on_ready is called on the loop's stack, once, when it becomes readable or hangs up. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/fiber.h"

enum {
    POLL_READ = 1,
    POLL_WRITE = 2,
    POLL_HELD = 4, /* bytes have left the kernel and wait above (TLS): as good as readable */
    POLL_ANY_READ = POLL_READ | POLL_HELD
};

struct pollable {
    int fd;        /* -1: none */
    uint8_t ready; /* POLL_READ | POLL_WRITE | POLL_HELD */
    bool hangup;   /* RDHUP, HUP or ERR was seen */
    bool broken;   /* HUP or ERR was seen: not a mere half-close */
    bool watched;  /* on_ready stays and fires at every new edge (pollable_watch) */
    bool registered;
    bool nudged; /* pollable_nudge */
    struct fiber *reader, *writer;
    void (*on_ready)(struct pollable *); /* MUST_NOT_WAIT; set while parked */
};

/* Edge-triggered, both directions, RDHUP. Does not own the fd. 0 · -errno */
MUST_CHECK int pollable_open(struct pollable *p, int fd);
/* Level-triggered, readable only: listeners, control sockets, eventfds. on_ready is called every
 * turn it is readable. */
MUST_CHECK int pollable_open_level(struct pollable *p, int fd, void (*on_ready)(struct pollable *));
/* Stops watching (needed before close only where the fd lives on elsewhere); events already
 * fetched in this turn are not delivered. Fibers must not wait on it. `forget` skips the
 * EPOLL_CTL_DEL when the caller closes the last reference to the descriptor at once. */
void pollable_close(struct pollable *p, bool forget);

/* Waits for one direction; POLL_HELD will do for POLL_READ. 0 ready · -ETIMEDOUT · -ECANCELED ·
 * -EINTR nudged. What became ready in the very turn in which the time ran out is ready: a worker
 * that was held up blames nobody for it. */
MAY_WAIT int pollable_wait(struct pollable *p, uint8_t direction, int64_t deadline_ms);

/* Whoever waits for reading, or will next, gets -EINTR once. */
void pollable_nudge(struct pollable *p);

/* on_ready fires when readable or hung up, at once (in this turn) when it already is. NULL unparks.
 */
void pollable_park(struct pollable *p, void (*on_ready)(struct pollable *));

/* Calls on_edge at every new edge from now on, never for what was ready before, also while a fiber
 * waits; pollable_park(p, NULL) ends it. For an exchange that waits for its origin and wants to
 * know that its client went away. */
void pollable_watch(struct pollable *p, void (*on_edge)(struct pollable *));
