/* What values may meet. The automaton waits at each byte for the row of its next state, which lies
 * anywhere in some MiB. So values are put one behind the other, and the whole is scanned in several
 * places at once: while one waits the others go on. Where a state says that a string's head ends is
 * written down without a branch, and looked into afterwards. */
#include <assert.h>

#include "waf/patterns/prefilter_record.h"

/* Bytes that are scanned together. A string's head that ends in the next lane, or in the next round
 * of a value, begins at most OVERLAP bytes before. */
enum { LANES = 4, LANE_BYTES = 256, ROUND_BYTES = LANES * LANE_BYTES, ROUND_PIECES = 64 };
enum { OVERLAP = AUTOMATON_HEAD_MAX - 1 };

/* Beside the bytes: a value's own lists, a place where heads end, a string of those. */
enum { VALUE_STEPS = 16, OUTPUT_STEPS = 4, STRING_STEPS = 4 };

static_assert((int)AUTOMATON_HEAD_MAX < (int)LANE_BYTES, "a lane begins within the one before");

/* A value, or the next bytes of one that is longer than a round. */
struct piece {
    const struct prefilter_value *value;
    size_t from;         /* in the value */
    unsigned begin, end; /* in the round */
    bool is_first, is_last;
};

struct scan {
    const struct prefilter *prefilter;
    const struct prefilter_value *value; /* that hits are of */
    size_t cost;
    uint64_t hits[CLAUSE_WORDS]; /* of clauses */

    struct piece pieces[ROUND_PIECES];
    unsigned piece_count, len;
    unsigned char classes[ROUND_BYTES + LANES]; /* of bytes, for the automaton */
    uint32_t outputs[LANES][LANE_BYTES + 1];    /* place in the lane, state */
    unsigned output_counts[LANES];
};

struct prefilter_classes prefilter_classes(const struct prefilter *p, slice value)
{
    const unsigned char *bytes = (const unsigned char *)value.ptr;
    const struct prefilter_classes *of = p->class_of_byte;
    uint64_t low = 0, high = 0;
    size_t i = 0;
    for (; i + 4 <= value.len; i += 4) {
        const struct prefilter_classes *a = &of[bytes[i]], *b = &of[bytes[i + 1]],
                                       *c = &of[bytes[i + 2]], *d = &of[bytes[i + 3]];
        low |= (a->bits[0] | b->bits[0]) | (c->bits[0] | d->bits[0]);
        high |= (a->bits[1] | b->bits[1]) | (c->bits[1] | d->bits[1]);
    }
    for (; i < value.len; i++) {
        low |= of[bytes[i]].bits[0];
        high |= of[bytes[i]].bits[1];
    }
    return (struct prefilter_classes){ { low, high } };
}

/* --- Needs ------------------------------------------------------------------------------------ */

static void consider(const struct prefilter *p, const struct prefilter_value *v, uint32_t number)
{
    const struct need *need = &p->needs[number];
    if ((need->guards[0] & ~v->classes.bits[0]) | (need->guards[1] & ~v->classes.bits[1]) ||
        v->bytes.len < need->len_min)
        return;
    v->candidates[number >> 6] |= UINT64_C(1) << (number & 63);
}

static void consider_classes(const struct prefilter *p, const struct prefilter_value *v)
{
    const unsigned words = (p->count + 63) / 64;
    for (unsigned i = 0; i < words; i++)
        v->candidates[i] |= p->always[i];
    for (unsigned half = 0; half < 2; half++)
        for (uint64_t bits = v->classes.bits[half] & p->listed.bits[half]; bits; bits &= bits - 1) {
            unsigned class = half * 64 + (unsigned)__builtin_ctzll(bits);
            for (uint32_t i = p->of_class.begins[class]; i < p->of_class.begins[class + 1]; i++)
                consider(p, v, p->of_class.needs[i]);
        }
}

