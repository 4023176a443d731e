/* How people write the fingerprints of clients that they mean (wire/ja4.h, wire/h2_fingerprint.h):
 * a whole one, or its beginning and a star for the rest. Whether a pattern has the form of its kind
 * is asked there, before. */
#pragma once

#include "base/slice.h"

enum fingerprint_kind { FINGERPRINT_JA4, FINGERPRINT_H2 };

/* An empty fingerprint, of a client that has none, is matched by no pattern. */
bool fingerprint_matches(slice pattern, slice fingerprint);
/* Whether no fingerprint matches both. */
bool fingerprint_patterns_differ(slice a, slice b);
