#include "waf/engine/store.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/panic.h"
#include "waf/engine/number_text.h"

#define TEXT_READS_MAX 16
/* A writer has the claim for less than a microsecond, but it may have lost the processor. */
#define CLAIM_WAITS_MAX      4000
#define CLAIM_SAME_WAITS_MAX 2000 /* then its holder is taken for dead */

/* A variable's state: when it ends (seconds since 1970; 0: with its collection), and what it is. A
 * text has a version in the place of the number; while that is odd there is no value: none yet, or
 * no more, or it is being written. A collection's: when it ends, and its generation. Whoever
 * changes one tries again as often as others get in between: each of them has changed it then. */
#define STATE_TEXT   (1ull << 63)
#define STATE_ABSENT (STATE_TEXT | 1ull << 32)

struct kept {
    _Atomic uint64_t collection; /* hash, generation included; of a collection itself: 0 */
    _Atomic uint64_t state;
    _Atomic uint64_t written_ms;
    _Atomic uint64_t created_ms, updates; /* of a collection */
    _Atomic uint32_t check;               /* of the text */
    _Atomic uint16_t name_len, text_len;
    char name[STORE_NAME_MAX];
    char text[STORE_TEXT_MAX];
};

struct store_set {
    _Atomic uint64_t claim; /* 0: free */
    uint64_t unused[7];
    _Atomic uint64_t tags[STORE_WAYS]; /* hash of what lies there; 0: nothing */
    struct kept places[STORE_WAYS];
};

struct store_memory {
    _Atomic uint64_t generations; /* given out; low 32 bits */
    uint64_t unused[7];
    struct store_set sets[];
};

_Static_assert(sizeof(struct store_set) == STORE_SET_BYTES, "the layout that others count on");

/* What a call is about. */
struct whereabouts {
    struct store_table *table;
    const struct store_name *name;
    int64_t now_ms;
    struct store_set *set;
    uint64_t collection_tag;
};

/* --- Words ------------------------------------------------------------------------------------ */

static uint32_t end_of(uint64_t state)
{
    return (uint32_t)state;
}

static uint32_t generation_of(uint64_t state)
{
    return (uint32_t)(state >> 32);
}

static uint64_t state_of_number(int64_t number, uint32_t end_s)
{
    return (uint64_t)number << 32 | end_s;
}

static int64_t number_of(uint64_t state)
{
    return (int64_t)(state >> 32 & INT32_MAX);
}

static bool is_text(uint64_t state)
{
    return state & STATE_TEXT;
}

static bool is_over(uint64_t state, int64_t now_ms)
{
    return end_of(state) != 0 && now_ms / 1000 >= end_of(state);
}

static bool is_present(uint64_t state, int64_t now_ms)
{
    return (state & STATE_ABSENT) != STATE_ABSENT && !is_over(state, now_ms);
}

/* The text that comes after, not yet there. */
static uint64_t next_text(uint64_t state, uint32_t end_s)
{
    uint64_t version = is_text(state) ? state >> 32 & INT32_MAX : 0;
    return STATE_TEXT | ((version + 1) & INT32_MAX & ~1ull) << 32 | 1ull << 32 | end_s;
}

static uint32_t second_after(int64_t ms)
{
    int64_t s = (ms + 999) / 1000;
    return (uint32_t)(s < 1 ? 1 : s > UINT32_MAX ? UINT32_MAX : s);
}

/* --- Places ----------------------------------------------------------------------------------- */

static struct store_table *table_of(struct waf_store *s)
{
    return CONTAINER_OF(s, struct store_table, store);
}