/* Whether the clauses behind the first one are hit too. */
static bool others_hit(const struct scan *s, const struct need *need)
{
    for (unsigned i = 1; i < need->clause_count; i++)
        if (!(s->hits[need->clauses[i] >> 6] >> (need->clauses[i] & 63) & 1))
            return false;
    return true;
}

static void consider_hits(struct scan *s)
{
    const struct prefilter *p = s->prefilter;
    const unsigned words = (p->clause_count + 63) / 64;
    for (unsigned word = 0; word < words; word++)
        for (uint64_t bits = s->hits[word]; bits; bits &= bits - 1) {
            unsigned clause = word * 64 + (unsigned)__builtin_ctzll(bits);
            for (uint32_t i = p->of_clause.begins[clause]; i < p->of_clause.begins[clause + 1]; i++)
                if (others_hit(s, &p->needs[p->of_clause.needs[i]]))
                    consider(p, s->value, p->of_clause.needs[i]);
        }
}

/* --- Strings ---------------------------------------------------------------------------------- */

/* Whether the bit of a target was set before; sets it when asked. */
static bool target_bit(struct scan *s, uint32_t target, bool set)
{
    uint64_t *bits = target & TARGET_NEED ? s->value->candidates : s->hits;
    uint32_t number = target & ~TARGET_NEED;
    bool was = bits[number >> 6] >> (number & 63) & 1;
    if (set)
        bits[number >> 6] |= UINT64_C(1) << (number & 63);
    return was;
}

/* One string whose head ends behind `at` bytes. */
static void take_string(struct scan *s, const struct automaton_string *string, size_t at)
{
    const struct automaton *a = &s->prefilter->automaton;
    uint32_t i = string->first_target;
    s->cost += STRING_STEPS;
    while (i != AUTOMATON_NONE && target_bit(s, a->targets[i].value, false))
        i = a->targets[i].next;
    if (i == AUTOMATON_NONE) /* all is known */
        return;
    if (string->len > string->head && !automaton_confirms(a, string, s->value->bytes, at, &s->cost))
        return;
    for (; i != AUTOMATON_NONE; i = a->targets[i].next, s->cost++)
        target_bit(s, a->targets[i].value, true);
}

static void take_output(struct scan *s, uint32_t state, size_t at)
{
    const struct automaton *a = &s->prefilter->automaton;
    uint32_t count;
    const uint32_t *strings = automaton_outputs(a, state, &count);
    s->cost += OUTPUT_STEPS;
    for (uint32_t i = 0; i < count; i++)
        take_string(s, &a->strings[strings[i]], at);
}

/* --- A round ---------------------------------------------------------------------------------- */

/* The state at the front of a lane, from what stands before it. */
static uint32_t lane_begin(const struct scan *s, unsigned begin)
{
    const struct automaton *a = &s->prefilter->automaton;
    uint32_t state = 0;
    for (unsigned at = begin > OVERLAP ? begin - OVERLAP : 0; at < begin; at++)
        state = a->table[(size_t)state << a->shift | s->classes[at]];
    return state;
}

