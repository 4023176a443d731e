#include "waf/rule.h"

#include <errno.h>

static const char *const severities[] = { "EMERGENCY", "ALERT",  "CRITICAL", "ERROR",
                                          "WARNING",   "NOTICE", "INFO",     "DEBUG" };
enum { SEVERITIES = sizeof(severities) / sizeof(severities[0]) };

const char *severity_name(unsigned severity)
{
    return severity < SEVERITIES ? severities[severity] : "";
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
