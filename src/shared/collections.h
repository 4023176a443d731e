/* Persistent collections of the WAF's rules (initcol, setvar:ip.x): kept over requests, workers,
 * generations and upgrades. Here is only their memory; what lies in it, who writes what and what a
 * dying writer leaves says waf/engine/store.h. It is taken from the machine as it fills. */
#pragma once

#include "shared/segment.h"

#define COLLECTIONS_BYTES                                                                          \
    (24u << 20) /* about 70,000 variables; an address with some takes one more */

struct collections_segment {
    struct segment_header header;
    uint64_t hash_key[2];
    uint64_t unused[3];
    _Alignas(64) unsigned char table[COLLECTIONS_BYTES];
};
