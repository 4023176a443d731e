/* What sockets ask of the kernel: the raw calls and nothing else. Everything that is remembered or
 * decided stands above, in socket.c and listen.c. The simulated network (net/sim) implements this
 * same header, so that all of that is inside the simulation.
 *
 * Descriptors are non-blocking and close-on-exec; no call waits; EINTR is dealt with here. Results:
 * 0 or more · -errno. */
#pragma once

#include <sys/uio.h>

#include "net/address.h"

/* A stream socket of the address's family, ready to connect. The descriptor · -errno */
MUST_CHECK int kernel_socket(const struct address *to);
/* 0 connected · -EINPROGRESS it will become writable, then kernel_connect_result says how it went
 */
MUST_CHECK int kernel_connect(int fd, const struct address *to);
MUST_CHECK int kernel_connect_result(int fd);

/* One connection from a listener's queue. The descriptor · -EAGAIN none is waiting · -errno */
MUST_CHECK int kernel_accept(int listener, struct address *ret_peer);

/* > 0 bytes · 0 the end · -EAGAIN nothing is there · -ECONNRESET and other -errno */
MUST_CHECK ssize_t kernel_receive(int fd, void *to, size_t bytes_max);
/* The same for one byte, which stays where it is. */
MUST_CHECK ssize_t kernel_peek(int fd);
/* How much went · -EAGAIN nothing can · -EPIPE and other -errno. is_last: kernel_shutdown follows
 * once all has gone, so that the last bytes and FIN go in one segment. */
MUST_CHECK ssize_t kernel_send(int fd, const struct iovec *parts, int count, bool is_last);

void kernel_shutdown(int fd, int how);
void kernel_close(int fd);
void kernel_reset(int fd); /* closes with RST, whatever was not sent yet */

MUST_CHECK int kernel_local_address(int fd, struct address *ret);

/* A descriptor that stands for nothing, held back for when there is no other. -errno */
MUST_CHECK int kernel_spare(void);

/* Descriptors of this process are below this number; it may grow. */
MUST_CHECK int kernel_descriptors_max(void);
