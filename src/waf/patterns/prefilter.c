#include "waf/patterns/prefilter.h"

#include <errno.h>
#include <stdlib.h>

#include "waf/patterns/prefilter_need.h"
#include "waf/patterns/prefilter_record.h"

int prefilter_open(struct prefilter **ret_prefilter)
{
    *ret_prefilter = calloc(1, sizeof(**ret_prefilter));
    return *ret_prefilter ? 0 : -ENOMEM;
}

void prefilter_free(struct prefilter *p)
{
    if (!p)
        return;
    automaton_free(&p->automaton);
    free(p->needs);
    free(p->facts);
    free(p->of_class.begins);
    free(p->of_class.needs);
    free(p->of_clause.begins);
    free(p->of_clause.needs);
    free(p->always);
    free(p);
}

static int add_need(struct prefilter *p, enum need_kind kind, uint32_t *ret_need)
{
    if (p->count == PREFILTER_NEEDS_MAX)
        return -E2BIG;
    if (p->count == p->room) {
        uint32_t room = p->room ? p->room * 2 : 64;
        struct need *needs = realloc(p->needs, room * sizeof(*needs));
        if (!needs)
            return -ENOMEM;
        p->needs = needs;
        struct need_facts *facts = realloc(p->facts, room * sizeof(*facts));
        if (!facts)
            return -ENOMEM;
        p->facts = facts;
        p->room = room;
    }
    p->needs[p->count] = (struct need){ .kind = (uint8_t)kind, .condition = PREFILTER_NO_CLASS };
    p->facts[p->count] = (struct need_facts){ .kind = kind };
    *ret_need = p->count++;
    return 0;
}

int prefilter_add_always(struct prefilter *p, uint32_t *ret_need)
{
    return add_need(p, NEED_ALWAYS, ret_need);
}

int prefilter_add_bytes(struct prefilter *p, const struct byte_set *bytes, uint32_t *ret_need)
{
    TRY(add_need(p, NEED_GUARDED, ret_need));
    p->needs[*ret_need].len_min = 1;
    p->facts[*ret_need].guards = (struct guards){ .sets = { *bytes }, .count = 1 };
    return 0;
}

int prefilter_add_phrases(struct prefilter *p, const struct phrases *phrases, uint32_t *ret_need)
{
    uint32_t need;
    TRY(add_need(p, NEED_PHRASES, &need));
    uint32_t len_min = UINT32_MAX;
    for (unsigned i = 0; i < phrases_count(phrases); i++) {
        slice phrase = phrases_get(phrases, i);
        TRY(automaton_add(&p->automaton, phrase, TARGET_NEED | need));
        len_min = phrase.len < len_min ? (uint32_t)phrase.len : len_min;
    }
    p->needs[need].len_min = len_min;
    *ret_need = need;
    return 0;
}

static uint64_t hash_of(const struct literal_set *set)
{
    uint64_t h = set->count;
    for (unsigned i = 0; i < set->count; i++) {
        for (size_t at = 0; at < set->strings[i].len; at++)
            h = (h ^ (unsigned char)set->strings[i].ptr[at]) * UINT64_C(0x100000001b3);
        h = (h ^ 0x1ff) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 31;
    }
    return h;
}

/* The clause of a set of strings. The same set again is the same clause; a hash of 64 bits that met
 * another set would only make candidates out of one clause's strings for the other too: so the
 * strings are added anyway. */
static int add_clause(struct prefilter *p, const struct literal_set *set, uint16_t *ret_clause)
{
    uint64_t h = hash_of(set);
    unsigned clause = 0;
    while (clause < p->clause_count && p->clause_hashes[clause] != h)
        clause++;
    if (clause == CLAUSES_MAX)
        return -ENOSPC;
    p->clause_hashes[clause] = h;
    if (clause == p->clause_count)
        p->clause_count++;
    for (unsigned i = 0; i < set->count; i++)
        TRY(automaton_add(&p->automaton, set->strings[i], clause));
    *ret_clause = (uint16_t)clause;
    return 0;
}

