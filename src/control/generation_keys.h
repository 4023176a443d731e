/* A generation's channel to the keyholder: keys are loaded on it while the configuration is, and
 * each worker gets a channel of its own from it. When the keyholder dies the supervisor gives a new
 * channel; what was loaded is loaded again there. Between loads the channel has no right to load:
 * a generation has given its privileges away by then. */
#pragma once

#include "base/writer.h"

/* channel: taken over; -1: there is none yet. 0 · -ENOMEM */
MUST_CHECK int generation_keys_open(int channel);
void generation_keys_close(void);

/* Of load_hooks. */
int generation_keys_load(void *context, slice path, slice spki, struct writer *why);
/* All keys are loaded. */
void generation_keys_settle(void);

/* A channel for a worker, which may sign handshakes; -1: the keyholder is not there. */
int generation_keys_for_worker(void);

/* A new channel: taken over. Loads again what was loaded; what cannot be is said and left out. */
void generation_keys_renew(int channel);

/* To be polled; -1: there is no channel. */
int generation_keys_fd(void);
/* It is readable. True: it has ended, and another one is needed. */
bool generation_keys_have_ended(void);
