#include "control/adoption.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/state.h"
#include "control/status.h"

#define ANSWER_MS 3000
#define END_MS    2000

/* The text of MESSAGE_ADOPTED. Its descriptors: the shared segments, the logger's eventfd, the
 * adoption socket. `address_count` messages MESSAGE_ADOPTED_LISTENER follow, each with the sockets
 * of one address. */
struct adoption {
    uint32_t version, address_count;
    uint64_t generation;
    struct ready_report report;
    int32_t pid, is_draining;
    uint32_t slot_count;
    uint32_t slots[WORKER_SLOTS_MAX];
};

struct adopted_address {
    char wanted[BOOT_ADDRESS_MAX], bound[BOOT_ADDRESS_MAX];
};

/* --- Taking ----------------------------------------------------------------------------------- */

static int take_memory(struct boot_record *state, struct shared_memory *memory, struct message *m)
{
    if (m->fd_count != SHARED_COUNT + 2)
        return -EPROTO;
    bool is_first = state->generation_count == 0;
    if (!is_first) { /* all have the same */
        message_close_fds(m);
        return 0;
    }
    int at = 0;
    for (int i = 0; i < SHARED_COUNT; i++)
        state->shared[i] = m->fds[at++];
    state->log_wake_fd = m->fds[at++];
    state->adoption_fd = m->fds[at++];
    m->fd_count = 0;
    int fds[SHARED_COUNT];
    memcpy(fds, state->shared, sizeof fds);
    return shared_memory_map(memory, fds);
}

static int take_address(int fd, struct boot_record *state, struct boot_generation *g)
{
    struct message *m = &message_in;
    struct adopted_address address;
    TRY(message_await(fd, m, ANSWER_MS));
    if (m->kind != MESSAGE_ADOPTED_LISTENER || m->text_length != sizeof address ||
        state->listener_count >= BOOT_LISTENERS_MAX || m->fd_count == 0) {
        message_close_fds(m);
        return -EPROTO;
    }
    memcpy(&address, m->text, sizeof address);
    address.wanted[sizeof address.wanted - 1] = address.bound[sizeof address.bound - 1] = '\0';
    struct boot_listener *to = NULL;
    for (uint32_t i = 0; i < state->listener_count; i++)
        if (strcmp(state->listeners[i].bound, address.bound) == 0)
            to = &state->listeners[i];
    if (to) { /* an older generation has it too */
        message_close_fds(m);
    } else {
        to = &state->listeners[state->listener_count++];
        memset(to, 0, sizeof *to);
        memcpy(to->wanted, address.wanted, sizeof to->wanted);
        memcpy(to->bound, address.bound, sizeof to->bound);
        for (int i = 0; i < m->fd_count; i++)
            to->sockets[to->count++] = m->fds[i];
    }
    boot_generation_listens(g, (uint32_t)(to - state->listeners));
    return 0;
}

static int take_generation(int fd, struct boot_record *state, struct shared_memory *memory,
                           struct ready_report *ret_settings)
{
    struct message *m = &message_in;
    struct adoption a;
    TRY(message_send_plain(fd, MESSAGE_ADOPT, 0, BOOT_VERSION));
    TRY(message_await(fd, m, ANSWER_MS));
    if (m->kind != MESSAGE_ADOPTED || m->text_length != sizeof a) {
        message_close_fds(m);
        return -EPROTO;
    }
    memcpy(&a, m->text, sizeof a);
    if (a.version != BOOT_VERSION || a.slot_count > WORKER_SLOTS_MAX ||
        state->generation_count >= BOOT_GENERATIONS_MAX) {
        message_close_fds(m);
        return -EPROTO;
    }
    TRY(take_memory(state, memory, m));
    struct boot_generation *g = &state->generations[state->generation_count];
    *g =
        (struct boot_generation){ .number = a.generation,
                                  .started_ms = clock_monotonic_ms(),
                                  .drain_since_ms = clock_monotonic_ms(),
                                  .drain_ms = a.report.drain_ms,
                                  .pid = a.pid,
                                  .channel = fd,
                                  .state = a.is_draining ? GENERATION_DRAINING : GENERATION_CURRENT,
                                  .slot_count = a.slot_count };
    memcpy(g->slots, a.slots, sizeof g->slots);
    for (uint32_t i = 0; i < a.address_count; i++)
        TRY(take_address(fd, state, g));
    state->generation_count++;
    if (a.generation >= state->next_generation) {
        state->next_generation = a.generation + 1;
        *ret_settings = a.report;
    }
    return 0;
}

static int open_channel(const char *folder)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    TRY(state_path(to.sun_path, sizeof to.sun_path, folder, STATE_ADOPTION_SOCKET));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    message_widen(fd);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Is there a generation with a living worker that has not answered yet? */
static bool anybody_left(const struct boot_record *state, const struct shared_memory *memory)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        const struct worker_slot *s = &memory->workers->slots[slot];
        bool known = s->pid <= 0 || kill(s->pid, 0) < 0;
        for (uint32_t i = 0; i < state->generation_count && !known; i++)
            known = state->generations[i].number == s->generation;
        if (!known)
            return true;
    }
    return false;
}

