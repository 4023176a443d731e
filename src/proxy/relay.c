#include "proxy/relay.h"

#include <errno.h>

#include "runtime/loop.h"

static int fail(struct relay *r, enum relay_side side, int result)
{
    r->failed = side;
    return result;
}

/* What is about to be sent: pieces of what is there. */
static int fill(struct relay *r, struct pieces *p)
{
    struct body_source *from = r->from;
    p->count = 0;
    p->bytes = 0;
    if (from->operations->take(from, p) != 0)
        return fail(r, RELAY_FROM, -EPROTO);
    if (r->check && r->check(r) != 0)
        return fail(r, RELAY_CHECK, -EREMOTEIO);
    p->last = from->ended;
    p->trailers = from->ended ? from->trailers : NULL;
    return 0;
}

/* Before a wait: nothing of the source stays in scratch memory. */
static int keep(struct relay *r)
{
    bool may_lie_there = r->from && r->from->operations->keep;
    int result = may_lie_there ? r->from->operations->keep(r->from) : 0;
    if (result != 0)
        r->to->operations->drop(r->to);
    return result;
}

int relay_send(struct relay *r, struct pieces *p)
{
    int result = r->to->operations->send_now(r->to, p);
    if (LIKELY(result == 0))
        return 0;
    struct send_options options = { .stall_ms = r->stall_ms, .deadline_ms = r->deadline_ms };
    int64_t began_ms = loop_now_ms();
    if (result > 0)
        result = keep(r);
    if (result == 0)
        result = r->to->operations->flush(r->to, &options);
    r->stalled_ms += loop_now_ms() - began_ms;
    return result == 0 ? 0 : fail(r, RELAY_TO, result);
}

/* Sends everything that is there. */
static int send_all(struct relay *r)
{
    struct pieces p UNINITIALIZED;
    do {
        TRY(fill(r, &p));
        TRY(relay_send(r, &p));
    } while (p.count == PIECES_MAX && !p.last);
    return 0;
}

static bool is_over(const struct relay *r)
{
    return r->from->ended || (r->stop_at && r->from->decoded >= r->stop_at);
}

int relay_begin(struct relay *r)
{
    return send_all(r);
}

static int64_t read_deadline(const struct relay *r)
{
    int64_t deadline = loop_now_ms() + r->idle_ms;
    int64_t own = r->deadline ? r->deadline(r) : NEVER;
    deadline = own < deadline ? own : deadline;
    return deadline < r->deadline_ms ? deadline : r->deadline_ms;
}

int relay_finish(struct relay *r)
{
    struct body_source *from = r->from;
    while (!is_over(r)) {
        if (from->operations->release)
            from->operations->release(from);
        int result = from->operations->wait(from, read_deadline(r));
        if (result != 0)
            return fail(r, RELAY_FROM, result);
        TRY(send_all(r));
    }
    return 0;
}
