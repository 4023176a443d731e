#include "control/crew.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/message.h"

#define READY_MS         10000
#define END_MS           1000 /* after a failed start: until what is left is killed with the group */
#define RESTARTS_MAX     3
#define RESTARTS_SPAN_MS (10 * 60 * 1000)
#define STALL_MS         50 /* a turn that lasts longer: siblings take the queue */
#define WATCH_BUSY_MS    50
#define WATCH_IDLE_MS    500

struct worker {
    pid_t pid;   /* 0: none runs */
    int control; /* our end */
    uint32_t slot;
    bool is_ready, is_stopped; /* stopped: by a signal */
    bool is_covered;           /* siblings accept from its sockets */
    uint64_t accepted;         /* when its queue was looked at last */
    int64_t queued_since_ms;   /* that long nothing was taken from its queue; 0: it is empty */
};

static const struct crew_options *crew;
static struct worker workers[WORKER_SLOTS_MAX];
static int64_t restarts[RESTARTS_MAX]; /* the last ones */
static bool serving, draining, exhausted;
static char failure[160];

/* --- Forking ---------------------------------------------------------------------------------- */

static _Noreturn void become_worker(uint32_t index, int control, int keys)
{
    struct worker_options options = { .configuration = crew->configuration,
                                      .memory = crew->memory,
                                      .index = index,
                                      .slot = workers[index].slot,
                                      .control = control,
                                      .keys = keys,
                                      .log_wake_fd = crew->boot->log_wake_fd,
                                      .listeners = crew->listeners,
                                      .listener_count = crew->listener_count };
    crew->leave_generation();
    for (uint32_t i = 0; i < crew->count; i++)
        if (i != index && workers[i].control >= 0)
            close(workers[i].control);
    int code = worker_main(&options);
    exit(code);
}

static int start_worker(uint32_t index)
{
    struct worker *w = &workers[index];
    struct worker_slot *slot = &crew->memory->workers->slots[w->slot];
    int pair[2];
    TRY(message_pair(pair));
    *w = (struct worker){ .control = pair[0], .slot = w->slot, .is_covered = w->is_covered };
    slot->index = index;
    slot->generation = crew->boot->generation;
    int keys = crew->open_keys();
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        w->control = -1;
        become_worker(index, pair[1], keys);
    }
    int error = errno;
    close(pair[1]);
    if (keys >= 0)
        close(keys);
    if (pid < 0) {
        close(pair[0]);
        w->control = -1;
        return -error;
    }
    w->pid = pid;
    slot->pid = pid;
    if (serving)
        message_tell(w->control, MESSAGE_SERVE, 0, 0);
    return 0;
}

static int fail(int result, uint32_t index, const char *how)
{
    (void)snprintf(failure, sizeof failure, "worker %u %s", index, how);
    return result;
}

/* One that closed its end instead of saying that it is ready. */
static int note_early_end(uint32_t index)
{
    char how[96];
    int status;
    for (int waited = 0; waited < END_MS; waited += 10) {
        if (waitpid(workers[index].pid, &status, WNOHANG) == workers[index].pid) {
            workers[index].pid = 0;
            worker_slot_release(crew->memory, workers[index].slot);
            boot_describe_end(how, sizeof how, status);
            (void)snprintf(failure, sizeof failure, "worker %u died at once: %s", index, how);
            return -ECHILD;
        }
        (void)poll(NULL, 0, 10);
    }
    return fail(-EPIPE, index, "closed its control socket at once");
}

static int await_workers(void)
{
    int64_t deadline = clock_monotonic_ms() + READY_MS;
    for (uint32_t i = 0; i < crew->count; i++) {
        int64_t left = deadline - clock_monotonic_ms();
        int result = message_await(workers[i].control, &message_in, left > 0 ? (int)left : 0);
        if (result == -EPIPE)
            return note_early_end(i);
        if (result == -ETIMEDOUT)
            return fail(result, i, "was not ready in time");
        if (result != 0)
            return fail(result, i, strerror(-result));
        message_close_fds(&message_in);
        workers[i].is_ready = true;
    }
    return 0;
}

int crew_start(const struct crew_options *options)
{
    crew = options;
    for (uint32_t i = 0; i < crew->count; i++)
        workers[i] = (struct worker){ .control = -1, .slot = crew->slots[i] };
    for (uint32_t i = 0; i < crew->count; i++) {
        int result = start_worker(i);
        if (result != 0)
            return fail(result, i, "cannot be forked");
    }
    return await_workers();
}

const char *crew_failure(void)
{
    return failure;
}

/* --- What they are told ----------------------------------------------------------------------- */

uint32_t crew_living(void)
{
    uint32_t living = 0;
    for (uint32_t i = 0; crew && i < crew->count; i++)
        living += workers[i].pid > 0;
    return living;
}

