/* Directives that set one value of struct waf_directives. */
#pragma once

#include "waf/seclang/loader.h"

/* What holds without any directive: rules enforce, and bodies are looked into. 0 · -ENOMEM */
MUST_CHECK int options_default(struct seclang *l);

/* Runs the one that l->line names. */
MUST_CHECK int option_run(struct seclang *l, const slice *words, unsigned count);

/* Directives whose value is only checked. */
MUST_CHECK int option_check_switch(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_check_number(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_check_off(struct seclang *l, const slice *words, unsigned count);

/* Has no effect that anybody could want: a warning. */
MUST_CHECK int option_geo_database(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_list_key(struct seclang *l, const slice *words, unsigned count);

MUST_CHECK int option_response_types(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_response_types_clear(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_unicode_map(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_argument_separator(struct seclang *l, const slice *words, unsigned count);
MUST_CHECK int option_component_signature(struct seclang *l, const slice *words, unsigned count);
