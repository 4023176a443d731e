#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "proxy/gate_state.h"
#include "proxy/h2_upstream.h"
#include "proxy/upstream_protocol.h"
#include "proxy/upstream_state.h"

/* One that was idle for longer is asked whether it is there before a request is risked on it. */
#define ASK_AFTER_MS 2000

/* How many bytes of one body may wait here. */
#define STREAM_WINDOW (256u << 10)

/* The heads that may wait at a stream: as many interim ones as an exchange would take. */
#define HEADS_MAX 16u

/* A server may make this much noise at once, and one frame more for so many bytes that have gone
 * either way: window updates come with data. */
#define NOISE_MAX       1000u
#define BYTES_PER_NOISE 128u

/* So much may come while nobody has asked for anything: PING, SETTINGS, GOAWAY; besides what was on
 * its way for streams that were given up. */
#define IDLE_BYTES_MAX (16u << 10)

/* --- Floods ----------------------------------------------------------------------------------- */

static bool is_noise(const nghttp2_frame_hd *head)
{
    if (head->type == NGHTTP2_DATA)
        return head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM);
    return head->type != NGHTTP2_HEADERS;
}

static int on_frame(struct h2_session *s, const nghttp2_frame_hd *head)
{
    struct h2_link *link = s->owner;
    if (!is_noise(head))
        return 0;
    if (++link->noise <= NOISE_MAX + (s->bytes_read + s->bytes_written) / BYTES_PER_NOISE)
        return 0;
    link->is_flooded = true;
    s->why = "more frames that move nothing than a server needs";
    return -EPROTO;
}

static const struct h2_events events = { .on_frame = on_frame };

/* --- Life ------------------------------------------------------------------------------------- */

static void note_idle(struct h2_link *link, bool is_idle)
{
    uint64_t *server = &upstream_counters_of(link->base.server)->idle;
    *server = is_idle ? *server + 1 : *server - 1;
    gate.counters->upstream_idle += is_idle ? 1u : (uint64_t)-1;
}

static void destroy(struct h2_link *link)
{
    timer_clear(&link->base.timer);
    h2_session_close(&link->session);
    upstream_destroy(&link->base);
}

static void run(void *argument)
{
    struct h2_link *link = argument;
    struct h2_session *s = &link->session;
    int result = h2_session_begin(s);
    while (result == 0) {
        result = h2_session_receive(s, NEVER);
        if (link->users == 0 &&
            s->bytes_read - link->idle_since_bytes > IDLE_BYTES_MAX + link->late_bytes)
            result = -EPROTO;
    }
    h2_session_fail(s, result);
    h2_session_end(s);
    list_remove(&link->base.link);
    timer_clear(&link->base.timer);
    link->reader = NULL;
    if (s->failed != -ECONNRESET)
        socket_close(&link->base.socket); /* the server hears of it before its slowest client */
    if (link->users)
        return; /* the last of them frees it */
    note_idle(link, false);
    destroy(link);
}

static void on_idle_timeout(struct timer *t)
{
    struct h2_link *link = CONTAINER_OF(t, struct h2_link, base.timer);
    if (link->users == 0 && link->reader)
        fiber_cancel(link->reader);
}

/* What stands in front of a connection tells of one client. */
static bool may_be_shared(const struct origin *o)
{
    return o->proxy_protocol == PROXY_PROTOCOL_OFF;
}

int h2_link_begin(struct upstream *u)
{
    struct h2_link *link = h2_link_of(u);
    const struct limits_global *limits = &gate.configuration->limits;
    const struct timeout_settings *timeouts = gate.configuration->defaults[FEATURE_TIMEOUT];
    struct h2_settings settings = { .stream_window = STREAM_WINDOW,
                                    .head_bytes_max = limits->head_bytes_max,
                                    .head_fields_max = limits->fields_max + 1, /* :status */
                                    .heads_max = HEADS_MAX,
                                    .stall_ms = timeouts->send_ms };
    TRY(h2_session_open(&link->session, &u->socket, &settings, &events, link));
    int result = fiber_start("h2-origin", run, link, &link->reader);
    if (result != 0) {
        h2_session_close(&link->session);
        return result;
    }
    u->protocol = &h2_upstream;
    timer_init(&u->timer, on_idle_timeout);
    if (may_be_shared(u->server->origin))
        list_push_front(&upstream_state_of(u->server)->links, &u->link);
    link->users = 1;
    return 0;
}

void h2_link_let_go(struct upstream *u)
{
    struct h2_link *link = h2_link_of(u);
    ASSERT(link->users);
    if (--link->users)
        return;
    if (!link->reader) {
        destroy(link);
        return;
    }
    note_idle(link, true);
    link->idle_since_ms = loop_now_ms();
    link->idle_since_bytes = link->session.bytes_read;
    if (link->session.failed || link->session.is_going || gate.is_draining ||
        u->server->origin->idle_max == 0 || !may_be_shared(u->server->origin))
        fiber_cancel(link->reader);
    else
        timer_set(&u->timer, loop_now_ms() + u->server->origin->idle_ms);
}

static void hold(struct h2_link *link)
{
    if (link->users++ == 0)
        note_idle(link, false);
    timer_clear(&link->base.timer);
}

void h2_links_close_idle(const struct server *s)
{
    LIST_EACH(node, &upstream_state_of(s)->links)
    {
        struct h2_link *link =
            CONTAINER_OF(LIST_ENTRY(node, struct upstream, link), struct h2_link, base);
        if (link->users == 0 && link->reader)
            fiber_cancel(link->reader);
    }
}

/* --- Finding ---------------------------------------------------------------------------------- */

static struct h2_link *first_with_room(const struct server *s)
{
    LIST_EACH(node, &upstream_state_of(s)->links)
    {
        struct h2_link *link = h2_link_of(LIST_ENTRY(node, struct upstream, link));
        if (h2_session_has_room(&link->session) && !link->base.socket.poll.hangup)
            return link;
    }
    return NULL;
}

/* 0 it is there · -ECANCELED · -errno it is not */
static int ask(struct exchange *x, struct h2_link *link, int64_t idle_ms)
{
    if (idle_ms < ASK_AFTER_MS)
        return 0;
    int64_t span = upstream_timeouts(x, link->base.server->origin).connect_ms;
    int result = h2_session_ping(&link->session, exchange_deadline(x, span));
    if (result != 0 && result != -ECANCELED)
        h2_session_fail(&link->session, result);
    return result;
}

struct upstream *h2_link_find(struct exchange *x, const struct server *s, int *reterr)
{
    struct h2_link *link;
    *reterr = 0;
    while ((link = first_with_room(s))) {
        int64_t idle_ms = link->users ? 0 : loop_now_ms() - link->idle_since_ms;
        hold(link);
        int result = ask(x, link, idle_ms);
        if (result == 0 && h2_session_has_room(&link->session))
            return &link->base;
        h2_link_let_go(&link->base);
        if (result == -ECANCELED) {
            *reterr = result;
            return NULL;
        }
    }
    return NULL;
}

int h2_link_takes_websocket(struct upstream *u, int64_t deadline_ms)
{
    struct h2_session *s = &h2_link_of(u)->session;
    while (!s->settled && s->failed == 0)
        TRY(event_wait(&s->answered, deadline_ms));
    if (s->failed)
        return -ECONNRESET;
    return nghttp2_session_get_remote_settings(s->nghttp2,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}
