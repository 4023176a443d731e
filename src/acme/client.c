#include "acme/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/jose.h"
#include "base/log.h"
#include "base/siphash.h"

#define NONCE_TRIES  10
#define SAFE_TRIES   3  /* of a request that changes nothing */
#define SHORT_WAIT_S 30 /* that long an attempt waits for a CA that asks to come again */
#define TRY_AGAIN_MS 2000
#define JSON_ROOM    8192u

int client_fail(struct acme_client *c, const char *format, ...)
{
    char text[ACME_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    acme_problem_say(&c->problem, "%s", text);
    return -EIO;
}

int client_take_url(struct acme_client *c, const json_t *from, const char *member, char *ret)
{
    const char *url = json_string_value(json_object_get(from, member));
    if (!url || strncmp(url, "https://", 8) != 0 || strlen(url) >= ACME_URL_MAX)
        return client_fail(c, "the CA's answer has no https URL under \"%s\"", member);
    memcpy(ret, url, strlen(url) + 1);
    return 0;
}

/* --- One request ------------------------------------------------------------------------------ */

static int call(struct acme_client *c, const char *what, const struct acme_call *call)
{
    int result = c->world->call(c->world->context, call, &c->reply);
    if (result == -ECANCELED || result == -ENOMEM)
        return result;
    if (result != 0)
        return client_fail(c, "cannot ask the CA for %s: %s (%s)", what, c->reply.why, call->url);
    if (c->reply.date_ms)
        c->date_ms = c->reply.date_ms;
    if (c->reply.nonce[0])
        memcpy(c->nonce, c->reply.nonce, sizeof c->nonce);
    return 0;
}

static int get_once(struct acme_client *c, const char *what, const char *url)
{
    struct acme_call get = { .url = url, .ca = c->settings->ca };
    TRY(call(c, what, &get));
    if (c->reply.status / 100 == 2)
        return 0;
    acme_problem_take(&c->problem, what, &c->reply);
    return -EIO;
}

static bool is_transient(const struct acme_client *c)
{
    return c->problem.status == 0 || (c->problem.status >= 500 && c->problem.retry_after_s < 0);
}

static int parse(struct acme_client *c, const char *what, json_t **ret)
{
    json_error_t error;
    *ret = json_loadb(c->reply.body, c->reply.body_bytes, 0, &error);
    if (json_is_object(*ret))
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return client_fail(c, "the CA's answer for %s is no JSON object: %s", what, error.text);
}

int client_get_json(struct acme_client *c, const char *what, const char *url, json_t **ret)
{
    int result = -EIO;
    *ret = NULL;
    for (int i = 0; i < SAFE_TRIES && result == -EIO; i++) {
        if (i && c->world->sleep(c->world->context, TRY_AGAIN_MS) != 0)
            return -ECANCELED;
        result = get_once(c, what, url);
        if (result == -EIO && !is_transient(c))
            return result;
    }
    return result == 0 ? parse(c, what, ret) : result;
}

static int fetch_nonce(struct acme_client *c)
{
    struct acme_call head = { .url = c->new_nonce, .is_head = true, .ca = c->settings->ca };
    TRY(call(c, "a nonce", &head));
    if (c->nonce[0])
        return 0;
    if (c->reply.status / 100 != 2) {
        acme_problem_take(&c->problem, "a nonce", &c->reply);
        return -EIO;
    }
    return client_fail(c, "the CA gave no Replay-Nonce");
}

/* Signs and sends. The nonce is used up, whatever comes of it. */
static int post_once(struct acme_client *c, const char *what, const char *url, slice payload)
{
    if (!c->nonce[0])
        TRY(fetch_nonce(c));
    struct jose_header header = { .url = slice_from(url),
                                  .nonce = slice_from(c->nonce),
                                  .kid = slice_from(c->account) };
    size_t room = 4 * JSON_ROOM + payload.len * 2;
    char *body = malloc(room);
    struct writer w = writer_over(body, body ? room : 0);
    int result = body ? jose_sign(c->key, &header, payload, &w) : -ENOMEM;
    c->nonce[0] = '\0';
    if (result == 0 && !w.overflowed) {
        struct acme_call post = { .url = url, .body = writer_slice(&w), .ca = c->settings->ca };
        result = call(c, what, &post);
    } else if (result != -ENOMEM && result != -ECANCELED) {
        result = client_fail(c, "the account's key cannot sign the request for %s: %s", what,
                             strerror(result ? -result : EMSGSIZE));
    }
    free(body);
    if (result == 0 && c->reply.status / 100 != 2) {
        acme_problem_take(&c->problem, what, &c->reply);
        result = -EIO;
    }
    return result;
}

/* How long to wait before the request may be sent again; -1: it is not. */
static int64_t again_ms(const struct acme_client *c, bool is_safe, int failures, int bad_nonces)
{
    const struct acme_problem *p = &c->problem;
    /* RFC 8555 §6.5: "a client MUST retry with a new nonce"; the refusal brought one along. */
    if (acme_problem_is(p, "badNonce"))
        return bad_nonces < NONCE_TRIES ? 0 : -1;
    if (failures >= SAFE_TRIES)
        return -1;
    if (p->status == 503 && p->retry_after_s >= 0 && p->retry_after_s <= SHORT_WAIT_S)
        return p->retry_after_s * 1000;
    return is_safe && is_transient(c) ? TRY_AGAIN_MS : -1;
}

int client_post(struct acme_client *c, const char *what, const char *url, slice payload)
{
    int bad_nonces = 0, failures = 0;
    for (;;) {
        int result = post_once(c, what, url, payload);
        if (result != -EIO)
            return result;
        if (acme_problem_is(&c->problem, "badNonce"))
            bad_nonces++;
        else
            failures++;
        int64_t wait_ms = again_ms(c, payload.ptr == NULL, failures, bad_nonces);
        if (wait_ms < 0)
            return result;
        if (wait_ms > 0 && c->world->sleep(c->world->context, wait_ms) != 0)
            return -ECANCELED;
    }
}

int client_post_json(struct acme_client *c, const char *what, const char *url, slice payload,
                     json_t **ret)
{
    *ret = NULL;
    TRY(client_post(c, what, url, payload));
    return parse(c, what, ret);
}

/* --- Directory -------------------------------------------------------------------------------- */

static int take_directory(struct acme_client *c, const json_t *directory)
{
    const json_t *meta = json_object_get(directory, "meta");
    const json_t *profiles = json_object_get(meta, "profiles");
    TRY(client_take_url(c, directory, "newNonce", c->new_nonce));
    TRY(client_take_url(c, directory, "newAccount", c->new_account));
    TRY(client_take_url(c, directory, "newOrder", c->new_order));
    TRY(client_take_url(c, directory, "revokeCert", c->revoke));
    if (json_object_get(directory, "renewalInfo"))
        TRY(client_take_url(c, directory, "renewalInfo", c->renewal_info));
    c->wants_binding = json_is_true(json_object_get(meta, "externalAccountRequired"));
    c->has_profiles = json_is_object(profiles);
    c->has_profile = false;
    const char *name;
    json_t *description;
    json_object_foreach((json_t *)(uintptr_t)profiles, name, description) c->has_profile |=
        slice_equal(slice_from(name), c->settings->profile);
    return 0;
}

int client_open(struct acme_client *c, slice directory_url)
{
    json_t *directory;
    if (directory_url.len >= sizeof c->directory_url)
        return client_fail(c, "the directory's URL is longer than %u bytes", ACME_URL_MAX - 1);
    memcpy(c->directory_url, directory_url.ptr, directory_url.len);
    c->directory_url[directory_url.len] = '\0';
    TRY(client_get_json(c, "its directory", c->directory_url, &directory));
    int result = take_directory(c, directory);
    json_decref(directory);
    return result;
}

void client_close(struct acme_client *c)
{
    EVP_PKEY_free(c->key);
    c->key = NULL;
    free(c->reply.body);
    c->reply.body = NULL;
}

/* --- Account ---------------------------------------------------------------------------------- */

/* The account's key: one for each directory, named after it. */
static int open_key(struct acme_client *c)
{
    static const struct siphash_key no_secret = { 0 };
    char name[64];
    const char *why = NULL;
    struct writer thumbprint = writer_over(c->thumbprint, sizeof c->thumbprint - 1);
    slice url = slice_from(c->directory_url);
    int length = snprintf(name, sizeof name, "acme-account-%016llx",
                          (unsigned long long)siphash(&no_secret, url.ptr, url.len));
    int result =
        c->host->key(c->host->context, slice_of(name, (size_t)length), ACME_KEY_EC, &c->key, &why);
    if (result == -ECANCELED || result == -ENOMEM)
        return result;
    if (result != 0)
        return client_fail(c, "there is no key for the account at the CA: %s: %s",
                           why ? why : "the keyholder says", strerror(-result));
    if (jose_thumbprint(c->key, &thumbprint) != 0)
        return client_fail(c, "the account's key \"%s\" is no P-256 key", name);
    c->thumbprint[thumbprint.len] = '\0';
    return 0;
}

/* True when the record is of this account; its contact may have to be brought up to date. */
static bool recall(struct acme_client *c, bool *ret_contact_differs)
{
    json_t *record;
    if (store_read(c->store, "account", slice_from(c->directory_url), &record) != 0)
        return false;
    const char *url = json_string_value(json_object_get(record, "url"));
    const char *contact = json_string_value(json_object_get(record, "contact"));
    const char *kid = json_string_value(json_object_get(record, "eab_kid"));
    const char *thumbprint = json_string_value(json_object_get(record, "thumbprint"));
    bool is_it = url && strlen(url) < sizeof c->account && thumbprint &&
                 strcmp(thumbprint, c->thumbprint) == 0 &&
                 slice_equal(slice_from(kid), c->settings->eab_kid);
    if (is_it)
        memcpy(c->account, url, strlen(url) + 1);
    *ret_contact_differs = is_it && !slice_equal(slice_from(contact), c->settings->contact);
    json_decref(record);
    return is_it;
}

static int remember(struct acme_client *c)
{
    const struct acme_settings *s = c->settings;
    json_t *record =
        json_pack("{s:s, s:s, s:s, s:s%, s:s%}", "directory", c->directory_url, "url", c->account,
                  "thumbprint", c->thumbprint, "contact", s->contact.len ? s->contact.ptr : "",
                  s->contact.len, "eab_kid", s->eab_kid.len ? s->eab_kid.ptr : "", s->eab_kid.len);
    int result =
        record ? store_write(c->store, "account", slice_from(c->directory_url), record) : -ENOMEM;
    json_decref(record);
    if (result == 0 || result == -ENOMEM)
        return result;
    return client_fail(c, "cannot keep the account's record: %s", strerror(-result));
}

static void write_contact(const struct acme_client *c, struct writer *w)
{
    writer_literal(w, "\"contact\":[");
    if (c->settings->contact.len) {
        writer_literal(w, "\"mailto:");
        writer_json(w, c->settings->contact);
        writer_byte(w, '"');
    }
    writer_byte(w, ']');
}

static int write_binding(struct acme_client *c, struct writer *w)
{
    const struct acme_settings *s = c->settings;
    if (!s->eab_kid.len)
        return c->wants_binding ? client_fail(c, "the CA wants an account of its own customers: "
                                                 "add eab KID ${file:…} to 'acme'")
                                : 0;
    writer_literal(w, ",\"externalAccountBinding\":");
    return jose_bind(c->key, s->eab_kid, s->eab_key, slice_from(c->new_account), w) == 0
               ? 0
               : client_fail(c, "the key of 'eab' is not base64url as the CA hands it out");
}

static int register_account(struct acme_client *c)
{
    char memory[JSON_ROOM];
    struct writer w = writer_over(memory, sizeof memory);
    c->account[0] = '\0'; /* the request names the key itself */
    writer_literal(&w, "{\"termsOfServiceAgreed\":true,");
    write_contact(c, &w);
    TRY(write_binding(c, &w));
    writer_byte(&w, '}');
    if (w.overflowed)
        return client_fail(c, "the values of 'acme' are too long");
    TRY(client_post(c, "an account", c->new_account, writer_slice(&w)));
    if (strncmp(c->reply.location, "https://", 8) != 0)
        return client_fail(c, "the CA made an account but did not say where (no Location)");
    memcpy(c->account, c->reply.location, sizeof c->account);
    log_info("acme: account %s is at %s", c->account, c->directory_url);
    return remember(c);
}

static int update_contact(struct acme_client *c)
{
    char memory[JSON_ROOM];
    struct writer w = writer_over(memory, sizeof memory);
    writer_byte(&w, '{');
    write_contact(c, &w);
    writer_byte(&w, '}');
    TRY(client_post(c, "the account's new contact", c->account, writer_slice(&w)));
    return remember(c);
}

int client_account(struct acme_client *c)
{
    bool contact_differs = false;
    if (!c->key)
        TRY(open_key(c));
    if (!recall(c, &contact_differs))
        return register_account(c);
    if (!contact_differs)
        return 0;
    int result = update_contact(c);
    /* Ended or lost at the CA (RFC 8555 §7.3.3): a new one will do. */
    return result == -EIO && acme_problem_is(&c->problem, "accountDoesNotExist")
               ? register_account(c)
               : result;
}
