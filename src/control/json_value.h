/* Members of the JSON that our own programs tell each other. What is not there, or of another kind,
 * is empty or 0. */
#pragma once

#include <jansson.h>

#include "base/slice.h"

static inline slice json_text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? slice_of(json_string_value(value), json_string_length(value))
                                 : slice_of("", 0);
}

static inline long long json_number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}
