#include "proxy/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/panic.h"
#include "net/kernel.h"
#include "net/listen.h"
#include "proxy/connection.h"
#include "proxy/crowd.h"
#include "proxy/exchange.h"
#include "proxy/gate_state.h"
#include "proxy/held_body.h"
#include "proxy/router.h"
#include "proxy/upstream.h"

/* Accepts per listener and turn: one listener must not starve the connections it already has. */
#define ACCEPTS_PER_TURN 32
/* Out of descriptors: how long a listener rests before it tries again. */
#define REST_MS 100
/* What a queue that is closed for good can hold at most. */
#define FINISH_MAX 65536

struct gate_state gate;

struct listener {
    struct pollable poll;
    struct list link;
    uint32_t listen;
};

static struct list listeners;
static struct timer rest_timer;
static int reserve_fd = -1; /* given up to refuse a client when no descriptor is left */
static void (*on_empty)(void);

int64_t gate_wall_ms(void)
{
    static int64_t turn_us = -1, wall_ms;
    if (turn_us != loop_now_us()) {
        turn_us = loop_now_us();
        wall_ms = loop_wall_ms();
    }
    return wall_ms;
}

uint32_t gate_slots_in_use(void)
{
    uint32_t slots = atomic_load_explicit(&gate.shared.clients->slots_in_use, memory_order_relaxed);
    return slots < WORKER_SLOTS_MAX ? slots : WORKER_SLOTS_MAX;
}

void gate_note_levels(void)
{
    gate.counters->fibers = fiber_count();
    gate.counters->buffered_bytes = buffer_bytes_in_use();
    gate.counters->held_bytes = held_purse.used;
}

uint32_t gate_connection_count(void)
{
    return crowd_count();
}

/* --- Accepting -------------------------------------------------------------------------------- */

static const struct failure untrusted = { .whose = FAULT_POLICY,
                                          .status = 403,
                                          .reason = "proxy-protocol.untrusted",
                                          .text = "a listener with `proxy-protocol` takes peers "
                                                  "inside `trust proxies` only" };

/* A listener with `proxy-protocol` believes only peers inside `trust proxies`. */
static bool judge_proxy_peer(struct connection *c)
{
    const struct configuration *configuration = gate.configuration;
    if (!c->awaits_proxy_header || configuration->trusts_any ||
        network_set_find(&configuration->trusted, c->peer))
        return true;
    crowd_refuse(&c->socket, &untrusted, c->peer, &gate.counters->connections_refused_client);
    return false;
}

/* One connection from the listener's queue. 0 · -EAGAIN the queue is empty · -errno */
static int accept_one(struct listener *l)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->socket = (struct socket)SOCKET_CLOSED;
    struct address peer;
    int result = listen_accept(l->poll.fd, &c->socket, &peer);
    if (result != 0) {
        free(c);
        return result;
    }
    const struct listen *listen = &gate.configuration->listens[l->listen];
    c->listen = (uint8_t)l->listen;
    c->accepted_ms = loop_now_ms();
    c->peer = address_ip(&peer);
    c->peer_port = address_port(&peer);
    c->local_port = address_port(&listen->address);
    c->awaits_proxy_header = listen->proxy_protocol;
    c->socket.awaits_tls = listen->is_tls;
    gate.counters->connections_accepted++;
    if (judge_proxy_peer(c) && crowd_admit(c)) {
        connection_begin(c);
        return 0;
    }
    socket_close(&c->socket);
    free(c);
    return 0;
}

/* No descriptor is left: the reserve is given up for a moment to refuse those who wait, instead of
 * leaving them in the queue until some are free. */
static void refuse_waiting(struct listener *l)
{
    int result = reserve_fd < 0 ? -EMFILE : 0;
    for (int i = 0; i < ACCEPTS_PER_TURN && result == 0; i++) {
        struct socket s = SOCKET_CLOSED;
        struct address peer;
        kernel_close(reserve_fd);
        result = listen_accept(l->poll.fd, &s, &peer);
        if (result == 0)
            crowd_refuse(&s, &crowd_no_descriptor, address_ip(&peer),
                         &gate.counters->connections_refused_resources);
        socket_close(&s);
        reserve_fd = kernel_spare();
        result = result == 0 && reserve_fd < 0 ? -EMFILE : result;
    }
    if (reserve_fd < 0)
        reserve_fd = kernel_spare(); /* somebody may have given one back meanwhile */
}

