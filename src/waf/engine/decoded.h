/* Values that are Base64 of text: the text stands beside them, under the same name. */
#pragma once

#include "waf/engine/transaction.h"

/* A value of the request, and what it is the Base64 of (bodies/base64_text.h), where the world says
 * so: an echo, so it is not counted, and rules look at it only where no other value matched. What
 * is in it is looked at as it is there: values of JSON one by one, Base64 in it once more. What a
 * framework signs and keeps in fields of its own (__VIEWSTATE) stays as it is.
 * 0 · -ENOMEM · -EDQUOT, -ECANCELED */
MUST_CHECK int decoded_add(struct waf_transaction *t, struct source *s, slice name, slice value);

/* The same of a value that is the argument `member` of the one called `name`. */
MUST_CHECK int decoded_add_part(struct waf_transaction *t, struct source *s, slice name,
                                slice member, slice value);
