#include "control/logger.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/message.h"

#define BUFFER_BYTES_PER_SINK (256u << 10)
#define REST_MS               200   /* between two passes while lines come */
#define REPORT_MS             10000 /* losses are told at most this often */
#define ORPHAN_LOOK_MS        2000  /* without a supervisor: is any worker left? */
#define PIPE_CHUNK            4096u /* what a writable pipe takes for certain */

struct sink {
    int fd; /* -1: not open */
    bool is_regular;
    char *buffer;
    size_t start, end;
};

static struct shared_memory memory;
static struct boot_record *boot;
static struct sink sinks[SINKS_MAX];
static int signals = -1;
static bool ending;
static uint64_t lost_reported;
static int64_t report_at_ms;

/* --- Sinks --------------------------------------------------------------------------------------
 */

/* The supervisor has opened a sink, for the first time or again. */
static void take_sink(struct message *m)
{
    struct stat status;
    if (m->fd_count != 1 || m->number < 0 || m->number >= SINKS_MAX ||
        fstat(m->fds[0], &status) < 0) {
        message_close_fds(m);
        return;
    }
    struct sink *s = &sinks[m->number];
    if (s->fd >= 0)
        close(s->fd);
    s->fd = m->fds[0];
    s->is_regular = S_ISREG(status.st_mode);
}

static uint64_t count_lines(const char *bytes, size_t count)
{
    uint64_t lines = 0;
    slice rest = slice_of(bytes, count);
    for (size_t at; (at = slice_find_byte(rest, '\n')) < rest.len; rest = slice_after(rest, at + 1))
        lines++;
    return lines;
}

/* A write that cannot block: to pipes and terminals only what they are known to take. */
static ssize_t write_some(struct sink *s)
{
    size_t left = s->end - s->start;
    if (!s->is_regular) {
        struct pollfd writable = { .fd = s->fd, .events = POLLOUT };
        if (poll(&writable, 1, 0) <= 0 || !(writable.revents & (POLLOUT | POLLERR)))
            return 0;
        if (left > PIPE_CHUNK)
            left = PIPE_CHUNK;
    }
    ssize_t written;
    do
        written = write(s->fd, s->buffer + s->start, left);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EAGAIN)
        return 0;
    return written < 0 ? -errno : written;
}

static void lose_buffer(uint32_t index)
{
    struct sink *s = &sinks[index];
    memory.sinks->sinks[index].failures += count_lines(s->buffer + s->start, s->end - s->start);
    s->start = s->end = 0;
}

static void flush(uint32_t index)
{
    struct sink *s = &sinks[index];
    struct sink_entry *entry = &memory.sinks->sinks[index];
    while (s->end > s->start && s->fd >= 0) {
        ssize_t written = write_some(s);
        if (written == 0)
            return; /* a stuck reader: what fits waits, the rest is lost */
        if (written < 0) {
            log_debug("writing to %s failed: %s", entry->path, strerror(-(int)written));
            lose_buffer(index); /* ENOSPC and its like: the next pass tries again */
            return;
        }
        entry->lines += count_lines(s->buffer + s->start, (size_t)written);
        entry->bytes += (uint64_t)written;
        s->start += (size_t)written;
    }
    if (s->start == s->end)
        s->start = s->end = 0;
}

static void append(uint32_t index, slice line)
{
    struct sink *s = &sinks[index];
    if (!s->buffer)
        s->buffer = malloc(BUFFER_BYTES_PER_SINK);
    if (s->buffer && s->end + line.len > BUFFER_BYTES_PER_SINK)
        flush(index);
    if (s->buffer && s->start > 0 && s->end + line.len > BUFFER_BYTES_PER_SINK) {
        memmove(s->buffer, s->buffer + s->start, s->end - s->start);
        s->end -= s->start;
        s->start = 0;
    }
    if (!s->buffer || s->end + line.len > BUFFER_BYTES_PER_SINK) {
        memory.sinks->sinks[index].failures++;
        return;
    }
    memcpy(s->buffer + s->end, line.ptr, line.len);
    s->end += line.len;
}

/* --- Rings --------------------------------------------------------------------------------------
 */

