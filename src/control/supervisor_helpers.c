/* The supervisor's helpers: the logger and the observer. Nobody waits for them: workers serve while
 * they are gone. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"
#include "control/sink_files.h"
#include "control/supervisor_state.h"

struct boot_record *helpers_child_record(int channel)
{
    static struct boot_record child;
    child = supervisor.state;
    child.channel = channel;
    child.lock_fd = child.logger_channel = child.observer_channel = -1;
    child.certifier_channel = -1;
    child.keyholder.channel = child.next_keyholder.channel = child.key_channel = -1;
    child.admin_fd = child.adoption_fd = -1;
    child.listener_count = child.generation_count = child.ticket_count = 0;
    child.run_uid = supervisor.settings.uid;
    child.run_gid = supervisor.settings.gid;
    (void)snprintf(child.binary, sizeof child.binary, "%s", BOOT_OWN_BINARY);
    return &child;
}

int helpers_start(const char *role, struct boot_record *record, int pair[2], int32_t *ret_pid,
                  int32_t *ret_channel)
{
    pid_t pid = boot_start(role, record);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        log_error("cannot start the %s: %s: %s", role, record->binary, strerror(-pid));
        return pid;
    }
    *ret_pid = pid;
    *ret_channel = pair[0];
    return 0;
}

/* --- Logger ----------------------------------------------------------------------------------- */

static void open_sinks(bool again)
{
    bool failed = sink_files_open(&supervisor.state, again) > 0;
    supervisor.sinks_at_ms = failed ? clock_monotonic_ms() + RETRY_MS : 0;
}

void helpers_reopen_logs(void)
{
    open_sinks(true);
}

static void start_logger(void)
{
    int pair[2];
    supervisor.logger_at_ms = clock_monotonic_ms() + RETRY_MS; /* unless it succeeds */
    if (message_pair(pair) != 0 ||
        helpers_start("logger", helpers_child_record(pair[1]), pair, &supervisor.state.logger_pid,
                      &supervisor.state.logger_channel) != 0)
        return;
    supervisor.logger_at_ms = 0;
    supervisor.memory.workers->logger_pid = supervisor.state.logger_pid;
    sink_files_forget();
    open_sinks(false);
}

/* --- Observer --------------------------------------------------------------------------------- */

/* Hands the observer the listening sockets that are its own, and takes back what it had besides. */
static void give_listeners(void)
{
    char kept[BOOT_LISTENERS_MAX * BOOT_ADDRESS_MAX];
    struct writer w = writer_over(kept, sizeof kept - 1);
    const struct boot_generation *current = generations_find(GENERATION_CURRENT);
    if (supervisor.state.observer_channel < 0 || !current)
        return;
    for (uint32_t i = 0; i < supervisor.state.listener_count; i++) {
        const struct boot_listener *l = &supervisor.state.listeners[i];
        if (l->use == USE_TRAFFIC || !l->wanted[0] || !(current->listeners & (1ull << i)))
            continue;
        writer_text(&w, l->bound);
        writer_byte(&w, '\n');
        struct message *m = message_with_text(MESSAGE_OBSERVE, l->use, 0, "%s", l->bound);
        m->fd_count = 1;
        m->fds[0] = l->sockets[0];
        message_pass(supervisor.state.observer_channel, m);
    }
    kept[w.len] = '\0';
    message_pass(supervisor.state.observer_channel,
                 message_with_text(MESSAGE_OBSERVE_ONLY, 0, 0, "%s", kept));
}

static void start_observer(void)
{
    int pair[2];
    supervisor.observer_at_ms = clock_monotonic_ms() + RETRY_MS; /* unless it succeeds */
    if (message_pair(pair) != 0)
        return;
    struct boot_record *child = helpers_child_record(pair[1]);
    child->admin_fd = supervisor.state.admin_fd;
    if (helpers_start("observer", child, pair, &supervisor.state.observer_pid,
                      &supervisor.state.observer_channel) != 0)
        return;
    supervisor.observer_at_ms = 0;
    supervisor.memory.workers->observer_pid = supervisor.state.observer_pid;
    give_listeners();
}

/* --- Both ------------------------------------------------------------------------------------- */

void helpers_follow(void)
{
    if (!supervisor.state.logger_pid)
        start_logger();
    else
        open_sinks(false);
    if (!supervisor.state.observer_pid)
        start_observer();
    else
        give_listeners();
    if (supervisor.state.observer_channel >= 0) /* names of the new configuration */
        message_tell(supervisor.state.observer_channel, MESSAGE_REOPEN, 0, 0);
}

void helpers_wake_observer(void)
{
    if (supervisor.state.observer_channel >= 0)
        message_tell(supervisor.state.observer_channel, MESSAGE_WANT_DNS, 0, 0);
}

void helpers_replace(void)
{
    supervisor.replacing_logger = supervisor.state.logger_pid > 0;
    supervisor.replacing_observer = supervisor.state.observer_pid > 0;
    if (supervisor.replacing_logger)
        (void)kill(supervisor.state.logger_pid, SIGTERM);
    else
        supervisor.logger_at_ms = clock_monotonic_ms();
    certificates_replace();
    if (supervisor.replacing_observer)
        (void)kill(supervisor.state.observer_pid, SIGTERM);
    else
        supervisor.observer_at_ms = clock_monotonic_ms();
}

void helpers_note_end(const char *name, int32_t *pid, int32_t *channel, bool was_told)
{
    *pid = 0;
    if (*channel >= 0)
        close(*channel);
    *channel = -1;
    log_line(was_told ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "the %s ended; it starts again", name);
}

bool helpers_ended(pid_t pid)
{
    struct boot_record *state = &supervisor.state;
    int64_t now = clock_monotonic_ms();
    if (pid == state->logger_pid) {
        helpers_note_end("logger", &state->logger_pid, &state->logger_channel,
                         supervisor.replacing_logger);
        supervisor.logger_at_ms = now + (supervisor.replacing_logger ? 0 : RESTART_MS);
        supervisor.replacing_logger = false;
        return true;
    }
    if (pid == state->observer_pid) {
        helpers_note_end("observer", &state->observer_pid, &state->observer_channel,
                         supervisor.replacing_observer);
        supervisor.observer_at_ms = now + (supervisor.replacing_observer ? 0 : RESTART_MS);
        supervisor.replacing_observer = false;
        orders_forget();
        return true;
    }
    return certificates_ended(pid);
}

void helpers_do_what_is_due(int64_t now)
{
    if (supervisor.logger_at_ms && now >= supervisor.logger_at_ms)
        start_logger();
    if (supervisor.observer_at_ms && now >= supervisor.observer_at_ms)
        start_observer();
    certificates_do_what_is_due(now);
    if (supervisor.sinks_at_ms && now >= supervisor.sinks_at_ms)
        open_sinks(false);
}
