#include "control/generation.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/adoption.h"
#include "control/load.h"
#include "control/message.h"
#include "control/reason.h"
#include "control/worker.h"

#define ANSWER_MS        10000
#define WORKER_READY_MS  10000
#define RESTARTS_MAX     3
#define RESTARTS_SPAN_MS (10 * 60 * 1000)
#define STALL_MS         50 /* a turn that lasts longer: siblings take the queue */
#define WATCH_BUSY_MS    50
#define WATCH_IDLE_MS    500
#define LISTENERS_MAX    (LISTENS_MAX * WORKER_SLOTS_MAX)

struct worker {
    pid_t pid;   /* 0: none runs */
    int control; /* our end */
    uint32_t slot;
    bool is_ready, is_covered; /* covered: siblings accept from its sockets */
    int64_t restarts[RESTARTS_MAX];
};

static struct boot_record *boot;
static struct shared_memory memory;
static struct configuration *configuration;
static struct worker workers[WORKER_SLOTS_MAX];
static uint32_t worker_count;
static struct worker_listener listeners[LISTENERS_MAX];
static uint32_t listener_count;
static int signals = -1;
static bool draining, exhausted, was_ready;

/* --- Loading ---------------------------------------------------------------------------------- */

static int want_name(void *context, slice name)
{
    (void)context;
    return names_want(memory.names, name);
}

static uint32_t site_row(void *context, slice name)
{
    (void)context;
    return counters_site_row(memory.counters, name, boot->generation);
}

static uint32_t server_row(void *context, slice name)
{
    (void)context;
    return counters_server_row(memory.counters, name, boot->generation);
}

static int say_failed(const char *text)
{
    if (boot->channel >= 0)
        message_pass(boot->channel, message_with_text(MESSAGE_FAILED, 0, 0, "%s", text));
    return 1;
}

static slice read_config_text(void)
{
    static char text[MESSAGE_TEXT_MAX];
    (void)lseek(boot->config_fd, 0, SEEK_SET);
    ssize_t length = read(boot->config_fd, text, sizeof text);
    return slice_of(text, length > 0 ? (size_t)length : 0);
}

static const char *log_folder(void)
{
    return boot->to_terminal || geteuid() != 0 ? NULL : "/var/log/portcullis";
}

/* All diagnostics as text; what does not fit is left out whole. */
static void write_report(struct diagnostics *d, char *report, size_t room)
{
    struct diagnostic_style style = { .colours = false };
    struct writer all = writer_over(report, room - 1);
    diagnostics_sort(d);
    for (uint32_t i = 0; i < d->count; i++) {
        struct writer before = all;
        diagnostic_write_text(&all, &d->items[i], &style);
        if (all.overflowed) {
            all = before;
            break;
        }
    }
    report[all.len] = '\0';
}

static void claim_reasons(void)
{
    for (size_t i = 0; i < reason_description_count; i++)
        (void)counters_reason_row(memory.counters, slice_from(reason_descriptions[i].name),
                                  boot->generation);
}

/* 0 with the warnings in *ret_report · 1 with the errors */
static int load(const char **ret_report)
{
    static const struct load_hooks hooks = { .want_name = want_name,
                                             .site_row = site_row,
                                             .server_row = server_row };
    struct load_options options = { .path = boot->config_path[0] ? boot->config_path : NULL,
                                    .generation = boot->generation,
                                    .hooks = &hooks,
                                    .log_folder = log_folder() };
    if (!options.path)
        options.text = read_config_text();
    static char report[MESSAGE_TEXT_MAX / 2];
    struct diagnostics diagnostics;
    claim_reasons();
    diagnostics_open(&diagnostics);
    int result = configuration_load(&options, &configuration, &diagnostics);
    write_report(&diagnostics, report, sizeof report);
    if (result != 0 && diagnostics.errors == 0)
        (void)snprintf(report, sizeof report, "out of memory while loading the configuration");
    diagnostics_close(&diagnostics);
    *ret_report = report;
    return result == 0 ? 0 : 1;
}

/* --- What the supervisor gives ------------------------------------------------------------------
 */

