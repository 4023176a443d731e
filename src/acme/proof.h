/* Proving to the CA that a name is ours: one authorisation with the challenge that was chosen for
 * it (RFC 8555 §7.5, §8; RFC 8737). */
#pragma once

#include "acme/client.h"

struct proof {
    char authorization[ACME_URL_MAX];
    char challenge[ACME_URL_MAX]; /* empty: nothing is to prove, it is valid already */
    char domain[256];             /* without "*." */
    char token[256];
    bool is_wildcard;
    bool is_offered; /* to be taken back */
    enum acme_challenge kind;
    const char *why;             /* this kind: static, for the log */
    char record[300], value[64]; /* DNS: _acme-challenge.…, and what stands there */
};

/* Fetches the authorisation and chooses a challenge. failed: kinds (bits) that did not convince the
 * CA last time, taken only when there is no other. 0 · as client_post */
MAY_WAIT int proof_open(struct acme_client *c, struct proof *p, uint8_t failed);
/* Lets strangers find it; for HTTP also asks ourselves for it. Nothing when there is nothing to
 * prove. */
MAY_WAIT int proof_offer(struct acme_client *c, struct proof *p);
/* "Look now", and the wait for the verdict. A refusal is -EIO with the CA's words. */
MAY_WAIT int proof_request(struct acme_client *c, struct proof *p);
MAY_WAIT int proof_await(struct acme_client *c, struct proof *p, int64_t until_ms);
/* Takes back what was offered; always, also after cancellation. */
void proof_withdraw(struct acme_client *c, struct proof *p);

const char *proof_kind_name(enum acme_challenge kind); /* "HTTP-01" */
