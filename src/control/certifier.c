#include "control/certifier.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "control/certifier_state.h"
#include "control/helper.h"
#include "control/message.h"
#include "net/fetch.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"

#define INBOX_MAX 64

struct certifier certifier;

/* What was said and not yet done: the keeper may be waiting for the keyholder. */
struct said {
    uint32_t kind;
    uint64_t generation;
    int fd;
    bool certifier_has_died; /* MESSAGE_IN_FORCE */
};
static struct said inbox[INBOX_MAX];
static uint32_t inbox_count;
static struct pollable channel, signals, changes;

/* --- Hearing ---------------------------------------------------------------------------------- */

static void take(const struct message *m)
{
    int fd = m->fd_count == 1 ? m->fds[0] : -1;
    if (m->kind == MESSAGE_KEYS && fd >= 0) {
        certifier_world_renew_keys(fd);
        return;
    }
    if (m->kind == MESSAGE_ASK && fd < 0) {
        certifier_acme_ask(m);
        return;
    }
    if (m->kind == MESSAGE_WANT_STATUSES && fd < 0) {
        certifier_take_questions();
        return;
    }
    bool is_known =
        m->kind == MESSAGE_IN_FORCE || (m->kind == MESSAGE_WANT_CERTIFICATES && fd >= 0);
    if (!is_known || inbox_count == INBOX_MAX) {
        if (fd >= 0)
            close(fd);
        return;
    }
    inbox[inbox_count++] = (struct said){ m->kind, (uint64_t)m->number, fd, m->detail != 0 };
    event_signal_all(&certifier.has_work);
}

static void on_channel(struct pollable *p)
{
    int result;
    while ((result = message_receive(p->fd, &message_in)) == 0) {
        if (message_in.fd_count > 1)
            message_close_fds(&message_in);
        take(&message_in);
    }
    if (result == -EAGAIN)
        return;
    pollable_close(p, false);
    loop_stop(); /* without a supervisor nobody can be told anything */
}

static void on_changes(struct pollable *p)
{
    certifier.is_told_of_changes |= folders_read(&certifier.folders);
    event_signal_all(&certifier.has_work);
}

static void on_signal(struct pollable *p)
{
    pollable_close(p, false);
    loop_stop();
}

/* --- Keeping ---------------------------------------------------------------------------------- */

static void do_what_was_said(void)
{
    while (inbox_count > 0) {
        struct said s = inbox[0];
        inbox_count--;
        memmove(inbox, inbox + 1, inbox_count * sizeof inbox[0]);
        if (s.kind == MESSAGE_WANT_CERTIFICATES)
            certifier_take_wish(s.generation, s.fd);
        else
            certifier_put_in_force(s.generation, s.certifier_has_died);
    }
}

static void keep(void *unused)
{
    (void)unused;
    int result = 0;
    while (result != -ECANCELED) {
        do_what_was_said();
        int64_t until_ms = certifier_do_what_is_due();
        result = fiber_is_cancelled() ? -ECANCELED
                 : inbox_count        ? 0
                                      : event_wait(&certifier.has_work, until_ms);
    }
}

/* --- Life ------------------------------------------------------------------------------------- */

/* Into the folder, while we still may. */
static int enter_folder(const struct boot_record *boot)
{
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/" CERTIFIER_FOLDER, boot->storage_folder);
    return chdir(path) < 0 ? -errno : 0;
}

static int open_certifier(struct boot_record *boot)
{
    int fds[SHARED_COUNT];
    struct loop_options options = { .fibers_max = 64 };
    memcpy(fds, boot->shared, sizeof fds);
    certifier.boot = boot;
    TRY(enter_folder(boot));
    TRY(boot_drop_privileges(boot));
    (void)prctl(PR_SET_DUMPABLE, 0);
    TRY(loop_open(&options));
    TRY(helper_watch_signals(&signals, on_signal));
    if (fetch_open() != 0)
        log_warn(
            "libcurl.so.4 is not installed: neither certificate authorities nor responders can "
            "be asked");
    TRY(holdings_open(&certifier.holdings));
    TRY(folders_open(&certifier.folders));
    TRY(certifier_world_open(&certifier.world, boot->key_channel));
    TRY(shared_memory_map(&certifier.memory, fds));
    bundle_open(&certifier.fibers);
    event_init(&certifier.has_work);
    TRY(pollable_open_level(&channel, boot->channel, on_channel));
    if (certifier.folders.fd >= 0)
        TRY(pollable_open_level(&changes, certifier.folders.fd, on_changes));
    TRY(certifier_acme_open());
    certifier_take_questions(); /* of a predecessor */
    return bundle_start(&certifier.fibers, "keeper", keep, NULL);
}

static void end_fibers(void *unused)
{
    (void)unused;
    bundle_end(&certifier.fibers);
    loop_stop();
}

static void close_certifier(void)
{
    certifier_acme_close();
    local_authority_close(&certifier.authority);
    certifier_world_close(&certifier.world);
    holdings_close(&certifier.holdings);
    folders_close(&certifier.folders);
    shared_memory_close(&certifier.memory);
    loop_close();
    fetch_close();
}

int certifier_main(struct boot_record *boot)
{
    log_open("certifier", (enum log_level)boot->verbosity);
    (void)prctl(PR_SET_NAME, "pc-certifier");
    int result = open_certifier(boot);
    if (result == 0)
        result = loop_run();
    if (result != 0) {
        log_error("cannot go on: %s (storage directory %s)", strerror(-result),
                  boot->storage_folder);
        return 1;
    }
    if (fiber_start("end", end_fibers, NULL, NULL) == 0)
        result = loop_run();
    close_certifier();
    return result == 0 ? 0 : 1;
}
