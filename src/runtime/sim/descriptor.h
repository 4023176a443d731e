/* Simulated descriptors and what epoll says of them. A descriptor knows what state it is in
 * (`events`) and is woken when something about it changes, as the kernel wakes the waiters of a
 * file; edge-triggered watchers learn of it once per wake-up, with the state as it is when they are
 * told, and level-triggered ones as long as it lasts.
 *
 * Like the kernel, and unlike a convenient simulation: several changes between two waits are one
 * event; an event names every direction that is ready; adding a descriptor that is ready is an
 * edge; not all that is ready is told at once, and not in the order of time. */
#pragma once

#include "runtime/pollable.h"
#include "runtime/sim/simulation.h"

enum {
    SIMULATED_IN = 1,
    SIMULATED_OUT = 2,
    SIMULATED_RDHUP = 4,
    SIMULATED_HUP = 8,
    SIMULATED_ERR = 16,
};

struct descriptor {
    int fd; /* -1: not open */
    uint32_t (*events)(struct descriptor *);
    struct pollable *watcher;
    bool level, woken, forgotten;
};

/* Small numbers like the kernel's; those below are the standard streams. */
#define DESCRIPTOR_FIRST 3

/* The lowest free number. 0 · -EMFILE at descriptor_limit, or when it is its turn to fail */
MUST_CHECK int descriptor_open(struct descriptor *d, uint32_t (*events)(struct descriptor *));
void descriptor_close(struct descriptor *d);
struct descriptor *descriptor_of(int fd); /* asserts that it is open */
void descriptor_wake(struct descriptor *d);

void descriptor_limit(uint32_t count_max);
uint32_t descriptor_count(void);
uint32_t descriptor_count_max(void);

/* By simulation.c, and by the poller of it. */
void descriptors_open(void);
void descriptors_close(void);
int64_t simulation_next_us(void); /* INT64_MAX: nothing is planned */
void simulation_go_to(int64_t us);
void simulation_happen(void); /* everything that is due */
