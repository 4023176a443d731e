/* `limits`: how much anything may be. */
#include "proxy/options.h"

#define OBJECT_LIMITS (OBJECT_FEATURE + FEATURE_LIMITS)
#define KILOBYTE      1024u
#define MEGABYTE      (1024u * KILOBYTE)
#define GLOBAL(type, member, from, to)                                                             \
    {                                                                                              \
        {                                                                                          \
            .name = "N", .kind = (type), .min = (from), .max = (to),                               \
            STORED(struct limits_global, member)                                                   \
        }                                                                                          \
    }
#define GLOBAL_SIZE(member, from, to)                                                              \
    {                                                                                              \
        {                                                                                          \
            .name = "SIZE", .kind = ARGUMENT_SIZE, .min = (from), .max = (to),                     \
            STORED(struct limits_global, member)                                                   \
        }                                                                                          \
    }

#define LIMITS_BLOCK                                                                               \
    .name = "limits", .takes_inline = true, .is_repeatable = true, .merges = true,                 \
    .meaning = "How large and how many things may be", .example = "limits { body 100M }",          \
    .since = "0.1"

static const struct directive rows[] = {
    { LIMITS_BLOCK, .scopes = SCOPE_TOP, .block_scope = SCOPE_LIMITS_GLOBAL,
      .details = "What is decided before a site is known stands at the top level." },
    { LIMITS_BLOCK, .scopes = SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE | SCOPE_ROUTE,
      .block_scope = SCOPE_LIMITS },
    { .name = "body",
      .scopes = SCOPE_LIMITS | SCOPE_LIMITS_GLOBAL,
      .arguments = { { .name = "SIZE",
                       .kind = ARGUMENT_SIZE,
                       .min = 0,
                       .max = 1ull << 50,
                       STORED(struct limits_settings, body_bytes_max) } },
      .object = OBJECT_LIMITS,
      .preset = "10M",
      .meaning = "The body of a request; a larger one is refused with 413",
      .example = "body 100M",
      .since = "0.1" },
    { .name = "body-rate",
      .scopes = SCOPE_LIMITS | SCOPE_LIMITS_GLOBAL,
      .arguments = { { .name = "RATE",
                       .kind = ARGUMENT_SIZE_RATE,
                       .min = 1,
                       .max = 1024ull * MEGABYTE,
                       STORED(struct limits_settings, body_rate_min) } },
      .object = OBJECT_LIMITS,
      .preset = "1K/s",
      .meaning = "The slowest upload, on average from its 10th second on; a slower one is refused "
                 "with 408",
      .example = "body-rate 4K/s",
      .since = "0.1" },
    { .name = "head",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL_SIZE(head_bytes_max, KILOBYTE, MEGABYTE),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "64K",
      .meaning = "The head of a request or response",
      .example = "head 32K",
      .since = "0.1" },
    { .name = "fields",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_NUMBER, fields_max, 10, 1000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "100",
      .meaning = "Header fields in a head",
      .example = "fields 60",
      .since = "0.1" },
    { .name = "line",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL_SIZE(line_bytes_max, 256, MEGABYTE),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "16K",
      .meaning = "One header field, or the request line",
      .example = "line 8K",
      .since = "0.1" },
    { .name = "target",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL_SIZE(target_bytes_max, 128, MEGABYTE),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "8K",
      .meaning = "The target of a request: path and query",
      .example = "target 4K",
      .since = "0.1" },
    { .name = "connections",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_NUMBER, connections_max, 1, 10000000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "20000",
      .meaning = "Connections of clients, over all workers",
      .details =
          "Beyond it the newest is refused with 503, unless a client that holds more of them "
          "has one without a request: then that one is closed.",
      .example = "connections 100000",
      .since = "0.1" },
    { .name = "connections-per-client",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_NUMBER, connections_per_client_max, 1, 10000000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "256",
      .meaning = "Connections of one client address (IPv6: of one /64)",
      .details =
          "Beyond it the newest is refused with 429. On a listener with `proxy-protocol` the "
          "named client is counted; a peer inside `trust proxies` stands for many and is "
          "not.",
      .example = "connections-per-client 64",
      .since = "0.1" },
    { .name = "requests-per-connection",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_NUMBER, requests_per_connection_max, 1, 100000000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "10000",
      .meaning = "Requests on one connection before it is closed, announced in the response",
      .example = "requests-per-connection 1000",
      .since = "0.1" },
    { .name = "streams",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_NUMBER, streams_max, 1, 10000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "100",
      .meaning = "Streams of HTTP/2 at once on one connection of a client",
      .details = "A stream counts until its request to the origin has ended, also when the client "
                 "has given it up. One more is refused with REFUSED_STREAM: it may be tried again.",
      .example = "streams 250",
      .since = "0.1" },
    { .name = "h2-budget",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_NUMBER, h2_budget, 500, 100000000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "10000",
      .meaning = "What a client of HTTP/2 may cost beyond its requests before it is cut off",
      .details =
          "In points: a frame that carries nothing costs 1 to 20, a stream that is given up "
          "15, a request that is answered gives 15 back, and a fiftieth of the whole comes "
          "back each second. An address has four times as many, over all workers and reloads.",
      .example = "h2-budget 20000",
      .since = "0.1" },
    { .name = "fibers",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL(ARGUMENT_COUNT, fibers_max, 16, 1000000),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "auto",
      .meaning = "Exchanges at work at once in one worker; auto: what memory maps allow",
      .details = "Beyond it the newest is refused with 503. An upload that comes in pieces and a "
                 "tunnel take two.",
      .example = "fibers 4096",
      .since = "0.1" },
    { .name = "buffered",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL_SIZE(buffered_bytes_max, MEGABYTE, 1ull << 40),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "256M",
      .meaning = "Bytes on their way in the buffers of one worker",
      .details = "Beyond it a new request is refused with 503. What grows or waits for a slow "
                 "reader is refused, or cut, an eighth earlier.",
      .example = "buffered 512M",
      .since = "0.1" },
    { .name = "held",
      .scopes = SCOPE_LIMITS_GLOBAL,
      .arguments = GLOBAL_SIZE(held_bytes_max, MEGABYTE, 1ull << 40),
      .object = OBJECT_LIMITS_GLOBAL,
      .preset = "256M",
      .meaning = "Bytes of bodies that wait for their inspection in the memory of one worker, and "
                 "of what the rules make of requests",
      .details =
          "The first 128 KiB of a body count against `buffered` instead. Beyond it a request "
          "that has to be inspected is refused with 503; large ones an eighth earlier.",
      .example = "held 1G",
      .since = "0.3" },
};

const struct directive_table limits_options = { "Size limits", rows, ARRAY_LENGTH(rows) };
