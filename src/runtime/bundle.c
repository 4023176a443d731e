#include "runtime/bundle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "runtime/fiber_internal.h"

struct child {
    struct list link;
    struct bundle *bundle;
    struct fiber *fiber;
    fiber_function *run;
    void *argument;
};

void bundle_open(struct bundle *b)
{
    *b = (struct bundle){ 0 };
    list_open(&b->children);
}

static void run_child(void *argument)
{
    struct child *c = argument;
    struct bundle *b = c->bundle;
    c->run(c->argument);
    list_remove(&c->link);
    free(c);
    b->running--;
    if (b->joiner)
        fiber_wake(b->joiner);
}

int bundle_start(struct bundle *b, const char *name, fiber_function *run, void *argument)
{
    struct child *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    *c = (struct child){ .bundle = b, .run = run, .argument = argument };
    int result = fiber_start(name, run_child, c, &c->fiber);
    if (result != 0) {
        free(c);
        return result;
    }
    list_push_back(&b->children, &c->link);
    b->running++;
    return 0;
}

void bundle_cancel(struct bundle *b)
{
    LIST_EACH(node, &b->children)
    {
        fiber_cancel(LIST_ENTRY(node, struct child, link)->fiber);
    }
}

int bundle_join(struct bundle *b, int64_t deadline_ms)
{
    int result = 0;
    ASSERT(b->joiner == NULL);
    b->joiner = fiber_current();
    while (b->running > 0 && result == 0)
        result = fiber_wait(deadline_ms);
    b->joiner = NULL;
    return b->running == 0 ? 0 : result;
}

void bundle_end(struct bundle *b)
{
    if (!b->children.next || b->running == 0)
        return;
    bundle_cancel(b);
    b->joiner = fiber_current();
    while (b->running > 0)
        fiber_wait_uncancelled(); /* every wait of the children returns at once, so this ends */
    b->joiner = NULL;
}
