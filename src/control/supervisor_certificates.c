/* The certifier, as the supervisor sees it: started when a configuration wants certificates, told
 * what the generations want, and its news passed on to them. The supervisor reads none of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/certifier.h"
#include "control/state.h"
#include "control/supervisor_state.h"
#include "net/key_call.h"

/* --- Starting --------------------------------------------------------------------------------- */

/* Its folder, which belongs to the user that it runs as. 0 · -errno, said */
static int make_folder(const struct certificates_wish *user)
{
    char path[PATH_MAX + 32];
    const char *storage = supervisor.state.storage_folder;
    int result = state_make_folder(storage);
    if (result == 0)
        result = state_path(path, sizeof path, storage, CERTIFIER_FOLDER);
    if (result == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
        result = -errno;
    int fd = result == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (result == 0 && (fd < 0 || (geteuid() == 0 && fchown(fd, user->uid, user->gid) < 0)))
        result = -errno;
    if (fd >= 0)
        close(fd);
    if (result != 0)
        log_error("cannot make the folder for certificates, %s/" CERTIFIER_FOLDER ": %s", storage,
                  strerror(-result));
    return result;
}

static bool has_keyholder_in_force(void)
{
    return supervisor.state.certifier_keyholder == supervisor.state.keyholder.pid;
}

/* Our own channel is of the same family: what was loaded for a certifier that died is there until
 * the next one has loaded it again. */
int certificates_open_keys(void)
{
    int fd = supervisor.certifier_keys >= 0 && has_keyholder_in_force()
                 ? key_call_open(supervisor.certifier_keys, KEYS_OF_CERTIFIER)
                 : -EPIPE;
    if (fd >= 0)
        return fd;
    if (supervisor.certifier_keys >= 0)
        close(supervisor.certifier_keys);
    supervisor.certifier_keys = keyholders_channel(NULL, KEYS_OF_CERTIFIER | KEY_MAY_OPEN);
    if (supervisor.certifier_keys < 0)
        return -1;
    supervisor.state.certifier_keyholder = supervisor.state.keyholder.pid;
    fd = key_call_open(supervisor.certifier_keys, KEYS_OF_CERTIFIER);
    return fd < 0 ? -1 : fd;
}

static void tell_wish(const struct boot_generation *g)
{
    struct message *m =
        message_with_text(MESSAGE_WANT_CERTIFICATES, 0, (int64_t)g->number, "%s", "");
    m->fd_count = 1;
    m->fds[0] = g->wish_fd;
    message_pass(supervisor.state.certifier_channel, m);
}

static void tell_in_force(const struct boot_generation *g, bool certifier_has_died)
{
    message_tell(supervisor.state.certifier_channel, MESSAGE_IN_FORCE, certifier_has_died,
                 (int64_t)g->number);
}

/* All that it has to know, the oldest first: the one in force decides what goes. */
static void tell_all(void)
{
    const struct boot_generation *current = generations_find(GENERATION_CURRENT);
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        const struct boot_generation *g = &supervisor.state.generations[i];
        if (g->wish_fd && (g == current || g->state == GENERATION_LOADING))
            tell_wish(g);
    }
    if (current)
        tell_in_force(current, supervisor.certifier_has_died);
    supervisor.certifier_has_died = false;
}

static int start_with(int keys)
{
    int pair[2];
    struct boot_record *state = &supervisor.state;
    TRY(message_pair(pair));
    struct boot_record *child = helpers_child_record(pair[1]);
    child->run_uid = state->certifier_user.uid;
    child->run_gid = state->certifier_user.gid;
    child->key_channel = keys;
    return helpers_start("certifier", child, pair, &state->certifier_pid,
                         &state->certifier_channel);
}

static void start_certifier(void)
{
    supervisor.certifier_at_ms = clock_monotonic_ms() + RETRY_MS; /* unless it succeeds */
    if (make_folder(&supervisor.state.certifier_user) != 0)
        return;
    int keys = certificates_open_keys();
    if (keys < 0)
        return;
    int result = start_with(keys);
    close(keys);
    if (result != 0)
        return;
    supervisor.certifier_at_ms = 0;
    tell_all();
}

