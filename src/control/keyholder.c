#include "control/keyholder.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/writer.h"
#include "control/boot.h"
#include "control/key_file.h"
#include "control/key_store.h"
#include "wire/tls_signed.h"

#define CHANNELS_MAX 16384u
#define EVENTS_MAX   64
#define TURN_MAX     8 /* requests of one channel before the others have their turn: KEY_MANY_MAX */

/* More signatures than this no worker can use: a handshake costs it more than 0.1 ms. */
#define RATE_PER_SECOND 10000
#define BURST           10000
#define REST_MS         5 /* for who is above that */

struct channel {
    struct list node;
    int fd;
    uint64_t serial;
    uint32_t rights; /* enum key_right */
    struct key_family *family;
    int64_t left, refilled_ms; /* signatures */
    bool is_resting;
};

static struct list channels;
static uint32_t channel_count;
static uint64_t last_serial;
static int poller = -1;
static const char *folder; /* of generated keys */
static char memory[KEY_BODY_MAX + 1];

/* One new key at a time is made on a thread of its own: the others have to be answered meanwhile.
 */
static struct {
    bool is_busy;
    pthread_t thread;
    int done_fd; /* eventfd */
    uint64_t serial, number;
    enum key_recipe recipe;
    bool is_for_tls;
    char name[KEY_NAME_MAX];
    size_t name_length;
    EVP_PKEY *made;
} making = { .done_fd = -1 };

/* --- Channels ----------------------------------------------------------------------------------
 */

static void close_channel(struct channel *c)
{
    list_remove(&c->node);
    channel_count--;
    close(c->fd);
    key_family_leave(c->family);
    free(c);
}

static int watch(int operation, int fd, uint32_t events, void *who)
{
    struct epoll_event event = { .events = events, .data.ptr = who };
    return epoll_ctl(poller, operation, fd, &event) < 0 ? -errno : 0;
}

/* Takes fd over, and one share of the family. */
static int open_channel(int fd, uint32_t rights, struct key_family *family)
{
    struct channel *c = channel_count < CHANNELS_MAX ? calloc(1, sizeof *c) : NULL;
    int result = c && family ? watch(EPOLL_CTL_ADD, fd, EPOLLIN, c) : -ENOMEM;
    if (result != 0) {
        free(c);
        close(fd);
        if (family)
            key_family_leave(family);
        return result;
    }
    *c = (struct channel){ .fd = fd,
                           .serial = ++last_serial,
                           .rights = rights,
                           .family = family,
                           .left = BURST,
                           .refilled_ms = clock_monotonic_ms() };
    list_push_back(&channels, &c->node);
    channel_count++;
    return 0;
}

static struct channel *find_channel(uint64_t serial)
{
    LIST_EACH(node, &channels)
    {
        struct channel *c = LIST_ENTRY(node, struct channel, node);
        if (c->serial == serial)
            return c;
    }
    return NULL;
}

/* --- Answers: 0, or -errno of a channel that does not take them --------------------------------
 */

static int answer(const struct channel *c, const struct key_head *request, int result, slice body)
{
    struct key_packet p = { .head = *request, .body = body, .fd = -1 };
    p.head.detail = result;
    return key_packet_send(c->fd, &p);
}

static int answer_key(const struct channel *c, const struct key_head *request,
                      const struct held_key *k, const char *warning)
{
    char body[sizeof(struct key_described) + KEY_SPKI_MAX + sizeof(struct key_reason)];
    struct key_described described = { .spki_bytes = k->spki_bytes };
    struct key_head head = *request;
    struct writer w = writer_over(body, sizeof body);
    head.key_id = k->id;
    writer_bytes(&w, &described, sizeof described);
    writer_bytes(&w, k->spki, k->spki_bytes);
    writer_text(&w, warning);
    if (w.overflowed)
        return answer(c, request, -EMSGSIZE, SLICE("its public half is too large"));
    return answer(c, &head, 0, writer_slice(&w));
}

/* --- Requests: 0 · -errno, the channel is closed -----------------------------------------------
 */

/* A worker signs handshakes with keys that are meant for them, and nothing else. */
static bool may_sign(const struct channel *c, const struct held_key *k, enum key_scheme scheme,
                     slice text)
{
    if (c->rights & KEY_MAY_SIGN_ANYTHING)
        return true;
    switch (tls_signed_judge(text)) {
    case TLS_SIGNED_NOTHING:
        return false;
    case TLS_SIGNED_1_3_SERVER:
    case TLS_SIGNED_1_3_CLIENT: /* RFC 8446 §4.4.3: no RSASSA-PKCS1-v1_5 */
        return k->is_for_tls && scheme != KEY_RSA_PKCS1_SHA256 && scheme != KEY_RSA_PKCS1_SHA384 &&
               scheme != KEY_RSA_PKCS1_SHA512;
    case TLS_SIGNED_1_2_KEY:
    case TLS_SIGNED_1_2_MESSAGES:
        return k->is_for_tls;
    }
    return false;
}

