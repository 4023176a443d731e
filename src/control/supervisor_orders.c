/* What the supervisor is asked, by the command line through the observer or by a signal. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "certifier/report.h"
#include "control/certifier.h"
#include "control/notify.h"
#include "control/state.h"
#include "control/status.h"
#include "control/supervisor_state.h"

#define SETTLED_MS      5000 /* a worker that hangs is not waited for longer */
#define SETTLED_LOOK_MS 2

/* --- Answers ---------------------------------------------------------------------------------- */

static void answer(int64_t ticket, int status, const char *text)
{
    if (ticket && supervisor.state.observer_channel >= 0)
        message_pass(supervisor.state.observer_channel,
                     message_with_text(MESSAGE_ANSWER, status, ticket, "%s", text));
}

static void take_ticket(struct tickets *t, int64_t ticket)
{
    if (t->count < BOOT_TICKETS_MAX)
        t->numbers[t->count++] = ticket;
    else
        answer(ticket, 503, "too many wait for a reload already");
}

void orders_forget(void)
{
    supervisor.loading.count = supervisor.waiting.count = 0;
}

void orders_conclude(bool ok, const char *text)
{
    supervisor.last_reload_failed = !ok;
    (void)snprintf(supervisor.last_reload, sizeof supervisor.last_reload, "%s", text);
    for (uint32_t i = 0; i < supervisor.loading.count; i++)
        answer(supervisor.loading.numbers[i], ok ? 200 : 409, text);
    supervisor.loading.count = 0;
    notify_send("READY=1\nMAINPID=%d\nSTATUS=serving%s", (int)getpid(),
                ok ? "" : "; the last reload failed");
}

/* The same words as on the command line, a line of the log for each of theirs. */
static void log_lines(const char *text)
{
    for (slice rest = slice_from(text); rest.len > 0;) {
        size_t length = slice_find(rest, SLICE("\n"));
        if (length > 0)
            log_error("%.*s", (int)length, rest.ptr);
        rest = slice_after(rest, length < rest.len ? length + 1 : length);
    }
}

void orders_reject(const char *why)
{
    bool serving = generations_find(GENERATION_CURRENT) != NULL;
    if (!serving && !supervisor.announced) { /* the first one: nothing to go on with */
        dprintf(STDERR_FILENO, "%s\n", why);
        supervisor.stopping = true;
        supervisor.exit_code = 1;
        return;
    }
    log_error("the new configuration is not in force, the old one goes on:");
    log_lines(why);
    orders_conclude(false, why);
    if (!serving)
        generations_plan();
}

/* --- In force --------------------------------------------------------------------------------- */

static const char *settled_text;
static void (*do_then)(void);

void orders_settle(const char *text, void (*then)(void))
{
    int64_t now = clock_monotonic_ms();
    settled_text = text;
    if (then) /* else one that waits already goes on waiting */
        do_then = then;
    supervisor.settled_at_ms = now;
    supervisor.settled_by_ms = now + SETTLED_MS;
}

static bool has_acceptors_of_before(void)
{
    const struct boot_generation *current = generations_find(GENERATION_CURRENT);
    for (uint32_t i = 0; current && i < WORKER_SLOTS_MAX; i++) {
        const struct worker_slot *slot = &supervisor.memory.workers->slots[i];
        if (slot->pid > 0 && slot->accepts && slot->generation != current->number)
            return true;
    }
    return false;
}

static void look_whether_settled(int64_t now)
{
    if (!supervisor.settled_at_ms || now < supervisor.settled_at_ms)
        return;
    if (now < supervisor.settled_by_ms && has_acceptors_of_before()) {
        supervisor.settled_at_ms = now + SETTLED_LOOK_MS;
        return;
    }
    supervisor.settled_at_ms = 0;
    orders_conclude(true, settled_text);
    void (*then)(void) = do_then;
    do_then = NULL;
    if (then)
        then();
}

/* --- Reload and upgrade ----------------------------------------------------------------------- */

