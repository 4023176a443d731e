/* What the files of the supervisor share: supervisor.c (the loop), supervisor_start.c (beginning
 * and end). Nobody else includes this. */
#pragma once

#include "control/boot.h"
#include "control/message.h"
#include "control/supervisor.h"

#define TICKETS_MAX 32

struct supervisor {
    struct boot_record state; /* everything that an upgrade hands over; the rest is rebuilt */
    struct shared_memory memory;
    int signals;
    bool stopping, stopping_quickly, upgrading, announced;
    int64_t stop_at_ms;           /* kill what is left */
    bool replacing_helpers;       /* logger and observer were told to end */
    bool reload_again;            /* asked for while one was loading */
    int64_t tickets[TICKETS_MAX]; /* of the observer, waiting for the reload's outcome */
    int ticket_count;
    char last_reload[512];
    bool last_reload_failed;
    int64_t sinks_at_ms; /* try to open log files again at; 0: all are open */
    int64_t logger_at_ms, observer_at_ms,
        generation_at_ms; /* start it (again) at; 0: not planned */
    int64_t back_off_ms;
    struct ready_report settings;
    uint64_t orphaned_slots[WORKER_SLOTS_MAX / 64]; /* their generation died, they go on */
    /* Bit i: the newest generation asked for state.listeners[i]. 0: all are in use. */
    uint64_t wanted_listeners;
    uint64_t listeners_before; /* in use when it began to load: they stay when it fails */
    int exit_code;
};

extern struct supervisor supervisor;

/* Locks the state directory, adopts or makes what is to be kept, starts the first generation.
 * 0 · 1 said why not */
MUST_CHECK int supervisor_begin(const struct run_options *options);
/* Signals, limits, our place in the process tree. 0 · -errno */
MUST_CHECK int supervisor_open_process(enum log_level verbosity);
/* Removes what stands in the state directory, ends logger and observer. */
void supervisor_clean_up(void);
/* Says why it cannot start; 1. */
int supervisor_explain(int result, const char *what);

/* 0 · -errno */
MUST_CHECK int supervisor_start_generation(void);
