/* What every unit test includes: cmocka with what it wants included before it, and a runner for a
 * table of tests whose names are sentences. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"

#define TEST(name) static void name(UNUSED void **state)

/* Fails with both values when the slices differ. */
#define assert_slice_equal(actual, expected)                                                       \
    do {                                                                                           \
        slice actual_ = (actual), expected_ = (expected);                                          \
        if (!slice_equal(actual_, expected_))                                                      \
            fail_msg("\"%.*s\" is not the expected \"%.*s\"", SLICE_ARGUMENTS(actual_),            \
                     SLICE_ARGUMENTS(expected_));                                                  \
    } while (0)
