/* The listening sockets that the supervisor keeps for its life: one per worker and address with
 * SO_REUSEPORT, one shared by all for a Unix socket. Closing one of several resets what is queued
 * on it, so they are only closed when no living generation knows their address any more. */
#pragma once

#include "control/boot.h"
#include "control/message.h"

/* The sockets for an address, `count` of them: those there are, and new ones.
 *
 * ret_error  a sentence when it fails, valid until the next call
 * returns    the listener · NULL */
MUST_CHECK const struct boot_listener *keeper_listeners(struct boot_record *r, const char *address,
                                                        enum listener_use use, int count,
                                                        const char **ret_error);

/* Closes every listener whose bit is not set. */
void keeper_keep_only(struct boot_record *r, uint64_t used);
