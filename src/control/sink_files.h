/* The log files, opened by the supervisor (as root, where it is) and handed to the logger. One that
 * cannot be opened is tried again every second; its lines wait meanwhile, or go on to the file that
 * was open before. */
#pragma once

#include "control/boot.h"

/* Notes a sink that a generation wants. An id or path out of bounds is ignored. */
void sink_files_want(struct boot_record *r, int64_t id, slice path);

/* Opens the sinks that are not open yet (all of them when `again`) and sends them to the logger.
 * Returns how many could not be opened. */
uint32_t sink_files_open(struct boot_record *r, bool again);

/* A new logger has none. */
void sink_files_forget(void);
