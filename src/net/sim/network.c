#include "net/sim/network.h"

#include <errno.h>
#include <string.h>

#include "base/panic.h"
#include "net/sim/wire.h"

#define WINDOW_MIN 512u

struct weather network_weather;
static struct wire *wires;
static struct server *servers;

void network_open(const struct weather *weather)
{
    network_weather = *weather;
    wires = NULL;
    servers = NULL;
}

void network_close(void)
{
    for (struct wire *w = wires; w; w = w->next)
        ASSERT(w->descriptor.fd < 0); /* a socket is left open */
    wires = NULL;
    servers = NULL;
}

uint32_t network_connection_count(void)
{
    uint32_t count = 0;
    for (struct wire *w = wires; w; w = w->next)
        count += w->descriptor.fd >= 0;
    return count;
}

/* --- Pipes ------------------------------------------------------------------------------------ */

size_t pipe_room(const struct pipe *p)
{
    return p->window - (size_t)(p->sent - p->taken);
}

static void plan_arrival(struct pipe *p)
{
    bool something = p->arrived < p->sent || (p->fin_sent && !p->fin_arrived) ||
                     (p->reset_sent && !p->reset_arrived);
    if (something && !p->arrival.place)
        happening_plan(&p->arrival, (int64_t)simulation_skewed(network_weather.delay_us_max));
}

void pipe_put(struct pipe *p, const char *bytes, size_t count)
{
    ASSERT(count <= pipe_room(p));
    if (p->is_dead)
        return;
    ASSERT(!p->fin_sent);
    for (size_t done = 0; done < count;) {
        size_t at = (size_t)((p->sent + done) % p->window);
        size_t part = count - done < p->window - at ? count - done : p->window - at;
        memcpy(p->memory + at, bytes + done, part);
        done += part;
    }
    p->sent += count;
    plan_arrival(p);
}

void pipe_peek(const struct pipe *p, char *to, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t at = (size_t)((p->taken + done) % p->window);
        size_t part = count - done < p->window - at ? count - done : p->window - at;
        memcpy(to + done, p->memory + at, part);
        done += part;
    }
}

void pipe_take(struct pipe *p, char *to, size_t count)
{
    ASSERT(count <= p->arrived - p->taken);
    if (to)
        pipe_peek(p, to, count);
    p->taken += count;
}

void pipe_end(struct pipe *p)
{
    if (p->is_dead)
        return;
    p->fin_sent = true;
    plan_arrival(p);
}

void pipe_reset(struct pipe *p)
{
    if (p->is_dead)
        return;
    p->sent = p->arrived + simulation_below(p->sent - p->arrived + 1);
    p->fin_sent = p->fin_arrived;
    p->reset_sent = p->is_dead = true;
    plan_arrival(p);
}

static void on_arrival(struct happening *h)
{
    struct pipe *p = CONTAINER_OF(h, struct pipe, arrival);
    size_t coming = (size_t)(p->sent - p->arrived);
    size_t piece = 1 + (size_t)simulation_skewed(network_weather.piece_max);
    if (piece > coming)
        piece = coming;
    p->arrived += piece;
    if (p->arrived == p->sent && p->fin_sent && (piece == 0 || simulation_chance(60)))
        p->fin_arrived = true;
    if (p->arrived == p->sent && p->reset_sent)
        p->reset_arrived = true;
    plan_arrival(p);
    p->on_arrival(p, piece);
}

/* Nothing more comes out, but a reset that is on its way. */
static void pipe_stop(struct pipe *p)
{
    p->is_dead = true;
    if (p->reset_sent && !p->reset_arrived)
        return;
    happening_clear(&p->arrival);
    p->sent = p->arrived;
    p->fin_sent = p->fin_arrived;
}

static void pipe_open(struct pipe *p, void (*arrives)(struct pipe *, size_t))
{
    p->window = WINDOW_MIN + (uint32_t)simulation_skewed(network_weather.window_max);
    p->memory = simulation_take(p->window);
    p->arrival.happen = on_arrival;
    p->on_arrival = arrives;
}

/* --- What reaches the program ----------------------------------------------------------------- */

static bool has_space(const struct wire *w)
{
    return pipe_room(&w->down) >= w->down.window / 3;
}

uint32_t wire_events(struct descriptor *d)
{
    struct wire *w = CONTAINER_OF(d, struct wire, descriptor);
    uint32_t events = 0;
    if (w->state == WIRE_CONNECTING)
        return 0;
    if (w->state == WIRE_NEW) /* refused */
        return SIMULATED_IN | SIMULATED_OUT | SIMULATED_RDHUP | SIMULATED_HUP |
               (w->error ? SIMULATED_ERR : 0);
    bool no_more = w->up.fin_arrived || w->shut_read || w->is_reset;
    if (w->up.arrived > w->up.taken || no_more)
        events |= SIMULATED_IN;
    if (no_more)
        events |= SIMULATED_RDHUP;
    if (w->is_reset || (no_more && w->shut_write))
        events |= SIMULATED_HUP;
    if (w->error)
        events |= SIMULATED_ERR;
    if (w->shut_write || w->is_reset || has_space(w))
        events |= SIMULATED_OUT;
    else
        w->lacks_space = true; /* who has looked wants to know */
    return events;
}

