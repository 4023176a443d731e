/* Resolved host names: the generation asks for names while it loads, the observer resolves them and
 * keeps them fresh by their TTL, workers read. Keyed by the name. A name that cannot be resolved
 * keeps its last addresses; until the first answer it has none.
 *
 * Only the observer writes results: into the copy that is not in force, then it moves the version
 * on. If it dies half-way the version has not moved. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/segment.h"

#define NAMES_MAX          1024u
#define NAME_BYTES_MAX     255u
#define NAME_ADDRESSES_MAX 16u

struct resolved_name {
    uint32_t count;                            /* 0: no address is known */
    uint32_t version;                          /* changes with the addresses */
    uint8_t addresses[NAME_ADDRESSES_MAX][16]; /* IPv4 mapped */
};

struct name_slot {
    char name[NAME_BYTES_MAX + 1]; /* empty: free */
    _Atomic uint32_t is_wanted;    /* set last, when the name stands */
    _Atomic uint32_t version;      /* the copy in force is copies[version & 1] */
    struct resolved_name copies[2];
};

#define NAME_SERVERS_BYTES_MAX 512u

struct names_segment {
    struct segment_header header;
    _Atomic uint32_t servers_version; /* in force is servers[version & 1] */
    uint32_t unused;
    char servers[2][NAME_SERVERS_BYTES_MAX + 1];
    struct name_slot slots[NAMES_MAX];
};

/* Asks for a name; its slot from now on. >= 0 · -ENOSPC the table is full · -EINVAL longer than
 * 255. Only the one generation that is loading calls this. */
MUST_CHECK int names_want(struct names_segment *n, slice name);

/* A consistent copy; count is at most NAME_ADDRESSES_MAX whatever stands in memory. */
void names_read(const struct names_segment *n, int slot, struct resolved_name *ret);

/* Which name servers are asked, "192.0.2.53:53,[::1]:53"; empty: the system's. By the generation
 * that takes over. */
void names_set_servers(struct names_segment *n, slice servers);
/* A copy, ended by NUL. */
void names_read_servers(const struct names_segment *n, char ret[NAME_SERVERS_BYTES_MAX + 1]);

/* By the observer. */
void names_write(struct names_segment *n, int slot, const struct resolved_name *result);
