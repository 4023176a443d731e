/* The hosts of all sites: on which listeners each is served, and the tables by which the proxy
 * finds the site of a request. */
#include <errno.h>

#include "base/number.h"
#include "base/random.h"
#include "control/loader.h"
#include "proxy/endpoint.h"
#include "wire/uri.h"

/* ":8080" as a host of a site. 0: it is not one. */
static uint16_t host_port(slice host)
{
    uint64_t port;
    if (host.len < 2 || host.ptr[0] != ':' || number_parse(slice_after(host, 1), 65535, &port) != 0)
        return 0;
    return (uint16_t)port;
}

static bool listens_on_port(const struct configuration *c, uint16_t port)
{
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (address_port(&c->listens[i].address) == port)
            return true;
    return false;
}

/* `site :8080` needs no `listen`. */
static int add_port_listen(struct loader *l, const struct word *word, slice host)
{
    uint16_t port = host_port(host);
    if (port == 0 || listens_on_port(l->c, port))
        return 0;
    struct listen listen = { .text = arena_copy(&l->c->arena, host) };
    const char *expected;
    if (!listen.text.ptr)
        return -ENOMEM;
    if (endpoint_parse_listen(host, &listen.address, &expected) != 0)
        return 0;
    if (l->c->listen_count == LISTENS_MAX) {
        diagnostics_add(l->diagnostics, E0305, &word->span,
                        "there are at most %u addresses to listen on", LISTENS_MAX);
        return 0;
    }
    return option_append(&l->c->arena, OPTION_ARRAY(l->c->listens, l->c->listen_count), &listen, 1);
}

static int add_port_listens(struct loader *l)
{
    for (uint32_t i = 0; i < l->c->site_count; i++) {
        const struct argument_value *hosts = statement_argument(l->drafts[i].statement, 0);
        for (uint32_t j = 0; j < hosts->count; j++)
            TRY(add_port_listen(l, &hosts->words[j], hosts->texts[j]));
    }
    return 0;
}

static uint64_t port_mask(const struct configuration *c, uint16_t port)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (address_port(&c->listens[i].address) == port)
            mask |= 1ull << i;
    return mask;
}

static uint64_t address_mask(const struct configuration *c, const struct address *address)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (address_equal(&c->listens[i].address, address))
            mask |= 1ull << i;
    return mask;
}

/* One address of `on`. 0: reported. */
static uint64_t on_mask(struct loader *l, const struct word *word, slice text)
{
    struct address address;
    const char *expected;
    uint64_t mask = 0;
    if (endpoint_parse_listen(text, &address, &expected) != 0) {
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0304, &word->span, "'on' expects %s", expected);
        diagnostic_label(l->diagnostics, item, "got %.*s", SLICE_ARGUMENTS(span_text(&word->span)));
        return 0;
    }
    for (uint32_t i = 0; i < l->c->listen_count; i++)
        if (slice_equal(l->c->listens[i].text, text))
            mask |= 1ull << i;
    mask |= address_mask(l->c, &address);
    if (mask)
        return mask;
    text = word_shown(word, text);
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0414, &word->span,
                                              "nothing listens on '%.*s'", SLICE_ARGUMENTS(text));
    diagnostic_label(l->diagnostics, item, "not listened on");
    diagnostic_help(l->diagnostics, item, "add:  listen %.*s", SLICE_ARGUMENTS(text));
    return 0;
}

static uint64_t site_mask(struct loader *l, const struct site_draft *draft)
{
    uint64_t all = l->c->listen_count == 64 ? UINT64_MAX : (1ull << l->c->listen_count) - 1;
    if (draft->port)
        all = port_mask(l->c, draft->port);
    const struct statement *on = statement_find(draft->statement, "on");
    if (!on)
        return all;
    uint64_t mask = 0;
    const struct argument_value *addresses = statement_argument(on, 0);
    for (uint32_t i = 0; i < addresses->count; i++)
        mask |= on_mask(l, &addresses->words[i], addresses->texts[i]);
    return mask & all;
}

static int refuse_host(struct loader *l, const struct word *word, const char *expected,
                       const char *help)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0304, &word->span, "'site' expects %s", expected);
    diagnostic_label(l->diagnostics, item, "got %.*s", SLICE_ARGUMENTS(span_text(&word->span)));
    if (help)
        diagnostic_help(l->diagnostics, item, "%s", help);
    return -EINVAL;
}

/* The canonical form: "example.com", ".example.com" for "*.example.com", "*". */
static int canonical_host(struct loader *l, const struct word *word, slice text, slice *ret)
{
    bool is_wildcard = slice_starts_with(text, SLICE("*."));
    if (slice_equal(text, SLICE("*")) || host_port(text)) {
        *ret = SLICE("*");
        return 0;
    }
    struct authority authority;
    slice name = is_wildcard ? slice_after(text, 2) : text;
    if (slice_find(text, SLICE("://")) < text.len)
        return refuse_host(l, word, "a host without 'http://'", NULL);
    if (authority_parse(name, &authority) != 0)
        return refuse_host(l, word, "a host such as example.com, *.example.com, * or :8080",
                           "names outside ASCII are written in their xn-- form");
    if (authority.has_port)
        return refuse_host(
            l, word, "a host without a port",
            "say where it listens with:  listen :PORT   and, if only there:  on :PORT");
    char canonical[HOST_BYTES_MAX + 64];
    struct writer w = writer_over(canonical, sizeof canonical);
    if (is_wildcard)
        writer_byte(&w, '.');
    authority_write_host(&w, &authority);
    if (w.overflowed || (is_wildcard && (authority.is_ipv4 || authority.is_ipv6)))
        return refuse_host(l, word, "a host such as example.com or *.example.com", NULL);
    *ret = arena_copy(&l->c->arena, writer_slice(&w));
    return ret->ptr ? 0 : -ENOMEM;
}

