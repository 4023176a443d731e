#include "proxy/upstream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/random.h"
#include "proxy/connection.h"
#include "proxy/gate_state.h"
#include "wire/proxy_protocol.h"

/* How often the first of a queue looks again: another worker's release cannot wake us. Two workers
 * that got into each other's way do not look again at the same moment. */
#define QUEUE_LOOK_MS        10
#define QUEUE_LOOK_SPREAD_MS 10

/* A listening Unix socket whose backlog is full refuses at once instead of letting us wait. */
#define BACKLOG_LOOK_MS 5

/* A request tries at most this many servers; the configuration allows no more in one origin. */
#define SERVERS_TRIED_MAX 64u

struct server_state {
    struct list idle; /* newest first */
    uint32_t idle_count;
    uint32_t in_flight; /* of this worker */
    int32_t credit;     /* smooth weighted round robin */
    uint32_t next_address;
};

/* An exchange that waits in its origin's queue; on its fiber's stack. */
struct waiter {
    struct list link;
    struct fiber *fiber;
};

struct origin_state {
    struct list queue; /* first come, first served */
    uint32_t waiting;
};

static struct server_state *servers;
static struct origin_state *origins;
static uint32_t server_count, origin_count;

int upstream_open(const struct configuration *c)
{
    server_count = c->server_count;
    origin_count = c->origin_count;
    servers = calloc(server_count ? server_count : 1, sizeof *servers);
    origins = calloc(origin_count ? origin_count : 1, sizeof *origins);
    if (!servers || !origins) {
        upstream_close();
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < server_count; i++) {
        list_open(&servers[i].idle);
        servers[i].next_address = (uint32_t)random_number();
    }
    for (uint32_t i = 0; i < origin_count; i++)
        list_open(&origins[i].queue);
    return 0;
}

static struct server_state *state_of(const struct server *s)
{
    ASSERT(s->index < server_count);
    return &servers[s->index];
}

static struct server_counters *counters_of(const struct server *s)
{
    return &gate.counters->servers[s->counter_row];
}

struct server_counters *upstream_counters(const struct exchange *x)
{
    return x->server ? counters_of(x->server) : NULL;
}

struct timeout_settings upstream_timeouts(const struct exchange *x, const struct origin *origin)
{
    struct timeout_settings t = *exchange_timeouts(x);
    const struct timeout_settings *own = origin->timeout;
    if (!own)
        return t;
    t.connect_ms = own->connect_ms ? own->connect_ms : t.connect_ms;
    t.head_ms = own->head_ms ? own->head_ms : t.head_ms;
    t.idle_ms = own->idle_ms ? own->idle_ms : t.idle_ms;
    t.send_ms = own->send_ms ? own->send_ms : t.send_ms;
    t.tunnel_ms = own->tunnel_ms ? own->tunnel_ms : t.tunnel_ms;
    return t;
}

/* --- Idle connections ------------------------------------------------------------------------- */

static void destroy(struct upstream *u)
{
    socket_close(&u->socket);
    gate.counters->upstream_open--;
    free(u);
}

static void leave_idle(struct upstream *u)
{
    timer_clear(&u->timer);
    list_remove(&u->link);
    state_of(u->server)->idle_count--;
    counters_of(u->server)->idle--;
    gate.counters->upstream_idle--;
}

/* The origin closed an idle connection, or sent something nobody asked for. */
static void on_idle_ready(struct pollable *p)
{
    struct upstream *u = CONTAINER_OF(p, struct upstream, socket.poll);
    leave_idle(u);
    destroy(u);
}

static void on_idle_timeout(struct timer *t)
{
    struct upstream *u = CONTAINER_OF(t, struct upstream, timer);
    leave_idle(u);
    destroy(u);
}

static void keep_idle(struct upstream *u)
{
    struct server_state *state = state_of(u->server);
    if (state->idle_count >= u->origin->idle_max || socket_is_stale(&u->socket)) {
        destroy(u);
        return;
    }
    list_push_front(&state->idle, &u->link);
    state->idle_count++;
    counters_of(u->server)->idle++;
    gate.counters->upstream_idle++;
    timer_set(&u->timer, loop_now_ms() + u->origin->idle_ms);
    socket_park(&u->socket, on_idle_ready);
}

