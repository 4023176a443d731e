#include "control/observer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "control/exchange_list.h"
#include "control/helper.h"
#include "control/list_resolver.h"
#include "control/message.h"
#include "control/prometheus.h"
#include "control/resolver.h"
#include "control/status.h"
#include "net/listen.h"
#include "proxy/refusal.h"
#include "runtime/bundle.h"
#include "runtime/event.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "wire/h1.h"

/* Strangers on the network do not keep the operator's commands out. */
#define CLIENTS_MAX         64u
#define STRANGERS_MAX       48u /* of them, on other doors than the admin socket */
#define HEAD_BYTES          8192u
#define FIELDS_MAX          50u
#define REQUEST_MS          10000
#define ANSWER_MS           60000 /* until a slow reader has taken it */
#define LINGER_MS           1000
#define REST_MS             100    /* of a door whose connections cannot be accepted */
#define ENDING_MS           500    /* for those who have asked already when it ends */
#define ASK_MS              120000 /* a reload compiles for a while */
#define SOON_MS             2000   /* for what can be left out */
#define REPORT_MS           5000   /* for the certifier's report of a new configuration */
#define REPORT_PAUSE_MS     20
#define LISTENERS_MAX       16u
#define STATUS_BYTES_MAX    (1u << 20)
#define REPORT_BYTES_MAX    (64u << 20)
#define EXCHANGES_BYTES_MAX (16u << 20)

/* A question to the supervisor that waits for its answer. */
struct ticket {
    struct list link;
    int64_t number;
    struct event answered;
    int status;
    char *text;
    size_t length;
    int fd; /* -1: none came along */
};

struct door {
    struct pollable poll;
    struct timer rest;
    enum listener_use use;
    bool is_own;      /* the Unix socket of the state directory */
    bool may_command; /* a Unix socket: its permissions say who may */
    char address[BOOT_ADDRESS_MAX];
};

struct client {
    struct socket socket;
    enum listener_use use; /* of its door */
    bool is_own, may_command, wants_head_only;
};

static struct boot_record *boot;
static struct shared_memory memory;
static struct pollable channel, signals;
static struct door doors[LISTENERS_MAX]; /* address "": free */
static uint32_t client_count, stranger_count;
static bool program_ends, is_ending;
static struct list tickets;
static int64_t next_ticket = 1;
static struct bundle fibers, clients;

/* --- Answers of the supervisor ------------------------------------------------------------------
 */

static void take_answer(struct message *m)
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
        if (m->fd_count == 1 && t->fd < 0) {
            t->fd = m->fds[0];
            m->fd_count = 0;
        }
        event_signal_all(&t->answered);
        return;
    }
}

/* --- Doors ------------------------------------------------------------------------------------ */

static void on_door(struct pollable *p);

static void on_rested(struct timer *t)
{
    struct door *d = CONTAINER_OF(t, struct door, rest);
    if (pollable_open_level(&d->poll, d->poll.fd, on_door) != 0)
        timer_set(t, loop_now_ms() + REST_MS);
}

/* Level-triggered: a queue that cannot be emptied would turn the loop without end. */
static void rest(struct door *d)
{
    pollable_close(&d->poll, false);
    timer_set(&d->rest, loop_now_ms() + REST_MS);
}

static struct door *find_door(slice address)
{
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (slice_equal(slice_from(doors[i].address), address))
            return &doors[i];
    return NULL;
}

static void open_door(int fd, enum listener_use use, bool is_own, const char *address)
{
    struct door *d = find_door(SLICE(""));
    if (!d || pollable_open_level(&d->poll, fd, on_door) != 0) {
        close(fd);
        return;
    }
    timer_init(&d->rest, on_rested);
    d->use = use;
    d->is_own = is_own;
    d->may_command = is_own || (use == USE_ADMIN && strncmp(address, "unix:", 5) == 0);
    strncpy(d->address, address, sizeof d->address - 1);
}

static void close_door(struct door *d)
{
    timer_clear(&d->rest);
    if (d->poll.registered)
        pollable_close(&d->poll, false); /* the supervisor may have it still */
    close(d->poll.fd);
    memset(d->address, 0, sizeof d->address);
}

static void take_listener(struct message *m)
{
    if (m->fd_count > 0 && !find_door(slice_from(m->text)))
        open_door(m->fds[0], (enum listener_use)m->detail, false, m->text);
    else
        message_close_fds(m);
}