static void tell_all(enum message_kind kind, int32_t detail, int64_t number)
{
    for (uint32_t i = 0; crew && i < crew->count; i++)
        if (workers[i].pid > 0)
            message_tell(workers[i].control, kind, detail, number);
}

static void give_keys(const struct worker *w)
{
    int keys = w->pid > 0 && w->control >= 0 ? crew->open_keys() : -1;
    if (keys < 0)
        return;
    struct message *m = message_with_text(MESSAGE_KEYS, 0, 0, "%s", "");
    m->fd_count = 1;
    m->fds[0] = keys;
    message_pass(w->control, m);
    close(keys);
}

void crew_renew_keys(void)
{
    for (uint32_t i = 0; crew && i < crew->count; i++)
        give_keys(&workers[i]);
}

void crew_pass(const struct message *m)
{
    for (uint32_t i = 0; crew && i < crew->count; i++)
        if (workers[i].pid > 0)
            message_pass(workers[i].control, m);
}

void crew_drain(uint64_t closed, bool is_last)
{
    draining = true;
    tell_all(MESSAGE_DRAIN, is_last, (int64_t)closed);
}

void crew_stop(void)
{
    draining = true;
    tell_all(MESSAGE_STOP, 0, 0);
}

void crew_end(void)
{
    for (int waited = 0; crew_living() > 0 && waited < END_MS; waited += 20) {
        (void)poll(NULL, 0, 20);
        crew_reap();
    }
}

static void close_control(struct worker *w)
{
    if (w->control >= 0)
        close(w->control);
    w->control = -1;
}

/* --- Death ------------------------------------------------------------------------------------ */

void worker_slot_release(struct shared_memory *m, uint32_t slot)
{
    struct worker_slot *s = &m->workers->slots[slot];
    counters_retire(m->counters, slot);
    clients_clear(m->clients, slot);
    statuses_release(m->statuses, slot);
    dns_answers_release(m->dns_answers, slot);
    s->turn_began_ms = 0;
    s->accepts = 0;
    s->pid = 0;
}

static bool may_restart(void)
{
    int64_t now = clock_monotonic_ms();
    for (int i = 0; i < RESTARTS_MAX; i++)
        if (restarts[i] == 0 || now - restarts[i] > RESTARTS_SPAN_MS) {
            restarts[i] = now;
            return true;
        }
    return false;
}

static void replace(uint32_t index, const char *how, enum log_level level)
{
    if (may_restart()) {
        crew->memory->workers->slots[workers[index].slot].restarts++;
        log_line(level, "worker %u ended: %s; it is replaced", index, how);
        if (start_worker(index) == 0)
            return;
    }
    log_error("worker %u ended: %s; it is not replaced, its siblings serve on", index, how);
    if (!exhausted)
        crew->on_exhausted();
    exhausted = true;
}

/* Told to end by somebody else, it has finished what it had; every other end is a death. */
static bool has_died(int status)
{
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void worker_ended(uint32_t index, int status)
{
    struct worker *w = &workers[index];
    char how[96];
    w->pid = 0;
    w->is_ready = w->is_stopped = false;
    close_control(w);
    worker_slot_release(crew->memory, w->slot);
    if (draining || !serving)
        return;
    boot_describe_end(how, sizeof how, status);
    if (has_died(status))
        __atomic_fetch_add(&crew->memory->counters->retired.panics, 1, __ATOMIC_RELAXED);
    replace(index, how, has_died(status) ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO);
}

void crew_serve(void)
{
    serving = true;
    tell_all(MESSAGE_SERVE, 0, 0);
    for (uint32_t i = 0; i < crew->count; i++)
        if (workers[i].pid <= 0)
            replace(i, "it died before it served", LOG_LEVEL_ERROR);
}

static void note_status(uint32_t index, int status)
{
    if (WIFSTOPPED(status) || WIFCONTINUED(status))
        workers[index].is_stopped = WIFSTOPPED(status);
    else
        worker_ended(index, status);
}

void crew_reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0)
        for (uint32_t i = 0; crew && i < crew->count; i++)
            if (workers[i].pid == pid) {
                note_status(i, status);
                break;
            }
}

/* --- Watching --------------------------------------------------------------------------------- */

static bool can_accept(const struct worker *w)
{
    return w->pid > 0 && w->is_ready && !w->is_stopped;
}

/* The next worker behind `index` that gets on itself. */
static struct worker *find_sibling(uint32_t *index, uint32_t other_than)
{
    for (uint32_t tries = 0; tries < crew->count; tries++) {
        *index = (*index + 1) % crew->count;
        if (*index != other_than && can_accept(&workers[*index]) && !workers[*index].is_covered)
            return &workers[*index];
    }
    return NULL;
}

