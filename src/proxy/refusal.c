#include "proxy/refusal.h"

#include <errno.h>

#include "base/panic.h"
#include "proxy/client.h"
#include "proxy/connection.h"
#include "proxy/deliver.h"
#include "proxy/grpc.h"
#include "wire/accept.h"

const char *fault_name(enum fault whose)
{
    switch (whose) {
    case FAULT_NONE:
        return "-";
    case FAULT_CLIENT:
        return "client";
    case FAULT_UPSTREAM:
        return "upstream";
    case FAULT_OURS:
        return "ours";
    case FAULT_POLICY:
        return "policy";
    }
    UNREACHABLE();
}

void failure_note_result(struct exchange *x, int result)
{
    switch (result) {
    case -EREFUSED:
        ASSERT(x->failure.whose != FAULT_NONE);
        break;
    case -ECANCELED:
        if (x->client_gone || x->connection->client_gone)
            (void)exchange_refuse(x, FAULT_CLIENT, 0, "client.gone",
                                  "the client hung up before the response");
        else
            (void)exchange_refuse(x, FAULT_OURS, 503, "worker.ending",
                                  "the worker ended before the exchange did");
        break;
    case -ENOMEM:
        (void)exchange_refuse(x, FAULT_OURS, 503, "resources.memory", "out of memory");
        break;
    case -ENOBUFS:
        (void)exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                              "no memory within `limits buffered`");
        break;
    case -EMSGSIZE:
        (void)exchange_refuse(x, FAULT_OURS, 500, "limits.fields",
                              "the message with our own fields is too large");
        break;
    case -ETIMEDOUT:
        if (exchange_is_over(x))
            (void)exchange_refuse_total(x, FAULT_CLIENT);
        (void)exchange_refuse(x, FAULT_CLIENT, 0, "timeout.send",
                              "the client took no byte within `timeout send`");
        break;
    default:
        (void)exchange_refuse(x, FAULT_CLIENT, 0, "client.closed", "the client closed");
    }
}

