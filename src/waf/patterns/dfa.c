#include "waf/patterns/dfa.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "waf/patterns/step.h"

/* Rows of the table that are no states, in the order in which they are told apart. */
enum { ROW_UNKNOWN, ROW_MATCH, ROW_DEAD, ROW_FIRST };

/* A search that has started the automaton anew and still makes a state for fewer bytes than this
 * goes on without states. */
enum { BYTES_PER_STATE_MIN = 10 };

enum { NO_STATE = UINT32_MAX, BEGINNING_UNKNOWN = UINT32_MAX, BEGINNING_MATCHES = UINT32_MAX - 1 };

struct dfa_state {
    uint32_t at, count; /* its steps in the pool */
    uint32_t context;
    uint32_t next_of_hash;
};

/* What a search that begins here has reached behind the next byte. */
struct beginning {
    uint32_t at; /* in the pool; or one of BEGINNING_ */
    uint32_t count;
};

struct dfa {
    const struct program *program;
    struct pattern_cache *cache;
    struct dfa *next, *previous; /* in the cache */
    unsigned stride;             /* entries of a row: the classes and the end */
    unsigned searches;           /* that are going on */
    unsigned epoch;              /* how often it started anew */

    uint32_t *table; /* row * stride + class -> row * stride */
    struct dfa_state *states;
    uint32_t count, room; /* rows */
    uint16_t *pool;
    uint32_t pool_used, pool_room;
    uint32_t *buckets; /* hash -> state */
    uint32_t bucket_count;
    struct beginning *beginnings; /* context * stride + class */
    uint32_t initial;             /* row of the beginning of a value, NO_STATE: not made */
    size_t bytes;
};

/* A search, between two pauses. */
struct search {
    struct dfa *dfa;
    slice value;
    size_t at;
    uint32_t state;
    size_t cost;            /* steps beyond one a byte, not yet spent */
    unsigned made, flushes; /* states since the last flush; flushes */
    size_t made_from;       /* where it was then */
};

int dfa_new(const struct program *program, struct pattern_cache *cache, struct dfa **ret_dfa)
{
    struct dfa *d = calloc(1, sizeof(*d));
    if (!d || pattern_cache_fit(cache, program->count) != 0) {
        free(d);
        return -ENOMEM;
    }
    d->program = program;
    d->cache = cache;
    d->stride = program->classes + 1;
    d->initial = NO_STATE;
    d->next = cache->first;
    if (d->next)
        d->next->previous = d;
    cache->first = d;
    *ret_dfa = d;
    return 0;
}

static void flush(struct dfa *d)
{
    free(d->table);
    free(d->states);
    free(d->pool);
    free(d->buckets);
    free(d->beginnings);
    d->table = NULL;
    d->states = NULL;
    d->pool = NULL;
    d->buckets = NULL;
    d->beginnings = NULL;
    d->count = d->room = d->pool_used = d->pool_room = d->bucket_count = 0;
    d->initial = NO_STATE;
    d->epoch++;
    d->cache->bytes -= d->bytes;
    d->bytes = 0;
}

void dfa_free(struct dfa *d)
{
    if (!d)
        return;
    ASSERT(d->searches == 0);
    flush(d);
    if (d->previous)
        d->previous->next = d->next;
    else
        d->cache->first = d->next;
    if (d->next)
        d->next->previous = d->previous;
    free(d);
}

unsigned dfa_states(const struct dfa *d)
{
    return d->count > ROW_FIRST ? d->count - ROW_FIRST : 0;
}

/* The automaton that holds most and that no search is in but, for `asking`, its one. */
static struct dfa *largest(struct dfa *asking)
{
    struct dfa *found = NULL;
    for (struct dfa *each = asking->cache->first; each; each = each->next)
        if (each->searches <= (each == asking) && each->bytes &&
            (!found || each->bytes > found->bytes))
            found = each;
    return found;
}

/* 0 there is room for so many bytes more · -ENOSPC it took `d` itself to start anew: nothing that
 * was known of its states holds, or there is none. */
static int make_room(struct dfa *d, size_t bytes)
{
    while (d->cache->bytes + bytes > d->cache->bytes_max) {
        struct dfa *from = largest(d);
        if (!from)
            return -ENOSPC;
        flush(from);
        if (from == d)
            return -ENOSPC;
    }
    return 0;
}

static int grow(struct dfa *d, void **list, uint32_t *room, uint32_t wanted, size_t each)
{
    if (wanted <= *room)
        return 0;
    uint32_t more = *room + *room / 2 + 16;
    more = more < wanted ? wanted : more;
    size_t bytes = (more - *room) * each;
    TRY(make_room(d, bytes));
    void *grown = realloc(*list, more * each);
    if (!grown)
        return -ENOMEM;
    memset((char *)grown + *room * each, 0, bytes);
    *list = grown;
    *room = more;
    d->bytes += bytes;
    d->cache->bytes += bytes;
    return 0;
}

