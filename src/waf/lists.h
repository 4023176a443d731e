/* Lists in the DNS (RFC 5782), as @rbl asks them. The engine knows neither resolver nor network: it
 * says which name is to be asked for, and the caller finds out, as long as it sees fit. Whatever
 * goes wrong with that is no match, as in ModSecurity 2. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct list_question {
    slice name; /* "77.2.0.192.list.example": lower case, no dot at its end, at most 253 bytes */
    size_t list_bytes; /* of its end: "list.example" */
    size_t key_bytes;  /* of its beginning: the operator's key with its dot, for no log; 0: none */
};

struct waf_lists {
    /* Asks for the IPv4 address of the name. May take as long as the caller of the engine lets it.
     * 1 listed, with what the list says of it · 0 not listed, or it could not be found out ·
     * -ECANCELED nobody wants the verdict any more · -ENOMEM */
    int (*find)(struct waf_lists *lists, const struct list_question *question,
                uint8_t ret_address[4]);
};

/* RFC 5782 §2.1: entries have addresses of 127.0.0.0/8; any other is that of somebody who answers
 * for names that do not exist. 127.255.255.0/24 is how lists say that they do not answer whoever
 * asks. */
static inline bool list_address_lists(const uint8_t address[4])
{
    return address[0] == 127 && !(address[1] == 255 && address[2] == 255);
}
