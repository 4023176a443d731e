/* What tests of loading share: the configuration of a text, and what was said about it, until the
 * next one is loaded. */
#pragma once

#include <errno.h>

#include "base/test.h"
#include "control/load.h"
#include "control/load_rules_test.h"

static struct diagnostics diagnostics;
static struct configuration *c;

static inline void forget(void)
{
    configuration_free(c);
    c = NULL;
    diagnostics_close(&diagnostics);
}

/* A teardown. */
static inline int finish(UNUSED void **state)
{
    forget();
    return 0;
}

static inline void load_slice(slice text)
{
    forget();
    diagnostics_open(&diagnostics);
    int result = configuration_load(&(struct load_options){ .text = text, .rules = test_rules() },
                                    &c, &diagnostics);
    assert_int_equal(result, diagnostics.errors ? -EINVAL : 0);
}