/* sure: the kernel is asked too, for a request that could not go out a second time. */
static struct upstream *take_idle(const struct server *s, bool sure)
{
    struct server_state *state = state_of(s);
    while (!list_is_empty(&state->idle)) {
        struct upstream *u = LIST_ENTRY(state->idle.next, struct upstream, link);
        leave_idle(u);
        socket_park(&u->socket, NULL);
        if (!socket_is_stale(&u->socket) && !(sure && socket_has_input(&u->socket)))
            return u;
        destroy(u);
    }
    return NULL;
}

/* When no descriptor is left: the connection that was idle longest gives up its own. */
static bool give_up_idle(void)
{
    for (uint32_t i = 0; i < server_count; i++)
        if (!list_is_empty(&servers[i].idle)) {
            struct upstream *u = LIST_ENTRY(servers[i].idle.previous, struct upstream, link);
            leave_idle(u);
            destroy(u);
            return true;
        }
    return false;
}

void upstream_close_idle(void)
{
    for (uint32_t i = 0; i < server_count; i++)
        while (servers && !list_is_empty(&servers[i].idle)) {
            struct upstream *u = LIST_ENTRY(servers[i].idle.next, struct upstream, link);
            leave_idle(u);
            destroy(u);
        }
}

void upstream_close(void)
{
    upstream_close_idle();
    free(servers);
    free(origins);
    servers = NULL;
    origins = NULL;
    server_count = origin_count = 0;
}

/* --- Choosing --------------------------------------------------------------------------------- */

static uint64_t *in_flight_of(const struct server *s, uint32_t slot)
{
    return &gate.shared.counters[slot].servers[s->counter_row].in_flight;
}

/* Exchanges that have a place at this server, over all workers. */
static uint64_t places_taken(const struct server *s)
{
    uint64_t taken = 0;
    for (uint32_t slot = 0; slot < gate_slots_in_use(); slot++)
        taken += __atomic_load_n(in_flight_of(s, slot), __ATOMIC_SEQ_CST);
    return taken;
}

/* Whether one more than `taken` is within `max`. Servers without a row of their own are counted by
 * this worker alone, against its share. */
static bool has_room(const struct server *s)
{
    if (s->max == 0)
        return true;
    if (s->counter_row != COUNTER_SERVERS_MAX - 1)
        return places_taken(s) < s->max;
    uint32_t share = s->max / gate_slots_in_use();
    return state_of(s)->in_flight < (share ? share : 1);
}

static void leave(const struct server *s)
{
    uint64_t *own = in_flight_of(s, gate.shared.slot);
    __atomic_store_n(own, *own - 1, __ATOMIC_RELEASE);
    state_of(s)->in_flight--;
}

/* Takes a place under `max`. It is taken first and counted then, so that of two workers which do
 * this at once at least one sees the other: the limit is exact. False: no place was free. */
static bool enter(const struct server *s)
{
    uint64_t *own = in_flight_of(s, gate.shared.slot);
    if (s->max == 0 || s->counter_row == COUNTER_SERVERS_MAX - 1) {
        *own += 1;
        state_of(s)->in_flight++;
        return true;
    }
    __atomic_store_n(own, *own + 1, __ATOMIC_SEQ_CST);
    state_of(s)->in_flight++;
    if (places_taken(s) <= s->max)
        return true;
    leave(s);
    return false;
}

/* Smooth weighted round robin: each gains its weight, the richest is chosen and pays the sum.
 * not_these: a bit for each server that is no candidate. */
static const struct server *choose(const struct origin *o, uint64_t not_these)
{
    const struct server *best = NULL;
    int32_t total = 0;
    for (uint32_t i = 0; i < o->server_count && i < SERVERS_TRIED_MAX; i++) {
        const struct server *s = &o->servers[i];
        if ((not_these & (1ull << i)) || !has_room(s))
            continue;
        struct server_state *state = state_of(s);
        state->credit += (int32_t)s->weight;
        total += (int32_t)s->weight;
        if (!best || state->credit > state_of(best)->credit)
            best = s;
    }
    if (best)
        state_of(best)->credit -= total;
    return best;
}

static uint64_t bit_of(const struct server *s, const struct origin *o)
{
    return 1ull << (s - o->servers);
}

/* A server with its place taken; NULL: all but `not_these` are at their `max`. */
static const struct server *take_place(const struct origin *o, uint64_t not_these)
{
    const struct server *s;
    while ((s = choose(o, not_these)) && !enter(s))
        not_these |= bit_of(s, o); /* another worker was faster */
    return s;
}

static void wake_first(struct origin_state *state)
{
    if (!list_is_empty(&state->queue))
        fiber_wake(LIST_ENTRY(state->queue.next, struct waiter, link)->fiber);
}

