/* All segments together: made by the supervisor, mapped by every other process from the descriptors
 * it inherits. */
#pragma once

#include "shared/accounts.h"
#include "shared/challenges.h"
#include "shared/clients.h"
#include "shared/collections.h"
#include "shared/counters.h"
#include "shared/dns_answers.h"
#include "shared/early_data.h"
#include "shared/log_ring.h"
#include "shared/names.h"
#include "shared/recent.h"
#include "shared/sinks.h"
#include "shared/statuses.h"
#include "shared/ticket_keys.h"
#include "shared/workers.h"

enum shared_purpose {
    SHARED_WORKERS,
    SHARED_COUNTERS,
    SHARED_RINGS,
    SHARED_CLIENTS,
    SHARED_NAMES,
    SHARED_SINKS,
    SHARED_TICKET_KEYS,
    SHARED_CHALLENGES,
    SHARED_STATUSES,
    SHARED_ACCOUNTS,
    SHARED_EARLY_DATA,
    SHARED_COLLECTIONS,
    SHARED_RECENT,
    SHARED_DNS_ANSWERS,
    SHARED_COUNT
};

struct shared_memory {
    struct segment segments[SHARED_COUNT];
    struct workers_segment *workers;
    struct counters *counters;
    struct log_rings *rings;
    struct clients_segment *clients;
    struct names_segment *names;
    struct sinks_segment *sinks;
    struct ticket_keys_segment *ticket_keys;
    struct challenges_segment *challenges;
    struct statuses_segment *statuses;
    struct accounts_segment *accounts;
    struct early_data_segment *early_data;
    struct collections_segment *collections;
    struct recent_segment *recent;
    struct dns_answers_segment *dns_answers;
};

/* 0 · -errno; nothing is left open on failure. */
MUST_CHECK int shared_memory_create(struct shared_memory *m);

/* Takes the descriptors over, also when it fails. 0 · -errno · -EPROTO another layout */
MUST_CHECK int shared_memory_map(struct shared_memory *m, const int fds[SHARED_COUNT]);

void shared_memory_close(struct shared_memory *m);
