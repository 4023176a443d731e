#include "certifier/local.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "certifier/authority.h"

#define DAY_S    86400ll
#define RETRY_S  60
#define PEM_ROOM 65536u

static void free_text(char **text)
{
    free(*text);
}

static void free_certificate(X509 **x)
{
    X509_free(*x);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

void local_authority_close(struct local_authority *a)
{
    X509_free(a->root);
    EVP_PKEY_free(a->key);
    *a = (struct local_authority){ 0 };
}

/* --- Files ------------------------------------------------------------------------------------ */

static int read_chain(struct certifier_world *w, const char *file, struct chain **ret)
{
    char *pem __attribute__((cleanup(free_text))) = NULL;
    size_t bytes;
    const char *why;
    TRY(certificate_store_get(&w->store, file, &pem, &bytes));
    return chain_from_pem(slice_of(pem, bytes), ret, &why);
}

static int write_chain(struct certifier_world *w, const char *file, const struct chain *c,
                       const char *head)
{
    char *memory __attribute__((cleanup(free_text))) = malloc(PEM_ROOM);
    if (!memory)
        return -ENOMEM;
    struct writer out = writer_over(memory, PEM_ROOM);
    writer_text(&out, head);
    TRY(chain_write_pem(c, &out));
    return out.overflowed ? -EMSGSIZE : certificate_store_put(&w->store, file, writer_slice(&out));
}

/* --- The root --------------------------------------------------------------------------------- */

/* The root of the store, if it still belongs to the key and has a while to go. NULL: none. */
static X509 *find_root(struct certifier_world *w, EVP_PKEY *key)
{
    OWNS(chain_free) struct chain *c = NULL;
    int result = read_chain(w, LOCAL_ROOT_FILE, &c);
    if (result != 0) {
        if (result != -ENOENT)
            log_warn("cannot read the root of the local CA (" LOCAL_ROOT_FILE "): %s",
                     strerror(-result));
        return NULL;
    }
    X509 *root = chain_parse(c, 0);
    if (root && (EVP_PKEY_eq(X509_get0_pubkey(root), key) != 1 ||
                 c->not_after_s < world_wall_s(w) + LOCAL_ROOT_RENEW_DAYS * DAY_S)) {
        X509_free(root);
        root = NULL;
    }
    return root;
}

static int make_root(struct certifier_world *w, EVP_PKEY *key, X509 **ret)
{
    OWNS(free_certificate) X509 *root = NULL;
    OWNS(chain_free) struct chain *c = NULL;
    const char *why;
    TRY(authority_make_root(key, w->machine, world_wall_s(w), &root));
    TRY(chain_from_leaf(root, NULL, &c, &why));
    TRY(write_chain(w, LOCAL_ROOT_FILE, c,
                    "The root of Portcullis' local CA on this machine. To trust it: "
                    "portcullis certs trust\n"));
    log_info("a new root of the local CA was made; browsers believe it after: "
             "portcullis certs trust");
    *ret = root;
    root = NULL;
    return 0;
}

/* 0 · -errno, why says it */
static int open_authority(struct certifier_world *w, struct local_authority *a,
                          char why[WORLD_WHY_MAX])
{
    if (a->root)
        return 0;
    OWNS(free_key) EVP_PKEY *key = NULL;
    X509 *root;
    TRY(w->make_key(w->context, LOCAL_ROOT_KEY, KEY_EC, &key, why));
    root = find_root(w, key);
    int result = root ? 0 : make_root(w, key, &root);
    if (result != 0) {
        (void)snprintf(why, WORLD_WHY_MAX, "the root of the local CA cannot be made: %s",
                       strerror(-result));
        return result;
    }
    a->root = root;
    a->key = key;
    key = NULL;
    return 0;
}

/* --- Leaves ----------------------------------------------------------------------------------- */

static bool is_fresh(const struct chain *c, int64_t now_s)
{
    return c->not_before_s <= now_s && c->not_after_s > now_s + LOCAL_RENEW_DAYS * DAY_S;
}

/* Is it for all names, of our root, and good for a while? */
static bool serves(struct certifier_world *w, const struct local_authority *a,
                   const struct holding *h, const struct chain *c)
{
    OWNS(free_certificate) X509 *leaf = chain_parse(c, 0);
    return leaf && is_fresh(c, world_wall_s(w)) &&
           authority_covers(leaf, h->names, h->name_count) && authority_issued(a->root, leaf);
}

/* The one in the store, if its key is there. */
static int take_stored(struct certifier_world *w, const struct local_authority *a,
                       struct holding *h, EVP_PKEY *key)
{
    char file[STORE_NAME_MAX];
    OWNS(chain_free) struct chain *c = NULL;
    certificate_store_file_name(file, h->set, ".local.pem");
    TRY(read_chain(w, file, &c));
    OWNS(free_certificate) X509 *leaf = chain_parse(c, 0);
    if (!leaf || EVP_PKEY_eq(X509_get0_pubkey(leaf), key) != 1 || !serves(w, a, h, c))
        return -ENOENT;
    holding_take_chain(h, &c);
    return 1;
}

static int issue(struct certifier_world *w, const struct local_authority *a, struct holding *h,
                 EVP_PKEY *key)
{
    OWNS(free_certificate) X509 *leaf = NULL;
    OWNS(chain_free) struct chain *c = NULL;
    char file[STORE_NAME_MAX];
    const char *why;
    const struct authority_leaf want = { .root = a->root,
                                         .root_key = a->key,
                                         .key = key,
                                         .names = h->names,
                                         .name_count = h->name_count,
                                         .now_s = world_wall_s(w) };
    TRY(authority_make_leaf(&want, &leaf));
    TRY(chain_from_leaf(leaf, NULL, &c, &why));
    certificate_store_file_name(file, h->set, ".local.pem");
    int result = write_chain(w, file, c, "");
    if (result != 0) /* it is made anew in the next life */
        log_warn("cannot keep %s: %s", file, strerror(-result));
    holding_take_chain(h, &c);
    return 1;
}

/* 1 a certificate for this key, whether kept or new · -errno, why says it */
static int take_or_issue(struct certifier_world *w, const struct local_authority *a,
                         struct holding *h, EVP_PKEY *key, char why[WORLD_WHY_MAX])
{
    if (!h->chain && take_stored(w, a, h, key) == 1)
        return 1;
    int result = issue(w, a, h, key);
    if (result < 0)
        (void)snprintf(why, WORLD_WHY_MAX, "it cannot be issued: %s", strerror(-result));
    return result;
}

static int obtain(struct certifier_world *w, struct local_authority *a, struct holding *h)
{
    char why[WORLD_WHY_MAX] = "", name[STORE_NAME_MAX];
    OWNS(free_key) EVP_PKEY *key = NULL;
    int result = open_authority(w, a, why);
    if (result == 0 && h->chain && serves(w, a, h, h->chain))
        return 0;
    certificate_store_file_name(name, h->set, ".local");
    if (result == 0)
        result = w->make_key(w->context, name, KEY_EC, &key, why);
    if (result == 0)
        result = holding_note_key(h, w->keys, name);
    if (result == 0)
        result = take_or_issue(w, a, h, key, why);
    if (result < 0)
        holding_fail(h, "no certificate of the local CA for %.*s: %s",
                     SLICE_ARGUMENTS(holding_label(h)), why);
    return result;
}

int local_ensure(struct certifier_world *w, struct local_authority *a, struct holding *h)
{
    int result = obtain(w, a, h);
    if (result < 0) {
        h->failures++;
        h->renew_s = world_wall_s(w) + RETRY_S;
        log_error("%s", h->error);
        return result;
    }
    h->renew_s = h->chain->not_after_s - LOCAL_RENEW_DAYS * DAY_S;
    holding_clear_error(h);
    return result;
}