/* The next look of the first in the queue; the others wait until they are the first. */
static int64_t look_deadline(bool is_first, int64_t until_ms)
{
    int64_t look_ms =
        loop_now_ms() + QUEUE_LOOK_MS + (int64_t)(random_number() % QUEUE_LOOK_SPREAD_MS);
    return is_first && look_ms < until_ms ? look_ms : until_ms;
}

static int wait_in_queue(struct origin_state *state, const struct origin *o, uint64_t tried,
                         int64_t until_ms, const struct server **ret)
{
    struct waiter w = { .fiber = fiber_current() };
    int result = 0;
    list_push_back(&state->queue, &w.link);
    state->waiting++;
    for (*ret = NULL; !*ret && result == 0;) {
        bool is_first = state->queue.next == &w.link;
        if (is_first && (*ret = take_place(o, tried)))
            break;
        result = fiber_wait(look_deadline(is_first, until_ms));
        if (result == -ETIMEDOUT && loop_now_ms() < until_ms)
            result = 0;
    }
    list_remove(&w.link);
    state->waiting--;
    wake_first(state); /* there may be room for more than one */
    return result;
}

/* A server with its place taken, at once or after waiting in the origin's queue. */
static int find_place(struct exchange *x, const struct origin *o, uint64_t tried,
                      const struct server **ret)
{
    struct origin_state *state = &origins[o->index];
    bool must_wait = tried == 0 && state->waiting > 0; /* who has had a turn does not queue again */
    *ret = must_wait ? NULL : take_place(o, tried);
    if (*ret)
        return 0;
    if (state->waiting >= o->queue_max)
        return exchange_refuse(x, FAULT_POLICY, 503, "origin.queue-full",
                               "all servers are at their `max` and the queue is full");
    connection_watch(x->connection, x);
    int result = wait_in_queue(state, o, tried, exchange_deadline(x, o->queue_ms), ret);
    if (result != -ETIMEDOUT)
        return result;
    if (exchange_is_over(x))
        return exchange_refuse_total(x, FAULT_UPSTREAM);
    return exchange_refuse(x, FAULT_POLICY, 503, "origin.queue-timeout",
                           "all servers stayed at their `max` for as long as `queue` allows");
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* The address of this attempt: names take turns through what they resolve to. False: no more. */
static bool address_of(const struct server *s, uint32_t attempt, struct address *ret)
{
    if (!s->is_name) {
        *ret = s->address;
        return attempt == 0;
    }
    struct resolved_name name;
    if (s->name_slot < 0)
        return false;
    names_read(gate.shared.names, s->name_slot, &name);
    if (attempt >= name.count)
        return false;
    struct ip ip;
    uint32_t index = (state_of(s)->next_address + attempt) % name.count;
    memcpy(ip.bytes, name.addresses[index], sizeof ip.bytes);
    address_from_ip(ip, s->port, ret);
    return true;
}

static int64_t connect_span(const struct exchange *x, const struct origin *o)
{
    return upstream_timeouts(x, o).connect_ms;
}

static int send_proxy_header(struct exchange *x, struct upstream *u)
{
    char memory[PROXY_HEADER_BYTES_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    struct proxy_addresses addresses = { .is_local = ip_is_none(x->client),
                                         .is_v4 = ip_is_v4(x->client),
                                         .source_port = x->client_port,
                                         .destination_port = x->connection->local_port };
    memcpy(addresses.source, x->client.bytes, sizeof addresses.source);
    memcpy(addresses.destination, connection_local_ip(x->connection).bytes,
           sizeof addresses.destination);
    if (u->origin->proxy_protocol == PROXY_PROTOCOL_V1)
        proxy_protocol_write_v1(&w, &addresses);
    else
        proxy_protocol_write_v2(&w, &addresses);
    ASSERT(!w.overflowed);
    struct iovec part = { memory, w.len };
    return socket_write(&u->socket, &part, 1, 0, exchange_deadline(x, connect_span(x, u->origin)),
                        NULL);
}

/* One address, within `timeout connect`. */
static int connect_address(struct exchange *x, const struct origin *o, const struct address *to,
                           struct upstream *u)
{
    int64_t deadline_ms = exchange_deadline(x, connect_span(x, o));
    for (;;) {
        int result = socket_connect(&u->socket, to, deadline_ms);
        if (result == -EMFILE && give_up_idle())
            continue;
        if (result != -EAGAIN)
            return result;
        if (loop_now_ms() >= deadline_ms)
            return -ETIMEDOUT;
        TRY(fiber_sleep(loop_now_ms() + BACKLOG_LOOK_MS));
    }
}

/* Tries the server's addresses until one takes the connection.
 * 0 · -EDESTADDRREQ it has none · the last error */
static int connect_server(struct exchange *x, const struct origin *o, const struct server *s,
                          struct upstream *u)
{
    struct address address;
    int result = -EDESTADDRREQ;
    for (uint32_t attempt = 0; attempt < NAME_ADDRESSES_MAX; attempt++) {
        if (!address_of(s, attempt, &address))
            break;
        result = connect_address(x, o, &address, u);
        if (result == 0 || result == -ECANCELED)
            break;
        counters_of(s)->connect_failures++;
        if (exchange_is_over(x))
            break;
    }
    state_of(s)->next_address++;
    return result;
}

static int open_connection(struct exchange *x, const struct origin *o, const struct server *s)
{
    struct upstream *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    u->socket = (struct socket)SOCKET_CLOSED;
    u->server = s;
    u->origin = o;
    timer_init(&u->timer, on_idle_timeout);
    connection_watch(x->connection, x);
    int result = connect_server(x, o, s, u);
    if (result != 0) {
        free(u);
        return result;
    }
    gate.counters->upstream_open++;
    counters_of(s)->connects++;
    if (o->proxy_protocol != PROXY_PROTOCOL_OFF) {
        result = send_proxy_header(x, u);
        if (result != 0) {
            destroy(u);
            return result;
        }
    }
    x->upstream = u;
    return 0;
}

static int refuse_connect(struct exchange *x, int result)
{
    switch (result) {
    case -ECANCELED:
    case -ENOMEM:
        return result;
    case -ETIMEDOUT:
        if (exchange_is_over(x))
            return exchange_refuse_total(x, FAULT_UPSTREAM);
        return exchange_refuse(x, FAULT_UPSTREAM, 504, "upstream.connect-timeout",
                               "no server took the connection within `timeout connect`");
    case -EDESTADDRREQ:
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.name",
                               "the server's name has not been resolved to any address");
    case -EMFILE:
    case -ENFILE:
    case -ENOBUFS:
    case -ENOSPC: /* of epoll */
    case -EADDRNOTAVAIL:
        return exchange_refuse(x, FAULT_OURS, 503, "resources.descriptors",
                               "no descriptor or port is left for a connection to the origin");
    default:
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.connect",
                               "no server took the connection");
    }
}

