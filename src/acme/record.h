/* What is kept about one wanted certificate, in STATE/acme: the order under way, failures, when it
 * is due. Written before anything that cannot be taken back, so that a killed process goes on where
 * it was. */
#pragma once

#include "acme/acme.h"
#include "acme/renewal.h"
#include "acme/store.h"

#define RECORD_KEY_NAME_MAX 256u

struct record {
    char name[256]; /* the wish's */
    /* The order under way. */
    char directory[ACME_URL_MAX]; /* it is at; empty: none is under way */
    char order[ACME_URL_MAX];     /* its URL; empty: not placed yet, or nobody knows */
    char key_name[RECORD_KEY_NAME_MAX];
    char names[64]; /* digest of the names it is for */
    /* Failures since the last success. */
    uint32_t failures;
    uint32_t refusals;         /* of them, of the production directory, since the last rehearsal */
    bool must_renew;           /* whatever its lifetime says: revoked, or somebody asked */
    bool is_limited;           /* the CA said rateLimited */
    bool rehearses;            /* the next attempt goes to the staging directory */
    uint8_t failed_challenges; /* bit enum acme_challenge: did not convince the CA last time */
    int64_t attempted_ms, delay_ms;
    char error[ACME_ERROR_BYTES];
    /* The certificate in force. */
    char leaf[RENEWAL_ID_MAX];    /* what the rest is about */
    char issued_by[ACME_URL_MAX]; /* directory; empty: not by us */
    int64_t moment_ms;            /* when it is renewed */
    struct renewal_window window; /* the CA's; zeros: by its lifetime */
    int64_t look_ms;              /* when the CA is asked for the window again */
};

/* The record as it is kept, or a fresh one. One that cannot be read is a fresh one, said in the
 * log. */
void record_read(const struct store *s, slice name, struct record *ret);
/* 0 it is on the disk · -errno */
MUST_CHECK int record_write(const struct store *s, const struct record *r);
/* No order is under way any more. */
void record_end_order(struct record *r);
