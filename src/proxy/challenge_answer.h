/* HTTP-01 (RFC 8555 §8.3): the certifier's proofs, told to whoever asks for one by its exact path,
 * for any host that it was made for, on every listener; before sites, redirects and routes. What is
 * no proof of ours is an ordinary request: an origin may have an ACME client of its own. */
#pragma once

#include "proxy/exchange.h"

/* 0 it is none of that · -EANSWERED · -ENOMEM · -EREFUSED */
MUST_CHECK int challenge_answer(struct exchange *x);
