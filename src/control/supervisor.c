#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"
#include "control/adoption.h"
#include "control/boot.h"
#include "control/generation.h"
#include "control/keeper.h"
#include "control/logger.h"
#include "control/message.h"
#include "control/notify.h"
#include "control/observer.h"
#include "control/sink_files.h"
#include "control/state.h"
#include "control/status.h"
#include "control/supervisor_state.h"
#include "net/listen.h"

#define BACK_OFF_MIN_MS 200
#define BACK_OFF_MAX_MS 30000
#define SINK_RETRY_MS   1000
#define QUICK_STOP_MS   5000 /* from SIGINT until what is left is killed */

struct supervisor supervisor;

static struct boot_generation *find_generation(enum generation_state wanted)
{
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
        if (supervisor.state.generations[i].state == (int32_t)wanted)
            return &supervisor.state.generations[i];
    return NULL;
}

/* --- Answers to the command line -------------------------------------------------------------- */

static void answer(int64_t ticket, int status, const char *text)
{
    if (supervisor.state.observer_channel >= 0)
        message_pass(supervisor.state.observer_channel,
                     message_with_text(MESSAGE_ANSWER, status, ticket, "%s", text));
}

static void conclude_reload(bool ok, const char *text)
{
    supervisor.last_reload_failed = !ok;
    (void)snprintf(supervisor.last_reload, sizeof supervisor.last_reload, "%s", text);
    for (int i = 0; i < supervisor.ticket_count; i++)
        answer(supervisor.tickets[i], ok ? 200 : 409, text);
    supervisor.ticket_count = 0;
    notify_send(ok ? "READY=1\nSTATUS=serving" : "READY=1\nSTATUS=serving; the last reload failed");
}

/* --- Starting processes ----------------------------------------------------------------------- */

/* The record for a child: what everybody gets, and nothing of the supervisor's own. */
static struct boot_record *child_record(int channel)
{
    static struct boot_record child;
    child = supervisor.state;
    child.channel = channel;
    child.lock_fd = child.logger_channel = child.observer_channel = -1;
    child.admin_fd = child.adoption_fd = -1;
    child.listener_count = child.generation_count = 0;
    return &child;
}

static int start_child(const char *role, struct boot_record *record, int pair[2], int32_t *ret_pid,
                       int32_t *ret_channel)
{
    pid_t pid = boot_start(role, record);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        log_error("cannot start the %s: %s", role, strerror(-pid));
        return pid;
    }
    *ret_pid = pid;
    *ret_channel = pair[0];
    return 0;
}

int supervisor_start_generation(void)
{
    int pair[2];
    if (supervisor.state.generation_count >= BOOT_GENERATIONS_MAX)
        return -ENOSPC;
    TRY(message_pair(pair));
    struct boot_record *child = child_record(pair[1]);
    struct boot_generation *g = &supervisor.state.generations[supervisor.state.generation_count];
    memset(g, 0, sizeof *g);
    g->number = child->generation = supervisor.state.next_generation;
    g->state = GENERATION_LOADING;
    g->started_ms = clock_monotonic_ms();
    child->adoption_fd = supervisor.state.adoption_fd;
    TRY(start_child("generation", child, pair, &g->pid, &g->channel));
    supervisor.state.next_generation++;
    supervisor.state.generation_count++;
    log_debug("generation %llu is loading (pid %d)", (unsigned long long)g->number, g->pid);
    return 0;
}

static void open_sinks(bool again)
{
    bool failed = sink_files_open(&supervisor.state, again) > 0;
    supervisor.sinks_at_ms = failed ? clock_monotonic_ms() + SINK_RETRY_MS : 0;
}

static void start_logger(void)
{
    int pair[2];
    supervisor.logger_at_ms = 0;
    if (message_pair(pair) != 0)
        return;
    struct boot_record *child = child_record(pair[1]);
    child->run_uid = supervisor.settings.uid;
    child->run_gid = supervisor.settings.gid;
    if (start_child("logger", child, pair, &supervisor.state.logger_pid,
                    &supervisor.state.logger_channel) == 0)
        supervisor.memory.workers->logger_pid = supervisor.state.logger_pid;
    sink_files_forget();
    open_sinks(false);
}

