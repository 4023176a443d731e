/* What changes rules that stand before it: SecRuleRemoveBy…, SecRuleUpdateTargetBy…,
 * SecRuleUpdateActionById. By ModSecurity 2's rules: of a chain the first rule is meant, and
 * removed with all that is chained to it. */
#include "base/number.h"
#include "waf/seclang/action.h"
#include "waf/seclang/directive.h"
#include "waf/seclang/target.h"

/* Which rules are meant: by id, or by a pattern in an action (tag, msg). */
struct selection {
    struct id_range ids;
    struct pattern *pattern; /* NULL: ids */
    const char *action;
};

/* 1 · 0 · -ENOMEM */
static int list_matches(const struct actions *actions, const struct selection *s)
{
    for (unsigned i = 0; actions && i < actions->count; i++) {
        if (strcmp(actions->items[i].row->name, s->action) != 0)
            continue;
        struct work work;
        work_open(&work, 0, NULL, NULL);
        int result = pattern_matches(s->pattern, actions->items[i].macro.source, &work);
        if (result)
            return result;
    }
    return 0;
}

static int is_meant(const struct draft_rule *d, const struct selection *s)
{
    if (d->is_removed)
        return 0;
    if (!s->pattern)
        return d->id >= s->ids.first && d->id <= s->ids.last;
    int result = list_matches(d->defaults, s);
    if (!result)
        result = list_matches(&d->links.items[0].actions, s);
    return result ? result : list_matches(&d->updates, s);
}

/* The rules from *at on that are meant: 1 and the rule · 0 no more · -ENOMEM */
static int next_meant(struct seclang *l, const struct selection *s, unsigned *at,
                      struct draft_rule **ret)
{
    while (*at < l->drafts.count) {
        struct draft_rule *d = l->drafts.items[(*at)++];
        int result = is_meant(d, s);
        if (result)
            *ret = d;
        if (result)
            return result;
    }
    return 0;
}

/* word: what selects them, as written. */
static void warn_of_none(struct seclang *l, const struct selection *s, slice word,
                         const char *consequence)
{
    load_warning(l, word.ptr, "no rule before this one has %s%s%s \"%.*s\": %s",
                 s->pattern ? "a " : "the id", s->pattern ? s->action : "",
                 s->pattern ? " that matches" : "", SLICE_ARGUMENTS(word), consequence);
}

static int remove_rules(struct seclang *l, const struct selection *s, slice word)
{
    struct draft_rule *d;
    unsigned at = 0, removed = 0;
    int result;
    while ((result = next_meant(l, s, &at, &d)) > 0) {
        d->is_removed = true;
        removed++;
    }
    if (!result && !removed)
        warn_of_none(l, s, word, "nothing is removed");
    return result;
}

int directive_remove_by_id(struct seclang *l, const slice *words, unsigned count)
{
    int result = 0;
    for (unsigned i = 0; i < count; i++) {
        slice rest = words[i], id;
        while (id_list_next(&rest, &id)) {
            struct selection s = { 0 };
            int one = id_range_parse(l, id, &s.ids);
            result = load_worse(result, one ? one : remove_rules(l, &s, id));
        }
    }
    return result;
}

static int remove_by_pattern(struct seclang *l, const slice *words, unsigned count,
                             const char *action)
{
    int result = 0;
    for (unsigned i = 0; i < count; i++) {
        struct selection s = { .action = action };
        int one = load_selector(l, words[i], 0, &s.pattern);
        result = load_worse(result, one ? one : remove_rules(l, &s, words[i]));
    }
    return result;
}

int directive_remove_by_tag(struct seclang *l, const slice *words, unsigned count)
{
    return remove_by_pattern(l, words, count, "tag");
}

int directive_remove_by_msg(struct seclang *l, const slice *words, unsigned count)
{
    return remove_by_pattern(l, words, count, "msg");
}

