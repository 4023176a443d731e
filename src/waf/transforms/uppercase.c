/* uppercase: the letters of ASCII become upper case; other bytes stay as they are. */
#include "waf/transforms/letter_case.h"

static const struct byte_set lower = { .bits = { 0, BYTE_BITS('a', 'z') } };

static void step(struct transform_run *run, size_t bytes_max)
{
    letter_case_change(run, bytes_max, 'a', 'z');
}

const struct transform transform_uppercase = {
    .name = "uppercase",
    .out_max = transform_same,
    .triggers = &lower,
    .step = step,
    .meaning = "Makes the letters of ASCII upper case.",
    .example = "`ScRiPt` becomes `SCRIPT`",
};
