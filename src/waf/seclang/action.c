#include "waf/seclang/action.h"

#include "waf/nearest.h"

const struct action *actions_last(const struct actions *actions, const char *name)
{
    for (unsigned i = actions->count; i > 0; i--)
        if (strcmp(actions->items[i - 1].row->name, name) == 0)
            return &actions->items[i - 1];
    return NULL;
}

static int unknown(struct seclang *l, slice name)
{
    struct nearest near = nearest_to(name);
    for (unsigned i = 0; i < waf_action_count; i++)
        nearest_try(&near, waf_actions[i].name);
    return load_error(l, name.ptr, "unknown action \"%.*s\"%s%s%s", SLICE_ARGUMENTS(name),
                      near.name ? "; did you mean " : "", near.name ? near.name : "",
                      near.name ? "?" : "");
}

/* Whether an action of this kind may stand there. */
static int judge_place(struct seclang *l, const struct action_row *row, enum action_place place,
                       slice name)
{
    enum action_kind kind = row->kind;
    if (kind == ACTION_REFUSED)
        return load_error(l, name.ptr, "the action %s does not exist here: %s", row->name,
                          row->meaning);
    if (place == PLACE_LINK && (kind == ACTION_METADATA || kind == ACTION_PHASE ||
                                kind == ACTION_DISRUPTIVE || kind == ACTION_FLOW))
        return load_error(l, name.ptr,
                          "%s belongs to the first rule of a chain, not to one chained to it",
                          row->name);
    if (place == PLACE_DEFAULT &&
        (kind == ACTION_CHAIN || kind == ACTION_FLOW || strcmp(row->name, "id") == 0))
        return load_error(l, name.ptr, "%s cannot be a default for all rules", row->name);
    if (place == PLACE_UPDATE &&
        (kind == ACTION_CHAIN || kind == ACTION_PHASE || strcmp(row->name, "id") == 0))
        return load_error(l, name.ptr, "%s of a rule cannot be changed afterwards", row->name);
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* '…' from the front of text: \' and \\ are ' and \. ret_used includes both quotes. */
static int read_quoted(struct seclang *l, slice text, slice *ret_value, size_t *ret_used)
{
    size_t end = 1, escapes = 0;
    for (; end < text.len && text.ptr[end] != '\''; end++) {
        if (text.ptr[end] != '\\')
            continue;
        if (end + 1 >= text.len || (text.ptr[end + 1] != '\'' && text.ptr[end + 1] != '\\'))
            return load_error(l, text.ptr + end,
                              "in the quotes of an action a backslash stands only before ' or \\");
        end++;
        escapes++;
    }
    if (end >= text.len)
        return load_error(l, text.ptr, "the quote (') that begins here is not closed");
    *ret_used = end + 1;
    *ret_value = slice_of(text.ptr + 1, end - 1);
    if (!escapes)
        return 0;
    char *into = arena_take(&l->rules->arena, end);
    if (!into)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 1; i < end; i++) {
        i += text.ptr[i] == '\\';
        into[used++] = text.ptr[i];
    }
    *ret_value = slice_of(into, used);
    return 0;
}

/* The value behind a colon. */
static int read_value(struct seclang *l, slice text, slice *ret_value, size_t *ret_used)
{
    size_t skipped = 0;
    while (skipped < text.len && is_space(text.ptr[skipped]))
        skipped++;
    slice rest = slice_after(text, skipped);
    if (rest.len && rest.ptr[0] == '\'') {
        TRY(read_quoted(l, rest, ret_value, ret_used));
    } else {
        *ret_used = slice_find_byte(rest, ',');
        *ret_value = load_trim(slice_first(rest, *ret_used));
    }
    *ret_used += skipped;
    return 0;
}

static int add_action(struct seclang *l, slice name, const slice *value, enum action_place place,
                      struct actions *actions)
{
    const struct action_row *row = action_find(name);
    if (!row)
        return unknown(l, name);
    TRY(judge_place(l, row, place, name));
    if (value && row->value == VALUE_NONE)
        return load_error(l, name.ptr, "%s takes no value", row->name);
    if ((!value || !value->len) && row->value == VALUE_NEEDED)
        return load_error(l, name.ptr, "%s needs a value: %s", row->name, row->meaning);
    struct action action = { .row = row, .value = value ? *value : slice_of(name.ptr, 0) };
    if (row->read)
        TRY(row->read(l, &action));
    TRY(LIST_FIT(&l->scratch, actions));
    actions->items[actions->count++] = action;
    return 0;
}

/* One action from the front of text, which has no blanks there. */
static int parse_one(struct seclang *l, slice text, enum action_place place,
                     struct actions *actions, size_t *ret_used)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != ':' && text.ptr[at] != ',' && !is_space(text.ptr[at]))
        at++;
    slice name = slice_first(text, at), value = { 0 };
    while (at < text.len && is_space(text.ptr[at]))
        at++;
    bool has_value = at < text.len && text.ptr[at] == ':';
    *ret_used = at + slice_find_byte(slice_after(text, at), ',');
    if (has_value) {
        size_t used;
        TRY(read_value(l, slice_after(text, at + 1), &value, &used));
        at += 1 + used;
        while (at < text.len && is_space(text.ptr[at]))
            at++;
        *ret_used = at + slice_find_byte(slice_after(text, at), ',');
    }
    if (at < text.len && text.ptr[at] != ',')
        return load_error(l, text.ptr + at, "a comma was expected behind the action %.*s",
                          SLICE_ARGUMENTS(name));
    return add_action(l, name, has_value ? &value : NULL, place, actions);
}

int actions_parse(struct seclang *l, slice text, enum action_place place, struct actions *actions)
{
    int result = 0;
    size_t at = 0;
    for (;;) {
        while (at < text.len && (is_space(text.ptr[at]) || text.ptr[at] == ','))
            at++;
        if (at >= text.len)
            return result;
        size_t used = 0;
        result = load_worse(result, parse_one(l, slice_after(text, at), place, actions, &used));
        at += used;
        if (!used || (result && result != -EINVAL))
            return result;
    }
}
