/* What the processes below the supervisor have in common. */
#pragma once

#include "runtime/pollable.h"

/* A descriptor from which SIGTERM, and SIGCHLD where there are children, are read from now on; what
 * is meant for the supervisor (Ctrl-C, a hang-up of the terminal) and broken pipes are ignored.
 * The descriptor · -errno */
MUST_CHECK int helper_open_signals(bool has_children);

/* The same on the loop of a process without children: SIGTERM comes to `on_signal`. 0 · -errno */
MUST_CHECK int helper_watch_signals(struct pollable *p, void (*on_signal)(struct pollable *));