/* The parts are hashed apart, so that no stranger moves a byte from one to the other. */
static struct whereabouts find_set(struct waf_store *s, const struct store_name *n, int64_t now_ms)
{
    struct store_table *t = table_of(s);
    uint64_t parts[3] = { siphash(&t->secret, n->application.ptr, n->application.len),
                          siphash(&t->secret, n->key.ptr, n->key.len), n->collection };
    uint64_t hash = siphash(&t->secret, parts, sizeof parts);
    return (struct whereabouts){ .table = t,
                                 .name = n,
                                 .now_ms = now_ms,
                                 .set = &t->memory->sets[(hash >> 32) % t->set_count],
                                 .collection_tag = hash | 1 };
}

/* The lowest, where two processes should have made two. */
static struct kept *find_tag(struct store_set *set, uint64_t tag)
{
    for (unsigned i = 0; i < STORE_WAYS; i++)
        if (atomic_load_explicit(&set->tags[i], memory_order_acquire) == tag)
            return &set->places[i];
    return NULL;
}

/* Which variables belong to a collection, as it is now: what an earlier one left is none of its. */
static uint64_t collection_hash(const struct whereabouts *at, uint32_t generation)
{
    uint64_t parts[2] = { at->collection_tag, generation };
    return siphash(&at->table->secret, parts, sizeof parts);
}

static uint64_t variable_tag(const struct whereabouts *at, uint64_t collection)
{
    uint64_t parts[2] = { collection,
                          siphash(&at->table->secret, at->name->name.ptr, at->name->name.len) };
    return siphash(&at->table->secret, parts, sizeof parts) | 1;
}

/* --- Claims ----------------------------------------------------------------------------------- */

/* False: others had it all the time. */
static bool claim(struct store_table *t, struct store_set *set, uint64_t *ret)
{
    uint64_t mine = (uint64_t)(t->claimant + 1ull) << 32 | (uint32_t)++t->claims, before = 0;
    for (unsigned waits = 0, same = 0; waits < CLAIM_WAITS_MAX; waits++) {
        uint64_t seen = atomic_load(&set->claim);
        same = seen == before ? same + 1 : 0;
        before = seen;
        if ((seen == 0 || same >= CLAIM_SAME_WAITS_MAX) &&
            atomic_compare_exchange_strong(&set->claim, &seen, mine)) {
            *ret = mine;
            return true;
        }
        t->give_way();
    }
    return false;
}

static void disclaim(struct store_set *set, uint64_t mine)
{
    (void)atomic_compare_exchange_strong(&set->claim, &mine, 0);
}

/* --- Making room ------------------------------------------------------------------------------ */

static unsigned find_oldest(struct store_set *set, int64_t now_ms)
{
    unsigned found = 0;
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < STORE_WAYS; i++) {
        if (atomic_load_explicit(&set->tags[i], memory_order_relaxed) == 0)
            return i;
        struct kept *k = &set->places[i];
        uint64_t written_ms = atomic_load_explicit(&k->written_ms, memory_order_relaxed);
        uint64_t state = atomic_load_explicit(&k->state, memory_order_relaxed);
        bool is_collection = atomic_load_explicit(&k->collection, memory_order_relaxed) == 0;
        if (is_collection ? is_over(state, now_ms) : !is_present(state, now_ms))
            written_ms = 0;
        uint64_t age = written_ms << 1 | is_collection; /* a variable goes before its collection */
        if (age < oldest) {
            oldest = age;
            found = i;
        }
    }
    return found;
}

/* `like`: what it is to hold. NULL: others were at it all the time. */
static struct kept *make(const struct whereabouts *at, uint64_t tag, const struct kept *like)
{
    struct store_set *set = at->set;
    uint64_t mine;
    if (!claim(at->table, set, &mine))
        return NULL;
    struct kept *k = find_tag(set, tag);
    if (!k) {
        unsigned place = find_oldest(set, at->now_ms);
        k = &set->places[place];
        atomic_store(&set->tags[place], 0);
        atomic_store(&k->state, like->state);
        atomic_store(&k->collection, like->collection);
        atomic_store(&k->written_ms, like->written_ms);
        atomic_store(&k->created_ms, like->created_ms);
        atomic_store(&k->updates, 0);
        atomic_store(&k->text_len, 0);
        atomic_store(&k->name_len, like->name_len);
        memcpy(k->name, like->name, sizeof k->name);
        uint64_t free = 0;
        (void)atomic_compare_exchange_strong(&set->tags[place], &free, tag);
        k = find_tag(set, tag);
    }
    disclaim(set, mine);
    return k;
}

