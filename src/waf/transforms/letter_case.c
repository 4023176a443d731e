/* lowercase, uppercase: the letters of ASCII; other bytes stay as they are. Eight bytes at a time.
 */
#include "waf/transforms/run.h"

static const struct byte_set upper = { .bits = { 0, BYTE_BITS('A', 'Z') } };
static const struct byte_set lower = { .bits = { 0, BYTE_BITS('a', 'z') } };

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The bit 0x20 of every byte from `first` to `last`, both below 0x80: sums of seven bits cannot
 * carry into the next byte. */
static uint64_t case_bits(uint64_t word, unsigned first, unsigned last)
{
    uint64_t low = word & EVERY_BYTE(0x7f);
    uint64_t from = low + EVERY_BYTE(0x80 - first), beyond = low + EVERY_BYTE(0x7f - last);
    return (from & ~beyond & ~word & EVERY_BYTE(0x80)) >> 2;
}

static void change_case(struct transform_run *run, size_t bytes_max, unsigned first, unsigned last)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; stop - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, run->in.ptr + i, sizeof word);
        word ^= case_bits(word, first, last);
        memcpy(run->out + i, &word, sizeof word);
    }
    for (; i < stop; i++) {
        unsigned byte = (unsigned char)run->in.ptr[i];
        run->out[i] = (char)(byte >= first && byte <= last ? byte ^ 0x20 : byte);
    }
    run->out_len = i;
    run_end(run, i);
}

static void to_lower(struct transform_run *run, size_t bytes_max)
{
    change_case(run, bytes_max, 'A', 'Z');
}

static void to_upper(struct transform_run *run, size_t bytes_max)
{
    change_case(run, bytes_max, 'a', 'z');
}

const struct transform transform_lowercase = {
    .name = "lowercase",
    .out_max = transform_same,
    .triggers = &upper,
    .step = to_lower,
    .meaning = "Makes the letters of ASCII lower case.",
    .example = "`ScRiPt` becomes `script`",
};

const struct transform transform_uppercase = {
    .name = "uppercase",
    .out_max = transform_same,
    .triggers = &lower,
    .step = to_upper,
    .meaning = "Makes the letters of ASCII upper case.",
    .example = "`ScRiPt` becomes `SCRIPT`",
};
