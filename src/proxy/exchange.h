/* An exchange: one request and its response. It is served by one fiber, as one function that reads
 * top to bottom: exchange_serve() in exchange.c.
 *
 * Made by connection.c for each request, from a pool; freed when the response is delivered and the
 * log line is written. All slices point into its arena, the connection's head buffer or the
 * configuration, and are valid until then.
 *
 * Who refuses, answers or changes something says so in x->failure or x->answer: the status, the log
 * line, the security record and the metric all come from there. */
#pragma once

#include "base/arena.h"
#include "net/socket.h"
#include "proxy/configuration.h"
#include "proxy/h1_stream.h"
#include "proxy/h2_head.h"
#include "runtime/bundle.h"
#include "runtime/loop.h"
#include "wire/h1.h"
#include "wire/uri.h"

struct client_protocol;
struct client_certificate;
struct connection;
struct h2_stream;
struct upstream;
struct waf_exchange;

/* Whose fault it is that an exchange did not go the ordinary way. */
enum fault {
    FAULT_NONE,
    FAULT_CLIENT,   /* malformed, too slow, too large, gone */
    FAULT_UPSTREAM, /* the origin: unreachable, slow, malformed, truncated */
    FAULT_OURS,     /* out of memory, descriptors, fibers */
    FAULT_POLICY,   /* the configuration says no */
};

struct failure {
    enum fault whose;   /* FAULT_NONE: nothing went wrong */
    uint16_t status;    /* for the client; 0: no response, the connection just ends */
    bool may_retry;     /* the request was provably not processed */
    const char *reason; /* a stable word: "h1.bare-lf", "access.deny", "upstream.connect" */
    const char *text;   /* one sentence for the operator; static or in the arena */
    slice allow;        /* with 405: the methods that are allowed, for Allow */
    slice where;        /* the rule's place in the configuration; empty: the route's will do */
};

/* Negative results inside the proxy that are not errno values. */
#define EANSWERED 4001 /* a filter or stage has decided: the response is in x->answer */
#define EREFUSED  4002 /* x->failure says why */

/* A response of our own: a redirect, a text, an error page. Its fields are in x->response. */
struct answer {
    bool is_set;
    uint16_t status;
    slice body;
};

/* Moments in microseconds (loop clock); 0: never came. */
struct exchange_times {
    int64_t begin;    /* the first byte of the request (or the connection, for the first) */
    int64_t received; /* the head was complete */
    int64_t chosen;   /* a connection to the origin was there */
    int64_t sent;     /* the request had gone to the origin, body included, or as far as it could */
    int64_t head;     /* the response head had come */
    int64_t end;
    int64_t wall_ms; /* begin, wall clock */
};

enum upload_state { UPLOAD_NONE, UPLOAD_RUNNING, UPLOAD_DONE, UPLOAD_FAILED };

/* The request body on its way to the origin. */
struct upload {
    enum upload_state state;
    bool is_cut;           /* never finished for the origin: x->failure says why */
    bool told_to_continue; /* 100 (Continue) has been sent */
    bool streamed;         /* bytes were taken from the client's connection for it */
    int64_t began_ms;
    bool end_told; /* the client's protocol knows that its body has been taken to the end */
    struct bundle children;
};

#define EXCHANGE_FIELDS_INLINE 128u
#define EXCHANGE_ARENA_INLINE  6144u
#define EXCHANGE_ARENA_MAX     (1u << 20)
#define REQUEST_ID_BYTES       26u

struct exchange {
    struct connection *connection;
    const struct client_protocol *protocol;
    struct h2_stream *client_stream; /* the exchange's own on a connection of HTTP/2; NULL */
    struct fiber *fiber;             /* that serves it, with a client_stream */
    const struct configuration *configuration;
    struct arena arena;

    /* Where the request's body comes from and the response goes, and the same towards the origin:
     * one of the ends below, or those of a stream of HTTP/2. */
    struct body_source *from_client, *from_origin;
    struct body_sink *to_client, *to_origin;

    /* 1 received */
    struct buffer *head_buffer; /* holds the request head and what came behind it */
    struct h1_request request;
    struct request_target target;
    struct authority authority; /* of Host */
    slice host;                 /* canonical, without port; empty when there was none */
    slice path;                 /* canonical */
    slice request_id;
    slice scheme;         /* "http" or "https": the client's, or a trusted proxy's word */
    struct ip client;     /* the client as far as trust reaches */
    uint16_t client_port; /* 0 when the client is behind a trusted proxy */
    slice request_scheme; /* what the client's :scheme says; empty in HTTP/1 */
    bool peer_is_trusted;
    slice origin_host;         /* Host for the origin when the configuration sets one; else empty */
    slice user_agent, referer; /* as the client sent them, for the log */
    slice
        forwarded_for; /* the chain believed from a trusted peer, without the client's additions */

    uint32_t client_fields; /* of request.fields: what the client sent; ours are behind them */

    struct waf_exchange *waf; /* filters/waf.h; NULL: no rules have seen it */

