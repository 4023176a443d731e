/* A generation: one loaded configuration and the workers that serve it. A fresh exec of the binary,
 * single-threaded: it loads, asks the supervisor for listening sockets and slots, drops privileges
 * and forks its workers. Then it watches them: one that dies is forked again at once (three times
 * in ten minutes at most), one that stalls has its queue accepted by a sibling. It goes on without
 * the supervisor, and hands everything to a new one that asks. */
#pragma once

#include "control/boot.h"

/* Exit code. */
int generation_main(struct boot_record *boot);
