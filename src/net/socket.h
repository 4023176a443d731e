/* A stream socket on a fiber: TCP or Unix. Non-blocking, registered once. Every call that can wait
 * takes a deadline in loop_now_ms() time. Results: bytes or 0 · -ETIMEDOUT · -ECANCELED · -EPIPE ·
 * -ECONNRESET · other -errno. Nothing here reads errno after a switch.
 *
 * The struct belongs to its owner and does not move while the socket is open. The raw calls stand
 * in net/kernel.h, whose simulated twin is net/sim. */
#pragma once

#include <sys/uio.h>

#include "net/address.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"

struct tls; /* net/tls.h */

struct socket {
    struct pollable poll;
    struct tls *tls;    /* NULL: plain */
    bool awaits_tls;    /* nothing plain may be written: a handshake comes first */
    bool is_last_write; /* each write is given all that is left, and FIN goes with its end */
};

static inline bool socket_is_open(const struct socket *s)
{
    return s->poll.fd >= 0;
}

#define SOCKET_CLOSED                                                                              \
    {                                                                                              \
        .poll = {.fd = -1 }                                                                        \
    }

/* A connected or accepted descriptor, non-blocking already; owned from now on, closed on failure.
 */
MUST_CHECK int socket_adopt(struct socket *s, int fd);

/* Connects. 0 · -ECONNREFUSED · -ETIMEDOUT · ... */
MAY_WAIT int socket_connect(struct socket *s, const struct address *to, int64_t deadline_ms);

/* Reads what is there, waits when nothing is. > 0 bytes · 0 the peer has ended its side. No switch
 * happens between the system call and the return of any read here, so that `to` may be the worker's
 * scratch memory. */
MAY_WAIT ssize_t socket_read(struct socket *s, void *to, size_t bytes_max, int64_t deadline_ms);

/* Does not wait: -EAGAIN when nothing is there (a short read before means no system call now). */
MUST_CHECK ssize_t socket_read_now(struct socket *s, void *to, size_t bytes_max);

/* Writes everything, gathered, waiting as needed; the iovecs are modified. deadline_ms applies to
 * each wait being extended by stall_ms on progress: the write fails when nothing moved for that
 * long, or at deadline_ms in any case. stall_ms 0: none. 0 · -errno; *ret_written (may be NULL)
 * counts in any case. */
MAY_WAIT int socket_write(struct socket *s, struct iovec *parts, int count, int64_t stall_ms,
                          int64_t deadline_ms, size_t *ret_written);

/* Does not wait; how much went, maybe 0. Under TLS what went may still wait for the kernel as
 * records: socket_has_unsent. */
MUST_CHECK ssize_t socket_write_now(struct socket *s, const struct iovec *parts, int count);

/* Bytes that a write counted have not gone yet; socket_write with no parts waits until they have.
 */
bool socket_has_unsent(const struct socket *s);

/* The bytes of the connection itself, below TLS. As socket_read_now and socket_write_now. */
MUST_CHECK ssize_t socket_receive_raw(struct socket *s, void *to, size_t bytes_max);
MUST_CHECK ssize_t socket_send_raw(struct socket *s, const struct iovec *parts, int count);

/* What the next call writes is the last: FIN goes in the same segment, and under TLS close_notify
 * in front of it, or with what is left of it. The call is given all of it, in at most 64 parts. */
void socket_last_write(struct socket *s);

/* Half-close: FIN after what was written, under TLS behind close_notify. */
void socket_shutdown_write(struct socket *s);

/* Ends both directions at once and wakes whoever waits on the socket (reads return 0 or
 * -ECONNRESET, writes -EPIPE); the descriptor stays until socket_close. */
void socket_abort(struct socket *s);

/* Throws away what has arrived, without waiting and within a bound, so that closing does not reset
 * the connection and take our last words with it. */
void socket_discard_now(const struct socket *s);

/* Closes; harmless when closed. With unread data the kernel answers RST: linger first if that
 * matters. socket_reset closes with RST always (a truncated response to a HTTP/1.0 reader). */
void socket_close(struct socket *s);
void socket_reset(struct socket *s);

/* True when an idle pooled connection must not be used: the peer closed, or sent something. No
 * system call in the ordinary case. */
bool socket_is_stale(struct socket *s);

/* The same from the kernel, one system call: also what arrived since the last turn of the loop. */
bool socket_has_input(const struct socket *s);

/* No fiber: on_ready is called once when bytes or an end arrive. NULL unparks. */
void socket_park(struct socket *s, void (*on_ready)(struct pollable *));

/* The address the peer connected to, or ours towards it (a system call). 0 · -errno */
MUST_CHECK int socket_local_address(const struct socket *s, struct address *ret);
