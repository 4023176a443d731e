/* The switch for processors without one in assembly, by the C library: it also saves the signal
 * mask with a system call each time, which makes it some twenty times slower. */
#include <ucontext.h>

#include "base/panic.h"
#include "runtime/fiber_internal.h"

/* Where a fiber begins: at the top of its stack. */
struct first {
    ucontext_t context;
    void (*run)(void *);
    void *argument;
};

void fiber_switch(void **save, void *to)
{
    ucontext_t here; /* lives on the stack that is left, as long as it is left */
    *save = &here;
    int result = swapcontext(&here, to);
    ASSERT(result == 0);
}

/* makecontext passes integers only: the address comes in two. */
static void begin(unsigned high, unsigned low)
{
    struct first *first = (struct first *)((uintptr_t)high << 32 | low);
    first->run(first->argument);
    UNREACHABLE();
}

void *fiber_frame(const struct stack *s, void (*run)(void *), void *argument)
{
    uintptr_t top = ((uintptr_t)s->memory + s->bytes - sizeof(struct first)) & ~(uintptr_t)63;
    struct first *first = (struct first *)top;
    int result = getcontext(&first->context);
    ASSERT(result == 0);
    first->run = run;
    first->argument = argument;
    first->context.uc_stack.ss_sp = s->memory;
    first->context.uc_stack.ss_size = top - (uintptr_t)s->memory;
    first->context.uc_link = NULL;
    uint64_t address = (uint64_t)top;
    makecontext(&first->context, (void (*)(void))begin, 2, (unsigned)(address >> 32),
                (unsigned)address);
    return &first->context;
}
