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

/* 0 · -ENOMEM: nobody may pass for the proxy in front because its word was lost */
static int joined_value(struct exchange *x, enum field_id id, slice *ret)
{
    const struct fields *fs = &x->request.fields;
    return fields_join(fs, fields_find(fs, id), &x->arena, ret);
}

/* Of a field that every proxy on the way may have added to, the last word: our neighbour's. */
static int last_word(struct exchange *x, enum field_id id, slice *ret)
{
    slice rest;
    *ret = slice_of(NULL, 0);
    TRY(joined_value(x, id, &rest));
    while (list_next(&rest, ret))
        ;
    return 0;
}

static void take_scheme(struct exchange *x, slice said)
{
    if (slice_equal_fold(said, SLICE("https")))
        x->scheme = SLICE("https");
    else if (slice_equal_fold(said, SLICE("http")))
        x->scheme = SLICE("http");
}

/* Addresses that are believed, the nearest first. */
struct chain {
    struct ip hops[HOPS_MAX];
    uint32_t count;
};

/* One step away from us: who the last one believed says its client is. False: not to be believed,
 * or not an address. */
static bool step(struct exchange *x, struct chain *c, slice said)
{
    struct ip ip;
    if (c->count == HOPS_MAX || !is_trusted(x->configuration, x->client) ||
        ip_parse(said, &ip) != 0)
        return false;
    c->hops[c->count++] = ip;
    x->client = ip;
    x->client_port = 0;
    return true;
}

static void walk_forwarded_for(struct exchange *x, slice value, struct chain *c)
{
    slice rest = value, element;
    while (forwarded_for_last(&rest, &element) && step(x, c, element))
        ;
}

static void walk_forwarded(struct exchange *x, slice value, struct chain *c)
{
    struct forwarded_element elements[HOPS_MAX];
    uint32_t count = forwarded_elements(value, elements, HOPS_MAX);
    while (count > 0 && step(x, c, elements[count - 1].node))
        take_scheme(x, elements[--count].proto);
}

/* "client, hop": what was understood, written anew. */
static int keep_chain(struct exchange *x, const struct chain *c)
{
    if (c->count == 0)
        return 0;
    size_t room = c->count * (IP_TEXT_MAX + 2u);
    char *memory = arena_take(&x->arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    for (uint32_t i = c->count; i-- > 0;) {
        ip_write(&w, c->hops[i]);
        if (i > 0)
            writer_literal(&w, ", ");
    }
    x->forwarded_for = writer_slice(&w);
    return 0;
}

int identify_client(struct exchange *x)
{
    struct chain chain UNINITIALIZED;
    chain.count = 0;
    x->peer_is_trusted = is_trusted(x->configuration, x->connection->peer);
    if (!x->peer_is_trusted)
        return 0;
    slice id, addresses, elements, scheme;
    TRY(last_word(x, FIELD_X_REQUEST_ID, &id));
    TRY(joined_value(x, FIELD_X_FORWARDED_FOR, &addresses));
    TRY(joined_value(x, FIELD_FORWARDED, &elements));
    TRY(last_word(x, FIELD_X_FORWARDED_PROTO, &scheme));
    if (request_id_is_acceptable(id))
        x->request_id = id;
    if (addresses.len)
        walk_forwarded_for(x, addresses, &chain);
    else
        walk_forwarded(x, elements, &chain);
    take_scheme(x, scheme);
    return keep_chain(x, &chain);
}

/* "client, hop, peer": the believed chain and who connected to us. A peer on a Unix socket has no
 * address. */
static void write_forwarded_for(struct writer *w, const struct exchange *x)
{
    bool has_peer = !ip_is_none(x->connection->peer);
    writer_slice_add(w, x->forwarded_for);
    if (x->forwarded_for.len && has_peer)
        writer_literal(w, ", ");
    if (has_peer)
        ip_write(w, x->connection->peer);
}

static void write_forwarded_node(struct writer *w, struct ip client)
{
    if (ip_is_none(client)) {
        writer_literal(w, "for=unknown");
        return;
    }
    bool bracketed = !ip_is_v4(client);
    writer_text(w, bracketed ? "for=\"[" : "for=");
    ip_write(w, client);
    if (bracketed)
        writer_literal(w, "]\"");
}

static void write_forwarded(struct writer *w, const struct exchange *x)
{
    write_forwarded_node(w, x->client);
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

/* Fields in which applications believe to read who asked, how, or for what path, when no proxy of
 * theirs has written them. */
static bool is_claim(slice name)
{
    static const slice names[] = {
        SLICE("cf-connecting-ip"), SLICE("client-ip"),           SLICE("true-client-ip"),
        SLICE("x-client-ip"),      SLICE("x-cluster-client-ip"), SLICE("x-rewrite-url"),
    };
    static const slice families[] = { SLICE("x-forwarded-"), SLICE("x-original-") };
    for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
        if (slice_equal_fold(slice_first(name, families[i].len), families[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (slice_equal_fold(name, names[i]))
            return true;
    return false;
}

/* A client that is nobody's proxy says nothing of itself. */
static void drop_claims(struct fields *fs)
{
    for (uint32_t i = 0; i < fs->count; i++) {
        struct field *f = &fs->items[i];
        char first = ascii_lower(f->name.ptr[0]);
        if (f->id == FIELD_OTHER && (first == 'x' || first == 'c' || first == 't') &&
            is_claim(f->name))
            f->dropped = true;
    }
}

/* What a trusted peer said about the host, else what the client asked for. */
static void write_forwarded_host(struct writer *w, const struct exchange *x, slice said)
{
    struct authority ignored;
    if (x->peer_is_trusted && said.len && authority_parse(said, &ignored) == 0)
        writer_slice_add(w, said);
    else
        exchange_write_host(x, w);
}

static int add(struct exchange *x, enum field_id id, struct writer *w, size_t from)
{
    if (w->overflowed)
        return -ENOMEM;
    if (w->len == from)
        return 0; /* nothing is known */
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
    slice said_host = SLICE("");
    if (x->peer_is_trusted)
        TRY(last_word(x, FIELD_X_FORWARDED_HOST, &said_host));
    fields_drop_set(fs, ours);
    if (!x->peer_is_trusted)
        drop_claims(fs);
    size_t room = x->forwarded_for.len + 3 * HOST_BYTES_MAX + 256 + said_host.len;
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
    if (!ip_is_none(x->client))
        ip_write(&w, x->client);
    TRY(add(x, FIELD_X_REAL_IP, &w, from));
    return fields_add(fs, field_name_of(FIELD_X_REQUEST_ID), x->request_id, FIELD_X_REQUEST_ID);
}
