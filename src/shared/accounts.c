#include "shared/accounts.h"

#include "base/siphash.h"

#define LATE_MS_MAX 60000

/* However much is owed, it is paid within twice the time that an empty account takes to fill. */
#define DEBT_MAX(terms) (2 * (terms)->capacity)

struct balance {
    int64_t left;
    uint32_t filled_ms;
};

static struct balance unpack(uint64_t state)
{
    return (struct balance){ (int32_t)(uint32_t)(state >> 32), (uint32_t)state };
}

static uint64_t pack(struct balance b)
{
    return (uint64_t)(uint32_t)(int32_t)b.left << 32 | b.filled_ms;
}

static int64_t bounded(int64_t points, int64_t low, int64_t high)
{
    return points < low ? low : points > high ? high : points;
}

/* What time has given since; the moment moves on when it was anything. */
static struct balance fill(struct balance b, const struct account_terms *terms, int64_t now_ms)
{
    int64_t gone_ms = (uint32_t)((uint32_t)now_ms - b.filled_ms);
    if (gone_ms > UINT32_MAX - LATE_MS_MAX) /* another worker's clock was read a moment later */
        return b;
    int64_t points = gone_ms * terms->capacity / terms->fill_ms;
    if (points > 0)
        b.filled_ms = (uint32_t)now_ms;
    b.left = bounded(b.left + points, -DEBT_MAX(terms), terms->capacity);
    return b;
}

/* Its place; NULL: it has none. */
static struct account *find(struct account *set, uint64_t tag)
{
    for (uint32_t i = 0; i < ACCOUNT_WAYS; i++)
        if (atomic_load_explicit(&set[i].tag, memory_order_relaxed) == tag)
            return &set[i];
    return NULL;
}

/* A free place, or that of the account with the most left. */
static struct account *find_richest(struct account *set, const struct account_terms *terms,
                                    int64_t now_ms)
{
    struct account *found = set;
    int64_t most = INT64_MIN;
    for (uint32_t i = 0; i < ACCOUNT_WAYS; i++) {
        if (atomic_load_explicit(&set[i].tag, memory_order_relaxed) == 0)
            return &set[i];
        struct balance b = fill(unpack(atomic_load(&set[i].state)), terms, now_ms);
        if (b.left > most) {
            most = b.left;
            found = &set[i];
        }
    }
    return found;
}

/* A full account in the place of another: first full, then its own, so that a worker that dies
 * between leaves the other one richer, and no more. */
static struct account *take(struct account *set, uint64_t tag, const struct account_terms *terms,
                            int64_t now_ms)
{
    struct account *a = find_richest(set, terms, now_ms);
    uint64_t old = atomic_load(&a->tag);
    atomic_store(&a->state, pack((struct balance){ terms->capacity, (uint32_t)now_ms }));
    (void)atomic_compare_exchange_strong(&a->tag, &old, tag);
    return a;
}

/* Where an account may stand. */
static struct account *set_of(struct accounts_segment *s, slice key, uint64_t *ret_tag)
{
    const struct siphash_key hash_key = { s->hash_key[0], s->hash_key[1] };
    uint64_t hash = siphash(&hash_key, key.ptr, key.len);
    *ret_tag = hash | 1;
    return &s->accounts[(hash >> 32) % (ACCOUNTS_MAX / ACCOUNT_WAYS) * ACCOUNT_WAYS];
}

int64_t accounts_look(struct accounts_segment *s, slice key, const struct account_terms *terms,
                      int64_t now_ms)
{
    uint64_t tag;
    struct account *set = set_of(s, key, &tag), *a = find(set, tag);
    return a ? fill(unpack(atomic_load(&a->state)), terms, now_ms).left : terms->capacity;
}

int64_t accounts_settle(struct accounts_segment *s, slice key, const struct account_terms *terms,
                        int64_t points, int64_t now_ms)
{
    uint64_t tag;
    struct account *set = set_of(s, key, &tag), *a = find(set, tag);
    if (!a)
        a = take(set, tag, terms, now_ms);
    uint64_t state = atomic_load(&a->state);
    struct balance b;
    do { /* as often as others get in between: each of them has settled then */
        b = fill(unpack(state), terms, now_ms);
        b.left = bounded(b.left + points, -DEBT_MAX(terms), terms->capacity);
    } while (!atomic_compare_exchange_strong(&a->state, &state, pack(b)));
    return b.left;
}