/* Asks and waits for the answer. 0 · -errno; a refusal's text is in message_in. */
static int ask(const struct message *question, enum message_kind expected)
{
    TRY(message_send(boot->channel, question));
    TRY(message_await(boot->channel, &message_in, ANSWER_MS));
    return message_in.kind == (uint32_t)expected ? 0 : -EPROTO;
}

static void write_address(char *to, size_t room, const struct address *a)
{
    struct writer w = writer_over(to, room - 1);
    address_write(&w, a);
    to[w.len] = '\0';
}

/* The sockets of one address: the first workers own one each, surplus ones are shared out. */
static int take_listener(uint32_t index)
{
    char text[BOOT_ADDRESS_MAX];
    struct listen *l = &configuration->listens[index];
    write_address(text, sizeof text, &l->address);
    int result =
        ask(message_with_text(MESSAGE_WANT_LISTENERS, USE_TRAFFIC, worker_count, "%s", text),
            MESSAGE_LISTENERS);
    if (result != 0)
        return result;
    if (message_in.number != 0)
        return -EADDRINUSE;
    TRY(address_parse(slice_of(message_in.text, message_in.text_length), &l->address));
    bool shared = message_in.fd_count == 1 && worker_count > 1;
    for (int i = 0; i < message_in.fd_count; i++)
        for (uint32_t w = 0; w < (shared ? worker_count : 1); w++) {
            if (listener_count >= LISTENERS_MAX)
                return -ENOSPC;
            listeners[listener_count++] = (struct worker_listener){
                .fd = message_in.fds[i],
                .listen = index,
                .owner = shared ? w : (uint32_t)i % worker_count,
            };
        }
    return 0;
}

static int want_helper_listener(const struct address *a, enum listener_use use)
{
    char text[BOOT_ADDRESS_MAX];
    if (a->length == 0)
        return 0;
    write_address(text, sizeof text, a);
    TRY(ask(message_with_text(MESSAGE_WANT_LISTENERS, use, 1, "%s", text), MESSAGE_LISTENERS));
    return message_in.number != 0 ? -EADDRINUSE : 0;
}

static int take_slots(void)
{
    TRY(ask(message_with_text(MESSAGE_WANT_SLOTS, 0, worker_count, "%s", ""), MESSAGE_SLOTS));
    if (message_in.number != worker_count)
        return -ENOSPC;
    for (uint32_t i = 0; i < worker_count; i++)
        memcpy(&workers[i].slot, message_in.text + i * sizeof(uint32_t), sizeof(uint32_t));
    return 0;
}

static int claim_sinks(void)
{
    for (int i = 0; i < LOG_CHANNELS; i++) {
        struct log_settings *l = &configuration->logs[i];
        if (!l->is_on)
            continue;
        int sink = sinks_claim(memory.sinks, l->path);
        if (sink < 0)
            return sink;
        l->sink = (uint16_t)sink;
        TRY(message_send(boot->channel, message_with_text(MESSAGE_WANT_SINK, 0, sink, "%.*s",
                                                          SLICE_ARGUMENTS(l->path))));
    }
    return 0;
}

/* --- Privileges ---------------------------------------------------------------------------------
 */

static const struct passwd *find_user(void)
{
    char name[64];
    if (configuration->user.len) {
        struct writer w = writer_over(name, sizeof name - 1);
        writer_slice_add(&w, configuration->user);
        name[w.len] = '\0';
        return getpwnam(name);
    }
    const struct passwd *user = getpwnam("portcullis");
    return user ? user : getpwnam("nobody");
}

/* The folders that log files go to, made while we still may. They stay root's: the supervisor opens
 * the files by their names, and whoever could write there could lead it elsewhere. */
static void make_log_folders(void)
{
    for (int i = 0; i < LOG_CHANNELS; i++) {
        char folder[SINK_PATH_MAX + 1];
        slice path = configuration->logs[i].path;
        if (!configuration->logs[i].is_on || path.len == 0 || path.ptr[0] != '/')
            continue;
        size_t end = path.len;
        while (end > 1 && path.ptr[end - 1] != '/')
            end--;
        memcpy(folder, path.ptr, end);
        folder[end > 1 ? end - 1 : end] = '\0';
        if (mkdir(folder, 0750) < 0 && errno != EEXIST)
            log_warn("cannot make the folder %s: %s", folder, strerror(errno));
    }
}

