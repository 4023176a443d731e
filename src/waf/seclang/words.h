/* Every word of SecLang that is known here, from the tables that make it work, and those of
 * ModSecurity that are refused by name: for the reference and for `help`. */
#pragma once

#include "base/slice.h"

enum waf_word_kind {
    WORD_DIRECTIVE,
    WORD_VARIABLE,
    WORD_SPECIAL, /* of a persistent collection */
    WORD_SELECTOR,
    WORD_MACRO,
    WORD_OPERATOR,
    WORD_TRANSFORM,
    WORD_ACTION,
    WORD_CTL,
    WORD_AUDIT_PART,
    WORD_KINDS
};

enum waf_word_effect {
    WORD_WORKS,
    WORD_WITHOUT_EFFECT, /* read; meaning says why it does nothing */
    WORD_REFUSED         /* an error; meaning says why */
};

struct waf_word {
    enum waf_word_kind kind;
    enum waf_word_effect effect;
    const char *before, *name; /* as it is written: "@" and "rx", "t:" and "lowercase" */
    const char *alias;         /* another spelling; NULL */
    const char *form;          /* what stands behind it; "" */
    const char *meaning;
    const char *example;    /* NULL: none */
    const char *difference; /* to ModSecurity; NULL: none that is known */
};

/* Of all words of a kind the `index`-th, by name. False: there are no more. */
bool waf_word_at(enum waf_word_kind kind, unsigned index, struct waf_word *ret);

/* "SecRule", "REQUEST_URI", "@rx", "t:lowercase", "ctl:ruleEngine", or an action or transformation
 * by its name alone; whatever its case, and without what may follow (":name", "=value"). */
bool waf_word_find(slice text, struct waf_word *ret);

/* How many words the differences are told of: each has to be one. */
unsigned waf_word_differences(void);

/* "directives", "variables" … */
const char *waf_word_kind_name(enum waf_word_kind kind);
