#include "world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/random.h"
#include "control/load.h"
#include "proxy/gate.h"
#include "records.h"
#include "runtime/loop.h"
#include "shared/memory.h"

/* Nothing in a world lasts longer: the limits of the exchanges one after the other. */
#define WORLD_US_MAX (600 * 1000000ll)
#define SLOT         0u

struct world world;

static struct shared_memory memory;
static struct log_ring ring;
static struct configuration *configuration;
static struct world_options options;
static int listener;
static bool is_draining, is_empty;
static struct happening drain, cancel;
static bool wants_drain, wants_cancel;

static const char configuration_text[] =
    "listen 203.0.113.1:80\n"
    "timeout { connect 2s; head 3s; idle 4s; send 4s; total 20s; header 3s }\n"
    "limits { body 4M }\n"
    "origin calm { server 10.0.0.1:80 10.0.0.2:80 }\n"
    "origin bad { server 10.0.0.4:80; keep-alive 2 }\n"
    "origin narrow { server 10.0.0.5:80 max 2; queue 3 for 1s }\n"
    "site calm.test { to calm; headers { set X-Gate yes } }\n"
    "site restless.test { to 10.0.0.3:80 }\n"
    "site bad.test { to bad }\n"
    "site narrow.test { to narrow }\n";

void world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "\nsimulation: seed %llu (%lld us): ", (unsigned long long)options.seed,
            (long long)simulation_now_us());
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    clients_report();
    fprintf(stderr, "again with: make simulate SEED=%llu\n", (unsigned long long)options.seed);
    if (options.fail_first)
        fprintf(stderr, "with the fallible call number %llu failing\n",
                (unsigned long long)options.fail_first);
    abort();
}

void world_name_seed(void)
{
    fprintf(stderr, "simulation: this was seed %llu, fallible call %llu\n",
            (unsigned long long)options.seed, (unsigned long long)options.fail_first);
}

struct planned *world_find(int64_t number)
{
    return number >= 0 && number < world.planned_count ? &world.planned[number] : NULL;
}

/* --- Building --------------------------------------------------------------------------------- */

/* Small pieces over short ways, large ones over long ways: no body needs longer than a time limit
 * in good weather. */
static const struct climate {
    uint32_t delay_us, piece, window, body;
} climates[] = {
    { 300, 12, 1500, 1500 },         { 20000, 4000, 8000, 40000 }, { 100, 60000, 300000, 500000 },
    { 300000, 90000, 90000, 60000 }, { 2000, 1500, 3000, 12000 },
};

static void make_weather(void)
{
    const struct climate *c = &climates[simulation_below(ARRAY_LENGTH(climates))];
    bool stormy = !options.good_weather && simulation_chance(40);
    world.body_max = c->body;
    world.is_good_weather =
        !stormy && !options.descriptors && !options.fibers_max && !options.buffered_bytes;
    struct weather weather = { .delay_us_max = c->delay_us,
                               .piece_max = c->piece,
                               .window_max = c->window,
                               .short_writes = (uint32_t)simulation_below(60),
                               .connect_at_once = (uint32_t)simulation_below(50) };
    if (stormy) {
        weather.connect_refuse = (uint32_t)simulation_below(30);
        weather.connect_hang = (uint32_t)simulation_below(20);
        weather.accept_abort = (uint32_t)simulation_below(20);
        weather.breaks = (uint32_t)simulation_below(30);
    }
    network_open(&weather);
    if (options.descriptors)
        descriptor_limit(options.descriptors);
}

static void load(void)
{
    struct diagnostics d;
    char text[2048];
    struct writer w = writer_over(text, sizeof text);
    diagnostics_open(&d);
    writer_text(&w, configuration_text);
    writer_text(&w, options.is_judged ? "defaults { waf mode shadow }" : "defaults { waf off }");
    struct load_options load_options = { .text = writer_slice(&w), .generation = 1 };
    if (configuration_load(&load_options, &configuration, &d) != 0) {
        load_report(&d, "simulation", STDERR_FILENO);
        world_fail("its configuration does not load");
    }
    diagnostics_close(&d);
    configuration->logs[LOG_REQUESTS].sink = SINK_REQUESTS;
    configuration->logs[LOG_SECURITY].sink = SINK_SECURITY;
    if (options.buffered_bytes)
        configuration->limits.buffered_bytes_max = options.buffered_bytes;
}