static int drop_privileges(struct ready_report *report)
{
    report->uid = geteuid();
    report->gid = getegid();
    if (geteuid() != 0)
        return 0;
    const struct passwd *user = find_user();
    if (!user)
        return -ENOENT;
    report->uid = user->pw_uid;
    report->gid = user->pw_gid;
    make_log_folders();
    if (user->pw_uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return -errno;
    return 0;
}

/* --- Workers ------------------------------------------------------------------------------------
 */

void worker_slot_release(struct shared_memory *m, uint32_t slot)
{
    struct worker_slot *s = &m->workers->slots[slot];
    counters_retire(m->counters, slot);
    clients_clear(m->clients, slot);
    s->turn_began_ms = 0;
    s->pid = 0;
}

static _Noreturn void become_worker(uint32_t index, int control)
{
    struct worker_options options = { .configuration = configuration,
                                      .memory = &memory,
                                      .index = index,
                                      .slot = workers[index].slot,
                                      .control = control,
                                      .log_wake_fd = boot->log_wake_fd,
                                      .listeners = listeners,
                                      .listener_count = listener_count };
    close(boot->channel);
    close(signals);
    if (boot->adoption_fd >= 0)
        close(boot->adoption_fd);
    for (uint32_t i = 0; i < worker_count; i++)
        if (i != index && workers[i].control >= 0)
            close(workers[i].control);
    int code = worker_main(&options);
    configuration_free(configuration);
    exit(code);
}

static int start_worker(uint32_t index)
{
    struct worker *w = &workers[index];
    struct worker_slot *slot = &memory.workers->slots[w->slot];
    int pair[2];
    TRY(message_pair(pair));
    w->is_ready = w->is_covered = false;
    w->control = pair[0];
    slot->index = index;
    slot->generation = boot->generation;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        w->control = -1;
        become_worker(index, pair[1]);
    }
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        w->control = -1;
        return -error;
    }
    w->pid = pid;
    slot->pid = pid;
    return 0;
}

/* Every worker must say that it serves. 0 · -errno */
static int await_workers(void)
{
    int64_t deadline = clock_monotonic_ms() + WORKER_READY_MS;
    for (uint32_t i = 0; i < worker_count; i++) {
        int64_t left = deadline - clock_monotonic_ms();
        int result = message_await(workers[i].control, &message_in, left > 0 ? (int)left : 0);
        if (result != 0)
            return result;
        workers[i].is_ready = true;
    }
    return 0;
}

static uint32_t living_workers(void)
{
    uint32_t living = 0;
    for (uint32_t i = 0; i < worker_count; i++)
        living += workers[i].pid > 0;
    return living;
}

/* Siblings accept from the sockets of a worker that is stalled or gone, or stop doing so. */
static void cover(uint32_t index, bool on)
{
    uint32_t next = 0;
    workers[index].is_covered = on;
    for (uint32_t l = 0; l < listener_count; l++) {
        if (listeners[l].owner != index)
            continue;
        for (uint32_t tries = 0; tries < worker_count; tries++) {
            uint32_t sibling = next++ % worker_count;
            if (sibling == index || workers[sibling].pid <= 0)
                continue;
            message_tell(workers[sibling].control, on ? MESSAGE_ACCEPT : MESSAGE_ACCEPT_NO_MORE, 0,
                         l);
            if (on)
                break; /* one is enough; taking back goes to all */
        }
    }
}

static bool may_restart(struct worker *w)
{
    int64_t now = clock_monotonic_ms();
    for (int i = 0; i < RESTARTS_MAX; i++)
        if (w->restarts[i] == 0 || now - w->restarts[i] > RESTARTS_SPAN_MS) {
            w->restarts[i] = now;
            return true;
        }
    return false;
}

