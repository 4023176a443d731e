/* The Cookie field of a request as ModSecurity 2 reads it (SecCookieFormat 0): pieces split at ';',
 * white space in front of a name dropped, the name up to the first '=', the value as sent. A piece
 * without '=' has an empty value, one without a name is passed over. */
#pragma once

#include "base/slice.h"

/* The next cookie; *rest begins as the field's value. False at the end. */
bool cookies_next(slice *rest, slice *ret_name, slice *ret_value);
