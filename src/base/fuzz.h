/* What every fuzz target defines. In an ordinary build the same file is linked with
 * tests/fuzz_replay.c, which feeds it the kept corpus: a crash found once stays a test. */
#pragma once

#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static inline slice fuzz_input(const uint8_t *bytes, size_t count)
{
    return slice_of((const char *)bytes, count);
}
