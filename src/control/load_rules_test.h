/* Tests that load hundreds of configurations compile the rules that are part of the program once,
 * as long as the process lives. */
#pragma once

#include "base/panic.h"
#include "control/load.h"

static inline const struct ruleset *test_rules(void)
{
    static struct ruleset *rules;
    if (!rules) {
        int result = load_own_rules(&rules);
        ASSERT(result == 0);
    }
    return rules;
}
