/* lowercase: the letters of ASCII become lower case; other bytes stay as they are. */
#include "waf/transforms/letter_case.h"

static const struct byte_set upper = { .bits = { 0, BYTE_BITS('A', 'Z') } };

static void step(struct transform_run *run, size_t bytes_max)
{
    letter_case_change(run, bytes_max, 'A', 'Z');
}

const struct transform transform_lowercase = {
    .name = "lowercase",
    .out_max = transform_same,
    .triggers = &upper,
    .step = step,
    .meaning = "Makes the letters of ASCII lower case.",
    .example = "`ScRiPt` becomes `script`",
};
