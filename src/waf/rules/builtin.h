/* The rules that are part of the program, in SecLang, made from the *.conf files of this folder
 * when it is built: what every set of rules rests on, and the set of our own. `portcullis waf
 * rules` prints them.
 *
 * Ids: 8000001-8000099 the prelude, 8100001-8199999 our own set. */
#pragma once

#include "waf/seclang/seclang.h"

/* Which bodies are read as what, and what is refused because it cannot be read for certain: read
 * before every set of rules. */
extern const slice waf_prelude;

/* Begins the names of their files. */
#define WAF_BUILTIN_FOLDER SLICE("builtin/")

struct waf_rule_text {
    slice name; /* builtin/sql.conf */
    slice text;
};

/* In the order in which they are read. */
extern const struct waf_rule_text waf_builtin[];
extern const unsigned waf_builtin_count;

/* The set of our own into a load. 0 · -EINVAL, -ENOMEM as seclang_text says */
MUST_CHECK int waf_builtin_read(struct seclang *load);
