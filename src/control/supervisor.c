#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/notify.h"
#include "control/supervisor_state.h"

struct supervisor supervisor = { .certifier_keys = -1 };

/* --- Signals ---------------------------------------------------------------------------------- */

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!keyholders_ended(pid, status) && !helpers_ended(pid))
            generations_reap(pid, status);
}

/* The second one is from somebody who does not want to wait. */
static void hear_end(bool quickly)
{
    orders_stop(quickly || supervisor.stopping);
}

static void hear_signals(void)
{
    struct signalfd_siginfo info;
    while (read(supervisor.signals, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap();
            break;
        case SIGHUP:
            orders_reload(0, false);
            break;
        case SIGTERM:
        case SIGQUIT:
            hear_end(false);
            break;
        case SIGINT:
            hear_end(true);
            break;
        case SIGUSR1:
            helpers_reopen_logs();
            break;
        case SIGUSR2:
            orders_reload(0, true);
            break;
        default:
            break;
        }
    }
}

/* --- The loop --------------------------------------------------------------------------------- */

static int sleep_ms(void)
{
    const int64_t moments[] = { supervisor.keyholder_at_ms, supervisor.logger_at_ms,
                                supervisor.observer_at_ms,  supervisor.sinks_at_ms,
                                supervisor.certifier_at_ms, supervisor.ticket_keys_at_ms,
                                supervisor.settled_at_ms,   generations_due_ms() };
    int64_t at_ms = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(moments); i++)
        if (moments[i] && (at_ms == 0 || moments[i] < at_ms))
            at_ms = moments[i];
    if (at_ms == 0)
        return -1;
    int64_t span = at_ms - clock_monotonic_ms();
    return span < 0 ? 0 : span > 60000 ? 60000 : (int)span;
}

/* TLS tickets are encrypted with keys that do not grow old. */
static void rotate_ticket_keys(int64_t now)
{
    if (now < supervisor.ticket_keys_at_ms)
        return;
    int64_t due_s = ticket_keys_rotate(supervisor.memory.ticket_keys, clock_wall_ms() / 1000);
    supervisor.ticket_keys_at_ms = now + (due_s < 3600 ? due_s : 3600) * 1000;
}

static void do_what_is_due(void)
{
    int64_t now = clock_monotonic_ms();
    keyholders_do_what_is_due(now);
    helpers_do_what_is_due(now);
    rotate_ticket_keys(now);
    generations_do_what_is_due(now);
    orders_do_what_is_due(now);
}

static int serve(void)
{
    struct pollfd polled[BOOT_GENERATIONS_MAX + 4];
    rotate_ticket_keys(clock_monotonic_ms());
    while (!(supervisor.stopping && supervisor.state.generation_count == 0)) {
        nfds_t count = 0;
        polled[count++] = (struct pollfd){ .fd = supervisor.signals, .events = POLLIN };
        polled[count++] =
            (struct pollfd){ .fd = supervisor.state.observer_channel, .events = POLLIN };
        polled[count++] =
            (struct pollfd){ .fd = supervisor.state.certifier_channel, .events = POLLIN };
        for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
            polled[count++] =
                (struct pollfd){ .fd = supervisor.state.generations[i].channel, .events = POLLIN };
        if (poll(polled, count, sleep_ms()) < 0 && errno != EINTR)
            return -errno;
        hear_signals();
        if (polled[1].revents && supervisor.state.observer_channel >= 0)
            orders_hear();
        if (polled[2].revents && supervisor.state.certifier_channel >= 0)
            certificates_hear();
        for (nfds_t i = count; i-- > 3;) /* backwards: a generation may leave the list */
            if (polled[i].revents && i - 3 < supervisor.state.generation_count &&
                supervisor.state.generations[i - 3].channel == polled[i].fd)
                (void)generations_hear(&supervisor.state.generations[i - 3]);
        do_what_is_due();
    }
    return 0;
}

static int run(void)
{
    int result = serve();
    if (result != 0)
        log_error("the supervisor's loop failed: %s", strerror(-result));
    supervisor_clean_up();
    if (supervisor.exit_code == 0)
        log_info("stopped");
    return result != 0 ? 1 : supervisor.exit_code;
}

int supervisor_run(const struct run_options *options)
{
    int result = supervisor_open_process(options->verbosity);
    if (result != 0)
        return supervisor_explain(result, "signals");
    if (supervisor_begin(options) != 0)
        return 1;
    return run();
}

int supervisor_continue(struct boot_record *handed_over)
{
    supervisor.state = *handed_over;
    int fds[SHARED_COUNT];
    memcpy(fds, supervisor.state.shared, sizeof fds);
    int result = supervisor_open_process((enum log_level)supervisor.state.verbosity);
    if (result == 0)
        result = shared_memory_map(&supervisor.memory, fds);
    if (result != 0)
        return supervisor_explain(result, "the handover of the upgrade");
    supervisor.announced = true;
    supervisor.settings =
        (struct ready_report){ .drain_ms = supervisor.state.drain_ms,
                               .generations_max = supervisor.state.drain_generations_max,
                               .uid = supervisor.state.run_uid,
                               .gid = supervisor.state.run_gid };
    supervisor.loading.count = supervisor.state.ticket_count;
    memcpy(supervisor.loading.numbers, supervisor.state.tickets, sizeof supervisor.state.tickets);
    supervisor.state.ticket_count = 0;
    supervisor.promoted_ms = clock_monotonic_ms();
    log_info("upgraded to version %s", PORTCULLIS_VERSION);
    /* Those of the old binary make place then: one of them has to pass on the answer. */
    orders_settle("upgraded to version " PORTCULLIS_VERSION, helpers_replace);
    reap();
    return run();
}
