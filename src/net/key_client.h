/* A worker's channel to the keyholder: fibers ask for signatures and wait, many at a time. Requests
 * go out in the order in which they came, a bounded number at once; each has a deadline. What
 * fibers ask for within a turn of the loop goes together: one message, one wake-up for all of it.
 *
 * When the keyholder goes away, what was asked waits for a new channel and is asked again there: a
 * signature can be made twice. After KEY_CLIENT_PATIENCE_MS without a channel requests fail. */
#pragma once

#include <stdbool.h>

#include "net/remote_key.h"

#define KEY_CLIENT_FLIGHT_MAX 64 /* requests that the keyholder has at once */
#define KEY_CLIENT_PATIENCE_MS                                                                     \
    5000                           /* without a channel; covers a restart with thousands of keys   \
                                    */
#define KEY_CLIENT_ANSWER_MS 10000 /* at most, whatever the deadline of the handshake */

/* On the worker's loop, once. channel: taken over; -1: none yet. 0 · -errno */
MUST_CHECK int key_client_open(int channel);

/* The generation has a new channel, to the same keyholder or to another one. Taken over. */
void key_client_use(int channel);

/* Called when the channel has ended, to ask for another; NULL: nobody. */
void key_client_on_end(void (*on_end)(void));

/* At the end of each turn of the loop: what was asked for in it goes out. */
void key_client_turn_ends(void);

/* No fiber may wait any more. */
void key_client_close(void);

/* As remote_signer; the deadline is the handshake's (tls_deadline_ms). */
MAY_WAIT int key_client_sign(uint64_t key_id, enum key_scheme scheme, slice text,
                             struct key_signature *ret);
/* The same outside of a handshake. */
struct key_request {
    uint64_t key_id;
    enum key_scheme scheme;
    slice text;
};
MAY_WAIT int key_client_sign_until(const struct key_request *what, struct key_signature *ret,
                                   int64_t deadline_ms);

/* Of this process, since its start. */
struct key_client_counts {
    uint64_t signatures, failures;
    uint32_t in_flight, waiting;
};
struct key_client_counts key_client_count(void);
