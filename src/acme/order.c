#include "acme/order.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/jose.h"
#include "acme/request.h"
#include "base/log.h"
#include "base/random.h"

#define PROOFS_MS     (5 * 60 * 1000ll) /* until the CA has come to a verdict about all names */
#define ISSUE_MS      (5 * 60 * 1000ll) /* from finalisation to the certificate */
#define POLL_MIN_MS   500
#define POLL_MAX_MS   10000
#define PAYLOAD_BYTES 65536u

static int keep(struct order *o)
{
    int result = record_write(o->store, o->record);
    if (result == 0 || result == -ENOMEM)
        return result;
    return client_fail(&o->client, "cannot keep the record of the order: %s", strerror(-result));
}

/* --- The order ---------------------------------------------------------------------------------
 */

static int take_authorizations(struct order *o, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "authorizations");
    size_t count = json_array_size(list);
    if (count == 0 || count > ACME_NAMES_MAX)
        return client_fail(&o->client, "the CA's order has %zu authorisations", count);
    free(o->proofs);
    o->proof_count = 0;
    o->proofs = calloc(count, sizeof *o->proofs);
    if (!o->proofs)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *url = json_string_value(json_array_get(list, i));
        if (!url || strncmp(url, "https://", 8) != 0 || strlen(url) >= ACME_URL_MAX)
            return client_fail(&o->client, "an authorisation of the CA's order is no https URL");
        memcpy(o->proofs[o->proof_count++].authorization, url, strlen(url) + 1);
    }
    return 0;
}

static int take_order(struct order *o, const json_t *answer)
{
    const char *status = json_string_value(json_object_get(answer, "status"));
    if (!status || strlen(status) >= sizeof o->status)
        return client_fail(&o->client, "the CA's order has no status");
    memcpy(o->status, status, strlen(status) + 1);
    if (strcmp(status, "invalid") == 0) {
        o->is_over = true;
        if (!json_is_object(json_object_get(answer, "error")))
            return client_fail(&o->client, "the CA's order is invalid, and does not say why");
        acme_problem_take_json(&o->client.problem, "the order", json_object_get(answer, "error"));
        return -EIO;
    }
    TRY(client_take_url(&o->client, answer, "finalize", o->finalize));
    if (strcmp(status, "valid") == 0)
        return client_take_url(&o->client, answer, "certificate", o->certificate);
    return 0;
}

static bool is_status(const struct order *o, const char *status)
{
    return strcmp(o->status, status) == 0;
}

static int fetch_order(struct order *o)
{
    json_t *answer;
    TRY(client_post_json(&o->client, "the order", o->record->order, (slice){ 0 }, &answer));
    int result = take_order(o, answer);
    if (result == 0 && is_status(o, "pending"))
        result = take_authorizations(o, answer);
    json_decref(answer);
    return result;
}

/* What is known of an order is of no use any more. */
static int give_up(struct order *o)
{
    struct record *r = o->record;
    if (r->key_name[0])
        o->host->forget_key(o->host->context, slice_from(r->key_name));
    record_end_order(r);
    return keep(o);
}

/* An order that was begun before this attempt. 0 it goes on, or there is none any more */
static int resume(struct order *o)
{
    struct record *r = o->record;
    int result = fetch_order(o);
    int status = o->client.problem.status;
    bool is_unknown = result == -EIO && (status == 404 || status == 403 || status == 410);
    if (result != -EIO || !(o->is_over || is_unknown))
        return result;
    log_info("acme: the order for %s is given up: %s", r->name, o->client.problem.text);
    o->is_over = false;
    return give_up(o);
}

static void write_payload(const struct order *o, struct writer *w, bool replaces)
{
    writer_literal(w, "{\"identifiers\":[");
    for (uint32_t i = 0; i < o->name_count; i++) {
        writer_format(w, "%s{\"type\":\"dns\",\"value\":\"", i ? "," : "");
        writer_json(w, o->names[i]);
        writer_literal(w, "\"}");
    }
    writer_byte(w, ']');
    if (o->settings->profile.len) {
        writer_literal(w, ",\"profile\":\"");
        writer_json(w, o->settings->profile);
        writer_byte(w, '"');
    }
    if (replaces)
        writer_format(w, ",\"replaces\":\"%s\"", o->replaces);
    writer_byte(w, '}');
}

static int post_order(struct order *o, bool replaces, json_t **ret)
{
    char *memory = malloc(PAYLOAD_BYTES);
    struct writer w = writer_over(memory, memory ? PAYLOAD_BYTES : 0);
    write_payload(o, &w, replaces);
    int result = !memory        ? -ENOMEM
                 : w.overflowed ? client_fail(&o->client, "the names are too long for an order")
                                : client_post_json(&o->client, "the order", o->client.new_order,
                                                   writer_slice(&w), ret);
    free(memory);
    return result;
}