static void on_listener(struct pollable *p)
{
    struct listener *l = CONTAINER_OF(p, struct listener, poll);
    int result = 0;
    for (int i = 0; i < ACCEPTS_PER_TURN && result == 0; i++) {
        result = accept_one(l);
        if (result == -ECONNABORTED || result == -EPROTO)
            result = 0; /* that client is gone; the next may be there */
    }
    if (result == 0 || result == -EAGAIN)
        return;
    refuse_waiting(l);
    pollable_close(&l->poll, false); /* level-triggered: it would turn the loop without end */
    timer_set(&rest_timer, loop_now_ms() + REST_MS);
}

static void on_rested(struct timer *t)
{
    LIST_EACH(node, &listeners)
    {
        struct listener *l = LIST_ENTRY(node, struct listener, link);
        if (!l->poll.registered && pollable_open_level(&l->poll, l->poll.fd, on_listener) != 0)
            timer_set(t, loop_now_ms() + REST_MS);
    }
}

int gate_add_listener(const struct gate_listener *listener)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    ASSERT(listener->listen < gate.configuration->listen_count);
    l->listen = listener->listen;
    int result = pollable_open_level(&l->poll, listener->fd, on_listener);
    if (result != 0) {
        free(l);
        return result;
    }
    list_push_back(&listeners, &l->link);
    return 0;
}

static void drop_listener(struct listener *l)
{
    if (l->poll.registered)
        pollable_close(&l->poll, false);
    list_remove(&l->link);
    free(l);
}

void gate_remove_listener(int fd)
{
    LIST_EACH(node, &listeners)
    {
        struct listener *l = LIST_ENTRY(node, struct listener, link);
        if (l->poll.fd == fd)
            drop_listener(l);
    }
}

/* --- Life ------------------------------------------------------------------------------------- */

/* The client's fields, our seven, six of its identity, and every edit that any route can make. */
static uint32_t field_capacity(const struct configuration *c)
{
    uint32_t edits_max = 0;
    for (uint32_t s = 0; s < c->site_count; s++)
        for (uint32_t r = 0; r < c->sites[s].route_count; r++) {
            const struct headers_settings *h = c->sites[s].routes[r].blocks[FEATURE_HEADERS];
            uint32_t edits =
                h->request_count > h->response_count ? h->request_count : h->response_count;
            edits_max = edits > edits_max ? edits : edits_max;
        }
    return c->limits.fields_max + edits_max + 14;
}

int gate_open(const struct gate_options *options)
{
    gate = (struct gate_state){ .configuration = options->configuration,
                                .shared = options->shared,
                                .counters = &options->shared.counters[options->shared.slot],
                                .field_capacity = field_capacity(options->configuration) };
    on_empty = options->on_empty;
    crowd_open();
    list_open(&listeners);
    timer_init(&rest_timer, on_rested);
    buffer_limit(options->configuration->limits.buffered_bytes_max);
    held_purse.max = options->configuration->limits.held_bytes_max;
    reserve_fd = kernel_spare();
    return upstream_open(options->configuration);
}

static void tell_when_empty(void)
{
    if (gate.is_draining && crowd_count() == 0 && on_empty) {
        void (*tell)(void) = on_empty;
        on_empty = NULL;
        tell();
    }
}

void gate_connection_ended(void)
{
    tell_when_empty();
}

/* Takes what waits and refuses what comes: a queue that is closed resets those in it. */
static void finish_listener(struct listener *l)
{
    int result = 0;
    for (int i = 0; i < FINISH_MAX && result == 0; i++) {
        result = accept_one(l);
        if (result == -ECONNABORTED || result == -EPROTO)
            result = 0;
    }
    kernel_shutdown(l->poll.fd, SHUT_RD);
}

static void end_soon(void)
{
    gate.is_last = true;
    crowd_each(connection_hasten);
}

void gate_drain(const struct gate_end *end)
{
    gate.is_draining = true;
    LIST_EACH(node, &listeners)
    {
        struct listener *l = LIST_ENTRY(node, struct listener, link);
        if (end->closed_listens & (1ull << l->listen))
            finish_listener(l);
        drop_listener(l);
    }
    timer_clear(&rest_timer);
    upstream_close_idle();
    crowd_each(connection_drain);
    if (end->is_last && !gate.is_last)
        end_soon();
    tell_when_empty();
}

void gate_cancel_all(void)
{
    crowd_each(connection_cancel);
}

void gate_close(void)
{
    ASSERT(crowd_count() == 0);
    LIST_EACH(node, &listeners)
    {
        drop_listener(LIST_ENTRY(node, struct listener, link));
    }
    timer_clear(&rest_timer);
    upstream_close();
    exchange_pool_trim();
    buffer_pool_trim(0);
    if (reserve_fd >= 0)
        kernel_close(reserve_fd);
    reserve_fd = -1;
}
