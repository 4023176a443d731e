/* The first frame of a fiber, as the fiber_switch in assembly expects to find it. */
#include <string.h>

#include "runtime/fiber_internal.h"

#define COLOURS      16u /* stack tops that differ, so that they do not share cache sets */
#define COLOUR_BYTES 192u

void fiber_trampoline(void);

/* The same for a stack each time, so that what its last fiber left in the cache serves the next. */
static uintptr_t top_of(const struct stack *s)
{
    size_t colour = (uintptr_t)s->memory / s->bytes % COLOURS * COLOUR_BYTES;
    return ((uintptr_t)s->memory + s->bytes - colour) & ~(uintptr_t)63;
}

void *fiber_frame(const struct stack *s, void (*run)(void *), void *argument)
{
#if defined(__x86_64__)
    void **frame = (void **)top_of(s) - 10;
    uint32_t control[2];
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(control[0]), "=m"(control[1]));
    memset(frame, 0, 10 * sizeof *frame);
    memcpy(&frame[0], control, sizeof control);
    frame[3] = argument;               /* r13 */
    frame[4] = (void *)(uintptr_t)run; /* r12 */
    frame[7] = (void *)(uintptr_t)fiber_trampoline;
#elif defined(__aarch64__)
    void **frame = (void **)top_of(s) - 22;
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    memset(frame, 0, 22 * sizeof *frame);
    frame[0] = (void *)(uintptr_t)run; /* x19 */
    frame[1] = argument;               /* x20 */
    frame[11] = (void *)(uintptr_t)fiber_trampoline;
    memcpy(&frame[20], &fpcr, sizeof fpcr);
#else
#error "no fiber switch in assembly for this processor: fiber_switch_ucontext.c serves it"
#endif
    return frame;
}