/* Gives a place back and lets the first of the queue look. */
static void leave_place(const struct server *s, const struct origin *o)
{
    leave(s);
    wake_first(&origins[o->index]);
}

/* A connection to a server whose place is taken, idle or new. */
static int take_from(struct exchange *x, const struct origin *o, const struct server *s, bool fresh)
{
    struct server_counters *counters = counters_of(s);
    x->server = s;
    x->attempts++;
    x->origin_reused = false;
    x->upstream = fresh ? NULL : take_idle(s, !method_is_idempotent(x->request.method));
    int result = x->upstream ? 0 : open_connection(x, o, s);
    if (result != 0) {
        leave_place(s, o);
        return result;
    }
    counters->requests++;
    x->origin_reused = x->upstream->requests++ > 0;
    counters->reused += x->origin_reused;
    x->times.chosen = loop_now_us();
    return 0;
}

int upstream_take(struct exchange *x, const struct origin *o, bool fresh)
{
    uint64_t tried = 0;
    int result = -EHOSTUNREACH;
    for (uint32_t i = 0; i < o->server_count && i < SERVERS_TRIED_MAX; i++) {
        const struct server *s;
        TRY(find_place(x, o, tried, &s));
        result = take_from(x, o, s, fresh);
        if (result == 0 || result == -ECANCELED || result == -ENOMEM || exchange_is_over(x))
            break;
        tried |= bit_of(s, o);
    }
    return result == 0 ? 0 : refuse_connect(x, result);
}

void upstream_release(struct exchange *x)
{
    struct upstream *u = x->upstream;
    if (!u)
        return;
    const struct server *s = u->server;
    const struct origin *o = u->origin;
    x->upstream = NULL;
    if (x->response_reusable && u->origin->proxy_protocol == PROXY_PROTOCOL_OFF &&
        !gate.is_draining)
        keep_idle(u);
    else
        destroy(u);
    leave_place(s, o);
}
