#include "base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*panic_report)(void);

void panic_on_report(void (*report)(void))
{
    panic_report = report;
}

void panic(const char *file, int line, const char *function, const char *what)
{
    char text[512];
    int length = snprintf(text, sizeof text, "portcullis[%d]: panic: %s (%s, %s:%d)\n",
                          (int)getpid(), what, function, file, line);
    if (length > 0) {
        size_t bytes = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
        ssize_t ignored = write(STDERR_FILENO, text, bytes);
        (void)ignored;
    }
    void (*report)(void) = panic_report;
    panic_report = NULL; /* a report that panics itself does not loop */
    if (report)
        report();
    abort();
}
