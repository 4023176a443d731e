#include "control/effective.h"

#include <errno.h>

#include "control/vocabulary.h"
#include "proxy/router.h"
#include "wire/uri.h"

/* --- which site and route --- */

static const struct site *find_site(const struct configuration *c, slice host)
{
    struct authority authority;
    char text[HOST_BYTES_MAX + 64];
    struct writer w = writer_over(text, sizeof text);
    if (authority_parse(host, &authority) == 0)
        authority_write_host(&w, &authority);
    for (uint32_t i = 0; i < c->listen_count; i++) {
        const struct site *site = configuration_find_site(c, writer_slice(&w), i);
        if (site)
            return site;
    }
    return NULL;
}

static const char *find_route(struct loader *l, slice path, struct effective *e)
{
    const struct target_settings *target =
        e->site->routes[e->site->route_count - 1].blocks[FEATURE_TARGET];
    struct path_options options = { .slashes = target->slashes, .collapse_slashes = true };
    struct fields none = { 0 };
    const char *reason = "";
    char *text = arena_take(&l->scratch, 3 * path.len + 1);
    if (!text)
        return "there is not enough memory";
    struct writer w = writer_over(text, 3 * path.len + 1);
    if (path.len == 0 || path.ptr[0] != '/' || path_canonicalize(path, &options, &w, &reason) != 0)
        return "this path would be refused: a path begins with '/' and has no bad escapes";
    struct routing_question question = {
        .method = METHOD_GET, .method_text = SLICE("GET"), .path = writer_slice(&w), .fields = &none
    };
    e->route = router_find(e->site, &question);
    return e->route ? NULL : "a route's expression needs too many steps for this path";
}

/* --- collecting --- */

static bool is_setting(const struct directive *row)
{
    return row->object >= OBJECT_FEATURE;
}

/* "timeout idle": the names from the outermost block that merges down to the statement. */
static const char *full_name(struct loader *l, const struct statement *s)
{
    char *name = arena_take(&l->scratch, 128);
    if (!name)
        return "";
    const struct statement *chain[TREE_DEPTH_MAX + 1];
    uint32_t depth = 0;
    for (; s && s->directive && depth <= TREE_DEPTH_MAX; s = s->parent) {
        if (depth && (!s->directive->merges || statement_is(s, "defaults")))
            break;
        chain[depth++] = s;
    }
    struct writer w = writer_over(name, 127);
    while (depth--) {
        writer_text(&w, chain[depth]->directive->name);
        if (depth)
            writer_byte(&w, ' ');
    }
    return name;
}

static struct effective_setting *find_setting(struct effective *e, const struct directive *row)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->settings[i].row == row)
            return &e->settings[i];
    return NULL;
}

static slice arguments_text(const struct statement *s)
{
    if (s->argument_count == 0)
        return SLICE("");
    struct span span = span_join(&s->arguments[0].span, &s->arguments[s->argument_count - 1].span);
    return span_text(&span);
}

/* "waf mode shadow" leaves the level that is inherited. */
static bool is_inherited_in_parts(const struct directive *row)
{
    return row->merges && row->arguments[0].form == FORM_OPTIONAL &&
           row->arguments[1].form == FORM_KEYWORD;
}

