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
#include "control/generation_certificates.h"
#include "control/crew.h"
#include "control/generation_keys.h"
#include "control/helper.h"
#include "control/load.h"
#include "control/message.h"
#include "control/reason.h"
#include "control/worker.h"
#include "net/remote_key.h"

#define ANSWER_MS     10000
#define LISTENERS_MAX (LISTENS_MAX * WORKER_SLOTS_MAX)

static struct boot_record *boot;
static struct shared_memory memory;
static struct configuration *configuration;
static uint32_t slots[WORKER_SLOTS_MAX];
static uint32_t worker_count;
static struct worker_listener listeners[LISTENERS_MAX];
static uint32_t listener_count;
static char wanted_texts[LISTENS_MAX][BOOT_ADDRESS_MAX]; /* the addresses as they were configured */
static struct ready_report report;
static int signals = -1;
static bool serving, draining;

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
static void write_report(struct diagnostics *d, char *to, size_t room)
{
    struct diagnostic_style style = { .colours = false };
    struct writer all = writer_over(to, room - 1);
    diagnostics_sort(d);
    for (uint32_t i = 0; i < d->count; i++) {
        struct writer before = all;
        diagnostic_write_text(&all, &d->items[i], &style);
        if (all.overflowed) {
            all = before;
            break;
        }
    }
    to[all.len] = '\0';
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
                                             .server_row = server_row,
                                             .load_key = generation_keys_load };
    struct load_options options = { .path = boot->config_path[0] ? boot->config_path : NULL,
                                    .generation = boot->generation,
                                    .hooks = &hooks,
                                    .log_folder = log_folder() };
    if (!options.path)
        options.text = read_config_text();
    static char text[MESSAGE_TEXT_MAX / 2];
    struct diagnostics diagnostics;
    claim_reasons();
    diagnostics_open(&diagnostics);
    int result = configuration_load(&options, &configuration, &diagnostics);
    write_report(&diagnostics, text, sizeof text);
    if (result != 0 && diagnostics.errors == 0)
        (void)snprintf(text, sizeof text, "out of memory while loading the configuration");
    diagnostics_close(&diagnostics);
    *ret_report = text;
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
    struct listen *l = &configuration->listens[index];
    write_address(wanted_texts[index], sizeof wanted_texts[index], &l->address);
    int result = ask(message_with_text(MESSAGE_WANT_LISTENERS, USE_TRAFFIC, worker_count, "%s",
                                       wanted_texts[index]),
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
    memcpy(slots, message_in.text, worker_count * sizeof slots[0]);
    return 0;
}

/* 0 · -errno */
static int want_sink(const struct log_settings *l)
{
    return message_send(boot->channel, message_with_text(MESSAGE_WANT_SINK, 0, l->sink, "%.*s",
                                                         SLICE_ARGUMENTS(l->path)));
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
        TRY(want_sink(l));
    }
    return 0;
}

/* --- Privileges ---------------------------------------------------------------------------------
 */

static const struct passwd *find_user(void)
{
    if (configuration->user.len == 0) {
        const struct passwd *user = getpwnam("portcullis");
        return user ? user : getpwnam("nobody");
    }
    char name[64];
    struct writer w = writer_over(name, sizeof name - 1);
    writer_slice_add(&w, configuration->user);
    name[w.len] = '\0';
    return w.overflowed ? NULL : getpwnam(name);
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

/* Whom we become, and whom the helpers run as. 0 · -ESRCH */
static int choose_user(void)
{
    report.uid = geteuid();
    report.gid = getegid();
    if (geteuid() != 0)
        return 0;
    const struct passwd *user = find_user();
    if (!user)
        return -ESRCH;
    report.uid = user->pw_uid;
    report.gid = user->pw_gid;
    return 0;
}

static int drop_privileges(void)
{
    if (geteuid() != 0)
        return 0;
    make_log_folders();
    if (report.uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(report.gid, report.gid, report.gid) < 0 ||
        setresuid(report.uid, report.uid, report.uid) < 0)
        return -errno;
    return 0;
}

/* --- Life ---------------------------------------------------------------------------------------
 */

static void end_listening(void)
{
    for (uint32_t i = 0; i < listener_count; i++) {
        bool is_shared = i > 0 && listeners[i].fd == listeners[i - 1].fd;
        if (!is_shared)
            close(listeners[i].fd);
    }
    listener_count = 0;
}

/* Our own copies go as well: whom nobody accepts from must not stay open. */
static void drain(uint64_t closed, bool is_last)
{
    crew_drain(closed, is_last);
    end_listening();
    draining = true;
}

static void leave_generation(void)
{
    close(signals);
    generation_keys_close();
    generation_certificates_leave();
    if (boot->channel >= 0)
        close(boot->channel);
    if (boot->adoption_fd >= 0)
        close(boot->adoption_fd);
}

static void say_exhausted(void)
{
    if (boot->channel >= 0)
        message_tell(boot->channel, MESSAGE_EXHAUSTED, 0, 0);
}

static void hear_signals(void)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            crew_reap();
        else if (info.ssi_signo == SIGTERM && !draining)
            drain(0, false);
    }
}

