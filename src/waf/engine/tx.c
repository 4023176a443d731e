#include "waf/engine/tx.h"

#include <errno.h>

#include "waf/engine/number_text.h"

enum { NAMES_AT_FIRST = 16, HASHED_BYTES_MAX = 256 };

/* FNV-1a, of the length and the first bytes: a name may hold a whole value of the request. Tells
 * names apart at a glance; the list is bounded, so nobody gains by collisions. */
static uint32_t hash_of(slice name)
{
    uint32_t hash = 2166136261U ^ (uint32_t)name.len;
    for (size_t i = 0; i < name.len && i < HASHED_BYTES_MAX; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619U;
    return hash;
}

struct tx_value *tx_name_find(struct tx_names *names, slice name)
{
    uint32_t hash = hash_of(name);
    for (unsigned i = 0; i < names->count; i++)
        if (names->items[i].hash == hash && slice_equal(names->items[i].name, name))
            return &names->items[i].value;
    return NULL;
}

struct tx_value *tx_name_find_fold(struct tx_names *names, slice name)
{
    for (unsigned i = 0; i < names->count; i++)
        if (slice_equal_fold(names->items[i].name, name))
            return &names->items[i].value;
    return NULL;
}

int tx_name_make(struct tx_names *names, struct arena *arena, slice name, struct tx_value **ret)
{
    struct tx_value *found = tx_name_find(names, name);
    if (found) {
        *ret = found;
        return 0;
    }
    if (names->count == TX_NAMES_MAX)
        return -EDQUOT;
    if (names->count == names->capacity) {
        unsigned capacity = names->capacity ? names->capacity * 2 : NAMES_AT_FIRST;
        struct tx_name *items = arena_take_array(arena, capacity, sizeof(*items));
        if (!items)
            return -ENOMEM;
        if (names->count)
            memcpy(items, names->items, names->count * sizeof(*items));
        names->items = items;
        names->capacity = capacity;
    }
    struct tx_name *made = &names->items[names->count++];
    *made = (struct tx_name){ .name = name, .hash = hash_of(name) };
    *ret = &made->value;
    return 0;
}

void tx_set(struct tx_value *v, slice text)
{
    int64_t number;
    if (number_is_plain(text, &number))
        *v = (struct tx_value){ .kind = TX_NUMBER, .number = number, .text = text };
    else
        *v = (struct tx_value){ .kind = TX_TEXT, .text = text };
}

void tx_set_number(struct tx_value *v, int64_t number)
{
    *v = (struct tx_value){ .kind = TX_NUMBER, .number = number };
}

int64_t tx_number(const struct tx_value *v)
{
    switch (v->kind) {
    case TX_NUMBER:
        return v->number;
    case TX_TEXT:
        return number_of_text(v->text);
    case TX_ABSENT:
        return 0;
    }
    return 0;
}

int tx_text(struct tx_value *v, struct arena *arena, slice *ret_text)
{
    if (v->kind == TX_NUMBER && !v->text.ptr) {
        char *text = arena_take(arena, NUMBER_TEXT_MAX);
        if (!text)
            return -ENOMEM;
        v->text = slice_of(text, number_write(v->number, text));
    }
    *ret_text = v->kind == TX_ABSENT ? SLICE("") : v->text;
    return 0;
}
