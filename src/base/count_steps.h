/* For tests of cost: counts what code does, instead of timing it. What is measured is built once
 * more with a call at every branch (-fsanitize-coverage=trace-pc), and the linker puts the
 * functions below in front of the ones of the C library that walk over memory (-Wl,--wrap=…). One
 * test includes this, once. */
#pragma once

#include <stdint.h>
#include <string.h>

static uint64_t steps_counted;

void __sanitizer_cov_trace_pc(void);
void *__real_memchr(const void *s, int byte, size_t count);
void *__real_memmem(const void *s, size_t count, const void *needle, size_t needle_count);
int __real_memcmp(const void *a, const void *b, size_t count);
void *__real_memcpy(void *to, const void *from, size_t count);
void *__real_memmove(void *to, const void *from, size_t count);
void *__wrap_memchr(const void *s, int byte, size_t count);
void *__wrap_memmem(const void *s, size_t count, const void *needle, size_t needle_count);
int __wrap_memcmp(const void *a, const void *b, size_t count);
void *__wrap_memcpy(void *to, const void *from, size_t count);
void *__wrap_memmove(void *to, const void *from, size_t count);

void __sanitizer_cov_trace_pc(void)
{
    steps_counted++;
}

static void *walked(const void *from, void *found, size_t count)
{
    steps_counted += found ? (size_t)((const char *)found - (const char *)from) : count;
    return found;
}

void *__wrap_memchr(const void *s, int byte, size_t count)
{
    return walked(s, __real_memchr(s, byte, count), count);
}

void *__wrap_memmem(const void *s, size_t count, const void *needle, size_t needle_count)
{
    return walked(s, __real_memmem(s, count, needle, needle_count), count);
}

int __wrap_memcmp(const void *a, const void *b, size_t count)
{
    steps_counted += count;
    return __real_memcmp(a, b, count);
}

void *__wrap_memcpy(void *to, const void *from, size_t count)
{
    steps_counted += count;
    return __real_memcpy(to, from, count);
}

void *__wrap_memmove(void *to, const void *from, size_t count)
{
    steps_counted += count;
    return __real_memmove(to, from, count);
}