static void ask_for_keys(void)
{
    if (boot->channel >= 0)
        message_tell(boot->channel, MESSAGE_WANT_KEYS, 0, 0);
}

/* Of the keyholder that took the place of ours. */
static void renew_keys(struct message *m)
{
    if (m->fd_count != 1)
        return;
    m->fd_count = 0;
    generation_keys_renew(m->fds[0]);
    crew_renew_keys();
}

static void obey(struct message *m)
{
    if (m->kind == MESSAGE_SERVE && !serving && !draining) {
        serving = true;
        crew_serve();
    } else if (m->kind == MESSAGE_DRAIN && !draining) {
        drain((uint64_t)m->number, m->detail != 0);
    } else if (m->kind == MESSAGE_CERTIFICATES && m->fd_count == 1) {
        generation_certificates_apply(m->fds[0]);
        crew_pass(m);
    } else if (m->kind == MESSAGE_STOP) {
        crew_stop();
        draining = true;
    } else if (m->kind == MESSAGE_KEYS) {
        renew_keys(m);
    }
}

static void hear_supervisor(void)
{
    int result = message_receive(boot->channel, &message_in);
    if (result == -EAGAIN)
        return;
    if (result != 0) {
        if (serving)
            log_error("the supervisor is gone; this generation goes on without it");
        else
            crew_stop(); /* it was never in force */
        close(boot->channel);
        boot->channel = -1;
        return;
    }
    obey(&message_in);
    message_close_fds(&message_in);
}

static void hear_new_supervisor(void)
{
    struct adoption_offer offer = { .boot = boot,
                                    .report = report,
                                    .is_draining = draining,
                                    .listeners = listeners,
                                    .listener_count = listener_count,
                                    .slots = slots,
                                    .slot_count = worker_count };
    if (!draining) {
        offer.wanted = wanted_texts;
        offer.addresses = configuration->listens;
        offer.address_count = configuration->listen_count;
    }
    int channel = adoption_give(&offer);
    if (channel < 0)
        return;
    log_info("a new supervisor has adopted this generation");
    boot->channel = channel;
    for (int i = 0; i < LOG_CHANNELS; i++) /* the new logger has to write on */
        if (configuration->logs[i].is_on && want_sink(&configuration->logs[i]) != 0)
            log_warn("the new supervisor does not hear where the log goes");
    if (generation_keys_fd() < 0)
        ask_for_keys();
    if (!draining)
        generation_certificates_tell(channel);
}

static int serve(void)
{
    struct pollfd polled[WORKER_SLOTS_MAX + 4];
    while (crew_living() > 0) {
        polled[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
        polled[1] = (struct pollfd){ .fd = boot->channel, .events = POLLIN };
        polled[2] = (struct pollfd){ .fd = boot->channel < 0 && serving ? boot->adoption_fd : -1,
                                     .events = POLLIN };
        polled[3] = (struct pollfd){ .fd = generation_keys_fd(), .events = POLLIN };
        crew_poll(polled + 4);
        if (poll(polled, 4 + worker_count, crew_watch_ms()) < 0 && errno != EINTR)
            return 1;
        hear_signals();
        if (polled[1].revents && boot->channel >= 0)
            hear_supervisor();
        if (polled[2].revents)
            hear_new_supervisor();
        if (polled[3].revents && polled[3].fd == generation_keys_fd() &&
            generation_keys_have_ended())
            ask_for_keys();
        crew_hear(polled + 4);
        crew_watch();
    }
    return 0;
}

/* --- Beginning ----------------------------------------------------------------------------------
 */

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
    return say_failed(text);
}

