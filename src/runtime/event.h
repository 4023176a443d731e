/* An event: fibers wait on it, somebody signals it. No memory of past signals: check the condition
 * first, wait in a loop. */
#pragma once

#include "base/list.h"
#include "runtime/fiber.h"

struct event {
    struct list waiters;
};

void event_init(struct event *e);
/* 0 signalled · -ETIMEDOUT · -ECANCELED */
MAY_WAIT int event_wait(struct event *e, int64_t deadline_ms);
void event_signal_one(struct event *e); /* the one that waits longest */
void event_signal_all(struct event *e);
bool event_has_waiters(const struct event *e);
