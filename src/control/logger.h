/* The logger: drains the workers' log rings to their sinks in large appends. It alone writes
 * log files, through descriptors that the supervisor has opened. When a disk is full or a reader is
 * stuck it drops and counts; a request never waits for it. It sleeps until a ring turns non-empty,
 * then rests between passes, so that lines are on disk within a second and workers seldom pay for a
 * wake-up. */
#pragma once

#include "control/boot.h"

/* Exit code. */
int logger_main(struct boot_record *boot);
