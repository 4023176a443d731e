/* The client of certificate authorities in the certifier: what it wants of the program around it.
 * Keys are the keyholder's, certificates go to the store and to those who serve, proofs into shared
 * memory. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/acme.h"
#include "base/log.h"
#include "certifier/certificate_store.h"
#include "control/certifier_state.h"
#include "control/message.h"
#include "runtime/loop.h"
#include "shared/challenges.h"

#define FOLDER       "acme" /* in the certifier's own */
#define FILE_END     ".acme.pem"
#define PEM_HEAD_MAX 1024u
#define PEM_ROOM     (1u << 20)
#define NAME_ROOM    (STORE_NAME_MAX + 1)

static struct acme *acme;
static bool is_started;
static char key_why[WORLD_WHY_MAX];

static void free_text(char **text)
{
    free(*text);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* What records and files call a set: its name may be a list of a hundred hosts. */
static slice short_name(char to[STORE_NAME_MAX], slice set)
{
    certificate_store_file_name(to, set, "");
    return slice_from(to);
}

static struct holding *find_holding(slice name)
{
    char other[STORE_NAME_MAX];
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (h->source == CERTIFICATE_FROM_ACME && slice_equal(short_name(other, h->set), name))
            return h;
    }
    return NULL;
}

/* --- Keys --------------------------------------------------------------------------------------
 */

static int get_key(void *context, slice key_name, enum acme_key_kind kind, EVP_PKEY **ret,
                   const char **ret_why)
{
    char name[NAME_ROOM];
    struct certifier_world *w = &certifier.world;
    if (key_name.len >= sizeof name)
        return -ENAMETOOLONG;
    memcpy(name, key_name.ptr, key_name.len);
    name[key_name.len] = '\0';
    key_why[0] = '\0';
    int result =
        w->make_key(w->context, name, kind == ACME_KEY_RSA ? KEY_RSA : KEY_EC, ret, key_why);
    *ret_why = key_why[0] ? key_why : NULL;
    return result;
}

static void forget_key(void *context, slice key_name)
{
    char name[NAME_ROOM];
    if (key_name.len == 0 || key_name.len >= sizeof name)
        return;
    memcpy(name, key_name.ptr, key_name.len);
    name[key_name.len] = '\0';
    certifier_delete_key(name);
}

/* --- Certificates ------------------------------------------------------------------------------
 */

/* The key's name stands before the certificate, for the next life. */
static int put(const char *file, const struct acme_certificate *c)
{
    size_t room = PEM_HEAD_MAX + c->chain_pem.len;
    char *memory __attribute__((cleanup(free_text))) = malloc(room);
    struct writer w = writer_over(memory, memory ? room : 0);
    writer_format(&w, "Key: %.*s\nDirectory: %.*s\n", SLICE_ARGUMENTS(c->key_name),
                  SLICE_ARGUMENTS(c->directory));
    writer_slice_add(&w, c->chain_pem);
    if (!memory)
        return -ENOMEM;
    return w.overflowed ? -EMSGSIZE
                        : certificate_store_put(&certifier.world.store, file, writer_slice(&w));
}

/* Which key the stored certificate has; empty: none is stored. */
static void read_key_name(const char *file, char to[NAME_ROOM])
{
    char *pem __attribute__((cleanup(free_text))) = NULL;
    size_t bytes;
    to[0] = '\0';
    if (certificate_store_get(&certifier.world.store, file, &pem, &bytes) != 0)
        return;
    slice name = certificate_store_word(slice_of(pem, bytes), SLICE("Key"));
    if (name.len >= NAME_ROOM)
        return;
    memcpy(to, name.ptr, name.len);
    to[name.len] = '\0';
}

static void follow(void);

static int install(void *context, const struct acme_certificate *c)
{
    char file[STORE_NAME_MAX], old[NAME_ROOM], key[NAME_ROOM];
    const char *why = NULL;
    OWNS(chain_free) struct chain *chain = NULL;
    struct holding *h = find_holding(c->name);
    if (!h || c->key_name.len >= sizeof key)
        return -ENOENT;
    memcpy(key, c->key_name.ptr, c->key_name.len);
    key[c->key_name.len] = '\0';
    if (chain_from_pem(c->chain_pem, &chain, &why) != 0) {
        log_error("the certificate for %.*s is not taken: %s", SLICE_ARGUMENTS(holding_label(h)),
                  why ? why : "no memory");
        return -EINVAL;
    }
    certificate_store_file_name(file, h->set, FILE_END);
    read_key_name(file, old);
    TRY(put(file, c));
    TRY(holding_note_key(h, certifier.world.keys, key));
    holding_take_chain(h, &chain);
    if (old[0] && strcmp(old, key) != 0)
        certifier_delete_key(old);
    follow(); /* the new leaf is what is planned by from now on */
    event_signal_all(&certifier.has_work);
    return 0;
}

