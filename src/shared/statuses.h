/* Whether clients' certificates are still good (OCSP, RFC 6960): asked by workers, found out by the
 * certifier, which alone reaches responders, and read by all workers: one answer serves them all,
 * also after a reload.
 *
 * Questions are boxes. A worker claims a free one, fills it and marks it as asked; the certifier
 * takes the question out and frees the box. A worker that dies while it fills one leaves it to the
 * supervisor (statuses_release). What was asked of a certifier that died the next one finds.
 *
 * Answers are a table by the certificate's fingerprint, in small sets; the one that ends first
 * gives way. Only the certifier writes them (shared/versioned.h). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/slice.h"
#include "shared/segment.h"

#define STATUS_QUESTIONS_MAX   64u
#define STATUS_ANSWERS_MAX     4096u
#define STATUS_WAYS            8u
#define STATUS_DER_MAX         8192u /* bytes of a certificate */
#define STATUS_RESPONDER_MAX   512u
#define STATUS_TEXT_MAX        256u
#define STATUS_LEAF_HASH_BYTES 32u

struct status_key {
    uint8_t leaf[STATUS_LEAF_HASH_BYTES]; /* SHA-256 of the certificate */
    uint64_t responder;                   /* hash of the one that is to be asked; 0: its own */
};

enum status_word {
    STATUS_NONE, /* the slot is free */
    STATUS_GOOD,
    STATUS_REVOKED,
    STATUS_UNKNOWN /* no responder says anything of use; text says why */
};

struct status_answer {
    struct status_key key;
    uint32_t word; /* enum status_word */
    uint32_t unused;
    int64_t until_s; /* wall clock: of no use from then on */
    int64_t again_s; /* wall clock: time to ask again, while this one still counts */
    char text[STATUS_TEXT_MAX];
};

/* Lengths are checked by whoever takes it. */
struct status_question {
    uint32_t leaf_bytes, issuer_bytes, responder_bytes, unused;
    char responder[STATUS_RESPONDER_MAX]; /* URL; empty: the one that the certificate names */
    uint8_t leaf[STATUS_DER_MAX], issuer[STATUS_DER_MAX];
};

struct statuses_segment {
    struct segment_header header;
    uint64_t hash_key[2];
    struct status_box {
        _Atomic uint32_t state; /* 0 free · 1 asked · 2 + slot: that worker fills it */
        uint32_t unused;
        struct status_question question;
    } boxes[STATUS_QUESTIONS_MAX];
    struct status_slot {
        _Atomic uint32_t version;
        uint32_t unused;
        struct status_answer answer;
    } answers[STATUS_ANSWERS_MAX];
};

/* responder: URL, or empty. */
struct status_key statuses_key(const struct statuses_segment *s, const uint8_t *leaf_hash,
                               slice responder);

/* --- By workers ------------------------------------------------------------------------------- */

/* What is to be asked; DER, and a URL or nothing. */
struct status_request {
    slice leaf, issuer, responder;
};
/* 0 it will be asked; the certifier has to be woken · -EMSGSIZE something is too long · -EAGAIN all
 * boxes are in use */
MUST_CHECK int statuses_ask(struct statuses_segment *s, uint32_t slot,
                            const struct status_request *what);
/* A consistent copy of an answer that counts at that moment. False: there is none. */
bool statuses_find(const struct statuses_segment *s, const struct status_key *key, int64_t now_s,
                   struct status_answer *ret);

/* --- By the certifier ------------------------------------------------------------------------- */

/* Takes a question out of its box; lengths are checked. False: there is none. */
bool statuses_take(struct statuses_segment *s, struct status_question *ret);
void statuses_answer(struct statuses_segment *s, const struct status_answer *answer, int64_t now_s);

/* --- By the supervisor ------------------------------------------------------------------------ */

/* The worker of this slot is gone. */
void statuses_release(struct statuses_segment *s, uint32_t slot);
