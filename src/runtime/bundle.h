/* A bundle: child fibers that end before their block does. Nothing is detached.
 *
 *     OWNS(bundle_end) struct bundle b;
 *     bundle_open(&b);
 *     TRY(bundle_start(&b, "upload", upload_run, x));
 *     ...
 *     TRY(bundle_join(&b, deadline_ms));      // all children have returned
 *
 * Leaving the block (bundle_end) cancels what still runs and waits for it without a deadline: every
 * wait of a cancelled fiber returns at once, so this ends. It works in a cancelled parent too. */
#pragma once

#include "runtime/event.h"

struct bundle {
    uint32_t running;
    struct list children;
    struct fiber *joiner; /* the fiber in bundle_join or bundle_end, if any */
};

void bundle_open(struct bundle *b);
/* 0 · -EAGAIN · -ENOMEM as fiber_start */
MUST_CHECK int bundle_start(struct bundle *b, const char *name, fiber_function *run,
                            void *argument);
void bundle_cancel(struct bundle *b);
/* 0 none is running · -ETIMEDOUT · -ECANCELED */
MAY_WAIT int bundle_join(struct bundle *b, int64_t deadline_ms);
void bundle_end(struct bundle *b);
