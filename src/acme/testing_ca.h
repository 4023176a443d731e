/* For unit tests: a scripted CA, a clock that jumps, and a process that dies at any point. The CA
 * is strict where RFC 8555 is: signatures, nonces, URLs, the order of things. */
#pragma once

#include "base/test.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/engine.h"
#include "acme/jose.h"
#include "acme/proof.h"
#include "acme/request.h"
#include "base/log.h"

#define NOW_MS   1796083200000ll /* 2026-12-01 */
#define HOUR     3600000ll
#define DAY      (24 * HOUR)
#define CA       "https://ca.example"
#define KEYS_MAX 256

/* --- The CA ------------------------------------------------------------------------------------
 */

enum step { /* what is asked for */
            STEP_DIRECTORY,
            STEP_NONCE,
            STEP_ACCOUNT,
            STEP_ORDER,
            STEP_ORDER_STATE,
            STEP_AUTHORIZATION,
            STEP_CHALLENGE,
            STEP_FINALIZE,
            STEP_CERTIFICATE,
            STEP_REVOKE,
            STEP_WINDOW,
            STEP_COUNT
};

enum fault {
    FAULT_NONE,
    FAULT_LOST,    /* it is done, but the answer does not come */
    FAULT_CUT,     /* it is not even heard */
    FAULT_GARBAGE, /* 200 and no JSON */
    FAULT_HUGE,    /* longer than anybody reads */
    FAULT_BUSY,    /* 503 without a word */
    FAULT_LIMITED, /* rateLimited, Retry-After: 7200 */
    FAULT_NONCE,   /* badNonce */
    /* the rest makes sense for a challenge only */
    FAULT_REPEATED, /* malformed: the same was asked for before */
    FAULT_REFUSED,  /* malformed, and nothing was done */
};

struct key {
    char name[256];
    EVP_PKEY *key;
    bool is_forgotten;
};

static struct {
    /* the CA */
    int64_t now_ms; /* true time */
    EVP_PKEY *root_key;
    X509 *root;
    int64_t life_ms;
    char nonce[32];
    uint32_t nonces;
    bool has_account, has_window, is_proved, reuses, wants_binding, has_date;
    char account_thumbprint[64];
    uint32_t accounts_made, orders_made, issued, asked, rejected_nonces;
    char order_status[16];
    char names[8][256];
    uint32_t name_count;
    char certificate[16384];
    char replaces[RENEWAL_ID_MAX];
    char contact[128];
    char window_start[32], window_end[32];
    int64_t window_retry_s;
    bool refuses_proofs; /* the order becomes invalid */
    uint32_t slow_looks; /* so many looks at an authorisation do not see the verdict yet */
    int revoked;
    char revoked_leaf[16384]; /* base64url, as it was asked for */
    uint32_t bad_nonces;      /* that many are refused */
    /* faults: at this step, for that many requests */
    enum step fault_step;
    enum fault fault;
    uint32_t fault_count;
    void (*meanwhile)(void); /* once, while the answer is waited for */
    uint32_t counts[STEP_COUNT], max_waits;
    /* the machine */
    int64_t skew_ms, steady_ms;
    char folder[64];
    struct key keys[KEYS_MAX];
    uint32_t key_count;
    uint32_t offered, hooks_set, hooks_removed;
    char offered_answer[512], hook_value[128];
    bool has_died, dies_after, misanswers;
    uint32_t dies_at, events; /* every call into the world is an event */
    /* installed */
    char installed[16384];
    uint32_t installs;
    X509 *leaf;
    struct acme *acme;
    struct acme_settings settings;
} t;

/* True from the chosen event on: the process is gone, nothing it does has an effect. With
 * `dies_after` the chosen one still has its effect, but nobody hears of it. */
static bool has_died(void)
{
    bool was_dead = t.has_died;
    t.events++;
    if (t.dies_at && t.events >= t.dies_at)
        t.has_died = true;
    return t.dies_after ? was_dead : t.has_died;
}

