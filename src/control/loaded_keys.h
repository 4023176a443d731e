/* Keys that a process had the keyholder load from files: asked for again when another keyholder
 * takes the place of one that died. */
#pragma once

#include <stdbool.h>

#include "net/key_call.h"

struct loaded_keys {
    int channel; /* to the keyholder, owned; -1: none */
    struct loaded_key *all;
    uint32_t count, capacity;
};

#define LOADED_KEYS_NONE                                                                           \
    {                                                                                              \
        .channel = -1                                                                              \
    }

/* As key_call_load, and remembered: once for each file and key. -ENOMEM too */
MUST_CHECK int loaded_keys_load(struct loaded_keys *k, const struct key_load *what,
                                struct key_answer *ret);
/* The channel is taken over in the place of the old one, and everything loaded on it again. What
 * cannot be is said and left out. */
void loaded_keys_renew(struct loaded_keys *k, int channel);

/* The channel is readable: nobody was asked. True: it has ended, and is closed. */
bool loaded_keys_have_ended(struct loaded_keys *k);

void loaded_keys_close(struct loaded_keys *k);
