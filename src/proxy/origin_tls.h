/* TLS towards the servers of one origin, as the configuration says it. Servers that are written
 * with https:// are spoken to so; everything else about an origin is the same.
 *
 * The loader reads the files and makes `client` when all statements of the origin are known: before
 * the fork, because workers have no file system and must not meet the configuration of libcrypto.
 * Contexts are shared by all origins with the same settings. */
#pragma once

#include "net/tls_client.h"

#define PINS_MAX 32u

struct origin_tls {
    struct tls_client *client; /* of the configuration */
    slice name;                /* what every server has to prove, as a host name; empty: its own */
    struct ip ip;              /* the same, when it is written as an address */

    /* As written. */
    slice ca; /* a file, or "system"; empty: the system's authorities, unless keys are pinned */
    slice certificate, key; /* files; empty: none */
    uint8_t (*pins)[SHA256_BYTES];
    uint32_t pin_count;
    uint8_t is_unverified; /* verify off */
    uint8_t needs_1_3;     /* min 1.3 */
};

/* Nobody has to prove anything: neither authorities nor keys are written. */
static inline bool origin_tls_proves_nothing(const struct origin_tls *t)
{
    return t->is_unverified;
}
/* Are authorities asked? A pinned key alone says enough. */
static inline bool origin_tls_uses_authorities(const struct origin_tls *t)
{
    return !t->is_unverified && (t->ca.len || t->pin_count == 0);
}
