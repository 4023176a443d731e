#include "control/logger.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/helper.h"
#include "control/log_drain.h"
#include "control/message.h"

#define REST_MS        200  /* between two passes while lines come */
#define REPORT_MS      5000 /* what goes wrong is told at most this often */
#define ORPHAN_LOOK_MS 2000 /* without a supervisor: is any worker left? */
#define GRACE_MS       1000 /* from the start: the supervisor is handing over the files */
#define ENDING_MS      1000 /* for what waits for a sink when the end has come */

static struct shared_memory memory;
static struct boot_record *boot;
static int signals = -1;
static bool ending;
static int64_t report_at_ms;

/* The supervisor has opened a sink, for the first time or again. */
static void take_sink(struct message *m)
{
    if (m->fd_count == 1)
        log_drain_take_sink(m->number, m->fds[0]);
    else
        message_close_fds(m);
}

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

/* Sleeps until something is to do, at most for timeout_ms; -1: for as long as that takes. */
static void sleep_until_due(int timeout_ms)
{
    struct pollfd polled[] = { { .fd = boot->log_wake_fd, .events = POLLIN },
                               { .fd = boot->channel, .events = POLLIN },
                               { .fd = signals, .events = POLLIN } };
    struct signalfd_siginfo info;
    uint64_t count;
    if (poll(polled, ARRAY_LENGTH(polled), timeout_ms) <= 0)
        return;
    if (polled[0].revents)
        while (read(boot->log_wake_fd, &count, sizeof count) > 0)
            ;
    if (polled[1].revents && boot->channel >= 0)
        hear_supervisor();
    if (polled[2].revents && read(signals, &info, sizeof info) > 0)
        ending = true;
}

static void report(void)
{
    /* at once, then not again for a while */
    if (clock_monotonic_ms() < report_at_ms)
        return;
    if (log_drain_report())
        report_at_ms = clock_monotonic_ms() + REPORT_MS;
}

static void run(void)
{
    while (!ending) {
        bool more;
        bool busy = log_drain_pass(&more) || log_drain_waits();
        if (!busy) {
            atomic_store(&memory.rings->logger_sleeps, 1);
            busy = log_drain_pass(&more); /* what came between the last look and the word */
        }
        report();
        if (!busy && boot->channel < 0 && !any_worker_lives())
            break;
        int64_t report_ms = report_at_ms - clock_monotonic_ms();
        int idle_ms = boot->channel < 0 ? ORPHAN_LOOK_MS : report_ms > 0 ? (int)report_ms : -1;
        sleep_until_due(more ? 0 : busy ? REST_MS : idle_ms);
        atomic_store(&memory.rings->logger_sleeps, 0);
    }
}

/* What the rings hold is written, and what waits for a sink as far as that goes. */
static void finish(void)
{
    int64_t until_ms = clock_monotonic_ms() + ENDING_MS;
    bool more;
    while ((log_drain_pass(&more) || log_drain_waits()) && clock_monotonic_ms() < until_ms)
        if (!more)
            (void)poll(NULL, 0, 10);
    (void)log_drain_report();
    log_drain_close();
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
        result = signals = helper_open_signals(false);
    if (result < 0) {
        log_error("cannot start: %s", strerror(-result));
        return 1;
    }
    (void)prctl(PR_SET_DUMPABLE, 0);
    log_drain_open(&memory, GRACE_MS);
    run();
    finish();
    shared_memory_close(&memory);
    return 0;
}
