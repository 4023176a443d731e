#include "control/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void boot_record_clear(struct boot_record *r)
{
    memset(r, 0, sizeof *r);
    r->magic = BOOT_MAGIC;
    r->version = BOOT_VERSION;
    r->bytes = sizeof *r;
    r->config_fd = r->channel = r->log_wake_fd = r->out_fd = r->err_fd = -1;
    r->adoption_fd = r->admin_fd = r->lock_fd = r->logger_channel = r->observer_channel = -1;
    for (int i = 0; i < SHARED_COUNT; i++)
        r->shared[i] = -1;
}

/* Calls `use` for every descriptor the record names. */
static void each_descriptor(const struct boot_record *r, void (*use)(int fd))
{
    const int32_t own[] = { r->config_fd,      r->channel,         r->log_wake_fd, r->out_fd,
                            r->err_fd,         r->adoption_fd,     r->admin_fd,    r->lock_fd,
                            r->logger_channel, r->observer_channel };
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
        use(own[i]);
    for (int i = 0; i < SHARED_COUNT; i++)
        use(r->shared[i]);
    for (uint32_t l = 0; l < r->listener_count; l++)
        for (int32_t i = 0; i < r->listeners[l].count; i++)
            use(r->listeners[l].sockets[i]);
    for (uint32_t g = 0; g < r->generation_count; g++)
        use(r->generations[g].channel);
}

static void keep_over_exec(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, 0);
}

static void close_on_exec(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int write_record(const struct boot_record *record)
{
    int fd = memfd_create("portcullis-boot", 0);
    if (fd < 0)
        return -errno;
    const char *bytes = (const char *)record;
    for (size_t at = 0; at < sizeof *record;) {
        ssize_t written = write(fd, bytes + at, sizeof *record - at);
        if (written < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        at += (size_t)written;
    }
    return fd;
}

static int execute(const char *role, const struct boot_record *record, int fd)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", fd);
    char *arguments[] = { (char *)"portcullis", (char *)"internal", (char *)(uintptr_t)role, number,
                          NULL };
    execv(record->binary, arguments);
    return -errno;
}

static _Noreturn void run_child(const char *role, const struct boot_record *record, int fd)
{
    sigset_t none;
    sigemptyset(&none);
    (void)setpgid(0, 0); /* Ctrl-C and signals to the group are the supervisor's to judge */
    each_descriptor(record, keep_over_exec);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int result = execute(role, record, fd);
    dprintf(STDERR_FILENO, "portcullis: cannot execute %s: %s\n", record->binary,
            strerror(-result));
    _exit(127);
}

pid_t boot_start(const char *role, const struct boot_record *record)
{
    int fd = write_record(record);
    if (fd < 0)
        return fd;
    pid_t pid = fork();
    if (pid == 0)
        run_child(role, record, fd);
    int error = errno;
    close(fd);
    return pid < 0 ? -error : pid;
}

int boot_become(const char *role, const struct boot_record *record)
{
    int fd = write_record(record);
    if (fd < 0)
        return fd;
    each_descriptor(record, keep_over_exec);
    int result = execute(role, record, fd);
    each_descriptor(record, close_on_exec);
    close(fd);
    return result;
}

int boot_read(int fd, struct boot_record **ret)
{
    static struct boot_record record;
    struct stat status;
    if (fstat(fd, &status) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    if (status.st_size != sizeof record)
        return -EPROTO;
    for (size_t at = 0; at < sizeof record;) {
        ssize_t got = read(fd, (char *)&record + at, sizeof record - at);
        if (got <= 0)
            return -EPROTO;
        at += (size_t)got;
    }
    close(fd);
    if (record.magic != BOOT_MAGIC || record.version != BOOT_VERSION ||
        record.bytes != sizeof record)
        return -EPROTO;
    each_descriptor(&record, close_on_exec);
    *ret = &record;
    return 0;
}