static int unless_dead(int result)
{
    return t.has_died ? -ECANCELED : result;
}

static const char *member(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static json_t *decode_json(const char *text)
{
    static char memory[65536];
    struct writer w = writer_over(memory, sizeof memory);
    assert_int_equal(jose_base64url_decode(slice_from(text), &w), 0);
    assert_false(w.overflowed);
    return json_loadb(w.ptr, w.len, 0, NULL);
}

static void answer(struct acme_reply *r, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    r->status = status;
    assert_true(vasprintf(&r->body, format, arguments) >= 0);
    va_end(arguments);
    r->body_bytes = strlen(r->body);
    (void)snprintf(r->content_type, sizeof r->content_type, "%s",
                   status >= 400 ? "application/problem+json" : "application/json");
}

static void refuse(struct acme_reply *r, int status, const char *type, const char *detail)
{
    answer(r, status,
           "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"%s\",\"status\":%d}", type,
           detail, status);
}

static void new_nonce(struct acme_reply *r)
{
    (void)snprintf(t.nonce, sizeof t.nonce, "nonce-%u", ++t.nonces);
    (void)snprintf(r->nonce, sizeof r->nonce, "%s", t.nonce);
}

/* The signature is the account's: verified as a server does. */
static void check_signature(const json_t *jws, EVP_PKEY *key)
{
    char input[65536], memory[80];
    struct writer w = writer_over(memory, sizeof memory);
    int length =
        snprintf(input, sizeof input, "%s.%s", member(jws, "protected"), member(jws, "payload"));
    assert_int_equal(jose_base64url_decode(slice_from(member(jws, "signature")), &w), 0);
    assert_int_equal(w.len, 64);
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    unsigned char *der = NULL;
    ECDSA_SIG_set0(numbers, BN_bin2bn((unsigned char *)w.ptr, 32, NULL),
                   BN_bin2bn((unsigned char *)w.ptr + 32, 32, NULL));
    int bytes = i2d_ECDSA_SIG(numbers, &der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL);
    assert_int_equal(
        EVP_DigestVerify(context, der, (size_t)bytes, (unsigned char *)input, (size_t)length), 1);
    EVP_MD_CTX_free(context);
    ECDSA_SIG_free(numbers);
    OPENSSL_free(der);
}

static void tell_order(struct acme_reply *r, int status)
{
    char list[2048] = "";
    struct writer w = writer_over(list, sizeof list - 1);
    for (uint32_t i = 0; i < t.name_count; i++)
        writer_format(&w, "%s\"" CA "/authorization/%u\"", i ? "," : "", i);
    list[w.len] = '\0';
    bool is_invalid = strcmp(t.order_status, "invalid") == 0;
    answer(r, status,
           "{\"status\":\"%s\",\"authorizations\":[%s],\"finalize\":\"" CA "/finalize\"%s%s}",
           t.order_status, list,
           strcmp(t.order_status, "valid") == 0 ? ",\"certificate\":\"" CA "/certificate\"" : "",
           is_invalid ? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:unauthorized\","
                        "\"detail\":\"it was not there\"}"
                      : "");
    (void)snprintf(r->location, sizeof r->location, CA "/order");
}

static void serve_account(struct acme_reply *r, const json_t *payload, const char *thumbprint)
{
    if (!json_is_true(json_object_get(payload, "termsOfServiceAgreed"))) {
        refuse(r, 403, "userActionRequired", "agree first");
        return;
    }
    if (t.wants_binding && !json_is_object(json_object_get(payload, "externalAccountBinding"))) {
        refuse(r, 403, "externalAccountRequired", "who are you");
        return;
    }
    bool is_known = t.has_account && strcmp(t.account_thumbprint, thumbprint) == 0;
    t.accounts_made += !is_known;
    t.has_account = true;
    (void)snprintf(t.account_thumbprint, sizeof t.account_thumbprint, "%s", thumbprint);
    (void)snprintf(t.contact, sizeof t.contact, "%s",
                   json_array_size(json_object_get(payload, "contact"))
                       ? json_string_value(json_array_get(json_object_get(payload, "contact"), 0))
                       : "");
    answer(r, is_known ? 200 : 201, "{\"status\":\"valid\"}");
    (void)snprintf(r->location, sizeof r->location, CA "/account/1");
}

static void serve_order(struct acme_reply *r, const json_t *payload)
{
    const json_t *list = json_object_get(payload, "identifiers");
    t.name_count = (uint32_t)json_array_size(list);
    assert_in_range(t.name_count, 1, 8);
    for (uint32_t i = 0; i < t.name_count; i++)
        (void)snprintf(t.names[i], sizeof t.names[i], "%s",
                       member(json_array_get(list, i), "value"));
    (void)snprintf(t.replaces, sizeof t.replaces, "%s", member(payload, "replaces"));
    (void)snprintf(t.order_status, sizeof t.order_status, "%s",
                   t.reuses && t.is_proved ? "ready" : "pending");
    if (!t.reuses)
        t.is_proved = false;
    t.orders_made++;
    tell_order(r, 201);
}

static void serve_authorization(struct acme_reply *r, const char *url)
{
    uint32_t i = (uint32_t)strtoul(strrchr(url, '/') + 1, NULL, 10);
    assert_true(i < t.name_count);
    bool is_wildcard = strncmp(t.names[i], "*.", 2) == 0;
    bool is_invalid = strcmp(t.order_status, "invalid") == 0;
    bool is_slow = t.is_proved && t.slow_looks > 0;
    t.slow_looks -= is_slow;
    answer(r, 200,
           "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},\"wildcard\":%s,"
           "\"challenges\":[{\"type\":\"http-01\",\"status\":\"%s\",\"url\":\"" CA
           "/challenge\",\"token\":\"token-%u\"%s},"
           "{\"type\":\"tls-alpn-01\",\"url\":\"" CA "/challenge\",\"token\":\"token-%u\"},"
           "{\"type\":\"dns-01\",\"url\":\"" CA "/challenge\",\"token\":\"token-%u\"}]}",
           is_invalid                ? "invalid"
           : t.is_proved && !is_slow ? "valid"
                                     : "pending",
           is_wildcard ? t.names[i] + 2 : t.names[i], is_wildcard ? "true" : "false",
           is_slow ? "processing" : "pending", i,
           is_invalid
               ? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":"
                 "\"it was not there\"}"
               : "",
           i, i);
}

static void serve_challenge(struct acme_reply *r)
{
    assert_true(t.offered > 0 || t.hooks_set > 0); /* before the CA is told to look */
    if (t.refuses_proofs) {
        (void)snprintf(t.order_status, sizeof t.order_status, "invalid");
    } else {
        t.is_proved = true;
        (void)snprintf(t.order_status, sizeof t.order_status, "ready");
    }
    answer(r, 200, "{\"status\":\"processing\"}");
}

static void sign_with_root(X509 *c)
{
    assert_true(X509_sign(c, t.root_key, EVP_sha256()) > 0);
}

static void add_authority(X509 *c)
{
    static const unsigned char identifier[] = "the root of the test";
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    id->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(id->keyid, identifier, sizeof identifier);
    assert_int_equal(X509_add1_ext_i2d(c, NID_authority_key_identifier, id, 0, 0), 1);
    AUTHORITY_KEYID_free(id);
}

/* A certificate for what the request wants. */
static void issue(X509_REQ *request)
{
    X509 *c = X509_new();
    EVP_PKEY *key = X509_REQ_get_pubkey(request);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    X509_set_version(c, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), 1000 + ++t.issued);
    ASN1_TIME_set(X509_getm_notBefore(c), t.now_ms / 1000);
    ASN1_TIME_set(X509_getm_notAfter(c), (t.now_ms + t.life_ms) / 1000);
    X509_set_issuer_name(c, X509_get_subject_name(t.root));
    X509_set_pubkey(c, key);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        X509_add_ext(c, sk_X509_EXTENSION_value(extensions, i), -1);
    add_authority(c);
    sign_with_root(c);
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, c);
    PEM_write_bio_X509(memory, t.root);
    char *pem;
    long bytes = BIO_get_mem_data(memory, &pem);
    assert_true((size_t)bytes < sizeof t.certificate);
    memcpy(t.certificate, pem, (size_t)bytes);
    t.certificate[bytes] = '\0';
    BIO_free(memory);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    EVP_PKEY_free(key);
    X509_free(c);
}