static void begin(bool is_upgrade)
{
    notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=%s",
                (long long)clock_monotonic_ns() / 1000, is_upgrade ? "upgrading" : "reloading");
    supervisor.generation_at_ms = 0;
    int result = generations_start(is_upgrade);
    if (result == 0)
        return;
    char why[PATH_MAX + 128];
    (void)snprintf(why, sizeof why, "cannot start a generation with %s: %s",
                   is_upgrade ? supervisor.state.binary : "the running binary", strerror(-result));
    orders_reject(why);
}

void orders_reload(int64_t ticket, bool is_upgrade)
{
    if (supervisor.stopping) {
        answer(ticket, 409, "the program is stopping");
        return;
    }
    bool loads = generations_find(GENERATION_LOADING) || supervisor.settled_at_ms;
    if (ticket)
        take_ticket(loads ? &supervisor.waiting : &supervisor.loading, ticket);
    if (!loads) {
        begin(is_upgrade);
        return;
    }
    supervisor.reload_again = true; /* the file may have changed since that one began to read */
    supervisor.upgrade_again |= is_upgrade;
}

void orders_do_what_is_due(int64_t now)
{
    look_whether_settled(now);
    if (!supervisor.reload_again || supervisor.stopping || supervisor.settled_at_ms ||
        generations_find(GENERATION_LOADING))
        return;
    bool is_upgrade = supervisor.upgrade_again;
    supervisor.reload_again = supervisor.upgrade_again = false;
    supervisor.loading = supervisor.waiting;
    supervisor.waiting.count = 0;
    begin(is_upgrade);
}

/* --- Stop ------------------------------------------------------------------------------------- */

void orders_stop(bool quickly)
{
    if (!supervisor.stopping || (quickly && !supervisor.stopping_quickly))
        log_info(quickly ? "stopping" : "draining, then stopping");
    notify_send("STOPPING=1\nSTATUS=%s", quickly ? "stopping" : "draining, then stopping");
    supervisor.stopping = true;
    supervisor.stopping_quickly |= quickly;
    supervisor.settled_by_ms = 0;
    if (supervisor.state.observer_channel >= 0)
        message_tell(supervisor.state.observer_channel, MESSAGE_DRAIN, 1, 0); /* not ready */
    supervisor.generation_at_ms = 0;
    for (uint32_t i = 0; i < supervisor.waiting.count; i++)
        answer(supervisor.waiting.numbers[i], 409, "the program is stopping");
    supervisor.waiting.count = 0;
    generations_stop(quickly);
}

/* --- Questions -------------------------------------------------------------------------------- */

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

/* The certifier's report, opened for the observer, who may not enter its folder. Whoever may write
 * there must not lead us elsewhere. */
static int open_report(void)
{
    char path[PATH_MAX + 64];
    struct stat status;
    if (state_path(path, sizeof path, supervisor.state.storage_folder,
                   CERTIFIER_FOLDER "/" REPORT_FILE) != 0)
        return -1;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool is_report_late(void)
{
    const struct boot_generation *current = generations_find(GENERATION_CURRENT);
    return supervisor.state.certifier_channel >= 0 && current &&
           current->number != supervisor.reported_generation;
}

static void send_report(int64_t ticket)
{
    int32_t status = is_report_late() ? 202 : 200;
    struct message *m = message_with_text(MESSAGE_ANSWER, status, ticket, "%s", "");
    int fd = supervisor.state.certifier_pid || supervisor.certifier_at_ms ? open_report() : -1;
    if (fd >= 0)
        m->fds[m->fd_count++] = fd;
    message_pass(supervisor.state.observer_channel, m);
    if (fd >= 0)
        close(fd);
}

void orders_hear(void)
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
        orders_reload(ticket, false);
        break;
    case VERB_DRAIN:
    case VERB_STOP:
        answer(ticket, 200, m->detail == VERB_STOP ? "stopping" : "draining, then stopping");
        orders_stop(m->detail == VERB_STOP);
        break;
    case VERB_UPGRADE:
        orders_reload(ticket, true);
        break;
    case VERB_REOPEN:
        helpers_reopen_logs();
        answer(ticket, 200, "log files are opened again");
        break;
    case VERB_CERTIFICATES:
        send_report(ticket);
        break;
    case VERB_RENEW_CERTIFICATE:
    case VERB_REVOKE_CERTIFICATE:
        if (!certificates_ask(m))
            answer(ticket, 409, "no certificate comes from an authority here");
        break;
    }
}