static bool is_listed(slice list, slice address)
{
    while (list.len) {
        size_t end = slice_find_byte(list, '\n');
        if (slice_equal(slice_first(list, end), address))
            return true;
        list = slice_after(list, end + 1);
    }
    return false;
}

/* The addresses that a new configuration still has. */
static void keep_doors(slice list)
{
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (doors[i].address[0] && !doors[i].is_own &&
            !is_listed(list, slice_from(doors[i].address)))
            close_door(&doors[i]);
}

/* Leaves the loop of the ordinary life; that of the end ends by itself. */
static void end_loop(void)
{
    if (!is_ending)
        loop_stop();
    is_ending = true;
}

static void on_channel(struct pollable *p)
{
    int result;
    while ((result = message_receive(p->fd, &message_in)) == 0) {
        switch (message_in.kind) {
        case MESSAGE_ANSWER:
            take_answer(&message_in);
            message_close_fds(&message_in);
            break;
        case MESSAGE_OBSERVE:
            take_listener(&message_in);
            break;
        case MESSAGE_OBSERVE_ONLY:
            message_close_fds(&message_in);
            keep_doors(slice_of(message_in.text, message_in.text_length));
            break;
        case MESSAGE_DRAIN:
            message_close_fds(&message_in);
            program_ends = true;
            break;
        case MESSAGE_REOPEN: /* a new configuration: it may want names */
            resolver_look();
            list_resolver_reopen();
            break;
        case MESSAGE_WANT_DNS:
            message_close_fds(&message_in);
            list_resolver_wake();
            break;
        default:
            message_close_fds(&message_in);
        }
    }
    if (result == -EAGAIN)
        return;
    pollable_close(p, false);
    end_loop(); /* without a supervisor there is nothing to observe */
}

static void clear_ticket(struct ticket *t)
{
    free(t->text);
    if (t->fd >= 0)
        close(t->fd);
}

/* Asks the supervisor and waits. clear_ticket() afterwards, in any case. */
static int ask_about(enum control_verb verb, slice text, struct ticket *t, int64_t wait_ms)
{
    *t = (struct ticket){ .number = next_ticket++, .fd = -1 };
    event_init(&t->answered);
    TRY(message_send(boot->channel, message_with_text(MESSAGE_ASK, verb, t->number, "%.*s",
                                                      SLICE_ARGUMENTS(text))));
    list_push_back(&tickets, &t->link);
    int result = event_wait(&t->answered, loop_now_ms() + wait_ms);
    list_remove(&t->link);
    return result;
}

static int ask(enum control_verb verb, struct ticket *t, int64_t wait_ms)
{
    return ask_about(verb, SLICE(""), t, wait_ms);
}

/* --- Requests -----------------------------------------------------------------------------------
 */