static int digest_names(const struct order *o, char to[64])
{
    char memory[64];
    struct writer digest = writer_over(memory, sizeof memory);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    bool is_good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (uint32_t i = 0; is_good && i < o->name_count; i++)
        is_good = EVP_DigestUpdate(context, o->names[i].ptr, o->names[i].len) == 1 &&
                  EVP_DigestUpdate(context, " ", 1) == 1;
    is_good = is_good && EVP_DigestFinal_ex(context, bytes, &length) == 1;
    EVP_MD_CTX_free(context);
    if (!is_good)
        return -ENOMEM;
    jose_base64url(&digest, slice_of((const char *)bytes, length));
    memcpy(to, digest.ptr, digest.len);
    to[digest.len] = '\0';
    return 0;
}

/* A key of its own for every certificate; its name is known before it is made, so that none is left
 * behind unknown. */
static int begin_order(struct order *o)
{
    struct record *r = o->record;
    bool is_plain = r->name[0] != '*';
    memcpy(r->directory, o->client.directory_url, sizeof r->directory);
    TRY(digest_names(o, r->names));
    (void)snprintf(r->key_name, sizeof r->key_name, "acme-%.190s-%016llx",
                   is_plain ? r->name : r->name + 2, (unsigned long long)random_number());
    return keep(o);
}

static int place_order(struct order *o)
{
    json_t *answer = NULL;
    struct acme_client *c = &o->client;
    if (o->settings->profile.len && !c->has_profile)
        return client_fail(c, "the CA has no profile \"%.*s\"%s",
                           SLICE_ARGUMENTS(o->settings->profile),
                           c->has_profiles ? "" : "; it has none at all");
    TRY(begin_order(o));
    bool replaces = o->replaces[0] && c->renewal_info[0];
    int result = post_order(o, replaces, &answer);
    /* RFC 9773 §5: an order that names a certificate may be refused for that alone. */
    if (result == -EIO && replaces &&
        (c->problem.status == 409 || c->problem.status == 404 ||
         acme_problem_is(&c->problem, "alreadyReplaced")))
        result = post_order(o, false, &answer);
    if (result == 0 && strncmp(c->reply.location, "https://", 8) != 0)
        result = client_fail(c, "the CA took the order but did not say where it is (no Location)");
    if (result == 0) {
        memcpy(o->record->order, c->reply.location, sizeof c->reply.location);
        result = keep(o);
    }
    if (result == 0)
        result = take_order(o, answer);
    if (result == 0)
        result = take_authorizations(o, answer);
    json_decref(answer);
    return result;
}

/* --- The steps ---------------------------------------------------------------------------------
 */

static int find_order(struct order *o)
{
    struct record *r = o->record;
    char names[64];
    TRY(digest_names(o, names));
    bool fits = r->order[0] && strcmp(r->directory, o->client.directory_url) == 0 &&
                strcmp(r->names, names) == 0;
    if (fits)
        TRY(resume(o));
    else if (r->key_name[0])
        TRY(give_up(o));
    return r->order[0] ? 0 : place_order(o);
}

/* All names are offered before the first is asked about: the CA may look at them side by side. */
static int prove(struct order *o)
{
    if (!is_status(o, "pending"))
        return 0;
    int64_t until_ms = o->world->now_ms(o->world->context) + PROOFS_MS;
    for (uint32_t i = 0; i < o->proof_count; i++)
        TRY(proof_open(&o->client, &o->proofs[i], o->record->failed_challenges));
    for (uint32_t i = 0; i < o->proof_count; i++)
        TRY(proof_offer(&o->client, &o->proofs[i]));
    for (uint32_t i = 0; i < o->proof_count; i++)
        TRY(proof_request(&o->client, &o->proofs[i]));
    for (uint32_t i = 0; i < o->proof_count; i++) {
        int result = proof_await(&o->client, &o->proofs[i], until_ms);
        if (result == -EIO && o->client.problem.type[0])
            o->record->failed_challenges |= (uint8_t)(1u << o->proofs[i].kind);
        TRY(result);
    }
    return 0;
}

static void withdraw(struct order *o)
{
    for (uint32_t i = 0; i < o->proof_count; i++)
        proof_withdraw(&o->client, &o->proofs[i]);
}

static int open_key(struct order *o)
{
    const char *why = NULL;
    int result = o->host->key(o->host->context, slice_from(o->record->key_name),
                              (enum acme_key_kind)o->settings->key, &o->key, &why);
    if (result == 0 || result == -ECANCELED || result == -ENOMEM)
        return result;
    return client_fail(&o->client, "there is no key for the certificate: %s",
                       why ? why : strerror(-result));
}

static int post_request(struct order *o)
{
    unsigned char *der = NULL;
    size_t bytes;
    json_t *answer = NULL;
    char *memory = malloc(PAYLOAD_BYTES);
    struct writer w = writer_over(memory, memory ? PAYLOAD_BYTES : 0);
    int result = memory ? request_make(o->key, o->names, o->name_count, o->settings->must_staple,
                                       &der, &bytes)
                        : -ENOMEM;
    if (result == -EIO)
        result = client_fail(&o->client, "the certificate's key does not sign the request");
    if (result == 0) {
        writer_literal(&w, "{\"csr\":\"");
        jose_base64url(&w, slice_of((const char *)der, bytes));
        writer_literal(&w, "\"}");
        result = w.overflowed ? client_fail(&o->client, "the request is too long")
                              : client_post_json(&o->client, "the certificate", o->finalize,
                                                 writer_slice(&w), &answer);
    }
    if (result == 0)
        result = take_order(o, answer);
    json_decref(answer);
    OPENSSL_free(der);
    free(memory);
    return result;
}

