#include "config/suggest.h"

#define WORD_BYTES_MAX 48u

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t edit_distance(slice a, slice b)
{
    if (a.len > WORD_BYTES_MAX || b.len > WORD_BYTES_MAX)
        return UINT32_MAX;
    uint32_t rows[3][WORD_BYTES_MAX + 1] = { { 0 } };
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (uint32_t)j;
    for (size_t i = 1; i <= a.len; i++) {
        uint32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = ascii_lower(a.ptr[i - 1]), y = ascii_lower(b.ptr[j - 1]);
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) && y == ascii_lower(a.ptr[i - 2]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

struct suggestion suggestion_for(slice wanted)
{
    return (struct suggestion){ .wanted = wanted, .distance = UINT32_MAX };
}

void suggestion_offer(struct suggestion *s, slice candidate)
{
    uint32_t allowed = s->wanted.len < 5 ? 1 : s->wanted.len < 9 ? 2 : 3;
    if (s->wanted.len < 2 || candidate.len < 2)
        return;
    uint32_t distance = edit_distance(s->wanted, candidate);
    /* a word of two letters with one error shares only one letter: still worth an offer */
    if (distance > allowed || distance >= candidate.len || distance >= s->distance)
        return;
    s->best = candidate;
    s->distance = distance;
}
