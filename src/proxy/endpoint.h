/* Addresses as the configuration writes them: what is listened on, and what an origin is. */
#pragma once

#include "proxy/configuration.h"

/* "127.0.0.1:80", "[::1]:80", ":80" (every address, both families), "unix:/path". Port 0: any free
 * one. 0 · -EINVAL *reterr_expected says what was expected */
MUST_CHECK int endpoint_parse_listen(slice text, struct address *ret, const char **reterr_expected);

/* A name server: "192.0.2.53", "[2001:db8::53]:5353"; port 53 unless one is written. 0 · -EINVAL */
MUST_CHECK int endpoint_parse_resolver(slice text, struct address *ret,
                                       const char **reterr_expected);

/* "127.0.0.1:3000", "[::1]:3000", "name:3000", "unix:/path", with or without "http://"; behind
 * "https://" one that speaks TLS and chooses between HTTP/1.1 and HTTP/2; behind "h2://" one that
 * speaks HTTP/2 at once, behind "grpc://" and "grpcs://" one that serves gRPC so. Sets text, host,
 * port, address, is_name, is_tls, speaks and is_grpc of *ret; slices point into `text`. 0 · -EINVAL
 * *reterr_expected · -EISDIR there is a path behind the address · -EPROTONOSUPPORT another scheme
 */
MUST_CHECK int endpoint_parse_server(slice text, struct server *ret, const char **reterr_expected);

/* Does the text look like an address rather than like the name of an origin? */
bool endpoint_is_address(slice text);
