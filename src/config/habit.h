/* What words of other programs are called here. */
#pragma once

#include "base/slice.h"

/* "proxy_pass" -> "nginx's proxy_pass is 'to' here". Tables of them end with a NULL word. */
struct habit {
    const char *word;
    const char *hint;
    const char *directive; /* whose argument it is; NULL: it is a directive itself */
};
#define HABIT_ANY_NUMBER "#" /* as the word of an argument */

/* The hint for a word in this place; NULL: nothing is known of it. */
const char *habit_find(const struct habit *habits, const char *directive, slice word);
