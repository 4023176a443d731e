/* The part of `allow` and `deny` that a dry run asks too. */
#pragma once

#include "proxy/configuration.h"

/* The entry of `deny ja4` that covers a fingerprint; NULL: none does. */
const struct denied_fingerprint *access_find_fingerprint(const struct access_settings *a,
                                                         slice ja4);

/* text: the method as sent, for those without an enum of their own. */
bool access_method_is_allowed(const struct access_settings *a, enum method method, slice text);
