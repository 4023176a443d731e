#include "proxy/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "net/tls.h"
#include "proxy/client.h"
#include "proxy/connection.h"
#include "proxy/deliver.h"
#include "proxy/fetch.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/h2_stream.h"
#include "proxy/receive.h"
#include "proxy/refusal.h"
#include "proxy/tunnel.h"
#include "proxy/upstream.h"

/* The life of a request. Each stage returns 0 to go on; anything else ends the exchange and is
 * turned into a response by exchange_run alone. Bodies stream: the request's goes out in a child
 * fiber while the response is read, the response's is relayed by exchange_deliver. */
static int exchange_serve(struct exchange *x)
{
    TRY(exchange_receive(x));         /* 1 head parsed and judged strictly, made canonical        */
    TRY(exchange_route(x));           /* 2 site and route found; their settings are in force      */
    TRY(filters_run(x, ON_REQUEST));  /* 3 access, header edits, redirect or respond              */
    TRY(exchange_fetch(x));           /* 6 choose, connect, send, read the head; retries          */
    TRY(filters_run(x, ON_RESPONSE)); /* 7 what the origin said, before anybody keeps it          */
    if (x->is_tunnel)
        return exchange_tunnel(x); /*   bytes both ways after 101 (Switching Protocols)        */
    return exchange_deliver(x);    /* 9 head and body to the client                            */
}

/* The one place where a result becomes a response. */
static void conclude(struct exchange *x, int result)
{
    if (result == -EANSWERED) {
        result = answer_deliver(x);
        if (result == 0)
            return;
    }
    failure_note_result(x, result);
    if (x->response_begun) {
        /* What is truncated is never completed for the client. */
        x->truncated = !x->response_complete;
        x->close_after = true;
        return;
    }
    x->must_linger = true; /* more of what was refused may be on its way */
    if (x->failure.status == 0 || refusal_deliver(x) != 0)
        x->close_after = true;
}

static void finish_upload(struct exchange *x)
{
    bool unread = x->upload.state == UPLOAD_RUNNING || x->upload.state == UPLOAD_FAILED;
    if (unread && !x->from_client->ended) { /* the client may still be sending it */
        x->close_after = true;
        x->must_linger = true;
        x->response_reusable = false;
    }
    bundle_end(&x->upload.children);
}

static void count_bytes(struct exchange *x)
{
    const struct body_sink *to = x->to_client;
    x->bytes_in += x->from_client->bytes_read;
    x->bytes_out += to->written;
    x->body_bytes_out = to->written > to->head_written ? to->written - to->head_written : 0;
}

void exchange_run(struct exchange *x)
{
    bundle_open(&x->upload.children);
    int result = exchange_serve(x);
    if (result != 0)
        conclude(x, result);
    client_unwatch(x);
    finish_upload(x);
    count_bytes(x);
    x->times.end = loop_clock_us();
    if (!exchange_keeps_connection(x))
        x->close_after = true;
    filters_finish(x);
    response_close_body(x); /* what is held of it may be looked at until here */
    upstream_release(x);
}

/* --- The pool --------------------------------------------------------------------------------- */

#define POOL_MAX 1024u

static struct exchange *pool;
static uint32_t pool_count;

static struct exchange *pool_take(void)
{
    struct exchange *x = pool;
    if (x) {
        pool = x->pool_next;
        pool_count--;
        return x;
    }
    x = malloc(sizeof *x);
    if (x)
        x->request_fields = x->response_fields = NULL;
    return x;
}

static void free_fields(struct exchange *x)
{
    if (x->request_fields && x->request_fields != x->fields_inline[0]) {
        free(x->request_fields);
        free(x->response_fields);
    }
    x->request_fields = x->response_fields = NULL;
}

/* The client's fields, and room for those that we and the configuration add. */
static bool take_fields(struct exchange *x)
{
    uint32_t capacity = gate.field_capacity;
    if (capacity <= EXCHANGE_FIELDS_INLINE) {
        x->request_fields = x->fields_inline[0];
        x->response_fields = x->fields_inline[1];
        return true;
    }
    x->request_fields = calloc(capacity, sizeof *x->request_fields);
    x->response_fields = calloc(capacity, sizeof *x->response_fields);
    if (x->request_fields && x->response_fields)
        return true;
    free(x->request_fields);
    free(x->response_fields);
    x->request_fields = x->response_fields = NULL;
    return false;
}

