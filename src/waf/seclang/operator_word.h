/* The operator of a rule: [!][@name ]argument, @rx when no name is given. */
#pragma once

#include "waf/seclang/loader.h"

/* Fills the link's operator, argument and negation. 0 · -EINVAL noted · -ENOMEM */
MUST_CHECK int operator_word_parse(struct seclang *l, slice text, struct draft_link *link);
