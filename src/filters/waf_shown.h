/* What of that which rules found may stand in logs and kept exchanges: whoever reads them has to
 * see what matched, and never a secret: no value of a cookie, of credentials, or of an argument,
 * field or member of JSON whose name tells, and nothing that may have been made of one. */
#pragma once

#include "waf/waf.h"

/* The part of a value that matched; the value where the operator does not say. */
slice waf_matched(const struct waf_finding *f);

/* What was found is a secret by its name, or holds others and was matched as a whole. */
bool waf_finding_is_secret(const struct waf_finding *f);

/* What link number `link` found was taken from elsewhere, or holds others: nobody can tell what is
 * in it, unless it is part of what an earlier link found. */
bool waf_finding_is_unclear(const struct waf_match *m, unsigned link);

/* Nothing of the values of a match may be shown: one link of it found a secret, and another may
 * have looked at the same one under another name. */
bool waf_hides_values(const struct waf_match *m);

/* Texts of a rule that matched, for a line of free text: expanded, or where a secret may have come
 * into them as the rule has them; its data then is ***. What is expanded still goes through
 * log_put_value(). */
slice waf_shown_msg(const struct waf_transaction *t, const struct waf_match *m);
slice waf_shown_tag(const struct waf_transaction *t, const struct waf_match *m, unsigned i);
slice waf_shown_data(const struct waf_transaction *t, const struct waf_match *m);
slice waf_shown_location(const struct waf_transaction *t); /* empty: nobody redirects */
