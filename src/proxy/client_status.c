#include "proxy/client_status.h"

#include <errno.h>
#include <openssl/err.h>

#include "net/tls.h"
#include "net/x509_text.h"
#include "proxy/connection.h"
#include "proxy/gate_state.h"
#include "runtime/fiber.h"

/* The certifier gives up before; what it then says is waited for as well. */
#define WAIT_MS_MAX   6000
#define LOOK_MS_FIRST 2
#define LOOK_MS_MAX   50
#define ASK_MS        1000

#define WHY_BYTES 512u

/* Both certificates of a question, DER. */
struct pair {
    unsigned char leaf[STATUS_DER_MAX], issuer[STATUS_DER_MAX];
    struct status_request what;
};

static slice encode(X509 *c, unsigned char to[STATUS_DER_MAX])
{
    unsigned char *at = to;
    int bytes = i2d_X509(c, NULL);
    if (bytes <= 0 || bytes > (int)STATUS_DER_MAX || i2d_X509(c, &at) != bytes)
        return slice_of(NULL, 0);
    return slice_of((const char *)to, (size_t)bytes);
}

/* The issuer is the one that the handshake has believed. 0 · -ENOENT there is none: the certificate
 * itself is what the configuration names · -EMSGSIZE · -ENOMEM */
static int make_pair(struct exchange *x, const struct auth_settings *a, struct pair **ret)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(tls_ssl(&x->connection->socket));
    if (!chain || sk_X509_num(chain) < 2)
        return -ENOENT;
    struct pair *p = arena_take(&x->arena, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->what.leaf = encode(sk_X509_value(chain, 0), p->leaf);
    p->what.issuer = encode(sk_X509_value(chain, 1), p->issuer);
    p->what.responder = a->responder;
    ERR_clear_error();
    *ret = p;
    return p->what.leaf.ptr && p->what.issuer.ptr ? 0 : -EMSGSIZE;
}

/* Puts the question, and wakes who answers it. Another worker may have the same one: the certifier
 * asks once. 0 · -errno of statuses_ask */
static int ask(const struct status_request *what)
{
    TRY(statuses_ask(gate.shared.statuses, gate.shared.slot, what));
    gate.shared.wake_certifier();
    return 0;
}

static bool find(const struct status_key *key, struct status_answer *ret)
{
    return statuses_find(gate.shared.statuses, key, gate_wall_ms() / 1000, ret);
}

/* Asks again now and then: whoever took the question may have died with it.
 * 0 · -ETIMEDOUT nobody has answered · -EMSGSIZE · -ECANCELED */
static int await(const struct status_request *what, const struct status_key *key,
                 struct status_answer *ret)
{
    int64_t deadline_ms = loop_now_ms() + WAIT_MS_MAX, pause_ms = LOOK_MS_FIRST, ask_ms = 0;
    while (!find(key, ret)) {
        if (loop_now_ms() >= ask_ms) {
            int asked = ask(what);
            if (asked == -EMSGSIZE)
                return asked;
            if (asked == 0) /* else there was no box for it */
                ask_ms = loop_now_ms() + ASK_MS;
        }
        if (loop_now_ms() >= deadline_ms)
            return -ETIMEDOUT;
        TRY(fiber_sleep(loop_now_ms() + pause_ms));
        pause_ms = 2 * pause_ms < LOOK_MS_MAX ? 2 * pause_ms : LOOK_MS_MAX;
    }
    return 0;
}

/* An answer that counts and is not fresh is taken; the next one will be. 0 · -ENOENT · -EMSGSIZE
 * · -ETIMEDOUT · -ECANCELED · -ENOMEM */
static int look_up(struct exchange *x, const struct auth_settings *a, struct status_answer *ret)
{
    const X509 *leaf = SSL_get0_peer_certificate(tls_ssl(&x->connection->socket));
    uint8_t hash[SHA256_BYTES];
    struct pair *pair;
    if (!gate.shared.statuses)
        return -ETIMEDOUT;
    TRY(x509_fingerprint(leaf, hash));
    struct status_key key = statuses_key(gate.shared.statuses, hash, a->responder);
    bool is_known = find(&key, ret);
    if (is_known && gate_wall_ms() / 1000 < ret->again_s)
        return 0;
    int result = make_pair(x, a, &pair);
    if (!is_known)
        return result == 0 ? await(&pair->what, &key, ret) : result;
    if (result == 0)
        (void)!ask(&pair->what); /* where there is no room the next request does */
    return 0;
}

static const char *describe(int result, const struct status_answer *answer)
{
    switch (result) {
    case 0:
        return answer->text;
    case -ENOENT:
        return "its issuer is not among the certificates of the handshake";
    case -EMSGSIZE:
        return "the certificate or its issuer's is longer than 8 KiB";
    default:
        return "nobody has answered in time";
    }
}

static int say(struct exchange *x, const char *what, const char *detail, const char **ret_why)
{
    char text[WHY_BYTES], subject[256];
    const X509 *leaf = SSL_get0_peer_certificate(tls_ssl(&x->connection->socket));
    struct writer w = writer_over(text, sizeof text), s = writer_over(subject, sizeof subject);
    x509_write_name(&s, X509_get_subject_name(leaf));
    writer_format(&w, "%s: %.*s, serial ", what, (int)s.len, subject);
    x509_write_serial(&w, leaf);
    writer_format(&w, " (%s)", detail);
    *ret_why = arena_text(&x->arena, writer_slice(&w));
    return *ret_why ? 0 : -ENOMEM;
}

int client_status_find(struct exchange *x, const struct auth_settings *a, enum client_status *ret,
                       const char **ret_why)
{
    struct status_answer answer = { .word = STATUS_UNKNOWN };
    int result = look_up(x, a, &answer);
    if (result == -ECANCELED || result == -ENOMEM)
        return result;
    *ret = result != 0 || answer.word == STATUS_UNKNOWN ? CLIENT_STATUS_UNKNOWN
           : answer.word == STATUS_REVOKED              ? CLIENT_STATUS_REVOKED
                                                        : CLIENT_STATUS_GOOD;
    if (*ret == CLIENT_STATUS_GOOD)
        return 0;
    return say(x,
               *ret == CLIENT_STATUS_REVOKED
                   ? "the issuer has taken the client's certificate back"
                   : "nobody says whether the client's certificate is still good",
               describe(result, &answer), ret_why);
}