/* --- What is wanted --------------------------------------------------------------------------- */

void certificates_want(struct boot_generation *g, struct message *m)
{
    if (m->fd_count != 1 || m->text_length != sizeof supervisor.state.certifier_user) {
        message_close_fds(m);
        return;
    }
    if (g->wish_fd)
        close(g->wish_fd);
    g->wish_fd = m->fds[0];
    memcpy(&supervisor.state.certifier_user, m->text, sizeof supervisor.state.certifier_user);
    if (supervisor.state.certifier_channel >= 0) {
        tell_wish(g);
        if (g->state == GENERATION_CURRENT) /* it was adopted */
            tell_in_force(g, true);
    } else if (!supervisor.state.certifier_pid) {
        supervisor.certifier_has_died |= g->state == GENERATION_CURRENT;
        start_certifier();
    }
}

void certificates_follow(const struct boot_generation *g)
{
    if (supervisor.state.certifier_channel >= 0)
        tell_in_force(g, false);
}

void certificates_wake(void)
{
    if (supervisor.state.certifier_channel >= 0)
        message_tell(supervisor.state.certifier_channel, MESSAGE_WANT_STATUSES, 0, 0);
}

/* --- What it says ----------------------------------------------------------------------------- */

/* After an upgrade the certifier of before has nothing to say to the generation in force, whose
 * keyholder does not know its keys: the next certifier will. */
static bool has_its_keys(const struct boot_generation *g)
{
    return g->state != GENERATION_CURRENT || !supervisor.state.keyholder.pid ||
           has_keyholder_in_force();
}

static void pass_on(struct message *m)
{
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        const struct boot_generation *g = &supervisor.state.generations[i];
        bool loads = g->state == GENERATION_LOADING;
        bool is_for_it =
            m->number ? loads && g->number == (uint64_t)m->number : !loads && has_its_keys(g);
        if (is_for_it && g->channel >= 0)
            message_pass(g->channel, m);
    }
}

bool certificates_ask(const struct message *m)
{
    return supervisor.state.certifier_channel >= 0 &&
           message_send(supervisor.state.certifier_channel, m) == 0;
}

void certificates_hear(void)
{
    struct message *m = &message_in;
    int result = message_receive(supervisor.state.certifier_channel, m);
    if (result == -EAGAIN)
        return;
    if (result != 0) {
        close(supervisor.state.certifier_channel);
        supervisor.state.certifier_channel = -1;
        return;
    }
    if (m->kind == MESSAGE_CERTIFICATES && m->fd_count == 1)
        pass_on(m);
    message_close_fds(m);
    if (m->kind == MESSAGE_REPORTED)
        supervisor.reported_generation = (uint64_t)m->number;
    if (m->kind == MESSAGE_ANSWER && supervisor.state.observer_channel >= 0)
        message_pass(supervisor.state.observer_channel, m);
}

/* --- Its end ---------------------------------------------------------------------------------- */

bool certificates_ended(pid_t pid)
{
    struct boot_record *state = &supervisor.state;
    if (pid != state->certifier_pid)
        return false;
    helpers_note_end("certifier", &state->certifier_pid, &state->certifier_channel,
                     supervisor.replacing_certifier);
    supervisor.certifier_has_died |= !supervisor.replacing_certifier;
    supervisor.certifier_at_ms =
        clock_monotonic_ms() + (supervisor.replacing_certifier ? 0 : RESTART_MS);
    supervisor.replacing_certifier = false;
    return true;
}

void certificates_replace(void)
{
    const struct boot_generation *current = generations_find(GENERATION_CURRENT);
    supervisor.replacing_certifier = supervisor.state.certifier_pid > 0;
    if (supervisor.replacing_certifier)
        (void)kill(supervisor.state.certifier_pid, SIGTERM);
    else if (current && current->wish_fd)
        supervisor.certifier_at_ms = clock_monotonic_ms();
}

void certificates_do_what_is_due(int64_t now)
{
    if (supervisor.certifier_at_ms && now >= supervisor.certifier_at_ms && !supervisor.stopping)
        start_certifier();
}
