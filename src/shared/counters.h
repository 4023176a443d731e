/* Counters: what the workers have done. One block per worker slot, written by that worker alone
 * with plain 64-bit stores; readers sum over slots. When a worker has died whoever reaps it adds
 * its totals to the block "retired" and zeroes the slot, gauges included.
 *
 * Sites and origin servers have rows of their own, found by name through the name table (a hash of
 * the name, never the index in one configuration), so that totals survive reloads. The last row is
 * "other" for whatever does not fit. The rules of the WAF have rows by site and mode, which workers
 * claim when a rule finds something for the first time. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/segment.h"

#define WORKER_SLOTS_MAX    256u
#define COUNTER_SITES_MAX   1024u /* rows; sites beyond share the last */
#define COUNTER_SERVERS_MAX 1024u
#define COUNTER_REASONS_MAX 256u
#define COUNTER_RULES_MAX   4096u /* rules by site and mode */

/* Upper bounds of the latency histogram in microseconds; the last bucket has none. */
#define HISTOGRAM_BOUNDS_US                                                                        \
    {                                                                                              \
        1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000  \
    }
#define HISTOGRAM_BUCKETS 13u

struct histogram {
    uint64_t bucket[HISTOGRAM_BUCKETS]; /* not cumulative */
    uint64_t sum_us;
};
void histogram_add(struct histogram *h, int64_t microseconds);

struct site_counters {
    uint64_t requests;
    uint64_t status[6]; /* by class; [0]: no response was sent */
    uint64_t refused;   /* a security record was written */
    uint64_t bytes_in, bytes_out;
    uint64_t judged, judging_us; /* by the rules of the WAF */
    uint64_t unjudged;           /* of it something was not judged, and went on all the same */
    struct histogram duration;
};

/* What came of exchanges in which a rule found something. */
enum rule_verdict { RULE_REFUSED, RULE_WOULD_REFUSE, RULE_NOTICED, RULE_VERDICTS };

/* "refused", "would-refuse", "noticed" */
const char *rule_verdict_name(enum rule_verdict v);

struct rule_counters {
    uint64_t exchanges[RULE_VERDICTS];
};

struct server_counters {
    uint64_t in_flight; /* gauge: exchanges that have a connection to this server */
    uint64_t idle;      /* gauge: connections to it that are kept */
    uint64_t requests;
    uint64_t connects, connect_failures, reused, failures; /* failures: no valid response */
    uint64_t tls_handshakes, tls_resumed; /* resumed: those without a certificate */
    struct histogram head_time;           /* from the request's end to the response head */
};

/* Which log a line is for: each goes to the sink (file, stdout …) of its generation. */
enum log_channel { LOG_REQUESTS, LOG_SECURITY, LOG_RULES, LOG_AUDIT, LOG_CHANNELS };

/* "requests", "security", "rules", "audit" */
const char *log_channel_name(enum log_channel c);

struct log_counters {
    uint64_t written, dropped; /* given to the ring, or not for want of room */
};

struct worker_counters {
    /* gauges */
    uint64_t connections_open, connections_idle, tunnels_open, h2_connections, h2_streams, fibers,
        buffered_bytes, held_bytes, upstream_idle, upstream_open;
    /* totals */
    uint64_t connections_accepted; /* the first total */
    uint64_t h2_streams_opened, h2_streams_refused, h2_streams_reset, h2_abuse;
    uint64_t connections_refused_total, connections_refused_client, connections_refused_resources;
    uint64_t tls_handshakes, tls_resumed, tls_failures; /* with clients */
    uint64_t requests, refused, retries, panics;
    uint64_t bytes_in, bytes_out;
    struct log_counters logs[LOG_CHANNELS];
    uint64_t refusals[COUNTER_REASONS_MAX]; /* by the client's fault or the configuration's will */
    uint64_t failures[COUNTER_REASONS_MAX]; /* what else did not go the ordinary way */
    struct site_counters sites[COUNTER_SITES_MAX];
    struct server_counters servers[COUNTER_SERVERS_MAX];
    struct rule_counters rules[COUNTER_RULES_MAX];
};

struct counter_row {
    uint64_t hash;       /* 0: free */
    uint64_t generation; /* the last one that claimed it */
    char name[112];
};

/* The rule a row is for. Two keys are never the same number. */
struct rule_key {
    uint32_t site; /* its row */
    uint32_t rule;
    bool is_shadow;
};

/* The whole segment. */
struct counters {
    struct segment_header header;
    struct counter_row site_rows[COUNTER_SITES_MAX];
    struct counter_row server_rows[COUNTER_SERVERS_MAX];
    struct counter_row reason_rows[COUNTER_REASONS_MAX];
    _Atomic uint64_t rule_rows[COUNTER_RULES_MAX]; /* keys as numbers; 0: free */
    /* Moves from a worker's block to `retired`: how many are under way, and were ever made. */
    _Atomic uint64_t retiring, retirements;
    struct worker_counters retired; /* totals of workers that are gone */
    struct worker_counters workers[WORKER_SLOTS_MAX];
};

/* The row of a site, server or reason, claimed when it is new; the last row when none is free. Only
 * the one generation that is loading calls these. */
uint32_t counters_site_row(struct counters *c, slice name, uint64_t generation);
uint32_t counters_server_row(struct counters *c, slice name, uint64_t generation);
uint32_t counters_reason_row(struct counters *c, slice name, uint64_t generation);

/* The row of a reason that has been claimed; the last row when it has not, or rows is NULL. */
uint32_t counters_find_reason(const struct counter_row *rows, slice name);

/* The row of a rule, claimed when it is new; the last row when none is free near where it belongs.
 * Any worker may call it at any time. */
uint32_t counters_rule_row(_Atomic uint64_t *rows, struct rule_key key);
/* False: nobody has claimed the row. */
bool counters_rule_of(const _Atomic uint64_t *rows, uint32_t row, struct rule_key *ret);

/* By whoever reaps the slot's worker: its totals live on, its gauges do not. */
void counters_retire(struct counters *c, uint32_t slot);

/* Totals and gauges over everything. Totals never go back: a sum during which a worker's block was
 * moved is made again. Large: give it static memory. */
void counters_sum(const struct counters *c, struct worker_counters *ret);

/* Of all these, only the log lines that were dropped; cheap. slots: how many are in use. */
uint64_t counters_log_drops(const struct counters *c, uint32_t slots);
