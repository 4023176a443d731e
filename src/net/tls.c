#include "net/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/panic.h"
#include "net/kernel.h"
#include "net/tls_schedule.h"

/* Of plain bytes in one call; their records fit into the memory below with all that is added. */
#define WRITE_BYTES_MAX 327680u
#define RECORD_BYTES    16384u
#define RECORD_ADDED                                                                               \
    256u /* at most: head, nonce, padding, tag (RFC 5246 §6.2.3 allows 1024 + 5)                  \
          */

/* A reader who has just begun cannot use the first byte of a record before the last one is there:
 * the first bytes after a silence go in records that fit the initial congestion window. */
#define FIRST_RECORD_BYTES 4096u
#define FIRST_BYTES        16384u
#define SILENCE_MS         1000

/* More waiting records than this: nothing new is encrypted. */
#define UNSENT_BYTES_MAX 65536u

struct tls {
    SSL *ssl;
    struct buffer *early; /* raw bytes that came before the library was asked */
    struct buffer *plain; /* the first early data, until it is read */
    struct buffer *out;   /* records that the kernel has not taken */
    int error;            /* the connection is broken: what every call returns from now on */
    int raw_error;        /* what the last raw read said: 0 the end; > 0 bytes; -errno */
    bool is_handshaking;
    bool is_early;    /* of a server: it reads and writes before the client's last message */
    bool early_ended; /* what comes now is that message */
    bool said_goodbye;
    bool is_last_write;  /* close_notify goes with it */
    uint32_t first_left; /* bytes that still go in small records */
    int64_t wrote_ms;
    uint8_t alert_received;
    struct tls_facts facts;
    char server_name[];
};

/* Records on their way to the kernel. Nobody waits while they are in here. */
static char records[WRITE_BYTES_MAX + (WRITE_BYTES_MAX / FIRST_RECORD_BYTES + 16) * RECORD_ADDED];
static size_t records_length;
static char gathered[RECORD_BYTES]; /* plain bytes of one record that come from several parts */

static int64_t deadline_of_handshake;

int64_t tls_deadline_ms(void)
{
    return deadline_of_handshake;
}

const struct tls_facts *tls_facts_of(const struct socket *s)
{
    return s->tls ? &s->tls->facts : NULL;
}

uint8_t tls_alert_of(const struct socket *s)
{
    return s->tls ? s->tls->alert_received : 0;
}

SSL *tls_ssl(const struct socket *s)
{
    return s->tls ? s->tls->ssl : NULL;
}

bool tls_is_early(const struct socket *s)
{
    return s->tls && s->tls->is_early;
}

/* --- Raw bytes: what the library reads from and writes to --------------------------------------
 */

static size_t take_from(struct buffer **b, char *to, size_t bytes_max)
{
    size_t length = buffer_length(*b);
    length = length < bytes_max ? length : bytes_max;
    memcpy(to, (*b)->memory + (*b)->start, length);
    (*b)->start += (uint32_t)length;
    if (buffer_length(*b) == 0)
        buffer_drop(b);
    return length;
}

static int raw_read(BIO *bio, char *to, int bytes_max)
{
    struct socket *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes_max <= 0)
        return 0;
    if (s->tls->early)
        return (int)take_from(&s->tls->early, to, (size_t)bytes_max);
    ssize_t got = socket_receive_raw(s, to, (size_t)bytes_max);
    if (got == -EAGAIN) {
        BIO_set_retry_read(bio);
        return -1;
    }
    s->tls->raw_error = got > 0 ? 1 : (int)got;
    return got > 0 ? (int)got : got == 0 ? 0 : -1;
}

/* Appends to what waits already. The buffer grows in steps: a handshake comes in pieces. */
static int keep_unsent(struct tls *t, const char *bytes, size_t count)
{
    if (t->out && buffer_room(t->out) < count)
        buffer_compact(t->out);
    if (!t->out || buffer_room(t->out) < count) {
        size_t old = t->out ? buffer_length(t->out) : 0;
        struct buffer *larger = buffer_take_large((uint32_t)(old + count));
        if (!larger)
            return -ENOBUFS;
        if (old)
            memcpy(larger->memory, t->out->memory + t->out->start, old);
        larger->end = (uint32_t)old;
        buffer_release(t->out);
        t->out = larger;
    }
    memcpy(t->out->memory + t->out->end, bytes, count);
    t->out->end += (uint32_t)count;
    return 0;
}