/* A sentence for the reader of the page. It says what every stranger may know. */
static slice explanation_of(uint16_t status, slice reason)
{
    if (slice_equal(reason, SLICE("auth.mtls")))
        return SLICE("This page is open only to those who show a certificate that it accepts. Your "
                     "browser or device has shown none, or one that is not accepted here.");
    static const struct {
        uint16_t status;
        slice text;
    } rows[] = {
        { 403, SLICE("This page is not open to you.") },
        { 404, SLICE("There is nothing at this address.") },
        { 405, SLICE("This address does not take requests of this kind.") },
        { 408, SLICE("The request took too long to arrive. Please try again.") },
        { 413, SLICE("What was sent is larger than this page takes.") },
        { 421, SLICE("This server does not serve the site that was asked for.") },
        { 429, SLICE("There were too many requests. Please try again later.") },
        { 502, SLICE("The application behind this page does not answer as it should. "
                     "Please try again in a moment.") },
        { 503, SLICE("The service is busy. Please try again in a moment.") },
        { 504, SLICE("The application behind this page takes too long to answer. "
                     "Please try again in a moment.") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        if (rows[i].status == status)
            return rows[i].text;
    return status < 500 ? SLICE("The server could not understand the request.")
                        : SLICE("The request could not be completed.");
}

static void write_html(struct writer *w, const struct exchange *x)
{
    slice phrase = status_phrase(x->failure.status);
    writer_literal(w, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width\">"
                      "<meta name=\"robots\" content=\"noindex\"><title>");
    writer_decimal(w, x->failure.status);
    writer_byte(w, ' ');
    writer_html(w, phrase);
    writer_literal(w, "</title><style>:root{color-scheme:light dark}"
                      "body{font:1rem/1.6 system-ui,sans-serif;margin:18vh auto 2rem;"
                      "max-width:30rem;padding:0 1.5rem;color:#1d2330;background:#f6f7f9}"
                      "main{border-top:4px solid #3657c8}h1{font-size:1.6rem;line-height:1.2}"
                      "small{color:#586174}code{font-size:1.1em}"
                      "@media(prefers-color-scheme:dark){body{color:#e4e7ee;background:#15181e}"
                      "main{border-color:#7f9bff}small{color:#9aa3b5}}"
                      "</style></head><body><main><h1>");
    writer_decimal(w, x->failure.status);
    writer_byte(w, ' ');
    writer_html(w, phrase);
    writer_literal(w, "</h1><p>");
    writer_slice_add(w, explanation_of(x->failure.status, slice_from(x->failure.reason)));
    writer_literal(w, "</p><p><small>If you ask about it, please mention this id:<br><code>");
    writer_html(w, x->request_id);
    writer_literal(w, "</code></small></p></main></body></html>\n");
}

static void write_json(struct writer *w, const struct exchange *x)
{
    writer_literal(w, "{\"status\":");
    writer_decimal(w, x->failure.status);
    writer_literal(w, ",\"error\":\"");
    writer_json(w, status_phrase(x->failure.status));
    writer_literal(w, "\",\"request_id\":\"");
    writer_json(w, x->request_id);
    writer_literal(w, "\"}\n");
}

/* What every page of ours says to browsers and caches: it is not to be kept, guessed about or put
 * into a frame, and nothing in it runs. */
static int add_page_fields(struct exchange *x, bool json)
{
    static const char policy[] =
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    TRY(answer_add(x, SLICE("Content-Type"),
                   json ? SLICE("application/json") : SLICE("text/html; charset=utf-8")));
    TRY(answer_add(x, SLICE("Cache-Control"), SLICE("no-store")));
    TRY(answer_add(x, SLICE("X-Content-Type-Options"), SLICE("nosniff")));
    return json ? 0 : answer_add(x, SLICE("Content-Security-Policy"), slice_from(policy));
}

/* What a status promises besides its number. */
static int add_status_fields(struct exchange *x)
{
    if (x->failure.status == 405) /* RFC 9110 §15.5.6: "MUST generate an Allow header field" */
        return answer_add(x, SLICE("Allow"), x->failure.allow);
    if (x->failure.status != 426)
        return 0;
    /* RFC 9110 §15.5.22: "MUST send an Upgrade header field"; RFC 6455 §4.4 */
    TRY(answer_add(x, SLICE("Upgrade"), SLICE("websocket")));
    return answer_add(x, SLICE("Sec-WebSocket-Version"), SLICE("13"));
}

int refusal_deliver(struct exchange *x)
{
    if (exchange_is_grpc(x) && x->protocol != &h1_client) {
        TRY(grpc_refuse(x));
        return answer_deliver(x);
    }
    enum { PAGE_BYTES = 2048 };
    char *memory = arena_take(&x->arena, PAGE_BYTES);
    struct writer w = writer_over(memory, memory ? PAGE_BYTES : 0);
    const struct field *accept = fields_find(&x->request.fields, FIELD_ACCEPT);
    bool json = accept && accept_prefers_json(accept->value);
    if (json)
        write_json(&w, x);
    else
        write_html(&w, x);
    answer_begin(x, x->failure.status);
    TRY(add_page_fields(x, json));
    TRY(add_status_fields(x));
    if (!w.overflowed)
        x->answer.body = writer_slice(&w);
    return answer_deliver(x);
}

void refusal_write_bare(struct socket *s, uint16_t status)
{
    if (s->awaits_tls)
        return;
    char memory[256];
    struct writer w = writer_over(memory, sizeof memory);
    slice phrase = status_phrase(status);
    h1_write_status_line(&w, status);
    writer_literal(&w, "Content-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: ");
    writer_decimal(&w, 5 + phrase.len);
    writer_literal(&w, "\r\nConnection: close\r\n\r\n");
    writer_decimal(&w, status);
    writer_byte(&w, ' ');
    writer_slice_add(&w, phrase);
    writer_byte(&w, '\n');
    struct iovec part = { memory, w.len };
    ssize_t ignored = socket_write_now(s, &part, 1);
    (void)ignored; /* a peer that does not take 200 bytes is closed without them */
    socket_shutdown_write(s);
    socket_discard_now(s);
}
