/* The worker's scratch memory: one large block for bodies that pass through and one for heads being
 * written, shared by all fibers. Nobody waits while owning it: what the kernel does not take at
 * once is copied to a buffer of its own (within `limits buffered`), and reading stops meanwhile. */
#pragma once

#include "base/writer.h"
#include "net/socket.h"

#define SCRATCH_BODY_BYTES (256u << 10)

extern char scratch_body[SCRATCH_BODY_BYTES];

/* Memory for one message head; as large as any head can get with our own additions. */
struct writer scratch_head(void);

/* What the kernel did not take, copied out of scratch memory. */
struct unsent {
    struct buffer *rest;  /* plain bytes; NULL: none are left */
    bool waits_as_record; /* TLS has some that count as written */
};

static inline bool unsent_is_none(const struct unsent *unsent)
{
    return !unsent->rest && !unsent->waits_as_record;
}

/* Sends the parts, which may lie in scratch memory, gathered, without waiting.
 *
 * unsent      takes over what did not go; hand it to scratch_send_rest
 * written     counts the bytes that went, also on failure
 * returns     0 · -ENOBUFS `limits buffered` is reached · -errno of the socket */
MUST_CHECK int scratch_send_now(struct socket *s, const struct iovec *parts, int count,
                                struct unsent *unsent, uint64_t *written);

struct send_options {
    int64_t stall_ms;    /* no byte taken for that long: -ETIMEDOUT */
    int64_t deadline_ms; /* of the whole */
};

/* Waits until the rest has gone and frees it; with an earlier error it only frees. */
MAY_WAIT int scratch_send_rest(struct socket *s, struct unsent *unsent, int earlier_error,
                               const struct send_options *options, uint64_t *written);

/* Both in one, for senders that keep nothing else in scratch memory. */
MAY_WAIT int scratch_send(struct socket *s, const struct iovec *parts, int count,
                          const struct send_options *options, uint64_t *written);
