/* The gate: the proxy inside one worker process. One per process. It owns the accepted connections;
 * the worker (src/control/worker.c) owns the loop, the control socket and the listeners' life.
 *
 * After gate_open() and loop_run() it serves. gate_drain() stops accepting (EPOLL_CTL_DEL first).
 * A kept connection ends only with a response that says so, or when its idle time is over: a
 * request may be on its way. on_empty is called once when the last connection has gone. */
#pragma once

#include "proxy/configuration.h"
#include "shared/accounts.h"
#include "shared/challenges.h"
#include "shared/clients.h"
#include "shared/collections.h"
#include "shared/counters.h"
#include "shared/dns_answers.h"
#include "shared/log_ring.h"
#include "shared/names.h"
#include "shared/recent.h"
#include "shared/statuses.h"

/* What a worker shares with the others; every pointer is into a mapped segment. */
struct gate_shared {
    uint32_t slot;                         /* this worker's */
    struct worker_counters *counters;      /* all WORKER_SLOTS_MAX blocks; [slot] is ours */
    const struct counter_row *reason_rows; /* COUNTER_REASONS_MAX; NULL: none are told apart */
    _Atomic uint64_t *rule_rows;           /* COUNTER_RULES_MAX; NULL: rules are not told apart */
    struct clients_segment *clients;
    struct accounts_segment *accounts;
    struct collections_segment *collections; /* NULL: rules keep nothing */
    const struct names_segment *names;
    const struct challenges_segment *challenges; /* NULL: none */
    struct statuses_segment *statuses; /* NULL: none; else wake_certifier: a question was put */
    void (*wake_certifier)(void);
    struct dns_answers_segment
        *dns_answers; /* NULL: none; else wake_observer: a question was put */
    void (*wake_observer)(void);
    struct log_ring *ring;
    struct recent *recent; /* NULL: exchanges are not kept */
};

struct gate_listener {
    int fd;          /* listening, non-blocking */
    uint32_t listen; /* index in configuration->listens */
};

struct gate_options {
    const struct configuration *configuration;
    struct gate_shared shared;
    void (*on_empty)(void);
};

MUST_CHECK int gate_open(const struct gate_options *options);
/* Accepts from one more listener (its own, a surplus one or a stalled sibling's); fd stays the
 * caller's. */
MUST_CHECK int gate_add_listener(const struct gate_listener *listener);
void gate_remove_listener(int fd);

struct gate_end {
    uint64_t closed_listens; /* bit i: nobody will accept from listens[i] any more. What its queues
                                hold is accepted, then connections are refused there. */
    bool is_last; /* the program ends: connections that stay silent for a second are closed, for
                     their next one would not be served here either */
};
/* May be called again, with more. */
void gate_drain(const struct gate_end *end);
/* Ends everything that is left: cancels all exchanges, closes all tunnels. */
void gate_cancel_all(void);
uint32_t gate_connection_count(void);

/* Writes what is a level and not a count (fibers, bytes in buffers) to the counters: each turn. */
void gate_note_levels(void);
void gate_close(void);