/* 0 · -ENOENT there is none that can be used */
static int take_stored(struct holding *h)
{
    char file[STORE_NAME_MAX], key_name[NAME_ROOM], why_key[WORLD_WHY_MAX];
    char *pem __attribute__((cleanup(free_text))) = NULL;
    OWNS(chain_free) struct chain *chain = NULL;
    OWNS(free_key) EVP_PKEY *key = NULL;
    const char *why;
    size_t bytes;
    struct certifier_world *w = &certifier.world;
    certificate_store_file_name(file, h->set, FILE_END);
    read_key_name(file, key_name);
    if (!key_name[0])
        return -ENOENT;
    TRY(certificate_store_get(&w->store, file, &pem, &bytes));
    TRY(chain_from_pem(slice_of(pem, bytes), &chain, &why));
    TRY(w->make_key(w->context, key_name, chain->kind, &key, why_key));
    X509 *leaf = chain_parse(chain, 0);
    bool is_its_key = leaf && EVP_PKEY_eq(X509_get0_pubkey(leaf), key) == 1;
    X509_free(leaf);
    if (!is_its_key)
        return -ENOENT;
    TRY(holding_note_key(h, w->keys, key_name));
    holding_take_chain(h, &chain);
    return 0;
}

void certifier_acme_load(struct holding *h)
{
    if (h->chain)
        return;
    int result = take_stored(h);
    if (result != 0)
        holding_fail(h,
                     result == -ENOENT ? "the first certificate is being ordered"
                                       : "the stored certificate cannot be used: %s",
                     strerror(-result));
}

/* --- Proofs ------------------------------------------------------------------------------------
 */

static enum challenge_kind kind_of(enum acme_challenge kind)
{
    return kind == ACME_CHALLENGE_HTTP ? CHALLENGE_HTTP : CHALLENGE_TLS;
}

static int offer(void *context, const struct acme_offer *o)
{
    return challenges_offer(certifier.memory.challenges, kind_of(o->kind), o->domain, o->token,
                            o->answer, loop_now_ms());
}

/* Who ends leaves the proofs to the successor, who goes on with the order: the authority may be
 * looking at this moment. */
static void withdraw(void *context, enum acme_challenge kind, slice domain, slice token)
{
    if (!fiber_is_cancelled())
        challenges_withdraw(certifier.memory.challenges, kind_of(kind), domain, token);
}

/* --- What is told ------------------------------------------------------------------------------
 */

static void tell(struct holding *h)
{
    struct acme_report r;
    char name[STORE_NAME_MAX];
    if (acme_tell(acme, short_name(name, h->set), &r) != 0)
        return;
    h->renew_s = (r.next_ms ? r.next_ms : world_wall_s(&certifier.world) * 1000) / 1000;
    h->failures = r.failures;
    if (r.error.len)
        holding_fail(h, "%.*s", SLICE_ARGUMENTS(r.error));
    else if (h->chain)
        holding_clear_error(h);
    certifier.must_report = true;
}

static void changed(void *context, slice name)
{
    struct holding *h = find_holding(name);
    if (h)
        tell(h);
    event_signal_all(&certifier.has_work);
}

/* --- Life --------------------------------------------------------------------------------------
 */

int certifier_acme_open(void)
{
    static const struct acme_host host = { .key = get_key,
                                           .forget_key = forget_key,
                                           .install = install,
                                           .offer = offer,
                                           .withdraw = withdraw,
                                           .changed = changed };
    challenges_mend(certifier.memory.challenges);
    return acme_open(&host, FOLDER, &acme);
}

void certifier_acme_close(void)
{
    acme_close(&acme);
}

/* Settings of a generation that may not come into force. */
static struct {
    uint64_t generation;
    char text[ACME_SETTINGS_BYTES];
    size_t length;
} noted;

void certifier_acme_note(uint64_t generation, slice settings)
{
    if (settings.len > sizeof noted.text)
        return;
    noted.generation = generation;
    noted.length = settings.len;
    memcpy(noted.text, settings.ptr, settings.len);
}

static void configure(slice settings)
{
    struct arena arena;
    struct acme_settings s = { 0 }; /* off */
    arena_open(&arena, NULL, 0, 4096, 2 * ACME_SETTINGS_BYTES);
    int result = settings.len ? acme_settings_read(settings, &arena, &s) : 0;
    if (result == 0)
        result = acme_configure(acme, &s);
    if (result != 0)
        log_error("the settings of 'acme' cannot be read: %s", strerror(-result));
    arena_close(&arena);
}

static bool is_ours(const struct holding *h)
{
    return h->source == CERTIFICATE_FROM_ACME && h->is_in_force;
}

