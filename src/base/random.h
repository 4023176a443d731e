/* Random bytes from the kernel, buffered. random_after_fork() must run in every child: the buffer
 * of the parent is never used twice. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *to, size_t count);
uint64_t random_number(void);
void random_after_fork(void);

/* For tests and the simulation: from now on a reproducible sequence. 0 switches back. */
void random_seed(uint64_t seed);
