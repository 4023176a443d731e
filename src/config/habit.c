#include "config/habit.h"

#include <string.h>

static bool is_number(slice text)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    return digits && digits == text.len;
}

static bool is_meant(const struct habit *h, const char *directive, slice word)
{
    if (!h->directive != !directive || (directive && strcmp(h->directive, directive) != 0))
        return false;
    return strcmp(h->word, HABIT_ANY_NUMBER) == 0 ? is_number(word)
                                                  : slice_equal(slice_from(h->word), word);
}

const char *habit_find(const struct habit *habits, const char *directive, slice word)
{
    for (const struct habit *h = habits; h->word; h++)
        if (is_meant(h, directive, word))
            return h->hint;
    return NULL;
}