static void fill_wish(const struct holding *h, char name[STORE_NAME_MAX], struct acme_wish *ret)
{
    *ret = (struct acme_wish){ .name = short_name(name, h->set),
                               .names = h->names,
                               .name_count = h->name_count,
                               .leaf = h->chain ? chain_parse(h->chain, 0) : NULL };
}

static void follow(void)
{
    uint32_t count = 0, room = certifier.holdings.count + 1;
    struct acme_wish *wishes = calloc(room, sizeof *wishes);
    char(*names)[STORE_NAME_MAX] = calloc(room, sizeof *names);
    int result = wishes && names ? 0 : -ENOMEM;
    LIST_EACH(node, &certifier.holdings.all)
    {
        const struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (result != 0 || count == room || !is_ours(h))
            continue;
        fill_wish(h, names[count], &wishes[count]);
        count++;
    }
    if (result == 0)
        result = acme_want(acme, wishes, count);
    for (uint32_t i = 0; i < count; i++)
        X509_free(wishes[i].leaf);
    free(wishes);
    free(names);
    if (result != 0) {
        log_error("certificates cannot be ordered: %s", strerror(-result));
        return;
    }
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (is_ours(h))
            tell(h);
    }
}

void certifier_acme_put_in_force(uint64_t generation)
{
    bool is_noted = noted.generation == generation;
    configure(is_noted ? slice_of(noted.text, noted.length) : SLICE(""));
    follow();
    if (!is_started && bundle_start(&certifier.fibers, "acme", acme_run, acme) == 0)
        is_started = true;
}

/* --- What is asked ------------------------------------------------------------------------------
 */

#define ASKED_MAX 16

/* A question for one name; its fiber frees it. */
struct question {
    int64_t ticket;
    bool is_revocation;
    char name[256];
};
static uint32_t asked;

static bool is_for(const struct holding *h, slice name)
{
    for (uint32_t i = 0; i < h->name_count; i++)
        if (slice_equal_fold(h->names[i], name))
            return true;
    return false;
}

static struct holding *find_named(slice name)
{
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (is_ours(h) && is_for(h, name))
            return h;
    }
    return NULL;
}

PRINTF(3, 4)
static void reply(int64_t ticket, int status, const char *format, ...)
{
    char text[ACME_ERROR_BYTES + 512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    message_pass(certifier.boot->channel,
                 message_with_text(MESSAGE_ANSWER, status, ticket, "%s", text));
}

static void revoke(const struct question *q, slice set)
{
    char why[ACME_ERROR_BYTES];
    int result = acme_revoke(acme, set, 0, why);
    int ordered = result == 0 ? acme_renew(acme, set) : 0;
    log_info("acme: the certificate for %s %s%s", q->name,
             result == 0 ? "was revoked" : "is not revoked: ", result == 0 ? "" : why);
    if (result != 0)
        reply(q->ticket, 502, "the certificate for %s is not revoked: %s", q->name, why);
    else if (ordered == -ENOENT)
        reply(q->ticket, 200, "the certificate for %s is revoked; no site wants another", q->name);
    else if (ordered == 0 || ordered == -EBUSY)
        reply(q->ticket, 200, "the certificate for %s is revoked; another one is ordered", q->name);
    else
        reply(q->ticket, 502, "the certificate for %s is revoked, but no other can be ordered: %s",
              q->name, strerror(-ordered));
}

static void renew(const struct question *q, slice set)
{
    int result = acme_renew(acme, set);
    if (result == -EBUSY)
        reply(q->ticket, 200, "a certificate for %s is being ordered already", q->name);
    else if (result == 0)
        reply(q->ticket, 200, "another certificate for %s is ordered", q->name);
    else
        reply(q->ticket, 502, "no certificate for %s can be ordered: %s", q->name,
              strerror(-result));
}

static void do_what_is_asked(void *argument)
{
    struct question *q = argument;
    char name[STORE_NAME_MAX];
    const struct holding *h = find_named(slice_from(q->name));
    if (!h)
        reply(q->ticket, 404, "no certificate for %s comes from an authority", q->name);
    else if (q->is_revocation)
        revoke(q, short_name(name, h->set));
    else
        renew(q, short_name(name, h->set));
    free(q);
    asked--;
}

void certifier_acme_ask(const struct message *m)
{
    struct question *q =
        asked < ASKED_MAX && m->text_length < sizeof q->name ? calloc(1, sizeof *q) : NULL;
    if (q) {
        q->ticket = m->number;
        q->is_revocation = m->detail == VERB_REVOKE_CERTIFICATE;
        memcpy(q->name, m->text, m->text_length);
    }
    if (q && bundle_start(&certifier.fibers, "asked", do_what_is_asked, q) == 0) {
        asked++;
        return;
    }
    free(q);
    reply(m->number, 503, "the certifier is busy");
}
