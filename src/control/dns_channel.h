/* A channel of c-ares as the observer's resolvers have it: with the name servers of the
 * configuration, looked at from a fiber now and then. */
#pragma once

#include <ares.h>

#include "base/attributes.h"
#include "shared/names.h"

/* Asks each server up to `tries` times, first for so long; `names` has the servers, and the
 * system's are asked where it has none. 0 · -EIO c-ares does not start */
MUST_CHECK int dns_channel_open(ares_channel *ret, const struct names_segment *names,
                                int timeout_ms, int tries);

/* Takes what has come, and lets time pass for what is under way; does not wait. */
void dns_channel_process(ares_channel channel);
