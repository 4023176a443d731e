/* What judges a route, in a few words, for the one who starts or checks the program: "balanced,
 * enforced: 65 built-in rules". */
#pragma once

#include "proxy/configuration.h"
#include "proxy/waf_settings.h"

/* "strict, threshold 7, shadow: 331 rules of OWASP_CRS/4.28.0", or "off". */
void waf_summary_write(struct writer *w, const struct waf_settings *s);

/* Whether two routes are judged alike: by the same rules, as strictly, in the same mode. */
bool waf_summary_is_same(const struct waf_settings *a, const struct waf_settings *b);

/* How many of the rules find something at this level: those that only prepare, count or decide are
 * not among them. */
uint32_t waf_summary_rules(const struct waf_settings *s);

/* A line for each way to judge that the configuration has, with the sites and routes where there is
 * more than one. */
void waf_summary_print(const struct configuration *c, int fd);
