/* The few words of the language that C does not have.
 *
 * One idiom for errors: int, >= 0 success, -errno failure. TRY is the only control-flow macro.
 * MAY_WAIT marks a function that can switch to another fiber: after it returns the world may have
 * changed, so hold a reference or look again. MUST_NOT_WAIT marks callbacks that may only enqueue.
 */
#pragma once

#include <stddef.h>

#define MUST_CHECK    __attribute__((warn_unused_result))
#define MAY_WAIT      __attribute__((warn_unused_result))
#define MUST_NOT_WAIT /* the callee only enqueues; asserted at run time by the runtime */
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define HOT           __attribute__((hot))
#define COLD          __attribute__((cold, noinline))
#define UNUSED        __attribute__((unused))

/* A local variable that is written before it is read: not zeroed, which would take longer than its
 * use does. */
#define UNINITIALIZED __attribute__((uninitialized))

/* A variable that owns something which is not memory: `release` runs on every way out. The function
 * takes a pointer to the variable. */
#define OWNS(release) __attribute__((cleanup(release)))

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Leaves the function with the callee's error when it is not zero (0 is the only way on). */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        int try_result_ = (call);                                                                  \
        if (UNLIKELY(try_result_ != 0))                                                            \
            return try_result_;                                                                    \
    } while (0)

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
