#include "control/observer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "control/message.h"
#include "control/prometheus.h"
#include "control/resolver.h"
#include "net/listen.h"
#include "runtime/bundle.h"
#include "runtime/event.h"
#include "runtime/loop.h"
#include "wire/h1.h"

#define CLIENTS_MAX   64u
#define HEAD_BYTES    8192u
#define FIELDS_MAX    50u
#define REQUEST_MS    10000
#define ASK_MS        120000 /* a reload compiles for a while */
#define LISTENERS_MAX 16u

/* A question to the supervisor that waits for its answer. */
struct ticket {
    struct list link;
    int64_t number;
    struct event answered;
    int status;
    char *text;
    size_t length;
};

struct door {
    struct pollable poll;
    bool may_command; /* the Unix socket of the state directory */
    char address[BOOT_ADDRESS_MAX];
};

struct client {
    struct socket socket;
    bool may_command;
};

static struct boot_record *boot;
static struct shared_memory memory;
static struct pollable channel, signals;
static struct door doors[LISTENERS_MAX];
static uint32_t door_count, client_count;
static struct list tickets;
static int64_t next_ticket = 1;
static struct bundle fibers;

/* --- Answers of the supervisor ------------------------------------------------------------------
 */

static void take_answer(const struct message *m)
{
    LIST_EACH(node, &tickets)
    {
        struct ticket *t = LIST_ENTRY(node, struct ticket, link);
        if (t->number != m->number)
            continue;
        t->status = m->detail;
        t->text = malloc(m->text_length + 1);
        t->length = t->text ? m->text_length : 0;
        if (t->text)
            memcpy(t->text, m->text, m->text_length + 1);
        event_signal_all(&t->answered);
        return;
    }
}

static void on_door(struct pollable *p);

static void open_door(int fd, bool may_command, const char *address)
{
    if (door_count >= LISTENERS_MAX) {
        close(fd);
        return;
    }
    struct door *d = &doors[door_count];
    d->may_command = may_command;
    strncpy(d->address, address, sizeof d->address - 1);
    if (pollable_open_level(&d->poll, fd, on_door) == 0)
        door_count++;
    else
        close(fd);
}

static void take_listener(struct message *m)
{
    for (uint32_t i = 0; i < door_count; i++)
        if (strcmp(doors[i].address, m->text) == 0) {
            message_close_fds(m);
            return;
        }
    if (m->fd_count > 0)
        open_door(m->fds[0], false, m->text);
}

static void on_channel(struct pollable *p)
{
    int result;
    while ((result = message_receive(p->fd, &message_in)) == 0) {
        switch (message_in.kind) {
        case MESSAGE_ANSWER:
            message_close_fds(&message_in);
            take_answer(&message_in);
            break;
        case MESSAGE_OBSERVE:
            take_listener(&message_in);
            break;
        case MESSAGE_REOPEN: /* a new configuration: it may want names */
            resolver_look();
            break;
        default:
            message_close_fds(&message_in);
        }
    }
    if (result != -EAGAIN)
        loop_stop(); /* without a supervisor there is nothing to observe */
}

/* Asks the supervisor and waits. The text is the caller's to free. */
static int ask(enum control_verb verb, struct ticket *t)
{
    *t = (struct ticket){ .number = next_ticket++ };
    event_init(&t->answered);
    TRY(message_send_plain(boot->channel, MESSAGE_ASK, verb, t->number));
    list_push_back(&tickets, &t->link);
    int result = event_wait(&t->answered, loop_now_ms() + ASK_MS);
    list_remove(&t->link);
    return result;
}

/* --- Requests -----------------------------------------------------------------------------------
 */

static int respond(struct client *c, uint16_t status, const char *type, slice body)
{
    char memory_of_head[512];
    struct writer w = writer_over(memory_of_head, sizeof memory_of_head);
    h1_write_status_line(&w, status);
    writer_format(&w,
                  "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
                  "Connection: close\r\n\r\n",
                  type, body.len);
    struct iovec parts[2] = { { w.ptr, w.len }, { (void *)(uintptr_t)body.ptr, body.len } };
    return socket_write(&c->socket, parts, 2, REQUEST_MS, loop_now_ms() + ASK_MS, NULL);
}

static int respond_text(struct client *c, uint16_t status, const char *text)
{
    return respond(c, status, "text/plain; charset=utf-8", slice_from(text));
}

static int respond_metrics(struct client *c)
{
    struct writer w;
    TRY(prometheus_write(&memory, &w));
    int result = respond(c, 200, "text/plain; version=0.0.4; charset=utf-8", writer_slice(&w));
    prometheus_free(&w);
    return result;
}

static int respond_asked(struct client *c, enum control_verb verb, const char *type)
{
    struct ticket t;
    int result = ask(verb, &t);
    if (result == -ETIMEDOUT)
        return respond_text(c, 504, "the supervisor did not answer in time\n");
    if (result != 0)
        return respond_text(c, 503, "the supervisor cannot be asked\n");
    result = respond(c, (uint16_t)t.status, type, slice_of(t.text, t.length));
    free(t.text);
    return result;
}

static bool any_worker_serves(void)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if (memory.workers->slots[slot].pid > 0)
            return true;
    return false;
}