/* --- Collections ------------------------------------------------------------------------------ */

/* 0 · -ENOENT */
static int find_collection(const struct whereabouts *at, uint64_t *ret_hash, struct kept **ret)
{
    struct kept *k = find_tag(at->set, at->collection_tag);
    uint64_t state = k ? atomic_load(&k->state) : 0;
    if (!k || is_over(state, at->now_ms))
        return -ENOENT;
    *ret_hash = collection_hash(at, generation_of(state));
    *ret = k;
    return 0;
}

static uint32_t new_generation(const struct whereabouts *at)
{
    return (uint32_t)atomic_fetch_add(&at->table->memory->generations, 1);
}

/* Later, never sooner. One that is over begins anew: its generation is another one, and its
 * variables are none any more. Of those that find it so, one does it. */
static void prolong(const struct whereabouts *at, struct kept *k, uint32_t end_s)
{
    uint64_t state = atomic_load(&k->state), after;
    bool was_over;
    do {
        was_over = is_over(state, at->now_ms);
        if (!was_over && end_of(state) >= end_s)
            return;
        uint32_t generation = was_over ? new_generation(at) : generation_of(state);
        after = (uint64_t)generation << 32 | end_s;
    } while (!atomic_compare_exchange_strong(&k->state, &state, after));
    if (was_over) {
        atomic_store(&k->created_ms, (uint64_t)at->now_ms);
        atomic_store(&k->updates, 0);
    }
}

static int table_touch(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                       int64_t lifetime_ms)
{
    struct whereabouts at = find_set(s, n, now_ms);
    uint32_t end_s = second_after(now_ms + lifetime_ms);
    struct kept *k = find_tag(at.set, at.collection_tag);
    if (!k) {
        const struct kept like = { .state = (uint64_t)new_generation(&at) << 32 | end_s,
                                   .written_ms = (uint64_t)now_ms,
                                   .created_ms = (uint64_t)now_ms };
        k = make(&at, at.collection_tag, &like);
    }
    if (!k)
        return -ENOSPC;
    prolong(&at, k, end_s);
    atomic_store_explicit(&k->written_ms, (uint64_t)now_ms, memory_order_relaxed);
    atomic_fetch_add_explicit(&k->updates, 1, memory_order_relaxed);
    return 0;
}

static int table_life(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                      struct store_life *ret)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *k;
    uint64_t hash;
    TRY(find_collection(&at, &hash, &k));
    *ret = (struct store_life){ .created_ms = (int64_t)atomic_load(&k->created_ms),
                                .updated_ms = (int64_t)atomic_load(&k->written_ms),
                                .updates = atomic_load(&k->updates) };
    return 0;
}

/* --- Variables -------------------------------------------------------------------------------- */

static struct kept *find_variable(const struct whereabouts *at)
{
    struct kept *k;
    uint64_t hash;
    if (find_collection(at, &hash, &k) != 0)
        return NULL;
    return find_tag(at->set, variable_tag(at, hash));
}

/* 0 · -ENOENT no such collection · -E2BIG · -ENOSPC */
static int need_variable(const struct whereabouts *at, struct kept **ret)
{
    slice name = at->name->name;
    uint64_t hash, tag;
    if (name.len > STORE_NAME_MAX)
        return -E2BIG;
    TRY(find_collection(at, &hash, ret));
    tag = variable_tag(at, hash);
    *ret = find_tag(at->set, tag);
    if (!*ret) {
        struct kept like = { .collection = hash,
                             .state = STATE_ABSENT,
                             .written_ms = (uint64_t)at->now_ms,
                             .name_len = (uint16_t)name.len };
        if (name.len)
            memcpy(like.name, name.ptr, name.len);
        *ret = make(at, tag, &like);
    }
    return *ret ? 0 : -ENOSPC;
}