/* One generation is in force, the newest that accepts: its supervisor may have died while one took
 * over from the other. */
static void settle(struct boot_record *state)
{
    struct boot_generation *newest = NULL;
    for (uint32_t i = 0; i < state->generation_count; i++) {
        struct boot_generation *g = &state->generations[i];
        if (g->state == GENERATION_CURRENT && (!newest || g->number > newest->number))
            newest = g;
    }
    for (uint32_t i = 0; i < state->generation_count; i++) {
        struct boot_generation *g = &state->generations[i];
        if (g->state != GENERATION_CURRENT || g == newest)
            continue;
        g->state = GENERATION_DRAINING;
        message_tell(g->channel, MESSAGE_DRAIN, 0, 0);
    }
}

int adoption_take(struct boot_record *state, struct shared_memory *memory,
                  struct ready_report *ret_settings)
{
    int result = 0;
    do {
        int fd = open_channel(state->state_folder);
        if (fd < 0)
            return state->generation_count ? 0 : fd;
        result = take_generation(fd, state, memory, ret_settings);
        if (result != 0)
            close(fd);
    } while (result == 0 && anybody_left(state, memory));
    if (state->generation_count == 0)
        return result;
    if (result != 0)
        log_warn("not every generation could be adopted: %s", strerror(-result));
    settle(state);
    return 0;
}

/* --- Giving ----------------------------------------------------------------------------------- */

static int give_address(int fd, const struct adoption_offer *offer, uint32_t index)
{
    struct adopted_address address = { 0 };
    struct message *m = message_with_text(MESSAGE_ADOPTED_LISTENER, 0, 0, "%s", "");
    struct writer w = writer_over(address.bound, sizeof address.bound - 1);
    address_write(&w, &offer->addresses[index].address);
    memcpy(address.wanted, offer->wanted[index], sizeof address.wanted);
    int last = -1;
    for (uint32_t l = 0; l < offer->listener_count && m->fd_count < MESSAGE_FDS_MAX; l++) {
        if (offer->listeners[l].listen != index || offer->listeners[l].fd == last)
            continue; /* a shared socket stands there once per worker */
        last = m->fds[m->fd_count++] = offer->listeners[l].fd;
    }
    memcpy(m->text, &address, sizeof address);
    m->text_length = sizeof address;
    return message_send(fd, m);
}

static int give(int fd, const struct adoption_offer *offer)
{
    const struct boot_record *boot = offer->boot;
    struct adoption a = { .version = BOOT_VERSION,
                          .address_count = offer->address_count,
                          .generation = boot->generation,
                          .report = offer->report,
                          .pid = getpid(),
                          .is_draining = offer->is_draining,
                          .slot_count = offer->slot_count };
    TRY(message_await(fd, &message_in, ANSWER_MS));
    message_close_fds(&message_in);
    if (message_in.kind != MESSAGE_ADOPT || message_in.number != BOOT_VERSION)
        return -EPROTO;
    struct message *m = message_with_text(MESSAGE_ADOPTED, 0, 0, "%s", "");
    for (int i = 0; i < SHARED_COUNT; i++)
        m->fds[m->fd_count++] = boot->shared[i];
    m->fds[m->fd_count++] = boot->log_wake_fd;
    m->fds[m->fd_count++] = boot->adoption_fd;
    memcpy(a.slots, offer->slots, offer->slot_count * sizeof a.slots[0]);
    memcpy(m->text, &a, sizeof a);
    m->text_length = sizeof a;
    TRY(message_send(fd, m));
    for (uint32_t i = 0; i < offer->address_count; i++)
        TRY(give_address(fd, offer, i));
    return 0;
}

int adoption_give(const struct adoption_offer *offer)
{
    int fd = accept4(offer->boot->adoption_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return -errno;
    message_widen(fd);
    int result = give(fd, offer);
    if (result != 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* --- Helpers ---------------------------------------------------------------------------------- */

static void end_helper(pid_t pid, const char *name)
{
    if (pid <= 0 || !boot_process_has_name(pid, name) || kill(pid, SIGTERM) < 0)
        return;
    for (int waited = 0; waited < END_MS && boot_process_has_name(pid, name); waited += 20)
        (void)poll(NULL, 0, 20);
    if (boot_process_has_name(pid, name))
        (void)kill(pid, SIGKILL);
}

void adoption_end_helpers(struct shared_memory *m)
{
    end_helper(m->workers->logger_pid, "pc-logger");
    end_helper(m->workers->observer_pid, "pc-observer");
    m->workers->logger_pid = m->workers->observer_pid = 0;
}
