/* A generation's part of the certificates: it tells the certifier what its configuration wants,
 * takes what there is before its workers are forked, and later whatever is new. */
#pragma once

#include "control/boot.h"
#include "control/certificates.h"

/* Tells the supervisor, on `channel`, and waits for the certifier's answer: the first connection
 * after the start is served like every other. Keys are loaded on the channel to the keyholder,
 * which must still have the right to. 0, also when nothing is wanted · -errno */
MUST_CHECK int generation_certificates_open(int channel, const struct configuration *c,
                                            const struct certificates_wish *user);

/* News for those that serve, and for workers that are forked later. The descriptor stays the
 * caller's. */
void generation_certificates_apply(int fd);

/* In a worker: what was wanted is not its business, and holds a CA's secret. */
void generation_certificates_leave(void);

/* A new supervisor has adopted us. */
void generation_certificates_tell(int channel);
