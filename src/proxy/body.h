/* The two ends of a body: a source gives decoded bytes, a sink takes them and frames them in its
 * protocol's way. relay.c moves bytes between any two, and so does tunnel.c; neither knows which
 * protocol is spoken on either side. Implementation: h1_stream.h.
 *
 * Pieces point into memory of the source, which may be the worker's scratch memory: between take()
 * and the return of send_now() nobody waits, and before a wait keep() moves what was not taken. */
#pragma once

#include <sys/uio.h>

#include "proxy/scratch.h"
#include "wire/field.h"

#define PIECES_MAX   48 /* of data in one gathered send */
#define PIECES_FIRST 1  /* where data begins: a head goes before it */

struct pieces {
    struct iovec parts[PIECES_FIRST + PIECES_MAX];
    int count;                     /* of data, from parts[PIECES_FIRST] on */
    size_t bytes;                  /* their sum */
    bool last;                     /* the message ends behind them */
    const struct fields *trailers; /* with `last`; NULL: none */
};

static inline void pieces_add(struct pieces *p, slice data)
{
    p->parts[PIECES_FIRST + p->count++] = (struct iovec){ (void *)(uintptr_t)data.ptr, data.len };
    p->bytes += data.len;
}

struct body_source {
    const struct body_source_operations *operations;
    uint64_t decoded;              /* bytes of the body given so far */
    uint64_t bytes_read;           /* the same on the wire, framing included */
    bool ended;                    /* the message is complete, and all of it has been taken */
    bool closed;                   /* the peer has ended its side */
    const struct fields *trailers; /* when it has ended; NULL: none */
};

struct body_source_operations {
    /* Adds what is there, without waiting, until it or the room is exhausted. 0 · -EPROTO the
     * framing is malformed */
    int (*take)(struct body_source *s, struct pieces *to);
    /* Waits until more is there. 0 · -EPROTO the peer ended too early · -errno */
    MAY_WAIT int (*wait)(struct body_source *s, int64_t deadline_ms);
    /* Nothing of it may lie in scratch memory from here on. 0 · -ENOBUFS. NULL: it never does. */
    int (*keep)(struct body_source *s);
    /* What was taken has been sent, and is not asked for again: its memory is free. NULL: nothing
     * to do. */
    void (*release)(struct body_source *s);
    /* Gives everything again from the start; release() was never called. */
    void (*rewind)(struct body_source *s);
    /* Frees what it keeps. The source may not be used afterwards. */
    void (*close)(struct body_source *s);
};

struct body_sink {
    const struct body_sink_operations *operations;
    uint64_t written;      /* on the wire, heads and framing included */
    uint64_t head_written; /* of it, message heads */
    bool begun;            /* something of the message has gone */
};

struct body_sink_operations {
    /* Sends the head that stands ready, if one does, and the pieces, without waiting.
     * 0 all went · 1 a rest was copied: flush() it · -ENOBUFS · -errno of the connection */
    int (*send_now)(struct body_sink *s, struct pieces *p);
    /* Waits until the rest has gone. 0 · -ETIMEDOUT nothing moved for options->stall_ms, or the
     * deadline came · -errno. Nothing is kept afterwards. */
    MAY_WAIT int (*flush)(struct body_sink *s, const struct send_options *options);
    /* Forgets a rest instead of sending it. */
    void (*drop)(struct body_sink *s);
    /* Tunnels: no more bytes will follow (the other direction goes on), and: both directions end
     * at once, whoever waits on them wakes. */
    void (*finish)(struct body_sink *s);
    void (*abort)(struct body_sink *s);
};
