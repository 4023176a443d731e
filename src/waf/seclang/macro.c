#include "waf/seclang/macro.h"

/* The next %{…} from `at` on: its begin, or text.len. */
static size_t find_macro(slice text, size_t at, slice *ret_inside)
{
    for (;; at++) {
        at += slice_find(slice_after(text, at), SLICE("%{"));
        if (at >= text.len)
            return text.len;
        slice rest = slice_after(text, at + 2);
        size_t end = slice_find_byte(rest, '}');
        if (end == rest.len)
            return text.len;
        *ret_inside = slice_first(rest, end);
        if (end > 0)
            return at;
    }
}

static int unknown(struct seclang *l, slice name)
{
    const char *near = variable_suggest(name);
    return load_error(l, name.ptr, "unknown variable \"%.*s\" in a macro%s%s%s",
                      SLICE_ARGUMENTS(name), near ? "; did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

static int parse_piece(struct seclang *l, slice inside, struct macro_piece *piece)
{
    size_t at = 0;
    while (at < inside.len && inside.ptr[at] != '.' && inside.ptr[at] != ':')
        at++;
    slice name = slice_first(inside, at), key = slice_after(inside, at + 1);
    piece->kind = MACRO_VARIABLE;
    piece->slot = WAF_NONE;
    if (variable_find(name, &piece->variable))
        return unknown(l, name);
    l->rules->is_timed |= piece->variable == VARIABLE_DURATION;
    const struct variable *v = &waf_variables[piece->variable];
    if (key.len && v->kind == VARIABLE_SCALAR)
        return load_error(l, key.ptr, "%s is one value and has no \"%.*s\"", v->name,
                          SLICE_ARGUMENTS(key));
    if (!key.len && piece->variable == VARIABLE_TX)
        return load_error(l, name.ptr, "a macro of TX needs a name: %%{tx.name}");
    if (!key.len)
        return 0;
    piece->text = load_lower(l, key);
    if (!piece->text.ptr)
        return -ENOMEM;
    return piece->variable == VARIABLE_TX ? load_slot(l, piece->text, &piece->slot) : 0;
}

/* Whether a macro that nobody knows may stand as text. */
static bool is_known(slice inside)
{
    size_t at = 0;
    while (at < inside.len && inside.ptr[at] != '.' && inside.ptr[at] != ':')
        at++;
    enum variable_id id;
    return variable_find(slice_first(inside, at), &id) == 0;
}

static size_t next_macro(slice text, size_t at, bool is_lenient, slice *ret_inside)
{
    for (;;) {
        at = find_macro(text, at, ret_inside);
        if (at == text.len || !is_lenient || is_known(*ret_inside))
            return at;
        at += 2;
    }
}

int macro_parse(struct seclang *l, slice text, bool is_lenient, struct macro *ret_macro)
{
    struct macro m = { .source = text };
    slice inside = { 0 };
    unsigned most = text.len > 0;
    for (size_t at = next_macro(text, 0, is_lenient, &inside); at < text.len;
         at = next_macro(text, at + inside.len + 3, is_lenient, &inside))
        most += 2;
    m.pieces = arena_take_array(&l->rules->arena, most, sizeof(*m.pieces));
    if (most && !m.pieces)
        return -ENOMEM;
    int result = 0;
    for (size_t at = 0; at < text.len;) {
        size_t next = next_macro(text, at, is_lenient, &inside);
        if (next > at)
            m.pieces[m.count++] = (struct macro_piece){ .kind = MACRO_TEXT,
                                                        .text = slice_of(text.ptr + at, next - at),
                                                        .slot = WAF_NONE };
        if (next == text.len)
            break;
        result = load_worse(result, parse_piece(l, inside, &m.pieces[m.count++]));
        at = next + inside.len + 3;
    }
    TRY(result);
    *ret_macro = m;
    return 0;
}

bool macro_is_variable(const struct macro *macro)
{
    return macro->count > 1 || (macro->count == 1 && macro->pieces[0].kind == MACRO_VARIABLE);
}
