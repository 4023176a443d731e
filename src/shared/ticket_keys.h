/* Keys of TLS session tickets (RFC 5077 §4): in shared memory, so that a ticket is good in every
 * worker, after a reload and after an upgrade. Symmetric: whoever issues tickets has them.
 *
 * The supervisor alone writes: a new key takes the place of the oldest and is then put in force. A
 * key encrypts for TICKET_KEY_ROTATION_S and decrypts for as long as it is kept. If the writer dies
 * half-way the number in force has not moved; a reader who meets a half-written key finds no ticket
 * valid under it, which is a full handshake and no error. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "shared/segment.h"

#define TICKET_KEYS           4u
#define TICKET_KEY_ROTATION_S 28800 /* 8 hours: a ticket of 12 hours finds its key */
#define TICKET_KEY_BYTES      80u   /* name 16, cipher 32, mac 32 */

struct ticket_keys_segment {
    struct segment_header header;
    _Atomic uint32_t current; /* number of keys made so far; in force is keys[(current - 1) % 4] */
    uint32_t unused;
    int64_t made_s; /* the newest, seconds of the epoch */
    uint8_t keys[TICKET_KEYS][TICKET_KEY_BYTES];
};

/* By the supervisor: makes a key when there is none, when the newest is old, or when the clock says
 * that it comes from the future. returns the seconds until the next one is due */
int64_t ticket_keys_rotate(struct ticket_keys_segment *s, int64_t now_s);

/* The key in force; false: none yet. */
bool ticket_keys_current(const struct ticket_keys_segment *s, uint8_t ret[TICKET_KEY_BYTES]);
/* The one that begins with this name. */
bool ticket_keys_find(const struct ticket_keys_segment *s, const uint8_t name[16],
                      uint8_t ret[TICKET_KEY_BYTES], bool *ret_is_current);