/* What is written of it, and of the rest what was in force before. */
static int join_parts(struct loader *l, const struct statement *s,
                      const struct effective_setting *known, struct effective_setting *setting)
{
    const struct argument_value *first = statement_argument(s, 0),
                                *second = statement_argument(s, 1);
    if (known) {
        setting->parts[0] = known->parts[0];
        setting->parts[1] = known->parts[1];
    }
    if (first->is_set)
        setting->parts[0] = span_text(&first->word->span);
    if (second->is_set)
        setting->parts[1] = span_text(&second->word->span);
    size_t room = setting->parts[0].len + setting->parts[1].len + 64;
    char *memory = arena_take(&l->scratch, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    writer_slice_add(&w, setting->parts[0]);
    if (setting->parts[1].len) {
        writer_format(&w, "%s%s ", w.len ? " " : "", s->directive->arguments[1].name);
        writer_slice_add(&w, setting->parts[1]);
    }
    setting->value = writer_slice(&w);
    return 0;
}

static int add_statement(struct loader *l, struct effective *e, const struct statement *s)
{
    struct effective_setting setting = { .row = s->directive, .value = arguments_text(s) };
    if (s->directive->block_scope && setting.value.len == 0)
        return 0; /* only a block */
    setting.name = full_name(l, s);
    TRY(load_where(l, s, &setting.where));
    struct effective_setting *known =
        s->directive->is_repeatable ? NULL : find_setting(e, s->directive);
    if (is_inherited_in_parts(s->directive))
        TRY(join_parts(l, s, known, &setting));
    if (known)
        *known = setting;
    else if (e->count < EFFECTIVE_SETTINGS_MAX)
        e->settings[e->count++] = setting;
    return 0;
}

static int add_block(struct loader *l, struct effective *e, struct statement *block)
{
    struct statement *end = statement_following(block, true);
    struct statement *s = block->first;
    for (; s && s != end; s = statement_following(s, !(s->directive && s->directive->merges)))
        if (s->directive && is_setting(s->directive))
            TRY(add_statement(l, e, s));
    return 0;
}

/* The block that a row stands in: "timeout" for "idle". */
static const char *block_name(const struct directive *row)
{
    static const struct {
        uint32_t scope;
        const char *name;
    } blocks[] = { { SCOPE_TIMEOUT_GLOBAL, "timeout " },
                   { SCOPE_LIMITS_GLOBAL, "limits " },
                   { SCOPE_AUTH, "auth " },
                   { SCOPE_WAF, "waf " },
                   { SCOPE_HEADERS, "headers " } };
    for (size_t i = 0; i < ARRAY_LENGTH(blocks); i++)
        if (row->scopes & blocks[i].scope)
            return blocks[i].name;
    return "";
}

/* What is in force when nothing is written. */
static int add_builtin(struct loader *l, struct effective *e, const struct directive *row)
{
    char *name = arena_take(&l->scratch, 128);
    if (!name)
        return -ENOMEM;
    struct writer w = writer_over(name, 127);
    writer_text(&w, block_name(row));
    writer_text(&w, row->name);
    slice preset = slice_from(row->preset);
    e->settings[e->count++] = (struct effective_setting){
        .name = name, .value = preset, .where = SLICE("built in"), .row = row, .parts = { preset }
    };
    return 0;
}

static int add_builtins(struct loader *l, struct effective *e)
{
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++) {
            const struct directive *row = &vocabulary_tables[i]->rows[j];
            if (is_setting(row) && row->preset)
                TRY(add_builtin(l, e, row));
        }
    return 0;
}

static int add_policies(struct loader *l, struct effective *e, const struct statement *site)
{
    for (const struct statement *s = site->first; s; s = s->next) {
        if (!statement_is(s, "use"))
            continue;
        const struct argument_value *names = statement_argument(s, 0);
        for (uint32_t i = 0; i < names->count; i++) {
            struct policy *p = name_map_find(&l->policies, names->texts[i]);
            if (p)
                TRY(add_block(l, e, (struct statement *)p->statement));
        }
    }
    return 0;
}

/* The statement that a route was made of; NULL for the site's own. */
static struct statement *route_statement(struct loader *l, const struct statement *block,
                                         const struct route *route)
{
    for (struct statement *s = block->first; s; s = s->next) {
        slice where;
        if (statement_is(s, "route") && load_where(l, s, &where) == 0 &&
            slice_equal(where, route->where))
            return s;
    }
    return NULL;
}

static int add_site(struct loader *l, struct effective *e, const struct site_draft *draft)
{
    TRY(add_policies(l, e, draft->statement));
    TRY(add_block(l, e, (struct statement *)draft->statement));
    struct statement *route = route_statement(l, draft->statement, e->route);
    for (const struct extension *x = draft->extensions; x && !route; x = x->next)
        route = route_statement(l, x->statement, e->route);
    return route ? add_block(l, e, route) : 0;
}

/* A nearer `to` replaces a `redirect` and the other way round. */
static void drop_replaced_answers(struct effective *e)
{
    const struct answer_settings *answer = e->route->blocks[FEATURE_ANSWER];
    static const char *const names[] = {
        [ANSWER_NONE] = "to", [ANSWER_REDIRECT] = "redirect", [ANSWER_RESPOND] = "respond"
    };
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        slice name = slice_from(e->settings[i].name);
        bool is_answer = slice_equal(name, SLICE("to")) || slice_equal(name, SLICE("redirect")) ||
                         slice_equal(name, SLICE("respond"));
        if (!is_answer || slice_equal(name, slice_from(names[answer->kind])))
            e->settings[kept++] = e->settings[i];
    }
    e->count = kept;
}

static int collect(struct loader *l, struct effective *e)
{
    TRY(add_builtins(l, e));
    for (struct file *f = l->files.first; f; f = f->next)
        TRY(add_block(l, e, &f->tree.root));
    TRY(add_site(l, e, &l->drafts[e->site - l->c->sites]));
    drop_replaced_answers(e);
    return 0;
}

const char *effective_find(struct loader *l, slice host, slice path, struct effective *ret)
{
    struct effective e = { .site = find_site(l->c, host) };
    if (!e.site)
        return "no site serves this host";
    const char *problem = find_route(l, path, &e);
    if (problem)
        return problem;
    e.settings = arena_take_array(&l->scratch, EFFECTIVE_SETTINGS_MAX, sizeof *e.settings);
    if (!e.settings || collect(l, &e) != 0)
        return "there is not enough memory";
    *ret = e;
    return NULL;
}
