/* The impossible. An assertion states what must hold whatever a peer sends; it stays on in release
 * builds. What a peer can cause is never an assertion but an error. When one fails the process
 * prints a report and dies; the supervisor restarts it and counts. */
#pragma once

#include "base/attributes.h"

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (UNLIKELY(!(condition)))                                                                \
            panic(__FILE__, __LINE__, __func__, #condition);                                       \
    } while (0)

#define UNREACHABLE() panic(__FILE__, __LINE__, __func__, "unreachable")

_Noreturn COLD void panic(const char *file, int line, const char *function, const char *what);

/* Registers one function that prints more state into the report (for example the exchange that was
 * running). It must only use async-signal-safe means. NULL removes it. */
void panic_on_report(void (*report)(void));
