#include "proxy/tunnel.h"

#include <errno.h>

#include "proxy/connection.h"
#include "proxy/deliver.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/scratch.h"
#include "proxy/upstream.h"

/* One direction. Both know when anything last moved. */
struct direction {
    struct exchange *x;
    struct socket *from, *to;
    int64_t *last_ms;
    uint64_t bytes;
};

static int64_t idle_deadline(const struct direction *d)
{
    return *d->last_ms + upstream_timeouts(d->x, d->x->upstream->origin).tunnel_ms;
}

/* Why a tunnel ended that neither side has closed; for the log. */
static void note_timeout(struct direction *d)
{
    if (idle_deadline(d) <= loop_now_ms())
        (void)exchange_refuse(d->x, FAULT_CLIENT, 0, "tunnel.idle",
                              "no byte came from either side within `timeout idle`");
    else
        (void)exchange_refuse(d->x, FAULT_CLIENT, 0, "timeout.send",
                              "one side took no byte within `timeout send`");
}

static int move_some(struct direction *d)
{
    ssize_t got = socket_read(d->from, scratch_body, SCRATCH_BODY_BYTES, idle_deadline(d));
    if (got == -ETIMEDOUT && idle_deadline(d) > loop_now_ms())
        return 0; /* the other direction was alive meanwhile */
    if (got <= 0)
        return got == 0 ? -EPIPE : (int)got;
    *d->last_ms = loop_now_ms();
    struct iovec part = { scratch_body, (size_t)got };
    struct send_options options = { .stall_ms = exchange_timeouts(d->x)->send_ms,
                                    .deadline_ms = NEVER };
    return scratch_send(d->to, &part, 1, &options, &d->bytes);
}

static void move_all(struct direction *d)
{
    int result;
    do
        result = move_some(d);
    while (result == 0);
    if (result == -EPIPE) {
        socket_shutdown_write(d->to); /* the end of one side is passed on */
        return;
    }
    if (result == -ETIMEDOUT)
        note_timeout(d);
    socket_abort(d->to); /* an error ends both */
}

static void run_upward(void *argument)
{
    move_all(argument);
}

/* The 101 and what the origin sent behind it. */
static int send_switch(struct exchange *x)
{
    struct writer w = response_head_begin(x, 101);
    h1_write_fields(&w, &x->response.fields);
    h1_write_field(&w, field_name_of(FIELD_X_REQUEST_ID), x->request_id);
    writer_literal(&w, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    if (w.overflowed)
        return -EMSGSIZE;
    struct buffer *b = x->response_buffer;
    slice behind = b ? slice_of(b->memory + b->start, buffer_length(b)) : x->response_more;
    struct iovec parts[2] = { { w.ptr, w.len }, { (void *)(uintptr_t)behind.ptr, behind.len } };
    struct send_options options = { .stall_ms = exchange_timeouts(x)->send_ms,
                                    .deadline_ms = x->deadline_ms };
    x->status = 101;
    x->response_begun = true;
    int result = scratch_send(&x->connection->socket, parts, 2, &options, &x->bytes_out);
    buffer_drop(&x->response_buffer);
    return result;
}

/* Frames that the client sent before it had seen the 101. */
static int send_early_frames(struct exchange *x)
{
    struct buffer *b = x->head_buffer;
    struct iovec part = { b->memory + b->start, buffer_length(b) };
    if (part.iov_len == 0)
        return 0;
    x->bytes_in += part.iov_len;
    b->start = b->end;
    int64_t stall_ms = upstream_timeouts(x, x->upstream->origin).send_ms;
    int result = socket_write(&x->upstream->socket, &part, 1, stall_ms, x->deadline_ms, NULL);
    if (result == 0 || result == -ECANCELED)
        return result;
    return result == -ETIMEDOUT
               ? exchange_refuse(x, FAULT_UPSTREAM, 0, "upstream.send-timeout",
                                 "the origin took no byte of the tunnel within `timeout send`")
               : exchange_refuse(x, FAULT_UPSTREAM, 0, "upstream.closed",
                                 "the origin closed the tunnel that it had just opened");
}

int exchange_tunnel(struct exchange *x)
{
    int64_t last_ms = loop_now_ms();
    struct direction up = { x, &x->connection->socket, &x->upstream->socket, &last_ms, 0 };
    struct direction down = { x, &x->upstream->socket, &x->connection->socket, &last_ms, 0 };
    x->close_after = true;
    connection_unwatch(x->connection);
    response_hide_origin(x);
    TRY(filters_run(x, ON_DELIVER));
    TRY(send_switch(x));
    TRY(send_early_frames(x));
    if (bundle_start(&x->upload.children, "tunnel", run_upward, &up) != 0)
        return exchange_refuse(x, FAULT_POLICY, 503, "limits.fibers",
                               "no fiber is left for the second direction of the tunnel");
    gate.counters->tunnels_open++;
    move_all(&down);
    int result = bundle_join(&x->upload.children, NEVER);
    bundle_end(&x->upload.children); /* `up` lives on this stack */
    gate.counters->tunnels_open--;
    x->bytes_in += up.bytes;
    x->bytes_out += down.bytes;
    x->body_bytes_out = down.bytes;
    x->response_complete = true;
    return result == -ECANCELED ? result : 0;
}