/* Does the configuration in force have this listener? */
static bool is_wanted(uint32_t listener)
{
    return supervisor.wanted_listeners == 0 ||
           (supervisor.wanted_listeners & (1ull << listener)) != 0;
}

/* Hands the observer the listening sockets that are its own, and takes back what it had besides. */
static void give_observer_listeners(void)
{
    char kept[BOOT_LISTENERS_MAX * BOOT_ADDRESS_MAX];
    struct writer w = writer_over(kept, sizeof kept - 1);
    if (supervisor.state.observer_channel < 0)
        return;
    for (uint32_t i = 0; i < supervisor.state.listener_count; i++) {
        const struct boot_listener *l = &supervisor.state.listeners[i];
        if (l->use == USE_TRAFFIC || !is_wanted(i))
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
    supervisor.replacing_helpers = false;
    supervisor.observer_at_ms = 0;
    if (message_pair(pair) != 0)
        return;
    struct boot_record *child = child_record(pair[1]);
    child->admin_fd = supervisor.state.admin_fd;
    child->run_uid = supervisor.settings.uid;
    child->run_gid = supervisor.settings.gid;
    if (start_child("observer", child, pair, &supervisor.state.observer_pid,
                    &supervisor.state.observer_channel) != 0)
        return;
    supervisor.memory.workers->observer_pid = supervisor.state.observer_pid;
    give_observer_listeners();
}

/* --- Generations ------------------------------------------------------------------------------ */

static void forget_generation(struct boot_generation *g)
{
    uint32_t index = (uint32_t)(g - supervisor.state.generations);
    close(g->channel);
    supervisor.state.generation_count--;
    memmove(g, g + 1, (supervisor.state.generation_count - index) * sizeof *g);
}

static void drain(struct boot_generation *g, int64_t drain_ms)
{
    g->state = GENERATION_DRAINING;
    g->drain_since_ms = clock_monotonic_ms();
    g->drain_ms = drain_ms;
    message_tell(g->channel, MESSAGE_DRAIN, 0, 0);
}

static void end_tunnels(struct boot_generation *g, const char *why)
{
    log_warn("generation %llu closes its last connections: %s", (unsigned long long)g->number, why);
    g->drain_ms = INT64_MAX / 2; /* once */
    message_tell(g->channel, MESSAGE_STOP, 0, 0);
}

static void limit_draining(void)
{
    uint32_t draining = 0;
    int64_t now = clock_monotonic_ms();
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (g->state != GENERATION_DRAINING)
            continue;
        draining++;
        if (now - g->drain_since_ms > g->drain_ms)
            end_tunnels(g, "`drain` is over");
    }
    struct boot_generation *oldest = find_generation(GENERATION_DRAINING);
    if (oldest && supervisor.settings.generations_max &&
        draining > supervisor.settings.generations_max && oldest->drain_ms < INT64_MAX / 4)
        end_tunnels(oldest, "more generations are draining than `drain` allows");
}

/* Listeners that no living generation asked for are closed. */
static void release_unused_listeners(void)
{
    uint64_t used = 0, still_wanted = 0;
    uint32_t kept = 0;
    if (find_generation(GENERATION_LOADING) || supervisor.wanted_listeners == 0)
        return;
    bool draining = find_generation(GENERATION_DRAINING) != NULL;
    for (uint32_t i = 0; i < supervisor.state.listener_count; i++) {
        bool somebody_accepts = draining && supervisor.state.listeners[i].use == USE_TRAFFIC;
        if (!is_wanted(i) && !somebody_accepts)
            continue;
        used |= 1ull << i;
        still_wanted |= (uint64_t)is_wanted(i) << kept++;
    }
    keeper_keep_only(&supervisor.state, used);
    supervisor.wanted_listeners = draining ? still_wanted : 0;
}