static void wake(struct wire *w)
{
    if (w->descriptor.fd >= 0)
        descriptor_wake(&w->descriptor);
}

static void note_reset(struct wire *w)
{
    w->error = w->up.fin_arrived ? EPIPE : ECONNRESET;
    w->is_reset = true;
    pipe_stop(&w->down);
}

static void arrive_up(struct pipe *p, size_t piece)
{
    struct wire *w = CONTAINER_OF(p, struct wire, up);
    if (w->is_closed) { /* nobody is there: a reset comes back */
        if (piece)
            pipe_reset(&w->down);
        if (piece || p->reset_arrived)
            pipe_stop(p);
        return;
    }
    if (p->reset_arrived)
        note_reset(w);
    wake(w);
}

void wire_pump(struct wire *w)
{
    struct peer *peer = &w->peer;
    while (peer->first && !w->up.is_dead && pipe_room(&w->up)) {
        struct outgoing *o = peer->first;
        size_t room = pipe_room(&w->up), part = o->bytes.len < room ? o->bytes.len : room;
        pipe_put(&w->up, o->bytes.ptr, part);
        o->bytes = slice_after(o->bytes, part);
        if (o->bytes.len)
            break;
        peer->first = o->next;
    }
    if (!peer->first) {
        peer->last = &peer->first;
        if (peer->ends && !w->up.fin_sent)
            pipe_end(&w->up);
    }
}

/* --- What reaches the peer -------------------------------------------------------------------- */

static void give_space(struct wire *w)
{
    if (!w->lacks_space || !has_space(w))
        return;
    w->lacks_space = false;
    wake(w);
}

/* Hands over what has arrived, as the peer's appetite allows. */
static void feed(struct wire *w)
{
    struct peer *peer = &w->peer;
    char bytes[4096];
    while (!peer->is_paused && !peer->is_resting && !peer->is_closed &&
           w->down.arrived > w->down.taken) {
        size_t part = (size_t)(w->down.arrived - w->down.taken);
        size_t most = peer->bite && peer->bite < sizeof bytes ? peer->bite : sizeof bytes;
        part = part < most ? part : most;
        pipe_take(&w->down, bytes, part);
        give_space(w);
        if (peer->bite) {
            peer->is_resting = true;
            happening_plan(&peer->rest, peer->rest_us);
        }
        peer->role->received(peer, slice_of(bytes, part));
    }
    if (peer->is_closed || peer->is_paused || w->down.arrived > w->down.taken)
        return;
    if (w->down.fin_arrived && !peer->was_told_end) {
        peer->was_told_end = true;
        peer->role->ended(peer);
    }
}

static void on_rested(struct happening *h)
{
    struct peer *peer = CONTAINER_OF(h, struct peer, rest);
    peer->is_resting = false;
    feed(CONTAINER_OF(peer, struct wire, peer));
}

static void break_peer(struct wire *w)
{
    struct peer *peer = &w->peer;
    happening_clear(&peer->rest);
    pipe_stop(&w->up);
    peer->first = NULL;
    peer->last = &peer->first;
    bool tell = !peer->is_closed && !peer->is_broken;
    peer->is_broken = true;
    if (tell)
        peer->role->broken(peer);
}

static void arrive_down(struct pipe *p, size_t piece)
{
    struct wire *w = CONTAINER_OF(p, struct wire, down);
    if (w->peer.is_closed) {
        pipe_take(p, NULL, (size_t)(p->arrived - p->taken));
        give_space(w);
        if (piece && !w->is_closed)
            pipe_reset(&w->up); /* nobody is there */
        return;
    }
    feed(w);
    if (p->reset_arrived)
        break_peer(w);
}

/* --- Connections ------------------------------------------------------------------------------ */

/* The line is cut: both ends learn of it by a reset. */
static void on_cut(struct happening *h)
{
    struct wire *w = CONTAINER_OF(h, struct wire, cut);
    if (!w->is_closed && !w->is_reset)
        pipe_reset(&w->up);
    if (!w->peer.is_broken)
        pipe_reset(&w->down);
}

struct wire *wire_make(void)
{
    struct wire *w = simulation_take(sizeof *w);
    w->descriptor.fd = -1;
    list_open(&w->queued);
    w->peer.last = &w->peer.first;
    w->peer.rest.happen = on_rested;
    w->cut.happen = on_cut;
    pipe_open(&w->up, arrive_up);
    pipe_open(&w->down, arrive_down);
    w->up.arrival.is_small = true; /* it wakes a descriptor, no more */
    w->next = wires;
    wires = w;
    return w;
}

