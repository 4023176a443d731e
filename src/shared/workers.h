/* The table of worker slots: who is there, and is it alive. A slot is given by the supervisor and
 * is the index of the worker's counters, log ring and client table. The worker writes the moments
 * of its turns; the generation that forked it watches them. */
#pragma once

#include <stdatomic.h>

#include "shared/counters.h"

struct worker_slot {
    _Atomic int32_t pid;    /* 0: free */
    _Atomic uint32_t index; /* 0.. in its generation */
    _Atomic uint64_t generation;
    _Atomic int64_t turn_began_ms; /* CLOCK_MONOTONIC; 0: it sleeps in epoll_wait */
    _Atomic uint32_t restarts;     /* of this index in this generation */
    _Atomic uint32_t accepts;      /* 1: it takes connections from listeners */
};

struct workers_segment {
    struct segment_header header;
    /* For a supervisor that adopts: whom its predecessor left behind. */
    _Atomic int32_t logger_pid, observer_pid;
    struct worker_slot slots[WORKER_SLOTS_MAX];
};