static void end_orphans(void)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        if (!(supervisor.orphaned_slots[slot / 64] & (1ull << (slot % 64))))
            continue;
        pid_t pid = supervisor.memory.workers->slots[slot].pid;
        if (pid > 0)
            (void)kill(pid, SIGTERM); /* they drain, like their generation would have told them */
    }
}

static void upgrade_now(void)
{
    supervisor.upgrading = false;
    log_info("upgrade: the new generation serves; executing %s in place", supervisor.state.binary);
    conclude_reload(true, "upgraded");
    int result = boot_become("supervisor", &supervisor.state);
    log_error("upgrade: cannot execute %s: %s; this supervisor goes on", supervisor.state.binary,
              strerror(-result));
}

static void promote(struct boot_generation *g, const struct message *m)
{
    struct boot_generation *old = find_generation(GENERATION_CURRENT);
    if (m->text_length >= sizeof supervisor.settings)
        memcpy(&supervisor.settings, m->text, sizeof supervisor.settings);
    supervisor.state.drain_ms = supervisor.settings.drain_ms; /* for an upgrade */
    supervisor.state.drain_generations_max = supervisor.settings.generations_max;
    supervisor.state.run_uid = supervisor.settings.uid;
    supervisor.state.run_gid = supervisor.settings.gid;
    if (old)
        drain(old, supervisor.settings.drain_ms);
    g->state = GENERATION_CURRENT;
    supervisor.back_off_ms = 0;
    end_orphans();
    log_info("generation %llu serves with %u workers", (unsigned long long)g->number,
             g->slot_count);
    if (!supervisor.state.logger_pid)
        start_logger();
    else
        open_sinks(false);
    if (!supervisor.state.observer_pid)
        start_observer();
    else
        give_observer_listeners();
    if (supervisor.state.observer_channel >= 0) /* names of the new configuration */
        message_tell(supervisor.state.observer_channel, MESSAGE_REOPEN, 0, 0);
    if (!supervisor.announced)
        notify_send("READY=1\nMAINPID=%d\nSTATUS=serving", (int)getpid());
    supervisor.announced = true;
    const char *warnings =
        m->text + (m->text_length < sizeof supervisor.settings ? 0 : sizeof supervisor.settings);
    conclude_reload(true, warnings[0] ? warnings : "the new configuration is in force");
    if (supervisor.upgrading)
        upgrade_now();
}

static void plan_generation(void)
{
    supervisor.back_off_ms = supervisor.back_off_ms ? supervisor.back_off_ms * 2 : BACK_OFF_MIN_MS;
    if (supervisor.back_off_ms > BACK_OFF_MAX_MS)
        supervisor.back_off_ms = BACK_OFF_MAX_MS;
    supervisor.generation_at_ms = clock_monotonic_ms() + supervisor.back_off_ms;
}

static void reject(const char *why)
{
    bool serving = find_generation(GENERATION_CURRENT) != NULL;
    supervisor.upgrading = false;
    if (!serving && !supervisor.announced) { /* the first one: nothing to go on with */
        dprintf(STDERR_FILENO, "%s\n", why);
        supervisor.stopping = true;
        supervisor.exit_code = 1;
        return;
    }
    supervisor.wanted_listeners = supervisor.listeners_before;
    log_error("the new configuration is not in force, the old one goes on: %.200s", why);
    conclude_reload(false, why);
    if (!serving)
        plan_generation();
}

/* Workers that outlive their generation: they are told to drain once another one serves. */
static void note_orphans(const struct boot_generation *g)
{
    for (uint32_t i = 0; i < g->slot_count; i++)
        if (supervisor.memory.workers->slots[g->slots[i]].pid > 0)
            supervisor.orphaned_slots[g->slots[i] / 64] |= 1ull << (g->slots[i] % 64);
}

static void generation_ended(struct boot_generation *g)
{
    enum generation_state was = (enum generation_state)g->state;
    unsigned long long number = g->number;
    bool told = g->was_told;
    note_orphans(g);
    forget_generation(g);
    if (was == GENERATION_LOADING) {
        if (!told)
            reject("the new generation died while it was loading (see the program log)");
        return;
    }
    if (was == GENERATION_DRAINING) {
        log_info("generation %llu has drained", number);
        return;
    }
    if (supervisor.stopping)
        return;
    log_error("generation %llu died; its workers go on while a fresh one starts", number);
    plan_generation();
}

