/* IP, GLOBAL, SESSION, USER and RESOURCE: variables of the store under the key that initcol (or
 * setsid, setuid) gave. Before that they are empty, and setting one does nothing. */
#include <errno.h>

#include "base/panic.h"
#include "waf/engine/number_text.h"
#include "waf/engine/store.h"
#include "waf/engine/transaction.h"

bool kept_is(enum variable_id v)
{
    return v == VARIABLE_IP || v == VARIABLE_GLOBAL || v == VARIABLE_SESSION ||
           v == VARIABLE_USER || v == VARIABLE_RESOURCE;
}

enum kept_collection kept_of(enum variable_id v)
{
    ASSERT(kept_is(v));
    return v == VARIABLE_IP        ? KEPT_IP
           : v == VARIABLE_GLOBAL  ? KEPT_GLOBAL
           : v == VARIABLE_SESSION ? KEPT_SESSION
           : v == VARIABLE_USER    ? KEPT_USER
                                   : KEPT_RESOURCE;
}

static int64_t now_ms(const struct waf_transaction *t)
{
    return t->world.now_ms + t->elapsed_ms;
}

/* What the store could not keep is as if it had been forgotten; only memory is our trouble. */
static int only_memory(int result)
{
    return result == -ENOMEM ? result : 0;
}

static bool is_made(const struct waf_transaction *t, enum variable_id collection, slice *ret_key)
{
    *ret_key = t->keys[kept_of(collection)];
    return t->world.store && ret_key->ptr;
}

int kept_read(struct waf_transaction *t, enum variable_id collection, slice name, slice *ret_value,
              bool *ret_present)
{
    struct store_name n = { .collection = collection, .name = name };
    *ret_value = SLICE("");
    *ret_present = false;
    if (!is_made(t, collection, &n.key))
        return 0;
    int result = t->world.store->read(t->world.store, &n, now_ms(t), t->arena, ret_value);
    *ret_present = result == 0;
    return only_memory(result);
}

static int change(struct waf_transaction *t, const struct set_action *s, const struct store_name *n,
                  slice value)
{
    enum { SECONDS_MAX = 366 * 24 * 3600 };
    struct waf_store *store = t->world.store;
    int64_t number = number_of_text(value);
    if (s->is_expiry) {
        int64_t seconds = number < 0 ? 0 : number > SECONDS_MAX ? SECONDS_MAX : number;
        store->expire(store, n, now_ms(t), seconds * 1000);
        return 0;
    }
    switch (s->kind) {
    case SET_ASSIGN:
        return store->write(store, n, now_ms(t), value);
    case SET_ADD:
        return store->add(store, n, now_ms(t), number);
    case SET_SUBTRACT:
        return store->add(store, n, now_ms(t), -number);
    case SET_DELETE:
        store->remove(store, n);
        return 0;
    }
    return 0;
}

int kept_set(struct waf_transaction *t, const struct set_action *s, slice name, slice value)
{
    struct store_name n = { .collection = s->collection, .name = name };
    if (!is_made(t, s->collection, &n.key))
        return 0;
    return only_memory(change(t, s, &n, value));
}

/* A collection is made once; what is made stays (ModSecurity 2). */
int kept_init(struct waf_transaction *t, enum variable_id collection, slice key)
{
    slice *kept = &t->keys[kept_of(collection)];
    if (kept->ptr || key.len == 0)
        return 0;
    *kept = arena_copy(t->arena, key);
    return kept->ptr ? 0 : -ENOMEM;
}

struct listing {
    struct waf_transaction *t;
    struct source *source;
    int result;
};

static bool list_one(void *context, slice name, slice value)
{
    struct listing *l = context;
    slice name_copy = arena_copy(l->t->arena, name), value_copy = arena_copy(l->t->arena, value);
    l->result = name_copy.ptr && value_copy.ptr ? source_add(l->t, l->source, name_copy, value_copy)
                                                : -ENOMEM;
    return l->result == 0;
}

int kept_list(struct waf_transaction *t, enum variable_id collection, struct source *source)
{
    struct listing l = { .t = t, .source = source };
    struct store_name n = { .collection = collection };
    if (is_made(t, collection, &n.key))
        t->world.store->list(t->world.store, &n, now_ms(t), list_one, &l);
    return l.result;
}
