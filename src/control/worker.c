#include "control/worker.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/random.h"
#include "control/certificates.h"
#include "control/message.h"
#include "net/key_client.h"
#include "net/tls_server.h"
#include "proxy/gate.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"
#include "runtime/watchdog.h"

/* Of the processor in one turn; the longest honest ones use milliseconds. */
#define TURN_CPU_MS_MAX 5000

/* Of the allocator: what is larger is mapped by itself; from so much on it gives back what is free
 * at the end of its heap. */
#define MAPPED_BYTES_MIN  (512u << 10)
#define TRIMMED_BYTES_MIN (1u << 20)

static const struct worker_options *worker;
static struct worker_slot *slot;
static struct pollable control, signals;
static bool serving, draining;

static void accept_from(uint32_t place)
{
    const struct worker_listener *l = &worker->listeners[place];
    struct gate_listener listener = { l->fd, l->listen };
    int result = gate_add_listener(&listener);
    if (result != 0 && result != -EEXIST)
        log_error("cannot accept connections: %s", strerror(-result));
}

static void accept_from_own(void)
{
    serving = true;
    slot->accepts = 1;
    for (uint32_t i = 0; i < worker->listener_count; i++)
        if (worker->listeners[i].owner == worker->index)
            accept_from(i);
}

/* Also the inherited copies of sockets go: whom nobody accepts from must not stay open. */
static void drain(uint64_t closed, bool is_last)
{
    gate_drain(&(struct gate_end){ .closed_listens = closed, .is_last = is_last });
    for (uint32_t i = 0; i < worker->listener_count && !draining; i++)
        if (i == 0 || worker->listeners[i].fd != worker->listeners[i - 1].fd)
            close(worker->listeners[i].fd);
    slot->accepts = 0;
    draining = true;
}

static void stop(void)
{
    uint32_t left = gate_connection_count();
    if (left > 0)
        log_warn("%u connections are closed before they have ended", left);
    drain(0, true);
    gate_cancel_all();
}

static void take_certificates(const struct message *m)
{
    struct certificates_applied applied;
    int result = m->fd_count == 1 ? certificates_apply(m->fds[0], NULL, &applied) : -EPROTO;
    if (result != 0)
        log_error("new certificates cannot be read: %s", strerror(-result));
}

static void obey(struct message *m)
{
    switch (m->kind) {
    case MESSAGE_SERVE:
        if (!serving && !draining)
            accept_from_own();
        break;
    case MESSAGE_DRAIN:
        drain((uint64_t)m->number, m->detail != 0);
        break;
    case MESSAGE_STOP:
        stop();
        break;
    case MESSAGE_KEYS:
        if (m->fd_count == 1) {
            m->fd_count = 0;
            key_client_use(m->fds[0]);
        }
        break;
    case MESSAGE_CERTIFICATES:
        take_certificates(m);
        break;
    case MESSAGE_ACCEPT:
        if (!draining && m->number >= 0 && m->number < worker->listener_count)
            accept_from((uint32_t)m->number);
        break;
    case MESSAGE_ACCEPT_NO_MORE:
        if (!draining && m->number >= 0 && m->number < worker->listener_count)
            gate_remove_listener(worker->listeners[m->number].fd);
        break;
    default:
        log_warn("the generation says something unknown (%u)", m->kind);
    }
}

static void on_control(struct pollable *p)
{
    int result;
    while ((result = message_receive(p->fd, &message_in)) == 0) {
        obey(&message_in);
        message_close_fds(&message_in);
    }
    if (result == -EAGAIN)
        return;
    pollable_close(p, false); /* the generation died: serve on, if it ever was in force */
    if (!serving)
        drain(0, false);
}

static void on_signal(struct pollable *p)
{
    struct signalfd_siginfo info;
    while (read(p->fd, &info, sizeof info) == (ssize_t)sizeof info)
        drain(info.ssi_signo == SIGQUIT ? UINT64_MAX : 0, info.ssi_signo == SIGQUIT);
}

static void on_empty(void)
{
    loop_stop();
}

/* The moments of a turn, for whoever watches for a stall. */
static void turn_begins(void)
{
    atomic_store_explicit(&slot->turn_began_ms, loop_now_ms(), memory_order_relaxed);
    watchdog_turn();
}

static void turn_ends(void)
{
    key_client_turn_ends();
    gate_note_levels();
    atomic_store_explicit(&slot->turn_began_ms, 0, memory_order_relaxed);
}