static void give_listeners(struct boot_generation *g, const struct message *m)
{
    const char *error = "";
    const struct boot_listener *l = keeper_listeners(
        &supervisor.state, m->text, (enum listener_use)m->detail, (int)m->number, &error);
    if (!l) {
        message_pass(g->channel, message_with_text(MESSAGE_LISTENERS, 0, -EADDRINUSE, "%s", error));
        return;
    }
    supervisor.wanted_listeners |= 1ull << (l - supervisor.state.listeners);
    struct message *reply = message_with_text(MESSAGE_LISTENERS, 0, 0, "%s", l->bound);
    if (l->use == USE_TRAFFIC) {
        reply->fd_count = l->count;
        memcpy(reply->fds, l->sockets, sizeof(int) * (size_t)l->count);
    }
    message_pass(g->channel, reply);
}

static bool slot_is_taken(uint32_t slot)
{
    if (supervisor.memory.workers->slots[slot].pid != 0)
        return true;
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
        for (uint32_t k = 0; k < supervisor.state.generations[i].slot_count; k++)
            if (supervisor.state.generations[i].slots[k] == slot)
                return true;
    return false;
}

static void give_slots(struct boot_generation *g, int64_t count)
{
    struct message *reply = message_with_text(MESSAGE_SLOTS, 0, 0, "%s", "");
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX && g->slot_count < count; slot++) {
        if (slot_is_taken(slot))
            continue;
        g->slots[g->slot_count++] = slot;
        clients_clear(supervisor.memory.clients, slot);
    }
    reply->number = g->slot_count;
    reply->text_length = (uint32_t)(g->slot_count * sizeof g->slots[0]);
    memcpy(reply->text, g->slots, reply->text_length);
    message_pass(g->channel, reply);
}

/* One message of a generation. False: the generation has gone (and `g` with it). */
static bool hear_generation(struct boot_generation *g)
{
    struct message *m = &message_in;
    int result = message_receive(g->channel, m);
    if (result == -EAGAIN)
        return true;
    if (result != 0) {
        generation_ended(g);
        return false;
    }
    message_close_fds(m);
    switch (m->kind) {
    case MESSAGE_WANT_LISTENERS:
        give_listeners(g, m);
        break;
    case MESSAGE_WANT_SLOTS:
        give_slots(g, m->number);
        break;
    case MESSAGE_WANT_SINK:
        sink_files_want(&supervisor.state, m->number, slice_of(m->text, m->text_length));
        break;
    case MESSAGE_READY:
        promote(g, m);
        break;
    case MESSAGE_FAILED:
        g->was_told = true;
        reject(m->text);
        break;
    case MESSAGE_EXHAUSTED:
        log_error("generation %llu: its workers die too often; a fresh generation starts",
                  (unsigned long long)g->number);
        plan_generation();
        break;
    default:
        log_warn("generation %llu says something unknown (%u)", (unsigned long long)g->number,
                 m->kind);
    }
    return true;
}

/* --- What is asked of us ---------------------------------------------------------------------- */

static void reload(int64_t ticket)
{
    if (ticket && supervisor.ticket_count < TICKETS_MAX)
        supervisor.tickets[supervisor.ticket_count++] = ticket;
    if (find_generation(GENERATION_LOADING)) {
        supervisor.reload_again = true; /* the file may have changed since that one began to read */
        return;
    }
    notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
                (long long)clock_monotonic_ns() / 1000);
    supervisor.listeners_before = 0;
    for (uint32_t i = 0; i < supervisor.state.listener_count; i++)
        supervisor.listeners_before |= (uint64_t)is_wanted(i) << i;
    supervisor.wanted_listeners = 0;
    int result = supervisor_start_generation();
    if (result != 0)
        reject(strerror(-result));
}