struct signing {
    uint64_t key_id;
    enum key_scheme scheme;
    slice text;
};

/* *ret_answer: the signature, or why there is none with *ret_result */
static int sign_one(struct channel *c, const struct signing *what, int *ret_result,
                    slice *ret_answer)
{
    static struct key_signature signature;
    const struct held_key *k = key_store_find(what->key_id);
    c->left--;
    *ret_result = -ENOENT;
    *ret_answer = SLICE("there is no such key");
    if (!k)
        return 0;
    if (!may_sign(c, k, what->scheme, what->text)) {
        log_warn("a channel that may sign handshakes asked for a signature on something else; it "
                 "is closed");
        return -EACCES;
    }
    *ret_result = key_store_sign(k, what->scheme, what->text, &signature);
    *ret_answer = *ret_result == 0 ? slice_of((const char *)signature.memory, signature.bytes)
                                   : SLICE("this key does not sign like that");
    return 0;
}

static int sign(struct channel *c, const struct key_packet *p)
{
    const struct signing what = { p->head.key_id, (enum key_scheme)p->head.detail, p->body };
    slice said;
    int result;
    TRY(sign_one(c, &what, &result, &said));
    return answer(c, &p->head, result, said);
}

static int sign_many(struct channel *c, const struct key_packet *p)
{
    static char answers[KEY_MANY_MAX * (sizeof(struct key_part) + KEY_SIGNATURE_MAX)];
    struct writer w = writer_over(answers, sizeof answers);
    slice rest = p->body;
    for (uint32_t i = 0; rest.len; i++) {
        struct key_part part;
        struct signing what;
        slice said;
        if (i == KEY_MANY_MAX)
            return -EPROTO;
        TRY(key_part_take(&rest, &part, &what.text));
        what.key_id = part.key_id;
        what.scheme = (enum key_scheme)part.detail;
        TRY(sign_one(c, &what, &part.detail, &said));
        part.bytes = (uint32_t)said.len;
        writer_bytes(&w, &part, sizeof part);
        writer_slice_add(&w, said);
    }
    return w.len == 0 || w.overflowed ? -EPROTO : answer(c, &p->head, 0, writer_slice(&w));
}

static int put(const struct channel *c, const struct key_head *head, const struct key_to_hold *what,
               const char *warning)
{
    const struct held_key *k;
    int result = key_store_put(c->family, what, &k);
    if (result != 0)
        return answer(c, head, result, slice_from(strerror(-result)));
    return answer_key(c, head, k, warning);
}

static int load(const struct channel *c, const struct key_packet *p)
{
    static struct key_reason reason, warning;
    slice path = slice_first(p->body, slice_find_byte(p->body, '\0'));
    slice spki = slice_after(p->body, path.len + 1);
    EVP_PKEY *key = NULL;
    if (path.len == 0 || path.len >= KEY_PATH_MAX || path.len == p->body.len || path.ptr[0] != '/')
        return -EPROTO;
    int result = key_file_read(path.ptr, &key, &reason, &warning);
    if (result == 0 && spki.len && !key_belongs_to(key, spki)) {
        EVP_PKEY_free(key);
        return answer(c, &p->head, -EKEYREJECTED, SLICE("it does not belong to the certificate"));
    }
    if (result != 0)
        return answer(c, &p->head, result, slice_from(reason.text));
    const struct key_to_hold what = { key, spki, (p->head.detail & KEY_FOR_TLS) != 0 };
    return put(c, &p->head, &what, warning.text);
}

static int read_certificates(const struct channel *c, const struct key_packet *p)
{
    static struct key_reason reason;
    static char certificates[KEY_BODY_MAX];
    size_t length;
    slice path = slice_first(p->body, slice_find_byte(p->body, '\0'));
    if (path.len == 0 || path.len >= KEY_PATH_MAX || path.len == p->body.len || path.ptr[0] != '/')
        return -EPROTO;
    int result =
        key_file_read_certificates(path.ptr, certificates, sizeof certificates, &length, &reason);
    return answer(c, &p->head, result,
                  result == 0 ? slice_of(certificates, length) : slice_from(reason.text));
}

static int delete (const struct channel *c, const struct key_packet *p)
{
    struct key_reason reason = { 0 };
    int result = key_file_delete(folder, p->body, &reason);
    return answer(c, &p->head, result, slice_from(reason.text));
}

static int forget(const struct channel *c, const struct key_packet *p)
{
    int result = key_store_forget(c->family, p->head.key_id);
    return answer(c, &p->head, result, result == 0 ? SLICE("") : SLICE("there is no such key"));
}

