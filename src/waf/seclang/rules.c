/* SecRule, SecAction, SecMarker and SecDefaultAction. */
#include "waf/seclang/action.h"
#include "waf/seclang/directive.h"
#include "waf/seclang/operator_word.h"
#include "waf/seclang/target.h"

static int new_draft(struct seclang *l, struct draft_rule **ret)
{
    if (l->drafts.count == SECLANG_RULES_MAX)
        return load_error(l, NULL, "more than %d rules", SECLANG_RULES_MAX);
    struct draft_rule *d = arena_take(&l->scratch, sizeof(*d));
    if (!d)
        return -ENOMEM;
    struct waf_problem place = { .line = 1 };
    reader_place(l->line, l->line->text.ptr, &place);
    *d = (struct draft_rule){ .phase = 2, .file = l->file, .line = place.line };
    *ret = d;
    return 0;
}

/* The rule gets its number, if it is not another's. */
static int register_id(struct seclang *l, struct draft_rule *d, const struct action *id)
{
    uint32_t *key = arena_take(&l->scratch, sizeof(*key));
    if (!key)
        return -ENOMEM;
    *key = (uint32_t)id->number;
    slice name = slice_of((const char *)key, sizeof(*key));
    uint32_t known = names_find(&l->ids, name);
    if (known != WAF_NONE) {
        const struct draft_rule *other = l->drafts.items[known];
        return load_error(l, id->value.ptr, "the id %u is that of a rule already (%.*s:%u)", *key,
                          SLICE_ARGUMENTS(other->file), other->line);
    }
    d->id = *key;
    return names_add(&l->ids, &l->scratch, name, d->order);
}

/* What concerns the rule as a whole, once its first line has been read. */
static int begin_rule(struct seclang *l, struct draft_rule *d, bool has_errors)
{
    const struct actions *own = &d->links.items[0].actions;
    const struct action *phase = actions_last(own, "phase"), *id = actions_last(own, "id");
    if (phase)
        d->phase = (unsigned char)phase->number;
    d->defaults = l->defaults[d->phase];
    d->order = l->drafts.count;
    TRY(LIST_FIT(&l->scratch, &l->drafts));
    l->drafts.items[l->drafts.count++] = d;
    if (id)
        return register_id(l, d, id);
    if (has_errors)
        return -EINVAL;
    return load_error(l, l->line->text.ptr, "a rule needs an id");
}

/* One more link of the rule that is open, or the head of a new one. */
static int add_link(struct seclang *l, struct draft_link *link, slice actions)
{
    struct draft_rule *d = l->chain;
    enum action_place place = d ? PLACE_LINK : PLACE_RULE;
    struct waf_problem where = { .line = 1 };
    reader_place(l->line, l->line->text.ptr, &where);
    link->line = where.line;
    int result = actions_parse(l, actions, place, &link->actions);
    if (result && result != -EINVAL)
        return result;
    if (!d)
        TRY(new_draft(l, &d));
    if (d->links.count == WAF_CHAIN_LINKS_MAX) {
        l->chain = NULL;
        return load_error(l, l->line->text.ptr, "a chain of more than %d rules",
                          WAF_CHAIN_LINKS_MAX);
    }
    TRY(LIST_FIT(&l->scratch, &d->links));
    d->links.items[d->links.count++] = *link;
    if (!l->chain)
        result = load_worse(result, begin_rule(l, d, result != 0));
    l->chain = actions_last(&link->actions, "chain") ? d : NULL;
    return result;
}

int directive_rule(struct seclang *l, const slice *words, unsigned count)
{
    struct draft_link link = { 0 };
    int result = targets_parse(l, words[0], &link.targets);
    result = load_worse(result, operator_word_parse(l, words[1], &link));
    return load_worse(result, add_link(l, &link, count > 2 ? words[2] : SLICE("")));
}

int directive_action(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    struct draft_link link = { 0 };
    return add_link(l, &link, words[0]);
}

int directive_marker(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    if (l->chain)
        return load_error(l, words[0].ptr, "a marker inside a chain");
    TRY(LIST_FIT(&l->scratch, &l->markers));
    l->markers.items[l->markers.count++] =
        (struct draft_marker){ .name = words[0], .order = l->drafts.count };
    return 0;
}

int directive_default_action(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    struct actions *actions = arena_take(&l->scratch, sizeof(*actions));
    if (!actions)
        return -ENOMEM;
    TRY(actions_parse(l, words[0], PLACE_DEFAULT, actions));
    const struct action *phase = actions_last(actions, "phase");
    if (!phase)
        return load_error(l, words[0].ptr, "SecDefaultAction needs the phase that it is for");
    bool is_disruptive = false;
    for (unsigned i = 0; i < actions->count; i++) {
        is_disruptive |= actions->items[i].row->kind == ACTION_DISRUPTIVE;
        if (strcmp(actions->items[i].row->name, "block") == 0)
            return load_error(l, actions->items[i].value.ptr,
                              "block means what SecDefaultAction says and cannot stand in it");
    }
    if (!is_disruptive)
        return load_error(l, words[0].ptr,
                          "SecDefaultAction needs a disruptive action: pass, deny, "
                          "drop, redirect or allow");
    l->defaults[phase->number] = actions;
    return 0;
}