/* Waits until the order is in none of the states. */
static int await_order(struct order *o, const char *state, const char *other)
{
    int64_t until_ms = o->world->now_ms(o->world->context) + ISSUE_MS;
    for (int64_t wait_ms = POLL_MIN_MS; is_status(o, state) || is_status(o, other); wait_ms *= 2) {
        if (o->client.reply.retry_after_s > 0)
            wait_ms = o->client.reply.retry_after_s * 1000;
        if (wait_ms > POLL_MAX_MS)
            wait_ms = POLL_MAX_MS;
        if (o->world->now_ms(o->world->context) + wait_ms > until_ms)
            return client_fail(&o->client, "the order is still \"%s\" at the CA", o->status);
        TRY(o->world->sleep(o->world->context, wait_ms));
        TRY(fetch_order(o));
    }
    return 0;
}

static int finalize(struct order *o)
{
    if (is_status(o, "pending")) { /* the verdict about the last name may still be on its way */
        TRY(fetch_order(o));
        TRY(await_order(o, "pending", "pending"));
    }
    if (o->is_rehearsal)
        return 0;
    TRY(open_key(o));
    if (is_status(o, "ready"))
        TRY(post_request(o));
    TRY(await_order(o, "processing", "ready"));
    return is_status(o, "valid")
               ? 0
               : client_fail(&o->client, "the CA's order is \"%s\" instead of valid", o->status);
}

/* RFC 8555 §7.4.2: other chains for the same certificate. The first whose top is wanted. */
static int choose_chain(struct order *o)
{
    struct acme_reply first = o->client.reply;
    slice wanted = o->settings->issuer;
    if (!wanted.len || request_chain_has_issuer(slice_of(first.body, first.body_bytes), wanted))
        return 0;
    o->client.reply.body = NULL;
    for (uint32_t i = 0; i < first.alternate_count; i++) {
        int result = client_post(&o->client, "another chain", first.alternates[i], (slice){ 0 });
        slice chain = slice_of(o->client.reply.body, o->client.reply.body_bytes);
        if (result == -ECANCELED || result == -ENOMEM) {
            acme_reply_clear(&first);
            return result;
        }
        if (result == 0 && request_chain_has_issuer(chain, wanted)) {
            acme_reply_clear(&first);
            return 0;
        }
    }
    log_warn("acme: no chain of %s is from \"%.*s\": the CA's default is taken", o->record->name,
             SLICE_ARGUMENTS(wanted));
    acme_reply_clear(&o->client.reply);
    o->client.reply = first;
    return 0;
}

static int install(struct order *o)
{
    const char *why = NULL;
    TRY(client_post(&o->client, "the certificate", o->certificate, (slice){ 0 }));
    TRY(choose_chain(o));
    struct acme_certificate c = { .name = slice_from(o->record->name),
                                  .chain_pem =
                                      slice_of(o->client.reply.body, o->client.reply.body_bytes),
                                  .key_name = slice_from(o->record->key_name),
                                  .directory = slice_from(o->record->directory),
                                  .key = o->key };
    if (request_judge_chain(c.chain_pem, o->key, o->names, o->name_count, &why) != 0) {
        o->is_over = true;
        return client_fail(&o->client, "what the CA sent as the certificate is not taken: %s", why);
    }
    int result = o->host->install(o->host->context, &c);
    if (result != 0 && result != -ECANCELED && result != -ENOMEM)
        return client_fail(&o->client, "the certificate has come but cannot be stored: %s",
                           strerror(-result));
    return result;
}

/* The steps. 0: also when it is not due after all. */
static int run(struct order *o)
{
    TRY(client_open(&o->client, o->directory));
    if (!o->is_due(o->context, o->client.date_ms))
        return 0;
    TRY(client_account(&o->client));
    TRY(find_order(o));
    TRY(prove(o));
    TRY(finalize(o));
    return o->is_rehearsal ? 0 : install(o);
}

int order_run(struct order *o)
{
    o->client = (struct acme_client){
        .world = o->world, .host = o->host, .settings = o->settings, .store = o->store
    };
    acme_problem_clear(&o->client.problem);
    int result = run(o);
    if (result != -EIO || !acme_problem_is(&o->client.problem, "accountDoesNotExist"))
        return result;
    /* Ended or lost at the CA: once more, as somebody new. */
    (void)store_remove(o->store, "account", slice_from(o->client.directory_url));
    return run(o);
}

void order_close(struct order *o)
{
    withdraw(o);
    EVP_PKEY_free(o->key);
    o->key = NULL;
    client_close(&o->client);
    free(o->proofs);
    o->proofs = NULL;
    o->proof_count = 0;
}