/* Room for one more row. Table and states grow together: their room is one number. */
static int grow_rows(struct dfa *d)
{
    uint32_t room = d->room;
    if (d->count < d->room)
        return 0;
    void *table = d->table, *states = d->states;
    int result = grow(d, &table, &room, d->count + 1, (size_t)d->stride * sizeof(uint32_t));
    if (result == -ENOSPC)
        return result; /* may have been flushed: the pointers are gone */
    d->table = table;
    TRY(result);
    room = d->room;
    result = grow(d, &states, &room, d->count + 1, sizeof(struct dfa_state));
    if (result == -ENOSPC)
        return result;
    d->states = states;
    TRY(result);
    d->room = room;
    return 0;
}

static int grow_pool(struct dfa *d, unsigned count)
{
    void *pool = d->pool;
    int result = grow(d, &pool, &d->pool_room, d->pool_used + count, sizeof(uint16_t));
    if (result != -ENOSPC)
        d->pool = pool;
    return result;
}

static uint32_t hash(enum context context, const uint16_t *steps, unsigned count)
{
    uint64_t h = context + 1;
    for (unsigned i = 0; i < count; i++)
        h = (h ^ steps[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
    return (uint32_t)(h >> 32 ^ h);
}

static int grow_buckets(struct dfa *d)
{
    if (d->count < d->bucket_count)
        return 0;
    uint32_t count = d->bucket_count ? d->bucket_count * 2 : 64;
    size_t bytes = (count - d->bucket_count) * sizeof(uint32_t);
    TRY(make_room(d, bytes));
    uint32_t *buckets = calloc(count, sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = count;
    d->bytes += bytes;
    d->cache->bytes += bytes;
    for (uint32_t i = ROW_FIRST; i < d->count; i++) {
        struct dfa_state *state = &d->states[i];
        uint32_t bucket =
            hash((enum context)state->context, d->pool + state->at, state->count) & (count - 1);
        state->next_of_hash = buckets[bucket];
        buckets[bucket] = i;
    }
    return 0;
}

static int prepare(struct dfa *d)
{
    uint32_t none = 0;
    void *beginnings = NULL;
    if (d->bucket_count) /* made last */
        return 0;
    if (!d->beginnings) {
        TRY(grow(d, &beginnings, &none, CONTEXTS * d->stride, sizeof(struct beginning)));
        d->beginnings = beginnings;
        memset(d->beginnings, 0xff, CONTEXTS * d->stride * sizeof(struct beginning));
    }
    while (d->count < ROW_FIRST) {
        TRY(grow_rows(d));
        d->count++;
    }
    return grow_buckets(d);
}

/* The row of a set. 0 · -ENOSPC the automaton has been emptied, or no state fits · -ENOMEM */
static int intern(struct dfa *d, struct step_set set, uint32_t *ret_row, unsigned *made)
{
    TRY(prepare(d));
    uint32_t h = hash(set.context, set.steps, set.count);
    for (uint32_t i = d->buckets[h & (d->bucket_count - 1)]; i; i = d->states[i].next_of_hash) {
        const struct dfa_state *state = &d->states[i];
        if (state->context == (uint32_t)set.context && state->count == set.count &&
            (set.count == 0 ||
             memcmp(d->pool + state->at, set.steps, set.count * sizeof(*set.steps)) == 0)) {
            *ret_row = i * d->stride;
            return 0;
        }
    }
    TRY(grow_pool(d, set.count));
    TRY(grow_rows(d));
    TRY(grow_buckets(d));
    uint32_t row = d->count++, *bucket = &d->buckets[h & (d->bucket_count - 1)];
    if (set.count)
        memcpy(d->pool + d->pool_used, set.steps, set.count * sizeof(*set.steps));
    d->states[row] = (struct dfa_state){ .at = d->pool_used,
                                         .count = set.count,
                                         .context = (uint32_t)set.context,
                                         .next_of_hash = *bucket };
    *bucket = row;
    d->pool_used += set.count;
    ++*made;
    *ret_row = row * d->stride;
    return 0;
}

/* The same set behaves alike whatever is before it, unless something asks. */
static enum context normal_context(const struct dfa *d, const uint16_t *steps, unsigned count,
                                   enum context context)
{
    if (!d->program->is_anchored && d->program->start_asks)
        return context;
    for (unsigned i = 0; i < count; i++)
        if (d->program->steps[steps[i]].op == OP_ASSERT)
            return context;
    return BEHIND_OTHER;
}

/* Adds what a search that begins here reaches over the class. Kept, when there is room. */
static enum step_result add_beginning(struct search *s, enum context context, unsigned class)
{
    struct dfa *d = s->dfa;
    struct pattern_cache *cache = d->cache;
    struct beginning *kept = d->beginnings ? &d->beginnings[context * d->stride + class] : NULL;
    unsigned count;
    if (kept && kept->at == BEGINNING_MATCHES)
        return STEP_MATCHED;
    if (kept && kept->at != BEGINNING_UNKNOWN) {
        step_add(cache, d->pool + kept->at, kept->count);
        s->cost += kept->count;
        return STEP_ON;
    }
    if (!step_start(d->program, cache, context, cache->steps_in, &count, &s->cost))
        return STEP_MATCHED;
    struct step_set start = { cache->steps_in, count, context };
    enum step_result result = step_over(d->program, cache, start, class, &s->cost);
    if (result == STEP_MATCHED) {
        if (kept)
            kept->at = BEGINNING_MATCHES;
        return result;
    }
    if (class == d->program->classes)
        return STEP_ON;
    count =
        step_take(d->program, cache, step_context(d->program, class), cache->steps_in, &s->cost);
    unsigned epoch = d->epoch;
    if (kept && grow_pool(d, count) == 0 && d->epoch == epoch) {
        if (count)
            memcpy(d->pool + d->pool_used, cache->steps_in, count * sizeof(uint16_t));
        *kept = (struct beginning){ .at = d->pool_used, .count = count };
        d->pool_used += count;
    }
    step_add(cache, cache->steps_in, count);
    return STEP_ON;
}

/* From a set over a class to the next set, in cache->steps_out; from a matching one nothing is left
 * behind. The beginning comes first: it uses the same room. */
static enum step_result advance(struct search *s, struct step_set from, unsigned class,
                                struct step_set *ret_set)
{
    struct dfa *d = s->dfa;
    const struct program *p = d->program;
    struct pattern_cache *cache = d->cache;
    bool at_end = class == p->classes;
    if (!p->is_anchored && add_beginning(s, from.context, class) == STEP_MATCHED)
        return STEP_MATCHED;
    if (step_over(p, cache, from, class, &s->cost) == STEP_MATCHED)
        return STEP_MATCHED;
    enum context context = at_end ? BEHIND_OTHER : step_context(p, class);
    unsigned count = step_take(p, cache, context, cache->steps_out, &s->cost);
    *ret_set = (struct step_set){ cache->steps_out, count,
                                  normal_context(d, cache->steps_out, count, context) };
    return STEP_ON;
}

/* The set at the beginning of a value. */
static enum step_result begin(struct search *s, struct step_set *ret_set)
{
    struct dfa *d = s->dfa;
    struct pattern_cache *cache = d->cache;
    unsigned count;
    if (!step_start(d->program, cache, BEHIND_BEGIN, cache->steps_out, &count, &s->cost))
        return STEP_MATCHED;
    /* Unanchored, every step adds what begins there: the set itself is empty. */
    if (!d->program->is_anchored)
        count = 0;
    *ret_set = (struct step_set){ cache->steps_out, count, BEHIND_BEGIN };
    return STEP_ON;
}

static int spend(struct search *s, struct work *work, size_t bytes)
{
    size_t steps = bytes + s->cost;
    s->cost = 0;
    return work_spend(work, steps);
}

static void free_list(uint16_t **list)
{
    free(*list);
}

/* Goes on from a set without keeping states. */
static int search_sets(struct search *s, struct step_set from, struct work *work, size_t *ret_end)
{
    const struct program *p = s->dfa->program;
    OWNS(free_list) uint16_t *steps = malloc((p->count + 1) * sizeof(*steps));
    struct step_set set = { steps, from.count, from.context }, next;
    if (!steps)
        return -ENOMEM;
    memcpy(steps, from.steps, from.count * sizeof(*steps));
    for (; s->at <= s->value.len; s->at++) {
        bool at_end = s->at == s->value.len;
        unsigned class = at_end ? p->classes : p->class_of[(unsigned char)s->value.ptr[s->at]];
        if (advance(s, set, class, &next) == STEP_MATCHED) {
            *ret_end = at_end ? s->at : s->at + 1;
            return 1;
        }
        if (at_end || (next.count == 0 && p->is_anchored))
            return 0;
        memcpy(steps, next.steps, next.count * sizeof(*steps));
        set = (struct step_set){ steps, next.count, next.context };
        s->cost++;
        if (s->cost >= WORK_BLOCK)
            TRY(spend(s, work, 0));
    }
    return 0;
}

/* The row of a set; the automaton may have to start anew for it. 0 · -ENOSPC go on without states ·
 * -ENOMEM */
static int keep(struct search *s, struct step_set set, uint32_t *ret_row)
{
    int result = intern(s->dfa, set, ret_row, &s->made);
    if (result != -ENOSPC)
        return result;
    if (++s->flushes > 1 && s->at - s->made_from < (size_t)s->made * BYTES_PER_STATE_MIN)
        return -ENOSPC;
    s->made = 0;
    s->made_from = s->at;
    return intern(s->dfa, set, ret_row, &s->made);
}

/* Finds where the state leads over the class, and notes it in the table.
 * 0 · -ENOSPC *ret_set is to be gone on from without states · -ENOMEM */
static int follow(struct search *s, unsigned class, struct step_set *ret_set, uint32_t *ret_row)
{
    struct dfa *d = s->dfa;
    const struct dfa_state *state = &d->states[s->state / d->stride];
    struct step_set from = { d->cache->steps_from, state->count, (enum context)state->context };
    unsigned epoch = d->epoch;
    int result = 0;
    if (from.count)
        memcpy(d->cache->steps_from, d->pool + state->at, from.count * sizeof(uint16_t));
    if (advance(s, from, class, ret_set) == STEP_MATCHED)
        *ret_row = ROW_MATCH * d->stride;
    else if (class == d->program->classes || (ret_set->count == 0 && d->program->is_anchored))
        *ret_row = ROW_DEAD * d->stride;
    else
        result = keep(s, *ret_set, ret_row);
    if (result == 0 && d->epoch == epoch)
        d->table[s->state + class] = *ret_row;
    return result;
}

/* Up to `end`, or to where there is no entry yet. Returns the entry at s->at, ROW_FIRST at `end`.
 */
static inline uint32_t run(struct search *s, size_t end)
{
    const struct dfa *d = s->dfa;
    const uint32_t *table = d->table, first = ROW_FIRST * d->stride;
    const uint8_t *class_of = d->program->class_of;
    const unsigned char *bytes = (const unsigned char *)s->value.ptr;
    size_t at = s->at;
    uint32_t state = s->state, to = first;
    while (at < end) {
        to = table[state + class_of[bytes[at]]];
        if (UNLIKELY(to < first))
            break;
        state = to;
        at++;
    }
    s->at = at;
    s->state = state;
    return at < end ? to : first;
}

/* Over one byte, or the end, for which run found no state.
 * 1 matched · 0 goes on, or ended with *ret_over · -errno */
static int run_entry(struct search *s, uint32_t entry, struct work *work, size_t *ret_end,
                     bool *ret_over)
{
    struct dfa *d = s->dfa;
    bool at_end = s->at == s->value.len;
    struct step_set set;
    unsigned class =
        at_end ? d->program->classes : d->program->class_of[(unsigned char)s->value.ptr[s->at]];
    if (entry == ROW_UNKNOWN) {
        int result = follow(s, class, &set, &entry);
        if (result == -ENOSPC) {
            s->at++;
            *ret_over = true;
            return search_sets(s, set, work, ret_end);
        }
        TRY(result);
    }
    *ret_over = true;
    if (entry == ROW_MATCH * d->stride) {
        *ret_end = at_end ? s->at : s->at + 1;
        return 1;
    }
    if (entry == ROW_DEAD * d->stride)
        return 0;
    *ret_over = false;
    s->state = entry;
    s->at++;
    return 0;
}

static int search(struct search *s, struct work *work, size_t *ret_end)
{
    struct dfa *d = s->dfa;
    bool is_over = false;
    int result = 0;
    if (d->initial == NO_STATE) {
        struct step_set set;
        uint32_t row;
        if (begin(s, &set) == STEP_MATCHED) {
            *ret_end = 0;
            return 1;
        }
        result = keep(s, set, &row);
        if (result == -ENOSPC)
            return search_sets(s, set, work, ret_end);
        TRY(result);
        d->initial = row;
    }
    s->state = d->initial;
    for (size_t block = s->at; !is_over;) {
        size_t end = s->value.len - block > WORK_BLOCK ? block + WORK_BLOCK : s->value.len;
        uint32_t entry = run(s, end);
        if (s->at == s->value.len)
            entry = d->table[s->state + d->program->classes];
        if (entry < ROW_FIRST * d->stride)
            result = run_entry(s, entry, work, ret_end, &is_over);
        if (result)
            break;
        if (s->at - block >= WORK_BLOCK || s->cost >= WORK_BLOCK || is_over) {
            TRY(spend(s, work, s->at - block));
            block = s->at;
        }
    }
    return result;
}

int dfa_search(struct dfa *d, slice value, struct work *work, size_t *ret_end)
{
    struct search s = { .dfa = d, .value = value };
    d->searches++;
    int result = search(&s, work, ret_end);
    d->searches--;
    return result;
}
