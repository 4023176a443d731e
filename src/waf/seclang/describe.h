/* What a loaded ruleset consists of, in words: for `portcullis waf rules`. */
#pragma once

#include "base/writer.h"
#include "waf/rule.h"

/* Its name, how many rules it has by phase and by paranoia level (as their tags say), and a line
 * for each file with rules: how many, from which id to which. w->overflowed when it did not fit. */
void ruleset_describe(const struct ruleset *rules, struct writer *w);
