#include "control/notify.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define FULL_QUEUE_MS 100

/* A manager that does not read must not stop us: its queue is short, and when it is full we wait a
 * moment and go on without. */
static int send_patiently(int fd, const char *text, size_t bytes, const struct sockaddr_un *to,
                          socklen_t size)
{
    if (connect(fd, (const struct sockaddr *)to, size) < 0)
        return -errno;
    for (int tries = 0; tries < 2; tries++) {
        if (send(fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes)
            return 0;
        if (errno != EAGAIN)
            return -errno;
        struct pollfd writable = { .fd = fd, .events = POLLOUT };
        (void)poll(&writable, 1, FULL_QUEUE_MS);
    }
    return -EAGAIN;
}

void notify_send(const char *format, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || length < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    size_t bytes = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    if (send_patiently(fd, text, bytes, &to, size) != 0)
        log_warn("the service manager does not take notifications: %.100s", text);
    close(fd);
}
