#include "control/admin_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/number.h"
#include "base/slice.h"
#include "control/state.h"

#define ANSWER_BYTES_MAX (20u << 20)

static int connect_admin(const char *folder)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    char own[STATE_PATH_MAX];
    if (!folder) {
        TRY(state_folder_default(own, sizeof own));
        folder = own;
    }
    TRY(state_path(to.sun_path, sizeof to.sun_path, folder, STATE_ADMIN_SOCKET));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int send_request(int fd, const char *method, const char *path)
{
    char request[512];
    int length =
        snprintf(request, sizeof request,
                 "%s %s HTTP/1.1\r\nHost: portcullis\r\nConnection: close\r\n\r\n", method, path);
    if (length < 0 || (size_t)length >= sizeof request)
        return -ENAMETOOLONG;
    return send(fd, request, (size_t)length, MSG_NOSIGNAL) == length ? 0 : -EPIPE;
}

/* Everything until the end. The memory is the caller's. */
static int read_all(int fd, int timeout_s, char **ret, size_t *ret_length)
{
    size_t length = 0, room = 0;
    char *bytes = NULL;
    for (;;) {
        struct pollfd readable = { .fd = fd, .events = POLLIN };
        if (length + 1 >= room) {
            room = room ? room * 2 : 65536;
            char *more = room > ANSWER_BYTES_MAX ? NULL : realloc(bytes, room);
            if (!more) {
                free(bytes);
                return -ENOMEM;
            }
            bytes = more;
        }
        int ready = poll(&readable, 1, timeout_s * 1000);
        ssize_t got = ready > 0 ? read(fd, bytes + length, room - length - 1) : -1;
        if (ready == 0 || got < 0) {
            int error = ready == 0 ? ETIMEDOUT : errno;
            if (error == EINTR)
                continue;
            free(bytes);
            return -error;
        }
        if (got == 0)
            break;
        length += (size_t)got;
    }
    bytes[length] = '\0';
    *ret = bytes;
    *ret_length = length;
    return 0;
}

static int split(char *bytes, size_t length, struct admin_answer *ret)
{
    slice all = slice_of(bytes, length);
    size_t blank = slice_find(all, SLICE("\r\n\r\n"));
    uint64_t status;
    if (length < 12 || blank == length || number_parse(slice_of(bytes + 9, 3), 999, &status) != 0)
        return -EPROTO;
    ret->status = (int)status;
    ret->length = length - blank - 4;
    memmove(bytes, bytes + blank + 4, ret->length + 1);
    ret->body = bytes;
    return 0;
}

int admin_ask(const char *folder, const char *method, const char *path, int timeout_s,
              struct admin_answer *ret)
{
    char *bytes = NULL;
    size_t length = 0;
    int fd = connect_admin(folder);
    if (fd < 0)
        return fd;
    int result = send_request(fd, method, path);
    if (result == 0)
        result = read_all(fd, timeout_s, &bytes, &length);
    close(fd);
    if (result == 0)
        result = split(bytes, length, ret);
    if (result != 0)
        free(bytes);
    return result;
}
