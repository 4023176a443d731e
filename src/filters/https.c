/* What a site with a certificate adds: plain requests are sent to HTTPS, and browsers are told to
 * come there by themselves (RFC 6797). */
#include "filters/filters.h"
#include "proxy/connection.h"
#include "proxy/deliver.h"

#define HTTPS_PORT 443
#define DAY_S      86400

static bool wants_redirect(const struct exchange *x)
{
    const struct listen *listen = &x->configuration->listens[x->connection->listen];
    return !x->connection->socket.tls && !listen->is_plain && x->site->tls.https &&
           !slice_equal(x->scheme, SLICE("https")); /* a trusted proxy in front has had TLS */
}

/* The same URI over HTTPS. */
static bool write_location(struct exchange *x, slice *ret)
{
    size_t room = x->host.len + 3 * (x->path.len + x->target.query.len) + 32;
    char *memory = arena_take(&x->arena, room);
    if (!memory)
        return false;
    struct writer w = writer_over(memory, room);
    writer_literal(&w, "https://");
    bool is_ipv6 = slice_find_byte(x->host, ':') < x->host.len;
    if (is_ipv6)
        writer_byte(&w, '[');
    writer_slice_add(&w, x->host);
    if (is_ipv6)
        writer_byte(&w, ']');
    uint16_t port = address_port(&x->site->tls.https->address);
    if (port != HTTPS_PORT) {
        writer_byte(&w, ':');
        writer_decimal(&w, port);
    }
    uri_reference_write(&w, x->path);
    if (x->target.has_query) {
        writer_byte(&w, '?');
        uri_reference_write(&w, x->target.query);
    }
    *ret = writer_slice(&w);
    return !w.overflowed;
}

static enum verdict on_request(struct exchange *x)
{
    slice location;
    if (!wants_redirect(x) || x->host.len == 0)
        return NEXT;
    answer_begin(x, 308);
    if (write_location(x, &location) && answer_add(x, SLICE("Location"), location) == 0)
        return ANSWERED;
    (void)exchange_refuse(x, FAULT_OURS, 500, "answer.too-large",
                          "the target of the redirect to HTTPS does not fit");
    return BROKEN;
}

static bool is_sent_by_origin(const struct fields *fs, slice name)
{
    for (uint32_t i = 0; i < fs->count; i++)
        if (slice_equal_fold(fs->items[i].name, name))
            return true;
    return false;
}

/* A day at first, so that a mistake is soon forgotten. */
static int64_t max_age_s(const struct exchange *x)
{
    const struct headers_settings *h = exchange_block(x, FEATURE_HEADERS);
    int64_t written_s = x->site->tls.settings->hsts_s;
    return written_s != HSTS_UNWRITTEN ? written_s : h->is_hardened ? 365 * DAY_S : DAY_S;
}

/* A host of a site without TLS comes this way when its name is in the certificate of another one
 * (421): nobody is to be kept from it. Neither from local names, whose root not everybody has. */
static bool is_https_only(const struct exchange *x)
{
    return x->connection->socket.tls && x->site && x->site->tls.identity &&
           x->site->tls.identity->kind != TLS_LOCAL && max_age_s(x) != 0;
}

static enum verdict on_deliver(struct exchange *x)
{
    static const slice name = SLICE("Strict-Transport-Security");
    if (!is_https_only(x) || is_sent_by_origin(&x->response.fields, name))
        return NEXT;
    char *memory = arena_take(&x->arena, 40);
    if (!memory)
        return NEXT; /* the next response will say it */
    struct writer w = writer_over(memory, 40);
    writer_literal(&w, "max-age=");
    writer_decimal(&w, (uint64_t)max_age_s(x));
    int added = fields_add(&x->response.fields, name, writer_slice(&w), FIELD_OTHER);
    (void)added; /* a full head goes without it */
    return NEXT;
}

const struct filter https_filter = {
    .on_request = on_request,
    .on_deliver = on_deliver,
};
