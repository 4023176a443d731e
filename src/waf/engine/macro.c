/* Text with %{…}: what stands in actions, messages and arguments of operators. */
#include <errno.h>

#include "waf/engine/transaction.h"

static int expand_tx(struct waf_transaction *t, const struct macro_piece *piece, slice *ret)
{
    struct tx_value *v = piece->slot != WAF_NONE ? &t->tx.slots[piece->slot]
                                                 : tx_name_find(&t->tx.names, piece->text);
    *ret = SLICE("");
    return v ? tx_text(v, t->arena, ret) : 0;
}

/* Of a collection: the first item of that name; with an empty one, of any. NULL: none. */
static int item_named(struct waf_transaction *t, unsigned id, slice name, const struct item **ret)
{
    const struct source *s = source_of(t, id);
    *ret = NULL;
    TRY(collect_source(t, id));
    for (unsigned i = 0; i < s->count; i++) {
        TRY(items_pay(t->work, i, s->count, ITEM_LOOK_STEPS));
        *ret = source_item(s, i);
        if (name.len == 0 || slice_equal_fold((*ret)->name, name))
            return 0;
    }
    *ret = NULL;
    return 0;
}

/* ARGS is two of them. */
static int expand_item(struct waf_transaction *t, unsigned id, slice name, slice *ret)
{
    const struct item *item;
    if (!collect_is_source(id))
        return 0;
    TRY(item_named(t, id, name, &item));
    if (item)
        *ret = item->raw.bytes;
    return 0;
}

static int expand_arguments(struct waf_transaction *t, enum variable_id first,
                            enum variable_id second, slice name, slice *ret)
{
    const struct item *item;
    TRY(item_named(t, first, name, &item));
    if (!item)
        return expand_item(t, second, name, ret);
    *ret = item->raw.bytes;
    return 0;
}

static int expand_variable(struct waf_transaction *t, const struct macro_piece *piece, slice *ret)
{
    bool is_present = false;
    *ret = SLICE("");
    if (piece->variable == VARIABLE_TX)
        return expand_tx(t, piece, ret);
    if (piece->variable == VARIABLE_ARGS)
        return expand_arguments(t, VARIABLE_ARGS_GET, VARIABLE_ARGS_POST, piece->text, ret);
    if (piece->variable == VARIABLE_ARGS_NAMES)
        return expand_arguments(t, VARIABLE_ARGS_GET_NAMES, VARIABLE_ARGS_POST_NAMES, piece->text,
                                ret);
    if (piece->variable == VARIABLE_RULE)
        return scalar_rule(t, piece->text, ret, &is_present);
    if (kept_is(piece->variable))
        return kept_read(t, piece->variable, piece->text, ret, &is_present);
    if (piece->variable == VARIABLE_ENV || piece->variable == VARIABLE_GEO) {
        bool is_geo = piece->variable == VARIABLE_GEO;
        struct tx_value *v =
            is_geo ? tx_name_find_fold(&t->geo, piece->text) : tx_name_find(&t->env, piece->text);
        return v ? tx_text(v, t->arena, ret) : 0;
    }
    if (waf_variables[piece->variable].kind == VARIABLE_SCALAR) {
        slice value = SLICE("");
        TRY(scalar_read(t, piece->variable, &value, &is_present));
        *ret = is_present ? value : SLICE("");
        return 0;
    }
    return expand_item(t, piece->variable, piece->text, ret);
}

static int piece_read(struct waf_transaction *t, const struct macro_piece *piece, slice *ret)
{
    if (piece->kind == MACRO_VARIABLE)
        return expand_variable(t, piece, ret);
    *ret = piece->text;
    return 0;
}

int macro_expand_first(struct waf_transaction *t, const struct macro *m, size_t bytes_max,
                       slice *ret_text)
{
    *ret_text = SLICE("");
    if (m->count == 0)
        return 0;
    if (m->count == 1) {
        TRY(piece_read(t, m->pieces, ret_text));
        *ret_text = slice_first(*ret_text, bytes_max);
        return 0;
    }
    slice *texts = arena_take_array(t->arena, m->count, sizeof(*texts));
    if (!texts)
        return -ENOMEM;
    size_t len = 0;
    for (unsigned i = 0; i < m->count; i++) {
        TRY(piece_read(t, &m->pieces[i], &texts[i]));
        texts[i] = slice_first(texts[i], bytes_max - len);
        len += texts[i].len;
    }
    char *text = arena_take_bytes(t->arena, len + 1);
    if (!text)
        return -ENOMEM;
    size_t at = 0;
    for (unsigned i = 0; i < m->count; i++) {
        TRY(work_copy(t->work, text + at, texts[i]));
        at += texts[i].len;
    }
    *ret_text = slice_of(text, len);
    return 0;
}

int macro_expand(struct waf_transaction *t, const struct macro *m, slice *ret_text)
{
    return macro_expand_first(t, m, SIZE_MAX - 1, ret_text);
}