static void serve_finalize(struct acme_reply *r, const json_t *payload)
{
    static char memory[65536];
    struct writer w = writer_over(memory, sizeof memory);
    if (strcmp(t.order_status, "ready") != 0) {
        refuse(r, 403, "orderNotReady", "the order is not ready");
        return;
    }
    assert_int_equal(jose_base64url_decode(slice_from(member(payload, "csr")), &w), 0);
    const unsigned char *at = (const unsigned char *)w.ptr;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)w.len);
    assert_non_null(request);
    EVP_PKEY *key = X509_REQ_get_pubkey(request);
    assert_int_equal(X509_REQ_verify(request, key), 1);
    EVP_PKEY_free(key);
    issue(request);
    X509_REQ_free(request);
    (void)snprintf(t.order_status, sizeof t.order_status, "valid");
    tell_order(r, 200);
}

static enum step step_of(const char *url, bool is_head)
{
    static const struct {
        const char *path;
        enum step step;
    } paths[] = { { "/directory", STEP_DIRECTORY },
                  { "/nonce", STEP_NONCE },
                  { "/new-account", STEP_ACCOUNT },
                  { "/account/", STEP_ACCOUNT },
                  { "/new-order", STEP_ORDER },
                  { "/order", STEP_ORDER_STATE },
                  { "/authorization/", STEP_AUTHORIZATION },
                  { "/challenge", STEP_CHALLENGE },
                  { "/finalize", STEP_FINALIZE },
                  { "/certificate", STEP_CERTIFICATE },
                  { "/revoke", STEP_REVOKE },
                  { "/window", STEP_WINDOW } };
    assert_true(strncmp(url, CA, strlen(CA)) == 0);
    const char *path = url + strlen(CA);
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        if (strncmp(path, paths[i].path, strlen(paths[i].path)) == 0)
            return paths[i].step;
    fail_msg("nobody is at %s", url);
    return STEP_COUNT;
}

