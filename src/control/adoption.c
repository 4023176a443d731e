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
#include "control/message.h"
#include "control/state.h"
#include "control/status.h"

#define ANSWER_MS 3000
#define END_MS    2000

/* What goes over in the text of MESSAGE_ADOPTED; the descriptors come in the same order: the shared
 * segments, the logger's eventfd, the adoption socket, the configuration's text (if any), then the
 * sockets of each listener. */
struct adoption {
    uint32_t version, listener_count;
    uint64_t generation;
    int64_t started_ms;
    int32_t pid, has_config_text;
    uint32_t slot_count;
    uint32_t slots[WORKER_SLOTS_MAX];
    struct {
        char wanted[BOOT_ADDRESS_MAX];
        int32_t count;
    } listeners[BOOT_LISTENERS_MAX];
};

static int take_record(struct boot_record *state, const struct adoption *a, const int *fds,
                       int fd_count)
{
    int at = 0;
    if (a->version != BOOT_VERSION || a->listener_count > BOOT_LISTENERS_MAX ||
        a->slot_count > BOOT_SOCKETS_MAX || fd_count < SHARED_COUNT + 2)
        return -EPROTO;
    for (int i = 0; i < SHARED_COUNT; i++)
        state->shared[i] = fds[at++];
    state->log_wake_fd = fds[at++];
    state->adoption_fd = fds[at++];
    if (a->has_config_text && at < fd_count)
        at++; /* the new supervisor was given a configuration of its own */
    for (uint32_t l = 0; l < a->listener_count; l++) {
        struct boot_listener *to = &state->listeners[state->listener_count++];
        memset(to, 0, sizeof *to);
        memcpy(to->wanted, a->listeners[l].wanted, sizeof to->wanted);
        memcpy(to->bound, a->listeners[l].wanted, sizeof to->bound);
        for (int32_t i = 0; i < a->listeners[l].count && at < fd_count; i++)
            to->sockets[to->count++] = fds[at++];
    }
    struct boot_generation *g = &state->generations[state->generation_count++];
    memset(g, 0, sizeof *g);
    g->number = a->generation;
    g->started_ms = a->started_ms;
    g->pid = a->pid;
    g->state = GENERATION_CURRENT;
    g->slot_count = a->slot_count;
    memcpy(g->slots, a->slots, sizeof g->slots);
    state->next_generation = a->generation + 1;
    return 0;
}

int adoption_take(struct boot_record *state)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    TRY(state_path(to.sun_path, sizeof to.sun_path, state->state_folder, STATE_ADOPTION_SOCKET));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int room = 4 * (int)MESSAGE_TEXT_MAX;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    int result = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
    if (result == 0)
        result = message_send_plain(fd, MESSAGE_ADOPT, 0, BOOT_VERSION);
    if (result == 0)
        result = message_await(fd, &message_in, ANSWER_MS);
    struct adoption adoption;
    if (result == 0 &&
        (message_in.kind != MESSAGE_ADOPTED || message_in.text_length != sizeof adoption))
        result = -EPROTO;
    if (result == 0) {
        memcpy(&adoption, message_in.text, sizeof adoption);
        result = take_record(state, &adoption, message_in.fds, message_in.fd_count);
    }
    if (result != 0) {
        close(fd);
        return result;
    }
    state->generations[0].channel = fd;
    return 0;
}

static void add_listeners(struct message *m, struct adoption *a,
                          const struct worker_listener *listeners, uint32_t count,
                          const struct configuration *c)
{
    for (uint32_t listen = 0; listen < c->listen_count && listen < BOOT_LISTENERS_MAX; listen++) {
        struct writer w = writer_over(a->listeners[listen].wanted, BOOT_ADDRESS_MAX - 1);
        address_write(&w, &c->listens[listen].address);
        int last = -1;
        for (uint32_t l = 0; l < count && m->fd_count < MESSAGE_FDS_MAX; l++) {
            if (listeners[l].listen != listen || listeners[l].fd == last)
                continue; /* a shared socket stands there once per worker */
            last = m->fds[m->fd_count++] = listeners[l].fd;
            a->listeners[listen].count++;
        }
        a->listener_count++;
    }
}

int adoption_give(const struct adoption_offer *offer)
{
    const struct boot_record *boot = offer->boot;
    int fd = accept4(boot->adoption_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return -errno;
    int result = message_await(fd, &message_in, ANSWER_MS);
    if (result == 0 && (message_in.kind != MESSAGE_ADOPT || message_in.number != BOOT_VERSION))
        result = -EPROTO;
    if (result != 0) {
        close(fd);
        return result;
    }
    struct adoption a = { .version = BOOT_VERSION,
                          .generation = boot->generation,
                          .started_ms = clock_monotonic_ms(),
                          .pid = getpid(),
                          .has_config_text = boot->config_fd >= 0 };
    struct message *m = message_with_text(MESSAGE_ADOPTED, 0, 0, "%s", "");
    for (int i = 0; i < SHARED_COUNT; i++)
        m->fds[m->fd_count++] = boot->shared[i];
    m->fds[m->fd_count++] = boot->log_wake_fd;
    m->fds[m->fd_count++] = boot->adoption_fd;
    if (a.has_config_text)
        m->fds[m->fd_count++] = boot->config_fd;
    add_listeners(m, &a, offer->listeners, offer->listener_count, offer->configuration);
    memcpy(a.slots, offer->slots, sizeof a.slots);
    a.slot_count = offer->slot_count;
    memcpy(m->text, &a, sizeof a);
    m->text_length = sizeof a;
    result = message_send(fd, m);
    if (result != 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* Is it really one of ours? A process id can have been given to somebody else meanwhile. */
static bool has_name(pid_t pid, const char *name)
{
    char path[64], text[32];
    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 && (size_t)length == strlen(name) + 1 &&
           memcmp(text, name, strlen(name)) == 0;
}

static void end_helper(pid_t pid, const char *name)
{
    if (pid <= 0 || !has_name(pid, name) || kill(pid, SIGTERM) < 0)
        return;
    for (int waited = 0; waited < END_MS && has_name(pid, name); waited += 20)
        (void)poll(NULL, 0, 20);
    if (has_name(pid, name))
        (void)kill(pid, SIGKILL);
}

void adoption_end_helpers(struct shared_memory *m)
{
    end_helper(m->workers->logger_pid, "pc-logger");
    end_helper(m->workers->observer_pid, "pc-observer");
    m->workers->logger_pid = m->workers->observer_pid = 0;
}