static void share(void)
{
    if (!memory.counters && shared_memory_create(&memory) != 0)
        world_fail("no shared memory");
    clients_clear(memory.clients, SLOT);
    memset(&memory.counters->workers[SLOT], 0, sizeof memory.counters->workers[SLOT]);
    memory.clients->hash_key[0] = options.seed;
    memory.accounts->hash_key[0] = options.seed;
    memset(memory.accounts->accounts, 0, sizeof memory.accounts->accounts);
    log_ring_open(&ring, memory.rings, SLOT, -1);
    records_open();
}

static void on_empty(void)
{
    is_empty = true;
    loop_stop();
}

static void on_drain(UNUSED struct happening *h)
{
    wants_drain = true;
}

static void on_cancel(UNUSED struct happening *h)
{
    wants_drain = wants_cancel = true;
}

/* What a worker does between two turns. */
static void turn_ends(void)
{
    records_drain(ring.shared);
    EXPECT(simulation_now_us() < WORLD_US_MAX, "it does not come to its end");
    if ((wants_drain || world.clients_left == 0) && !is_draining) {
        is_draining = true;
        gate_drain(&(struct gate_end){ .closed_listens = simulation_chance(50) ? 1 : 0,
                                       .is_last = simulation_chance(50) });
    }
    if (wants_cancel) {
        wants_cancel = false;
        gate_cancel_all();
    }
}

static void open_gate(void)
{
    struct loop_options loop = { .fibers_max = options.fibers_max };
    struct gate_options gate = { .configuration = configuration,
                                 .shared = { .slot = SLOT,
                                             .counters = memory.counters->workers,
                                             .clients = memory.clients,
                                             .accounts = memory.accounts,
                                             .names = memory.names,
                                             .ring = &ring },
                                 .on_empty = on_empty };
    struct address at;
    EXPECT(address_parse(SLICE("203.0.113.1:80"), &at) == 0, "no address");
    EXPECT(loop_open(&loop) == 0, "the loop does not open");
    loop_on_turn(NULL, turn_ends);
    EXPECT(gate_open(&gate) == 0, "the gate does not open");
    listener = network_listen(&at);
    EXPECT(gate_add_listener(&(struct gate_listener){ listener, 0 }) == 0, "no listener");
}

static void populate(void)
{
    uint32_t count = 1 + (uint32_t)simulation_below(options.clients_max);
    origins_open();
    clients_open();
    for (uint32_t i = 0; i < count; i++)
        client_make(listener);
    drain.happen = on_drain;
    cancel.happen = on_cancel;
    wants_drain = wants_cancel = is_draining = is_empty = false;
    if (options.ends_itself || simulation_chance(70))
        return;
    if (simulation_chance(50))
        happening_plan(&drain, (int64_t)simulation_below(4000000));
    if (simulation_chance(50))
        happening_plan(&cancel, (int64_t)simulation_below(6000000));
    world.is_good_weather = false;
}

/* --- Checking --------------------------------------------------------------------------------- */

static void check_exchange(struct planned *p, struct world_result *result)
{
    EXPECT(!p->origin_read_all || p->was_sent,
           "exchange %u: the origin got a complete request that was not sent completely",
           p->number);
    EXPECT(p->request != REQUEST_MALFORMED || p->origin_heads == 0,
           "exchange %u: a malformed request reached an origin", p->number);
    EXPECT(!p->is_complete || !p->from_origin || p->records == 1 ||
               memory.counters->workers[SLOT].logs[LOG_REQUESTS].dropped,
           "exchange %u has no record", p->number);
    EXPECT(!p->must_be_refused || !world.is_good_weather || world.is_faulty ||
               (p->is_complete && p->status >= 400),
           "exchange %u: a malformed request was not refused, or nobody could read it: status %u",
           p->number, p->status);
    result->exchanges++;
    result->complete += p->is_complete && p->from_origin;
    if (!p->must_succeed || (p->is_complete && p->from_origin))
        return;
    EXPECT(!world.is_good_weather || world.is_faulty,
           "exchange %u did not come to its good end: request %d answer %d host %d status %u%s",
           p->number, p->request, p->reply, p->host, p->status,
           p->is_complete ? "" : ", incomplete");
    if (!world.is_faulty)
        return;
    EXPECT(p->status == 0 || p->status == 503 || (p->from_origin && !p->is_complete),
           "exchange %u was answered with %u when something was lacking", p->number, p->status);
    bool is_first = p->number == 0 || world.planned[p->number - 1].client != p->client ||
                    !world.planned[p->number - 1].is_harmed;
    p->is_harmed = true;
    if (world.is_loud)
        fprintf(stderr, "exchange %u of client %u is harmed: status %u\n", p->number, p->client,
                p->status);
    result->clients_harmed += is_first;
}

