/* The client's side of an exchange, whatever protocol it speaks: x->protocol. Nothing above it
 * knows more than this: receive, fetch, upload, deliver, refusal and tunnel are the same for all.
 * Implementations: h1_client.c, h2_client.c. The body comes from x->from_client and the response
 * goes to x->to_client, see body.h. */
#pragma once

#include "proxy/exchange.h"

/* What the response's head says about the body behind it. */
struct response_shape {
    bool has_length; /* `length` is said; also without a body (HEAD, 304) */
    uint64_t length;
    bool is_streamed; /* a body whose end nobody knows yet */
    bool is_empty;    /* no body follows, nor trailers */
};

struct client_protocol {
    /* Reads the request's head into x->request, notes x->times.received and opens x->from_client
     * and x->to_client; the last two in any case. 0 · -EREFUSED · -ECANCELED · -ENOMEM */
    MAY_WAIT int (*receive)(struct exchange *x);

    /* From watch() on a client that goes away cancels the exchange, which waits for its origin;
     * until unwatch(). Nobody reads from the client meanwhile. */
    void (*watch)(struct exchange *x);
    void (*unwatch)(struct exchange *x);

    /* 100 (Continue), and x->response with a status of 1xx where the client's version knows such.
     * 0 · -errno */
    MAY_WAIT int (*send_continue)(struct exchange *x);
    MAY_WAIT int (*send_interim)(struct exchange *x);

    /* Makes the final head ready in x->to_client, of x->status and x->response.fields, or with 101
     * the word that the tunnel is open. It goes with the first bytes of the body; until then nobody
     * may wait. 0 · -EMSGSIZE it does not fit */
    int (*respond)(struct exchange *x, const struct response_shape *shape);

    /* The request's body has been taken to its end: what stands behind it belongs to the next
     * request. */
    void (*end_body)(struct exchange *x);
    /* Nobody will take the rest of it. */
    void (*leave_body)(struct exchange *x);

    /* The request's body has turned out to be malformed: refuses the request. -EREFUSED */
    int (*refuse_body)(struct exchange *x);

    /* x->from_client becomes the client's side of the tunnel, what has already come included. */
    void (*open_tunnel)(struct exchange *x);
};

extern const struct client_protocol h1_client; /* HTTP/1.0 and 1.1 */
extern const struct client_protocol h2_client; /* HTTP/2, of x->client_stream */

static inline void client_watch(struct exchange *x)
{
    x->protocol->watch(x);
}

static inline void client_unwatch(struct exchange *x)
{
    x->protocol->unwatch(x);
}
