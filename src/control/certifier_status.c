#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "certifier/ocsp.h"
#include "control/certifier_state.h"
#include "net/x509_text.h"
#include "runtime/loop.h"

#define INQUIRIES_MAX 16u  /* responders that are asked at once */
#define RESPONDER_MS  5000 /* clients wait for it */
#define FRESH_S_MAX   3600 /* an answer is asked for anew after that, however long it counts */
#define FAILED_S      10   /* so long nobody asks again */
#define LOG_SPAN_MS   1000 /* what cannot be found out is said once in that time */

/* One certificate that is asked about. */
struct inquiry {
    bool is_open;
    struct status_key key;
    struct status_question question;
};
static struct inquiry inquiries[INQUIRIES_MAX];

/* What is known in the end. */
struct finding {
    enum status_word word;
    int64_t until_s, again_s;
    char text[STATUS_TEXT_MAX];
};

static void free_certificate(X509 **x)
{
    X509_free(*x);
}

static void free_text(char **text)
{
    free(*text);
}

static X509 *parse(const uint8_t *der, uint32_t bytes)
{
    const unsigned char *at = der;
    X509 *c = d2i_X509(NULL, &at, (long)bytes);
    if (c && at == der + bytes)
        return c;
    X509_free(c);
    return NULL;
}

/* --- Asking ----------------------------------------------------------------------------------- */

static void find_nothing(struct finding *f, const char *url, const char *why)
{
    bool has_url = url[0] != '\0';
    f->word = STATUS_UNKNOWN;
    (void)snprintf(f->text, sizeof f->text, "%s%.60s%s%.160s", has_url ? "the responder " : "", url,
                   has_url ? ": " : "", why);
}

static void take_verdict(struct finding *f, const struct ocsp_verdict *v, const char *url)
{
    int64_t now_s = world_wall_s(&certifier.world);
    int64_t again_s = ocsp_refresh_s(v, now_s);
    if (v->status == OCSP_IS_UNKNOWN) {
        find_nothing(f, url, "it does not know the certificate");
        return;
    }
    f->word = v->status == OCSP_IS_GOOD ? STATUS_GOOD : STATUS_REVOKED;
    f->until_s = v->next_update_s;
    f->again_s = again_s < now_s + FRESH_S_MAX ? again_s : now_s + FRESH_S_MAX;
    if (v->status == OCSP_IS_REVOKED)
        (void)snprintf(f->text, sizeof f->text, "%s", v->reason ? v->reason : "no reason is given");
}

static int url_of(const struct status_question *q, X509 *leaf, char url[OCSP_URL_MAX])
{
    if (q->responder_bytes == 0)
        return ocsp_url(leaf, url, OCSP_URL_MAX);
    memcpy(url, q->responder, q->responder_bytes);
    url[q->responder_bytes] = '\0';
    return 0;
}

static int post(X509 *leaf, X509 *issuer, const char *url, struct certifier_reply *ret)
{
    unsigned char *request = NULL;
    size_t bytes;
    TRY(ocsp_request(leaf, issuer, &request, &bytes));
    const struct certifier_call call = { .url = url,
                                         .request = slice_of((const char *)request, bytes),
                                         .span_ms = RESPONDER_MS };
    int result = certifier_ask(&call, ret);
    OPENSSL_free(request);
    return result;
}

/* Asks about a certificate that this issuer has really signed: nobody is asked in the name of one
 * that a worker has merely put together. */
static void ask_about(const struct status_question *q, X509 *leaf, X509 *issuer, struct finding *f)
{
    char url[OCSP_URL_MAX] = "";
    char *bytes __attribute__((cleanup(free_text))) = NULL;
    struct certifier_reply reply = { 0 };
    struct ocsp_verdict verdict;
    const char *why = strerror(ENOMEM);
    int result = url_of(q, leaf, url);
    if (result != 0) {
        find_nothing(f, "",
                     result == -ENOENT ? "the certificate names no responder to ask"
                                       : "the responder that it names is not http://");
        return;
    }
    result = post(leaf, issuer, url, &reply);
    bytes = reply.bytes;
    if (result == 0)
        result = ocsp_judge(slice_of(reply.bytes, reply.count), leaf, issuer,
                            world_wall_s(&certifier.world), &verdict, &why);
    else if (result != -ENOMEM)
        why = reply.why;
    if (result == 0)
        take_verdict(f, &verdict, url);
    else
        find_nothing(f, url, why);
}

