#include "proxy/forwarding.h"

#include <errno.h>

#include "proxy/connection.h"
#include "proxy/request_id.h"
#include "wire/forwarded.h"

/* A chain longer than this is cut: what is farther away is not believed. */
#define HOPS_MAX 32u

static bool is_trusted(const struct configuration *c, struct ip ip)
{
    return c->trusts_any || network_set_find(&c->trusted, ip) != NULL;
}

/* All lines of one field joined by ", " (RFC 9110 §5.3); the value itself when there is one line.
 */
static slice joined_value(struct exchange *x, enum field_id id)
{
    const struct fields *fs = &x->request.fields;
    uint32_t lines = fields_count(fs, id);
    const struct field *first = fields_find(fs, id);
    if (lines <= 1)
        return first ? first->value : slice_of(NULL, 0);
    size_t room = 0;
    for (uint32_t i = 0; i < fs->count; i++)
        if (fs->items[i].id == id)
            room += fs->items[i].value.len + 2;
    char *memory = arena_take(&x->arena, room);
    if (!memory)
        return slice_of(NULL, 0);
    struct writer w = writer_over(memory, room);
    for (uint32_t i = 0; i < fs->count; i++) {
        if (fs->items[i].id != id || fs->items[i].dropped)
            continue;
        if (w.len)
            writer_literal(&w, ", ");
        writer_slice_add(&w, fs->items[i].value);
    }
    return writer_slice(&w);
}

/* Takes elements from the right while the address at hand is trusted. What stays on the right of
 * the first untrusted one, itself included, is the chain that is believed. */
static void walk_forwarded_for(struct exchange *x, slice value)
{
    slice rest = value, element;
    for (uint32_t hop = 0; hop < HOPS_MAX && is_trusted(x->configuration, x->client); hop++) {
        struct ip ip;
        if (!forwarded_for_last(&rest, &element) || ip_parse(element, &ip) != 0)
            return;
        x->client = ip;
        x->client_port = 0;
        x->forwarded_for = slice_of(element.ptr, (size_t)(value.ptr + value.len - element.ptr));
    }
}

static void walk_forwarded(struct exchange *x, slice value)
{
    slice nodes[HOPS_MAX];
    uint32_t count = forwarded_nodes(value, nodes, HOPS_MAX);
    while (count > 0 && is_trusted(x->configuration, x->client)) {
        struct ip ip;
        if (ip_parse(nodes[--count], &ip) != 0)
            return;
        x->client = ip;
        x->client_port = 0;
    }
}

static void take_trusted_words(struct exchange *x)
{
    const struct fields *fs = &x->request.fields;
    const struct field *proto = fields_find(fs, FIELD_X_FORWARDED_PROTO);
    const struct field *id = fields_find(fs, FIELD_X_REQUEST_ID);
    if (proto && slice_equal_fold(proto->value, SLICE("https")))
        x->scheme = SLICE("https");
    if (id && request_id_is_acceptable(id->value))
        x->request_id = id->value;
}

void identify_client(struct exchange *x)
{
    x->peer_is_trusted = is_trusted(x->configuration, x->connection->peer);
    if (!x->peer_is_trusted)
        return;
    take_trusted_words(x);
    slice value = joined_value(x, FIELD_X_FORWARDED_FOR);
    if (value.len)
        walk_forwarded_for(x, value);
    else
        walk_forwarded(x, joined_value(x, FIELD_FORWARDED));
}

/* "client, hop, peer": the believed chain and who connected to us. */
static void write_forwarded_for(struct writer *w, const struct exchange *x)
{
    if (x->forwarded_for.len) {
        writer_slice_add(w, x->forwarded_for);
        writer_literal(w, ", ");
    } else if (!ip_equal(x->client, x->connection->peer)) {
        ip_write(w, x->client);
        writer_literal(w, ", ");
    }
    ip_write(w, x->connection->peer);
}

static void write_forwarded(struct writer *w, const struct exchange *x)
{
    bool bracketed = !ip_is_v4(x->client);
    writer_text(w, bracketed ? "for=\"[" : "for=");
    ip_write(w, x->client);
    if (bracketed)
        writer_literal(w, "]\"");
    if (x->host.len) {
        bool quoted = x->authority.has_port || x->authority.is_ipv6;
        writer_text(w, quoted ? ";host=\"" : ";host=");
        exchange_write_host(x, w);
        if (quoted)
            writer_byte(w, '"');
    }
    writer_literal(w, ";proto=");
    writer_slice_add(w, x->scheme);
}

/* What a trusted peer said about the host, else what the client asked for. */
static void write_forwarded_host(struct writer *w, const struct exchange *x,
                                 const struct field *said)
{
    struct authority ignored;
    if (x->peer_is_trusted && said && authority_parse(said->value, &ignored) == 0)
        writer_slice_add(w, said->value);
    else
        exchange_write_host(x, w);
}

static int add(struct exchange *x, enum field_id id, struct writer *w, size_t from)
{
    if (w->overflowed)
        return -ENOMEM;
    return fields_add(&x->request.fields, field_name_of(id), slice_of(w->ptr + from, w->len - from),
                      id);
}

int forwarding_apply(struct exchange *x)
{
    static const uint64_t ours =
        FIELD_BIT(FIELD_X_FORWARDED_FOR) | FIELD_BIT(FIELD_X_FORWARDED_PROTO) |
        FIELD_BIT(FIELD_X_FORWARDED_HOST) | FIELD_BIT(FIELD_X_FORWARDED_PORT) |
        FIELD_BIT(FIELD_FORWARDED) | FIELD_BIT(FIELD_X_REAL_IP) | FIELD_BIT(FIELD_X_REQUEST_ID) |
        FIELD_BIT(FIELD_HOST);
    struct fields *fs = &x->request.fields;
    const struct field *said_host = fields_find(fs, FIELD_X_FORWARDED_HOST);
    fields_drop_set(fs, ours);
    size_t room =
        x->forwarded_for.len + 3 * HOST_BYTES_MAX + 256 + (said_host ? said_host->value.len : 0);
    char *memory = arena_take(&x->arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    size_t from = w.len;
    write_forwarded_for(&w, x);
    TRY(add(x, FIELD_X_FORWARDED_FOR, &w, from));
    TRY(fields_add(fs, field_name_of(FIELD_X_FORWARDED_PROTO), x->scheme, FIELD_X_FORWARDED_PROTO));
    if (x->host.len) {
        from = w.len;
        write_forwarded_host(&w, x, said_host);
        TRY(add(x, FIELD_X_FORWARDED_HOST, &w, from));
    }
    from = w.len;
    write_forwarded(&w, x);
    TRY(add(x, FIELD_FORWARDED, &w, from));
    from = w.len;
    ip_write(&w, x->client);
    TRY(add(x, FIELD_X_REAL_IP, &w, from));
    return fields_add(fs, field_name_of(FIELD_X_REQUEST_ID), x->request_id, FIELD_X_REQUEST_ID);
}
