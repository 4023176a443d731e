#include "wire/fingerprint.h"

/* Cuts off the star: true when there was one. */
static bool cut_star(slice *pattern)
{
    bool has_star = slice_ends_with(*pattern, SLICE("*"));
    *pattern = slice_first(*pattern, pattern->len - has_star);
    return has_star;
}

static bool fits(slice text, slice fixed, bool has_star)
{
    return has_star ? slice_starts_with(text, fixed) : slice_equal(text, fixed);
}

bool fingerprint_matches(slice pattern, slice fingerprint)
{
    bool has_star = cut_star(&pattern);
    return fingerprint.len > 0 && fits(fingerprint, pattern, has_star);
}

bool fingerprint_patterns_differ(slice a, slice b)
{
    bool star_of_a = cut_star(&a), star_of_b = cut_star(&b);
    return !(star_of_a && slice_starts_with(b, a)) && !(star_of_b && slice_starts_with(a, b)) &&
           !slice_equal(a, b);
}
