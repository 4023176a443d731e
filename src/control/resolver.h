/* Host names of origins, resolved with c-ares in the observer: wanted names are looked up at once,
 * then again when their TTL (bounded) is over. A name that fails keeps its last addresses and is
 * tried again with back-off. /etc/hosts counts. Asked are the servers of the directive `resolver`,
 * else those of /etc/resolv.conf. */
#pragma once

#include "shared/names.h"

/* 0 · -EIO c-ares cannot start */
MUST_CHECK int resolver_open(struct names_segment *names);

/* The body of the resolver's fiber; returns when it is cancelled. */
void resolver_run(void *unused);

/* There is a new configuration: the name servers may be others, names may be new. Everything is
 * looked up again. */
void resolver_look(void);

void resolver_close(void);
