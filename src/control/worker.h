/* A worker: one process, one thread, one loop, the gate. Forked by its generation. It needs nothing
 * but its sockets, its segments and what it was given, and goes on when every other process dies:
 * the end of its control socket is not fatal once it serves. SIGTERM drains it, SIGQUIT drains it
 * for the end of the program. */
#pragma once

#include "proxy/configuration.h"
#include "shared/memory.h"

struct worker_options {
    const struct configuration *configuration;
    struct shared_memory *memory;
    uint32_t index, slot;
    int control; /* its end of the pair */
    int keys;    /* channel to the keyholder; -1: none yet */
    int log_wake_fd;
    const struct worker_listener {
        int fd;
        uint32_t listen; /* index in the configuration */
        uint32_t owner;  /* index of the worker that accepts here */
    } * listeners;
    uint32_t listener_count;
};

/* Serves until drained. Exit code of the process. */
int worker_main(const struct worker_options *options);
