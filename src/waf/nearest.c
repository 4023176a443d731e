#include "waf/nearest.h"

/* Levenshtein's distance of two short names, case folded. */
static unsigned distance(slice a, slice b)
{
    unsigned row[NEAREST_LENGTH_MAX + 1];
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned replaced = diagonal + (ascii_lower(a.ptr[i - 1]) != ascii_lower(b.ptr[j - 1]));
            unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b.len];
}

struct nearest nearest_to(slice wanted)
{
    return (struct nearest){ .wanted = wanted, .distance = 2 + (unsigned)(wanted.len / 3) };
}

void nearest_try(struct nearest *n, const char *name)
{
    slice candidate = slice_from(name);
    if (n->wanted.len > NEAREST_LENGTH_MAX || candidate.len > NEAREST_LENGTH_MAX)
        return;
    unsigned d = distance(n->wanted, candidate);
    if (d < n->distance) {
        n->distance = d;
        n->name = name;
    }
}
