#include "proxy/upstream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/random.h"
#include "proxy/connection.h"
#include "proxy/gate_state.h"
#include "wire/proxy_protocol.h"

/* How often a queued exchange looks again: another worker's release cannot wake us. */
#define QUEUE_LOOK_MS 20

/* A request tries at most this many servers; the configuration allows no more in one origin. */
#define SERVERS_TRIED_MAX 64u

struct server_state {
    struct list idle; /* newest first */
    uint32_t idle_count;
    uint32_t in_flight; /* of this worker */
    int32_t credit;     /* smooth weighted round robin */
    uint32_t next_address;
};

struct origin_state {
    struct event released;
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
        event_init(&origins[i].released);
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

static struct upstream *take_idle(const struct server *s)
{
    struct server_state *state = state_of(s);
    while (!list_is_empty(&state->idle)) {
        struct upstream *u = LIST_ENTRY(state->idle.next, struct upstream, link);
        leave_idle(u);
        socket_park(&u->socket, NULL);
        if (!socket_is_stale(&u->socket))
            return u;
        destroy(u);
    }
    return NULL;
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

/* Exchanges on this server over all workers. Servers without a row of their own are counted by this
 * worker alone, against its share. */
static bool has_room(const struct server *s)
{
    if (s->max == 0)
        return true;
    uint32_t workers = gate_slots_in_use();
    if (s->counter_row == COUNTER_SERVERS_MAX - 1)
        return state_of(s)->in_flight < s->max / workers + 1;
    uint64_t in_flight = 0;
    for (uint32_t slot = 0; slot < workers; slot++)
        in_flight += gate.shared.counters[slot].servers[s->counter_row].in_flight;
    return in_flight < s->max;
}

/* Smooth weighted round robin: each gains its weight, the richest is chosen and pays the sum. */
static const struct server *choose(const struct origin *o, uint64_t tried)
{
    const struct server *best = NULL;
    int32_t total = 0;
    for (uint32_t i = 0; i < o->server_count && i < SERVERS_TRIED_MAX; i++) {
        const struct server *s = &o->servers[i];
        if ((tried & (1ull << i)) || !has_room(s))
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

static bool any_has_room(const struct origin *o)
{
    for (uint32_t i = 0; i < o->server_count; i++)
        if (has_room(&o->servers[i]))
            return true;
    return false;
}

/* Waits in the origin's queue, behind those who wait already, until a server has room. */
static int wait_for_room(struct exchange *x, const struct origin *o)
{
    struct origin_state *state = &origins[o->index];
    bool must_wait = state->waiting > 0;
    if (state->waiting >= o->queue_max)
        return exchange_refuse(x, FAULT_POLICY, 503, "origin.queue-full",
                               "all servers are at their `max` and the queue is full");
    int64_t until_ms = exchange_deadline(x, o->queue_ms);
    int result = 0;
    state->waiting++;
    connection_watch(x->connection, x);
    while (result == 0 && (must_wait || !any_has_room(o))) {
        must_wait = false;
        int64_t look_ms = loop_now_ms() + QUEUE_LOOK_MS;
        result = event_wait(&state->released, look_ms < until_ms ? look_ms : until_ms);
        if (result == -ETIMEDOUT)
            result = loop_now_ms() >= until_ms ? -ETIMEDOUT : 0;
    }
    state->waiting--;
    if (result == -ETIMEDOUT)
        return exchange_refuse(x, FAULT_POLICY, 503, "origin.queue-timeout",
                               "all servers stayed at their `max` for as long as `queue` allows");
    return result;
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* The address of this attempt: names take turns through what they resolve to. */
static int address_of(const struct server *s, uint32_t attempt, struct address *ret)
{
    if (!s->is_name) {
        *ret = s->address;
        return attempt == 0 ? 0 : -ENOENT;
    }
    struct resolved_name name;
    if (s->name_slot < 0)
        return -ENOENT;
    names_read(gate.shared.names, s->name_slot, &name);
    if (attempt >= name.count || name.count > NAME_ADDRESSES_MAX)
        return -ENOENT;
    struct ip ip;
    uint32_t index = (state_of(s)->next_address + attempt) % name.count;
    memcpy(ip.bytes, name.addresses[index], sizeof ip.bytes);
    address_from_ip(ip, s->port, ret);
    return 0;
}

static int64_t connect_span(const struct exchange *x, const struct origin *o)
{
    return upstream_timeouts(x, o).connect_ms;
}

static int send_proxy_header(struct exchange *x, struct upstream *u)
{
    char memory[PROXY_HEADER_BYTES_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    struct proxy_addresses addresses = { .is_v4 = ip_is_v4(x->client),
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

/* Tries the server's addresses until one takes the connection. 0 · the last error */
static int connect_server(struct exchange *x, const struct origin *o, const struct server *s,
                          struct upstream *u)
{
    struct socket_options options = { .keep_alive = true };
    struct address address;
    int result = -ENOENT;
    for (uint32_t attempt = 0; attempt < NAME_ADDRESSES_MAX; attempt++) {
        if (address_of(s, attempt, &address) != 0)
            break;
        result = socket_connect(&u->socket, &address, &options,
                                exchange_deadline(x, connect_span(x, o)));
        if (result == 0 || result == -ECANCELED)
            break;
        counters_of(s)->connect_failures++;
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
        return exchange_refuse(x, FAULT_UPSTREAM, 504, "upstream.connect-timeout",
                               "no server took the connection within `timeout connect`");
    case -ENOENT:
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.name",
                               "the server's name has not been resolved to any address");
    case -EMFILE:
    case -ENFILE:
    case -ENOBUFS:
    case -EADDRNOTAVAIL:
        return exchange_refuse(x, FAULT_OURS, 503, "resources.descriptors",
                               "no descriptor or port is left for a connection to the origin");
    default:
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.connect",
                               "no server took the connection");
    }
}

static void enter(const struct server *s)
{
    counters_of(s)->in_flight++;
    state_of(s)->in_flight++;
}

static void leave(const struct server *s, const struct origin *o)
{
    counters_of(s)->in_flight--;
    state_of(s)->in_flight--;
    event_signal_one(&origins[o->index].released);
}

/* One connection to this server, idle or new. The place under `max` is taken before the connection
 * is made. */
static int take_from(struct exchange *x, const struct origin *o, const struct server *s, bool fresh)
{
    struct server_counters *counters = counters_of(s);
    enter(s);
    x->server = s;
    x->attempts++;
    x->origin_reused = false;
    x->upstream = fresh ? NULL : take_idle(s);
    int result = x->upstream ? 0 : open_connection(x, o, s);
    if (result != 0) {
        leave(s, o);
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
    int result = -ENOENT;
    for (uint32_t attempt = 0; attempt < o->server_count && attempt < SERVERS_TRIED_MAX;
         attempt++) {
        bool others_wait = attempt == 0 && origins[o->index].waiting > 0;
        const struct server *s = others_wait ? NULL : choose(o, tried);
        while (!s && attempt == 0) { /* again when another worker was faster */
            TRY(wait_for_room(x, o));
            s = choose(o, tried);
        }
        if (!s)
            break;
        result = take_from(x, o, s, fresh);
        if (result == 0 || result == -ECANCELED || result == -ENOMEM)
            break;
        tried |= 1ull << (s - o->servers);
    }
    return result == 0 ? 0 : refuse_connect(x, result);
}

void upstream_release(struct exchange *x)
{
    struct upstream *u = x->upstream;
    if (!u)
        return;
    x->upstream = NULL;
    leave(u->server, u->origin);
    if (x->response_reusable && u->origin->proxy_protocol == PROXY_PROTOCOL_OFF &&
        !gate.is_draining)
        keep_idle(u);
    else
        destroy(u);
}
