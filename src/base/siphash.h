/* SipHash-2-4 (Aumasson and Bernstein, 2012): the keyed hash of every table whose keys strangers
 * choose. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t count);

/* The variant with 128 bits: for what is told apart by its hash alone. */
void siphash128(const struct siphash_key *key, const void *bytes, size_t count, uint64_t ret[2]);
