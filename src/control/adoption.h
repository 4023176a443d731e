/* Adoption: a supervisor that starts where another one died finds the generation that is still
 * serving through its socket in the state directory, and takes over what it holds: listening
 * sockets, shared memory, the channel itself. Only the same version does this; another one starts
 * afresh, and then the probe bind says that somebody is still listening. */
#pragma once

#include "control/boot.h"
#include "control/worker.h"

/* By the new supervisor: fills `state` from a generation that answers. 0 · -ECONNREFUSED nobody */
MUST_CHECK int adoption_take(struct boot_record *state);

/* What a generation has to give. */
struct adoption_offer {
    const struct boot_record *boot;
    const struct configuration *configuration;
    const struct worker_listener *listeners;
    uint32_t listener_count;
    uint32_t slots[WORKER_SLOTS_MAX];
    uint32_t slot_count;
};

/* By the generation: somebody knocks at its adoption socket. The new channel · -errno */
MUST_CHECK int adoption_give(const struct adoption_offer *offer);

/* Ends the logger and observer that the dead supervisor left behind; their successors would fight
 * over the rings with them. */
void adoption_end_helpers(struct shared_memory *m);
