/* `timeout`: how long anything may take. */
#include "proxy/options.h"

#define OBJECT_TIMEOUT (OBJECT_FEATURE + FEATURE_TIMEOUT)
#define EVERY_TIMEOUT  (SCOPE_TIMEOUT | SCOPE_TIMEOUT_GLOBAL | SCOPE_TIMEOUT_ORIGIN)
#define SPAN(member, from, to)                                                                     \
    {                                                                                              \
        {                                                                                          \
            .name = "DURATION", .kind = ARGUMENT_DURATION, .min = (from), .max = (to),             \
            STORED(struct timeout_settings, member)                                                \
        }                                                                                          \
    }
#define SECOND 1000u
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Who writes `idle` means tunnels too: one word for "nothing happens". */
static int idle_apply(struct option_apply *a)
{
    struct timeout_settings *t = a->object;
    t->tunnel_ms = t->idle_ms;
    return 0;
}

#define TIMEOUT_BLOCK                                                                              \
    .name = "timeout", .takes_inline = true, .is_repeatable = true, .merges = true,                \
    .meaning = "How long the steps of an exchange may take",                                       \
    .example = "timeout { connect 2s; head 1m }", .since = "0.1"

static const struct directive rows[] = {
    { TIMEOUT_BLOCK, .scopes = SCOPE_TOP | SCOPE_DEFAULTS, .block_scope = SCOPE_TIMEOUT_GLOBAL,
      .details = "At the top level or in 'defaults' it is in force for everything that says "
                 "nothing else." },
    { TIMEOUT_BLOCK, .scopes = SCOPE_POLICY | SCOPE_SITE | SCOPE_ROUTE,
      .block_scope = SCOPE_TIMEOUT },
    { TIMEOUT_BLOCK, .scopes = SCOPE_ORIGIN, .block_scope = SCOPE_TIMEOUT_ORIGIN,
      .details = "In an origin it is in force for every route that leads there." },
    { .name = "connect",
      .scopes = EVERY_TIMEOUT,
      .arguments = SPAN(connect_ms, 10, 10 * MINUTE),
      .object = OBJECT_TIMEOUT,
      .preset = "5s",
      .meaning = "One attempt to connect to a server of the origin",
      .example = "connect 2s",
      .since = "0.1" },
    { .name = "head",
      .scopes = EVERY_TIMEOUT,
      .arguments = SPAN(head_ms, 100, DAY),
      .object = OBJECT_TIMEOUT,
      .preset = "30s",
      .meaning = "From the end of the request to the head of the origin's response",
      .example = "head 2m",
      .since = "0.1" },
    { .name = "idle",
      .scopes = EVERY_TIMEOUT,
      .arguments = SPAN(idle_ms, 100, 7u * DAY),
      .object = OBJECT_TIMEOUT,
      .preset = "60s",
      .meaning = "No byte comes: in a body, or on a kept connection between two requests",
      .details = "A tunnel (WebSocket) may be idle for 1h unless this is written; then it is in "
                 "force for tunnels too.",
      .example = "idle 1h",
      .since = "0.1",
      .apply = idle_apply },
    { .name = "send",
      .scopes = EVERY_TIMEOUT,
      .arguments = SPAN(send_ms, 100, DAY),
      .object = OBJECT_TIMEOUT,
      .preset = "30s",
      .meaning = "The receiving side takes no byte",
      .example = "send 10s",
      .since = "0.1" },
    { .name = "total",
      .scopes = SCOPE_TIMEOUT | SCOPE_TIMEOUT_GLOBAL,
      .arguments = SPAN(total_ms, 100, 30u * (uint64_t)DAY),
      .object = OBJECT_TIMEOUT,
      .preset = "1d",
      .meaning = "The whole exchange, bodies included; not tunnels",
      .example = "total 5m",
      .since = "0.1" },
    { .name = "header",
      .scopes = SCOPE_TIMEOUT_GLOBAL,
      .arguments = SPAN(header_ms, 100, 10 * MINUTE),
      .object = OBJECT_TIMEOUT,
      .preset = "10s",
      .meaning = "The whole head of a request, from its first byte",
      .details = "It counts before a site is known, so it stands in 'defaults' only.",
      .example = "header 5s",
      .since = "0.1" },
};

const struct directive_table timeout_options = { "Time limits", rows, ARRAY_LENGTH(rows) };
