/* Eight bytes at a time. */
#include "waf/transforms/letter_case.h"

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The bit 0x20 of every byte from `first` to `last`, both below 0x80: sums of seven bits cannot
 * carry into the next byte. */
static uint64_t case_bits(uint64_t word, unsigned first, unsigned last)
{
    uint64_t low = word & EVERY_BYTE(0x7f);
    uint64_t from = low + EVERY_BYTE(0x80 - first), beyond = low + EVERY_BYTE(0x7f - last);
    return (from & ~beyond & ~word & EVERY_BYTE(0x80)) >> 2;
}

void letter_case_change(struct transform_run *run, size_t bytes_max, unsigned first, unsigned last)
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
