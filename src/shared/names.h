/* Resolved host names: the generation asks for names while it loads, the observer resolves them and
 * keeps them fresh by their TTL, workers read. Keyed by the hash of the name. A name that cannot be
 * resolved keeps its last addresses; until the first answer it has none. */
#pragma once

#include "base/slice.h"

#define NAMES_MAX          1024u
#define NAME_ADDRESSES_MAX 16u

struct names_segment;

struct resolved_name {
    uint32_t count;                            /* 0: no address is known */
    uint32_t version;                          /* changes with the addresses */
    uint8_t addresses[NAME_ADDRESSES_MAX][16]; /* IPv4 mapped */
};

/* Asks for a name; its slot from now on. >= 0 · -ENOSPC the table is full · -EINVAL longer than 255
 */
MUST_CHECK int names_want(struct names_segment *n, slice name);

/* A consistent copy. Cheap when nothing changed: compare names_version() first. */
uint32_t names_version(const struct names_segment *n, int slot);
void names_read(const struct names_segment *n, int slot, struct resolved_name *ret);
