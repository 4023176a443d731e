#include "acme/proof.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "acme/jose.h"
#include "acme/request.h"
#include "base/log.h"

#define POLL_MIN_MS 500
#define POLL_MAX_MS 10000
#define PROOF_KEY   "acme-tls-alpn"
#define HTTP_PREFIX "/.well-known/acme-challenge/"

static const char *const type_names[] = { "", "http-01", "tls-alpn-01", "dns-01" };
static const char *const kind_names[] = { "", "HTTP-01", "TLS-ALPN-01", "DNS-01" };

const char *proof_kind_name(enum acme_challenge kind)
{
    return kind_names[kind];
}

/* --- Choice ------------------------------------------------------------------------------------
 */

struct choice {
    enum acme_challenge kind;
    const char *why;
};

/* What could convince the CA, the best first. */
static uint32_t list_choices(const struct acme_settings *s, bool is_wildcard, struct choice to[5])
{
    uint32_t count = 0;
    if (s->challenge != ACME_CHALLENGE_AUTO) {
        to[count++] = (struct choice){ s->challenge, "`challenge` says so" };
        return count;
    }
    if (is_wildcard) {
        if (s->hook.len)
            to[count++] = (struct choice){ ACME_CHALLENGE_DNS, "the name is a wildcard" };
        return count;
    }
    if (s->reach_http == ACME_REACH_STANDARD)
        to[count++] = (struct choice){ ACME_CHALLENGE_HTTP, "port 80 is listened on" };
    if (s->reach_tls == ACME_REACH_STANDARD)
        to[count++] = (struct choice){ ACME_CHALLENGE_TLS_ALPN, "port 443 is listened on" };
    if (s->hook.len)
        to[count++] = (struct choice){ ACME_CHALLENGE_DNS, "there is a `dns hook`" };
    if (s->reach_http == ACME_REACH_OTHER_PORT)
        to[count++] = (struct choice){ ACME_CHALLENGE_HTTP,
                                       "a plain listener may be what port 80 is forwarded to" };
    if (s->reach_tls == ACME_REACH_OTHER_PORT)
        to[count++] = (struct choice){ ACME_CHALLENGE_TLS_ALPN,
                                       "a TLS listener may be what port 443 is forwarded to" };
    return count;
}

static const json_t *find_challenge(const json_t *authorization, enum acme_challenge kind)
{
    const json_t *list = json_object_get(authorization, "challenges");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        if (type && strcmp(type, type_names[kind]) == 0)
            return one;
    }
    return NULL;
}

static int refuse_choice(struct acme_client *c, const struct proof *p)
{
    if (p->is_wildcard)
        return client_fail(c, "*.%s can only be proved by DNS-01: add `dns hook PROGRAM` to 'acme'",
                           p->domain);
    return client_fail(c,
                       "there is no way to prove %s: listen on port 80 or 443 where the CA can "
                       "reach it, or add `dns hook PROGRAM` to 'acme' (the CA offers none of what "
                       "could work here)",
                       p->domain);
}

static int choose(struct acme_client *c, struct proof *p, const json_t *authorization,
                  uint8_t failed)
{
    struct choice choices[5];
    uint32_t count = list_choices(c->settings, p->is_wildcard, choices);
    const json_t *chosen = NULL;
    for (int round = 0; round < 2 && !chosen; round++) /* the second: those that failed */
        for (uint32_t i = 0; i < count && !chosen; i++) {
            if (round == 0 && (failed & (1u << choices[i].kind)))
                continue;
            chosen = find_challenge(authorization, choices[i].kind);
            p->kind = choices[i].kind;
            p->why = choices[i].why;
        }
    if (!chosen)
        return refuse_choice(c, p);
    const char *token = json_string_value(json_object_get(chosen, "token"));
    size_t length = token ? strlen(token) : 0;
    /* RFC 8555 §8.3: base64url letters only; it becomes part of a path. */
    if (length == 0 || length >= sizeof p->token ||
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != length)
        return client_fail(c, "the CA's challenge for %s has no proper token", p->domain);
    memcpy(p->token, token, length + 1);
    return client_take_url(c, chosen, "url", p->challenge);
}

/* --- Authorisation -----------------------------------------------------------------------------
 */

/* Of an authorisation or a challenge; NULL has none. */
static bool has_status(const json_t *thing, const char *status)
{
    const char *its = json_string_value(json_object_get(thing, "status"));
    return its && strcmp(its, status) == 0;
}