/* Takes away what `replaced` names; how many were there. */
static unsigned take_away(struct targets *from, const struct targets *replaced)
{
    unsigned kept = 0, taken = 0;
    for (unsigned i = 0; i < from->count; i++) {
        bool is_taken = false;
        for (unsigned k = 0; k < replaced->count && !is_taken; k++)
            is_taken = target_is_same(&from->items[i], &replaced->items[k]) &&
                       from->items[i].is_excluded == replaced->items[k].is_excluded;
        if (!is_taken)
            from->items[kept++] = from->items[i];
        taken += is_taken;
    }
    from->count = kept;
    return taken;
}

static int add_targets(struct seclang *l, struct targets *to, const struct targets *added)
{
    for (unsigned i = 0; i < added->count; i++) {
        TRY(LIST_FIT(&l->scratch, to));
        to->items[to->count++] = added->items[i];
    }
    return 0;
}

/* selected: what selects the rules; words: those behind it. */
static int update_targets(struct seclang *l, const struct selection *s, slice selected,
                          const slice *words, unsigned count)
{
    struct targets added = { 0 }, replaced = { 0 };
    int result = targets_parse(l, words[0], &added);
    if (count > 1)
        result = load_worse(result, targets_parse(l, words[1], &replaced));
    TRY(result);
    struct draft_rule *d;
    unsigned at = 0, updated = 0;
    while ((result = next_meant(l, s, &at, &d)) > 0) {
        struct targets *targets = &d->links.items[0].targets;
        updated++;
        if (count > 1 && !take_away(targets, &replaced))
            load_warning(l, words[1].ptr, "rule %u has no target \"%.*s\" to replace", d->id,
                         SLICE_ARGUMENTS(words[1]));
        TRY(add_targets(l, targets, &added));
    }
    if (!result && !updated)
        warn_of_none(l, s, selected, "no targets are changed");
    return result;
}

int directive_update_target_by_id(struct seclang *l, const slice *words, unsigned count)
{
    int result = 0;
    slice rest = words[0], id;
    while (id_list_next(&rest, &id)) {
        struct selection s = { 0 };
        int one = id_range_parse(l, id, &s.ids);
        result = load_worse(result, one ? one : update_targets(l, &s, id, words + 1, count - 1));
    }
    return result;
}

static int update_by_pattern(struct seclang *l, const slice *words, unsigned count,
                             const char *action)
{
    struct selection s = { .action = action };
    TRY(load_selector(l, words[0], 0, &s.pattern));
    return update_targets(l, &s, words[0], words + 1, count - 1);
}

int directive_update_target_by_tag(struct seclang *l, const slice *words, unsigned count)
{
    return update_by_pattern(l, words, count, "tag");
}

int directive_update_target_by_msg(struct seclang *l, const slice *words, unsigned count)
{
    return update_by_pattern(l, words, count, "msg");
}

/* RULE_ID[:n]: the n-th link of the chain, 0 is its first. */
int directive_update_action_by_id(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    size_t colon = slice_find_byte(words[0], ':');
    uint64_t link = 0;
    struct selection s = { 0 };
    TRY(id_range_parse(l, slice_first(words[0], colon), &s.ids));
    if (colon < words[0].len &&
        number_parse(slice_after(words[0], colon + 1), WAF_CHAIN_LINKS_MAX, &link))
        return load_error(l, words[0].ptr + colon,
                          "the number of a rule in its chain was expected behind the colon");
    struct actions changes = { 0 };
    TRY(actions_parse(l, words[1], link ? PLACE_LINK : PLACE_UPDATE, &changes));
    struct draft_rule *d;
    unsigned at = 0, updated = 0;
    int result;
    while ((result = next_meant(l, &s, &at, &d)) > 0) {
        if (link >= d->links.count)
            return load_error(l, words[0].ptr,
                              "rule %u has %u in its chain, none has the number "
                              "%llu",
                              d->id, d->links.count, (unsigned long long)link);
        struct actions *to = link ? &d->links.items[link].actions : &d->updates;
        for (unsigned i = 0; i < changes.count; i++) {
            TRY(LIST_FIT(&l->scratch, to));
            to->items[to->count++] = changes.items[i];
        }
        updated++;
    }
    if (!result && !updated)
        load_warning(l, words[0].ptr,
                     "no rule before this one has the id %.*s: no actions are "
                     "changed",
                     SLICE_ARGUMENTS(words[0]));
    return result;
}