static int fail_user(int result)
{
    slice name = configuration->user.len ? configuration->user : SLICE("nobody");
    char text[160];
    if (result == -ESRCH)
        (void)snprintf(text, sizeof text, "this machine has no user \"%.*s\" (user)",
                       SLICE_ARGUMENTS(name));
    else
        (void)snprintf(text, sizeof text, "cannot become the user \"%.*s\": %s",
                       SLICE_ARGUMENTS(name), strerror(-result));
    return say_failed(text);
}

/* The supervisor gave a channel to the keyholder at the start, unless it was just being replaced.
 */
static int take_keys(void)
{
    int fd = boot->key_channel;
    boot->key_channel = -1;
    if (fd < 0) {
        TRY(ask(message_with_text(MESSAGE_WANT_KEYS, 0, 0, "%s", ""), MESSAGE_KEYS));
        if (message_in.fd_count != 1)
            return -EPROTO;
        fd = message_in.fds[0];
    }
    return generation_keys_open(fd);
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
    static struct crew_options options;
    options = (struct crew_options){ .boot = boot,
                                     .memory = &memory,
                                     .configuration = configuration,
                                     .slots = slots,
                                     .count = worker_count,
                                     .listeners = listeners,
                                     .listener_count = listener_count,
                                     .leave_generation = leave_generation,
                                     .open_keys = generation_keys_for_worker,
                                     .on_exhausted = say_exhausted };
    int result = crew_start(&options);
    if (result == 0)
        return 0;
    crew_stop();
    (void)say_failed(crew_failure());
    crew_end();
    return result;
}

static int say_ready(const char *warnings)
{
    struct message *m = message_with_text(MESSAGE_READY, 0, 0, "%s", "");
    size_t length = strlen(warnings);
    memcpy(m->text, &report, sizeof report);
    if (length > MESSAGE_TEXT_MAX - sizeof report - 1)
        length = MESSAGE_TEXT_MAX - sizeof report - 1;
    memcpy(m->text + sizeof report, warnings, length);
    m->text_length = (uint32_t)(sizeof report + length);
    return message_send(boot->channel, m);
}

static int run(void)
{
    const char *report_text;
    int result = take_keys();
    if (result != 0)
        return fail_start(result, "the keyholder is not there");
    if (load(&report_text) != 0)
        return say_failed(report_text);
    if ((result = choose_user()) != 0)
        return fail_user(result);
    result = generation_certificates_open(boot->channel, configuration,
                                          &(struct certificates_wish){ report.uid, report.gid });
    if (result != 0)
        return fail_start(result, "the certifier does not answer");
    generation_keys_settle();
    worker_count = count_workers();
    report.drain_ms = configuration->drain_ms;
    report.generations_max = configuration->drain_generations_max;
    result = take_listeners();
    if (result != 0)
        return fail_start(result, "cannot get the listening sockets");
    message_in.kind = 0;
    if ((result = take_slots()) != 0)
        return fail_start(result, "no free worker slots");
    if ((result = claim_sinks()) != 0)
        return fail_start(result, "too many log files");
    if ((result = drop_privileges()) != 0)
        return fail_user(result);
    if (start_workers() != 0)
        return 1;
    names_set_servers(memory.names, configuration->resolvers);
    if (say_ready(report_text) != 0) { /* the supervisor has just died */
        crew_stop();
        crew_end();
        return 1;
    }
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
    signals = helper_open_signals(true);
    int result = signals < 0 ? signals : 0;
    if (result == 0) {
        int fds[SHARED_COUNT];
        memcpy(fds, boot->shared, sizeof fds);
        result = shared_memory_map(&memory, fds);
    }
    if (result == -EPROTO)
        return say_failed("this binary lays out the shared memory in another way and cannot take "
                          "over from the one that runs: stop that one, then start this one");
    if (result != 0)
        return fail_start(result, "the shared memory cannot be mapped");
    int code = run();
    configuration_free(configuration);
    generation_keys_close();
    remote_key_close();
    shared_memory_close(&memory);
    return code;
}