static void describe_end(char *to, size_t room, int status)
{
    if (WIFSIGNALED(status))
        (void)snprintf(to, room, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(to, room, "exit code %d", WEXITSTATUS(status));
}

static void worker_ended(uint32_t index, int status)
{
    struct worker *w = &workers[index];
    char how[64];
    w->pid = 0;
    close(w->control);
    w->control = -1;
    worker_slot_release(&memory, w->slot);
    if (draining || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return;
    describe_end(how, sizeof how, status);
    memory.counters->retired.panics++;
    if (may_restart(w)) {
        memory.workers->slots[w->slot].restarts++;
        log_error("worker %u ended: %s; it is replaced", index, how);
        if (start_worker(index) == 0)
            return;
    }
    log_error("worker %u ended: %s; it is not replaced, its siblings serve on", index, how);
    cover(index, true);
    if (!exhausted && boot->channel >= 0)
        message_tell(boot->channel, MESSAGE_EXHAUSTED, 0, 0);
    exhausted = true;
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t i = 0; i < worker_count; i++)
            if (workers[i].pid == pid)
                worker_ended(i, status);
}

static void tell_workers(enum message_kind kind)
{
    draining = true;
    for (uint32_t i = 0; i < worker_count; i++)
        if (workers[i].pid > 0)
            message_tell(workers[i].control, kind, 0, 0);
}

/* --- Watching -----------------------------------------------------------------------------------
 */

static void watch_for_stalls(void)
{
    int64_t now = clock_monotonic_ms();
    for (uint32_t i = 0; i < worker_count && worker_count > 1 && !draining; i++) {
        if (workers[i].pid <= 0)
            continue;
        int64_t began = memory.workers->slots[workers[i].slot].turn_began_ms;
        bool stalled = began != 0 && now - began > STALL_MS;
        if (stalled != workers[i].is_covered)
            cover(i, stalled);
    }
}

static int watch_ms(void)
{
    if (draining || worker_count < 2)
        return -1; /* signals and messages wake us */
    for (uint32_t i = 0; i < worker_count; i++)
        if (workers[i].is_covered || memory.counters->workers[workers[i].slot].connections_open > 0)
            return WATCH_BUSY_MS;
    return WATCH_IDLE_MS;
}

static void hear_signals(void)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap();
        else if (info.ssi_signo == SIGTERM)
            tell_workers(MESSAGE_DRAIN);
    }
}

static void hear_supervisor(void)
{
    int result = message_receive(boot->channel, &message_in);
    if (result == -EAGAIN)
        return;
    if (result != 0) {
        log_error("the supervisor is gone; this generation goes on without it");
        close(boot->channel);
        boot->channel = -1;
        return;
    }
    message_close_fds(&message_in);
    if (message_in.kind == MESSAGE_DRAIN || message_in.kind == MESSAGE_STOP)
        tell_workers((enum message_kind)message_in.kind);
}

/* A worker says READY again after a restart; nothing else. */
static void hear_worker(uint32_t index)
{
    int result = message_receive(workers[index].control, &message_in);
    if (result == 0) {
        message_close_fds(&message_in);
        workers[index].is_ready = true;
        cover(index, false);
    }
}

static void hear_new_supervisor(void)
{
    struct adoption_offer offer = { .boot = boot,
                                    .configuration = configuration,
                                    .listeners = listeners,
                                    .listener_count = listener_count };
    for (uint32_t i = 0; i < worker_count; i++)
        offer.slots[offer.slot_count++] = workers[i].slot;
    int channel = adoption_give(&offer);
    if (channel < 0)
        return;
    log_info("a new supervisor has adopted this generation");
    boot->channel = channel;
}

static int serve(void)
{
    struct pollfd polled[WORKER_SLOTS_MAX + 3];
    while (living_workers() > 0) {
        bool orphaned = boot->channel < 0 && !draining;
        polled[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
        polled[1] = (struct pollfd){ .fd = boot->channel, .events = POLLIN };
        polled[2] = (struct pollfd){ .fd = orphaned ? boot->adoption_fd : -1, .events = POLLIN };
        for (uint32_t i = 0; i < worker_count; i++)
            polled[3 + i] = (struct pollfd){ .fd = workers[i].control, .events = POLLIN };
        if (poll(polled, 3 + worker_count, watch_ms()) < 0 && errno != EINTR)
            return 1;
        hear_signals();
        if (polled[1].revents && boot->channel >= 0)
            hear_supervisor();
        if (polled[2].revents)
            hear_new_supervisor();
        for (uint32_t i = 0; i < worker_count; i++)
            if ((polled[3 + i].revents & POLLIN) && workers[i].control == polled[3 + i].fd &&
                workers[i].control >= 0)
                hear_worker(i);
        watch_for_stalls();
    }
    return 0;
}

/* --- Beginning ----------------------------------------------------------------------------------
 */

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return signals < 0 ? -errno : 0;
}

