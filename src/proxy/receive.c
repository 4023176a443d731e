#include "proxy/receive.h"

#include <errno.h>

#include "net/tls.h"
#include "proxy/client.h"
#include "proxy/challenge_answer.h"
#include "proxy/connection.h"
#include "proxy/forwarding.h"
#include "proxy/gate_state.h"
#include "proxy/grpc.h"
#include "proxy/request_id.h"
#include "proxy/router.h"

static int refuse_method(struct exchange *x)
{
    bool connects = x->request.method == METHOD_CONNECT;
    int result = connects
                     ? exchange_refuse(x, FAULT_POLICY, 405, "method.connect",
                                       "CONNECT is refused: this is not a forward proxy")
                     : exchange_refuse(x, FAULT_POLICY, 405, "method.trace",
                                       "TRACE is refused: it would show the client the inside");
    if (connects)
        x->request.keep_alive = false; /* what follows may be meant for the tunnel: no request */
    x->failure.allow = SLICE("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    return result;
}

/* RFC 9112 §3.3, §3.2.2: with an absolute target its authority counts; one that disagrees with Host
 * is two answers to one question. */
static int judge_host(struct exchange *x)
{
    x->authority = x->request.authority;
    if (x->target.form == TARGET_ABSOLUTE) {
        const struct authority *named = &x->target.authority;
        if (x->request.host.len && (!slice_equal_fold(named->host, x->authority.host) ||
                                    named->has_port != x->authority.has_port ||
                                    (named->has_port && named->port != x->authority.port)))
            return exchange_refuse(x, FAULT_CLIENT, 400, "h1.host-differs",
                                   "Host and the absolute target name different authorities");
        x->authority = *named;
    }
    char *host = arena_take(&x->arena, HOST_BYTES_MAX + 1);
    if (!host)
        return -ENOMEM;
    struct writer w = writer_over(host, HOST_BYTES_MAX);
    if (x->authority.host.len)
        authority_write_host(&w, &x->authority);
    x->host = writer_slice(&w);
    return 0;
}

static int canonical_path(struct exchange *x, const struct path_options *options)
{
    if (x->target.form == TARGET_ASTERISK) {
        x->path = x->target.path;
        return 0;
    }
    size_t room = 3 * x->target.path.len + 1; /* every byte escaped */
    char *memory = arena_take(&x->arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    const char *reason = "uri.path";
    if (path_canonicalize(x->target.path, options, &w, &reason) != 0)
        return exchange_refuse(x, FAULT_CLIENT, 400, reason,
                               "the path can be read in more than one way");
    x->path = writer_slice(&w);
    return 0;
}

/* A length must be known for what a method or version promises (RFC 9110 §15.5.12). */
static int judge_body(struct exchange *x)
{
    const struct h1_request *request = &x->request;
    bool wants_body = request->method == METHOD_POST || request->method == METHOD_PUT ||
                      request->method == METHOD_PATCH;
    if (request->minor_version == 0 && wants_body && request->framing == H1_FRAMING_NONE)
        return exchange_refuse(x, FAULT_CLIENT, 411, "h1.length-required",
                               "an HTTP/1.0 request with a body must say its length");
    return 0;
}

static int judge(struct exchange *x)
{
    const char *reason = "uri.target";
    if (x->request.method == METHOD_CONNECT || x->request.method == METHOD_TRACE)
        return refuse_method(x);
    if (target_parse(x->request.target, x->request.method, &x->target, &reason) != 0)
        return exchange_refuse(x, FAULT_CLIENT, 400, reason, "the request target is malformed");
    TRY(judge_host(x));
    return judge_body(x);
}

/* What the log shows of the client's fields stays as sent, whatever is edited later. */
static void note_for_log(struct exchange *x)
{
    const struct field *agent = fields_find(&x->request.fields, FIELD_USER_AGENT);
    const struct field *referer = fields_find(&x->request.fields, FIELD_REFERER);
    if (agent)
        x->user_agent = agent->value;
    if (referer)
        x->referer = referer->value;
}

int exchange_receive(struct exchange *x)
{
    x->times.begin = loop_now_us();
    x->times.wall_ms = gate_wall_ms();
    x->request.keep_alive = false; /* until a head has said otherwise */
    x->request_id = request_id_make(x->request_id_text);
    TRY(x->protocol->receive(x));
    x->request.fields.capacity = gate.field_capacity;
    x->client_fields = x->request.fields.count;
    note_for_log(x);
    int result = judge(x);
    if (result == -EREFUSED && x->failure.whose == FAULT_CLIENT)
        x->request.keep_alive = false; /* who is ambiguous once is not listened to again */
    return result;
}

static int limit_length(struct exchange *x)
{
    uint64_t max = exchange_limits(x)->body_bytes_max;
    if (x->request.framing == H1_FRAMING_LENGTH && x->request.content_length > max)
        return exchange_refuse(x, FAULT_CLIENT, 413, "limits.body",
                               "the request body is longer than `limits body` allows");
    return 0;
}

/* RFC 9110 §7.4: "an 'https' resource MUST be rejected unless it has been received over a
 * connection that has been secured". */
static int judge_scheme(struct exchange *x)
{
    slice named = x->target.form == TARGET_ABSOLUTE ? x->target.scheme : x->request_scheme;
    if (named.len == 0 || slice_equal_fold(named, x->scheme))
        return 0;
    /* behind a proxy that ended TLS, and speaks HTTP/2 to us: the scheme of its own connection */
    if (x->request_scheme.len && x->peer_is_trusted)
        return 0;
    x->request.keep_alive = false;
    return exchange_refuse(x, FAULT_CLIENT, 421, "h1.scheme-differs",
                           "the scheme of the target is not the connection's");
}

static int find_route(struct exchange *x)
{
    struct routing_question question = {
        .method = x->request.method,
        .method_text = x->request.method_text,
        .path = x->path,
        .query = x->target.query,
        .fields = &x->request.fields,
        .client = x->client,
        .ja4 = exchange_ja4(x),
        .h2_noted = exchange_h2_fingerprint(x),
    };
    x->route = router_find(x->site, &question);
    if (!x->route) {
        x->request.keep_alive = false;
        return exchange_refuse(x, FAULT_CLIENT, 400, "route.undecided",
                               "a route's expression needs too many steps for this path");
    }
    if (!path_has_other_reading(x->path))
        return 0;
    char *memory = arena_take(&x->arena, x->path.len);
    if (!memory)
        return -ENOMEM;
    if (router_is_certain(x->site, x->route, &question, memory))
        return 0;
    x->request.keep_alive = false;
    return exchange_refuse(x, FAULT_CLIENT, 400, "uri.two-routes",
                           "another reading of the path belongs to another route");
}

/* The handshake was made for one site, its certificate and its policy: requests for another one
 * belong on another connection (RFC 9110 §15.5.20). */
static int judge_tls(struct exchange *x)
{
    const struct tls_facts *facts = tls_facts_of(&x->connection->socket);
    if (!facts || facts->owner == x->site)
        return 0;
    char memory[320];
    struct writer w = writer_over(memory, sizeof memory);
    writer_literal(&w, "the host is of another site than ");
    writer_slice_add(&w, facts->server_name.len ? facts->server_name : SLICE("no name"));
    writer_literal(&w, ", which the TLS handshake was for");
    const char *text = arena_text(&x->arena, writer_slice(&w));
    x->request.keep_alive = false;
    return exchange_refuse(x, FAULT_CLIENT, 421, "tls.other-site",
                           text ? text : "the host is of another site than the TLS handshake");
}

int exchange_route(struct exchange *x)
{
    const struct configuration *configuration = x->configuration;
    TRY(identify_client(x));
    TRY(judge_scheme(x));
    TRY(challenge_answer(x));
    x->site = configuration_find_site(configuration, x->host, x->connection->listen);
    if (!x->site) {
        x->request.keep_alive = false;
        return exchange_refuse(x, FAULT_POLICY, 421, "site.unknown",
                               "no site is configured for this host");
    }
    TRY(judge_tls(x));
    const struct target_settings *site_target =
        x->site->routes[x->site->route_count - 1].blocks[FEATURE_TARGET];
    struct path_options options = { .slashes = site_target->slashes, .collapse_slashes = true };
    int result = canonical_path(x, &options);
    if (result == -EREFUSED)
        x->request.keep_alive = false;
    TRY(result);
    result = find_route(x);
    x->deadline_ms = loop_now_ms() + exchange_timeouts(x)->total_ms;
    TRY(result);
    TRY(limit_length(x));
    TRY(grpc_apply_deadline(x));
    return forwarding_apply(x);
}
