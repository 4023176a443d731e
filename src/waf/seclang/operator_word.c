#include "waf/seclang/operator_word.h"

#include "waf/seclang/macro.h"

/* What a prepared operator is found again by: name, argument, and the folder that relative file
 * names in the argument are relative to. */
static slice sharing_key(struct seclang *l, const struct operator* op, slice argument)
{
    size_t folder = l->file.len, name = strlen(op->name);
    while (folder > 0 && l->file.ptr[folder - 1] != '/')
        folder--;
    char *key = arena_take(&l->scratch, name + 1 + folder + 1 + argument.len);
    if (!key)
        return (slice){ 0 };
    memcpy(key, op->name, name);
    if (folder)
        memcpy(key + name + 1, l->file.ptr, folder);
    if (argument.len)
        memcpy(key + name + 1 + folder + 1, argument.ptr, argument.len);
    return slice_of(key, name + 1 + folder + 1 + argument.len);
}

struct made {
    const struct operator* operator;
    void *made;
};

static void release_made(void *thing)
{
    struct made *m = thing;
    operator_release(m->operator, m->made);
}

/* Prepares the operator's argument; the ruleset owns what comes of it. */
static int prepare(struct seclang *l, const struct operator* op, slice argument, bool has_macro,
                   struct prepared *ret)
{
    struct waf_problem problem = { 0 };
    struct operator_setup setup = { .arena = &l->rules->arena,
                                    .world = &l->outside->operators,
                                    .patterns = l->patterns,
                                    .rule_file = l->file,
                                    .problem = &problem };
    void *made = NULL;
    int result = operator_prepare(op, &setup, argument, has_macro, &made);
    if (result == -EINVAL)
        return load_error(l, argument.ptr, "%s", problem.text);
    TRY(result);
    *ret = (struct prepared){ .operator= op, .made = made, .need = WAF_NONE };
    if (!op->release || !made)
        return 0;
    struct made *own = arena_take(&l->rules->arena, sizeof(*own));
    if (!own) {
        operator_release(op, made);
        return -ENOMEM;
    }
    *own = (struct made){ .operator= op, .made = made };
    return ruleset_own(l->rules, release_made, own);
}

static int share(struct seclang *l, const struct operator* op, slice argument, bool has_macro,
                 struct prepared **ret)
{
    slice key = sharing_key(l, op, argument);
    if (!key.ptr)
        return -ENOMEM;
    uint32_t known = names_find(&l->shared, key);
    if (known != WAF_NONE) {
        *ret = l->prepared.items[known];
        return 0;
    }
    struct prepared *p = arena_take(&l->scratch, sizeof(*p));
    if (!p)
        return -ENOMEM;
    TRY(prepare(l, op, argument, has_macro, p));
    TRY(LIST_FIT(&l->scratch, &l->prepared));
    TRY(names_add(&l->shared, &l->scratch, key, l->prepared.count));
    l->prepared.items[l->prepared.count++] = p;
    *ret = p;
    return 0;
}

/* [@name ] from the front of *text; @rx when there is no @. */
static int read_name(struct seclang *l, slice *text, const struct operator** ret)
{
    slice name = SLICE("rx");
    if (text->len && text->ptr[0] == '@') {
        size_t end = 1;
        while (end < text->len && text->ptr[end] != ' ' && text->ptr[end] != '\t' &&
               text->ptr[end] != '\n')
            end++;
        name = slice_of(text->ptr + 1, end - 1);
        while (end < text->len &&
               (text->ptr[end] == ' ' || text->ptr[end] == '\t' || text->ptr[end] == '\n'))
            end++;
        *text = slice_after(*text, end);
    }
    *ret = operator_find(name);
    if (*ret)
        return 0;
    struct waf_problem problem = { 0 };
    operator_unknown(name, &problem);
    return load_error(l, name.ptr, "%s", problem.text);
}

int operator_word_parse(struct seclang *l, slice text, struct draft_link *link)
{
    size_t at = 0;
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t'))
        at++;
    link->is_negated = at < text.len && text.ptr[at] == '!';
    at += link->is_negated;
    while (link->is_negated && at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t'))
        at++;
    slice argument = slice_after(text, at);
    const struct operator* op;
    TRY(read_name(l, &argument, &op));
    if (!op->takes_argument && argument.len)
        return load_error(l, argument.ptr, "@%s takes no argument", op->name);
    bool is_regex = strcmp(op->name, "rx") == 0;
    link->argument = (struct macro){ .source = argument };
    if (op->has_macros) {
        TRY(macro_parse(l, argument, is_regex, &link->argument));
    } else if (argument.len) {
        link->argument.pieces = arena_take(&l->rules->arena, sizeof(*link->argument.pieces));
        if (!link->argument.pieces)
            return -ENOMEM;
        link->argument.pieces[0] =
            (struct macro_piece){ .kind = MACRO_TEXT, .text = argument, .slot = WAF_NONE };
        link->argument.count = 1;
    }
    return share(l, op, argument, macro_is_variable(&link->argument), &link->prepared);
}
