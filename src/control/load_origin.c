/* Origins: those that the files define, and those that a `to ADDRESS` makes. */
#include <errno.h>

#include "base/number.h"
#include "control/loader.h"
#include "proxy/endpoint.h"

static struct origin *new_origin(struct loader *l, slice name)
{
    if (l->c->origin_count == l->origin_capacity)
        return NULL;
    struct origin *origin = &l->c->origins[l->c->origin_count];
    *origin = (struct origin){ .name = arena_copy(&l->c->arena, name),
                               .queue_max = 128,
                               .queue_ms = 5000,
                               .idle_max = 64,
                               .idle_ms = 60000,
                               .http2 = 1,
                               .index = l->c->origin_count };
    if (!origin->name.ptr || name_map_add(&l->origins, origin->name, origin) != 0)
        return NULL;
    l->c->origin_count++;
    return origin;
}

/* Slots and rows in shared memory. */
static int connect_server(struct loader *l, struct origin *origin, struct server *server,
                          const struct span *where)
{
    const struct load_hooks *hooks = l->options->hooks;
    server->origin = origin;
    if (server->speaks == SPEAKS_EITHER && !origin->http2)
        server->speaks = SPEAKS_HTTP1;
    origin->is_grpc = origin->is_grpc || server->is_grpc;
    origin->takes_calls = origin->takes_calls && server->speaks == SPEAKS_HTTP2;
    server->index = l->c->server_count++;
    if (!hooks || !hooks->server_row)
        return 0;
    char key[512];
    struct writer w = writer_over(key, sizeof key);
    writer_slice_add(&w, slice_first(origin->name, 200));
    writer_byte(&w, '/');
    writer_slice_add(&w, slice_first(server->text, 300));
    server->counter_row = hooks->server_row(hooks->context, writer_slice(&w));
    if (!server->is_name)
        return 0;
    server->name_slot = hooks->want_name(hooks->context, server->host);
    if (server->name_slot >= 0)
        return 0;
    if (server->name_slot == -ENOMEM)
        return -ENOMEM;
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, E0305, where, "a name of this origin cannot be resolved: %s",
        server->name_slot == -ENOSPC ? "there are too many names" : "it is too long");
    diagnostic_label(l->diagnostics, item, "one name too many");
    return 0;
}

static int connect_servers(struct loader *l, struct origin *origin, const struct span *where)
{
    origin->takes_calls = origin->server_count > 0;
    for (uint32_t i = 0; i < origin->server_count; i++)
        TRY(connect_server(l, origin, &origin->servers[i], where));
    return 0;
}

static int build_origin(struct loader *l, struct statement *s, struct origin *origin)
{
    struct apply_target t = { .origin = origin };
    TRY(blocks_apply(l, s, &t));
    if (origin->server_count == 0 && !s->has_broken) {
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0404, &s->name.span, "origin '%.*s' has no server",
                            SLICE_ARGUMENTS(word_shown(&s->arguments[0], origin->name)));
        diagnostic_label(l->diagnostics, item, "no 'server' inside");
        diagnostic_help(l->diagnostics, item, "for example:  server 10.0.0.1:3000");
        statement_mark_broken(s);
    }
    TRY(load_origin_tls(l, s, origin, &s->name.span));
    return connect_servers(l, origin, &s->name.span);
}

/* Where the first definition stands. */
static void help_first(struct loader *l, struct diagnostic *item, const struct statement *again)
{
    slice name = again->values->arguments[0].text;
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next) {
            if (s == again || s->directive != again->directive || s->is_broken ||
                !slice_equal(statement_argument(s, 0)->text, name))
                continue;
            diagnostic_help(l->diagnostics, item, "first at %.*s:%u",
                            SLICE_ARGUMENTS(s->name.span.source->name), s->name.span.line);
            return;
        }
}

void load_defined_twice(struct loader *l, const struct statement *again)
{
    const struct word *word = &again->arguments[0];
    slice name = word_shown(word, again->values->arguments[0].text);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0403, &word->span, "%s '%.*s' is defined twice",
                        again->directive->name, SLICE_ARGUMENTS(name));
    diagnostic_label(l->diagnostics, item, "second definition");
    help_first(l, item, again);
}

static int define_origin(struct loader *l, struct statement *s)
{
    slice name = statement_argument(s, 0)->text;
    if (!name_map_find(&l->origins, name))
        return new_origin(l, name) ? 0 : -ENOMEM;
    load_defined_twice(l, s);
    statement_mark_broken(s);
    return 0;
}

static bool is_origin(const struct statement *s)
{
    return statement_is(s, "origin") && !s->is_broken;
}

/* How many origins there can be at most: those defined and one for each `to`. */
static uint32_t count_origins(const struct loader *l)
{
    uint32_t count = 0;
    for (struct file *f = l->files.first; f; f = f->next) {
        struct statement *s = f->tree.root.first;
        for (; s; s = statement_following(s, false))
            count += is_origin(s) || statement_is(s, "to");
    }
    return count;
}

int load_origins(struct loader *l)
{
    l->origin_capacity = count_origins(l);
    l->c->origins = arena_take_array(&l->c->arena, l->origin_capacity, sizeof *l->c->origins);
    if (!l->c->origins)
        return -ENOMEM;
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            if (is_origin(s))
                TRY(define_origin(l, s));
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            if (is_origin(s))
                TRY(build_origin(l, s, name_map_find(&l->origins, statement_argument(s, 0)->text)));
    return 0;
}

static int report_unknown(struct loader *l, const struct word *word, slice text)
{
    struct diagnostics *d = l->diagnostics;
    slice near = d->count < DIAGNOSTICS_MAX ? name_map_suggest(&l->origins, text) : SLICE("");
    text = word_shown(word, text);
    struct diagnostic *item =
        diagnostics_add(d, E0401, &word->span, "no origin named '%.*s'", SLICE_ARGUMENTS(text));
    diagnostic_label(d, item, "not defined");
    uint64_t port;
    if (near.len)
        diagnostic_help(d, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(near));
    else if (number_parse(text, 65535, &port) == 0)
        diagnostic_help(d, item, "an address has a host too: 127.0.0.1:%.*s for this machine",
                        SLICE_ARGUMENTS(text));
    else
        diagnostic_help(d, item,
                        "define it: origin %.*s { server 10.0.0.1:3000 }, or write an "
                        "address with its port: to %.*s:3000",
                        SLICE_ARGUMENTS(text), SLICE_ARGUMENTS(text));
    return -EINVAL;
}

int load_find_origin(void *context, const struct option_apply *a, const struct word *word,
                     slice text, const struct origin **ret)
{
    struct loader *l = context;
    struct origin *origin = name_map_find(&l->origins, text);
    if (origin) {
        *ret = origin;
        return name_map_find(&l->used, origin->name) ? 0
                                                     : name_map_add(&l->used, origin->name, origin);
    }
    if (!endpoint_is_address(text))
        return report_unknown(l, word, text);
    struct server *server = arena_take(&l->c->arena, sizeof *server);
    if (!server)
        return -ENOMEM;
    TRY(option_server(a, word, text, server));
    origin = new_origin(l, text);
    if (!origin)
        return -ENOMEM;
    origin->servers = server;
    origin->server_count = 1;
    *ret = origin;
    TRY(name_map_add(&l->used, origin->name, origin));
    TRY(load_origin_tls(l, NULL, origin, &word->span));
    return connect_servers(l, origin, &word->span);
}
