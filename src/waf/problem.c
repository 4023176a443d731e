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

const char *waf_problem_of_file(int error)
{
    return error == -ESPIPE ? "it is a pipe or a device, not a file" : strerror(-error);
}
