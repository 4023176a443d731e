/* A conversation with one CA, as one account: directory, nonces, signed requests (RFC 8555 §6, §7.1
 * - §7.3). One per attempt; nothing is shared between two, but the account's key and record.
 *
 * Results: 0 · -ECANCELED · -ENOMEM · -EIO, `problem` then says why. */
#pragma once

#include <jansson.h>
#include <openssl/evp.h>

#include "acme/acme.h"
#include "acme/problem.h"
#include "acme/store.h"
#include "acme/world.h"

struct acme_client {
    const struct acme_world *world;
    const struct acme_host *host;
    const struct acme_settings *settings;
    const struct store *store;
    char directory_url[ACME_URL_MAX];
    /* of the directory */
    char new_nonce[ACME_URL_MAX], new_account[ACME_URL_MAX], new_order[ACME_URL_MAX];
    char revoke[ACME_URL_MAX];
    char renewal_info[ACME_URL_MAX]; /* empty: this CA has none (RFC 9773) */
    bool wants_binding, has_profiles, has_profile;
    int64_t date_ms; /* the CA's clock as it answered last; 0: it did not say */
    char nonce[ACME_NONCE_MAX];
    EVP_PKEY *key;
    char account[ACME_URL_MAX]; /* its URL, the kid */
    char thumbprint[64];
    struct acme_problem problem; /* of the last failure */
    struct acme_reply reply;     /* of the last request */
};

/* Fetches the directory. The strings must outlive the client. */
MAY_WAIT int client_open(struct acme_client *c, slice directory_url);
void client_close(struct acme_client *c); /* also one that is zeroed */

/* The account: the one that is known, or a new one (RFC 8555 §7.3). */
MAY_WAIT int client_account(struct acme_client *c);

/* A signed request. payload ptr NULL: POST-as-GET. Whatever is no 2xx is a failure; `what` names
 * what was asked for in its text. The answer is in c->reply. badNonce is retried, and an answer
 * that an overloaded CA puts off for a few seconds. */
MAY_WAIT int client_post(struct acme_client *c, const char *what, const char *url, slice payload);
/* The same, and the answer is a JSON object. *ret is the caller's to release. */
MAY_WAIT int client_post_json(struct acme_client *c, const char *what, const char *url,
                              slice payload, json_t **ret);
/* Not signed: for what is public. */
MAY_WAIT int client_get_json(struct acme_client *c, const char *what, const char *url,
                             json_t **ret);

/* A member that has to be a URL of at most ACME_URL_MAX - 1 bytes over HTTPS. 0 · -EIO */
MUST_CHECK int client_take_url(struct acme_client *c, const json_t *from, const char *member,
                               char *ret);
/* Fails with the text. Always -EIO. */
int client_fail(struct acme_client *c, const char *format, ...) PRINTF(2, 3);
