/* Proofs for certificate authorities (RFC 8555 §8.3, RFC 8737): offered by the certifier, answered
 * by whichever worker is asked, one that drains too. A table of fixed size, searched one by one: it
 * is looked into only by who asks for a proof.
 *
 * A proof counts until it is withdrawn or its time is over. The certifier that offered it may be
 * gone by then: its successor goes on with the same order, and the authority may look in between.
 *
 * Only the certifier writes. A slot's version is odd while it is being written; a reader copies and
 * looks at the version again. If the writer dies half-way the slot stays unreadable until the next
 * certifier frees it, which is the first thing it does. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/segment.h"

#define CHALLENGES_MAX             512u
#define CHALLENGE_DOMAIN_BYTES_MAX 255u
#define CHALLENGE_TOKEN_BYTES_MAX  255u
#define CHALLENGE_ANSWER_BYTES_MAX 2048u
#define CHALLENGE_LIFE_MS          3600000 /* longer than an order is worked on */

enum challenge_kind {
    CHALLENGE_NONE, /* the slot is free */
    CHALLENGE_HTTP, /* answer: the key authorisation */
    CHALLENGE_TLS   /* answer: the certificate, DER. Its key is in the keyholder */
};

struct challenge {
    uint32_t kind;
    uint32_t domain_bytes, token_bytes, answer_bytes;
    int64_t until_ms; /* monotonic */
    char domain[CHALLENGE_DOMAIN_BYTES_MAX + 1];
    char token[CHALLENGE_TOKEN_BYTES_MAX + 1];
    char answer[CHALLENGE_ANSWER_BYTES_MAX];
};

struct challenges_segment {
    struct segment_header header;
    struct challenge_slot {
        _Atomic uint32_t version;
        uint32_t unused;
        struct challenge challenge;
    } slots[CHALLENGES_MAX];
};

/* By the certifier. One that is there already is replaced; of CHALLENGE_TLS one for the same domain
 * with another token too: a handshake names the domain alone. 0 · -EMSGSIZE a part is too long ·
 * -ENOSPC */
MUST_CHECK int challenges_offer(struct challenges_segment *s, enum challenge_kind kind,
                                slice domain, slice token, slice answer, int64_t now_ms);
void challenges_withdraw(struct challenges_segment *s, enum challenge_kind kind, slice domain,
                         slice token);
/* When it starts: what another certifier left half-written goes. */
void challenges_mend(struct challenges_segment *s);

/* By workers: a consistent copy, its lengths checked. domain: canonical. token ptr NULL: any.
 * False: there is none. */
bool challenges_find(const struct challenges_segment *s, enum challenge_kind kind, slice domain,
                     slice token, int64_t now_ms, struct challenge *ret);