void wire_open(struct wire *w)
{
    w->state = WIRE_OPEN;
    if (simulation_chance(network_weather.breaks))
        happening_plan(&w->cut, (int64_t)simulation_skewed(20000000));
}

struct wire *wire_of(int fd)
{
    struct descriptor *d = descriptor_of(fd);
    ASSERT(d->events == wire_events);
    return CONTAINER_OF(d, struct wire, descriptor);
}

/* --- Listeners and servers -------------------------------------------------------------------- */

static uint32_t listening_events(struct descriptor *d)
{
    struct listening *l = CONTAINER_OF(d, struct listening, descriptor);
    return list_is_empty(&l->queue) ? 0 : SIMULATED_IN;
}

int network_listen(const struct address *at)
{
    struct listening *l = simulation_take(sizeof *l);
    l->address = *at;
    list_open(&l->queue);
    int result = descriptor_open(&l->descriptor, listening_events);
    ASSERT(result == 0);
    return l->descriptor.fd;
}

static void turn_away(struct wire *w)
{
    w->is_closed = true;
    pipe_reset(&w->down);
}

void listening_stop(int fd)
{
    struct listening *l = CONTAINER_OF(descriptor_of(fd), struct listening, descriptor);
    LIST_EACH(node, &l->queue)
    {
        struct wire *w = LIST_ENTRY(node, struct wire, queued);
        list_remove(&w->queued);
        turn_away(w);
    }
    l->is_stopped = true;
}

void network_unlisten(int fd)
{
    listening_stop(fd);
    descriptor_close(descriptor_of(fd));
}

/* The client's SYN has come. */
static void on_client(struct happening *h)
{
    struct wire *w = CONTAINER_OF(h, struct wire, opening);
    wire_open(w);
    wire_pump(w);
}

struct peer *network_connect(int listener, const struct address *from, const struct role *role,
                             void *owner)
{
    struct listening *l = CONTAINER_OF(descriptor_of(listener), struct listening, descriptor);
    struct wire *w = wire_make();
    w->remote = *from;
    w->local = l->address;
    w->peer.role = role;
    w->peer.owner = owner;
    w->opening.happen = on_client;
    if (l->is_stopped)
        turn_away(w);
    else
        list_push_back(&l->queue, &w->queued);
    on_client(&w->opening);
    return &w->peer;
}

void network_serve(const struct address *at, const struct role *role, void *owner)
{
    struct server *s = simulation_take(sizeof *s);
    *s = (struct server){ .at = *at, .role = role, .owner = owner, .next = servers };
    servers = s;
}

const struct server *network_find(const struct address *at)
{
    for (const struct server *s = servers; s; s = s->next)
        if (address_equal(&s->at, at))
            return s;
    return NULL;
}

/* --- Peers ------------------------------------------------------------------------------------ */

void *peer_owner(const struct peer *p)
{
    return p->owner;
}

void peer_set_owner(struct peer *p, void *owner)
{
    p->owner = owner;
}

bool peer_is_open(const struct peer *p)
{
    return !p->is_broken && !p->is_closed;
}

void peer_send(struct peer *p, slice bytes)
{
    if (!peer_is_open(p) || p->ends || !bytes.len)
        return;
    struct outgoing *o = simulation_take(sizeof *o + bytes.len);
    memcpy(o + 1, bytes.ptr, bytes.len);
    *o = (struct outgoing){ .bytes = slice_of((char *)(o + 1), bytes.len) };
    *p->last = o;
    p->last = &o->next;
    wire_pump(CONTAINER_OF(p, struct wire, peer));
}

void peer_end(struct peer *p)
{
    if (!peer_is_open(p) || p->ends)
        return;
    p->ends = true;
    wire_pump(CONTAINER_OF(p, struct wire, peer));
}

void peer_close(struct peer *p)
{
    struct wire *w = CONTAINER_OF(p, struct wire, peer);
    if (!peer_is_open(p))
        return;
    if (w->down.arrived > w->down.taken) { /* unread bytes */
        peer_reset(p);
        return;
    }
    peer_end(p);
    p->is_closed = true;
    happening_clear(&p->rest);
}

void peer_reset(struct peer *p)
{
    struct wire *w = CONTAINER_OF(p, struct wire, peer);
    if (!peer_is_open(p))
        return;
    p->is_closed = true;
    p->first = NULL;
    p->last = &p->first;
    happening_clear(&p->rest);
    if (!w->is_closed)
        pipe_reset(&w->up);
}

void peer_read_slowly(struct peer *p, uint32_t bytes, int64_t rest_us)
{
    p->bite = bytes;
    p->rest_us = rest_us;
}

void peer_pause(struct peer *p, bool paused)
{
    p->is_paused = paused;
    if (!paused)
        feed(CONTAINER_OF(p, struct wire, peer));
}