int prefilter_add_pattern(struct prefilter *p, const struct pattern *pattern, uint32_t *ret_need)
{
    OWNS(arena_close) struct arena arena;
    uint32_t number;
    struct need_facts facts;
    arena_open(&arena, NULL, 0, 1 << 18, NEED_ARENA_BYTES_MAX);
    TRY(need_facts_find(pattern, &arena, &facts));
    TRY(add_need(p, facts.kind, &number));
    struct need *need = &p->needs[number];
    need->len_min = facts.len_min < UINT32_MAX ? (uint32_t)facts.len_min : UINT32_MAX;
    for (unsigned i = 0; i < facts.literals.count; i++) {
        int result = add_clause(p, &facts.literals.sets[i], &need->clauses[i]);
        if (result == -ENOSPC) {
            facts.kind = facts.guards.count ? NEED_GUARDED : NEED_ALWAYS;
            need->clause_count = 0;
            break;
        }
        TRY(result);
        need->clause_count++;
    }
    need->kind = (uint8_t)facts.kind;
    facts.literals = (struct literals){ .count = 0 }; /* in the arena that goes */
    p->facts[number] = facts;
    *ret_need = number;
    return 0;
}

static bool is_within(const struct byte_set *inner, const struct byte_set *outer)
{
    struct byte_set outside = *outer;
    byte_set_invert(&outside);
    return !byte_set_meets(inner, &outside);
}

/* The class of a set; when all are taken the smallest that holds it, which tells less but nothing
 * wrong. */
static unsigned class_for(struct prefilter *p, const struct byte_set *bytes)
{
    unsigned found = PREFILTER_NO_CLASS;
    for (unsigned i = 0; i < p->class_count; i++)
        if (memcmp(&p->classes[i], bytes, sizeof(*bytes)) == 0)
            return i;
    if (p->class_count < PREFILTER_CLASSES_MAX) {
        p->classes[p->class_count] = *bytes;
        return p->class_count++;
    }
    for (unsigned i = 0; i < p->class_count; i++)
        if (is_within(bytes, &p->classes[i]) &&
            (found == PREFILTER_NO_CLASS ||
             byte_set_count(&p->classes[i]) < byte_set_count(&p->classes[found])))
            found = i;
    return found;
}

int prefilter_add_class(struct prefilter *p, const struct byte_set *bytes, unsigned *ret_class)
{
    for (unsigned i = 0; i < p->class_count; i++)
        if (memcmp(&p->classes[i], bytes, sizeof(*bytes)) == 0) {
            *ret_class = i;
            return 0;
        }
    if (p->is_built || p->class_count == PREFILTER_CLASSES_MAX)
        return -E2BIG;
    *ret_class = class_for(p, bytes);
    return 0;
}

/* Conditions first: without a class there is no use in their literals. */
static void assign_conditions(struct prefilter *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct need *need = &p->needs[i];
        if (need->kind != NEED_CONDITIONAL)
            continue;
        need->condition = (uint16_t)class_for(p, &p->facts[i].evasions);
        if (need->condition == PREFILTER_NO_CLASS) {
            need->kind = NEED_GUARDED;
            need->clause_count = 0;
        }
    }
}

/* Guards of those that have nothing else, then of all, then the second ones. */
static void assign_guards(struct prefilter *p)
{
    for (unsigned round = 0; round < 2 + GUARDS_MAX - 1; round++)
        for (uint32_t i = 0; i < p->count; i++) {
            struct need *need = &p->needs[i];
            unsigned which = round < 2 ? 0 : round - 1;
            if ((round == 0) != (need->kind == NEED_GUARDED) && round < 2)
                continue;
            if (which >= p->facts[i].guards.count)
                continue;
            unsigned class = class_for(p, &p->facts[i].guards.sets[which]);
            if (class != PREFILTER_NO_CLASS)
                need->guards[class >> 6] |= UINT64_C(1) << (class & 63);
        }
    for (uint32_t i = 0; i < p->count; i++)
        if (p->needs[i].kind == NEED_GUARDED && !(p->needs[i].guards[0] | p->needs[i].guards[1]))
            p->needs[i].kind = NEED_ALWAYS;
}

