#include "control/supervisor.h"

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
#include "net/listen.h"

#define TICKETS_MAX     32
#define BACK_OFF_MIN_MS 200
#define BACK_OFF_MAX_MS 30000
#define SINK_RETRY_MS   1000
#define QUICK_STOP_MS   5000 /* from SIGINT until what is left is killed */

/* Everything that an upgrade hands over stands in the record; the rest is rebuilt. */
static struct boot_record state;
static struct shared_memory memory;

static struct {
    int signals;
    bool stopping, stopping_quickly, upgrading, announced;
    int64_t stop_at_ms;           /* kill what is left */
    bool reload_again;            /* asked for while one was loading */
    int64_t tickets[TICKETS_MAX]; /* of the observer, waiting for the reload's outcome */
    int ticket_count;
    char last_reload[512];
    bool last_reload_failed;
    int64_t sinks_at_ms; /* try to open log files again at; 0: all are open */
    int64_t logger_at_ms, observer_at_ms,
        generation_at_ms; /* start it (again) at; 0: not planned */
    int64_t back_off_ms;
    struct ready_report settings;
    uint64_t orphaned_slots[WORKER_SLOTS_MAX / 64]; /* their generation died, they go on */
    int exit_code;
} s;

static struct boot_generation *find_generation(enum generation_state wanted)
{
    for (uint32_t i = 0; i < state.generation_count; i++)
        if (state.generations[i].state == (int32_t)wanted)
            return &state.generations[i];
    return NULL;
}

/* --- Answers to the command line -------------------------------------------------------------- */

static void answer(int64_t ticket, int status, const char *text)
{
    if (state.observer_channel >= 0)
        message_pass(state.observer_channel,
                     message_with_text(MESSAGE_ANSWER, status, ticket, "%s", text));
}

static void conclude_reload(bool ok, const char *text)
{
    s.last_reload_failed = !ok;
    (void)snprintf(s.last_reload, sizeof s.last_reload, "%s", text);
    for (int i = 0; i < s.ticket_count; i++)
        answer(s.tickets[i], ok ? 200 : 409, text);
    s.ticket_count = 0;
    notify_send(ok ? "READY=1\nSTATUS=serving" : "READY=1\nSTATUS=serving; the last reload failed");
}

/* --- Starting processes ----------------------------------------------------------------------- */

