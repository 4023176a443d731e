/* New connections to origin servers. */
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "proxy/client.h"
#include "proxy/connection.h"
#include "proxy/upstream_state.h"
#include "wire/proxy_protocol.h"

/* A listening Unix socket whose backlog is full refuses at once instead of letting us wait. */
#define BACKLOG_LOOK_MS 5

/* The address of this attempt: names take turns through what they resolve to. False: no more. */
static bool address_of(const struct server *s, uint32_t attempt, struct address *ret)
{
    if (!s->is_name) {
        *ret = s->address;
        return attempt == 0;
    }
    struct resolved_name name;
    if (s->name_slot < 0)
        return false;
    names_read(gate.shared.names, s->name_slot, &name);
    if (attempt >= name.count)
        return false;
    struct ip ip;
    uint32_t index = (upstream_state_of(s)->next_address + attempt) % name.count;
    memcpy(ip.bytes, name.addresses[index], sizeof ip.bytes);
    address_from_ip(ip, s->port, ret);
    return true;
}

static int send_proxy_header(struct exchange *x, struct upstream *u, int64_t deadline_ms)
{
    char memory[PROXY_HEADER_BYTES_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    struct proxy_addresses addresses = { .is_local = ip_is_none(x->client),
                                         .is_v4 = ip_is_v4(x->client),
                                         .source_port = x->client_port,
                                         .destination_port = x->connection->local_port };
    memcpy(addresses.source, x->client.bytes, sizeof addresses.source);
    memcpy(addresses.destination, connection_local_ip(x->connection).bytes,
           sizeof addresses.destination);
    if (u->server->origin->proxy_protocol == PROXY_PROTOCOL_V1)
        proxy_protocol_write_v1(&w, &addresses);
    else
        proxy_protocol_write_v2(&w, &addresses);
    ASSERT(!w.overflowed);
    struct iovec part = { memory, w.len };
    return socket_write(&u->socket, &part, 1, 0, deadline_ms, NULL);
}

static int connect_socket(struct upstream *u, const struct address *to, int64_t deadline_ms)
{
    for (;;) {
        int result = socket_connect(&u->socket, to, deadline_ms);
        if (result == -EMFILE && upstream_give_up_idle())
            continue;
        if (result != -EAGAIN)
            return result;
        if (loop_now_ms() >= deadline_ms)
            return -ETIMEDOUT;
        TRY(fiber_sleep(loop_now_ms() + BACKLOG_LOOK_MS));
    }
}

/* One address, all within `timeout connect`: the PROXY header goes before TLS. */
static int connect_address(struct exchange *x, const struct address *to, enum server_speaks speaks,
                           struct upstream *u)
{
    const struct origin *o = u->server->origin;
    int64_t deadline_ms = exchange_deadline(x, upstream_timeouts(x, o).connect_ms);
    int result = connect_socket(u, to, deadline_ms);
    if (result == 0 && o->proxy_protocol != PROXY_PROTOCOL_OFF)
        result = send_proxy_header(x, u, deadline_ms);
    if (result == 0 && u->server->is_tls)
        result = upstream_start_tls(x, u, speaks, deadline_ms);
    if (result != 0)
        socket_close(&u->socket);
    return result;
}

/* Tries the server's addresses until one takes the connection.
 * 0 · -EDESTADDRREQ it has none · the last error */
static int connect_server(struct exchange *x, enum server_speaks speaks, struct upstream *u)
{
    const struct server *s = u->server;
    struct address address;
    int result = -EDESTADDRREQ;
    for (uint32_t attempt = 0; attempt < NAME_ADDRESSES_MAX; attempt++) {
        if (!address_of(s, attempt, &address))
            break;
        result = connect_address(x, &address, speaks, u);
        if (result == 0 || result == -ECANCELED)
            break;
        upstream_counters_of(s)->connect_failures++;
        if (exchange_is_over(x))
            break;
    }
    upstream_state_of(s)->next_address++;
    return result;
}

int upstream_connect(struct exchange *x, const struct server *s, enum server_speaks speaks,
                     struct upstream **ret)
{
    struct upstream *u = upstream_make(s);
    if (!u)
        return -ENOMEM;
    client_watch(x);
    int result = connect_server(x, speaks, u);
    if (result != 0) {
        free(u);
        return result;
    }
    gate.counters->upstream_open++;
    upstream_counters_of(s)->connects++;
    *ret = u;
    return 0;
}
