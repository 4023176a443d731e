#include "net/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"

/* The library is loaded by the process that fetches, and by no other: it brings thirty more with it
 * (LDAP, Kerberos, SSH), which have no place in a process that strangers talk to. */
#define CURL_LIBRARY "libcurl.so.4"
#define CURL_FUNCTIONS(each)                                                                       \
    each(global_init) each(global_cleanup) each(easy_init) each(easy_cleanup) each(easy_setopt)    \
        each(easy_getinfo) each(easy_strerror) each(multi_init) each(multi_cleanup)                \
            each(multi_setopt) each(multi_add_handle) each(multi_remove_handle)                    \
                each(multi_socket_action) each(multi_info_read) each(slist_append)                 \
                    each(slist_free_all)

#undef curl_easy_setopt /* macros that check types, around functions of the same name */
#undef curl_easy_getinfo
#undef curl_multi_setopt
#define DECLARE(name) typeof(&curl_##name) name;
static struct {
    CURL_FUNCTIONS(DECLARE)
} curl;
static void *library;

#define EVENTS_MAX 16

/* libcurl names sockets and moments; its sockets are watched by an epoll of their own, which the
 * loop watches as one descriptor. */
struct transfer {
    const struct fetch *what;
    struct fetched *result;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *fields, *addresses;
    int epoll;
    struct pollable poll;
    struct fiber *fiber;
    int64_t timer_ms;
    size_t capacity;
    bool is_too_long;
    char curl_why[CURL_ERROR_SIZE];
};

static void *find(const char *name)
{
    return dlsym(library, name);
}

int fetch_open(void)
{
    bool is_whole = true;
    library = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return -ENOSYS;
#define FIND(name)                                                                                 \
    curl.name = (typeof(curl.name))find("curl_" #name);                                            \
    is_whole &= curl.name != NULL;
    CURL_FUNCTIONS(FIND)
    if (is_whole && curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return 0;
    (void)dlclose(library);
    library = NULL;
    return -ENOSYS;
}

void fetch_close(void)
{
    if (library)
        curl.global_cleanup(); /* the library stays: what it brought has handlers for the exit */
}

void fetched_clear(struct fetched *f)
{
    free(f->body);
    *f = (struct fetched){ 0 };
}

/* --- What libcurl calls ----------------------------------------------------------------------- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    struct fetched *to = t->result;
    count *= size;
    if (count > t->what->bytes_max - to->bytes) {
        t->is_too_long = true;
        return 0; /* less than there is: it ends */
    }
    if (to->bytes + count + 1 > t->capacity) {
        size_t wanted = 2 * (to->bytes + count) + 256;
        char *grown = realloc(to->body, wanted);
        if (!grown)
            return 0;
        to->body = grown;
        t->capacity = wanted;
    }
    memcpy(to->body + to->bytes, bytes, count);
    to->bytes += count;
    to->body[to->bytes] = '\0';
    return count;
}

static size_t take_field(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    slice line = slice_of(bytes, size * count);
    while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    if (t->what->on_field && line.len)
        t->what->on_field(t->what->context, line);
    return size * count;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct transfer *t = context;
    struct epoll_event event = { .data.fd = fd };
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(t->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct transfer *t = context;
    t->timer_ms = timeout_ms < 0 ? NEVER : loop_now_ms() + timeout_ms;
    return 0;
}

static void on_ready(struct pollable *p)
{
    fiber_wake(CONTAINER_OF(p, struct transfer, poll)->fiber);
}

/* --- One transfer ----------------------------------------------------------------------------- */

static void close_transfer(struct transfer *t)
{
    if (t->multi && t->easy)
        (void)curl.multi_remove_handle(t->multi, t->easy);
    if (t->easy)
        curl.easy_cleanup(t->easy);
    if (t->multi)
        (void)curl.multi_cleanup(t->multi);
    if (t->poll.registered)
        pollable_close(&t->poll, false);
    if (t->epoll >= 0)
        close(t->epoll);
    curl.slist_free_all(t->fields);
    curl.slist_free_all(t->addresses);
}

/* Appends to a list of libcurl's. */
static int append(struct curl_slist **list, const char *text)
{
    struct curl_slist *grown = curl.slist_append(*list, text);
    if (!grown)
        return -ENOMEM;
    *list = grown;
    return 0;
}

static int set_lists(struct transfer *t)
{
    char text[300];
    if (t->what->content_type) {
        (void)snprintf(text, sizeof text, "Content-Type: %s", t->what->content_type);
        TRY(append(&t->fields, text));
    }
    TRY(append(&t->fields, "Expect:"));
    curl.easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields);
    if (t->what->connect_to) {
        (void)snprintf(text, sizeof text, "::%s", t->what->connect_to);
        TRY(append(&t->addresses, text));
        curl.easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->addresses);
    }
    return 0;
}