/* The record for a child: what everybody gets, and nothing of the supervisor's own. */
static struct boot_record *child_record(int channel)
{
    static struct boot_record child;
    child = state;
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

static int start_generation(void)
{
    int pair[2];
    if (state.generation_count >= BOOT_GENERATIONS_MAX)
        return -ENOSPC;
    TRY(message_pair(pair));
    struct boot_record *child = child_record(pair[1]);
    struct boot_generation *g = &state.generations[state.generation_count];
    memset(g, 0, sizeof *g);
    g->number = child->generation = state.next_generation;
    g->state = GENERATION_LOADING;
    g->started_ms = clock_monotonic_ms();
    child->adoption_fd = state.adoption_fd;
    TRY(start_child("generation", child, pair, &g->pid, &g->channel));
    state.next_generation++;
    state.generation_count++;
    log_debug("generation %llu is loading (pid %d)", (unsigned long long)g->number, g->pid);
    return 0;
}

static void open_sinks(bool again)
{
    bool failed = sink_files_open(&state, again) > 0;
    s.sinks_at_ms = failed ? clock_monotonic_ms() + SINK_RETRY_MS : 0;
}

static void start_logger(void)
{
    int pair[2];
    s.logger_at_ms = 0;
    if (message_pair(pair) != 0)
        return;
    struct boot_record *child = child_record(pair[1]);
    child->run_uid = s.settings.uid;
    child->run_gid = s.settings.gid;
    if (start_child("logger", child, pair, &state.logger_pid, &state.logger_channel) == 0)
        memory.workers->logger_pid = state.logger_pid;
    sink_files_forget();
    open_sinks(false);
}

/* Hands the observer the listening sockets that are its own. */
static void give_observer_listeners(void)
{
    for (uint32_t i = 0; i < state.listener_count; i++) {
        const struct boot_listener *l = &state.listeners[i];
        if (l->use == USE_TRAFFIC || state.observer_channel < 0)
            continue;
        struct message *m = message_with_text(MESSAGE_OBSERVE, l->use, 0, "%s", l->bound);
        m->fd_count = 1;
        m->fds[0] = l->sockets[0];
        message_pass(state.observer_channel, m);
    }
}

static void start_observer(void)
{
    int pair[2];
    s.observer_at_ms = 0;
    if (message_pair(pair) != 0)
        return;
    struct boot_record *child = child_record(pair[1]);
    child->admin_fd = state.admin_fd;
    child->run_uid = s.settings.uid;
    child->run_gid = s.settings.gid;
    if (start_child("observer", child, pair, &state.observer_pid, &state.observer_channel) != 0)
        return;
    memory.workers->observer_pid = state.observer_pid;
    give_observer_listeners();
}

/* --- Generations ------------------------------------------------------------------------------ */

static void forget_generation(struct boot_generation *g)
{
    uint32_t index = (uint32_t)(g - state.generations);
    close(g->channel);
    state.generation_count--;
    memmove(g, g + 1, (state.generation_count - index) * sizeof *g);
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
    for (uint32_t i = 0; i < state.generation_count; i++) {
        struct boot_generation *g = &state.generations[i];
        if (g->state != GENERATION_DRAINING)
            continue;
        draining++;
        if (now - g->drain_since_ms > g->drain_ms)
            end_tunnels(g, "`drain` is over");
    }
    struct boot_generation *oldest = find_generation(GENERATION_DRAINING);
    if (oldest && s.settings.generations_max && draining > s.settings.generations_max &&
        oldest->drain_ms < INT64_MAX / 4)
        end_tunnels(oldest, "more generations are draining than `drain` allows");
}

/* Bit i: the newest generation asked for state.listeners[i]. */
static uint64_t loading_wants;

/* Listeners that no living generation asked for are closed. */
static void release_unused_listeners(void)
{
    if (find_generation(GENERATION_LOADING) || find_generation(GENERATION_DRAINING))
        return; /* somebody may still accept there */
    if (loading_wants == 0)
        return;
    keeper_keep_only(&state, loading_wants);
    loading_wants = 0;
}

static void end_orphans(void)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        if (!(s.orphaned_slots[slot / 64] & (1ull << (slot % 64))))
            continue;
        pid_t pid = memory.workers->slots[slot].pid;
        if (pid > 0)
            (void)kill(pid, SIGTERM); /* they drain, like their generation would have told them */
    }
}

static void upgrade_now(void)
{
    s.upgrading = false;
    log_info("upgrade: the new generation serves; executing %s in place", state.binary);
    conclude_reload(true, "upgraded");
    int result = boot_become("supervisor", &state);
    log_error("upgrade: cannot execute %s: %s; this supervisor goes on", state.binary,
              strerror(-result));
}

static void promote(struct boot_generation *g, const struct message *m)
{
    struct boot_generation *old = find_generation(GENERATION_CURRENT);
    if (m->text_length >= sizeof s.settings)
        memcpy(&s.settings, m->text, sizeof s.settings);
    state.drain_ms = s.settings.drain_ms; /* for an upgrade */
    state.drain_generations_max = s.settings.generations_max;
    state.run_uid = s.settings.uid;
    state.run_gid = s.settings.gid;
    if (old)
        drain(old, s.settings.drain_ms);
    g->state = GENERATION_CURRENT;
    s.back_off_ms = 0;
    end_orphans();
    log_info("generation %llu serves with %u workers", (unsigned long long)g->number,
             g->slot_count);
    if (!state.logger_pid)
        start_logger();
    else
        open_sinks(false);
    if (!state.observer_pid)
        start_observer();
    else
        give_observer_listeners();
    if (state.observer_channel >= 0) /* names of the new configuration */
        message_tell(state.observer_channel, MESSAGE_REOPEN, 0, 0);
    if (!s.announced)
        notify_send("READY=1\nMAINPID=%d\nSTATUS=serving", (int)getpid());
    s.announced = true;
    const char *warnings = m->text + (m->text_length < sizeof s.settings ? 0 : sizeof s.settings);
    conclude_reload(true, warnings[0] ? warnings : "the new configuration is in force");
    if (s.upgrading)
        upgrade_now();
}