struct exchange *exchange_make(struct connection *c)
{
    struct exchange *x = pool_take();
    if (!x)
        return NULL;
    memset(x, 0, offsetof(struct exchange, request_fields));
    if (!take_fields(x)) {
        free(x);
        return NULL;
    }
    arena_open(&x->arena, x->arena_memory, sizeof x->arena_memory, 8192, EXCHANGE_ARENA_MAX);
    x->connection = c;
    x->protocol = &h1_client;
    x->configuration = gate.configuration;
    x->scheme = c->socket.tls ? SLICE("https") : SLICE("http");
    x->client = c->peer;
    x->client_port = c->peer_port;
    x->deadline_ms = NEVER;
    return x;
}

void exchange_free(struct exchange *x)
{
    if (x->from_client)
        x->from_client->operations->close(x->from_client);
    buffer_release(x->head_buffer);
    buffer_release(x->response_buffer);
    h2_head_drop(&x->origin_head);
    arena_close(&x->arena);
    free_fields(x);
    if (pool_count >= POOL_MAX) {
        free(x);
        return;
    }
    x->pool_next = pool;
    pool = x;
    pool_count++;
}

void exchange_pool_trim(void)
{
    while (pool) {
        struct exchange *next = pool->pool_next;
        free(pool);
        pool = next;
    }
    pool_count = 0;
}

/* --- Small questions -------------------------------------------------------------------------- */

slice exchange_ja4(const struct exchange *x)
{
    const struct tls_facts *facts = tls_facts_of(&x->connection->socket);
    return facts ? slice_from(facts->fingerprint) : slice_of(NULL, 0);
}

const struct h2_fingerprint *exchange_h2_fingerprint(const struct exchange *x)
{
    return x->client_stream ? &x->client_stream->session->fingerprint : NULL;
}

const void *exchange_block(const struct exchange *x, enum feature_slot slot)
{
    return x->route ? x->route->blocks[slot] : x->configuration->defaults[slot];
}

struct h1_limits exchange_head_limits(const struct exchange *x)
{
    const struct limits_global *limits = &x->configuration->limits;
    return (struct h1_limits){ .head_bytes_max = limits->head_bytes_max,
                               .line_bytes_max = limits->line_bytes_max,
                               .target_bytes_max = limits->target_bytes_max,
                               .fields_max = limits->fields_max };
}

int exchange_refuse(struct exchange *x, enum fault whose, uint16_t status, const char *reason,
                    const char *text)
{
    if (x->failure.whose == FAULT_NONE)
        x->failure =
            (struct failure){ .whose = whose, .status = status, .reason = reason, .text = text };
    return -EREFUSED;
}

int exchange_refuse_total(struct exchange *x, enum fault whose)
{
    if (x->has_call_deadline)
        return exchange_refuse(x, whose, 504, "grpc.deadline",
                               "the call took longer than its grpc-timeout");
    uint16_t status = whose != FAULT_CLIENT ? 504 : x->response_begun ? 0 : 408;
    return exchange_refuse(x, whose, status, "timeout.total",
                           "the exchange took longer than `timeout total`");
}

int64_t exchange_deadline(const struct exchange *x, int64_t span_ms)
{
    int64_t now = loop_now_ms();
    int64_t deadline = span_ms >= NEVER - now ? NEVER : now + span_ms;
    return deadline < x->deadline_ms ? deadline : x->deadline_ms;
}

void exchange_write_host(const struct exchange *x, struct writer *w)
{
    bool bracketed = x->authority.is_ipv6;
    if (bracketed)
        writer_byte(w, '[');
    writer_slice_add(w, x->host);
    if (bracketed)
        writer_byte(w, ']');
    if (x->authority.has_port) {
        writer_byte(w, ':');
        writer_decimal(w, x->authority.port);
    }
}

bool exchange_keeps_connection(const struct exchange *x)
{
    return !x->close_after && x->request.keep_alive && (x->keep_told || !gate.is_draining) &&
           !x->is_tunnel &&
           x->connection->requests < x->configuration->limits.requests_per_connection_max;
}