static int respond_with(struct client *c, uint16_t status, const char *fields, slice body)
{
    char memory_of_head[512];
    struct writer w = writer_over(memory_of_head, sizeof memory_of_head);
    h1_write_status_line(&w, status);
    writer_format(&w,
                  "%sContent-Length: %zu\r\nCache-Control: no-store\r\n"
                  "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                  fields, body.len);
    struct iovec parts[2] = { { w.ptr, w.len }, { (void *)(uintptr_t)body.ptr, body.len } };
    return socket_write(&c->socket, parts, c->wants_head_only ? 1 : 2, REQUEST_MS,
                        loop_now_ms() + ANSWER_MS, NULL);
}

#define TEXT_TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"

static int respond_text(struct client *c, uint16_t status, const char *text)
{
    return respond_with(c, status, TEXT_TYPE, slice_from(text));
}

/* Asks the supervisor. *t holds its answer, whose text is the caller's to free; when there is none
 * the client has been told, and the result is not 0. */
static int tell_result(struct client *c, int result)
{
    if (result == 0)
        return 0;
    int told = result == -ETIMEDOUT
                   ? respond_text(c, 504, "the supervisor did not answer in time\n")
                   : respond_text(c, 503, "the supervisor cannot be asked\n");
    return told != 0 ? told : result;
}

static int ask_for(struct client *c, enum control_verb verb, struct ticket *t)
{
    return tell_result(c, ask(verb, t, ASK_MS));
}

/* The certifier's report; "[]": there are no certificates. The text is the caller's to free. */
static char *read_report(int fd, size_t *ret_length)
{
    struct stat status;
    size_t room = fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0 &&
                          status.st_size < REPORT_BYTES_MAX
                      ? (size_t)status.st_size
                      : 0;
    char *text = malloc(room + 4);
    ssize_t got = text && room ? read(fd, text, room) : 0;
    if (text && got <= 0) {
        memcpy(text, "[]\n", 3);
        got = 3;
    }
    *ret_length = got > 0 ? (size_t)got : 0;
    return text;
}

static void free_text(char **text)
{
    free(*text);
}

/* Of the generation in force: right after a reload the certifier is still writing. */
static int ask_for_report(struct client *c, struct ticket *t)
{
    int64_t until_ms = loop_now_ms() + REPORT_MS;
    TRY(ask_for(c, VERB_CERTIFICATES, t));
    while (t->status == 202 && loop_now_ms() < until_ms) {
        clear_ticket(t);
        *t = (struct ticket){ .fd = -1 };
        TRY(fiber_sleep(loop_now_ms() + REPORT_PAUSE_MS));
        TRY(ask_for(c, VERB_CERTIFICATES, t));
    }
    return 0;
}

static int respond_certificates(struct client *c)
{
    OWNS(clear_ticket) struct ticket t = { .fd = -1 };
    TRY(ask_for_report(c, &t));
    size_t length;
    OWNS(free_text) char *text = read_report(t.fd, &length);
    return text ? respond_with(c, 200, JSON_TYPE, slice_of(text, length))
                : respond_text(c, 500, "there is not enough memory\n");
}

/* Without an answer of the supervisor the metrics of certificates are missing, and only they. */
static int respond_metrics(struct client *c)
{
    OWNS(clear_ticket) struct ticket t = { .fd = -1 };
    size_t length = 0;
    OWNS(free_text)
    char *report = ask(VERB_CERTIFICATES, &t, SOON_MS) == 0 ? read_report(t.fd, &length) : NULL;
    struct writer w;
    TRY(prometheus_write(&memory, boot->started_wall_ms, slice_of(report, length), &w));
    int result = w.overflowed ? respond_text(c, 500, "the metrics do not fit\n")
                              : respond_with(c, 200,
                                             "Content-Type: text/plain; version=0.0.4; "
                                             "charset=utf-8\r\n",
                                             writer_slice(&w));
    prometheus_free(&w);
    return result;
}

static int respond_asked(struct client *c, enum control_verb verb)
{
    OWNS(clear_ticket) struct ticket t = { .fd = -1 };
    TRY(ask_for(c, verb, &t));
    return respond_with(c, (uint16_t)t.status, TEXT_TYPE, slice_of(t.text, t.length));
}

/* The name is one that certificates can have; it goes into messages and the log. */
static int respond_about(struct client *c, enum control_verb verb, slice name)
{
    OWNS(clear_ticket) struct ticket t = { .fd = -1 };
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_*", ascii_lower(name.ptr[i])) ||
            !name.ptr[i])
            name.len = 0;
    if (name.len == 0 || name.len > HOST_BYTES_MAX)
        return respond_text(c, 400, "name=HOST is wanted, a host name\n");
    TRY(tell_result(c, ask_about(verb, name, &t, ASK_MS)));
    return respond_with(c, (uint16_t)t.status, TEXT_TYPE, slice_of(t.text, t.length));
}

static int respond_status(struct client *c)
{
    OWNS(clear_ticket) struct ticket t = { .fd = -1 };
    TRY(ask_for(c, VERB_STATUS, &t));
    char *text = malloc(STATUS_BYTES_MAX);
    struct writer w = writer_over(text, text ? STATUS_BYTES_MAX : 0);
    writer_byte(&w, '{');
    writer_bytes(&w, t.text, t.length);
    writer_byte(&w, ',');
    status_write_shared(&w, &memory);
    writer_literal(&w, "}\n");
    int result = w.overflowed ? respond_text(c, 500, "the status does not fit\n")
                              : respond_with(c, 200, JSON_TYPE, writer_slice(&w));
    free(text);
    return result;
}

