/* Reads a regular expression in PCRE's language (over bytes, DOTALL, DOLLAR_ENDONLY) into a tree.
 *
 * The tree takes everything that the pattern matches. Where it takes more (lookaround,
 * backreferences, atomic groups, what this reader does not know) `is_exact` says so, and somebody
 * else has to decide. Whether the text is a regular expression at all is not judged here: PCRE2 has
 * compiled it before. */
#pragma once

#include "waf/patterns/tree.h"

struct syntax {
    struct node *root;
    bool is_exact;
    bool has_possessive; /* exact only if it makes no difference: program_build looks */
};

/* 0 · -ENOMEM */
MUST_CHECK int syntax_parse(slice text, bool is_caseless, struct arena *arena,
                            struct syntax *ret_syntax);
