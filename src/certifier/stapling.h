/* Keeps the response that is stapled to each certificate (RFC 6066 §8) fresh: asks the responder at
 * half of a response's life, keeps it over restarts, takes back what is out of date. */
#pragma once

#include "certifier/world.h"

/* Another certificate is held: takes a response from the store that is still good, and plans when
 * to ask. True when there is one to publish. */
bool stapling_begin(struct certifier_world *w, struct holding *h);

/* Is it time to ask? Never while a fiber is at it. */
bool stapling_is_due(const struct holding *h, int64_t now_s);

/* Asks the responder and takes its answer. True when what is stapled has changed, or the state has
 * in another way that is told. */
MAY_WAIT bool stapling_refresh(struct certifier_world *w, struct holding *h);

/* A response that is out of date is not stapled any more. True: that has just happened. */
bool stapling_expire(struct certifier_world *w, struct holding *h);

/* In a word, for reports: "none" (the certificate names no responder), "good", "revoked",
 * "unknown", "waiting" (no response yet). */
const char *stapling_word(const struct holding *h);
