#include "waf/byte_set.h"

void byte_set_add_range(struct byte_set *s, unsigned char first, unsigned char last)
{
    for (unsigned byte = first; byte <= last; byte++)
        byte_set_add(s, (unsigned char)byte);
}

unsigned byte_set_count(const struct byte_set *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 4; i++)
        count += (unsigned)__builtin_popcountll(s->bits[i]);
    return count;
}
