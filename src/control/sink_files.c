#include "control/sink_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "control/message.h"

static bool is_open[SINKS_MAX], has_failed[SINKS_MAX];

void sink_files_want(struct boot_record *r, int64_t id, slice path)
{
    if (id < 0 || id >= SINKS_MAX || path.len == 0 || path.len > SINK_PATH_MAX)
        return;
    memcpy(r->sinks[id], path.ptr, path.len);
    r->sinks[id][path.len] = '\0';
}

static int open_file(const struct boot_record *r, const char *path)
{
    int fd;
    if (strcmp(path, "stdout") == 0)
        fd = fcntl(r->out_fd, F_DUPFD_CLOEXEC, 3);
    else if (strcmp(path, "stderr") == 0)
        fd = fcntl(r->err_fd, F_DUPFD_CLOEXEC, 3);
    else
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
    return fd < 0 ? -errno : fd;
}

static bool open_one(struct boot_record *r, uint32_t id)
{
    int fd = open_file(r, r->sinks[id]);
    if (fd < 0) {
        if (!has_failed[id])
            log_error("cannot open the log %s: %s; its lines are lost until that works",
                      r->sinks[id], strerror(-fd));
        has_failed[id] = true;
        return false;
    }
    struct message *m = message_with_text(MESSAGE_SINK, 0, id, "%s", "");
    m->fd_count = 1;
    m->fds[0] = fd;
    is_open[id] = message_send(r->logger_channel, m) == 0;
    has_failed[id] = false;
    close(fd);
    return is_open[id];
}

uint32_t sink_files_open(struct boot_record *r, bool again)
{
    uint32_t failed = 0;
    if (r->logger_channel < 0)
        return 0; /* its start opens them */
    for (uint32_t id = 0; id < SINKS_MAX; id++)
        if (r->sinks[id][0] && (again || !is_open[id]) && !open_one(r, id))
            failed++;
    return failed;
}

void sink_files_forget(void)
{
    memset(is_open, 0, sizeof is_open);
}
