/* Stacks of fibers: address space with a guard page below, pooled last in first out so that they
 * stay warm. The memory of a fiber's own struct stands at the top. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

#define STACK_BYTES_DEFAULT (256u << 10)

struct stack {
    char *memory; /* lowest usable byte */
    size_t bytes;
    unsigned valgrind_id;
};

/* How many stacks this process can have, from vm.max_map_count, RLIMIT_AS and overcommit. */
uint32_t stack_count_bound(size_t bytes);

/* 0 · -ENOMEM */
MUST_CHECK int stack_make(size_t bytes, struct stack *ret);
void stack_free(struct stack *s);

/* Census: paints a stack, and how deep it has been used since. */
void stack_paint(const struct stack *s);
size_t stack_depth(const struct stack *s);
