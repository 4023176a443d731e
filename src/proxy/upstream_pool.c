#include "proxy/upstream_state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/random.h"
#include "proxy/h2_upstream.h"
#include "proxy/upstream_protocol.h"

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
        list_open(&servers[i].links);
        event_init(&servers[i].connected);
        servers[i].next_address = (uint32_t)random_number();
    }
    for (uint32_t i = 0; i < origin_count; i++)
        list_open(&origins[i].queue);
    return 0;
}

struct server_state *upstream_state_of(const struct server *s)
{
    ASSERT(s->index < server_count);
    return &servers[s->index];
}

struct origin_state *upstream_queue_of(const struct origin *o)
{
    ASSERT(o->index < origin_count);
    return &origins[o->index];
}

struct server_counters *upstream_counters_of(const struct server *s)
{
    return &gate.counters->servers[s->counter_row];
}

/* --- Idle connections ------------------------------------------------------------------------- */

void upstream_destroy(struct upstream *u)
{
    socket_close(&u->socket);
    gate.counters->upstream_open--;
    free(u);
}

static void leave_idle(struct upstream *u)
{
    timer_clear(&u->timer);
    list_remove(&u->link);
    upstream_state_of(u->server)->idle_count--;
    upstream_counters_of(u->server)->idle--;
    gate.counters->upstream_idle--;
}

/* The origin closed an idle connection, or sent something nobody asked for. */
static void on_idle_ready(struct pollable *p)
{
    struct upstream *u = CONTAINER_OF(p, struct upstream, socket.poll);
    if (u->socket.tls && !socket_is_stale(&u->socket)) { /* a ticket, or new keys */
        socket_park(&u->socket, on_idle_ready);
        return;
    }
    leave_idle(u);
    upstream_destroy(u);
}

static void on_idle_timeout(struct timer *t)
{
    struct upstream *u = CONTAINER_OF(t, struct upstream, timer);
    leave_idle(u);
    upstream_destroy(u);
}

struct upstream *upstream_make(const struct server *s)
{
    size_t bytes = s->speaks == SPEAKS_HTTP1 ? sizeof(struct upstream) : sizeof(struct h2_link);
    struct upstream *u = calloc(1, bytes);
    if (!u)
        return NULL;
    u->socket = (struct socket)SOCKET_CLOSED;
    u->server = s;
    u->protocol = &h1_upstream;
    timer_init(&u->timer, on_idle_timeout);
    return u;
}

void upstream_keep_idle(struct upstream *u)
{
    struct server_state *state = upstream_state_of(u->server);
    if (state->idle_count >= u->server->origin->idle_max || socket_is_stale(&u->socket)) {
        upstream_destroy(u);
        return;
    }
    list_push_front(&state->idle, &u->link);
    state->idle_count++;
    upstream_counters_of(u->server)->idle++;
    gate.counters->upstream_idle++;
    timer_set(&u->timer, loop_now_ms() + u->server->origin->idle_ms);
    socket_park(&u->socket, on_idle_ready);
}

struct upstream *upstream_take_idle(const struct server *s, bool sure)
{
    struct server_state *state = upstream_state_of(s);
    while (!list_is_empty(&state->idle)) {
        struct upstream *u = LIST_ENTRY(state->idle.next, struct upstream, link);
        leave_idle(u);
        socket_park(&u->socket, NULL);
        if (!socket_is_stale(&u->socket) && !(sure && socket_has_input(&u->socket)))
            return u;
        upstream_destroy(u);
    }
    return NULL;
}

/* The connection that was idle longest. */
bool upstream_give_up_idle(void)
{
    for (uint32_t i = 0; i < server_count; i++)
        if (!list_is_empty(&servers[i].idle)) {
            struct upstream *u = LIST_ENTRY(servers[i].idle.previous, struct upstream, link);
            leave_idle(u);
            upstream_destroy(u);
            return true;
        }
    return false;
}

static void close_idle(const struct origin *o)
{
    for (uint32_t i = 0; i < o->server_count; i++)
        h2_links_close_idle(&o->servers[i]);
}

void upstream_close_idle(void)
{
    for (uint32_t i = 0; servers && i < origin_count; i++)
        close_idle(&gate.configuration->origins[i]);
    for (uint32_t i = 0; i < server_count; i++)
        while (servers && !list_is_empty(&servers[i].idle)) {
            struct upstream *u = LIST_ENTRY(servers[i].idle.next, struct upstream, link);
            leave_idle(u);
            upstream_destroy(u);
        }
}

void upstream_close(void)
{
    upstream_close_idle();
    for (uint32_t i = 0; servers && i < server_count; i++)
        SSL_SESSION_free(servers[i].session);
    free(servers);
    free(origins);
    servers = NULL;
    origins = NULL;
    server_count = origin_count = 0;
}