static int raw_write(BIO *bio, const char *bytes, int count)
{
    struct socket *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (count <= 0)
        return 0;
    if (s->tls->is_handshaking) /* others may use the records' memory while the key is waited for */
        return keep_unsent(s->tls, bytes, (size_t)count) == 0 ? count : -1;
    if (sizeof records - records_length < (size_t)count)
        return -1;
    memcpy(records + records_length, bytes, (size_t)count);
    records_length += (size_t)count;
    return count;
}

static long raw_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *raw_method(void)
{
    static BIO_METHOD *method;
    if (method)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (!method)
        return NULL;
    BIO_meth_set_read(method, raw_read);
    BIO_meth_set_write(method, raw_write);
    BIO_meth_set_ctrl(method, raw_control);
    return method;
}

/* --- Sending records ---------------------------------------------------------------------------
 */

/* Keeps of the gathered records what stands behind the first `sent` bytes. */
static int keep_records(struct tls *t, size_t sent)
{
    size_t left = records_length - sent;
    return left ? keep_unsent(t, records + sent, left) : 0;
}

/* Sends what waits and what was gathered; the rest waits. 0 · -errno, the connection is broken */
static int send_records(struct socket *s)
{
    struct tls *t = s->tls;
    size_t waiting = t->out ? buffer_length(t->out) : 0, asked = waiting + records_length;
    ssize_t sent = 0;
    if (asked && (s->poll.ready & POLL_WRITE)) {
        struct iovec parts[2];
        int count = 0;
        if (waiting)
            parts[count++] = (struct iovec){ t->out->memory + t->out->start, waiting };
        if (records_length)
            parts[count++] = (struct iovec){ records, records_length };
        sent = socket_send_raw(s, parts, count);
    }
    int result = sent < 0 ? (int)sent : 0;
    if (result == 0) {
        size_t of_waiting = (size_t)sent < waiting ? (size_t)sent : waiting;
        if (waiting)
            t->out->start += (uint32_t)of_waiting;
        if (waiting && of_waiting == waiting)
            buffer_drop(&t->out);
        result = keep_records(t, (size_t)sent - of_waiting);
    }
    records_length = 0;
    if (result != 0)
        t->error = result;
    return result;
}

bool tls_has_unsent(const struct socket *s)
{
    return s->tls->out != NULL;
}

/* --- Results -----------------------------------------------------------------------------------
 */

/* What a call that did not succeed means. -EAGAIN · 0 close_notify · other: broken for good */
static int result_of(struct tls *t, int returned)
{
    switch (SSL_get_error(t->ssl, returned)) {
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        break;
    }
    if (t->raw_error <= 0) /* the end without close_notify is a truncation (RFC 8446 §6.1) */
        t->error = t->raw_error < 0 ? t->raw_error : -ECONNRESET;
    else
        t->error = -EPROTO;
    return t->error;
}

