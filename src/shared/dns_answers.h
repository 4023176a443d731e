/* What lists in the DNS have said (@rbl): asked by workers, found out by the observer, which alone
 * resolves names, and read by all workers: one answer serves them all, also after a reload.
 *
 * Questions are boxes. A worker claims a free one, fills it and marks it as asked; the observer
 * takes the question out and frees the box. A worker that dies while it fills one leaves it to the
 * supervisor (dns_answers_release). What was asked of an observer that died the next one finds.
 *
 * Answers are a table by the name's hash, in small sets; the one that ends first gives way. Only
 * the observer writes them (shared/versioned.h). The hash is keyed, because strangers choose the
 * names.
 *
 * Times are of the monotonic clock, which all processes of the machine share. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/slice.h"
#include "shared/segment.h"

#define DNS_QUESTIONS_MAX 256u
#define DNS_ANSWERS_MAX   4096u
#define DNS_WAYS          8u
#define DNS_NAME_MAX      253u /* bytes */
#define DNS_WHY_MAX       64u

struct dns_name {
    uint32_t bytes;
    char text[DNS_NAME_MAX + 1]; /* ends with a NUL */
};

enum dns_word {
    DNS_NONE, /* the slot is free */
    DNS_HAS_ADDRESS,
    DNS_HAS_NONE, /* there is no such name, or it has no IPv4 address */
    DNS_FAILED    /* nobody says anything of use; why says it */
};

struct dns_answer {
    struct dns_name name;
    uint32_t word; /* enum dns_word */
    uint8_t address[4];
    int64_t until_ms;      /* of no use from then on */
    char why[DNS_WHY_MAX]; /* ends with a NUL */
};

struct dns_answers_segment {
    struct segment_header header;
    uint64_t hash_key[2];
    _Atomic uint32_t is_awake; /* the observer looks for questions by itself */
    uint32_t unused;
    struct dns_box {
        _Atomic uint32_t state; /* 0 free · 1 asked · 2 + slot: that worker fills it */
        uint32_t unused;
        _Atomic uint64_t hash; /* of the name */
        struct dns_name name;
    } boxes[DNS_QUESTIONS_MAX];
    struct dns_slot {
        _Atomic uint32_t version;
        uint32_t unused;
        struct dns_answer answer;
    } answers[DNS_ANSWERS_MAX];
};

/* --- By workers ------------------------------------------------------------------------------- */

/* 0 it will be asked, or is about to be; where *ret_must_wake the observer has to be woken ·
 * -EMSGSIZE the name is empty or too long · -EAGAIN all boxes are in use */
MUST_CHECK int dns_answers_ask(struct dns_answers_segment *s, uint32_t slot, slice name,
                               bool *ret_must_wake);

/* A consistent copy of an answer that counts at that moment. False: there is none. */
bool dns_answers_find(const struct dns_answers_segment *s, slice name, int64_t now_ms,
                      struct dns_answer *ret);

/* --- By the observer -------------------------------------------------------------------------- */

/* Takes a question out of its box; its length is checked, its bytes are a stranger's. False: there
 * is none. */
bool dns_answers_take(struct dns_answers_segment *s, struct dns_name *ret);
void dns_answers_put(struct dns_answers_segment *s, const struct dns_answer *answer,
                     int64_t now_ms);

/* That it looks by itself from now on, or that it has to be woken. Whoever sleeps looks once more
 * after he has said so. */
void dns_answers_set_awake(struct dns_answers_segment *s, bool is_awake);

/* --- By the supervisor ------------------------------------------------------------------------ */

/* The worker of this slot is gone. */
void dns_answers_release(struct dns_answers_segment *s, uint32_t slot);
