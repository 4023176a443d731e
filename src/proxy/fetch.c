#include "proxy/fetch.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/deliver.h"
#include "proxy/gate_state.h"
#include "proxy/upload.h"
#include "proxy/upstream_protocol.h"

#define INTERIM_MAX     16u /* interim responses before the final one */
#define SEND_PASSES_MAX 2u  /* a reused connection, then a fresh one */

/* --- For the protocols ------------------------------------------------------------------------ */

void fetch_write_path(const struct exchange *x, struct writer *w)
{
    const struct target_settings *target = exchange_block(x, FEATURE_TARGET);
    if (target->prefix.len && x->target.form != TARGET_ASTERISK) {
        slice prefix = target->prefix;
        if (prefix.ptr[prefix.len - 1] == '/')
            prefix.len--;
        writer_slice_add(w, prefix);
    }
    writer_slice_add(w, x->path);
    if (x->target.has_query) {
        writer_byte(w, '?');
        writer_slice_add(w, x->target.query);
    }
}

void fetch_write_authority(const struct exchange *x, struct writer *w)
{
    const struct server *s = x->server;
    if (x->origin_host.len) {
        writer_slice_add(w, x->origin_host);
    } else if (x->host.len) {
        exchange_write_host(x, w);
    } else if (s->is_name) {
        writer_slice_add(w, s->host);
        writer_byte(w, ':');
        writer_decimal(w, s->port);
    } else if (s->address.any.sa_family == AF_UNIX) {
        writer_literal(w, "localhost");
    } else {
        address_write(w, &s->address);
    }
}

int64_t fetch_head_deadline(const struct exchange *x)
{
    int64_t span = upstream_timeouts(x, x->upstream->server->origin).head_ms;
    int64_t sent_ms = x->times.sent / 1000;
    if (x->upload.state == UPLOAD_RUNNING || sent_ms == 0)
        return exchange_deadline(x, span);
    int64_t deadline = sent_ms + span + 1;
    return deadline < x->deadline_ms ? deadline : x->deadline_ms;
}

int fetch_fail(struct exchange *x, uint16_t status, const char *reason, const char *text)
{
    upstream_counters(x)->failures++;
    return exchange_refuse(x, FAULT_UPSTREAM, status, reason, text);
}

/* While the request's body is still to come it is the client who is late. */
static int refuse_total(struct exchange *x)
{
    if (x->upload.state == UPLOAD_RUNNING)
        return exchange_refuse_total(x, FAULT_CLIENT);
    upstream_counters(x)->failures++;
    return exchange_refuse_total(x, FAULT_UPSTREAM);
}

int fetch_note_failure(struct exchange *x, ssize_t got)
{
    if (x->upload.is_cut)
        return -EREFUSED; /* the upload has said why, and aborted the socket */
    if (got == -ECANCELED)
        return -ECANCELED;
    if (got == -ETIMEDOUT)
        return exchange_is_over(x) ? refuse_total(x)
                                   : fetch_fail(x, 504, "upstream.head-timeout",
                                                "the origin did not answer within `timeout head`");
    return -ECONNRESET; /* closed or reset: the caller knows whether that may be retried */
}

/* --- The response head ------------------------------------------------------------------------ */

/* 103 (Early Hints) goes on to clients that can take it; others end here. */
static int relay_interim(struct exchange *x)
{
    if (x->response.status != 103)
        return 0;
    response_hide_origin(x);
    TRY(x->protocol->send_interim(x));
    if (x->upload.state != UPLOAD_RUNNING)
        client_watch(x);
    return 0;
}

/* The final response's head, behind at most INTERIM_MAX interim ones. */
static int read_final_head(struct exchange *x)
{
    for (uint32_t interim = 0; interim <= INTERIM_MAX; interim++) {
        TRY(x->upstream->protocol->read_head(x));
        if (x->response.status >= 200 || x->response.status == 101)
            return 0;
        TRY(relay_interim(x));
    }
    return fetch_fail(x, 502, "upstream.interim", "the origin sent too many interim responses");
}

/* --- One attempt, and whether there may be another -------------------------------------------- */

static int attempt(struct exchange *x)
{
    TRY(x->upstream->protocol->request(x));
    int result = upload_begin(x);
    if (result == -EREFUSED || result == -ECANCELED)
        return result;
    /* When the origin no longer takes our bytes its answer may still be there: read on. */
    if (x->upload.state != UPLOAD_RUNNING)
        client_watch(x);
    return read_final_head(x);
}

/* RFC 9110 §9.2.2: only what provably was not processed, or may safely be processed twice, goes out
 * again; and only when a reused connection was closed before a byte of an answer. */
static bool may_repeat(const struct exchange *x, int result)
{
    if (result != -ECONNRESET || !upload_can_repeat(x))
        return false;
    if (x->upstream->protocol->was_not_processed(x))
        return true;
    return x->upstream->requests > 1 && x->response_bytes == 0 &&
           (method_is_idempotent(x->request.method) || x->to_origin->written == 0);
}

static void discard_attempt(struct exchange *x)
{
    client_unwatch(x);
    buffer_drop(&x->response_buffer);
    x->response_more = slice_of(NULL, 0);
    x->response_bytes = 0;
    x->response_reusable = false;
    upstream_release(x);
    upload_rewind(x);
    gate.counters->retries++;
}

int exchange_fetch(struct exchange *x)
{
    const struct target_settings *target = exchange_block(x, FEATURE_TARGET);
    if (!target->origin)
        return exchange_refuse(x, FAULT_POLICY, 404, "route.nothing",
                               "this route has neither `to` nor an answer of its own");
    int result = 0;
    for (uint32_t pass = 0; pass < SEND_PASSES_MAX; pass++) {
        TRY(upstream_take(x, target->origin, pass > 0));
        result = attempt(x);
        if (result == 0) {
            x->times.head = loop_now_us();
            histogram_add(&upstream_counters(x)->head_time, x->times.head - x->times.chosen);
            x->origin_status = x->response.status;
            x->origin_fields = x->response.fields;
            x->is_tunnel = x->response.is_websocket;
            return 0;
        }
        if (pass + 1 == SEND_PASSES_MAX || !may_repeat(x, result))
            break;
        discard_attempt(x);
    }
    if (result == -ECONNRESET && upstream_refused_us(x))
        return fetch_fail(x, x->server_failure.status, x->server_failure.reason,
                          x->server_failure.text);
    if (result == -ECONNRESET)
        return fetch_fail(x, 502, "upstream.closed",
                          "the origin closed the connection without a complete response head");
    return result;
}
