#include <errno.h>
#include <string.h>

#include "base/panic.h"
#include "net/kernel.h"
#include "net/sim/wire.h"
#include "net/socket.h"

enum call { CALL_SOCKET = 1, CALL_CONNECT, CALL_ACCEPT, CALL_RECEIVE, CALL_SEND, CALL_END };

static ssize_t told(enum call call, int fd, ssize_t result)
{
    simulation_note((uint64_t)call << 56 ^ (uint64_t)fd << 32 ^ (uint64_t)result);
    return result;
}

/* --- Connecting and accepting ----------------------------------------------------------------- */

int kernel_socket(const struct address *to)
{
    simulation_call();
    struct wire *w = wire_make();
    w->remote = *to;
    TRY(descriptor_open(&w->descriptor, wire_events));
    return (int)told(CALL_SOCKET, w->descriptor.fd, w->descriptor.fd);
}

static void meet(struct wire *w)
{
    wire_open(w);
    descriptor_wake(&w->descriptor);
    w->peer.role->opened(&w->peer);
}

static void on_answer(struct happening *h)
{
    struct wire *w = CONTAINER_OF(h, struct wire, opening);
    if (!w->error) {
        meet(w);
        return;
    }
    w->state = WIRE_NEW;
    descriptor_wake(&w->descriptor);
}

int kernel_connect(int fd, const struct address *to)
{
    struct wire *w = wire_of(fd);
    const struct server *s = network_find(to);
    simulation_call();
    if (!s)
        return (int)told(CALL_CONNECT, fd, -ECONNREFUSED);
    w->peer.role = s->role;
    w->peer.owner = s->owner;
    w->opening.happen = on_answer;
    if (simulation_chance(network_weather.connect_at_once)) {
        /* the peer hears of it later: it is not called in the middle of a turn */
        w->state = WIRE_OPEN;
        happening_plan(&w->opening, 0);
        return (int)told(CALL_CONNECT, fd, 0);
    }
    w->state = WIRE_CONNECTING;
    if (simulation_chance(network_weather.connect_refuse))
        w->error = ECONNREFUSED;
    if (w->error || !simulation_chance(network_weather.connect_hang))
        happening_plan(&w->opening, (int64_t)simulation_skewed(network_weather.delay_us_max));
    return (int)told(CALL_CONNECT, fd, -EINPROGRESS);
}

int kernel_connect_result(int fd)
{
    struct wire *w = wire_of(fd);
    int error = w->error;
    w->error = 0;
    return -error;
}

int kernel_accept(int listener, struct address *ret_peer)
{
    struct listening *l = CONTAINER_OF(descriptor_of(listener), struct listening, descriptor);
    simulation_call();
    if (list_is_empty(&l->queue))
        return (int)told(CALL_ACCEPT, listener, -EAGAIN);
    struct wire *w = LIST_ENTRY(l->queue.next, struct wire, queued);
    int result = descriptor_open(&w->descriptor, wire_events);
    if (result != 0) /* the client stays in the queue */
        return (int)told(CALL_ACCEPT, listener, result);
    list_remove(&w->queued);
    if (simulation_chance(network_weather.accept_abort)) {
        kernel_reset(w->descriptor.fd);
        return (int)told(CALL_ACCEPT, listener, -ECONNABORTED);
    }
    *ret_peer = w->remote;
    return (int)told(CALL_ACCEPT, listener, w->descriptor.fd);
}

int kernel_local_address(int fd, struct address *ret)
{
    *ret = wire_of(fd)->local;
    return 0;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

/* What a read finds when no byte is there, in the order in which Linux looks. */
static ssize_t nothing_to_read(struct wire *w)
{
    if (w->up.fin_arrived)
        return 0;
    if (w->error) {
        int error = w->error;
        w->error = 0;
        return -error;
    }
    return w->shut_read || w->is_reset ? 0 : -EAGAIN;
}

ssize_t kernel_receive(int fd, void *to, size_t bytes_max)
{
    struct wire *w = wire_of(fd);
    ASSERT(w->state == WIRE_OPEN && bytes_max > 0);
    simulation_call();
    size_t there = (size_t)(w->up.arrived - w->up.taken);
    if (there == 0)
        return told(CALL_RECEIVE, fd, nothing_to_read(w));
    size_t got = there < bytes_max ? there : bytes_max;
    pipe_take(&w->up, to, got);
    wire_pump(w);
    return told(CALL_RECEIVE, fd, (ssize_t)got);
}

ssize_t kernel_peek(int fd)
{
    struct wire *w = wire_of(fd);
    simulation_call();
    return w->up.arrived > w->up.taken ? 1 : nothing_to_read(w);
}

static ssize_t cannot_send(struct wire *w)
{
    int error = w->error ? w->error : EPIPE;
    w->error = 0;
    return -error;
}

ssize_t kernel_send(int fd, const struct iovec *parts, int count, bool is_last)
{
    struct wire *w = wire_of(fd);
    ASSERT(w->state == WIRE_OPEN);
    simulation_call();
    if (w->is_reset || w->shut_write || w->error)
        return told(CALL_SEND, fd, cannot_send(w));
    size_t asked = 0, room = pipe_room(&w->down);
    for (int i = 0; i < count; i++)
        asked += parts[i].iov_len;
    if (room > 1 && asked > 1 && simulation_chance(network_weather.short_writes))
        room = 1 + simulation_below(room < asked ? room : asked - 1);
    size_t left = asked < room ? asked : room, sent = left;
    if (sent < asked)
        w->lacks_space = true;
    for (int i = 0; i < count && left; i++) {
        size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;
        pipe_put(&w->down, parts[i].iov_base, part);
        left -= part;
    }
    return told(CALL_SEND, fd, sent || !asked ? (ssize_t)sent : -EAGAIN);
}

/* --- Ends ------------------------------------------------------------------------------------- */

void kernel_shutdown(int fd, int how)
{
    simulation_call();
    told(CALL_END, fd, how);
    if (descriptor_of(fd)->events != wire_events) {
        listening_stop(fd);
        return;
    }
    struct wire *w = wire_of(fd);
    if (w->state != WIRE_OPEN || w->is_reset)
        return;
    if (how != SHUT_WR)
        w->shut_read = true;
    if (how != SHUT_RD && !w->shut_write) {
        w->shut_write = true;
        pipe_end(&w->down);
    }
    descriptor_wake(&w->descriptor);
}

static void end(int fd, bool by_reset)
{
    struct descriptor *d = descriptor_of(fd);
    simulation_call();
    told(CALL_END, fd, by_reset ? 8 : 9);
    if (d->events != wire_events) { /* the spare one */
        descriptor_close(d);
        return;
    }
    struct wire *w = wire_of(fd);
    descriptor_close(d);
    w->is_closed = true;
    if (w->state == WIRE_CONNECTING)
        happening_clear(&w->opening);
    if (w->state != WIRE_OPEN || w->is_reset)
        return;
    if (by_reset || w->up.arrived > w->up.taken)
        pipe_reset(&w->down);
    else if (!w->shut_write)
        pipe_end(&w->down);
}

void kernel_close(int fd)
{
    end(fd, false);
}

void kernel_reset(int fd)
{
    end(fd, true);
}

static uint32_t no_events(UNUSED struct descriptor *d)
{
    return 0;
}

int kernel_spare(void)
{
    struct descriptor *d = simulation_take(sizeof *d);
    TRY(descriptor_open(d, no_events));
    return d->fd;
}

int kernel_descriptors_max(void)
{
    return DESCRIPTOR_FIRST + (int)descriptor_count_max();
}
