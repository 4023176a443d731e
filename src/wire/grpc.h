/* What gRPC says in HTTP/2 fields (the specification "gRPC over HTTP2" and its "HTTP to gRPC Status
 * Code Mapping"). Pure. */
#pragma once

#include <stdint.h>

#include "base/writer.h"

/* "application/grpc", alone or followed by "+proto", "+json" or parameters. Not grpc-web, which is
 * ordinary HTTP. */
bool grpc_is_content_type(slice value);

/* A timeout: one to eight digits and a unit out of H M S m u n.
 *
 * ret_ms     rounded up to a millisecond
 * returns    0 · -EINVAL */
MUST_CHECK int grpc_timeout_parse(slice value, int64_t *ret_ms);

enum grpc_status {
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

/* For a status of HTTP that a client of gRPC would have been given. */
enum grpc_status grpc_status_of(uint16_t http_status);

/* grpc-message: printable ASCII but '%' as it is, all else percent-encoded. */
void grpc_message_write(struct writer *w, slice text);