#define LANE_STEP(lane)                                                                            \
    do {                                                                                           \
        state##lane = table[(size_t)state##lane << shift | classes[(size_t)(lane)*each + at]];     \
        s->outputs[lane][count##lane] = at << 16 | state##lane;                                    \
        count##lane += state##lane >= first;                                                       \
    } while (0)

/* Four lanes of `each` bytes. */
static void scan_lanes(struct scan *s, unsigned each)
{
    const struct automaton *a = &s->prefilter->automaton;
    const uint16_t *table = a->table;
    const unsigned char *classes = s->classes;
    const unsigned shift = a->shift;
    const uint32_t first = a->first_output;
    uint32_t state0 = 0, state1 = lane_begin(s, each), state2 = lane_begin(s, 2 * each),
             state3 = lane_begin(s, 3 * each);
    unsigned count0 = 0, count1 = 0, count2 = 0, count3 = 0;
    for (uint32_t at = 0; at < each; at++) {
        LANE_STEP(0);
        LANE_STEP(1);
        LANE_STEP(2);
        LANE_STEP(3);
    }
    s->output_counts[0] = count0;
    s->output_counts[1] = count1;
    s->output_counts[2] = count2;
    s->output_counts[3] = count3;
}

static_assert(LANES == 4, "scan_lanes has four");

/* Goes through what the lanes wrote down, which is in the order of the bytes. */
struct reading {
    unsigned lane, next, each;
};

/* The next output before `end`: its place and state. */
static bool read_output(const struct scan *s, struct reading *r, unsigned end, unsigned *ret_at,
                        uint32_t *ret_state)
{
    while (r->lane < LANES && r->next == s->output_counts[r->lane]) {
        r->lane++;
        r->next = 0;
    }
    if (r->lane == LANES)
        return false;
    uint32_t output = s->outputs[r->lane][r->next];
    *ret_at = r->lane * r->each + (output >> 16);
    *ret_state = output & 0xffff;
    if (*ret_at >= end)
        return false;
    r->next++;
    return true;
}

static void open_value(struct scan *s, const struct prefilter_value *v)
{
    s->value = v;
    s->cost += VALUE_STEPS;
    memset(s->hits, 0, (s->prefilter->clause_count + 63) / 64 * sizeof(uint64_t));
    consider_classes(s->prefilter, v);
}

/* Scans what has been put together. */
static int scan_round(struct scan *s, struct work *work)
{
    struct reading reading = { .each = (s->len + LANES - 1) / LANES };
    s->cost = s->len;
    memset(s->classes + s->len, 0, LANES);
    scan_lanes(s, reading.each);
    for (unsigned i = 0; i < s->piece_count; i++) {
        const struct piece *piece = &s->pieces[i];
        unsigned at;
        uint32_t state;
        if (piece->is_first)
            open_value(s, piece->value);
        while (read_output(s, &reading, piece->end, &at, &state))
            take_output(s, state, piece->from + (at - piece->begin) + 1);
        if (piece->is_last)
            consider_hits(s);
    }
    s->len = s->piece_count = 0;
    return work_spend(work, s->cost);
}

/* Adds of the value what there is room for, from its byte `from` on; returns where to go on. */
static size_t add_piece(struct scan *s, const struct prefilter_value *v, size_t from)
{
    const unsigned char *class_of = s->prefilter->automaton.class_of;
    size_t begin = from > OVERLAP ? from - OVERLAP : 0, left = v->bytes.len - begin;
    size_t room = ROUND_BYTES - 1 - s->len, count = left < room ? left : room;
    const unsigned char *bytes = (const unsigned char *)v->bytes.ptr + begin;
    unsigned char *to = s->classes + s->len;
    s->pieces[s->piece_count++] = (struct piece){ .value = v,
                                                  .from = begin,
                                                  .begin = s->len,
                                                  .end = s->len + (unsigned)count,
                                                  .is_first = from == 0,
                                                  .is_last = count == left };
    for (size_t i = 0; i < count; i++)
        to[i] = class_of[bytes[i]];
    to[count] = 0; /* what no string has: the next value begins anew */
    s->len += (unsigned)count + 1;
    return begin + count;
}

int prefilter_scan_all(const struct prefilter *p, const struct prefilter_value *values,
                       size_t count, struct work *work)
{
    struct scan s UNINITIALIZED;
    s.prefilter = p;
    s.len = s.piece_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = values[i].bytes.len, at = 0;
        do {
            if (s.piece_count == ROUND_PIECES || s.len + 2 * AUTOMATON_HEAD_MAX >= ROUND_BYTES)
                TRY(scan_round(&s, work));
            at = add_piece(&s, &values[i], at);
        } while (at < len);
    }
    return s.piece_count ? scan_round(&s, work) : 0;
}

int prefilter_scan(const struct prefilter *p, slice value, struct prefilter_classes classes,
                   uint64_t *candidates, struct work *work)
{
    struct prefilter_value one = { .bytes = value, .classes = classes, .candidates = candidates };
    return prefilter_scan_all(p, &one, 1, work);
}