/* The words of the CA about a failed challenge stand inside the authorisation. */
static int refuse_invalid(struct acme_client *c, const struct proof *p, const json_t *authorization)
{
    const json_t *list = json_object_get(authorization, "challenges");
    char what[400];
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *error = json_object_get(json_array_get(list, i), "error");
        if (!json_is_object(error))
            continue;
        (void)snprintf(what, sizeof what, "the proof of %s by %s", p->domain,
                       p->challenge[0] ? proof_kind_name(p->kind) : "an earlier challenge");
        acme_problem_take_json(&c->problem, what, error);
        return -EIO;
    }
    const char *status = json_string_value(json_object_get(authorization, "status"));
    return client_fail(c, "the CA's authorisation of %s is \"%.40s\"", p->domain,
                       status ? status : "without a status");
}

static int take_domain(struct acme_client *c, struct proof *p, const json_t *authorization)
{
    const json_t *identifier = json_object_get(authorization, "identifier");
    const char *domain = json_string_value(json_object_get(identifier, "value"));
    if (!domain || strlen(domain) >= sizeof p->domain || !domain[0])
        return client_fail(c, "the CA's authorisation names no domain");
    memcpy(p->domain, domain, strlen(domain) + 1);
    p->is_wildcard = json_is_true(json_object_get(authorization, "wildcard"));
    return 0;
}

int proof_open(struct acme_client *c, struct proof *p, uint8_t failed)
{
    json_t *authorization;
    TRY(client_post_json(c, "an authorisation", p->authorization, (slice){ 0 }, &authorization));
    int result = take_domain(c, p, authorization);
    if (result == 0 && has_status(authorization, "pending"))
        result = choose(c, p, authorization, failed);
    else if (result == 0 && !has_status(authorization, "valid"))
        result = refuse_invalid(c, p, authorization);
    json_decref(authorization);
    return result;
}

/* --- Offering ----------------------------------------------------------------------------------
 */

static void write_authorization(const struct acme_client *c, const struct proof *p,
                                struct writer *w)
{
    writer_text(w, p->token);
    writer_byte(w, '.');
    writer_text(w, c->thumbprint);
}

/* What the CA will do, from here: a listener that answers something else would cost one of the few
 * attempts that the CA allows. */
static int check_http(struct acme_client *c, const struct proof *p, slice answer)
{
    char url[600];
    struct acme_reply reply = { 0 };
    slice at = c->settings->http_address;
    if (!at.len)
        return 0;
    (void)snprintf(url, sizeof url, "http://%s" HTTP_PREFIX "%s", p->domain, p->token);
    const struct acme_call get = { .url = url, .connect = at };
    int result = c->world->call(c->world->context, &get, &reply);
    slice body = slice_of(reply.body, reply.body_bytes);
    if (result == -EIO || result == -ETIMEDOUT || result == -EMSGSIZE)
        result = client_fail(c,
                             "%s is not answered at %.*s, where it was tried before the CA is "
                             "asked: %s",
                             url, SLICE_ARGUMENTS(at), reply.why);
    else if (result == 0 && (reply.status != 200 || !slice_equal(body, answer)))
        result = client_fail(c,
                             "%s is not answered with the proof at %.*s, where it was tried "
                             "before the CA is asked, but with status %d",
                             url, SLICE_ARGUMENTS(at), reply.status);
    acme_reply_clear(&reply);
    return result;
}

static int offer(struct acme_client *c, struct proof *p, const struct acme_offer *offer)
{
    int result = c->host->offer(c->host->context, offer);
    p->is_offered = result == 0;
    if (result == 0 || result == -ENOMEM || result == -ECANCELED)
        return result;
    return client_fail(c, "the proof of %s cannot be offered to the workers: %s", p->domain,
                       strerror(-result));
}

static int offer_certificate(struct acme_client *c, struct proof *p, slice authorization)
{
    EVP_PKEY *key = NULL;
    unsigned char *der = NULL;
    size_t bytes = 0;
    const char *why = NULL;
    int result = c->host->key(c->host->context, SLICE(PROOF_KEY), ACME_KEY_EC, &key, &why);
    if (result == 0)
        result = request_make_proof(key, slice_from(p->domain), authorization, &der, &bytes);
    struct acme_offer what = { .kind = ACME_CHALLENGE_TLS_ALPN,
                               .domain = slice_from(p->domain),
                               .token = slice_from(p->token),
                               .answer = slice_of((const char *)der, bytes),
                               .key = key };
    if (result == 0)
        result = offer(c, p, &what);
    else if (result != -ECANCELED && result != -ENOMEM)
        result = client_fail(c, "the certificate that proves %s cannot be signed: %s", p->domain,
                             why ? why : strerror(-result));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return result;
}

static int run_hook(struct acme_client *c, struct proof *p, bool is_set)
{
    char why[ACME_WHY_BYTES] = "";
    const struct acme_hook_call call = { .program = c->settings->hook,
                                         .is_set = is_set,
                                         .domain = slice_from(p->domain),
                                         .record = slice_from(p->record),
                                         .value = slice_from(p->value) };
    int result = c->world->hook(c->world->context, &call, why);
    if (result == 0 || result == -ECANCELED || result == -ENOMEM)
        return result;
    return client_fail(c, "the dns hook %.*s could not %s the TXT record %s: %s",
                       SLICE_ARGUMENTS(call.program), is_set ? "set" : "remove", p->record, why);
}