static void serve_plain(enum step step, struct acme_reply *r)
{
    if (step == STEP_DIRECTORY)
        answer(r, 200,
               "{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA "/new-account\",\"newOrder\":"
               "\"" CA "/new-order\",\"revokeCert\":\"" CA "/revoke\"%s,\"meta\":{"
               "\"externalAccountRequired\":%s,\"profiles\":{\"short\":\"six days\"}}}",
               t.has_window ? ",\"renewalInfo\":\"" CA "/window\"" : "",
               t.wants_binding ? "true" : "false");
    else if (step == STEP_NONCE)
        answer(r, 200, "");
    else if (step == STEP_WINDOW)
        answer(r, 200, "{\"suggestedWindow\":{\"start\":\"%s\",\"end\":\"%s\"}}", t.window_start,
               t.window_end);
    else
        refuse(r, 405, "malformed", "only signed");
    if (step == STEP_WINDOW)
        r->retry_after_s = t.window_retry_s;
}

static EVP_PKEY *find_key(const char *name)
{
    for (uint32_t i = 0; i < t.key_count; i++)
        if (strstr(t.keys[i].name, name) && !t.keys[i].is_forgotten)
            return t.keys[i].key;
    return NULL;
}

/* False: it was refused. */
static bool check_head(const json_t *head, const char *url, struct acme_reply *r)
{
    assert_string_equal(member(head, "url"), url);
    assert_string_equal(member(head, "alg"), "ES256");
    bool is_good = t.nonce[0] && strcmp(member(head, "nonce"), t.nonce) == 0 && t.bad_nonces == 0;
    t.bad_nonces -= t.bad_nonces > 0;
    t.nonce[0] = '\0';
    t.rejected_nonces += !is_good;
    if (!is_good)
        refuse(r, 400, "badNonce", "that one is used");
    return is_good;
}