/* --- Answering -------------------------------------------------------------------------------- */

static void log_failure(const X509 *leaf, const char *why)
{
    static int64_t said_ms;
    static uint32_t unsaid;
    char memory[256];
    struct writer w = writer_over(memory, sizeof memory);
    if (said_ms && loop_now_ms() - said_ms < LOG_SPAN_MS) {
        unsaid++;
        return;
    }
    if (leaf) {
        x509_write_name(&w, X509_get_subject_name(leaf));
        writer_literal(&w, ", serial ");
        x509_write_serial(&w, leaf);
    }
    log_warn("the status of the client certificate %.*s is not known: %s%s", (int)w.len, w.ptr, why,
             unsaid ? " (and of others before)" : "");
    said_ms = loop_now_ms();
    unsaid = 0;
}

/* An answer that still counts is better than none. */
static void keep_counting(const struct inquiry *i, struct finding *f, int64_t now_s)
{
    struct status_answer old;
    f->until_s = f->again_s = now_s + FAILED_S;
    if (!statuses_find(certifier.memory.statuses, &i->key, now_s, &old) ||
        old.word == STATUS_UNKNOWN)
        return;
    f->word = old.word;
    f->until_s = old.until_s;
    memcpy(f->text, old.text, sizeof f->text);
}

static void answer(const struct inquiry *i, struct finding *f)
{
    int64_t now_s = world_wall_s(&certifier.world);
    if (f->word == STATUS_UNKNOWN)
        keep_counting(i, f, now_s);
    struct status_answer a = {
        .key = i->key, .word = f->word, .until_s = f->until_s, .again_s = f->again_s
    };
    memcpy(a.text, f->text, sizeof a.text);
    statuses_answer(certifier.memory.statuses, &a, now_s);
}

static void inquire(void *argument)
{
    struct inquiry *i = argument;
    struct finding f = { .word = STATUS_UNKNOWN };
    ERR_clear_error();
    OWNS(free_certificate) X509 *leaf = parse(i->question.leaf, i->question.leaf_bytes);
    OWNS(free_certificate) X509 *issuer = parse(i->question.issuer, i->question.issuer_bytes);
    bool is_pair = leaf && issuer && X509_verify(leaf, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    if (is_pair)
        ask_about(&i->question, leaf, issuer, &f);
    else
        find_nothing(&f, "", "what was asked is no certificate with its issuer");
    i->is_open = false;
    if (fiber_is_cancelled()) /* we end: the next certifier is asked again */
        return;
    if (f.word == STATUS_UNKNOWN)
        log_failure(leaf, f.text);
    answer(i, &f);
    certifier_take_questions();
}

/* --- Taking ----------------------------------------------------------------------------------- */

static struct inquiry *free_inquiry(void)
{
    for (uint32_t i = 0; i < INQUIRIES_MAX; i++)
        if (!inquiries[i].is_open)
            return &inquiries[i];
    return NULL;
}

static bool is_under_way(const struct status_key *key)
{
    for (uint32_t i = 0; i < INQUIRIES_MAX; i++)
        if (inquiries[i].is_open && memcmp(&inquiries[i].key, key, sizeof *key) == 0)
            return true;
    return false;
}

/* Another worker has asked the same, and knows by now. */
static bool is_answered(const struct status_key *key)
{
    struct status_answer old;
    int64_t now_s = world_wall_s(&certifier.world);
    return statuses_find(certifier.memory.statuses, key, now_s, &old) && now_s < old.again_s;
}

static bool note_key(struct inquiry *i)
{
    uint8_t hash[SHA256_BYTES];
    const struct status_question *q = &i->question;
    if (EVP_Q_digest(NULL, "SHA256", NULL, q->leaf, q->leaf_bytes, hash, NULL) != 1)
        return false;
    i->key =
        statuses_key(certifier.memory.statuses, hash, slice_of(q->responder, q->responder_bytes));
    return true;
}

void certifier_take_questions(void)
{
    struct inquiry *i;
    while ((i = free_inquiry()) && statuses_take(certifier.memory.statuses, &i->question)) {
        if (!note_key(i) || is_under_way(&i->key) || is_answered(&i->key))
            continue;
        i->is_open = bundle_start(&certifier.fibers, "inquiry", inquire, i) == 0;
        if (!i->is_open)
            log_warn("no memory is left to ask about a client's certificate");
    }
}
