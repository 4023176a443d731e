/* Actions that write variables, and those that say which record a persistent collection is. */
#include "base/number.h"
#include "waf/seclang/action.h"
#include "waf/seclang/macro.h"

static const enum variable_id writable[] = { VARIABLE_TX,      VARIABLE_IP,   VARIABLE_GLOBAL,
                                             VARIABLE_SESSION, VARIABLE_USER, VARIABLE_RESOURCE };

/* COLLECTION.name from the front of text, up to a = that is not in a macro. */
static int read_name(struct seclang *l, slice text, struct set_action *set, slice *ret_value)
{
    size_t end = 0;
    while (end < text.len && text.ptr[end] != '=') {
        size_t inside = text.ptr[end] == '%' && end + 1 < text.len && text.ptr[end + 1] == '{'
                            ? slice_find_byte(slice_after(text, end), '}')
                            : 0;
        end += inside && end + inside < text.len ? inside : 1;
    }
    slice place = load_trim(slice_first(text, end));
    size_t dot = slice_find_byte(place, '.');
    slice collection = slice_first(place, dot), name = slice_after(place, dot + 1);
    if (dot == place.len || !name.len)
        return load_error(l, text.ptr,
                          "\"%.*s\" names no variable: a collection and a name were "
                          "expected, as in tx.name",
                          SLICE_ARGUMENTS(place));
    bool found = false;
    for (unsigned i = 0; i < ARRAY_LENGTH(writable) && !found; i++) {
        found = slice_equal_fold(collection, slice_from(waf_variables[writable[i]].name));
        set->collection = writable[i];
    }
    if (!found)
        return load_error(l, text.ptr,
                          "\"%.*s\" is no collection that can be written: tx, ip, "
                          "global, session, user or resource were expected",
                          SLICE_ARGUMENTS(collection));
    if (set->collection != VARIABLE_TX && variable_special_of(name) != SPECIAL_COUNT)
        return load_error(l, text.ptr, "\"%.*s\" is kept by the engine and cannot be set",
                          SLICE_ARGUMENTS(place));
    *ret_value = slice_after(text, end + 1);
    TRY(macro_parse(l, name, false, &set->name));
    set->slot = WAF_NONE;
    for (unsigned i = 0; i < set->name.count; i++) {
        struct macro_piece *piece = &set->name.pieces[i];
        if (piece->kind != MACRO_TEXT)
            continue;
        piece->text = load_lower(l, piece->text);
        if (!piece->text.ptr)
            return -ENOMEM;
    }
    if (set->collection != VARIABLE_TX || macro_is_variable(&set->name))
        return 0;
    return load_slot(l, set->name.pieces[0].text, &set->slot);
}

int action_read_setvar(struct seclang *l, struct action *action)
{
    struct set_action *set = &action->set;
    slice text = action->value, value;
    bool is_delete = text.ptr[0] == '!';
    TRY(read_name(l, slice_after(text, is_delete), set, &value));
    bool has_value =
        slice_find_byte(text, '=') < text.len && value.ptr > text.ptr && value.ptr[-1] == '=';
    if (is_delete && has_value)
        return load_error(l, text.ptr, "setvar:!… deletes a variable and takes no value");
    set->kind = is_delete ? SET_DELETE : SET_ASSIGN;
    if (is_delete)
        return 0;
    if (!has_value)
        value = SLICE("1");
    if (value.len && (value.ptr[0] == '+' || value.ptr[0] == '-')) {
        set->kind = value.ptr[0] == '+' ? SET_ADD : SET_SUBTRACT;
        value = slice_after(value, 1);
    }
    return macro_parse(l, value, false, &set->value);
}

int action_read_expirevar(struct seclang *l, struct action *action)
{
    struct set_action *set = &action->set;
    slice value;
    TRY(read_name(l, action->value, set, &value));
    set->kind = SET_ASSIGN;
    set->is_expiry = true;
    if (!value.len)
        return load_error(l, action->value.ptr,
                          "expirevar needs the seconds after which the variable is deleted, as in "
                          "ip.name=60");
    return macro_parse(l, value, false, &set->value);
}

int action_read_deprecatevar(struct seclang *l, struct action *action)
{
    struct set_action *set = &action->set;
    slice value;
    uint64_t amount = 0, seconds = 0;
    TRY(read_name(l, action->value, set, &value));
    if (set->collection == VARIABLE_TX)
        return load_error(l, action->value.ptr,
                          "deprecatevar is about what outlives a request: ip, global, session, "
                          "user or resource were expected");
    value = load_trim(value);
    size_t slash = slice_find_byte(value, '/');
    if (number_parse(slice_first(value, slash), INT32_MAX, &amount) ||
        number_parse(slice_after(value, slash + 1), INT32_MAX, &seconds) || seconds == 0)
        return load_error(l, action->value.ptr,
                          "deprecatevar needs an amount and the seconds after which it is taken "
                          "off, as in ip.score=60/300");
    set->kind = SET_DEPRECATE;
    set->amount = (uint32_t)amount;
    set->every_s = (uint32_t)seconds;
    return 0;
}

int action_read_setenv(struct seclang *l, struct action *action)
{
    struct set_action *set = &action->set;
    slice text = action->value;
    bool is_delete = text.ptr[0] == '!';
    text = slice_after(text, is_delete);
    size_t equals = slice_find_byte(text, '=');
    if (!equals || (is_delete && equals < text.len))
        return load_error(l, action->value.ptr, "setenv needs name=value, or !name to delete it");
    set->kind = is_delete ? SET_DELETE : SET_ASSIGN;
    set->collection = VARIABLE_ENV;
    set->slot = WAF_NONE;
    TRY(macro_parse(l, slice_first(text, equals), false, &set->name));
    if (is_delete)
        return 0;
    slice value = equals < text.len ? slice_after(text, equals + 1) : SLICE("1");
    return macro_parse(l, value, false, &set->value);
}

int action_read_initcol(struct seclang *l, struct action *action)
{
    static const enum variable_id persistent[] = { VARIABLE_IP, VARIABLE_GLOBAL,
                                                   VARIABLE_RESOURCE };
    slice text = action->value;
    size_t equals = slice_find_byte(text, '=');
    slice collection = load_trim(slice_first(text, equals)), key = slice_after(text, equals + 1);
    if (!key.len)
        return load_error(l, text.ptr,
                          "initcol needs a collection and a key, as in "
                          "ip=%%{remote_addr}");
    for (unsigned i = 0; i < ARRAY_LENGTH(persistent); i++) {
        if (!slice_equal_fold(collection, slice_from(waf_variables[persistent[i]].name)))
            continue;
        action->initcol.collection = persistent[i];
        return macro_parse(l, key, false, &action->initcol.key);
    }
    return load_error(l, text.ptr,
                      "\"%.*s\" is no collection of initcol: ip, global or resource "
                      "were expected (session and user come with setsid and setuid)",
                      SLICE_ARGUMENTS(collection));
}

int action_read_session(struct seclang *l, struct action *action)
{
    const char *name = action->row->name;
    action->initcol.collection = strcmp(name, "setsid") == 0   ? VARIABLE_SESSION
                                 : strcmp(name, "setuid") == 0 ? VARIABLE_USER
                                                               : VARIABLE_RESOURCE;
    return macro_parse(l, action->value, false, &action->initcol.key);
}
