/* The directive tables of the filters; each stands beside its filter in *_options.c. */
#pragma once

#include "proxy/options.h"

extern const struct directive_table access_options, answer_options, auth_options, headers_options,
    waf_options;

/* Sorts the networks of the block when all its statements are applied. 0 · -ENOMEM */
MUST_CHECK int access_finish(struct arena *a, struct access_settings *settings);