static void serve_signed(enum step step, const struct acme_call *call, struct acme_reply *r)
{
    char thumbprint[64] = "";
    struct writer w = writer_over(thumbprint, sizeof thumbprint - 1);
    json_t *jws = json_loadb(call->body.ptr, call->body.len, 0, NULL);
    json_t *head = decode_json(member(jws, "protected"));
    json_t *payload = member(jws, "payload")[0] ? decode_json(member(jws, "payload")) : NULL;
    EVP_PKEY *account = find_key("acme-account-");
    check_signature(jws, account);
    assert_int_equal(jose_thumbprint(account, &w), 0);
    bool is_new = strstr(call->url, "/new-account") != NULL;
    assert_int_equal(json_is_object(json_object_get(head, "jwk")), is_new);
    if (!check_head(head, call->url, r)) {
        ;
    } else if (!is_new && (!t.has_account || strcmp(t.account_thumbprint, thumbprint) != 0)) {
        refuse(r, 400, "accountDoesNotExist", "nobody knows you");
    } else if (step == STEP_ACCOUNT && is_new) {
        serve_account(r, payload, thumbprint);
    } else if (step == STEP_ACCOUNT) {
        (void)snprintf(t.contact, sizeof t.contact, "%s",
                       json_string_value(json_array_get(json_object_get(payload, "contact"), 0)));
        answer(r, 200, "{}");
    } else if (step == STEP_ORDER) {
        serve_order(r, payload);
    } else if (step == STEP_ORDER_STATE) {
        tell_order(r, 200);
    } else if (step == STEP_AUTHORIZATION) {
        serve_authorization(r, call->url);
    } else if (step == STEP_CHALLENGE) {
        serve_challenge(r);
    } else if (step == STEP_FINALIZE) {
        serve_finalize(r, payload);
    } else if (step == STEP_CERTIFICATE) {
        answer(r, 200, "%s", t.certificate);
    } else {
        t.revoked = (int)json_integer_value(json_object_get(payload, "reason"));
        (void)snprintf(t.revoked_leaf, sizeof t.revoked_leaf, "%s", member(payload, "certificate"));
        answer(r, 200, "");
    }
    json_decref(jws);
    json_decref(head);
    json_decref(payload);
}

static int not_heard(struct acme_reply *r, const char *why)
{
    acme_reply_clear(r);
    (void)snprintf(r->why, sizeof r->why, "%s", why);
    return -EIO;
}

static int serve(const struct acme_call *call, struct acme_reply *r, enum fault fault)
{
    enum step step = step_of(call->url, call->is_head);
    if (fault == FAULT_NONCE)
        t.bad_nonces = 1;
    if (fault == FAULT_BUSY || fault == FAULT_LIMITED) {
        if (fault == FAULT_BUSY)
            answer(r, 503, "");
        else
            refuse(r, 429, "rateLimited", "too many certificates already issued");
        r->retry_after_s = fault == FAULT_LIMITED ? 7200 : -1;
    } else if (fault == FAULT_REFUSED) {
        refuse(r, 400, "malformed", "it is not understood");
    } else if (call->body.ptr) {
        serve_signed(step, call, r);
    } else {
        serve_plain(step, r);
    }
    if (fault == FAULT_REPEATED) {
        free(r->body);
        refuse(r, 400, "malformed", "the challenge is not pending");
    }
    if (fault == FAULT_GARBAGE) {
        free(r->body);
        r->body = strdup("<html>");
        r->body_bytes = 6;
        r->status = 200;
    }
    new_nonce(r);
    r->date_ms = t.has_date ? t.now_ms : 0;
    return fault == FAULT_LOST ? not_heard(r, "the connection was reset") : 0;
}