static void plan_generation(void)
{
    s.back_off_ms = s.back_off_ms ? s.back_off_ms * 2 : BACK_OFF_MIN_MS;
    if (s.back_off_ms > BACK_OFF_MAX_MS)
        s.back_off_ms = BACK_OFF_MAX_MS;
    s.generation_at_ms = clock_monotonic_ms() + s.back_off_ms;
}

static void reject(const char *why)
{
    bool serving = find_generation(GENERATION_CURRENT) != NULL;
    s.upgrading = false;
    if (!serving && !s.announced) { /* the first one: nothing to go on with */
        dprintf(STDERR_FILENO, "%s\n", why);
        s.stopping = true;
        s.exit_code = 1;
        return;
    }
    log_error("the new configuration is not in force, the old one goes on: %.200s", why);
    conclude_reload(false, why);
    if (!serving)
        plan_generation();
}

static void adopt_orphans(const struct boot_generation *g)
{
    for (uint32_t i = 0; i < g->slot_count; i++)
        s.orphaned_slots[g->slots[i] / 64] |= 1ull << (g->slots[i] % 64);
}

static void generation_ended(struct boot_generation *g)
{
    enum generation_state was = (enum generation_state)g->state;
    unsigned long long number = g->number;
    bool told = g->was_told;
    adopt_orphans(g);
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
    if (s.stopping)
        return;
    log_error("generation %llu died; its workers go on while a fresh one starts", number);
    plan_generation();
}

static void give_listeners(struct boot_generation *g, const struct message *m)
{
    const char *error = "";
    const struct boot_listener *l =
        keeper_listeners(&state, m->text, (enum listener_use)m->detail, (int)m->number, &error);
    if (!l) {
        message_pass(g->channel, message_with_text(MESSAGE_LISTENERS, 0, -EADDRINUSE, "%s", error));
        return;
    }
    loading_wants |= 1ull << (l - state.listeners);
    struct message *reply = message_with_text(MESSAGE_LISTENERS, 0, 0, "%s", l->bound);
    if (l->use == USE_TRAFFIC) {
        reply->fd_count = l->count;
        memcpy(reply->fds, l->sockets, sizeof(int) * (size_t)l->count);
    }
    message_pass(g->channel, reply);
}

static bool slot_is_taken(uint32_t slot)
{
    if (memory.workers->slots[slot].pid != 0)
        return true;
    for (uint32_t i = 0; i < state.generation_count; i++)
        for (uint32_t k = 0; k < state.generations[i].slot_count; k++)
            if (state.generations[i].slots[k] == slot)
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
        clients_clear(memory.clients, slot);
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
        sink_files_want(&state, m->number, slice_of(m->text, m->text_length));
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
    if (ticket && s.ticket_count < TICKETS_MAX)
        s.tickets[s.ticket_count++] = ticket;
    if (find_generation(GENERATION_LOADING)) {
        s.reload_again = true; /* the file may have changed since that one began to read */
        return;
    }
    notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
                (long long)clock_monotonic_ns() / 1000);
    loading_wants = 0;
    int result = start_generation();
    if (result != 0)
        reject(strerror(-result));
}

static void upgrade(int64_t ticket)
{
    if (access(state.binary, X_OK) < 0) {
        answer(ticket, 409, "the binary cannot be executed");
        log_error("upgrade: %s: %s", state.binary, strerror(errno));
        return;
    }
    s.upgrading = true;
    reload(ticket);
}