static int open_for(const struct channel *c, struct key_packet *p)
{
    uint32_t rights = (uint32_t)p->head.detail & KEY_MAY_ALL;
    bool is_new = (uint32_t)p->head.detail & KEY_NEW_FAMILY;
    int fd = p->fd;
    p->fd = -1;
    if (fd < 0 || (rights & ~c->rights)) {
        if (fd >= 0)
            close(fd);
        return -EPROTO;
    }
    if (!is_new)
        key_family_join(c->family);
    int result = open_channel(fd, rights, is_new ? key_family_make() : c->family);
    if (result != 0) /* the asker sees its end closed */
        log_warn("a channel to the keyholder cannot be opened: %s", strerror(-result));
    return 0;
}

/* --- New keys ----------------------------------------------------------------------------------
 */

static void *make_key(void *argument)
{
    uint64_t one = 1;
    making.made = key_make(making.recipe);
    ssize_t ignored = write(making.done_fd, &one, sizeof one);
    (void)ignored;
    return NULL;
}

static int generate(const struct channel *c, const struct key_packet *p)
{
    int recipe = p->head.detail & ~KEY_FOR_TLS;
    if (recipe < KEY_NEW_P256 || recipe > KEY_NEW_RSA_4096 || p->body.len > KEY_NAME_MAX)
        return -EPROTO;
    if (making.is_busy)
        return answer(c, &p->head, -EBUSY, SLICE("another key is being made"));
    making.serial = c->serial;
    making.number = p->head.number;
    making.recipe = (enum key_recipe)recipe;
    making.is_for_tls = (p->head.detail & KEY_FOR_TLS) != 0;
    making.name_length = p->body.len;
    memcpy(making.name, p->body.ptr, p->body.len);
    int result = pthread_create(&making.thread, NULL, make_key, NULL);
    if (result != 0)
        return answer(c, &p->head, -result, slice_from(strerror(result)));
    making.is_busy = true;
    return 0;
}

/* The thread has ended. 0 · -errno of the channel */
static int finish_key(const struct channel *c, EVP_PKEY *key)
{
    struct key_head head = { .verb = KEY_GENERATE, .number = making.number };
    struct key_reason reason = { 0 };
    slice name = slice_of(making.name, making.name_length);
    if (!key)
        return answer(c, &head, -EIO, SLICE("OpenSSL cannot make such a key"));
    int result = key_file_write(folder, name, key, &reason);
    const struct key_to_hold what = { key, { 0 }, making.is_for_tls };
    if (result == 0)
        return put(c, &head, &what, "");
    EVP_PKEY_free(key);
    return answer(c, &head, result, slice_from(reason.text));
}

static void take_made_key(void)
{
    uint64_t count;
    if (read(making.done_fd, &count, sizeof count) != (ssize_t)sizeof count)
        return;
    (void)pthread_join(making.thread, NULL);
    making.is_busy = false;
    struct channel *c = find_channel(making.serial);
    if (!c)
        EVP_PKEY_free(making.made);
    else if (finish_key(c, making.made) != 0)
        close_channel(c);
    making.made = NULL;
}

/* --- The loop ----------------------------------------------------------------------------------
 */

static int obey(struct channel *c, struct key_packet *p)
{
    static const uint32_t needed[] = {
        [KEY_SIGN] = KEY_MAY_SIGN,
        [KEY_LOAD] = KEY_MAY_LOAD,
        [KEY_GENERATE] = KEY_MAY_GENERATE,
        [KEY_DELETE] = KEY_MAY_GENERATE,
        [KEY_FORGET] = KEY_MAY_LOAD,
        [KEY_OPEN] = KEY_MAY_OPEN,
        [KEY_RESTRICT] = 0,
        [KEY_READ] = KEY_MAY_LOAD,
        [KEY_SIGN_MANY] = KEY_MAY_SIGN,
    };
    uint16_t verb = p->head.verb;
    if (verb < KEY_SIGN || verb > KEY_SIGN_MANY || (c->rights & needed[verb]) != needed[verb]) {
        log_warn("a channel to the keyholder asked for what it has no right to (%u); it is closed",
                 verb);
        return -EACCES;
    }
    switch ((enum key_verb)verb) {
    case KEY_SIGN:
        return sign(c, p);
    case KEY_LOAD:
        return load(c, p);
    case KEY_GENERATE:
        return generate(c, p);
    case KEY_DELETE:
        return delete (c, p);
    case KEY_FORGET:
        return forget(c, p);
    case KEY_OPEN:
        return open_for(c, p);
    case KEY_RESTRICT:
        c->rights &= (uint32_t)p->head.detail;
        return 0;
    case KEY_READ:
        return read_certificates(c, p);
    case KEY_SIGN_MANY:
        return sign_many(c, p);
    }
    return -EPROTO;
}