static int world_call(void *context, const struct acme_call *call, struct acme_reply *r)
{
    acme_reply_clear(r);
    if (has_died())
        return -ECANCELED;
    if (call->connect.len) { /* the look at ourselves */
        answer(r, t.misanswers ? 404 : 200, "%s", t.misanswers ? "nobody" : t.offered_answer);
        return unless_dead(0);
    }
    enum step step = step_of(call->url, call->is_head);
    t.counts[step]++;
    t.asked++;
    if (t.meanwhile) {
        void (*meanwhile)(void) = t.meanwhile;
        t.meanwhile = NULL;
        meanwhile();
    }
    enum fault fault = FAULT_NONE;
    if (t.fault_count && step == t.fault_step) {
        t.fault_count--;
        fault = t.fault;
    }
    if (fault == FAULT_CUT)
        return not_heard(r, "cannot connect");
    int result = serve(call, r, fault);
    if (fault == FAULT_HUGE)
        return not_heard(r, "the answer is too long");
    return unless_dead(result);
}

/* --- The machine -------------------------------------------------------------------------------
 */

static int64_t world_wall_ms(void *context)
{
    return t.now_ms + t.skew_ms;
}

static int64_t world_now_ms(void *context)
{
    return t.steady_ms;
}

static void pass(int64_t ms)
{
    t.now_ms += ms;
    t.steady_ms += ms;
}

static int world_sleep(void *context, int64_t ms)
{
    if (has_died())
        return -ECANCELED;
    assert_in_range(ms, 1, 60000);
    pass(ms);
    return unless_dead(0);
}

static int world_hook(void *context, const struct acme_hook_call *call, char why[ACME_WHY_BYTES])
{
    if (has_died())
        return -ECANCELED;
    t.hooks_set += call->is_set;
    t.hooks_removed += !call->is_set;
    (void)snprintf(t.hook_value, sizeof t.hook_value, "%.*s", SLICE_ARGUMENTS(call->value));
    assert_true(slice_starts_with(call->record, SLICE("_acme-challenge.")));
    return 0;
}

static const struct acme_world world = { .wall_ms = world_wall_ms,
                                         .now_ms = world_now_ms,
                                         .sleep = world_sleep,
                                         .call = world_call,
                                         .hook = world_hook };

static int host_key(void *context, slice name, enum acme_key_kind kind, EVP_PKEY **ret,
                    const char **ret_why)
{
    if (has_died())
        return -ECANCELED;
    struct key *key = NULL;
    for (uint32_t i = 0; i < t.key_count && !key; i++)
        if (slice_equal(slice_from(t.keys[i].name), name))
            key = &t.keys[i];
    if (!key) {
        assert_true(t.key_count < KEYS_MAX && name.len < sizeof key->name);
        key = &t.keys[t.key_count++];
        (void)snprintf(key->name, sizeof key->name, "%.*s", SLICE_ARGUMENTS(name));
        key->key = kind == ACME_KEY_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                        : EVP_EC_gen("P-256");
    }
    assert_false(key->is_forgotten);
    if (t.has_died)
        return -ECANCELED;
    EVP_PKEY_up_ref(key->key);
    *ret = key->key;
    return 0;
}

static void host_forget(void *context, slice name)
{
    if (has_died())
        return;
    for (uint32_t i = 0; i < t.key_count; i++)
        if (slice_equal(slice_from(t.keys[i].name), name))
            t.keys[i].is_forgotten = true;
}

static int host_install(void *context, const struct acme_certificate *c)
{
    if (has_died())
        return -ECANCELED;
    assert_true(c->chain_pem.len < sizeof t.installed);
    memcpy(t.installed, c->chain_pem.ptr, c->chain_pem.len);
    t.installed[c->chain_pem.len] = '\0';
    t.installs++;
    X509_free(t.leaf);
    t.leaf = request_read_leaf(c->chain_pem);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(t.leaf), c->key), 1);
    return unless_dead(0);
}