/* By which class a value becomes a candidate for the need without a literal. */
static unsigned listing_class(const struct need *need)
{
    if (need->kind == NEED_CONDITIONAL)
        return need->condition;
    if (need->kind != NEED_GUARDED)
        return PREFILTER_NO_CLASS;
    return need->guards[0] ? (unsigned)__builtin_ctzll(need->guards[0])
                           : 64 + (unsigned)__builtin_ctzll(need->guards[1]);
}

static int make_lists(struct lists *lists, unsigned count, uint32_t entries)
{
    lists->begins = calloc(count + 2, sizeof(uint32_t));
    lists->needs = calloc(entries + 1, sizeof(uint32_t));
    return lists->begins && lists->needs ? 0 : -ENOMEM;
}

/* begins[n + 1] counts list n at first; then it becomes where the next entry goes, at last the end.
 */
static void begin_lists(struct lists *lists, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        lists->begins[i + 1] += lists->begins[i];
    memmove(lists->begins + 1, lists->begins, (count + 1) * sizeof(uint32_t));
    lists->begins[0] = 0;
}

static int list_classes(struct prefilter *p)
{
    struct lists *lists = &p->of_class;
    TRY(make_lists(lists, PREFILTER_CLASSES_MAX, p->count));
    for (uint32_t i = 0; i < p->count; i++)
        if (listing_class(&p->needs[i]) != PREFILTER_NO_CLASS)
            lists->begins[listing_class(&p->needs[i]) + 1]++;
    begin_lists(lists, PREFILTER_CLASSES_MAX);
    for (uint32_t i = 0; i < p->count; i++) {
        unsigned class = listing_class(&p->needs[i]);
        if (class == PREFILTER_NO_CLASS)
            continue;
        lists->needs[lists->begins[class + 1]++] = i;
        p->listed.bits[class >> 6] |= UINT64_C(1) << (class & 63);
    }
    return 0;
}

/* By the first clause, which is the rarest: the others are looked at when it is hit. */
static int list_clauses(struct prefilter *p)
{
    struct lists *lists = &p->of_clause;
    TRY(make_lists(lists, p->clause_count, p->count));
    for (uint32_t i = 0; i < p->count; i++)
        if (p->needs[i].clause_count)
            lists->begins[p->needs[i].clauses[0] + 1]++;
    begin_lists(lists, p->clause_count);
    for (uint32_t i = 0; i < p->count; i++)
        if (p->needs[i].clause_count)
            lists->needs[lists->begins[p->needs[i].clauses[0] + 1]++] = i;
    return 0;
}

int prefilter_build(struct prefilter *p)
{
    assign_conditions(p);
    assign_guards(p);
    TRY(list_classes(p));
    TRY(list_clauses(p));
    TRY(automaton_build(&p->automaton, AUTOMATON_HEAD_MAX));
    p->always = calloc(prefilter_words(p) + 1, sizeof(*p->always));
    if (!p->always)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->needs[i].kind == NEED_ALWAYS)
            p->always[i >> 6] |= UINT64_C(1) << (i & 63);
    for (unsigned class = 0; class < p->class_count; class ++)
        for (unsigned byte = 0; byte < 256; byte++)
            if (byte_set_has(&p->classes[class], (unsigned char)byte))
                p->class_of_byte[byte].bits[class >> 6] |= UINT64_C(1) << (class & 63);
    free(p->facts);
    p->facts = NULL;
    p->is_built = true;
    return 0;
}

size_t prefilter_need_length(const struct prefilter *p, uint32_t need)
{
    return p->needs[need].len_min;
}

unsigned prefilter_needs(const struct prefilter *p)
{
    return p->count;
}

unsigned prefilter_words(const struct prefilter *p)
{
    return (p->count + 63) / 64;
}

size_t prefilter_bytes(const struct prefilter *p)
{
    return sizeof(*p) + p->room * sizeof(*p->needs) + automaton_bytes(&p->automaton) +
           2 * (size_t)p->count * sizeof(uint32_t);
}

enum need_kind prefilter_need_kind(const struct prefilter *p, uint32_t need)
{
    return (enum need_kind)p->needs[need].kind;
}