/* GET /exchanges/ID */
static int respond_exchange(struct client *c, slice id)
{
    char *bytes = malloc(RECENT_RECORD_BYTES_MAX), text[160];
    slice found;
    if (!bytes)
        return respond_text(c, 500, "there is not enough memory\n");
    int result;
    if (exchange_find(memory.recent, id, bytes, &found)) {
        result = respond_with(c, 200, JSON_TYPE, found);
    } else {
        struct writer w = writer_over(text, sizeof text - 1);
        writer_literal(&w, "no such exchange is kept");
        writer_format(&w, found.len ? "; the oldest that is is of %.*s\n" : "; none is\n",
                      SLICE_ARGUMENTS(found));
        text[w.len] = '\0';
        result = respond_text(c, 404, text);
    }
    free(bytes);
    return result;
}

/* GET /exchanges?since_ms=N&slot=N, both optional: JSON Lines, of workers from that slot on */
static int respond_exchanges(struct client *c, slice query)
{
    struct exchange_choice which;
    if (exchange_choice_parse(query, &which) != 0)
        return respond_text(
            c, 400, "since_ms is a number of milliseconds, slot the number of a worker's place\n");
    char *bytes = malloc(RECENT_RECORD_BYTES_MAX + EXCHANGES_BYTES_MAX);
    if (!bytes)
        return respond_text(c, 500, "there is not enough memory\n");
    struct writer w = writer_over(bytes + RECENT_RECORD_BYTES_MAX, EXCHANGES_BYTES_MAX);
    exchange_list(memory.recent, &which, bytes, &w);
    int result = respond_with(c, 200, "Content-Type: application/x-ndjson\r\n", writer_slice(&w));
    free(bytes);
    return result;
}

/* What clients have sent is for those who may command. */
static int answer_exchanges(struct client *c, slice target)
{
    static const slice all = SLICE("/exchanges"), some = SLICE("/exchanges?"),
                       one = SLICE("/exchanges/");
    if (!c->may_command)
        return respond_text(c, 403, "exchanges are told on the admin socket only\n");
    if (slice_starts_with(target, one))
        return respond_exchange(c, slice_after(target, one.len));
    if (slice_starts_with(target, some))
        return respond_exchanges(c, slice_after(target, some.len));
    return slice_equal(target, all)
               ? respond_exchanges(c, slice_of("", 0))
               : respond_text(c, 404, "there is /exchanges?since_ms=N&slot=N\n");
}

static bool any_worker_serves(void)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if (memory.workers->slots[slot].pid > 0)
            return true;
    return false;
}

static int respond_ready(struct client *c)
{
    if (program_ends)
        return respond_text(c, 503, "the program is ending\n");
    return any_worker_serves() ? respond_text(c, 200, "ok\n")
                               : respond_text(c, 503, "no worker serves\n");
}

/* Alive: this process answers. Ready: there are workers that take new connections. What a door is
 * for says what is behind it: the metrics may be read from the network, the status names paths. */
