/* An arena: memory that is given piece by piece and freed at once. One per exchange, per connection
 * that needs one, per configuration. Memory is zeroed and aligned to 16 bytes.
 *
 * The first block may be the caller's (a pooled buffer), so that an ordinary exchange allocates
 * nothing. `limit` bounds the sum of all blocks; past it every request returns NULL, which callers
 * answer with -ENOMEM. Not for objects that own something else. */
#pragma once

#include "base/purse.h"
#include "base/slice.h"

struct arena_block;

enum arena_refusal {
    ARENA_NOT_REFUSED,
    ARENA_AT_LIMIT,    /* its own */
    ARENA_PURSE_EMPTY, /* others have drawn too much */
    ARENA_NO_MEMORY    /* malloc */
};

struct arena {
    struct arena_block *blocks; /* newest first; the caller's first block is not in the list */
    char *next;                 /* free bytes of the block in use */
    char *end;
    size_t block_bytes; /* size of a new block */
    size_t total;       /* bytes in blocks, the caller's included */
    size_t limit;
    void *first; /* caller's block, for arena_reset */
    size_t first_bytes;
    struct purse *purse;        /* that its blocks are paid from, the caller's not; NULL: none */
    enum arena_refusal refused; /* why it gave nothing, the last time it did not */
};

/* first may be NULL. block_bytes: how much to take from malloc at a time (at least what is asked);
 * more as the arena grows. */
void arena_open(struct arena *a, void *first, size_t first_bytes, size_t block_bytes, size_t limit);

/* From now on blocks are paid from the purse, and what is freed goes back there. Of an arena that
 * has nothing yet. One that holds more than ARENA_LITTLE_BYTES leaves the rest to others. */
void arena_pay_from(struct arena *a, struct purse *purse);

enum { ARENA_LITTLE_BYTES = 256 << 10 };

/* Frees all blocks; the arena can be opened again. Safe on a zeroed arena. */
void arena_close(struct arena *a);

/* Frees of the newest blocks so many bytes (at least 64 KiB) or, at most, once more as many, for
 * whoever must not hold up others with all of them at once, a large one from its end: whether there
 * are more. Nothing in the arena may be used any longer,
 * and nothing but this and arena_close may follow. */
bool arena_free_some(struct arena *a, size_t bytes);

/* Frees all blocks but the caller's first one and starts again. */
void arena_reset(struct arena *a);

/* Zeroed memory, or NULL when the limit or malloc says no. */
MUST_CHECK void *arena_take(struct arena *a, size_t bytes);

/* The same, not zeroed: for bytes that are written before anybody reads them. So a large piece
 * costs nothing until then, and is paid for as it is filled. */
MUST_CHECK void *arena_take_bytes(struct arena *a, size_t bytes);

/* count * each with checked multiplication. */
MUST_CHECK void *arena_take_array(struct arena *a, size_t count, size_t each);

/* A copy of s (not NUL-terminated), ptr NULL when there is no memory. */
MUST_CHECK slice arena_copy(struct arena *a, slice s);

/* The same with a NUL behind it, for C interfaces. NULL when there is no memory. */
MUST_CHECK char *arena_text(struct arena *a, slice s);

/* Gives back the end of the piece that was taken last: `taken` bytes at `piece`, of which the first
 * `kept` stay. When something else has been taken since it
 * stays as it is until the arena is freed. */
void arena_give_back(struct arena *a, void *piece, size_t taken, size_t kept);