static int offer_record(struct acme_client *c, struct proof *p, slice authorization)
{
    struct writer value = writer_over(p->value, sizeof p->value - 1);
    if (!c->settings->hook.len)
        return client_fail(c, "%s is to be proved by DNS-01: add `dns hook PROGRAM` to 'acme'",
                           p->domain);
    (void)snprintf(p->record, sizeof p->record, "_acme-challenge.%s", p->domain);
    if (jose_digest(authorization, &value) != 0)
        return -ENOMEM;
    p->is_offered = true; /* also half: the hook is called again to remove it */
    return run_hook(c, p, true);
}

int proof_offer(struct acme_client *c, struct proof *p)
{
    char memory[400];
    struct writer w = writer_over(memory, sizeof memory);
    if (!p->challenge[0])
        return 0;
    write_authorization(c, p, &w);
    log_info("acme: %s%s is proved by %s: %s", p->is_wildcard ? "*." : "", p->domain,
             proof_kind_name(p->kind), p->why);
    if (p->kind == ACME_CHALLENGE_DNS)
        return offer_record(c, p, writer_slice(&w));
    if (p->kind == ACME_CHALLENGE_TLS_ALPN)
        return offer_certificate(c, p, writer_slice(&w));
    struct acme_offer what = { .kind = ACME_CHALLENGE_HTTP,
                               .domain = slice_from(p->domain),
                               .token = slice_from(p->token),
                               .answer = writer_slice(&w) };
    TRY(offer(c, p, &what));
    return check_http(c, p, writer_slice(&w));
}

void proof_withdraw(struct acme_client *c, struct proof *p)
{
    if (!p->is_offered)
        return;
    p->is_offered = false;
    if (p->kind != ACME_CHALLENGE_DNS) {
        c->host->withdraw(c->host->context, p->kind, slice_from(p->domain), slice_from(p->token));
        return;
    }
    struct acme_problem before = c->problem; /* why we are here matters more */
    if (run_hook(c, p, false) == -EIO)
        log_warn("acme: %s", c->problem.text);
    c->problem = before;
}

/* --- The verdict -------------------------------------------------------------------------------
 */

static bool is_asked_about(const struct proof *p, const json_t *authorization)
{
    return !has_status(authorization, "pending") ||
           has_status(find_challenge(authorization, p->kind), "processing");
}

/* CAs refuse a challenge that is not pending any more (Pebble: 400, malformed): somebody who died,
 * or whose answer was lost, asked for the same before. The authorisation tells. 0 it is so, the
 * verdict is on its way · what the CA said about the challenge */
static int ask_whether_asked(struct acme_client *c, const struct proof *p)
{
    struct acme_problem refusal = c->problem;
    json_t *authorization;
    int result =
        client_post_json(c, "an authorisation", p->authorization, (slice){ 0 }, &authorization);
    if (result == -ECANCELED || result == -ENOMEM)
        return result;
    bool is_asked = result == 0 && is_asked_about(p, authorization);
    if (result == 0)
        json_decref(authorization);
    if (is_asked)
        return 0;
    c->problem = refusal;
    return -EIO;
}

int proof_request(struct acme_client *c, struct proof *p)
{
    if (!p->challenge[0])
        return 0;
    int result = client_post(c, "validation", p->challenge, SLICE("{}"));
    return result == -EIO && acme_problem_is(&c->problem, "malformed") ? ask_whether_asked(c, p)
                                                                       : result;
}

int proof_await(struct acme_client *c, struct proof *p, int64_t until_ms)
{
    for (int64_t wait_ms = POLL_MIN_MS; p->challenge[0]; wait_ms *= 2) {
        json_t *authorization;
        TRY(client_post_json(c, "an authorisation", p->authorization, (slice){ 0 },
                             &authorization));
        bool is_valid = has_status(authorization, "valid");
        int result = is_valid || has_status(authorization, "pending")
                         ? 0
                         : refuse_invalid(c, p, authorization);
        json_decref(authorization);
        if (is_valid || result != 0)
            return result;
        if (c->reply.retry_after_s > 0)
            wait_ms = c->reply.retry_after_s * 1000;
        if (wait_ms > POLL_MAX_MS)
            wait_ms = POLL_MAX_MS;
        if (c->world->now_ms(c->world->context) + wait_ms > until_ms)
            return client_fail(c, "the CA has not come to a verdict about %s in time", p->domain);
        TRY(c->world->sleep(c->world->context, wait_ms));
    }
    return 0;
}