static uint32_t count_workers(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t wanted = configuration->workers ? configuration->workers
                      : online > 0           ? (uint32_t)online
                                             : 1;
    return wanted < MESSAGE_FDS_MAX / 2 ? wanted : MESSAGE_FDS_MAX / 2;
}

static int fail_start(int result, const char *what)
{
    char text[512];
    bool has_text = message_in.kind == MESSAGE_LISTENERS && message_in.number != 0;
    if (has_text)
        (void)snprintf(text, sizeof text, "%.400s", message_in.text);
    else
        (void)snprintf(text, sizeof text, "%s: %s", what, strerror(-result));
    tell_workers(MESSAGE_STOP);
    return say_failed(text);
}

static int take_listeners(void)
{
    for (uint32_t i = 0; i < configuration->listen_count; i++)
        TRY(take_listener(i));
    TRY(want_helper_listener(&configuration->metrics_address, USE_METRICS));
    return want_helper_listener(&configuration->admin_address, USE_ADMIN);
}

static int start_workers(void)
{
    for (uint32_t i = 0; i < worker_count; i++)
        workers[i].control = -1;
    for (uint32_t i = 0; i < worker_count; i++)
        TRY(start_worker(i));
    return await_workers();
}

static int say_ready(const struct ready_report *report, const char *warnings)
{
    struct message *m = message_with_text(MESSAGE_READY, 0, 0, "%s", "");
    size_t length = strlen(warnings);
    memcpy(m->text, report, sizeof *report);
    if (length > MESSAGE_TEXT_MAX - sizeof *report - 1)
        length = MESSAGE_TEXT_MAX - sizeof *report - 1;
    memcpy(m->text + sizeof *report, warnings, length);
    m->text_length = (uint32_t)(sizeof *report + length);
    was_ready = true;
    return message_send(boot->channel, m);
}

static int run(void)
{
    const char *report_text;
    if (load(&report_text) != 0)
        return say_failed(report_text);
    worker_count = count_workers();
    struct ready_report report = { .drain_ms = configuration->drain_ms,
                                   .generations_max = configuration->drain_generations_max };
    int result = take_listeners();
    if (result != 0)
        return fail_start(result, "cannot get the listening sockets");
    message_in.kind = 0;
    if ((result = take_slots()) != 0)
        return fail_start(result, "no free worker slots");
    if ((result = claim_sinks()) != 0)
        return fail_start(result, "too many log files");
    if ((result = drop_privileges(&report)) != 0)
        return fail_start(result, "cannot become the user of the workers");
    if ((result = start_workers()) != 0)
        return fail_start(result, "a worker died or did not start serving in time");
    if ((result = say_ready(&report, report_text)) != 0)
        return fail_start(result, "cannot tell the supervisor");
    return serve();
}

int generation_main(struct boot_record *record)
{
    static char role[32];
    boot = record;
    (void)snprintf(role, sizeof role, "generation %llu", (unsigned long long)boot->generation);
    log_open(role, (enum log_level)boot->verbosity);
    (void)prctl(PR_SET_NAME, "pc-generation");
    (void)prctl(PR_SET_DUMPABLE, 0);
    int result = open_signals();
    if (result == 0) {
        int fds[SHARED_COUNT];
        memcpy(fds, boot->shared, sizeof fds);
        result = shared_memory_map(&memory, fds);
    }
    if (result != 0)
        return say_failed("the shared memory cannot be mapped");
    int code = run();
    for (int waited = 0; !was_ready && living_workers() > 0 && waited < 50; waited++) {
        (void)poll(NULL, 0, 20);
        reap();
    }
    configuration_free(configuration);
    shared_memory_close(&memory);
    return code;
}
