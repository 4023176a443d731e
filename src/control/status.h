/* What `status` shows: the supervisor writes it as JSON, from its own state and shared memory. */
#pragma once

#include "base/writer.h"
#include "control/boot.h"

struct status_facts {
    const struct boot_record *state;
    const struct shared_memory *memory;
    const char *last_reload; /* a sentence; empty: there was none */
    bool last_reload_failed;
};

void status_write(struct writer *w, const struct status_facts *facts);

const char *generation_state_name(enum generation_state s);
