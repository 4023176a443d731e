/* Counters: what the workers have done. One block per worker slot, written by that worker alone
 * with plain 64-bit stores; readers sum over slots. When a worker has died whoever reaps it adds
 * its totals to the block "retired" and zeroes the slot, gauges included.
 *
 * Sites and origin servers have rows of their own, found by name through the name table (a hash of
 * the name, never the index in one configuration), so that totals survive reloads. The last row is
 * "other" for whatever does not fit. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/segment.h"

#define WORKER_SLOTS_MAX    256u
#define COUNTER_SITES_MAX   1024u /* rows; sites beyond share the last */
#define COUNTER_SERVERS_MAX 1024u
#define COUNTER_REASONS_MAX 256u

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
    struct histogram duration;
};

struct server_counters {
    uint64_t in_flight; /* gauge: exchanges that have a connection to this server */
    uint64_t idle;      /* gauge: connections to it that are kept */
    uint64_t requests;
    uint64_t connects, connect_failures, reused, failures; /* failures: no valid response */
    uint64_t tls_handshakes, tls_resumed; /* resumed: those without a certificate */
    struct histogram head_time;           /* from the request's end to the response head */
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
    uint64_t log_lines_written, log_lines_dropped, security_lines_written, security_lines_dropped;
    uint64_t refusals[COUNTER_REASONS_MAX]; /* by the client's fault or the configuration's will */
    uint64_t failures[COUNTER_REASONS_MAX]; /* what else did not go the ordinary way */
    struct site_counters sites[COUNTER_SITES_MAX];
    struct server_counters servers[COUNTER_SERVERS_MAX];
};

struct counter_row {
    uint64_t hash;       /* 0: free */
    uint64_t generation; /* the last one that claimed it */
    char name[112];
};

/* The whole segment. */
struct counters {
    struct segment_header header;
    struct counter_row site_rows[COUNTER_SITES_MAX];
    struct counter_row server_rows[COUNTER_SERVERS_MAX];
    struct counter_row reason_rows[COUNTER_REASONS_MAX];
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

/* By whoever reaps the slot's worker: its totals live on, its gauges do not. */
void counters_retire(struct counters *c, uint32_t slot);

/* Totals and gauges over everything. Totals never go back: a sum during which a worker's block was
 * moved is made again. Large: give it static memory. */
void counters_sum(const struct counters *c, struct worker_counters *ret);

/* Of all these, only the log lines that were dropped; cheap. slots: how many are in use. */
uint64_t counters_log_drops(const struct counters *c, uint32_t slots);
