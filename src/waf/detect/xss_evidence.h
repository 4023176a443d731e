/* What counts as evidence that script would run: a few words, or NULL. */
#pragma once

#include "waf/detect/html_token.h"

/* An element by itself, whatever its attributes. has_rules: behind it stand signs of a style sheet.
 */
const char *xss_element(slice name, bool has_rules);

struct xss_attribute {
    slice element; /* empty when the value began inside of it: then only what is certainly meant as
                    * script counts */
    slice name, value;
    enum html_place place;
};

/* 0 with *ret_because set or NULL · -errno of the work. */
MUST_CHECK int xss_attribute(const struct xss_attribute *a, const char **ret_because,
                             struct work *work);

/* A comment, a declaration or an instruction. */
const char *xss_comment(const struct html_event *e);
