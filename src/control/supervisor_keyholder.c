/* The keyholder, as the supervisor sees it: started before anything reads a key, started again when
 * it dies. Whoever needs it gets a channel, with the rights that it needs; a generation whose
 * channel has ended asks for another.
 *
 * An upgrade gets a keyholder of the new binary for the new generation. The old one lives on as
 * long as anybody has a channel to it: until its generations have drained. The same holds for the
 * keyholder of a supervisor that died. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/keyholder.h"
#include "control/supervisor_state.h"
#include "net/key_call.h"

#define LIVED_LONG_MS 5000 /* who lived that long is started again at once */

static int64_t started_ms;

/* For an upgrade that is loading; else the one in force. */
static struct boot_keyholder *keyholder_of(const struct boot_generation *g)
{
    bool is_next = g && g->state == GENERATION_LOADING && g->is_upgrade;
    return is_next ? &supervisor.state.next_keyholder : &supervisor.state.keyholder;
}

static int start(struct boot_keyholder *k, const char *binary)
{
    static struct boot_record from;
    boot_record_clear(&from);
    (void)snprintf(from.binary, sizeof from.binary, "%s", binary);
    memcpy(from.storage_folder, supervisor.state.storage_folder, sizeof from.storage_folder);
    from.verbosity = supervisor.state.verbosity;
    int channel;
    pid_t pid = keyholder_start(&from, &channel);
    if (pid < 0) {
        log_error("cannot start the keyholder: %s: %s", binary, strerror(-pid));
        return pid;
    }
    *k = (struct boot_keyholder){ .pid = pid, .channel = channel };
    started_ms = clock_monotonic_ms();
    log_debug("the keyholder runs (pid %d)", (int)pid);
    return 0;
}

int keyholders_begin(void)
{
    return start(&supervisor.state.keyholder, BOOT_OWN_BINARY);
}

int keyholders_channel(const struct boot_generation *g, uint32_t rights)
{
    return key_call_open(keyholder_of(g)->channel, rights | KEY_NEW_FAMILY);
}

/* --- Channels for those who ask ----------------------------------------------------------------
 */

static void pass(int to, int fd)
{
    struct message *m = message_with_text(MESSAGE_KEYS, 0, 0, "%s", "");
    m->fd_count = 1;
    m->fds[0] = fd;
    message_pass(to, m);
    close(fd);
}

void keyholders_give(struct boot_generation *g)
{
    int fd = keyholders_channel(g, KEYS_OF_GENERATION);
    g->wants_keys = fd < 0; /* later, when there is one again */
    if (fd >= 0)
        pass(g->channel, fd);
}

/* To those who were left without: the certifier, and the generations that have asked. */
static void give_all(const struct boot_keyholder *k)
{
    int fd = supervisor.state.certifier_channel < 0 ? -1 : certificates_open_keys();
    if (fd >= 0)
        pass(supervisor.state.certifier_channel, fd);
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (g->wants_keys && g->channel >= 0 && keyholder_of(g) == k)
            keyholders_give(g);
    }
}

/* --- Its end -----------------------------------------------------------------------------------
 */

static void leave(struct boot_keyholder *k)
{
    if (k->channel >= 0)
        close(k->channel);
    *k = (struct boot_keyholder){ .channel = -1 };
}

bool keyholders_ended(pid_t pid, int status)
{
    struct boot_record *state = &supervisor.state;
    char how[96];
    if (pid != state->keyholder.pid && pid != state->next_keyholder.pid)
        return false;
    boot_describe_end(how, sizeof how, status);
    if (pid == state->next_keyholder.pid) { /* the generation that needs it does not get far */
        log_error("the keyholder of the new binary ended: %s", how);
        leave(&state->next_keyholder);
        return true;
    }
    int64_t now = clock_monotonic_ms();
    leave(&state->keyholder);
    log_warn("the keyholder ended: %s; it starts again, handshakes wait for it", how);
    supervisor.keyholder_at_ms = now - started_ms > LIVED_LONG_MS ? now : now + RESTART_MS;
    return true;
}

void keyholders_do_what_is_due(int64_t now)
{
    struct boot_keyholder *k = &supervisor.state.keyholder;
    if (!supervisor.keyholder_at_ms || now < supervisor.keyholder_at_ms)
        return;
    supervisor.keyholder_at_ms = 0;
    if (start(k, BOOT_OWN_BINARY) == 0)
        give_all(k);
    else
        supervisor.keyholder_at_ms = now + RETRY_MS;
}

/* --- Upgrades ----------------------------------------------------------------------------------
 */

int keyholders_prepare_upgrade(void)
{
    keyholders_finish_upgrade(false); /* of an attempt that failed */
    return start(&supervisor.state.next_keyholder, supervisor.state.binary);
}

void keyholders_finish_upgrade(bool in_force)
{
    struct boot_record *state = &supervisor.state;
    if (!state->next_keyholder.pid)
        return;
    if (!in_force) { /* whatever that binary is, it may not hear that nobody needs it */
        (void)kill(-state->next_keyholder.pid, SIGKILL);
        leave(&state->next_keyholder);
        return;
    }
    leave(&state->keyholder);
    state->keyholder = state->next_keyholder;
    state->next_keyholder = (struct boot_keyholder){ .channel = -1 };
}