/* close_notify has come: there may be no FIN behind it for as long as the peer likes. */
static bool was_said_goodbye(const struct tls *t)
{
    return (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

/* Whether a read would find something without the kernel. */
static void note_held(struct socket *s)
{
    if (s->tls->error != 0 || s->tls->early || s->tls->plain || SSL_has_pending(s->tls->ssl) ||
        was_said_goodbye(s->tls))
        s->poll.ready |= POLL_HELD;
    else
        s->poll.ready &= (uint8_t)~POLL_HELD;
}

/* --- Reading and writing ------------------------------------------------------------------------
 */

/* Results are told from the thread's queue of errors, in which nothing may be left of before: it is
 * nearly always empty, and looking is cheaper than clearing, which frees what all of its entries
 * might have. */
static void before_call(struct tls *t)
{
    if (UNLIKELY(ERR_peek_error() != 0))
        ERR_clear_error();
    t->raw_error = 1;
}

static bool may_have_more(const struct socket *s)
{
    return (s->poll.ready & POLL_READ) || s->tls->early || s->tls->plain ||
           SSL_has_pending(s->tls->ssl) || was_said_goodbye(s->tls);
}

/* Early data as long as it comes, then the client's last message, then what stands behind it.
 * Results are the library's. */
static int read_early(struct tls *t, void *to, size_t bytes_max, size_t *ret_got)
{
    if (t->plain) {
        *ret_got = take_from(&t->plain, to, bytes_max);
        return 1;
    }
    if (!t->early_ended) {
        int result = SSL_read_early_data(t->ssl, to, bytes_max, ret_got);
        if (result != SSL_READ_EARLY_DATA_FINISH)
            return result == SSL_READ_EARLY_DATA_SUCCESS;
        t->early_ended = true;
    }
    int returned = SSL_do_handshake(t->ssl);
    if (returned != 1)
        return returned;
    t->is_early = false;
    return SSL_read_ex(t->ssl, to, bytes_max, ret_got);
}

ssize_t tls_read_now(struct socket *s, void *to, size_t bytes_max)
{
    struct tls *t = s->tls;
    size_t total = 0;
    int result = t->error;
    while (result == 0 && total < bytes_max) {
        size_t got = 0;
        before_call(t);
        int returned = t->is_early
                           ? read_early(t, (char *)to + total, bytes_max - total, &got)
                           : SSL_read_ex(t->ssl, (char *)to + total, bytes_max - total, &got);
        total += got;
        if (returned == 1 && may_have_more(s))
            continue;
        if (returned == 1)
            break;
        result = result_of(t, returned);
        if (result == 0)
            break;
    }
    if (records_length) /* an alert, or the answer to a key update */
        (void)send_records(s);
    if (result == -EAGAIN) /* what is held is a part of a record */
        s->poll.ready &= (uint8_t)~POLL_HELD;
    else
        note_held(s);
    return total ? (ssize_t)total : result;
}

/* The next record's plain bytes: in place when one part has enough of them, else gathered. */
static slice next_record(const struct iovec **part, size_t *offset, int *count, size_t length)
{
    slice first = slice_of((const char *)(*part)->iov_base + *offset, (*part)->iov_len - *offset);
    size_t filled = 0;
    if (first.len >= length) {
        *offset += length;
        return slice_first(first, length);
    }
    while (filled < length) {
        size_t left = (*part)->iov_len - *offset;
        size_t taken = left < length - filled ? left : length - filled;
        memcpy(gathered + filled, (const char *)(*part)->iov_base + *offset, taken);
        filled += taken;
        *offset += taken;
        if (*offset == (*part)->iov_len && *count > 1) {
            (*part)++;
            (*count)--;
            *offset = 0;
        }
    }
    return slice_of(gathered, length);
}

static size_t record_bytes(struct tls *t, size_t left)
{
    size_t length = t->first_left ? FIRST_RECORD_BYTES : RECORD_BYTES;
    length = length < left ? length : left;
    t->first_left -= (uint32_t)(t->first_left < length ? t->first_left : length);
    return length;
}

static void note_silence(struct tls *t)
{
    int64_t now = loop_now_ms();
    if (now - t->wrote_ms >= SILENCE_MS)
        t->first_left = FIRST_BYTES;
    t->wrote_ms = now;
}

static bool write_record(struct tls *t, slice record)
{
    size_t written = 0;
    int (*write)(SSL *, const void *, size_t, size_t *) =
        t->is_early ? SSL_write_early_data : SSL_write_ex;
    before_call(t);
    return write(t->ssl, record.ptr, record.len, &written) == 1 && written == record.len;
}

static int encrypt(struct tls *t, const struct iovec *parts, int count, size_t length)
{
    size_t offset = 0;
    note_silence(t);
    while (length) {
        while (parts->iov_len == offset && count > 1) {
            parts++;
            count--;
            offset = 0;
        }
        slice record = next_record(&parts, &offset, &count, record_bytes(t, length));
        if (!write_record(t, record)) {
            t->error = -EPROTO;
            ERR_clear_error();
            return t->error;
        }
        length -= record.len;
    }
    return 0;
}

static void say_goodbye(struct tls *t)
{
    t->said_goodbye = true;
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

ssize_t tls_write_now(struct socket *s, const struct iovec *parts, int count)
{
    struct tls *t = s->tls;
    if (t->error != 0)
        return t->error;
    if (!(s->poll.ready & POLL_WRITE))
        return 0;
    if (t->out && buffer_length(t->out) > UNSENT_BYTES_MAX) {
        TRY(send_records(s));
        if (t->out)
            return 0;
    }
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    bool is_whole = length <= WRITE_BYTES_MAX;
    length = is_whole ? length : WRITE_BYTES_MAX;
    int result = length ? encrypt(t, parts, count, length) : 0;
    if (result == 0 && length && is_whole && t->is_last_write) {
        say_goodbye(t);
        s->is_last_write = true;
    }
    int sent = send_records(s);
    if (result == 0)
        result = sent;
    return result == 0 ? (ssize_t)length : result;
}

/* --- Handshake ----------------------------------------------------------------------------------
 */

static void note_information(const SSL *ssl, int where, int value)
{
    struct tls *t = SSL_get_app_data(ssl);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        t->alert_received = (uint8_t)(value & 0xff);
}

static void note_failure(const struct tls *t, struct tls_failure *ret)
{
    unsigned long error = ERR_peek_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;
    *ret = (struct tls_failure){ .text = text ? text : "the handshake failed",
                                 .alert_received = t->alert_received,
                                 .verify_result = SSL_get_verify_result(t->ssl),
                                 .error = error };
}

static int wait_until_sent(struct socket *s, int64_t deadline_ms)
{
    for (;;) {
        TRY(send_records(s));
        if (!s->tls->out)
            return 0;
        TRY(pollable_wait(&s->poll, POLL_WRITE, deadline_ms));
    }
}

/* A client of TLS 1.3 waits for nothing after its last message: the ticket goes with the response,
 * in one send instead of two. Whose request does not come soon is sent it by itself. */
static bool may_hold_ticket(const struct tls *t)
{
    return SSL_is_server(t->ssl) && SSL_version(t->ssl) >= TLS1_3_VERSION;
}

/* What the library returned was no success: waits for more. 0 · -errno the handshake has failed */
static int await_more(struct socket *s, int returned, int64_t deadline_ms,
                      struct tls_failure *ret_failure)
{
    struct tls *t = s->tls;
    int result = result_of(t, returned);
    if (result != -EAGAIN)
        note_failure(t, ret_failure);
    ERR_clear_error();
    if (result != -EAGAIN) {
        int error = t->error; /* the alert goes all the same */
        (void)send_records(s);
        return error ? error : -ECONNRESET;
    }
    TRY(wait_until_sent(s, deadline_ms));
    return pollable_wait(&s->poll, POLL_READ, deadline_ms);
}

static void before_step(struct tls *t, int64_t deadline_ms)
{
    before_call(t);
    deadline_of_handshake = deadline_ms;
}

/* Until early data has come, if it is taken at all: 0, t->is_early says whether · -errno */
static int accept_early(struct socket *s, int64_t deadline_ms, struct tls_failure *ret_failure)
{
    struct tls *t = s->tls;
    OWNS(buffer_drop) struct buffer *b = buffer_take();
    if (!b)
        return -ENOBUFS;
    for (;;) {
        size_t got = 0;
        before_step(t, deadline_ms);
        int result = SSL_read_early_data(t->ssl, b->memory, BUFFER_BYTES, &got);
        if (result == SSL_READ_EARLY_DATA_FINISH)
            return 0;
        if (result == SSL_READ_EARLY_DATA_SUCCESS && got > 0) {
            b->end = (uint32_t)got;
            t->plain = b;
            b = NULL;
            t->is_early = true;
            t->is_handshaking = false;
            return send_records(s);
        }
        if (result == SSL_READ_EARLY_DATA_ERROR)
            TRY(await_more(s, 0, deadline_ms, ret_failure));
    }
}

static int shake_hands(struct socket *s, int64_t deadline_ms, struct tls_failure *ret_failure)
{
    struct tls *t = s->tls;
    for (;;) {
        before_step(t, deadline_ms);
        int returned = SSL_do_handshake(t->ssl);
        if (returned == 1)
            break;
        TRY(await_more(s, returned, deadline_ms, ret_failure));
    }
    t->is_handshaking = false;
    return may_hold_ticket(t) ? 0 : wait_until_sent(s, deadline_ms);
}

static void note_facts(struct tls *t)
{
    const unsigned char *alpn;
    unsigned alpn_length;
    SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_length);
    t->facts.version = SSL_get_version(t->ssl);
    t->facts.cipher = SSL_get_cipher_name(t->ssl);
    t->facts.alpn = slice_of((const char *)alpn, alpn_length);
    t->facts.is_resumed = SSL_session_reused(t->ssl);
}

static struct tls *make(struct socket *s, const struct tls_begin *how)
{
    struct tls *t = calloc(1, sizeof *t + how->server_name.len);
    BIO_METHOD *method = raw_method();
    BIO *bio = method && t ? BIO_new(method) : NULL;
    SSL *ssl = bio ? SSL_new(how->context) : NULL;
    if (!ssl) {
        BIO_free(bio);
        free(t);
        return NULL;
    }
    t->ssl = ssl;
    t->is_handshaking = true;
    t->first_left = FIRST_BYTES;
    t->wrote_ms = loop_now_ms();
    if (how->server_name.len)
        memcpy(t->server_name, how->server_name.ptr, how->server_name.len);
    t->facts.server_name = slice_of(t->server_name, how->server_name.len);
    t->facts.owner = how->owner;
    if (how->fingerprint)
        memcpy(t->facts.fingerprint, how->fingerprint,
               strnlen(how->fingerprint, TLS_FINGERPRINT_MAX - 1));
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, t);
    SSL_set_info_callback(ssl, note_information);
    if (how->is_server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return t;
}

int tls_begin(struct socket *s, const struct tls_begin *how, struct tls_failure *ret_failure)
{
    ASSERT(!s->tls);
    *ret_failure = (struct tls_failure){ 0 };
    ERR_clear_error();
    s->tls = make(s, how);
    if (!s->tls) {
        ERR_clear_error();
        buffer_release(how->early);
        return -ENOMEM;
    }
    s->tls->early = how->early;
    int result = how->prepare ? how->prepare(s->tls->ssl, how->argument) : 0;
    if (result == 0 && how->takes_early)
        result = accept_early(s, how->deadline_ms, ret_failure);
    if (result == 0 && !s->tls->is_early)
        result = shake_hands(s, how->deadline_ms, ret_failure);
    if (result != 0) {
        s->tls->error = result;
        return result;
    }
    if (how->is_server)
        SSL_set_info_callback(s->tls->ssl, NULL);
    note_facts(s->tls);
    note_held(s);
    return 0;
}

int tls_finish(struct socket *s, int64_t deadline_ms)
{
    while (tls_is_early(s)) {
        ssize_t got = tls_read_now(s, gathered, sizeof gathered);
        if (got == 0 || (got < 0 && got != -EAGAIN))
            return got == 0 ? -ECONNRESET : (int)got;
        if (got < 0 && tls_is_early(s))
            TRY(pollable_wait(&s->poll, POLL_READ, deadline_ms));
    }
    return 0;
}

/* --- The end ------------------------------------------------------------------------------------
 */

void tls_last_write(struct socket *s)
{
    s->tls->is_last_write = true;
}

void tls_shutdown_write(struct socket *s)
{
    struct tls *t = s->tls;
    if (t->error != 0 || t->said_goodbye || t->is_handshaking || t->is_early)
        return;
    say_goodbye(t);
    (void)send_records(s);
}

/* Something to read, and it is not merely a ticket. */
bool tls_is_stale(struct socket *s)
{
    char byte;
    size_t got;
    struct tls *t = s->tls;
    if (t->error != 0 || t->out)
        return true;
    if (!may_have_more(s))
        return false;
    before_call(t);
    int returned = SSL_peek_ex(t->ssl, &byte, 1, &got);
    bool is_stale = returned == 1 || result_of(t, returned) != -EAGAIN;
    ERR_clear_error();
    if (records_length && send_records(s) != 0)
        is_stale = true;
    if (!is_stale)
        s->poll.ready &= (uint8_t)~POLL_HELD;
    return is_stale;
}

void tls_end(struct socket *s, bool says_goodbye)
{
    struct tls *t = s->tls;
    if (!t)
        return;
    if (says_goodbye && !s->poll.hangup)
        tls_shutdown_write(s);
    s->tls = NULL;
    s->poll.ready &= (uint8_t)~POLL_HELD;
    SSL_free(t->ssl);
    buffer_release(t->early);
    buffer_release(t->plain);
    buffer_release(t->out);
    free(t);
}

SSL_CTX *tls_context_make(const SSL_METHOD *method)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new_ex(NULL, tls_schedule_query(), method);
    ERR_clear_error();
    if (!context)
        return NULL;
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}
