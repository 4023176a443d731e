/* The first message of a TLS client (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2): read before the TLS
 * library sees a byte, because site, certificate and policy follow from the name in it. Strict:
 * what is malformed here is refused here. Nothing is copied; the slices point into the message. */
#pragma once

#include "base/slice.h"

/* Of the handshake message, header included. Real ones have 200 to 2,000 bytes. */
#define CLIENT_HELLO_BYTES_MAX      16384u
#define CLIENT_HELLO_EXTENSIONS_MAX 128u

struct client_hello {
    uint16_t legacy_version;
    slice random;
    slice session_id;
    slice ciphers;     /* two bytes each */
    slice extensions;  /* {type, length, bytes} each, checked: walk with client_hello_extension */
    slice server_name; /* server_name (RFC 6066 §3); empty: none was sent */
    slice alpn;        /* {length, name} each (RFC 7301); empty: none */
    slice supported_versions;   /* two bytes each; empty: none, legacy_version counts */
    slice signature_algorithms; /* two bytes each */
    bool has_early_data;
};

/* Takes the next extension off *rest (begin with hello->extensions); false at the end. */
bool client_hello_extension(slice *rest, uint16_t *ret_type, slice *ret_bytes);

/* The handshake message out of the records in which it comes.
 *
 * bytes       what has arrived on the connection
 * room        where a message that is spread over several records is put together,
 *             CLIENT_HELLO_BYTES_MAX bytes
 * ret         the message, in `bytes` or in `room`
 * returns     0 · -EAGAIN more has to come · -EPROTO no TLS handshake · -EMSGSIZE too long */
MUST_CHECK int client_hello_gather(slice bytes, char *room, slice *ret);

/* 0 · -EPROTO malformed: a length, a repeated extension, a name that is none */
MUST_CHECK int client_hello_parse(slice message, struct client_hello *ret);
