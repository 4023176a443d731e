/* Where readiness comes from: epoll (poller_epoll.c), or the simulated network. The loop and
 * pollable.c know no more than this. */
#pragma once

#include "runtime/pollable.h"

MUST_CHECK int poller_open(void);
void poller_close(void);
/* Watches p->fd for p. 0 · -errno */
MUST_CHECK int poller_add(struct pollable *p, bool level);
void poller_remove(struct pollable *p, bool forget);
/* Waits at most timeout_ms (-1: for ever, 0: not at all) and calls pollable_note for what is ready.
 * 0 · -errno */
MUST_CHECK int poller_wait(int64_t timeout_ms);

/* By the poller: p became ready. */
void pollable_note(struct pollable *p, uint8_t ready, bool hangup, bool broken);

/* By the poller, between its sleep and the first pollable_note: reads the clock of the turn. */
void loop_turn_begins(void);

/* The clock of the loop in nanoseconds and the time of day: real, or simulated. */
int64_t poller_clock_ns(void);
int64_t poller_wall_ms(void);
