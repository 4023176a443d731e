/* What clients' addresses have left to spend, over all workers, generations and upgrades: points
 * that are taken, given and come back with time (proxy/h2_budget.h says for what). IPv6 counts by
 * /64.
 *
 * A table of small sets by keyed hash; no key stands in it, but 64 bits of the hash. Every worker
 * writes; each account is one word that changes by compare-and-swap, so nothing can be left
 * half-written. Where a set is full the account with the most left gives way: that of an address
 * which owes is the last to be forgotten. Two workers that put different addresses into one place
 * at the same moment may charge a sum to the wrong one: a limit, not a ledger. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/segment.h"

#define ACCOUNTS_MAX 16384u
#define ACCOUNT_WAYS 4u

struct account {
    _Atomic uint64_t tag;   /* 0: free */
    _Atomic uint64_t state; /* what is left, signed, and the low half of when it was filled, ms */
};

struct accounts_segment {
    struct segment_header header;
    uint64_t hash_key[2];
    struct account accounts[ACCOUNTS_MAX];
};

/* What an account may have: capacity points at most, and as many again in fill_ms when it has none.
 * capacity: below 2^30. */
struct account_terms {
    int64_t capacity, fill_ms;
};

/* Gives points to the account of that key, or takes them; one that is not known is full. What is
 * left; below zero: it is spent. now_ms: CLOCK_MONOTONIC */
int64_t accounts_settle(struct accounts_segment *s, slice key, const struct account_terms *terms,
                        int64_t points, int64_t now_ms);
/* The same without a change: an address that nobody has charged takes no place. */
int64_t accounts_look(struct accounts_segment *s, slice key, const struct account_terms *terms,
                      int64_t now_ms);
