/* Adoption: a supervisor that starts where another one died finds the generations that still serve
 * through the socket in the state directory, which all of them listen on, and takes over what they
 * hold: listening sockets, shared memory, a channel to each. Only the same version does this. */
#pragma once

#include "control/boot.h"
#include "control/message.h"
#include "control/worker.h"

/* By the new supervisor: fills `state` from every generation that answers and maps the memory they
 * share. The newest one that is not draining is the current one.
 *
 * returns  0 · -ENOENT or -ECONNREFUSED nobody is there · another -errno: somebody is there who
 *          cannot be adopted */
MUST_CHECK int adoption_take(struct boot_record *state, struct shared_memory *memory,
                             struct ready_report *ret_settings);

/* What a generation has to give. */
struct adoption_offer {
    const struct boot_record *boot;
    struct ready_report report;
    bool is_draining;
    const char (*wanted)[BOOT_ADDRESS_MAX]; /* addresses as configured, and as bound */
    const struct listen *addresses;
    uint32_t address_count;
    const struct worker_listener *listeners;
    uint32_t listener_count;
    const uint32_t *slots;
    uint32_t slot_count;
};

/* By the generation: somebody knocks at its adoption socket. The new channel · -errno */
MUST_CHECK int adoption_give(const struct adoption_offer *offer);

/* Ends the logger and observer that the dead supervisor left behind; their successors would fight
 * over the rings with them. */
void adoption_end_helpers(struct shared_memory *m);
