/* IP, GLOBAL, SESSION, USER and RESOURCE: variables of the store under the key that initcol (or
 * setsid, setuid) gave. Before that they are empty, and setting one does nothing. What the rules
 * have set is seen at once, by transactions at the same time too. */
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

/* Rules that name their application share what they keep wherever they are used; else every site
 * has its own. */
static slice application_of(const struct waf_transaction *t)
{
    slice named = t->rules->directives.web_app_id;
    return slice_equal(named, SLICE("default")) ? t->world.application : named;
}

/* False: there is no key yet, or nothing is kept at all. */
static bool find_name(const struct waf_transaction *t, enum variable_id collection, slice name,
                      struct store_name *ret)
{
    slice key = t->keys[kept_of(collection)];
    *ret = (struct store_name){ application_of(t), collection, key, name };
    return t->world.store && key.ptr;
}

static int64_t updates_a_minute(const struct store_life *life, int64_t now)
{
    int64_t seconds = (now - life->created_ms) / 1000;
    int64_t updates = life->updates > INT32_MAX ? INT32_MAX : (int64_t)life->updates;
    return seconds <= 0 ? 0 : 60 * updates / seconds;
}

/* A collection that nothing has been set in has begun with this transaction. */
static int read_special(struct waf_transaction *t, const struct store_name *n,
                        enum variable_special special, slice *ret_value)
{
    struct store_life life = { .created_ms = now_ms(t) };
    int64_t number = 0;
    if (t->world.store->life(t->world.store, n, now_ms(t), &life) != 0)
        life.updated_ms = life.created_ms;
    switch (special) {
    case SPECIAL_KEY:
        *ret_value = n->key;
        return 0;
    case SPECIAL_IS_NEW:
        number = t->new_keys >> kept_of(n->collection) & 1;
        break;
    case SPECIAL_CREATE_TIME:
        number = life.created_ms / 1000;
        break;
    case SPECIAL_LAST_UPDATE_TIME:
        number = life.updated_ms / 1000;
        break;
    case SPECIAL_TIMEOUT:
        number = t->rules->directives.collection_timeout_s;
        break;
    case SPECIAL_UPDATE_COUNTER:
        number = life.updates > INT32_MAX ? INT32_MAX : (int64_t)life.updates;
        break;
    case SPECIAL_UPDATE_RATE:
        number = updates_a_minute(&life, now_ms(t));
        break;
    case SPECIAL_COUNT:
        break;
    }
    return scalar_number(t, number, ret_value);
}

int kept_read(struct waf_transaction *t, enum variable_id collection, slice name, slice *ret_value,
              bool *ret_present)
{
    struct store_name n;
    enum variable_special special;
    *ret_value = SLICE("");
    *ret_present = false;
    if (!find_name(t, collection, name, &n))
        return 0;
    int result = t->world.store->read(t->world.store, &n, now_ms(t), t->arena, ret_value);
    if (result == -ENOENT && (special = variable_special_of(name)) != SPECIAL_COUNT)
        result = read_special(t, &n, special, ret_value);
    *ret_present = result == 0;
    return only_memory(result);
}

static bool is_touched(const struct waf_transaction *t, enum variable_id collection)
{
    return t->touched_keys >> kept_of(collection) & 1;
}

/* When it was last changed, but for what this transaction has done. */
static int64_t updated_ms(const struct waf_transaction *t, const struct store_name *n)
{
    struct store_life life;
    if (is_touched(t, n->collection))
        return t->updated_ms[kept_of(n->collection)];
    return t->world.store->life(t->world.store, n, now_ms(t), &life) == 0 ? life.updated_ms
                                                                          : now_ms(t);
}

/* Once in a transaction, as ModSecurity 2 counts; and again when others have displaced it. */
static int touch(struct waf_transaction *t, const struct store_name *n)
{
    t->updated_ms[kept_of(n->collection)] = updated_ms(t, n);
    t->touched_keys |= 1u << kept_of(n->collection);
    return t->world.store->touch(t->world.store, n, now_ms(t),
                                 (int64_t)t->rules->directives.collection_timeout_s * 1000);
}

static int write(struct waf_transaction *t, enum set_kind kind, const struct store_name *n,
                 slice value)
{
    struct waf_store *store = t->world.store;
    int64_t number = number_of_text(value);
    return kind == SET_ASSIGN ? store->write(store, n, now_ms(t), value)
                              : store->add(store, n, now_ms(t), kind == SET_ADD ? number : -number);
}

/* ModSecurity 2: for every whole span since the collection's last update the amount less, and an
 * update only when the value is another. */
static int deprecate(struct waf_transaction *t, const struct set_action *s,
                     const struct store_name *n)
{
    struct waf_store *store = t->world.store;
    int64_t spans = (now_ms(t) / 1000 - updated_ms(t, n) / 1000) / s->every_s;
    slice value;
    if (spans <= 0)
        return 0;
    int result = store->read(store, n, now_ms(t), t->arena, &value);
    if (result != 0 || number_of_text(value) <= 0)
        return result == -ENOENT ? 0 : result;
    if (!is_touched(t, n->collection))
        TRY(touch(t, n));
    int64_t less = spans > INT32_MAX ? INT32_MAX : spans * s->amount;
    return store->add(store, n, now_ms(t), -(less > INT32_MAX ? INT32_MAX : less));
}

static int change(struct waf_transaction *t, const struct set_action *s, const struct store_name *n,
                  slice value)
{
    enum { SECONDS_MAX = 366 * 24 * 3600 };
    struct waf_store *store = t->world.store;
    if (s->is_expiry) {
        int64_t number = number_of_text(value);
        int64_t seconds = number < 0 ? 0 : number > SECONDS_MAX ? SECONDS_MAX : number;
        store->expire(store, n, now_ms(t), seconds * 1000);
        return 0;
    }
    if (s->kind == SET_DELETE) {
        store->remove(store, n, now_ms(t));
        return 0;
    }
    if (s->kind == SET_DEPRECATE)
        return deprecate(t, s, n);
    if (!is_touched(t, n->collection))
        TRY(touch(t, n));
    int result = write(t, s->kind, n, value);
    if (result != -ENOENT)
        return result;
    TRY(touch(t, n));
    return write(t, s->kind, n, value);
}

int kept_set(struct waf_transaction *t, const struct set_action *s, slice name, slice value)
{
    struct store_name n;
    if (!find_name(t, s->collection, name, &n))
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
    struct store_name n;
    struct store_life life;
    if (!kept->ptr)
        return -ENOMEM;
    if (find_name(t, collection, SLICE(""), &n) &&
        t->world.store->life(t->world.store, &n, now_ms(t), &life) == -ENOENT)
        t->new_keys |= 1u << kept_of(collection);
    return 0;
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
    struct store_name n;
    if (find_name(t, collection, SLICE(""), &n))
        t->world.store->list(t->world.store, &n, now_ms(t), list_one, &l);
    return l.result;
}
