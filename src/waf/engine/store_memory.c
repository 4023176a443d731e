#include "waf/engine/store.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/panic.h"
#include "waf/engine/number_text.h"

struct variable_kept {
    struct list by_age;         /* in memory.oldest: written to longest ago first */
    struct variable_kept *next; /* in its bucket */
    uint64_t hash;
    enum variable_id collection;
    int64_t written_ms, expires_ms; /* expires_ms 0: by its age only */
    char *value;
    unsigned key_len, name_len, value_len;
    char texts[]; /* key, name */
};

struct memory {
    struct waf_store store;
    struct siphash_key secret;
    int64_t lifetime_ms;
    struct list oldest;
    unsigned count, variables_max;
    unsigned buckets_mask;
    struct variable_kept **buckets;
};

static struct memory *memory_of(struct waf_store *s)
{
    return CONTAINER_OF(s, struct memory, store);
}

static slice key_of(const struct variable_kept *v)
{
    return slice_of(v->texts, v->key_len);
}

static slice name_of(const struct variable_kept *v)
{
    return slice_of(v->texts + v->key_len, v->name_len);
}

/* Key and name are hashed apart, so that no stranger moves a byte from one to the other. */
static uint64_t hash_of(const struct memory *m, const struct store_name *n)
{
    uint64_t parts[3] = { siphash(&m->secret, n->key.ptr, n->key.len),
                          siphash(&m->secret, n->name.ptr, n->name.len), n->collection };
    return siphash(&m->secret, parts, sizeof(parts));
}

static bool is_same(const struct variable_kept *v, const struct store_name *n)
{
    return v->collection == n->collection && slice_equal(key_of(v), n->key) &&
           slice_equal(name_of(v), n->name);
}

static void drop(struct memory *m, struct variable_kept *v)
{
    struct variable_kept **at = &m->buckets[v->hash & m->buckets_mask];
    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    list_remove(&v->by_age);
    m->count--;
    free(v->value);
    free(v);
}

static bool is_over(const struct memory *m, const struct variable_kept *v, int64_t now_ms)
{
    return (v->expires_ms != 0 && now_ms >= v->expires_ms) ||
           now_ms - v->written_ms >= m->lifetime_ms;
}

static struct variable_kept *find(struct memory *m, const struct store_name *n, int64_t now_ms)
{
    uint64_t hash = hash_of(m, n);
    for (struct variable_kept *v = m->buckets[hash & m->buckets_mask]; v; v = v->next) {
        if (v->hash != hash || !is_same(v, n))
            continue;
        if (!is_over(m, v, now_ms))
            return v;
        drop(m, v);
        return NULL;
    }
    return NULL;
}

static int memory_read(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                       struct arena *arena, slice *ret_value)
{
    struct variable_kept *v = find(memory_of(s), n, now_ms);
    if (!v)
        return -ENOENT;
    slice copy = arena_copy(arena, slice_of(v->value, v->value_len));
    if (!copy.ptr)
        return -ENOMEM;
    *ret_value = copy;
    return 0;
}

static int make(struct memory *m, const struct store_name *n, struct variable_kept **ret)
{
    if (n->key.len > STORE_TEXT_MAX || n->name.len > STORE_TEXT_MAX)
        return -E2BIG;
    struct variable_kept *v = calloc(1, sizeof(*v) + n->key.len + n->name.len);
    if (!v)
        return -ENOMEM;
    if (m->count == m->variables_max)
        drop(m, LIST_ENTRY(m->oldest.next, struct variable_kept, by_age));
    v->collection = n->collection;
    v->key_len = (unsigned)n->key.len;
    v->name_len = (unsigned)n->name.len;
    if (n->key.len)
        memcpy(v->texts, n->key.ptr, n->key.len);
    if (n->name.len)
        memcpy(v->texts + n->key.len, n->name.ptr, n->name.len);
    v->hash = hash_of(m, n);
    struct variable_kept **bucket = &m->buckets[v->hash & m->buckets_mask];
    v->next = *bucket;
    *bucket = v;
    list_push_back(&m->oldest, &v->by_age);
    m->count++;
    *ret = v;
    return 0;
}

static int memory_write(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                        slice value)
{
    struct memory *m = memory_of(s);
    if (value.len > STORE_TEXT_MAX)
        return -E2BIG;
    char *copy = malloc(value.len + 1);
    if (!copy)
        return -ENOMEM;
    struct variable_kept *v = find(m, n, now_ms);
    int result = v ? 0 : make(m, n, &v);
    if (result != 0) {
        free(copy);
        return result;
    }
    if (value.len)
        memcpy(copy, value.ptr, value.len);
    free(v->value);
    v->value = copy;
    v->value_len = (unsigned)value.len;
    v->written_ms = now_ms;
    list_remove(&v->by_age);
    list_push_back(&m->oldest, &v->by_age);
    return 0;
}

static int memory_add(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                      int64_t difference)
{
    struct variable_kept *v = find(memory_of(s), n, now_ms);
    int64_t value = (v ? number_of_text(slice_of(v->value, v->value_len)) : 0) + difference;
    char text[NUMBER_TEXT_MAX];
    size_t len = number_write(value < 0 ? 0 : value, text);
    return memory_write(s, n, now_ms, slice_of(text, len));
}

static void memory_expire(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                          int64_t lifetime_ms)
{
    struct variable_kept *v = find(memory_of(s), n, now_ms);
    if (v)
        v->expires_ms = now_ms + lifetime_ms;
}

static void memory_remove(struct waf_store *s, const struct store_name *n)
{
    struct variable_kept *v = find(memory_of(s), n, 0);
    if (v)
        drop(memory_of(s), v);
}

static void memory_list(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                        bool (*each)(void *context, slice name, slice value), void *context)
{
    struct memory *m = memory_of(s);
    LIST_EACH(node, &m->oldest)
    {
        struct variable_kept *v = LIST_ENTRY(node, struct variable_kept, by_age);
        if (v->collection != n->collection || !slice_equal(key_of(v), n->key) ||
            is_over(m, v, now_ms))
            continue;
        if (!each(context, name_of(v), slice_of(v->value, v->value_len)))
            return;
    }
}

int store_memory_open(unsigned variables_max, int64_t lifetime_ms, const struct siphash_key *key,
                      struct waf_store **ret)
{
    struct memory *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    unsigned buckets = 16;
    while (buckets < variables_max && buckets < 1U << 24)
        buckets *= 2;
    m->buckets = calloc(buckets, sizeof(struct variable_kept *));
    if (!m->buckets) {
        free(m);
        return -ENOMEM;
    }
    ASSERT(variables_max > 0);
    m->buckets_mask = buckets - 1;
    m->variables_max = variables_max;
    m->lifetime_ms = lifetime_ms;
    m->secret = *key;
    list_open(&m->oldest);
    m->store = (struct waf_store){ .read = memory_read,
                                   .write = memory_write,
                                   .add = memory_add,
                                   .expire = memory_expire,
                                   .remove = memory_remove,
                                   .list = memory_list };
    *ret = &m->store;
    return 0;
}

void store_memory_close(struct waf_store *s)
{
    if (!s)
        return;
    struct memory *m = memory_of(s);
    while (!list_is_empty(&m->oldest))
        drop(m, LIST_ENTRY(m->oldest.next, struct variable_kept, by_age));
    free(m->buckets);
    free(m);
}
