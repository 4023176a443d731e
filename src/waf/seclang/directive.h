/* Directives. One table names them all; what each does here, or why it does nothing, stands there.
 */
#pragma once

#include "waf/seclang/loader.h"

enum directive_effect {
    DIRECTIVE_WORKS,
    DIRECTIVE_ACCEPTED, /* read, and without effect for the reason in `meaning` */
    DIRECTIVE_REFUSED,  /* an error for the reason in `meaning` */
};

struct directive_row {
    const char *name;
    unsigned char words_min, words_max; /* behind the name; 255: any number */
    enum directive_effect effect;
    int (*run)(struct seclang *l, const slice *words, unsigned count); /* NULL: without effect */
    const char *arguments; /* as the reference shows them */
    const char *meaning;
};

extern const struct directive_row waf_directive_rows[];
extern const unsigned waf_directive_row_count;

/* Whatever its case; NULL. */
const struct directive_row *directive_find(slice name);

/* Runs the directive in l->line. 0 · -EINVAL noted · -ENOMEM */
MUST_CHECK int directive_run(struct seclang *l);

/* A number of 0 … max; `what` for the error. */
MUST_CHECK int directive_number(struct seclang *l, slice word, const char *what, uint64_t max,
                                uint64_t *ret_number);

/* Which of `words` (NULL behind the last, at most 3) it is. */
MUST_CHECK int directive_choice(struct seclang *l, slice word, const char *what,
                                const char *const words[4], unsigned *ret_index);

/* rules.c */
MUST_CHECK int directive_rule(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_action(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_marker(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_default_action(struct seclang *l, const slice *words, unsigned count);

/* exclusion.c */
MUST_CHECK int directive_remove_by_id(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_remove_by_tag(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_remove_by_msg(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_update_target_by_id(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_update_target_by_tag(struct seclang *l, const slice *words,
                                              unsigned count);
MUST_CHECK int directive_update_target_by_msg(struct seclang *l, const slice *words,
                                              unsigned count);
MUST_CHECK int directive_update_action_by_id(struct seclang *l, const slice *words, unsigned count);

/* load.c */
MUST_CHECK int directive_include(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int directive_include_optional(struct seclang *l, const slice *words, unsigned count);