static void refill(struct channel *c, int64_t now)
{
    int64_t left = c->left + (now - c->refilled_ms) * RATE_PER_SECOND / 1000;
    c->left = left < BURST ? left : BURST;
    c->refilled_ms = now;
}

/* One request. 0 · -EAGAIN nothing is there · another -errno: the channel is to be closed */
static int hear_one(struct channel *c)
{
    struct key_packet p;
    TRY(key_packet_receive(c->fd, memory, &p));
    int result = obey(c, &p);
    if (p.fd >= 0) /* nobody asked for it */
        close(p.fd);
    return result == -EAGAIN ? -ENOBUFS : result; /* it does not take its answers */
}

/* Some of what a channel asks. False: it is closed. */
static bool hear(struct channel *c)
{
    int result = 0;
    int64_t signed_before = c->left;
    for (int i = 0; i < TURN_MAX && c->left > 0 && result == 0; i++) {
        if (signed_before - c->left >= TURN_MAX)
            break;
        result = hear_one(c);
    }
    if (result != 0 && result != -EAGAIN) {
        close_channel(c);
        return false;
    }
    if (c->left <= 0 && !c->is_resting) {
        c->is_resting = true;
        (void)watch(EPOLL_CTL_MOD, c->fd, 0, c);
    }
    return true;
}

/* Who has asked too much is heard again. Whether anybody rests on. */
static bool wake_resting(int64_t now)
{
    bool any = false;
    LIST_EACH(node, &channels)
    {
        struct channel *c = LIST_ENTRY(node, struct channel, node);
        refill(c, now);
        if (c->is_resting && c->left > 0) {
            c->is_resting = false;
            (void)watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
        }
        any |= c->is_resting;
    }
    return any;
}

static int serve(void)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t refilled_ms = clock_monotonic_ms();
    bool any_rests = false;
    while (channel_count > 0) {
        int count = epoll_wait(poller, events, EVENTS_MAX, any_rests ? REST_MS : -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        int64_t now = clock_monotonic_ms();
        if (now - refilled_ms >= REST_MS) {
            any_rests = wake_resting(now);
            refilled_ms = now;
        }
        bool is_made = false;
        for (int i = 0; i < count; i++) {
            struct channel *c = events[i].data.ptr;
            if (!c)
                is_made = true;
            else if (hear(c))
                any_rests |= c->is_resting;
        }
        if (is_made) /* last: it may close a channel that has an event as well */
            take_made_key();
    }
    return 0;
}

int keyholder_serve(int channel, const char *new_keys)
{
    list_open(&channels);
    folder = new_keys;
    poller = epoll_create1(EPOLL_CLOEXEC);
    making.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = poller < 0 || making.done_fd < 0 ? -errno : 0;
    if (result == 0)
        result = watch(EPOLL_CTL_ADD, making.done_fd, EPOLLIN, NULL);
    if (result == 0)
        result = open_channel(channel, KEY_MAY_ALL, key_family_make());
    if (result == 0)
        result = serve();
    if (making.is_busy)
        (void)pthread_join(making.thread, NULL);
    close(making.done_fd);
    close(poller);
    return result;
}

/* --- The process -------------------------------------------------------------------------------
 */

int keyholder_main(struct boot_record *record)
{
    char path[PATH_MAX + 16];
    log_open("keyholder", (enum log_level)record->verbosity);
    (void)prctl(PR_SET_NAME, "pc-keyholder");
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    keyholder_confine();
    (void)snprintf(path, sizeof path, "%s/keys", record->storage_folder);
    int result = keyholder_serve(record->channel, path);
    if (result != 0)
        log_error("the keyholder ends: %s", strerror(-result));
    _exit(result == 0 ? 0
                      : 1); /* what runs at exit elsewhere wants calls that are not allowed here */
}

pid_t keyholder_start(const struct boot_record *from, int *ret_channel)
{
    static struct boot_record record;
    int ends[2];
    TRY(key_channel_pair(ends));
    boot_record_clear(&record);
    memcpy(record.binary, from->binary, sizeof record.binary);
    memcpy(record.storage_folder, from->storage_folder, sizeof record.storage_folder);
    record.verbosity = from->verbosity;
    record.channel = ends[1];
    pid_t pid = boot_start("keyholder", &record);
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        *ret_channel = ends[0];
    return pid;
}

pid_t keyholder_start_own(int *ret_channel)
{
    static struct boot_record record;
    boot_record_clear(&record);
    (void)snprintf(record.binary, sizeof record.binary, "%s", BOOT_OWN_BINARY);
    record.verbosity = LOG_LEVEL_ERROR;
    return keyholder_start(&record, ret_channel);
}

void keyholder_end_own(pid_t pid, int channel)
{
    close(channel);
    (void)waitpid(pid, NULL, 0);
}