static void upgrade(int64_t ticket)
{
    if (access(supervisor.state.binary, X_OK) < 0) {
        answer(ticket, 409, "the binary cannot be executed");
        log_error("upgrade: %s: %s", supervisor.state.binary, strerror(errno));
        return;
    }
    supervisor.upgrading = true;
    reload(ticket);
}

static void stop(bool quickly)
{
    if (!supervisor.stopping)
        log_info(quickly ? "stopping" : "draining, then stopping");
    notify_send("STOPPING=1");
    supervisor.stopping = true;
    supervisor.generation_at_ms = 0;
    if (quickly && !supervisor.stopping_quickly) {
        supervisor.stopping_quickly = true;
        supervisor.stop_at_ms = clock_monotonic_ms() + QUICK_STOP_MS;
    }
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (quickly)
            message_tell(g->channel, MESSAGE_STOP, 0, 0);
        else if (g->state != GENERATION_DRAINING)
            drain(g, supervisor.settings.drain_ms);
    }
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if ((supervisor.orphaned_slots[slot / 64] >> (slot % 64) & 1) &&
            supervisor.memory.workers->slots[slot].pid > 0)
            (void)kill(supervisor.memory.workers->slots[slot].pid, quickly ? SIGKILL : SIGTERM);
}

static void reopen_logs(void)
{
    open_sinks(true);
}

static void send_status(int64_t ticket)
{
    struct status_facts facts = { &supervisor.state, &supervisor.memory, supervisor.last_reload,
                                  supervisor.last_reload_failed };
    struct message *m = message_with_text(MESSAGE_ANSWER, 200, ticket, "%s", "");
    struct writer w = writer_over(m->text, sizeof m->text);
    status_write_supervisor(&w, &facts);
    m->text_length = (uint32_t)w.len;
    message_pass(supervisor.state.observer_channel, m);
}

static void hear_observer(void)
{
    struct message *m = &message_in;
    int result = message_receive(supervisor.state.observer_channel, m);
    if (result == -EAGAIN)
        return;
    if (result != 0) {
        close(supervisor.state.observer_channel);
        supervisor.state.observer_channel = -1;
        return;
    }
    message_close_fds(m);
    int64_t ticket = m->number;
    switch (m->kind == MESSAGE_ASK ? (enum control_verb)m->detail : (enum control_verb)0) {
    case VERB_STATUS:
        send_status(ticket);
        break;
    case VERB_RELOAD:
        reload(ticket);
        break;
    case VERB_DRAIN:
    case VERB_STOP:
        answer(ticket, 200, m->detail == VERB_STOP ? "stopping" : "draining, then stopping");
        stop(m->detail == VERB_STOP);
        break;
    case VERB_UPGRADE:
        upgrade(ticket);
        break;
    case VERB_REOPEN:
        reopen_logs();
        answer(ticket, 200, "log files are opened again");
        break;
    }
}

/* --- Death --------------------------------------------------------------------------------------
 */

static bool helper_may_end(void)
{
    return supervisor.stopping || supervisor.replacing_helpers;
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == supervisor.state.logger_pid) {
            supervisor.state.logger_pid = 0;
            supervisor.logger_at_ms =
                supervisor.stopping ? 0 : clock_monotonic_ms() + BACK_OFF_MIN_MS;
            close(supervisor.state.logger_channel);
            supervisor.state.logger_channel = -1;
            log_line(helper_may_end() ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                     "the logger ended; it starts again");
        } else if (pid == supervisor.state.observer_pid) {
            supervisor.state.observer_pid = 0;
            supervisor.observer_at_ms =
                supervisor.stopping ? 0 : clock_monotonic_ms() + BACK_OFF_MIN_MS;
            log_line(helper_may_end() ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                     "the observer ended; it starts again");
        }
        for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
            if (supervisor.memory.workers->slots[slot].pid ==
                pid) { /* an orphan of a dead generation */
                worker_slot_release(&supervisor.memory, slot);
                supervisor.orphaned_slots[slot / 64] &= ~(1ull << (slot % 64));
            }
    }
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
            reload(0);
            break;
        case SIGTERM:
        case SIGQUIT:
            stop(false);
            break;
        case SIGINT:
            stop(true);
            break;
        case SIGUSR1:
            reopen_logs();
            break;
        case SIGUSR2:
            upgrade(0);
            break;
        default:
            break;
        }
    }
}

