/* Stacks of fibers: address space with a guard page below, pooled last in first out so that they
 * stay warm. The memory of a fiber's own struct stands at the top. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

#define STACK_BYTES_DEFAULT (256u << 10)

struct stack {
    char *memory; /* lowest usable byte */
    size_t bytes;
    unsigned valgrind_id;
};

/* What bounds the number of stacks. 0: that does not bound it. */
struct stack_limits {
    bool guard_splits;        /* a guard page costs a mapping of its own (mprotect) */
    uint64_t maps_max;        /* vm.max_map_count */
    uint64_t space_bytes_max; /* RLIMIT_AS */
    uint64_t commit_bytes;    /* what may be reserved, when overcommit is off */
};
uint32_t stack_count_within(const struct stack_limits *l, size_t bytes); /* at least 1 */

/* How many stacks this process can have. */
uint32_t stack_count_bound(size_t bytes);

/* Guard pages come from MADV_GUARD_INSTALL where the kernel has it (Linux 6.13), which costs no
 * mapping, else from mprotect. Tests ask for the latter. */
void stack_guard_by_mprotect(bool always);
bool stack_guards_are_free(void); /* MADV_GUARD_INSTALL is used */

/* 0 · -ENOMEM */
MUST_CHECK int stack_make(size_t bytes, struct stack *ret);
void stack_free(struct stack *s);

/* Census: paints a stack, and how deep it has been used since. */
void stack_paint(const struct stack *s);
size_t stack_depth(const struct stack *s);
