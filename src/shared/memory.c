#include "shared/memory.h"

#include <unistd.h>

#include "base/random.h"

#define LAYOUT 13u

static const struct {
    const char *name;
    uint64_t magic; /* eight letters */
    uint64_t bytes;
} purposes[SHARED_COUNT] = {
    [SHARED_WORKERS] = { "portcullis-workers", 0x504354574f524b53, sizeof(struct workers_segment) },
    [SHARED_COUNTERS] = { "portcullis-counters", 0x504354434f554e54, sizeof(struct counters) },
    [SHARED_RINGS] = { "portcullis-rings", 0x50435452494e4753, sizeof(struct log_rings) },
    [SHARED_CLIENTS] = { "portcullis-clients", 0x504354434c494e54, sizeof(struct clients_segment) },
    [SHARED_NAMES] = { "portcullis-names", 0x5043544e414d4553, sizeof(struct names_segment) },
    [SHARED_SINKS] = { "portcullis-sinks", 0x50435453494e4b53, sizeof(struct sinks_segment) },
    [SHARED_TICKET_KEYS] = { "portcullis-ticket-keys", 0x5043545449434b54,
                             sizeof(struct ticket_keys_segment) },
    [SHARED_CHALLENGES] = { "portcullis-challenges", 0x50435443484c4e47,
                            sizeof(struct challenges_segment) },
    [SHARED_STATUSES] = { "portcullis-statuses", 0x5043545354415455,
                          sizeof(struct statuses_segment) },
    [SHARED_ACCOUNTS] = { "portcullis-accounts", 0x5043544143434f55,
                          sizeof(struct accounts_segment) },
    [SHARED_EARLY_DATA] = { "portcullis-early-data", 0x5043544541524c59,
                            sizeof(struct early_data_segment) },
    [SHARED_COLLECTIONS] = { "portcullis-collections", 0x504354434f4c4c45,
                             sizeof(struct collections_segment) },
    [SHARED_DNS_ANSWERS] = { "portcullis-dns-answers", 0x5043544c49535453,
                             sizeof(struct dns_answers_segment) },
    [SHARED_RECENT] = { "portcullis-recent", 0x5043545245434e54, sizeof(struct recent_segment) },
};

static void set_pointers(struct shared_memory *m)
{
    m->workers = (struct workers_segment *)(void *)m->segments[SHARED_WORKERS].memory;
    m->counters = (struct counters *)(void *)m->segments[SHARED_COUNTERS].memory;
    m->rings = (struct log_rings *)(void *)m->segments[SHARED_RINGS].memory;
    m->clients = (struct clients_segment *)(void *)m->segments[SHARED_CLIENTS].memory;
    m->names = (struct names_segment *)(void *)m->segments[SHARED_NAMES].memory;
    m->sinks = (struct sinks_segment *)(void *)m->segments[SHARED_SINKS].memory;
    m->ticket_keys = (struct ticket_keys_segment *)(void *)m->segments[SHARED_TICKET_KEYS].memory;
    m->challenges = (struct challenges_segment *)(void *)m->segments[SHARED_CHALLENGES].memory;
    m->statuses = (struct statuses_segment *)(void *)m->segments[SHARED_STATUSES].memory;
    m->accounts = (struct accounts_segment *)(void *)m->segments[SHARED_ACCOUNTS].memory;
    m->early_data = (struct early_data_segment *)(void *)m->segments[SHARED_EARLY_DATA].memory;
    m->collections = (struct collections_segment *)(void *)m->segments[SHARED_COLLECTIONS].memory;
    m->dns_answers = (struct dns_answers_segment *)(void *)m->segments[SHARED_DNS_ANSWERS].memory;
    m->recent = (struct recent_segment *)(void *)m->segments[SHARED_RECENT].memory;
}

static void clear(struct shared_memory *m)
{
    *m = (struct shared_memory){ 0 };
    for (int i = 0; i < SHARED_COUNT; i++)
        m->segments[i].fd = -1;
}

int shared_memory_create(struct shared_memory *m)
{
    clear(m);
    for (int i = 0; i < SHARED_COUNT; i++) {
        int result = segment_create(&m->segments[i], purposes[i].name, purposes[i].magic, LAYOUT,
                                    purposes[i].bytes);
        if (result != 0) {
            shared_memory_close(m);
            return result;
        }
    }
    set_pointers(m);
    random_bytes(m->clients->hash_key, sizeof m->clients->hash_key);
    random_bytes(m->statuses->hash_key, sizeof m->statuses->hash_key);
    random_bytes(m->accounts->hash_key, sizeof m->accounts->hash_key);
    random_bytes(m->early_data->hash_key, sizeof m->early_data->hash_key);
    random_bytes(m->dns_answers->hash_key, sizeof m->dns_answers->hash_key);
    random_bytes(m->collections->hash_key, sizeof m->collections->hash_key);
    return 0;
}

int shared_memory_map(struct shared_memory *m, const int fds[SHARED_COUNT])
{
    clear(m);
    for (int i = 0; i < SHARED_COUNT; i++) {
        int result = segment_map(&m->segments[i], fds[i], purposes[i].magic, LAYOUT,
                                 purposes[i].bytes, true);
        if (result != 0) {
            for (int k = i + 1; k < SHARED_COUNT; k++)
                close(fds[k]); /* taken over all the same */
            shared_memory_close(m);
            return result;
        }
    }
    set_pointers(m);
    return 0;
}

void shared_memory_close(struct shared_memory *m)
{
    for (int i = 0; i < SHARED_COUNT; i++)
        if (m->segments[i].fd >= 0)
            segment_close(&m->segments[i]);
    clear(m);
}
