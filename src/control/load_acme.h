/* The configuration's `acme`: its rows, and what follows from the rest of the configuration. */
#pragma once

#include "config/directive.h"
#include "proxy/configuration.h"

extern const struct directive_table acme_options;

/* How the certifier is told: the settings with what is listened on, in an arena; empty: no `acme`
 * is written. In the generation, when ports are known. 0 · -ENOMEM */
MUST_CHECK int load_acme_text(const struct configuration *c, struct arena *a, slice *ret);
