/* One attempt at one certificate (RFC 8555 §7.4): from the order that is known, or a new one, to a
 * certificate that is installed. A straight line of steps, each of which may fail; what must not be
 * forgotten is in the record before it is done. */
#pragma once

#include "acme/client.h"
#include "acme/proof.h"
#include "acme/record.h"

struct order {
    const struct acme_world *world;
    const struct acme_host *host;
    const struct acme_settings *settings;
    const struct store *store;
    struct record *record;
    const slice *names;
    uint32_t name_count;
    const char *replaces; /* RFC 9773 §5: id of the certificate that is renewed; empty: none */
    slice directory;      /* asked for a new order */
    bool is_rehearsal;    /* ends when every name is proved; nothing is issued */
    /* The CA's clock, as soon as it is known: false when there is no reason to order after all. */
    bool (*is_due)(void *context, int64_t date_ms);
    void *context;

    struct acme_client client;
    EVP_PKEY *key;
    struct proof *proofs;
    uint32_t proof_count;
    char finalize[ACME_URL_MAX], certificate[ACME_URL_MAX];
    char status[16];
    bool is_over; /* the CA will never make a certificate of this order */
};

/* 0 installed, proved (rehearsal) or not due · -ECANCELED · -ENOMEM · -EIO order->client.problem
 * says why */
MAY_WAIT int order_run(struct order *o);
/* Takes back what was offered and frees; in any case. May wait, also when cancelled. */
void order_close(struct order *o);
