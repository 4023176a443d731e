/* What @rbl asks, and what the answers of lists mean. The engine does the asking (engine/list.c).
 */
#pragma once

#include "base/writer.h"
#include "waf/lists.h"

enum {
    RBL_NAME_MAX = 253, /* of a name in the DNS */
    RBL_TEXT_MAX = 768  /* of what is told of a match */
};

/* The name that says whether the list has the value: an IPv4 address as its bytes in reverse
 * (RFC 5782 §2.1), an IPv6 address as its nibbles in reverse (§2.4), a host name as it is (§3).
 * Project Honey Pot's list (httpbl.org) wants `key` before it, and knows IPv4 addresses only.
 *
 * memory      holds the name
 * ret         points into it
 * returns     false: there is nothing to ask, for the value is neither an address nor a host name,
 *             the name would be too long, or a key is wanted and there is none */
bool rbl_question(slice list, slice value, slice key, char memory[RBL_NAME_MAX],
                  struct list_question *ret);

/* TX:0 of a match, in the form of ModSecurity 2, which rules take apart: "RBL lookup of
 * 77.2.0.192.list.example succeeded at REMOTE_ADDR.", and what it has of the meaning of the answers
 * of some lists. No key is in it. `where`: the name of the variable, at most 256 bytes of it. */
void rbl_describe(struct writer *w, const struct list_question *question, slice where,
                  const uint8_t address[4]);
