/* The ACME client (RFC 8555, RFC 9773): obtains and renews certificates for names, and says why
 * when it cannot.
 *
 * Lives in the certifier, on the fibers of its loop. It owns the folder STATE/acme: accounts, and
 * one record for each certificate with its order under way, its failures and its next moment. Every
 * record is replaced whole, so that the process may die at any point: an order that is known is
 * resumed, one that is not is begun anew. It knows neither the keyholder nor shared memory nor
 * where certificates are kept: struct acme_host is all it has of the program around it.
 *
 *     acme_open(&host, folder, &acme); acme_configure(acme, &settings); acme_want(acme, …);
 *     bundle_start(&fibers, "acme", acme_run, acme);   // until it is cancelled
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "acme/problem.h"
#include "acme/settings.h"

#define ACME_NAMES_MAX        100u /* of one certificate; what the usual CA allows */
#define ACME_CERTIFICATES_MAX 20000u
#define ACME_ORDERS_MAX       4u /* at once */

struct acme;

/* A certificate that is wanted. */
struct acme_wish {
    slice name;         /* stable name of the certificate set: what records and reports call it */
    const slice *names; /* host names, canonical; "*.example.com" for wildcards */
    uint32_t name_count;
    X509 *leaf; /* what is in force, whoever issued it; NULL: nothing. Held by a reference */
};

/* A proof that strangers may ask for. */
struct acme_offer {
    enum acme_challenge kind; /* HTTP or TLS_ALPN */
    slice domain;             /* canonical */
    slice token;              /* HTTP: the last part of the path */
    slice answer;             /* HTTP: the body; TLS_ALPN: the certificate, DER */
    EVP_PKEY *key;            /* TLS_ALPN: of the certificate */
};

/* A certificate that has come. */
struct acme_certificate {
    slice name;      /* the wish's */
    slice chain_pem; /* leaf first; checked: it is for the names, in time, and its key is `key` */
    slice key_name;  /* as acme_host.key was asked for it */
    slice directory; /* of the CA that issued it */
    EVP_PKEY *key;
};

/* The program around it. Calls that MAY_WAIT are made on a fiber. */
struct acme_host {
    void *context;
    /* The key of that name, made when there is none; the same each time. Its private part may be
     * elsewhere: it is only signed with. key_name: letters, digits, '.', '-', '_'; at most 255
     * bytes. 0 · -errno, *ret_why is then a static text */
    MAY_WAIT int (*key)(void *context, slice key_name, enum acme_key_kind kind, EVP_PKEY **ret,
                        const char **ret_why);
    /* Nobody needs it any more; harmless when there is none. Never the key of a certificate that
     * was installed: that one belongs to whoever stores the certificate. */
    void (*forget_key)(void *context, slice key_name);
    /* Stores it for good and puts it in force. Called again after a crash, until it has returned 0.
     * 0 · -errno */
    MAY_WAIT int (*install)(void *context, const struct acme_certificate *certificate);
    /* From when 0 is returned every worker answers; until it is withdrawn, and when we end before
     * that until the next one has gone on with it. 0 · -errno */
    MUST_CHECK int (*offer)(void *context, const struct acme_offer *offer);
    void (*withdraw)(void *context, enum acme_challenge kind, slice domain, slice token);
    /* Something that acme_tell tells has changed. May be NULL. */
    void (*changed)(void *context, slice name);
};

/* folder: STATE/acme, made when it is not there. host is copied. 0 · -errno */
MUST_CHECK int acme_open(const struct acme_host *host, const char *folder, struct acme **ret);
/* Not while acme_run is running. */
void acme_close(struct acme **a);

/* Another configuration; copied. Orders under way finish as they began. 0 · -ENOMEM */
MUST_CHECK int acme_configure(struct acme *a, const struct acme_settings *settings);
/* All certificates that are wanted from now on; the others are no longer renewed, their records
 * stay. Also to tell of another leaf. 0 · -ENOMEM · -E2BIG */
MUST_CHECK int acme_want(struct acme *a, const struct acme_wish *wishes, uint32_t count);

/* A fiber_function: orders what is due, until the fiber is cancelled. */
void acme_run(void *acme);

/* Due at once, whatever was planned. Not while it is being ordered. 0 · -ENOENT no such wish ·
 * -EBUSY · -errno the record cannot be written */
MUST_CHECK int acme_renew(struct acme *a, slice name);

/* Asks the CA that issued it to revoke the leaf in force now (RFC 8555 §7.6); another one is
 * acme_renew's. reason: RFC 5280 §5.3.1, 0 none. 0 · -ENOENT · -errno, why[] says it in the CA's
 * words */
MAY_WAIT int acme_revoke(struct acme *a, slice name, int reason, char why[ACME_ERROR_BYTES]);

enum acme_state {
    ACME_WAITING,  /* nothing is to do until next_ms */
    ACME_ORDERING, /* the CA is being asked */
    ACME_FAILED,   /* it is tried again at next_ms */
};

struct acme_report {
    enum acme_state state;
    int64_t next_ms;   /* wall clock; 0: as soon as there is room */
    uint32_t failures; /* since the last success */
    bool is_staging;   /* the next attempt goes to the staging directory */
    slice directory;   /* that is asked; valid until acme_configure */
    slice error;       /* of the last failure, in the CA's own words; empty: none. Valid until the
                          next turn of the loop */
    const char *why;   /* what the next moment comes from: "the CA's renewal window"; static */
};

/* 0 · -ENOENT */
MUST_CHECK int acme_tell(const struct acme *a, slice name, struct acme_report *ret);
