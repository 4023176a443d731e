/* What the supervisor's helpers with a loop (certifier, observer) have in common. */
#pragma once

#include "runtime/pollable.h"

/* SIGTERM from now on comes to `on_signal`; what is meant for the supervisor (Ctrl-C, a hang-up of
 * the terminal) and broken pipes are ignored. 0 · -errno */
MUST_CHECK int helper_watch_signals(struct pollable *p, void (*on_signal)(struct pollable *));