static void mark_written(const struct whereabouts *at, struct kept *k)
{
    atomic_store_explicit(&k->written_ms, (uint64_t)at->now_ms, memory_order_relaxed);
}

static uint32_t check_of(const struct store_table *t, const char *text, size_t len)
{
    return (uint32_t)siphash(&t->secret, text, len);
}

/* A text as somebody wrote it: false when it is being written, or by two at once. */
static bool copy_text(const struct store_table *t, struct kept *k, uint64_t state,
                      char text[STORE_TEXT_MAX], size_t *ret_len)
{
    size_t len = atomic_load_explicit(&k->text_len, memory_order_acquire);
    uint32_t check = atomic_load_explicit(&k->check, memory_order_acquire);
    len = len > STORE_TEXT_MAX ? STORE_TEXT_MAX : len;
    memcpy(text, k->text, len);
    atomic_thread_fence(memory_order_acquire);
    *ret_len = len;
    return (atomic_load_explicit(&k->state, memory_order_relaxed) ^ state) >> 32 == 0 &&
           check == check_of(t, text, len);
}

/* The value, in `text` where it takes room. -ENOENT there is none */
static int value_of(const struct store_table *t, struct kept *k, int64_t now_ms,
                    char text[STORE_TEXT_MAX], size_t *ret_len)
{
    _Static_assert((int)STORE_TEXT_MAX >= (int)NUMBER_TEXT_MAX, "numbers fit too");
    for (int i = 0; i < TEXT_READS_MAX; i++) {
        uint64_t state = atomic_load(&k->state);
        if (!is_present(state, now_ms))
            return -ENOENT;
        if (!is_text(state)) {
            *ret_len = number_write(number_of(state), text);
            return 0;
        }
        if (copy_text(t, k, state, text, ret_len))
            return 0;
    }
    return -ENOENT;
}

static int table_read(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                      struct arena *arena, slice *ret_value)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *k = find_variable(&at);
    char text[STORE_TEXT_MAX];
    size_t len;
    if (!k)
        return -ENOENT;
    TRY(value_of(at.table, k, now_ms, text, &len));
    slice copy = arena_copy(arena, slice_of(text, len));
    if (!copy.ptr)
        return -ENOMEM;
    *ret_value = copy;
    return 0;
}

static int64_t within_counter(int64_t value)
{
    return value < 0 ? 0 : value > INT32_MAX ? INT32_MAX : value;
}

/* What one word becomes by another: the old one, or the end that is kept. */
static void change_number(const struct whereabouts *at, struct kept *k, int64_t number,
                          bool is_added)
{
    char text[STORE_TEXT_MAX];
    size_t len;
    uint64_t state = atomic_load(&k->state), after;
    do {
        bool is_there = is_present(state, at->now_ms);
        int64_t before = is_there && !is_text(state) ? number_of(state) : 0;
        if (is_added && is_there && is_text(state) && copy_text(at->table, k, state, text, &len))
            before = number_of_text(slice_of(text, len));
        after = state_of_number(within_counter(is_added ? before + number : number),
                                is_there ? end_of(state) : 0);
    } while (!atomic_compare_exchange_strong(&k->state, &state, after));
    mark_written(at, k);
}

/* The text is gone before it is written anew, so that nobody reads half of each. 0 · -ENOSPC others
 * were at it all the time */