static int set_options(struct transfer *t)
{
    const struct fetch *f = t->what;
    CURL *e = t->easy;
    TRY(set_lists(t));
    curl.easy_setopt(e, CURLOPT_URL, f->url);
    curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, f->may_be_plain ? "http,https" : "https");
    curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl.easy_setopt(e, CURLOPT_USERAGENT, "portcullis/" PORTCULLIS_VERSION);
    curl.easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_why);
    curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl.easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, take_field);
    curl.easy_setopt(e, CURLOPT_HEADERDATA, t);
    if (f->ca_file) {
        curl.easy_setopt(e, CURLOPT_CAINFO, f->ca_file);
        curl.easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    if (f->is_head)
        curl.easy_setopt(e, CURLOPT_NOBODY, 1L);
    if (f->body.ptr) {
        curl.easy_setopt(e, CURLOPT_POST, 1L);
        curl.easy_setopt(e, CURLOPT_POSTFIELDS, f->body.ptr);
        curl.easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.len);
    }
    curl.multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl.multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl.multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl.multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    return curl.multi_add_handle(t->multi, e) == CURLM_OK ? 0 : -ENOMEM;
}

static int open_transfer(struct transfer *t)
{
    t->easy = curl.easy_init();
    t->multi = curl.multi_init();
    t->result->body = calloc(1, 1);
    t->capacity = 1;
    if (!t->easy || !t->multi || !t->result->body)
        return -ENOMEM;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll < 0)
        return -errno;
    TRY(pollable_open_level(&t->poll, t->epoll, on_ready));
    return set_options(t);
}

/* Lets libcurl do what is to do now. */
static void advance(struct transfer *t, int *ret_running)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(t->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        (void)curl.multi_socket_action(t->multi, events[i].data.fd, mask, ret_running);
    }
    if (t->timer_ms <= loop_now_ms()) {
        t->timer_ms = NEVER;
        (void)curl.multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, ret_running);
    }
}

static int fail(struct transfer *t, int result, const char *why)
{
    (void)snprintf(t->result->why, sizeof t->result->why, "%s", why);
    return result;
}

static int conclude(struct transfer *t)
{
    int left;
    long status = 0;
    const CURLMsg *message = curl.multi_info_read(t->multi, &left);
    if (t->is_too_long)
        return fail(t, -EMSGSIZE, "the answer is too long");
    if (!message || message->msg != CURLMSG_DONE)
        return fail(t, -EIO, "the transfer ended without a result");
    if (message->data.result != CURLE_OK)
        return fail(t, -EIO,
                    t->curl_why[0] ? t->curl_why : curl.easy_strerror(message->data.result));
    (void)curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->result->status = (int)status;
    return 0;
}

static int run(struct transfer *t)
{
    int running = 1;
    while (running) {
        int64_t deadline = t->timer_ms < t->what->deadline_ms ? t->timer_ms : t->what->deadline_ms;
        int result = fiber_wait(deadline);
        if (result == -ECANCELED)
            return fail(t, result, "it was given up");
        if (loop_now_ms() >= t->what->deadline_ms)
            return fail(t, -ETIMEDOUT, "no answer in time");
        advance(t, &running);
    }
    return conclude(t);
}

int fetch(const struct fetch *what, struct fetched *ret)
{
    *ret = (struct fetched){ 0 };
    OWNS(close_transfer)
    struct transfer t = { .what = what,
                          .result = ret,
                          .epoll = -1,
                          .fiber = fiber_current(),
                          .timer_ms = loop_now_ms() };
    if (!library)
        return fail(&t, -ENOSYS, CURL_LIBRARY " is not installed");
    int result = open_transfer(&t);
    return result != 0 ? fail(&t, result, strerror(-result)) : run(&t);
}
