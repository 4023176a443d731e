/* The part of `allow` and `deny` that a dry run asks too. */
#pragma once

#include "proxy/configuration.h"

/* The entry of `deny ja4` or `deny h2` that covers one of a client's fingerprints; NULL: none does.
 * Empty: it has none of that kind. */
const struct denied_fingerprint *access_find_fingerprint(const struct access_settings *a, slice ja4,
                                                         slice h2);
/* What is said then, by enum fingerprint_kind. */
extern const struct access_refusal {
    const char *reason, *text;
} access_refusals[];

/* text: the method as sent, for those without an enum of their own. */
bool access_method_is_allowed(const struct access_settings *a, enum method method, slice text);