    const struct client_certificate *client_certificate; /* that convinced; NULL: none asked */

    /* 2 routed */
    const struct site *site;
    const struct route *route;
    int64_t deadline_ms;    /* of the whole exchange */
    bool has_call_deadline; /* it is the one that grpc-timeout says */

    /* 6 the origin */
    struct upstream *upstream;
    const struct server *server; /* the last one tried */
    uint32_t attempts;
    struct failure server_failure; /* of TLS with the last one tried */
    bool origin_reused;            /* the last one, on a connection that was kept */
    struct upload upload;
    struct h1_response response;
    uint16_t origin_status;      /* of the final head; 0: none has come */
    struct fields origin_fields; /* what came with it; of response_fields, ours are behind them */
    slice response_more;         /* what came behind the head: in scratch memory, until a wait */
    struct buffer *response_buffer;  /* or in here, when it has outlived one; else NULL */
    struct h2_stream *origin_stream; /* the exchange's own on a connection of HTTP/2; NULL */
    struct h2_head origin_head;      /* what its response's slices point into */
    uint64_t response_bytes;         /* read from the origin in this attempt */
    bool response_reusable;          /* the origin's connection may serve another request */

    /* 9 delivered */
    struct answer answer;
    struct failure failure;
    uint16_t status;     /* sent to the client; 0 none */
    bool response_begun; /* a byte of the final response has gone to the client */
    bool response_complete;
    bool close_after; /* the client's connection ends after this exchange */
    bool keep_told;   /* the response's head has promised that the connection goes on */
    bool must_linger; /* unread bytes of the client are on their way: close gently */
    bool client_gone; /* its stream was reset, or its connection ended */
    bool truncated;   /* the client must be told by a reset */
    bool is_tunnel;
    uint64_t bytes_in, bytes_out; /* on the client's connection, heads included */
    uint64_t body_bytes_out;      /* of the response behind its head: for the combined format */
    struct exchange_times times;

    struct h1_source h1_from_client, h1_from_origin;
    struct h1_sink h1_to_client, h1_to_origin;

    /* Not cleared between exchanges. */
    struct field *request_fields, *response_fields; /* the inline ones, or larger */
    struct exchange *pool_next;
    char request_id_text[REQUEST_ID_BYTES];
    char arena_memory[EXCHANGE_ARENA_INLINE] __attribute__((aligned(16)));
    struct field fields_inline[2][EXCHANGE_FIELDS_INLINE];
};

/* From and to the worker's pool. NULL when memory is out. */
struct exchange *exchange_make(struct connection *c);
void exchange_free(struct exchange *x);
void exchange_pool_trim(void);

/* Serves the next request of the connection to its end. Never fails: what went wrong has been
 * answered, logged and counted. Afterwards x->close_after says whether the connection goes on. */
void exchange_run(struct exchange *x);

/* The settings in force: the route's, or the defaults before there is one. */
const void *exchange_block(const struct exchange *x, enum feature_slot slot);
static inline const struct timeout_settings *exchange_timeouts(const struct exchange *x)
{
    return (const struct timeout_settings *)exchange_block(x, FEATURE_TIMEOUT);
}
static inline const struct limits_settings *exchange_limits(const struct exchange *x)
{
    return (const struct limits_settings *)exchange_block(x, FEATURE_LIMITS);
}

/* What a head may be like, in either direction. */
struct h1_limits exchange_head_limits(const struct exchange *x);

/* Notes the failure (the first one stays) and returns -EREFUSED. */
int exchange_refuse(struct exchange *x, enum fault whose, uint16_t status, const char *reason,
                    const char *text);

/* Refused by the client's fault, and told so, or by the configuration's will, which may be to say
 * nothing: an event for the security log. A client that merely goes away is none. */
static inline bool failure_is_refusal(const struct failure *f)
{
    return f->whose == FAULT_POLICY || (f->whose == FAULT_CLIENT && f->status != 0);
}

/* Whether `timeout total` has passed, and the refusal that says so. */
static inline bool exchange_is_over(const struct exchange *x)
{
    return loop_now_ms() >= x->deadline_ms;
}
int exchange_refuse_total(struct exchange *x, enum fault whose);

/* The fingerprint of the client's TLS (wire/ja4.h); empty: it has none. */
slice exchange_ja4(const struct exchange *x);
/* That of its HTTP/2 (wire/h2_fingerprint.h); NULL: it speaks another version. */
const struct h2_fingerprint *exchange_h2_fingerprint(const struct exchange *x);

/* now + span, but never after the exchange's own deadline. */
int64_t exchange_deadline(const struct exchange *x, int64_t span_ms);

/* Host with its port, canonical, as it is told to the origin and in redirects. */
void exchange_write_host(const struct exchange *x, struct writer *w);

/* How the client's connection stands after the response: persistent unless somebody said close.
 * What a head has promised is kept, also when a drain began meanwhile: the client may already be
 * sending its next request. */
bool exchange_keeps_connection(const struct exchange *x);
