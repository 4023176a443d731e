#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

#define BYTES_MAX_DEFAULT (256u << 20)
#define WARM_MAX          4096u

static uint64_t bytes_max = BYTES_MAX_DEFAULT;
static uint64_t bytes_in_use;
static struct buffer *warm[WARM_MAX];
static uint32_t warm_count;

void buffer_limit(uint64_t limit)
{
    bytes_max = limit ? limit : BYTES_MAX_DEFAULT;
}

static struct buffer *make(uint32_t capacity)
{
    struct buffer *b = malloc(sizeof *b + capacity);
    if (b)
        b->capacity = capacity;
    return b;
}

static struct buffer *account(struct buffer *b)
{
    if (!b)
        return NULL;
    b->start = b->end = 0;
    bytes_in_use += b->capacity;
    return b;
}

static struct buffer *take_pooled(void)
{
    return account(warm_count ? warm[--warm_count] : make(BUFFER_BYTES));
}

struct buffer *buffer_take(void)
{
    return bytes_in_use + BUFFER_BYTES > bytes_max ? NULL : take_pooled();
}

struct buffer *buffer_take_large(uint32_t capacity)
{
    if (capacity < BUFFER_BYTES)
        capacity = BUFFER_BYTES;
    if (bytes_in_use + capacity > bytes_max - bytes_max / 8)
        return NULL;
    return capacity == BUFFER_BYTES ? take_pooled() : account(make(capacity));
}

void buffer_release(struct buffer *b)
{
    if (!b)
        return;
    ASSERT(b->start <= b->end && b->end <= b->capacity);
    ASSERT(bytes_in_use >= b->capacity);
    bytes_in_use -= b->capacity;
    if (b->capacity == BUFFER_BYTES && warm_count < WARM_MAX)
        warm[warm_count++] = b;
    else
        free(b);
}

void buffer_drop(struct buffer **b)
{
    buffer_release(*b);
    *b = NULL;
}

uint64_t buffer_bytes_in_use(void)
{
    return bytes_in_use;
}

bool buffers_are_scarce(void)
{
    return bytes_in_use > bytes_max / 2;
}

bool buffers_are_at_limit(void)
{
    return bytes_in_use + BUFFER_BYTES > bytes_max;
}

void buffer_pool_trim(uint32_t keep)
{
    while (warm_count > keep)
        free(warm[--warm_count]);
}

void buffer_compact(struct buffer *b)
{
    if (b->start == 0)
        return;
    memmove(b->memory, b->memory + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
}