static int answer_get(struct client *c, slice target)
{
    if (slice_equal(target, SLICE("/healthz")))
        return respond_text(c, 200, "ok\n");
    if (slice_equal(target, SLICE("/readyz")))
        return any_worker_serves() ? respond_text(c, 200, "ok\n")
                                   : respond_text(c, 503, "no worker serves\n");
    if (slice_equal(target, SLICE("/metrics")))
        return respond_metrics(c);
    if (slice_equal(target, SLICE("/status")))
        return respond_asked(c, VERB_STATUS, "application/json");
    return respond_text(c, 404, "there are /status /metrics /healthz /readyz\n");
}

static int answer_post(struct client *c, slice target)
{
    static const struct {
        slice target;
        enum control_verb verb;
    } verbs[] = {
        { SLICE("/reload"), VERB_RELOAD },        { SLICE("/upgrade"), VERB_UPGRADE },
        { SLICE("/reopen"), VERB_REOPEN },        { SLICE("/stop?mode=drain"), VERB_DRAIN },
        { SLICE("/stop?mode=quick"), VERB_STOP }, { SLICE("/stop"), VERB_DRAIN },
    };
    if (!c->may_command)
        return respond_text(c, 403, "commands are taken on the admin socket only\n");
    for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
        if (slice_equal(target, verbs[i].target))
            return respond_asked(c, verbs[i].verb, "text/plain; charset=utf-8");
    return respond_text(c, 404, "there are /reload /upgrade /reopen /stop\n");
}

static int read_head(struct client *c, char *bytes, size_t *ret_length)
{
    static const struct h1_limits limits = { HEAD_BYTES, HEAD_BYTES, 1024, FIELDS_MAX };
    size_t have = 0, scanned = 0;
    int64_t deadline = loop_now_ms() + REQUEST_MS;
    for (;;) {
        ssize_t got = socket_read(&c->socket, bytes + have, HEAD_BYTES - have, deadline);
        if (got <= 0)
            return got == 0 ? -EPIPE : (int)got;
        have += (size_t)got;
        int result = h1_head_scan(slice_of(bytes, have), &limits, &scanned, ret_length);
        if (result != -EAGAIN)
            return result;
    }
}

static void answer(struct client *c)
{
    static const struct h1_limits limits = { HEAD_BYTES, HEAD_BYTES, 1024, FIELDS_MAX };
    char bytes[HEAD_BYTES];
    struct field fields[FIELDS_MAX];
    struct h1_request request;
    struct h1_error error;
    size_t length;
    if (read_head(c, bytes, &length) != 0)
        return;
    int result;
    if (h1_request_parse(slice_of(bytes, length), &limits, fields, &request, &error) != 0)
        result = respond_text(c, error.status, "malformed request\n");
    else if (request.method == METHOD_GET)
        result = answer_get(c, request.target);
    else if (request.method == METHOD_POST)
        result = answer_post(c, request.target);
    else
        result = respond_text(c, 405, "GET or POST\n");
    if (result != 0)
        log_debug("an admin client went away: %s", strerror(-result));
}

static void serve_client(void *argument)
{
    struct client *c = argument;
    answer(c);
    socket_close(&c->socket);
    free(c);
    client_count--;
}

static void on_door(struct pollable *p)
{
    struct door *d = CONTAINER_OF(p, struct door, poll);
    struct address peer;
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return;
    c->may_command = d->may_command;
    int result = listen_accept(p->fd, &c->socket, &peer);
    if (result != 0) {
        free(c);
        return;
    }
    client_count++;
    if (client_count > CLIENTS_MAX || bundle_start(&fibers, "admin", serve_client, c) != 0) {
        client_count--;
        socket_close(&c->socket);
        free(c);
    }
}

/* --- Life ---------------------------------------------------------------------------------------
 */

static void on_signal(struct pollable *p)
{
    (void)p;
    loop_stop();
}

static void end_fibers(void *unused)
{
    (void)unused;
    bundle_end(&fibers);
    loop_stop();
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : pollable_open_level(&signals, fd, on_signal);
}

static int open_observer(void)
{
    int fds[SHARED_COUNT];
    struct loop_options options = { .fibers_max = CLIENTS_MAX + 8 };
    memcpy(fds, boot->shared, sizeof fds);
    TRY(shared_memory_map(&memory, fds));
    TRY(boot_drop_privileges(boot));
    TRY(loop_open(&options));
    TRY(open_signals());
    list_open(&tickets);
    bundle_open(&fibers);
    TRY(resolver_open(memory.names));
    TRY(pollable_open_level(&channel, boot->channel, on_channel));
    open_door(boot->admin_fd, true, "admin socket");
    return bundle_start(&fibers, "resolver", resolver_run, NULL);
}

int observer_main(struct boot_record *record)
{
    boot = record;
    log_open("observer", (enum log_level)boot->verbosity);
    (void)prctl(PR_SET_NAME, "pc-observer");
    int result = open_observer();
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (result == 0)
        result = loop_run();
    if (result != 0) {
        log_error("cannot go on: %s", strerror(-result));
        return 1;
    }
    if (fiber_start("end", end_fibers, NULL, NULL) == 0)
        result = loop_run();
    resolver_close();
    loop_close();
    shared_memory_close(&memory);
    return result == 0 ? 0 : 1;
}
