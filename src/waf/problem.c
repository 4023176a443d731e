#include "waf/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int waf_problem_set(struct waf_problem *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->text, sizeof(p->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}
