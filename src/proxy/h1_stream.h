/* HTTP/1's ends of a body, over a socket: h1_source decodes, h1_sink frames. What is read goes
 * through scratch memory; see proxy/body.h. */
#pragma once

#include "base/buffer.h"
#include "net/socket.h"
#include "proxy/body.h"
#include "wire/h1.h"

struct h1_source {
    struct body_source base;
    struct socket *socket;
    struct h1_body decoder;
    struct buffer *buffered; /* what came behind the head; its start moves. The owner's; may be
                                NULL */
    uint32_t buffered_at;    /* where the body began in it */
    slice more;              /* what came behind that, in scratch memory or `kept`. What is left of
                                both when the message has ended stands behind it */
    struct buffer *kept;     /* private */
    uint32_t read_bytes_max; /* per read */
    bool stops_at_end;       /* never reads behind a known length: the next request is there */
};

/* A message of this framing; `buffered` and `more` are its first bytes. */
void h1_source_open(struct h1_source *s, struct socket *socket, enum h1_framing framing,
                    uint64_t content_length);

/* Whether bytes stand behind the message. */
static inline bool h1_source_has_left_over(const struct h1_source *s)
{
    return s->more.len || (s->buffered && buffer_length(s->buffered));
}

struct h1_sink {
    struct body_sink base;
    struct socket *socket;
    slice prefix;         /* a head in scratch memory that goes first */
    bool chunked;         /* else the pieces go as they are */
    bool ends_connection; /* nothing follows the message */
    struct unsent unsent;
};

void h1_sink_open(struct h1_sink *s, struct socket *socket, slice prefix, bool chunked);
