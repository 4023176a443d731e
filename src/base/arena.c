#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/number.h"
#include "base/panic.h"

#define ARENA_ALIGNMENT 16u
/* Blocks grow with what there is, by so manieth of it and to no more than that: few are made of
 * what is large, and of the last no more stays empty. */
#define ARENA_GROWTH          8u
#define ARENA_BLOCK_BYTES_MAX ((size_t)1 << 20)
/* A multiple of every system's. */
#define PAGE_BYTES_MAX ((uintptr_t)65536)

struct arena_block {
    struct arena_block *older;
    size_t bytes; /* of the whole block, this header included */
};

static_assert(sizeof(struct arena_block) % ARENA_ALIGNMENT == 0, "blocks start aligned");

void arena_open(struct arena *a, void *first, size_t first_bytes, size_t block_bytes, size_t limit)
{
    ASSERT((uintptr_t)first % ARENA_ALIGNMENT == 0);
    *a = (struct arena){ .block_bytes = block_bytes,
                         .limit = limit,
                         .first = first,
                         .first_bytes = first ? first_bytes : 0 };
    a->next = first;
    a->end = first ? (char *)first + first_bytes : NULL;
    a->total = a->first_bytes;
}

void arena_pay_from(struct arena *a, struct purse *purse)
{
    ASSERT(!a->blocks);
    a->purse = purse;
}

/* The newest one. Returns how large it was. */
static size_t free_block(struct arena *a)
{
    struct arena_block *block = a->blocks;
    size_t bytes = block->bytes;
    a->blocks = block->older;
    if (a->purse)
        purse_give(a->purse, bytes);
    free(block);
    return bytes;
}

static void free_blocks(struct arena *a)
{
    while (a->blocks)
        free_block(a);
}

/* The end of the newest one, whose pages go back to the system; the rest of it stays. */
static void free_end_of_block(struct arena *a, size_t bytes)
{
    struct arena_block *block = a->blocks;
    uintptr_t end = ((uintptr_t)block + block->bytes) & ~(PAGE_BYTES_MAX - 1);
    block->bytes -= bytes;
    uintptr_t begin = ((uintptr_t)block + block->bytes) & ~(PAGE_BYTES_MAX - 1);
    /* The page that the rest ends in goes too, unless the block begins there: nobody reads it. */
    begin += begin < (uintptr_t)(block + 1) ? PAGE_BYTES_MAX : 0;
    if (begin < end) /* where it is refused, free() does it at once */
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    if (a->purse)
        purse_give(a->purse, bytes);
}

bool arena_free_some(struct arena *a, size_t bytes)
{
    size_t freed = 0;
    a->next = a->end = NULL;
    while (a->blocks && freed < bytes) {
        if (a->blocks->bytes - sizeof *a->blocks > bytes) {
            free_end_of_block(a, bytes);
            break;
        }
        freed += free_block(a);
    }
    return a->blocks;
}

void arena_close(struct arena *a)
{
    free_blocks(a);
    *a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
    free_blocks(a);
    a->next = a->first;
    a->end = a->first ? (char *)a->first + a->first_bytes : NULL;
    a->total = a->first_bytes;
}

static bool refuse(struct arena *a, enum arena_refusal why)
{
    a->refused = why;
    return false;
}

static bool pay(struct arena *a, size_t bytes)
{
    if (!a->purse)
        return true;
    return a->total + bytes > ARENA_LITTLE_BYTES ? purse_take_more(a->purse, bytes)
                                                 : purse_take(a->purse, bytes);
}

static bool fits(const struct arena *a, size_t bytes)
{
    return a->total <= a->limit && bytes <= a->limit - a->total;
}

static bool add_block(struct arena *a, size_t bytes)
{
    size_t need;
    if (!size_add(bytes, sizeof(struct arena_block), &need))
        return refuse(a, ARENA_AT_LIMIT);
    size_t size = need > a->block_bytes ? need : a->block_bytes;
    size_t grown = number_min(a->total / ARENA_GROWTH, ARENA_BLOCK_BYTES_MAX);
    if (grown > size && fits(a, grown) && pay(a, grown)) {
        size = grown;
    } else {
        if (!fits(a, size))
            size = need; /* a smaller block may still fit */
        if (!fits(a, size))
            return refuse(a, ARENA_AT_LIMIT);
        if (!pay(a, size))
            return refuse(a, ARENA_PURSE_EMPTY);
    }
    struct arena_block *block = malloc(size);
    if (!block) {
        if (a->purse)
            purse_give(a->purse, size);
        return refuse(a, ARENA_NO_MEMORY);
    }
    block->older = a->blocks;
    block->bytes = size;
    a->blocks = block;
    a->total += size;
    a->next = (char *)(block + 1);
    a->end = (char *)block + size;
    return true;
}

static size_t round_up(size_t bytes)
{
    return (bytes + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
}

void *arena_take_bytes(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - ARENA_ALIGNMENT)
        return NULL;
    size_t rounded = round_up(bytes);
    if (rounded > (size_t)(a->end - a->next) && !add_block(a, rounded))
        return NULL;
    char *taken = a->next;
    a->next += rounded;
    return taken;
}

void *arena_take(struct arena *a, size_t bytes)
{
    void *taken = arena_take_bytes(a, bytes);
    if (taken)
        memset(taken, 0, round_up(bytes));
    return taken;
}

void arena_give_back(struct arena *a, void *piece, size_t taken, size_t kept)
{
    ASSERT(kept <= taken);
    if ((char *)piece + round_up(taken) == a->next)
        a->next = (char *)piece + round_up(kept);
}

void *arena_take_array(struct arena *a, size_t count, size_t each)
{
    size_t bytes;
    return size_multiply(count, each, &bytes) ? arena_take(a, bytes) : NULL;
}

slice arena_copy(struct arena *a, slice s)
{
    char *copy = arena_take(a, s.len ? s.len : 1);
    if (copy && s.len)
        memcpy(copy, s.ptr, s.len);
    return slice_of(copy, copy ? s.len : 0);
}

char *arena_text(struct arena *a, slice s)
{
    size_t bytes;
    if (!size_add(s.len, 1, &bytes))
        return NULL;
    char *copy = arena_take(a, bytes);
    if (copy && s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}