static void check_counts(void)
{
    const struct worker_counters *c = &memory.counters->workers[SLOT];
    EXPECT(c->connections_open == 0 && c->connections_idle == 0 && c->tunnels_open == 0,
           "connections are left: %llu open, %llu idle, %llu tunnels",
           (unsigned long long)c->connections_open, (unsigned long long)c->connections_idle,
           (unsigned long long)c->tunnels_open);
    EXPECT(c->upstream_open == 0 && c->upstream_idle == 0,
           "connections to origins are left: %llu open, %llu idle",
           (unsigned long long)c->upstream_open, (unsigned long long)c->upstream_idle);
    for (uint32_t i = 0; i < COUNTER_SERVERS_MAX; i++)
        EXPECT(c->servers[i].in_flight == 0, "an exchange is counted in flight");
    EXPECT(c->requests == c->logs[LOG_REQUESTS].written + c->logs[LOG_REQUESTS].dropped &&
               c->logs[LOG_REQUESTS].written == records_of_requests(),
           "%llu exchanges, %llu records written, %llu dropped, %llu read",
           (unsigned long long)c->requests, (unsigned long long)c->logs[LOG_REQUESTS].written,
           (unsigned long long)c->logs[LOG_REQUESTS].dropped,
           (unsigned long long)records_of_requests());
    EXPECT(c->logs[LOG_SECURITY].written == records_of_security(), "security records are missing");
    for (uint32_t i = 0; i < CLIENTS_PER_SLOT; i++)
        EXPECT(memory.clients->entries[SLOT][i].count == 0, "a client is counted that has gone");
}

static void run(struct world_result *result)
{
    memory_watch(true);
    simulation_fail(options.fail_first, options.fail_count);
    int ended = loop_run();
    if (ended == -EDEADLK && world.clients_left == 0 && !is_draining) {
        turn_ends(); /* the last client went, and nothing of that reached the gate */
        ended = is_empty ? 0 : loop_run();
    }
    result->fallible_calls = simulation_fallible_calls();
    result->refused = (uint32_t)memory.counters->workers[SLOT].connections_refused_resources;
    simulation_fail(0, 0);
    memory_watch(false);
    EXPECT(ended == 0, "%s: %u fibers, %u connections",
           ended == -EDEADLK ? "everybody waits for ever" : strerror(-ended), fiber_count(),
           gate_connection_count());
    EXPECT(is_empty && gate_connection_count() == 0, "it ended too early");
    EXPECT(fiber_count() == 0, "%u fibers are left", fiber_count());
    EXPECT(buffer_bytes_in_use() == 0, "%llu bytes of buffers are left",
           (unsigned long long)buffer_bytes_in_use());
}

static void tear_down(uint64_t live_before)
{
    loop_on_turn(NULL, NULL);
    gate_close();
    loop_close();
    network_unlisten(listener);
    configuration_free(configuration);
    configuration = NULL;
    network_close();
    EXPECT(descriptor_count() == 0, "%u descriptors are left", descriptor_count());
    EXPECT(memory_live() == live_before, "%lld allocations are left",
           (long long)(memory_live() - live_before));
}

void world_run(const struct world_options *from, struct world_result *ret)
{
    options = *from;
    *ret = (struct world_result){ 0 };
    world = (struct world){ .is_faulty = from->fail_first > 0, .is_loud = from->is_loud };
    simulation_open(options.seed);
    make_weather();
    uint64_t live_before = memory_live();
    share();
    random_seed(options.seed + 1);
    load();
    open_gate();
    populate();
    run(ret);
    for (uint32_t i = 0; i < world.planned_count; i++)
        check_exchange(&world.planned[i], ret);
    ret->hash = simulation_hash();
    ret->simulated_us = simulation_now_us();
    tear_down(live_before);
    check_counts();
    clients_open();
    simulation_close();
    random_seed(0);
}