static int answer_get(struct client *c, slice target)
{
    if (c->use != USE_METRICS && slice_starts_with(target, SLICE("/exchanges")))
        return answer_exchanges(c, target);
    target = slice_first(target, slice_find_byte(target, '?'));
    if (slice_equal(target, SLICE("/healthz")))
        return respond_text(c, 200, "ok\n");
    if (slice_equal(target, SLICE("/readyz")))
        return respond_ready(c);
    if (slice_equal(target, SLICE("/metrics")))
        return respond_metrics(c);
    if (c->use == USE_METRICS)
        return respond_text(c, 404, "there are /metrics /healthz /readyz\n");
    if (slice_equal(target, SLICE("/status")))
        return respond_status(c);
    if (slice_equal(target, SLICE("/certificates")))
        return respond_certificates(c);
    return respond_text(c, 404,
                        "there are /status /certificates /exchanges /metrics /healthz "
                        "/readyz\n");
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
    static const struct {
        slice target;
        enum control_verb verb;
    } about[] = {
        { SLICE("/certificates/renew?name="), VERB_RENEW_CERTIFICATE },
        { SLICE("/certificates/revoke?name="), VERB_REVOKE_CERTIFICATE },
    };
    if (!c->may_command)
        return respond_text(c, 403, "commands are taken on the admin socket only\n");
    for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
        if (slice_equal(target, verbs[i].target))
            return respond_asked(c, verbs[i].verb);
    for (size_t i = 0; i < ARRAY_LENGTH(about); i++)
        if (slice_starts_with(target, about[i].target))
            return respond_about(c, about[i].verb, slice_after(target, about[i].target.len));
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

static int answer_head(struct client *c, slice head)
{
    static const struct h1_limits limits = { HEAD_BYTES, HEAD_BYTES, 1024, FIELDS_MAX };
    struct field fields[FIELDS_MAX];
    struct h1_request request;
    struct h1_error error;
    if (h1_request_parse(head, &limits, fields, &request, &error) != 0)
        return respond_text(c, error.status, "malformed request\n");
    c->wants_head_only = request.method == METHOD_HEAD;
    if (request.method == METHOD_GET || request.method == METHOD_HEAD)
        return answer_get(c, request.target);
    if (request.method == METHOD_POST)
        return answer_post(c, request.target);
    return respond_with(c, 405, "Allow: GET, HEAD, POST\r\n" TEXT_TYPE,
                        SLICE("GET, HEAD or POST\n"));
}

/* What the client has sent besides is read before the end: closing over it would reset the
 * connection, and take the answer along. */
static void linger(struct client *c)
{
    char rest_of_it[1024];
    int64_t deadline = loop_now_ms() + LINGER_MS;
    socket_shutdown_write(&c->socket);
    while (socket_read(&c->socket, rest_of_it, sizeof rest_of_it, deadline) > 0)
        ;
}

static void answer(struct client *c)
{
    char bytes[HEAD_BYTES];
    size_t length;
    int result = read_head(c, bytes, &length);
    if (result == 0)
        result = answer_head(c, slice_of(bytes, length));
    else if (result == -EMSGSIZE)
        result = respond_text(c, 431, "the request head is too long\n");
    else if (result == -ETIMEDOUT)
        result = respond_text(c, 408, "the request head did not come in time\n");
    if (result == 0)
        linger(c);
    else
        log_debug("an admin client went away: %s", strerror(-result));
}

static void forget_client(struct client *c)
{
    client_count--;
    stranger_count -= !c->is_own;
    socket_close(&c->socket);
    free(c);
}

static void serve_client(void *argument)
{
    struct client *c = argument;
    answer(c);
    forget_client(c);
}

static void on_door(struct pollable *p)
{
    struct door *d = CONTAINER_OF(p, struct door, poll);
    struct address peer;
    struct client *c = calloc(1, sizeof *c);
    int result = c ? listen_accept(p->fd, &c->socket, &peer) : -ENOMEM;
    if (result != 0) {
        free(c);
        if (result != -EAGAIN && result != -ECONNABORTED)
            rest(d);
        return;
    }
    c->use = d->use;
    c->is_own = d->is_own;
    c->may_command = d->may_command;
    client_count++;
    stranger_count += !c->is_own;
    if (client_count > CLIENTS_MAX || (!c->is_own && stranger_count > STRANGERS_MAX) ||
        bundle_start(&clients, "admin", serve_client, c) != 0) {
        refusal_write_bare(&c->socket, 503);
        forget_client(c);
    }
}

/* --- Life ---------------------------------------------------------------------------------------
 */

static void on_signal(struct pollable *p)
{
    pollable_close(p, false);
    end_loop();
}

/* Who has asked is answered; who comes waits for the next observer, if there is one. */
static void end_fibers(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (doors[i].address[0])
            close_door(&doors[i]);
    if (bundle_join(&clients, loop_now_ms() + ENDING_MS) != 0)
        bundle_end(&clients);
    bundle_end(&fibers);
    loop_stop();
}

static int open_observer(void)
{
    int fds[SHARED_COUNT];
    struct loop_options options = { .fibers_max = CLIENTS_MAX + 8 };
    memcpy(fds, boot->shared, sizeof fds);
    TRY(shared_memory_map(&memory, fds));
    TRY(boot_drop_privileges(boot));
    TRY(loop_open(&options));
    TRY(helper_watch_signals(&signals, on_signal));
    list_open(&tickets);
    bundle_open(&fibers);
    bundle_open(&clients);
    TRY(resolver_open(memory.names));
    TRY(list_resolver_open(memory.dns_answers, memory.names));
    TRY(pollable_open_level(&channel, boot->channel, on_channel));
    open_door(boot->admin_fd, USE_ADMIN, true, "admin socket");
    TRY(bundle_start(&fibers, "list resolver", list_resolver_run, NULL));
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
    list_resolver_close();
    resolver_close();
    loop_close();
    shared_memory_close(&memory);
    return result == 0 ? 0 : 1;
}
