/* Sites: hosts, settings, and what can be wrong between them. */
#include <errno.h>

#include "control/loader.h"

static int draft_sites(struct loader *l)
{
    uint32_t count = 0;
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            count += statement_is(s, "site") && !s->is_broken;
    l->drafts = arena_take_array(&l->scratch, count, sizeof *l->drafts);
    l->c->sites = arena_take_array(&l->c->arena, count, sizeof *l->c->sites);
    if (!l->drafts || !l->c->sites)
        return -ENOMEM;
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next) {
            if (!statement_is(s, "site") || s->is_broken)
                continue;
            uint32_t index = l->c->site_count++;
            l->drafts[index] = (struct site_draft){ .site = &l->c->sites[index], .statement = s };
        }
    return 0;
}

/* The host of `extend site` as the map of hosts knows it. */
static struct site_draft *find_extended(struct loader *l, slice text)
{
    char key[300];
    if (text.len >= sizeof key)
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        key[i] = ascii_lower(text.ptr[i]);
    slice host = slice_of(key, text.len);
    if (slice_starts_with(host, SLICE("*.")))
        host = slice_after(host, 1);
    return name_map_find(&l->hosts, host);
}

static int extend_site(struct loader *l, const struct statement *s)
{
    const struct argument_value *host = statement_argument(s, 1);
    struct site_draft *draft = find_extended(l, host->text);
    if (!draft) {
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0401, &host->word->span, "no site named '%.*s'",
                            SLICE_ARGUMENTS(word_shown(host->word, host->text)));
        diagnostic_label(l->diagnostics, item, "not defined");
        slice near = name_map_suggest(&l->hosts, host->text);
        if (near.len)
            diagnostic_help(l->diagnostics, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(near));
        return 0;
    }
    struct extension *extension = arena_take(&l->scratch, sizeof *extension);
    if (!extension)
        return -ENOMEM;
    *extension = (struct extension){ .next = draft->extensions, .statement = s };
    draft->extensions = extension;
    return 0;
}

static int extend_sites(struct loader *l)
{
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            if (statement_is(s, "extend") && !s->is_broken)
                TRY(extend_site(l, s));
    return 0;
}

static int build_site(struct loader *l, struct site_draft *draft)
{
    struct blocks blocks;
    struct statement *s = (struct statement *)draft->statement;
    TRY(load_use(l, s, &blocks));
    struct apply_target t = { .blocks = &blocks, .depth = 2 };
    TRY(blocks_apply(l, s, &t));
    TRY(blocks_finish(l, &blocks));
    const struct load_hooks *hooks = l->options->hooks;
    if (hooks && hooks->site_row)
        draft->site->counter_row = hooks->site_row(hooks->context, draft->site->name);
    TRY(load_routes(l, draft, &blocks)); /* they say what is asked of clients */
    return load_site_tls(l, draft, &blocks);
}

static void check_listeners(struct loader *l)
{
    if (l->c->listen_count || l->c->site_count == 0 || l->diagnostics->errors)
        return;
    const struct statement *site = l->drafts[0].statement;
    struct span where = statement_span(site);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0411, &where, "nothing listens for this site");
    diagnostic_label(l->diagnostics, item, "no 'listen' in any file");
    enum tls_kind kind = l->drafts[0].site->tls.settings->kind;
    diagnostic_help(
        l->diagnostics, item,
        kind == TLS_FILES || kind == TLS_LOCAL
            ? "add:  listen :443 tls   and, for those who come by plain HTTP:  listen :80"
            : "add:  listen :80   or, for HTTPS with certificates that come by themselves:  acme");
}

static void check_any_site(struct loader *l)
{
    if (l->c->site_count || l->diagnostics->errors)
        return;
    struct span where = { .source = &l->files.first->source, .line = 1, .column = 1 };
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0404, &where,
                                              "no site is defined: nothing would be served");
    diagnostic_help(l->diagnostics, item,
                    "for example:  listen 127.0.0.1:8080   site * { to 127.0.0.1:3000 }");
}

int load_sites(struct loader *l)
{
    TRY(draft_sites(l));
    TRY(load_hosts(l));
    TRY(extend_sites(l));
    for (uint32_t i = 0; i < l->c->site_count; i++)
        TRY(build_site(l, &l->drafts[i]));
    check_listeners(l);
    check_any_site(l);
    return 0;
}