static int host_offer(void *context, const struct acme_offer *o)
{
    if (has_died())
        return -ECANCELED;
    t.offered++;
    t.offered_answer[0] = '\0';
    if (o->kind == ACME_CHALLENGE_HTTP)
        (void)snprintf(t.offered_answer, sizeof t.offered_answer, "%.*s",
                       SLICE_ARGUMENTS(o->answer));
    return unless_dead(0);
}

static void host_withdraw(void *context, enum acme_challenge kind, slice domain, slice token)
{
    if (has_died())
        return;
    assert_true(t.offered > 0);
    t.offered--;
}

static const struct acme_host host = { .key = host_key,
                                       .forget_key = host_forget,
                                       .install = host_install,
                                       .offer = host_offer,
                                       .withdraw = host_withdraw };

/* --- One life ----------------------------------------------------------------------------------
 */

static void make_root(void)
{
    t.root_key = EVP_EC_gen("P-256");
    t.root = X509_new();
    X509_set_version(t.root, 2);
    X509_NAME_add_entry_by_NID(X509_get_subject_name(t.root), NID_commonName, MBSTRING_ASC,
                               (const unsigned char *)"Test Root", -1, -1, 0);
    X509_set_issuer_name(t.root, X509_get_subject_name(t.root));
    X509_set_pubkey(t.root, t.root_key);
    ASN1_TIME_set(X509_getm_notBefore(t.root), 0);
    ASN1_TIME_set(X509_getm_notAfter(t.root), 4000000000);
    sign_with_root(t.root);
}

static int begin(void **state)
{
    memset(&t, 0, sizeof t);
    log_open("acme test", LOG_LEVEL_ERROR);
    t.now_ms = NOW_MS;
    t.steady_ms = 1000;
    t.life_ms = 90 * DAY;
    t.has_date = true;
    (void)snprintf(t.folder, sizeof t.folder, "/tmp/acme-test-XXXXXX");
    assert_non_null(mkdtemp(t.folder));
    make_root();
    t.settings = (struct acme_settings){ .is_on = true,
                                         .directory = SLICE(CA "/directory"),
                                         .reach_http = ACME_REACH_STANDARD,
                                         .http_address = SLICE("127.0.0.1:80") };
    return 0;
}

static void each_file(void (*use)(const char *path))
{
    DIR *d = opendir(t.folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", t.folder, e->d_name);
        if (e->d_name[0] != '.')
            use(path);
    }
    if (d)
        closedir(d);
}

static void remove_file(const char *path)
{
    (void)unlink(path);
}

static int end(void **state)
{
    acme_close(&t.acme);
    each_file(remove_file);
    rmdir(t.folder);
    for (uint32_t i = 0; i < t.key_count; i++)
        EVP_PKEY_free(t.keys[i].key);
    EVP_PKEY_free(t.root_key);
    X509_free(t.root);
    X509_free(t.leaf);
    return 0;
}

static const slice one_name = { .ptr = "app.example.com", .len = 15 };

static void want(const slice *names, uint32_t count)
{
    struct acme_wish wish = {
        .name = names[0], .names = names, .name_count = count, .leaf = t.leaf
    };
    assert_int_equal(acme_want(t.acme, &wish, 1), 0);
}

static void start_life(void)
{
    assert_int_equal(engine_open(&host, t.folder, &world, &t.acme), 0);
    assert_int_equal(acme_configure(t.acme, &t.settings), 0);
}

static struct item *only(void)
{
    assert_int_equal(t.acme->item_count, 1);
    return t.acme->items[0];
}

/* What acme_run does for one, without a loop: comes to when it is due and runs it. */
static void step(void)
{
    engine_note_clock(t.acme);
    attempt_run(only());
    if (t.leaf && !t.has_died)
        want(&one_name, 1);
}

static void begin_one(void)
{
    start_life();
    want(&one_name, 1);
}

static struct acme_report tell(void)
{
    struct acme_report r;
    assert_int_equal(acme_tell(t.acme, one_name, &r), 0);
    return r;
}
