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
#include <sys/wait.h>
#include <unistd.h>

void boot_record_clear(struct boot_record *r)
{
    memset(r, 0, sizeof *r);
    r->magic = BOOT_MAGIC;
    r->version = BOOT_VERSION;
    r->bytes = sizeof *r;
    r->config_fd = r->channel = r->key_channel = r->log_wake_fd = r->out_fd = r->err_fd = -1;
    r->adoption_fd = r->admin_fd = r->lock_fd = r->logger_channel = r->observer_channel =
        r->certifier_channel = -1;
    r->keyholder.channel = r->next_keyholder.channel = -1;
    for (int i = 0; i < SHARED_COUNT; i++)
        r->shared[i] = -1;
}

void boot_generation_listens(struct boot_generation *g, uint32_t listener)
{
    g->listeners |= 1ull << listener;
    if (g->listen_count < BOOT_LISTENERS_MAX)
        g->listens[g->listen_count++] = (uint8_t)listener;
}

void boot_describe_end(char *to, size_t room, int status)
{
    if (WIFSIGNALED(status))
        (void)snprintf(to, room, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(to, room, "exit code %d", WEXITSTATUS(status));
}

bool boot_process_has_name(pid_t pid, const char *name)
{
    char path[64], text[64], expected[48];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    int expected_length = snprintf(expected, sizeof expected, "%d (%s) ", (int)pid, name);
    if (expected_length < 0 || strncmp(text, expected, (size_t)expected_length) != 0)
        return false;
    char state = text[expected_length];
    return state != 'Z' && state != 'X'; /* waits for its parent to notice that it has ended */
}

/* Calls `use` for every descriptor the record names. */
static void each_descriptor(const struct boot_record *r, void (*use)(int fd))
{
    const int32_t own[] = { r->config_fd,
                            r->channel,
                            r->key_channel,
                            r->log_wake_fd,
                            r->out_fd,
                            r->err_fd,
                            r->adoption_fd,
                            r->admin_fd,
                            r->lock_fd,
                            r->logger_channel,
                            r->observer_channel,
                            r->certifier_channel,
                            r->keyholder.channel,
                            r->next_keyholder.channel };
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
        use(own[i]);
    for (int i = 0; i < SHARED_COUNT; i++)
        use(r->shared[i]);
    for (uint32_t l = 0; l < r->listener_count; l++)
        for (int32_t i = 0; i < r->listeners[l].count; i++)
            use(r->listeners[l].sockets[i]);
    for (uint32_t g = 0; g < r->generation_count; g++) {
        use(r->generations[g].channel);
        if (r->generations[g].wish_fd)
            use(r->generations[g].wish_fd);
    }
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

/* A TLS handshake makes about 1,500 small objects, and the handshakes of a worker are on their way
 * together: glibc keeps 7 of each size at hand, which costs 2 % of their time. What somebody else
 * has set stays. Kept are at most 64 sizes with 512 bytes on average: 8 MiB, where so much was once
 * in use. Elsewhere than in glibc it means nothing. */
static void keep_small_objects(void)
{
    (void)setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=256", 0);
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

static _Noreturn void run_child(const char *role, const struct boot_record *record, int fd,
                                int failure_fd)
{
    sigset_t none;
    sigemptyset(&none);
    (void)setpgid(0, 0); /* Ctrl-C and signals to the group are the supervisor's to judge */
    each_descriptor(record, keep_over_exec);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    keep_small_objects();
    int result = execute(role, record, fd);
    ssize_t ignored = write(failure_fd, &result, sizeof result);
    (void)ignored;
    _exit(127);
}

/* The pipe ends with exec; what comes through it is why there was none. */
static int await_exec(pid_t pid, int failure_fd)
{
    int result = 0;
    ssize_t got;
    do
        got = read(failure_fd, &result, sizeof result);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof result)
        return 0;
    (void)waitpid(pid, NULL, 0);
    return result;
}

pid_t boot_start(const char *role, const struct boot_record *record)
{
    int failure[2];
    int fd = write_record(record);
    if (fd < 0)
        return fd;
    if (pipe2(failure, O_CLOEXEC) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        run_child(role, record, fd, failure[1]);
    close(fd);
    close(failure[1]);
    int result = pid < 0 ? -error : await_exec(pid, failure[0]);
    close(failure[0]);
    return result < 0 ? result : pid;
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