/* Siblings accept from the sockets of a worker. */
static void cover(uint32_t index)
{
    uint32_t next = index;
    workers[index].is_covered = true;
    for (uint32_t l = 0; l < crew->listener_count; l++) {
        struct worker *sibling =
            crew->listeners[l].owner == index ? find_sibling(&next, index) : NULL;
        if (sibling)
            message_tell(sibling->control, MESSAGE_ACCEPT, 0, l);
    }
}

/* It accepts itself again: all others let go. */
static void uncover(uint32_t index)
{
    workers[index].is_covered = false;
    for (uint32_t l = 0; l < crew->listener_count; l++)
        for (uint32_t i = 0; i < crew->count && crew->listeners[l].owner == index; i++)
            if (i != index && workers[i].pid > 0)
                message_tell(workers[i].control, MESSAGE_ACCEPT_NO_MORE, 0, l);
}

/* Somebody who covered others is gone or stands still; or there is one more who can. */
static void cover_anew(void)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (workers[i].is_covered)
            cover(i);
}

static uint32_t queue_length(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return 0; /* a Unix socket: all workers accept from it */
    return info.tcpi_unacked;
}

/* Connections wait and none was taken since the last look: whatever the reason is, and even when
 * it sleeps (a debugger, a frozen control group, no descriptors left). */
static bool leaves_queue(uint32_t index, int64_t now)
{
    struct worker *w = &workers[index];
    uint64_t accepted = crew->memory->counters->workers[w->slot].connections_accepted;
    uint32_t queued = 0;
    for (uint32_t l = 0; l < crew->listener_count && queued == 0; l++)
        if (crew->listeners[l].owner == index)
            queued = queue_length(crew->listeners[l].fd);
    bool moves = accepted != w->accepted;
    w->accepted = accepted;
    if (queued == 0 || moves)
        w->queued_since_ms = queued ? now : 0;
    else if (w->queued_since_ms == 0)
        w->queued_since_ms = now;
    return w->queued_since_ms && now - w->queued_since_ms >= STALL_MS;
}

static bool needs_cover(uint32_t index, int64_t now)
{
    struct worker *w = &workers[index];
    int64_t began = crew->memory->workers->slots[w->slot].turn_began_ms;
    if (!can_accept(w))
        return true;
    bool leaves = leaves_queue(index, now);
    return leaves || (began != 0 && now - began > STALL_MS);
}

void crew_watch(void)
{
    int64_t now = clock_monotonic_ms();
    bool changed = false;
    for (uint32_t i = 0; i < crew->count && crew->count > 1 && serving && !draining; i++) {
        bool needs = needs_cover(i, now);
        if (needs == workers[i].is_covered)
            continue;
        changed = true;
        if (needs)
            workers[i].is_covered = true;
        else
            uncover(i);
    }
    if (changed)
        cover_anew();
}

int crew_watch_ms(void)
{
    if (draining || crew->count < 2)
        return -1; /* signals and messages wake us */
    for (uint32_t i = 0; i < crew->count; i++)
        if (workers[i].is_covered || workers[i].queued_since_ms ||
            crew->memory->counters->workers[workers[i].slot].connections_open > 0)
            return WATCH_BUSY_MS;
    return WATCH_IDLE_MS;
}

void crew_poll(struct pollfd *polled)
{
    for (uint32_t i = 0; i < crew->count; i++)
        polled[i] = (struct pollfd){ .fd = workers[i].control, .events = POLLIN };
}

/* A replacement says READY; one whose channel to the keyholder has ended wants another; one that
 * has put a question wants the certifier or the observer to know. */
static void hear_worker(uint32_t index)
{
    if (message_receive(workers[index].control, &message_in) != 0)
        return; /* its death is told by SIGCHLD */
    message_close_fds(&message_in);
    if (message_in.kind == MESSAGE_WANT_KEYS)
        give_keys(&workers[index]);
    else if (message_in.kind == MESSAGE_WANT_STATUSES)
        message_tell(crew->boot->channel, MESSAGE_WANT_STATUSES, 0, 0);
    else if (message_in.kind == MESSAGE_WANT_DNS)
        message_tell(crew->boot->channel, MESSAGE_WANT_DNS, 0, 0);
    else
        workers[index].is_ready = true;
}

void crew_hear(const struct pollfd *polled)
{
    for (uint32_t i = 0; i < crew->count; i++) {
        if (workers[i].control < 0 || workers[i].control != polled[i].fd)
            continue;
        if (polled[i].revents & POLLIN)
            hear_worker(i);
        else if (polled[i].revents)
            close_control(&workers[i]); /* SIGCHLD tells the rest */
    }
}
