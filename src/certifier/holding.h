/* What the certifier holds: every certificate that a configuration wants, with its state. Found by
 * set and file. A holding that is wanted by the configuration in force is worked on (watched,
 * renewed, its status fetched); one that only a loading configuration wants is merely answered. */
#pragma once

#include "base/list.h"
#include "certifier/chain.h"
#include "certifier/ocsp.h"

#define HOLDING_ERROR_MAX 384u

/* Of the response that is stapled. */
struct staple {
    slice response; /* its own memory; empty: none */
    struct ocsp_verdict verdict;
    bool has_begun;   /* it was planned when to ask, since the chain came */
    bool is_known;    /* verdict is of a response, which may be one that is not stapled (revoked) */
    bool is_fetching; /* a fiber is at it */
    int64_t due_s;    /* ask again at, wall clock; 0: never, there is nothing to ask */
    uint32_t failures;
    char error[HOLDING_ERROR_MAX]; /* empty: none */
};

/* Of `tls CERT KEY` and of `crl FILE`. */
struct file_state {
    int64_t look_ms;    /* look at the files again at, the loop's clock */
    int64_t trouble_ms; /* since then the files cannot be used; 0: they can */
    bool was_told;      /* of this trouble */
    bool is_unsure;     /* workers may have another one than the wish says: nothing of it is
                           published until the files have been found whole, and then it is */
    int32_t folders[2]; /* watched, of certificate and key; -1: none */
};

struct holding {
    struct list link;     /* of all */
    struct holding *next; /* of the same bucket */
    enum certificate_source source;
    slice set, certificate_path, key_path; /* in `texts` */
    slice *names;                          /* wanted for; own memory */
    uint32_t name_count;
    char *texts;
    uint64_t wanted_by; /* the newest generation that asked */
    bool is_in_force;
    bool is_changed;     /* since it was published last */
    uint64_t sequence;   /* of its last publication */
    struct chain *chain; /* NULL: there is none (yet) */
    slice lists; /* of REVOKED_FROM_FILE: the text in force, own memory; ptr NULL: not read yet */
    uint8_t lists_hash[LISTS_HASH_BYTES]; /* SHA-256 of the text that a generation has loaded */
    char *made_key; /* file of a key that was made for it, own memory; NULL: none was */
    struct staple staple;
    struct file_state files;
    int64_t renew_s;               /* wall clock; 0: not planned here */
    uint32_t failures;             /* in a row, of obtaining it */
    int warned_days;               /* of its end: 14, 7, 1, 0; 0x7fff: not yet */
    char error[HOLDING_ERROR_MAX]; /* why there is none, or no newer one; empty: none */
};

#define HOLDING_BUCKETS 16384u /* power of two */

struct holdings {
    struct list all;
    struct siphash_key *key;
    struct holding **buckets;
    uint32_t count;
};

/* 0 · -ENOMEM */
MUST_CHECK int holdings_open(struct holdings *h);
void holdings_close(struct holdings *h);

/* NULL: there is none. Two certificates of one set are told apart by their files. */
struct holding *holdings_find(const struct holdings *h, slice set, slice certificate_path);
/* The holding for a record of a wish, made when there is none; its names and files are the
 * record's from now on. 0 · -ENOMEM */
MUST_CHECK int holdings_want(struct holdings *h, const struct certificate_record *r,
                             uint64_t generation, struct holding **ret);
/* Does it hold for this one, or for another one of the same set? A set is published whole. */
bool holdings_any_of_set(const struct holdings *h, const struct holding *one,
                         bool (*is_so)(const struct holding *h));
/* Something of the set is to be published, and all of it may be. */
bool holdings_set_is_news(const struct holdings *h, const struct holding *one);
/* This generation came into force: what it did not want is forgotten, unless one that still loads
 * does. `forget` is called before each goes; may be NULL. */
void holdings_put_in_force(struct holdings *h, uint64_t generation,
                           void (*forget)(struct holding *));

/* Its key was made by the keyholder, and is kept as NAME.pem in the folder. 0 · -ENOMEM */
MUST_CHECK int holding_note_key(struct holding *h, slice folder, const char *name);
/* Takes the chain over. What was stapled belongs to the old one and goes. */
void holding_take_chain(struct holding *h, struct chain **chain);
/* Says why; the newest sentence counts. NULL: all is well. */
void holding_fail(struct holding *h, const char *format, ...) PRINTF(2, 3);
void holding_clear_error(struct holding *h);
/* As it is to be published. Slices point into the holding. */
void holding_fill_record(const struct holding *h, struct certificate_record *ret);
/* It stands in files that are watched. */
bool holding_is_of_files(const struct holding *h);
/* Takes the text over, which is allocated; is_news: those that serve do not have it. */
void holding_take_lists(struct holding *h, slice lists, bool is_news);
/* For people: the host names' first, or the file. */
slice holding_label(const struct holding *h);
