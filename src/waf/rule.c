#include "waf/rule.h"

#include <errno.h>
#include <stdlib.h>

static const char *const severities[] = { "EMERGENCY", "ALERT",  "CRITICAL", "ERROR",
                                          "WARNING",   "NOTICE", "INFO",     "DEBUG" };
enum { SEVERITIES = sizeof(severities) / sizeof(severities[0]) };

const char *severity_name(unsigned severity)
{
    return severity < SEVERITIES ? severities[severity] : "";
}

void ruleset_free(struct ruleset *rules)
{
    if (!rules)
        return;
    for (unsigned i = rules->owned_count; i > 0; i--)
        rules->owned[i - 1].release(rules->owned[i - 1].thing);
    arena_close(&rules->arena);
    free(rules);
}

int severity_parse(slice text)
{
    if (text.len == 1 && text.ptr[0] >= '0' && text.ptr[0] < '0' + SEVERITIES)
        return text.ptr[0] - '0';
    for (int i = 0; i < SEVERITIES; i++)
        if (slice_equal_fold(text, slice_from(severities[i])))
            return i;
    return -EINVAL;
}
