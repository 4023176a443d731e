#include "waf/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const severities[] = { "EMERGENCY", "ALERT",  "CRITICAL", "ERROR",
                                          "WARNING",   "NOTICE", "INFO",     "DEBUG" };
enum { SEVERITIES = sizeof(severities) / sizeof(severities[0]) };

const char *severity_name(unsigned severity)
{
    return severity < SEVERITIES ? severities[severity] : "";
}

/* Room is doubled when it is full: at each power of two. */
static int owned_grow(struct ruleset *rules)
{
    unsigned count = rules->owned_count, room = count ? count * 2 : 1;
    struct ruleset_owned *owned = arena_take_array(&rules->arena, room, sizeof(*owned));
    if (!owned)
        return -ENOMEM;
    if (count)
        memcpy(owned, rules->owned, count * sizeof(*owned));
    rules->owned = owned;
    return 0;
}

int ruleset_own(struct ruleset *rules, void (*release)(void *thing), void *thing)
{
    unsigned count = rules->owned_count;
    if ((count & (count - 1)) == 0 && owned_grow(rules) != 0) {
        release(thing);
        return -ENOMEM;
    }
    rules->owned[rules->owned_count++] = (struct ruleset_owned){ release, thing };
    return 0;
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