/* --- The loop -----------------------------------------------------------------------------------
 */

static void earlier(int64_t *at_ms, int64_t other)
{
    if (other && (*at_ms == 0 || other < *at_ms))
        *at_ms = other;
}

static int sleep_ms(void)
{
    int64_t at_ms = 0, now = clock_monotonic_ms();
    earlier(&at_ms, supervisor.logger_at_ms);
    earlier(&at_ms, supervisor.observer_at_ms);
    earlier(&at_ms, supervisor.generation_at_ms);
    earlier(&at_ms, supervisor.stop_at_ms);
    earlier(&at_ms, supervisor.sinks_at_ms);
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        const struct boot_generation *g = &supervisor.state.generations[i];
        if (g->state == GENERATION_DRAINING && g->drain_ms < INT64_MAX / 4)
            earlier(&at_ms, g->drain_since_ms + g->drain_ms + 1);
    }
    if (at_ms == 0)
        return -1;
    int64_t span = at_ms - now;
    return span < 0 ? 0 : span > 60000 ? 60000 : (int)span;
}

static void do_what_is_due(void)
{
    int64_t now = clock_monotonic_ms();
    if (supervisor.logger_at_ms && now >= supervisor.logger_at_ms)
        start_logger();
    if (supervisor.observer_at_ms && now >= supervisor.observer_at_ms)
        start_observer();
    if (supervisor.generation_at_ms && now >= supervisor.generation_at_ms) {
        supervisor.generation_at_ms = 0;
        reload(0);
    }
    if (supervisor.sinks_at_ms && now >= supervisor.sinks_at_ms)
        open_sinks(false);
    if (supervisor.reload_again && !find_generation(GENERATION_LOADING)) {
        supervisor.reload_again = false;
        reload(0);
    }
    limit_draining();
    release_unused_listeners();
    if (supervisor.stop_at_ms && now >= supervisor.stop_at_ms) {
        log_warn("what is left after %d s is killed", QUICK_STOP_MS / 1000);
        for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
            (void)kill(supervisor.state.generations[i].pid, SIGKILL);
        supervisor.stop_at_ms = 0;
    }
}

static int serve(void)
{
    struct pollfd polled[BOOT_GENERATIONS_MAX + 3];
    while (!(supervisor.stopping && supervisor.state.generation_count == 0)) {
        nfds_t count = 0;
        polled[count++] = (struct pollfd){ .fd = supervisor.signals, .events = POLLIN };
        polled[count++] =
            (struct pollfd){ .fd = supervisor.state.observer_channel, .events = POLLIN };
        for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
            polled[count++] =
                (struct pollfd){ .fd = supervisor.state.generations[i].channel, .events = POLLIN };
        if (poll(polled, count, sleep_ms()) < 0 && errno != EINTR)
            return -errno;
        hear_signals();
        if (polled[1].revents && supervisor.state.observer_channel >= 0)
            hear_observer();
        for (nfds_t i = count; i-- > 2;) /* backwards: a generation may leave the list */
            if (polled[i].revents && i - 2 < supervisor.state.generation_count &&
                supervisor.state.generations[i - 2].channel == polled[i].fd)
                (void)hear_generation(&supervisor.state.generations[i - 2]);
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
    log_info("upgraded to version %s", PORTCULLIS_VERSION);
    supervisor.replacing_helpers = true;
    /* logger and observer of the old binary make place for those of the new one */
    if (supervisor.state.logger_pid > 0)
        (void)kill(supervisor.state.logger_pid, SIGTERM);
    if (supervisor.state.observer_pid > 0)
        (void)kill(supervisor.state.observer_pid, SIGTERM);
    reap();
    return run();
}
