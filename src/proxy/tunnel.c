#include "proxy/tunnel.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/deliver.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/relay.h"
#include "proxy/upstream_protocol.h"

/* One direction. Both know when anything last moved. */
struct direction {
    struct exchange *x;
    struct relay relay;
    int64_t *last_ms;
};

static int64_t idle_deadline(const struct direction *d)
{
    return *d->last_ms + upstream_timeouts(d->x, d->x->upstream->server->origin).tunnel_ms;
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

/* The next bytes. 0 · -errno */
static int wait_for_more(struct direction *d)
{
    struct body_source *from = d->relay.from;
    int result;
    if (from->operations->release)
        from->operations->release(from);
    do /* the other direction may have been alive meanwhile */
        result = from->operations->wait(from, idle_deadline(d));
    while (result == -ETIMEDOUT && idle_deadline(d) > loop_now_ms());
    *d->last_ms = result == 0 ? loop_now_ms() : *d->last_ms;
    return result;
}

/* What is there goes, then what comes, until the end of this side. 0 · -errno */
static int move(struct direction *d)
{
    int result = relay_begin(&d->relay);
    while (result == 0 && !d->relay.from->ended) {
        result = wait_for_more(d);
        if (result == 0)
            result = relay_begin(&d->relay);
    }
    return result;
}

static void run(struct direction *d)
{
    struct body_sink *to = d->relay.to;
    int result = move(d);
    if (result == 0) {
        to->operations->finish(to); /* the end of one side is passed on */
        return;
    }
    if (result == -ETIMEDOUT)
        note_timeout(d);
    to->operations->abort(to); /* an error ends both */
}

static void run_upward(void *argument)
{
    run(argument);
}

/* The word that the tunnel is open, which goes with the first bytes of the origin. */
static int make_switch(struct exchange *x)
{
    struct response_shape shape = { .has_length = false };
    x->status = 101;
    response_hide_origin(x);
    TRY(filters_run(x, ON_DELIVER));
    TRY(fields_add(&x->response.fields, field_name_of(FIELD_X_REQUEST_ID), x->request_id,
                   FIELD_X_REQUEST_ID));
    return x->protocol->respond(x, &shape);
}

/* The origin's side, what it sent behind its agreement included, and the client's. */
static void open_ends(struct exchange *x)
{
    x->upstream->protocol->open_tunnel(x);
    x->protocol->open_tunnel(x);
}

static struct relay upward(const struct exchange *x)
{
    return (struct relay){ .from = x->from_client,
                           .to = x->to_origin,
                           .stall_ms = upstream_timeouts(x, x->upstream->server->origin).send_ms,
                           .deadline_ms = NEVER };
}

static struct relay downward(const struct exchange *x)
{
    return (struct relay){ .from = x->from_origin,
                           .to = x->to_client,
                           .stall_ms = exchange_timeouts(x)->send_ms,
                           .deadline_ms = NEVER };
}

int exchange_tunnel(struct exchange *x)
{
    int64_t last_ms = loop_now_ms();
    x->close_after = true;
    client_unwatch(x);
    open_ends(x);
    struct direction up = { x, upward(x), &last_ms }, down = { x, downward(x), &last_ms };
    TRY(make_switch(x));
    if (bundle_start(&x->upload.children, "tunnel", run_upward, &up) != 0)
        return exchange_refuse(x, FAULT_POLICY, 503, "limits.fibers",
                               "no fiber is left for the second direction of the tunnel");
    gate.counters->tunnels_open++;
    x->response_begun = true;
    run(&down);
    int result = bundle_join(&x->upload.children, NEVER);
    bundle_end(&x->upload.children); /* `up` lives on this stack */
    gate.counters->tunnels_open--;
    x->response_complete = true;
    return result == -ECANCELED ? result : 0;
}
