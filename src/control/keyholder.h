/* The keyholder: the one process that has private keys. It opens their files, makes new ones, and
 * signs for whoever has a channel to it (net/key_protocol.h). It has no network, starts nothing,
 * and is started by exec before anything reads a key. It lives as long as anybody has a channel: a
 * worker that drains for hours keeps its keyholder, whoever started it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"

struct boot_record;

/* The process. record->channel: the first channel, which may do everything. */
int keyholder_main(struct boot_record *record);

/* The same without a process around it, for tests: serves until nobody has a channel any more.
 * folder: where new keys go. 0 · -errno */
MUST_CHECK int keyholder_serve(int channel, const char *folder);

/* Starts one. from: whose binary, folders and verbosity it gets. *ret_channel may do everything.
 * The pid · -errno */
MUST_CHECK pid_t keyholder_start(const struct boot_record *from, int *ret_channel);

/* One for a command that looks at keys (`check`): with the rights of who called it. */
MUST_CHECK pid_t keyholder_start_own(int *ret_channel);
/* Ends it: the channel was the only one. */
void keyholder_end_own(pid_t pid, int channel);

/* keyholder_confine.c: gives away what is not needed. Rights that are not there cannot be given
 * away: nothing fails. */
void keyholder_confine(void);
