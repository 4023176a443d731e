/* A socket address: IPv4, IPv6 or Unix. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/writer.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t length;
};

/* An IP without port: always 16 bytes, IPv4 as ::ffff:a.b.c.d, so that one compare serves both.
 * Unix peers are all zero. */
struct ip {
    uint8_t bytes[16];
};

struct ip_network {
    struct ip base;
    uint8_t prefix; /* 0..128, on the mapped form */
};

/* "1.2.3.4:80", "[::1]:80", "unix:/path". 0 · -EINVAL */
MUST_CHECK int address_parse(slice text, struct address *ret);
void address_write(struct writer *w, const struct address *a);
uint16_t address_port(const struct address *a); /* 0 for Unix */
struct ip address_ip(const struct address *a);
void address_from_ip(struct ip ip, uint16_t port, struct address *ret);
bool address_equal(const struct address *a, const struct address *b);

MUST_CHECK int ip_parse(slice text, struct ip *ret);
void ip_write(struct writer *w, struct ip ip); /* dotted quad for mapped addresses */
#define IP_TEXT_MAX 45u                        /* bytes that ip_write writes at most */
bool ip_is_v4(struct ip ip);
bool ip_is_none(struct ip ip); /* of a peer on a Unix socket */
bool ip_equal(struct ip a, struct ip b);

/* "10.0.0.0/8", "192.0.2.1", "2001:db8::/32". Host bits set is an error. 0 · -EINVAL · -EDOM host
 * bits */
MUST_CHECK int ip_network_parse(slice text, struct ip_network *ret);
bool ip_network_contains(const struct ip_network *n, struct ip ip);
void ip_network_write(struct writer *w, const struct ip_network *n);

/* The key that limits count by: the address itself, IPv6 by /64. */
struct ip ip_client_key(struct ip ip);