static void stop(bool quickly)
{
    if (!s.stopping)
        log_info(quickly ? "stopping" : "draining, then stopping");
    notify_send("STOPPING=1");
    s.stopping = true;
    s.generation_at_ms = 0;
    if (quickly && !s.stopping_quickly) {
        s.stopping_quickly = true;
        s.stop_at_ms = clock_monotonic_ms() + QUICK_STOP_MS;
    }
    for (uint32_t i = 0; i < state.generation_count; i++) {
        struct boot_generation *g = &state.generations[i];
        if (quickly)
            message_tell(g->channel, MESSAGE_STOP, 0, 0);
        else if (g->state != GENERATION_DRAINING)
            drain(g, s.settings.drain_ms);
    }
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if ((s.orphaned_slots[slot / 64] >> (slot % 64) & 1) && memory.workers->slots[slot].pid > 0)
            (void)kill(memory.workers->slots[slot].pid, quickly ? SIGKILL : SIGTERM);
}

static void reopen_logs(void)
{
    open_sinks(true);
}

static void send_status(int64_t ticket)
{
    struct status_facts facts = { &state, &memory, s.last_reload, s.last_reload_failed };
    struct message *m = message_with_text(MESSAGE_ANSWER, 200, ticket, "%s", "");
    struct writer w = writer_over(m->text, sizeof m->text);
    status_write(&w, &facts);
    m->text_length = (uint32_t)w.len;
    message_pass(state.observer_channel, m);
}

static void hear_observer(void)
{
    struct message *m = &message_in;
    int result = message_receive(state.observer_channel, m);
    if (result == -EAGAIN)
        return;
    if (result != 0) {
        close(state.observer_channel);
        state.observer_channel = -1;
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

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == state.logger_pid) {
            state.logger_pid = 0;
            s.logger_at_ms = s.stopping ? 0 : clock_monotonic_ms() + BACK_OFF_MIN_MS;
            close(state.logger_channel);
            state.logger_channel = -1;
            log_warn("the logger died; it starts again");
        } else if (pid == state.observer_pid) {
            state.observer_pid = 0;
            s.observer_at_ms = s.stopping ? 0 : clock_monotonic_ms() + BACK_OFF_MIN_MS;
            log_warn("the observer died; it starts again");
        }
        for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
            if (memory.workers->slots[slot].pid == pid) { /* an orphan of a dead generation */
                worker_slot_release(&memory, slot);
                s.orphaned_slots[slot / 64] &= ~(1ull << (slot % 64));
            }
    }
}

