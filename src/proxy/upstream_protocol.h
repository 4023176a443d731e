/* The origin's side of an exchange, whatever protocol it speaks: x->upstream->protocol. Nothing
 * above it knows more than this: fetch, upload, deliver and tunnel are the same for all.
 * Implementations: h1_upstream.c, h2_upstream.c. The request's body goes to x->to_origin and the
 * response's comes from x->from_origin, see body.h. */
#pragma once

#include "proxy/upstream.h"

struct upstream_protocol {
    /* Makes the request's head ready in x->to_origin; it goes with the first bytes of the body.
     * 0 · -EREFUSED · -ECONNRESET the connection takes no request any more · -ENOMEM */
    int (*request)(struct exchange *x);

    /* Reads the next head of the response, interim or final, and judges it into x->response, whose
     * slices stay valid. 0 · -EREFUSED · -ECANCELED · -ENOMEM · -ECONNRESET it ended without one */
    MAY_WAIT int (*read_head)(struct exchange *x);

    /* x->from_origin becomes what stands behind the head that was read: the response's body, or
     * none; and both ends become the tunnel's. */
    void (*open_body)(struct exchange *x, bool is_empty);
    void (*open_tunnel)(struct exchange *x);

    /* The request's body stops before its end, and must not look complete. gently: an answer may
     * still be read; else whoever waits on the connection wakes. */
    void (*cut)(struct exchange *x, bool gently);

    /* The origin has provably not processed the request. */
    bool (*was_not_processed)(const struct exchange *x);

    /* The response has come to its end: may the connection serve another request? */
    bool (*is_reusable)(const struct exchange *x);

    /* What it means that the response's body is malformed (-EPROTO of x->from_origin). */
    const char *malformed_reason, *malformed_text;

    /* The exchange is over: x->upstream goes back to the pool, or closes. */
    void (*release)(struct exchange *x);
};

/* HTTP/1.1, and streams on shared connections of HTTP/2. */
extern const struct upstream_protocol h1_upstream, h2_upstream;