struct host_tables {
    struct host_entry *entries; /* one for each host of each site */
    uint32_t count;
    bool has_exact, has_wildcard;
};

static int open_table(struct loader *l, struct host_entry ***table, uint32_t *mask, uint32_t hosts)
{
    uint32_t size = 16;
    while (size < hosts * 2)
        size *= 2;
    *table = arena_take_array(&l->c->arena, size, sizeof(void *));
    *mask = size - 1;
    return *table ? 0 : -ENOMEM;
}

static struct host_entry **find_chain(struct configuration *c, slice host, uint64_t hash)
{
    if (slice_equal(host, SLICE("*")))
        return &c->any;
    if (host.ptr[0] == '.')
        return &c->wildcard[hash & c->wildcard_mask];
    return &c->exact[hash & c->exact_mask];
}

/* false: the host is already served on one of the site's listeners */
static bool insert_host(struct configuration *c, struct host_entry *entry)
{
    entry->hash = siphash(&c->hash_key, entry->host.ptr, entry->host.len);
    struct host_entry **chain = find_chain(c, entry->host, entry->hash);
    for (const struct host_entry *other = *chain; other; other = other->next)
        if (slice_equal(other->host, entry->host) &&
            (other->site->listener_mask & entry->site->listener_mask))
            return false;
    entry->next = *chain;
    *chain = entry;
    return true;
}

static void report_twice(struct loader *l, const struct word *word, slice host,
                         const struct site_draft *first)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0405, &word->span, "site '%.*s' is defined twice",
                        SLICE_ARGUMENTS(span_text(&word->span)));
    diagnostic_label(l->diagnostics, item, "second definition");
    if (!first)
        return;
    const struct span *at = &first->statement->name.span;
    diagnostic_help(l->diagnostics, item,
                    "first at %.*s:%u; merge them, or add routes with: extend site %.*s { ... }",
                    SLICE_ARGUMENTS(at->source->name), at->line,
                    SLICE_ARGUMENTS(word_shown(word, host)));
}

static int add_host(struct loader *l, struct site_draft *draft, const struct word *word, slice text,
                    struct host_tables *tables)
{
    struct site *site = draft->site;
    slice host;
    int error = canonical_host(l, word, text, &host);
    if (error == -EINVAL) {
        statement_mark_broken((struct statement *)draft->statement);
        return 0;
    }
    TRY(error);
    struct host_entry *entry = &tables->entries[tables->count++];
    *entry = (struct host_entry){ .host = host, .site = site };
    site->hosts[site->host_count++] = host;
    bool is_wildcard = host.ptr[0] == '.', is_any = slice_equal(host, SLICE("*"));
    tables->has_wildcard |= is_wildcard;
    tables->has_exact |= !is_wildcard && !is_any;
    slice key = host_port(text) ? text : host;
    struct site_draft *first = name_map_find(&l->hosts, key);
    if (site->listener_mask && !insert_host(l->c, entry))
        report_twice(l, word, host, first);
    return first ? 0 : name_map_add(&l->hosts, key, draft);
}

/* What logs and metrics call the site: its first host, canonical, as the language writes it. */
static int name_site(struct loader *l, struct site *site, slice text)
{
    char name[HOST_BYTES_MAX + 64];
    struct writer w = writer_over(name, sizeof name);
    bool is_named = site->host_count && !host_port(text);
    if (is_named && site->hosts[0].ptr[0] == '.')
        writer_byte(&w, '*');
    writer_slice_add(&w, is_named ? site->hosts[0] : text);
    site->name = arena_copy(&l->c->arena, writer_slice(&w));
    return site->name.ptr ? 0 : -ENOMEM;
}

static int add_site(struct loader *l, struct site_draft *draft, struct host_tables *tables)
{
    const struct argument_value *hosts = statement_argument(draft->statement, 0);
    struct site *site = draft->site;
    site->hosts = arena_take_array(&l->c->arena, hosts->count, sizeof *site->hosts);
    if (!site->hosts)
        return -ENOMEM;
    draft->port = host_port(hosts->texts[0]);
    for (uint32_t i = 0; i < hosts->count; i++)
        if (host_port(hosts->texts[i]) && hosts->count > 1) {
            refuse_host(l, &hosts->words[i], "':port' alone", "make it a site of its own");
            return 0;
        }
    site->listener_mask = site_mask(l, draft);
    for (uint32_t i = 0; i < hosts->count; i++)
        TRY(add_host(l, draft, &hosts->words[i], hosts->texts[i], tables));
    TRY(name_site(l, site, hosts->texts[0]));
    return load_where(l, draft->statement, &site->where);
}

int load_hosts(struct loader *l)
{
    TRY(add_port_listens(l));
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->c->site_count; i++)
        count += statement_argument(l->drafts[i].statement, 0)->count;
    struct host_tables tables = { .entries = arena_take_array(&l->c->arena, count,
                                                              sizeof *tables.entries) };
    random_bytes(&l->c->hash_key, sizeof l->c->hash_key);
    if (!tables.entries)
        return -ENOMEM;
    TRY(open_table(l, &l->c->exact, &l->c->exact_mask, count));
    TRY(open_table(l, &l->c->wildcard, &l->c->wildcard_mask, count));
    for (uint32_t i = 0; i < l->c->site_count; i++)
        TRY(add_site(l, &l->drafts[i], &tables));
    if (!tables.has_exact) /* what has no entries is not asked */
        l->c->exact = NULL;
    if (!tables.has_wildcard)
        l->c->wildcard = NULL;
    return 0;
}