static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group: the supervisor decides */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : pollable_open_level(&signals, fd, on_signal);
}

static bool current_ticket_key(struct tls_ticket_key *ret)
{
    return ticket_keys_current(worker->memory->ticket_keys, (uint8_t *)ret);
}

static bool find_ticket_key(const uint8_t *name, struct tls_ticket_key *ret, bool *ret_is_current)
{
    return ticket_keys_find(worker->memory->ticket_keys, name, (uint8_t *)ret, ret_is_current);
}

static void use_tickets(void)
{
    static const struct tls_ticket_source source = { current_ticket_key, find_ticket_key };
    _Static_assert(sizeof(struct tls_ticket_key) == TICKET_KEY_BYTES, "one layout");
    tls_use_ticket_keys(&source);
}

static bool claim_early_data(slice secret)
{
    return early_data_claim(worker->memory->early_data, secret, clock_monotonic_ms(),
                            clock_wall_ms());
}

static void wake_certifier(void)
{
    if (control.registered)
        message_tell(control.fd, MESSAGE_WANT_STATUSES, 0, 0);
}

static void wake_observer(void)
{
    if (control.registered)
        message_tell(control.fd, MESSAGE_WANT_DNS, 0, 0);
}

static int open_gate(struct log_ring *ring)
{
    static struct recent recent;
    struct shared_memory *m = worker->memory;
    struct gate_options options = { .configuration = worker->configuration,
                                    .shared = { .slot = worker->slot,
                                                .counters = m->counters->workers,
                                                .reason_rows = m->counters->reason_rows,
                                                .rule_rows = m->counters->rule_rows,
                                                .clients = m->clients,
                                                .accounts = m->accounts,
                                                .collections = m->collections,
                                                .names = m->names,
                                                .challenges = m->challenges,
                                                .statuses = m->statuses,
                                                .wake_certifier = wake_certifier,
                                                .dns_answers = m->dns_answers,
                                                .wake_observer = wake_observer,
                                                .ring = ring,
                                                .recent = &recent },
                                    .on_empty = on_empty };
    use_tickets();
    tls_use_early_data(claim_early_data);
    log_ring_open(ring, m->rings, worker->slot, worker->log_wake_fd);
    recent_open(&recent, m->recent, worker->slot);
    return gate_open(&options);
}

static void ask_for_keys(void)
{
    if (control.registered)
        message_tell(control.fd, MESSAGE_WANT_KEYS, 0, 0);
}

static int open_keys(void)
{
    remote_key_sign_by(key_client_sign);
    TRY(key_client_open(worker->keys));
    key_client_on_end(ask_for_keys);
    return 0;
}

/* What the allocator gives back to the system it gives back in one call, which takes a while for
 * each page. The library's own bounds for that grow to twice the largest piece that was ever freed,
 * which strangers determine; these stay: more than a block comes and goes by itself. */
static void bound_allocator(void)
{
#ifdef M_TRIM_THRESHOLD
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    (void)mallopt(M_TRIM_THRESHOLD, TRIMMED_BYTES_MIN);
#endif
}

static int open_worker(struct log_ring *ring)
{
    struct loop_options loop = { .fibers_max = worker->configuration->limits.fibers_max };
    TRY(loop_open(&loop));
    TRY(watch_signals());
    TRY(pollable_open_level(&control, worker->control, on_control));
    loop_on_turn(turn_begins, turn_ends);
    TRY(watchdog_open(TURN_CPU_MS_MAX));
    TRY(open_keys());
    TRY(open_gate(ring));
    return message_send_plain(worker->control, MESSAGE_READY, 0, 0);
}

int worker_main(const struct worker_options *options)
{
    static struct log_ring ring;
    static char role[32];
    worker = options;
    slot = &options->memory->workers->slots[options->slot];
    (void)snprintf(role, sizeof role, "worker %u", options->index);
    log_set_role(role);
    (void)prctl(PR_SET_NAME, "pc-worker");
    (void)prctl(PR_SET_DUMPABLE, 0);
    random_after_fork();
    bound_allocator();
    int result = open_worker(&ring);
    if (result != 0) {
        log_error("cannot start: %s", strerror(-result));
        return 1;
    }
    result = loop_run();
    turn_ends();
    if (result != 0) {
        log_error("the loop failed: %s", strerror(-result));
        return 1;
    }
    gate_close();
    key_client_close();
    loop_close();
    return 0;
}
