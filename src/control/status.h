/* What `status` shows, as JSON: the supervisor writes what it alone knows, and whoever answers adds
 * what stands in shared memory. */
#pragma once

#include "base/writer.h"
#include "control/boot.h"

struct status_facts {
    const struct boot_record *state;
    const struct shared_memory *memory;
    const char *last_reload; /* a sentence; empty: there was none */
    bool last_reload_failed;
};

/* Members of the object, without braces around them. */
void status_write_supervisor(struct writer *w, const struct status_facts *facts);
void status_write_shared(struct writer *w, const struct shared_memory *m);

const char *generation_state_name(enum generation_state s);