static void hear_signals(void)
{
    struct signalfd_siginfo info;
    while (read(s.signals, &info, sizeof info) == (ssize_t)sizeof info) {
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
    earlier(&at_ms, s.logger_at_ms);
    earlier(&at_ms, s.observer_at_ms);
    earlier(&at_ms, s.generation_at_ms);
    earlier(&at_ms, s.stop_at_ms);
    earlier(&at_ms, s.sinks_at_ms);
    for (uint32_t i = 0; i < state.generation_count; i++) {
        const struct boot_generation *g = &state.generations[i];
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
    if (s.logger_at_ms && now >= s.logger_at_ms)
        start_logger();
    if (s.observer_at_ms && now >= s.observer_at_ms)
        start_observer();
    if (s.generation_at_ms && now >= s.generation_at_ms) {
        s.generation_at_ms = 0;
        reload(0);
    }
    if (s.sinks_at_ms && now >= s.sinks_at_ms)
        open_sinks(false);
    if (s.reload_again && !find_generation(GENERATION_LOADING)) {
        s.reload_again = false;
        reload(0);
    }
    limit_draining();
    release_unused_listeners();
    if (s.stop_at_ms && now >= s.stop_at_ms) {
        log_warn("what is left after %d s is killed", QUICK_STOP_MS / 1000);
        for (uint32_t i = 0; i < state.generation_count; i++)
            (void)kill(state.generations[i].pid, SIGKILL);
        s.stop_at_ms = 0;
    }
}

static int serve(void)
{
    struct pollfd polled[BOOT_GENERATIONS_MAX + 3];
    while (!(s.stopping && state.generation_count == 0)) {
        nfds_t count = 0;
        polled[count++] = (struct pollfd){ .fd = s.signals, .events = POLLIN };
        polled[count++] = (struct pollfd){ .fd = state.observer_channel, .events = POLLIN };
        for (uint32_t i = 0; i < state.generation_count; i++)
            polled[count++] =
                (struct pollfd){ .fd = state.generations[i].channel, .events = POLLIN };
        if (poll(polled, count, sleep_ms()) < 0 && errno != EINTR)
            return -errno;
        hear_signals();
        if (polled[1].revents && state.observer_channel >= 0)
            hear_observer();
        for (nfds_t i = count; i-- > 2;) /* backwards: a generation may leave the list */
            if (polled[i].revents && i - 2 < state.generation_count &&
                state.generations[i - 2].channel == polled[i].fd)
                (void)hear_generation(&state.generations[i - 2]);
        do_what_is_due();
    }
    return 0;
}

/* --- Beginning and end --------------------------------------------------------------------------
 */

static int open_signals(void)
{
    static const int numbers[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
        sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN);
    s.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s.signals < 0 ? -errno : 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (geteuid() == 0 && limit.rlim_max < 1048576)
        limit.rlim_max = 1048576;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 4096)
        log_warn("only %llu descriptors may be open at once (ulimit -n): connections will be "
                 "refused above about half of that",
                 (unsigned long long)limit.rlim_cur);
}

static int open_unix_listener(const char *name, int type, unsigned mode)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    TRY(state_path(a.sun_path, sizeof a.sun_path, state.state_folder, name));
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(a.sun_path); /* the lock is ours: whoever made it is gone */
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(a.sun_path, mode) < 0 ||
        listen(fd, 64) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int copy_text(char *to, size_t room, const char *text)
{
    if (strlen(text) >= room)
        return -ENAMETOOLONG;
    memcpy(to, text, strlen(text) + 1);
    return 0;
}

static int keep_config_text(const char *text)
{
    int fd = memfd_create("portcullis-configuration", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        close(fd);
        return -ENOSPC;
    }
    return fd;
}

static int describe(const struct run_options *options)
{
    boot_record_clear(&state);
    ssize_t length = readlink("/proc/self/exe", state.binary, sizeof state.binary - 1);
    if (length < 0)
        return -errno;
    state.binary[length] = '\0';
    state.to_terminal = options->to_terminal;
    state.verbosity = (int32_t)options->verbosity;
    state.started_wall_ms = clock_wall_ms();
    state.next_generation = 1;
    state.out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    state.err_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    if (options->state_folder)
        TRY(copy_text(state.state_folder, sizeof state.state_folder, options->state_folder));
    else
        TRY(state_folder_default(state.state_folder, sizeof state.state_folder));
    if (options->pid_file)
        TRY(copy_text(state.pid_file, sizeof state.pid_file, options->pid_file));
    if (options->config_path)
        return copy_text(state.config_path, sizeof state.config_path, options->config_path);
    state.config_fd = keep_config_text(options->config_text);
    return state.config_fd < 0 ? state.config_fd : 0;
}

static void write_pid_files(void)
{
    char path[PATH_MAX + 32];
    if (state_path(path, sizeof path, state.state_folder, STATE_PID_FILE) == 0 &&
        state_write_pid(path) != 0)
        log_warn("cannot write %s", path);
    if (state.pid_file[0] && state_write_pid(state.pid_file) != 0)
        log_warn("cannot write %s", state.pid_file);
}

static int make_shared_memory(void)
{
    TRY(shared_memory_create(&memory));
    for (int i = 0; i < SHARED_COUNT; i++)
        state.shared[i] = memory.segments[i].fd;
    state.log_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return state.log_wake_fd < 0 ? -errno : 0;
}

/* Another supervisor died and its workers go on: take over what they hold. */
static bool adopt(void)
{
    if (adoption_take(&state) != 0)
        return false;
    int fds[SHARED_COUNT];
    memcpy(fds, state.shared, sizeof fds);
    if (shared_memory_map(&memory, fds) != 0) {
        log_error("cannot adopt the running generation: its shared memory has another layout");
        return false;
    }
    adoption_end_helpers(&memory);
    log_info("adopted generation %llu with %u workers",
             (unsigned long long)state.generations[0].number, state.generations[0].slot_count);
    return true;
}

static int explain_start(int result, const char *what)
{
    log_error("cannot start: %s: %s", what, strerror(-result));
    return 1;
}

static int begin(const struct run_options *options)
{
    int result = describe(options);
    if (result != 0)
        return explain_start(result, "the command line");
    state.lock_fd = state_lock(state.state_folder);
    if (state.lock_fd == -EBUSY) {
        log_error("another Portcullis already runs with the state directory %s",
                  state.state_folder);
        return 1;
    }
    if (state.lock_fd < 0)
        return explain_start(state.lock_fd, state.state_folder);
    bool adopted = adopt();
    if (!adopted && (result = make_shared_memory()) != 0)
        return explain_start(result, "shared memory");
    if (!adopted)
        state.adoption_fd = open_unix_listener(STATE_ADOPTION_SOCKET, SOCK_SEQPACKET, 0600);
    state.admin_fd = open_unix_listener(STATE_ADMIN_SOCKET, SOCK_STREAM, 0660);
    if (state.adoption_fd < 0 || state.admin_fd < 0)
        return explain_start(state.admin_fd < 0 ? state.admin_fd : state.adoption_fd,
                             state.state_folder);
    write_pid_files();
    if (adopted) {
        s.announced = true;
        s.logger_at_ms = s.observer_at_ms = clock_monotonic_ms();
    }
    result = start_generation(); /* after an adoption: with the configuration of now */
    return result == 0 ? 0 : explain_start(result, "the first generation");
}

static void clean_up(void)
{
    char path[PATH_MAX + 32];
    static const char *const names[] = { STATE_ADMIN_SOCKET, STATE_ADOPTION_SOCKET,
                                         STATE_PID_FILE };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (state_path(path, sizeof path, state.state_folder, names[i]) == 0)
            (void)unlink(path);
    if (state.pid_file[0])
        (void)unlink(state.pid_file);
    keeper_keep_only(&state, 0);
    if (state.observer_pid > 0)
        (void)kill(state.observer_pid, SIGTERM);
    if (state.logger_pid > 0)
        (void)kill(state.logger_pid, SIGTERM); /* it writes what the rings hold, then ends */
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static int run(void)
{
    int result = serve();
    if (result != 0)
        log_error("the supervisor's loop failed: %s", strerror(-result));
    clean_up();
    if (s.exit_code == 0)
        log_info("stopped");
    return result != 0 ? 1 : s.exit_code;
}

static int open_process(enum log_level verbosity)
{
    log_open("supervisor", verbosity);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_DUMPABLE, 0);
    raise_descriptor_limit();
    return open_signals();
}

int supervisor_run(const struct run_options *options)
{
    int result = open_process(options->verbosity);
    if (result != 0)
        return explain_start(result, "signals");
    if (begin(options) != 0)
        return 1;
    return run();
}

int supervisor_continue(struct boot_record *handed_over)
{
    state = *handed_over;
    int fds[SHARED_COUNT];
    memcpy(fds, state.shared, sizeof fds);
    int result = open_process((enum log_level)state.verbosity);
    if (result == 0)
        result = shared_memory_map(&memory, fds);
    if (result != 0)
        return explain_start(result, "the handover of the upgrade");
    s.announced = true;
    s.settings = (struct ready_report){ .drain_ms = state.drain_ms,
                                        .generations_max = state.drain_generations_max,
                                        .uid = state.run_uid,
                                        .gid = state.run_gid };
    log_info("upgraded to version %s", PORTCULLIS_VERSION);
    /* logger and observer of the old binary make place for those of the new one */
    if (state.logger_pid > 0)
        (void)kill(state.logger_pid, SIGTERM);
    if (state.observer_pid > 0)
        (void)kill(state.observer_pid, SIGTERM);
    reap();
    return run();
}