/* One pass over all rings; how many lines there were. */
static uint64_t drain(void)
{
    uint64_t lines = 0;
    uint32_t slots = atomic_load(&memory.clients->slots_in_use);
    for (uint32_t slot = 0; slot < slots && slot < WORKER_SLOTS_MAX; slot++) {
        struct log_ring_shared *ring = &memory.rings->rings[slot];
        slice line;
        uint16_t sink;
        while (log_ring_peek(ring, &line, &sink)) {
            if (sink < SINKS_MAX && memory.sinks->sinks[sink].is_set)
                append(sink, line);
            log_ring_release(ring);
            lines++;
        }
    }
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        flush(i);
    return lines;
}

static bool anything_buffered(void)
{
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        if (sinks[i].end > sinks[i].start)
            return true;
    return false;
}

static void report_losses(void)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        lost += memory.sinks->sinks[i].failures;
    static struct worker_counters sum;
    counters_sum(memory.counters, &sum);
    lost += sum.log_lines_dropped + sum.security_lines_dropped;
    if (lost > lost_reported)
        log_warn("%llu log lines were lost (a full disk, a stuck reader, or rings that ran full)",
                 (unsigned long long)(lost - lost_reported));
    lost_reported = lost;
}

/* --- Life ---------------------------------------------------------------------------------------
 */

static void hear_supervisor(void)
{
    int result = message_receive(boot->channel, &message_in);
    if (result == 0 && message_in.kind == MESSAGE_SINK) {
        take_sink(&message_in);
    } else if (result == 0) {
        message_close_fds(&message_in);
    } else if (result != -EAGAIN) {
        close(boot->channel);
        boot->channel = -1;
    }
}

static bool any_worker_lives(void)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        pid_t pid = memory.workers->slots[slot].pid;
        if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
            return true;
    }
    return false;
}

/* Sleeps until something is to do. busy: lines came in the last pass, or some wait. */
static void sleep_until_due(bool busy)
{
    struct pollfd polled[] = { { .fd = boot->log_wake_fd, .events = POLLIN },
                               { .fd = boot->channel, .events = POLLIN },
                               { .fd = signals, .events = POLLIN } };
    int timeout = busy ? REST_MS : boot->channel < 0 ? ORPHAN_LOOK_MS : -1;
    struct signalfd_siginfo info;
    uint64_t count;
    if (poll(polled, ARRAY_LENGTH(polled), timeout) <= 0)
        return;
    if (polled[0].revents)
        while (read(boot->log_wake_fd, &count, sizeof count) > 0)
            ;
    if (polled[1].revents && boot->channel >= 0)
        hear_supervisor();
    if (polled[2].revents && read(signals, &info, sizeof info) > 0)
        ending = true;
}

static void run(void)
{
    while (!ending) {
        bool busy = drain() > 0 || anything_buffered();
        if (!busy) {
            atomic_store(&memory.rings->logger_sleeps, 1);
            busy = drain() > 0; /* what came between the last look and the word */
        }
        if (clock_monotonic_ms() >= report_at_ms) {
            report_losses();
            report_at_ms = clock_monotonic_ms() + REPORT_MS;
        }
        if (!busy && boot->channel < 0 && !any_worker_lives())
            break;
        sleep_until_due(busy);
        atomic_store(&memory.rings->logger_sleeps, 0);
    }
    drain();
    report_losses();
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return signals < 0 ? -errno : 0;
}

int logger_main(struct boot_record *record)
{
    int fds[SHARED_COUNT];
    boot = record;
    log_open("logger", (enum log_level)boot->verbosity);
    (void)prctl(PR_SET_NAME, "pc-logger");
    memcpy(fds, boot->shared, sizeof fds);
    int result = shared_memory_map(&memory, fds);
    if (result == 0)
        result = boot_drop_privileges(boot);
    if (result == 0)
        result = open_signals();
    if (result != 0) {
        log_error("cannot start: %s", strerror(-result));
        return 1;
    }
    (void)prctl(PR_SET_DUMPABLE, 0);
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        sinks[i].fd = -1;
    run();
    for (uint32_t i = 0; i < SINKS_MAX; i++) {
        if (sinks[i].fd >= 0)
            close(sinks[i].fd);
        free(sinks[i].buffer);
    }
    shared_memory_close(&memory);
    return 0;
}
