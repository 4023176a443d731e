/* Listening sockets. */
#pragma once

#include "net/socket.h"

struct listen_options {
    bool reuse_port; /* SO_REUSEPORT: one socket per worker on one address */
    int backlog;     /* 0: 4096, which the kernel cuts to net.core.somaxconn */
    unsigned mode;   /* of a Unix socket's file; 0: 0666 */
};

/* Binds and listens, non-blocking, close-on-exec. TCP options that accepted sockets inherit are
 * set: no delay, keep-alive, user timeout. "[::]" also takes IPv4. A Unix socket's stale file is
 * removed first; one that somebody listens on is -EADDRINUSE. returns the descriptor · -errno */
MUST_CHECK int listen_open(const struct address *a, const struct listen_options *options);

/* One connection. 0 · -EAGAIN none is waiting · -EMFILE and other -errno */
MUST_CHECK int listen_accept(int fd, struct socket *s, struct address *ret_peer);
