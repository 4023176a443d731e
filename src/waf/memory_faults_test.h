/* Requests for memory that fail, of the arena and of the C library: included by the one file of a
 * test program that is linked with memory_wraps (src/waf/meson.build). */
#pragma once

#include <stdlib.h>

#include "base/arena.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *memory, size_t bytes);
void *__real_reallocarray(void *memory, size_t count, size_t each);
void __real_free(void *memory);
void *__real_arena_take(struct arena *a, size_t bytes);
void *__real_arena_take_bytes(struct arena *a, size_t bytes);
void *__real_arena_take_array(struct arena *a, size_t count, size_t each);
slice __real_arena_copy(struct arena *a, slice s);
char *__real_arena_text(struct arena *a, slice s);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_reallocarray(void *memory, size_t count, size_t each);
void __wrap_free(void *memory);
void *__wrap_arena_take(struct arena *a, size_t bytes);
void *__wrap_arena_take_bytes(struct arena *a, size_t bytes);
void *__wrap_arena_take_array(struct arena *a, size_t count, size_t each);
slice __wrap_arena_copy(struct arena *a, slice s);
char *__wrap_arena_text(struct arena *a, slice s);

static bool is_counting, goes_on;               /* only while counting; all that follow, too */
static uint32_t requests, failing = UINT32_MAX; /* the number of the one that fails */
static int64_t held;                            /* blocks of the C library */

static bool fails(void)
{
    if (!is_counting)
        return false;
    uint32_t number = requests++;
    return goes_on ? number >= failing : number == failing;
}

void *__wrap_malloc(size_t bytes)
{
    void *memory = fails() ? NULL : __real_malloc(bytes);
    held += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t count, size_t each)
{
    void *memory = fails() ? NULL : __real_calloc(count, each);
    held += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    if (fails())
        return NULL;
    void *grown = __real_realloc(memory, bytes);
    held += memory == NULL && grown != NULL;
    return grown;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t each)
{
    if (fails())
        return NULL;
    void *grown = __real_reallocarray(memory, count, each);
    held += memory == NULL && grown != NULL;
    return grown;
}

void *__wrap_arena_take(struct arena *a, size_t bytes)
{
    return fails() ? NULL : __real_arena_take(a, bytes);
}

void *__wrap_arena_take_bytes(struct arena *a, size_t bytes)
{
    return fails() ? NULL : __real_arena_take_bytes(a, bytes);
}

void *__wrap_arena_take_array(struct arena *a, size_t count, size_t each)
{
    return fails() ? NULL : __real_arena_take_array(a, count, each);
}

slice __wrap_arena_copy(struct arena *a, slice s)
{
    return fails() ? slice_of(NULL, 0) : __real_arena_copy(a, s);
}

char *__wrap_arena_text(struct arena *a, slice s)
{
    return fails() ? NULL : __real_arena_text(a, s);
}

void __wrap_free(void *memory)
{
    held -= memory != NULL;
    __real_free(memory);
}
