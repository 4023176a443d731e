/* The listening sockets that the supervisor keeps for its life: one per worker and address with
 * SO_REUSEPORT, one shared by all for a Unix socket. Closing one of several resets what is queued
 * on it, so they are only closed when no living generation knows their address any more. */
#pragma once

#include "control/boot.h"
#include "control/message.h"

struct listener_wish {
    const char *address; /* as the configuration says it */
    enum listener_use use;
    int count;      /* sockets */
    uint64_t taken; /* bit i: r->listeners[i] already belongs to whoever asks */
};

/* The sockets for an address: those there are, and new ones.
 *
 * ret_error  a sentence when it fails, valid until the next call
 * returns    the listener · NULL */
MUST_CHECK const struct boot_listener *
keeper_listeners(struct boot_record *r, const struct listener_wish *wish, const char **ret_error);

/* Closes every listener whose bit is not set. */
void keeper_keep_only(struct boot_record *r, uint64_t used);
