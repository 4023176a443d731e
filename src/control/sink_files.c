#include "control/sink_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/message.h"

static bool is_open[SINKS_MAX], has_failed[SINKS_MAX];
static bool logger_has[SINKS_MAX]; /* some descriptor, perhaps an older one */

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

/* A logger that was killed may have left half a line: the next one begins on a line of its own. */
static void end_torn_line(const char *path, int fd)
{
    struct stat status;
    char last = '\n';
    if (path[0] != '/' || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || !status.st_size)
        return;
    int readable = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (readable < 0)
        return;
    if (pread(readable, &last, 1, status.st_size - 1) == 1 && last != '\n' &&
        write(fd, "\n", 1) != 1)
        log_warn("cannot end a torn line of %s: %s", path, strerror(errno));
    close(readable);
}

static bool open_one(struct boot_record *r, uint32_t id)
{
    int fd = open_file(r, r->sinks[id]);
    if (fd < 0) {
        is_open[id] = false; /* the old one, if any, goes on; this one is tried again */
        if (!has_failed[id])
            log_error("cannot open the log %s: %s; it is tried again", r->sinks[id], strerror(-fd));
        has_failed[id] = true;
        return false;
    }
    if (!logger_has[id])
        end_torn_line(r->sinks[id], fd);
    if (has_failed[id])
        log_info("the log %s is open now", r->sinks[id]);
    struct message *m = message_with_text(MESSAGE_SINK, 0, id, "%s", "");
    m->fd_count = 1;
    m->fds[0] = fd;
    is_open[id] = message_send(r->logger_channel, m) == 0;
    logger_has[id] = logger_has[id] || is_open[id];
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
    memset(logger_has, 0, sizeof logger_has);
}
