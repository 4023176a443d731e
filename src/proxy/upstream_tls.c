/* TLS with origin servers: whom a connection is made to, and what a failure means for the client.
 */
#include <errno.h>

#include "base/panic.h"
#include "proxy/origin_tls.h"
#include "proxy/upstream_state.h"

/* What a kind of failure becomes in the log. The client learns the status alone. */
static struct failure failure_of(enum tls_peer_failure_kind kind)
{
    static const char *const reasons[] = {
        [TLS_FAILURE_EXPIRED] = "upstream.tls.expired",
        [TLS_FAILURE_NOT_YET_VALID] = "upstream.tls.not-yet-valid",
        [TLS_FAILURE_NAME] = "upstream.tls.name",
        [TLS_FAILURE_UNTRUSTED] = "upstream.tls.untrusted",
        [TLS_FAILURE_PIN] = "upstream.tls.pin",
        [TLS_FAILURE_OWN] = "upstream.tls.client-certificate",
        [TLS_FAILURE_PROTOCOL] = "upstream.tls.protocol",
        [TLS_FAILURE_HANDSHAKE] = "upstream.tls.handshake",
        [TLS_FAILURE_CLOSED] = "upstream.tls.closed",
        [TLS_FAILURE_TIMEOUT] = "upstream.tls.timeout",
        [TLS_FAILURE_OURS] = "resources.memory",
    };
    ASSERT(kind != TLS_FAILURE_NONE && kind < ARRAY_LENGTH(reasons));
    bool is_ours = kind == TLS_FAILURE_OURS;
    return (struct failure){ .whose = is_ours ? FAULT_OURS : FAULT_UPSTREAM,
                             .status = is_ours                       ? 503
                                       : kind == TLS_FAILURE_TIMEOUT ? 504
                                                                     : 502,
                             .reason = reasons[kind] };
}

static struct failure describe(struct exchange *x, const struct tls_peer_failure *failure)
{
    struct failure f = failure_of(failure->kind);
    const char *text = arena_text(&x->arena, slice_from(failure->text));
    f.text = text ? text : "TLS with the server failed";
    return f;
}

/* The name that the server has to prove: what the origin says, else its own. */
static struct tls_peer peer_of(const struct server *s, enum server_speaks speaks)
{
    static const slice offers[] = { [SPEAKS_HTTP1] = SLICE("\x08http/1.1"),
                                    [SPEAKS_HTTP2] = SLICE("\x02h2"),
                                    [SPEAKS_EITHER] = SLICE("\x02h2\x08http/1.1") };
    const struct origin_tls *how = s->origin->tls;
    struct tls_peer peer = { .name = how->name,
                             .ip = how->ip,
                             .alpn = offers[speaks],
                             .session = &upstream_state_of(s)->session };
    if (peer.name.len || !ip_is_none(peer.ip))
        return peer;
    if (s->is_name)
        peer.name = s->host;
    else if (s->address.any.sa_family != AF_UNIX)
        peer.ip = address_ip(&s->address);
    return peer;
}

bool upstream_speaks_http2(const struct upstream *u, enum server_speaks speaks)
{
    const struct tls_facts *facts = tls_facts_of(&u->socket);
    return facts ? slice_equal(facts->alpn, SLICE("h2")) : speaks == SPEAKS_HTTP2;
}

int upstream_start_tls(struct exchange *x, struct upstream *u, enum server_speaks speaks,
                       int64_t deadline_ms)
{
    const struct server *s = u->server;
    struct tls_peer peer = peer_of(s, speaks);
    struct tls_peer_failure failure;
    int result = tls_connect(&u->socket, s->origin->tls->client, &peer, deadline_ms, &failure);
    if (result == -ECANCELED)
        return result;
    if (result != 0) {
        x->server_failure = describe(x, &failure);
        return -EPROTO;
    }
    if (speaks == SPEAKS_HTTP2 && !upstream_speaks_http2(u, speaks)) { /* RFC 9113 §3.2 */
        x->server_failure = (struct failure){ .whose = FAULT_UPSTREAM,
                                              .status = 502,
                                              .reason = "upstream.tls.alpn",
                                              .text = "the server does not agree to HTTP/2" };
        return -EPROTO;
    }
    struct server_counters *counters = upstream_counters_of(s);
    counters->tls_handshakes++;
    counters->tls_resumed += tls_facts_of(&u->socket)->is_resumed;
    return 0;
}

bool upstream_refused_us(struct exchange *x)
{
    struct tls_peer_failure failure;
    if (x->upstream->requests > 1 || !tls_client_was_refused(&x->upstream->socket, &failure))
        return false;
    x->server_failure = describe(x, &failure);
    return true;
}