static int change_text(const struct whereabouts *at, struct kept *k, slice value)
{
    uint64_t mine, state = atomic_load(&k->state), begun;
    if (!claim(at->table, at->set, &mine))
        return -ENOSPC;
    do {
        begun = next_text(state, is_present(state, at->now_ms) ? end_of(state) : 0);
    } while (!atomic_compare_exchange_strong(&k->state, &state, begun));
    if (value.len)
        memcpy(k->text, value.ptr, value.len);
    atomic_store(&k->text_len, (uint16_t)value.len);
    atomic_store(&k->check, check_of(at->table, value.ptr, value.len));
    /* Who has made it a number meanwhile came later. */
    (void)atomic_compare_exchange_strong(&k->state, &begun, begun ^ 1ull << 32);
    mark_written(at, k);
    disclaim(at->set, mine);
    return 0;
}

static int table_write(struct waf_store *s, const struct store_name *n, int64_t now_ms, slice value)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *k;
    int64_t number;
    if (value.len > STORE_TEXT_MAX)
        return -E2BIG;
    TRY(need_variable(&at, &k));
    if (!number_is_plain(value, &number) || number < 0)
        return change_text(&at, k, value);
    change_number(&at, k, number, false);
    return 0;
}

static int table_add(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                     int64_t difference)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *k;
    TRY(need_variable(&at, &k));
    change_number(&at, k, difference, true);
    return 0;
}

static void table_expire(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                         int64_t lifetime_ms)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *k = find_variable(&at), *collection;
    uint32_t end_s = second_after(now_ms + lifetime_ms);
    uint64_t state = k ? atomic_load(&k->state) : 0, hash;
    while (k && is_present(state, now_ms) &&
           !atomic_compare_exchange_strong(&k->state, &state, state >> 32 << 32 | end_s))
        ;
    if (k && find_collection(&at, &hash, &collection) == 0)
        prolong(&at, collection, end_s);
}

static void table_remove(struct waf_store *s, const struct store_name *n, int64_t now_ms)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *k = find_variable(&at);
    uint64_t state = k ? atomic_load(&k->state) : 0;
    while (k && is_present(state, now_ms) &&
           !atomic_compare_exchange_strong(&k->state, &state, next_text(state, 0)))
        ;
}

static void table_list(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                       bool (*each)(void *context, slice name, slice value), void *context)
{
    struct whereabouts at = find_set(s, n, now_ms);
    struct kept *collection;
    uint64_t hash;
    if (find_collection(&at, &hash, &collection) != 0)
        return;
    for (unsigned i = 0; i < STORE_WAYS; i++) {
        struct kept *k = &at.set->places[i];
        uint64_t tag = atomic_load(&at.set->tags[i]);
        char name[STORE_NAME_MAX], text[STORE_TEXT_MAX];
        size_t name_len = atomic_load(&k->name_len), text_len;
        if (tag == 0 || atomic_load(&k->collection) != hash || name_len > STORE_NAME_MAX)
            continue;
        memcpy(name, k->name, name_len);
        if (value_of(at.table, k, now_ms, text, &text_len) != 0 ||
            atomic_load(&at.set->tags[i]) != tag)
            continue;
        if (!each(context, slice_of(name, name_len), slice_of(text, text_len)))
            return;
    }
}

void store_table_open(struct store_table *t, void *memory, size_t bytes,
                      const struct siphash_key *secret, const struct store_sharing *sharing)
{
    ASSERT((uintptr_t)memory % 64 == 0);
    ASSERT(bytes >= sizeof(struct store_memory) + sizeof(struct store_set));
    *t = (struct store_table){ .store = { .touch = table_touch,
                                          .life = table_life,
                                          .read = table_read,
                                          .write = table_write,
                                          .add = table_add,
                                          .expire = table_expire,
                                          .remove = table_remove,
                                          .list = table_list },
                               .memory = memory,
                               .set_count =
                                   (bytes - sizeof(struct store_memory)) / sizeof(struct store_set),
                               .secret = *secret,
                               .claimant = sharing->claimant,
                               .give_way = sharing->give_way };
}
