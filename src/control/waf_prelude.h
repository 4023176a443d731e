/* What rules rest on, in their own language: it is read before every set of rules. Which bodies are
 * read as what, and what is refused because it cannot be read for certain. */
#pragma once

#include "base/slice.h"

extern const slice waf_prelude;
