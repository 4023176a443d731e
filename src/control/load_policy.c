/* Policies: settings under a name. Each is built once on top of the defaults; a site that uses one
 * policy shares its blocks. */
#include <errno.h>

#include "control/loader.h"

/* Settings with one value: two policies of one site must not both have them. */
static int note_settings(struct loader *l, struct policy *p)
{
    struct statement *block = (struct statement *)p->statement, *end;
    end = statement_following(block, true);
    for (struct statement *s = block->first; s && s != end;
         s = statement_following(s, !(s->directive && s->directive->merges))) {
        if (s->is_broken || !s->directive || s->directive->is_repeatable)
            continue;
        TRY(option_append(&l->scratch, OPTION_ARRAY(p->settings, p->setting_count), &s, 1));
    }
    return 0;
}

static int build_policy(struct loader *l, struct statement *s)
{
    slice name = statement_argument(s, 0)->text;
    if (name_map_find(&l->policies, name)) {
        load_defined_twice(l, s);
        return 0;
    }
    struct policy *p = arena_take(&l->scratch, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->statement = s;
    p->blocks = blocks_inherit(&l->defaults);
    TRY(name_map_add(&l->policies, name, p));
    TRY(note_settings(l, p));
    struct apply_target t = { .blocks = &p->blocks, .depth = 1 };
    TRY(blocks_apply(l, s, &t));
    return blocks_finish(l, &p->blocks);
}

int load_policies(struct loader *l)
{
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            if (statement_is(s, "policy") && !s->is_broken)
                TRY(build_policy(l, s));
    return 0;
}

static struct policy *find_policy(struct loader *l, const struct word *word, slice name)
{
    struct policy *p = name_map_find(&l->policies, name);
    if (p)
        return p;
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0401, &word->span, "no policy named '%.*s'",
                        SLICE_ARGUMENTS(word_shown(word, name)));
    diagnostic_label(l->diagnostics, item, "not defined");
    slice near = name_map_suggest(&l->policies, name);
    if (near.len)
        diagnostic_help(l->diagnostics, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(near));
    return NULL;
}

/* Two policies that both give a setting its value. */
static void check_conflict(struct loader *l, const struct word *word, const struct policy *a,
                           const struct policy *b)
{
    for (uint32_t i = 0; i < a->setting_count; i++)
        for (uint32_t j = 0; j < b->setting_count; j++) {
            if (a->settings[i]->directive != b->settings[j]->directive)
                continue;
            struct diagnostic *item = diagnostics_add(l->diagnostics, E0406, &word->span,
                                                      "two policies of this site both set '%s'",
                                                      a->settings[i]->directive->name);
            diagnostic_label(l->diagnostics, item, "second policy");
            diagnostic_help(l->diagnostics, item,
                            "lines %u and %u; keep one, or write it in the "
                            "site",
                            a->settings[i]->name.span.line, b->settings[j]->name.span.line);
            return;
        }
}

#define POLICIES_MAX 16u

struct uses {
    struct policy *policies[POLICIES_MAX];
    uint32_t count;
};

static void add_use(struct loader *l, struct uses *u, const struct word *word, slice name)
{
    struct policy *p = find_policy(l, word, name);
    for (uint32_t i = 0; p && i < u->count; i++) {
        if (u->policies[i] == p)
            return;
        check_conflict(l, word, u->policies[i], p);
    }
    if (!p)
        return;
    if (u->count == POLICIES_MAX) {
        diagnostics_add(l->diagnostics, E0305, &word->span, "a site uses at most %u policies",
                        POLICIES_MAX);
        return;
    }
    p->is_used = true;
    u->policies[u->count++] = p;
}

int load_use(struct loader *l, const struct statement *site, struct blocks *ret)
{
    struct uses u = { 0 };
    for (const struct statement *s = site->first; s; s = s->next) {
        if (!statement_is(s, "use") || s->is_broken)
            continue;
        const struct argument_value *names = statement_argument(s, 0);
        for (uint32_t i = 0; i < names->count; i++)
            add_use(l, &u, &names->words[i], names->texts[i]);
    }
    if (u.count == 0) {
        *ret = blocks_inherit(&l->defaults);
        return 0;
    }
    struct blocks merged = u.policies[0]->blocks;
    struct blocks inherited = blocks_inherit(&merged);
    for (uint32_t i = 1; i < u.count; i++) {
        struct apply_target t = { .blocks = &inherited, .depth = 1 };
        TRY(blocks_apply(l, (struct statement *)u.policies[i]->statement, &t));
    }
    TRY(blocks_finish(l, &inherited));
    *ret = blocks_inherit(&inherited);
    return 0;
}
