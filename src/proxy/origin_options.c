/* `origin`: the servers behind the gate. */
#include "proxy/options.h"

#include <errno.h>

#define SERVERS_MAX 64u

static int server_apply(struct option_apply *a)
{
    struct origin *origin = a->object;
    const struct argument_value *addresses = option_argument(a, 0);
    for (uint32_t i = 0; i < addresses->count; i++) {
        struct server server;
        const struct word *word = &addresses->words[i];
        TRY(option_server(a, word, addresses->texts[i], &server));
        if (origin->server_count == SERVERS_MAX) {
            diagnostics_add(a->diagnostics, E0305, &word->span, "an origin has at most %u servers",
                            SERVERS_MAX);
            return 0;
        }
        if (option_argument(a, 1)->is_set)
            server.weight = (uint32_t)option_argument(a, 1)->number;
        if (option_argument(a, 2)->is_set)
            server.max = (uint32_t)option_argument(a, 2)->number;
        TRY(option_append(a->arena, OPTION_ARRAY(origin->servers, origin->server_count), &server,
                          1));
    }
    return 0;
}

static int proxy_protocol_apply(struct option_apply *a)
{
    struct origin *origin = a->object;
    origin->proxy_protocol =
        option_argument(a, 0)->number == 0 ? PROXY_PROTOCOL_V1 : PROXY_PROTOCOL_V2;
    return 0;
}

static const struct directive rows[] = {
    { .name = "origin",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_ORIGIN,
      .is_repeatable = true,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_NAME } },
      .meaning = "A group of servers that serve the same",
      .details = "`to NAME` leads there. A single server needs no origin: `to 127.0.0.1:3000`.",
      .example = "origin app { server 10.0.0.1:3000 10.0.0.2:3000 }",
      .since = "0.1" },
    { .name = "server",
      .scopes = SCOPE_ORIGIN,
      .is_repeatable = true,
      .arguments = { { .name = "ADDRESS",
                       .kind = ARGUMENT_TEXT,
                       .form = FORM_MANY,
                       .later = "role" },
                     { .name = "weight",
                       .kind = ARGUMENT_NUMBER,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 1000 },
                     { .name = "max",
                       .kind = ARGUMENT_NUMBER,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 1000000 } },
      .object = OBJECT_ORIGIN,
      .meaning =
          "One or more servers: host:port, [v6]:port or unix:/path, with or without a scheme",
      .details = "http:// or no scheme: HTTP/1.1. https://: with TLS, HTTP/2 or HTTP/1.1 as the "
                 "server chooses. h2://: HTTP/2 without TLS, at once. grpc:// and grpcs://: HTTP/2 "
                 "without and with TLS, for servers of gRPC, whose calls may stay silent as long "
                 "as WebSockets. "
                 "weight: its share of the requests (1). max: requests at once, over "
                 "all workers (no limit). A name is resolved again when its time to live ends; "
                 "all its addresses are used.",
      .example = "server 10.0.0.1:3000 10.0.0.2:3000 weight 3 max 100",
      .since = "0.1",
      .apply = server_apply },
    { .name = "queue",
      .scopes = SCOPE_ORIGIN,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_NUMBER,
                       .min = 0,
                       .max = 100000,
                       STORED(struct origin, queue_max) },
                     { .name = "for",
                       .kind = ARGUMENT_DURATION,
                       .form = FORM_KEYWORD,
                       .min = 10,
                       .max = 600000,
                       STORED(struct origin, queue_ms) } },
      .object = OBJECT_ORIGIN,
      .preset = "128 for 5s",
      .meaning = "Requests of a worker that wait while every server has its 'max', and how long",
      .example = "queue 50 for 2s",
      .since = "0.1" },
    { .name = "keep-alive",
      .scopes = SCOPE_ORIGIN,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_NUMBER,
                       .min = 0,
                       .max = 100000,
                       STORED(struct origin, idle_max) },
                     { .name = "for",
                       .kind = ARGUMENT_DURATION,
                       .form = FORM_KEYWORD,
                       .min = 100,
                       .max = 86400000,
                       STORED(struct origin, idle_ms) } },
      .object = OBJECT_ORIGIN,
      .preset = "64 for 60s",
      .meaning = "Idle connections kept for each server and worker, and how long",
      .example = "keep-alive 16 for 30s",
      .since = "0.1" },
    { .name = "http2",
      .scopes = SCOPE_ORIGIN,
      .arguments = { { .name = "STATE",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "off|on",
                       STORED(struct origin, http2) } },
      .object = OBJECT_ORIGIN,
      .preset = "on",
      .meaning = "Whether HTTP/2 is offered to https:// servers; they choose in the handshake",
      .details = "h2://, grpc:// and grpcs:// servers speak nothing else.",
      .example = "http2 off",
      .since = "0.1" },
    { .name = "proxy-protocol",
      .scopes = SCOPE_ORIGIN,
      .arguments = { { .name = "VERSION", .kind = ARGUMENT_CHOICE, .choices = "v1|v2" } },
      .object = OBJECT_ORIGIN,
      .meaning = "Tells the servers the client's address with the PROXY protocol",
      .details = "Connections are then used for one client only.",
      .example = "proxy-protocol v2",
      .since = "0.1",
      .apply = proxy_protocol_apply },
};

const struct directive_table origin_options = { "Origins", rows, ARRAY_LENGTH(rows) };
