#include "waf/patterns/automaton.h"

#include <errno.h>
#include <stdlib.h>

enum { STATES_MAX = 65535, STRINGS_MAX = 1 << 20, TEXT_MAX = 64 << 20, NO_STATE = 65535 };

static int reserve(void **list, uint32_t *room, uint32_t wanted, size_t each)
{
    if (wanted <= *room)
        return 0;
    uint32_t more = wanted + wanted / 2 + 64;
    void *grown = realloc(*list, more * each);
    if (!grown)
        return -ENOMEM;
    *list = grown;
    *room = more;
    return 0;
}

#define RESERVE(list, room, wanted) reserve((void **)&(list), &(room), wanted, sizeof(*(list)))

static uint32_t hash(slice s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)ascii_lower(s.ptr[i])) * 16777619u;
    return h ^ h >> 15;
}

static int rehash(struct automaton *a)
{
    if (a->string_count < a->bucket_count / 2)
        return 0;
    uint32_t count = a->bucket_count ? a->bucket_count * 2 : 1024;
    uint32_t *buckets = malloc(count * sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    memset(buckets, 0xff, count * sizeof(*buckets));
    for (uint32_t i = 0; i < a->string_count; i++) {
        uint32_t at = hash(automaton_string_text(a, &a->strings[i])) & (count - 1);
        while (buckets[at] != AUTOMATON_NONE)
            at = (at + 1) & (count - 1);
        buckets[at] = i;
    }
    free(a->buckets);
    a->buckets = buckets;
    a->bucket_count = count;
    return 0;
}

static int append_string(struct automaton *a, slice string, uint32_t *ret_string)
{
    if (a->string_count == STRINGS_MAX || a->text_len + string.len > TEXT_MAX)
        return -E2BIG;
    TRY(RESERVE(a->strings, a->string_room, a->string_count + 1));
    TRY(RESERVE(a->text, a->text_room, a->text_len + (uint32_t)string.len));
    for (size_t i = 0; i < string.len; i++)
        a->text[a->text_len + i] = ascii_lower(string.ptr[i]);
    a->strings[a->string_count] = (struct automaton_string){ .text = a->text_len,
                                                             .len = (uint16_t)string.len,
                                                             .first_target = AUTOMATON_NONE };
    a->text_len += (uint32_t)string.len;
    *ret_string = a->string_count++;
    return 0;
}

static int find_or_append(struct automaton *a, slice string, uint32_t *ret_string)
{
    TRY(rehash(a));
    uint32_t at = hash(string) & (a->bucket_count - 1);
    for (; a->buckets[at] != AUTOMATON_NONE; at = (at + 1) & (a->bucket_count - 1))
        if (slice_equal_fold(automaton_string_text(a, &a->strings[a->buckets[at]]), string)) {
            *ret_string = a->buckets[at];
            return 0;
        }
    TRY(append_string(a, string, ret_string));
    a->buckets[at] = *ret_string;
    return 0;
}

int automaton_add(struct automaton *a, slice string, uint32_t target)
{
    uint32_t number;
    if (string.len == 0 || string.len > AUTOMATON_STRING_MAX)
        return -EINVAL;
    TRY(RESERVE(a->targets, a->target_room, a->target_count + 1));
    TRY(find_or_append(a, string, &number));
    struct automaton_string *found = &a->strings[number];
    for (uint32_t i = found->first_target; i != AUTOMATON_NONE; i = a->targets[i].next)
        if (a->targets[i].value == target)
            return 0;
    a->targets[a->target_count] =
        (struct automaton_target){ .value = target, .next = found->first_target };
    found->first_target = a->target_count++;
    return 0;
}

/* A class for each byte that the heads have, the cases of a letter together; 0 for all others. */
static unsigned build_classes(struct automaton *a, unsigned head_max)
{
    unsigned classes = 1;
    memset(a->class_of, 0, sizeof a->class_of);
    for (uint32_t i = 0; i < a->string_count; i++)
        for (unsigned at = 0; at < a->strings[i].len && at < head_max; at++) {
            unsigned char byte = (unsigned char)a->text[a->strings[i].text + at];
            if (!a->class_of[byte])
                a->class_of[byte] = (uint8_t)classes++;
        }
    for (unsigned char c = 'a'; c <= 'z'; c++)
        a->class_of[c - 'a' + 'A'] = a->class_of[c];
    return classes;
}

struct trie {
    uint16_t *table, *fails, *order, *numbers;
    uint32_t *strings; /* of each state the first that ends its head there */
    uint32_t *next;    /* of each string the next one with the same head */
    uint32_t states, room;
    unsigned shift, head_max;
};

static void trie_free(struct trie *t)
{
    free(t->table);
    free(t->fails);
    free(t->order);
    free(t->numbers);
    free(t->strings);
    free(t->next);
}

static int trie_state(struct trie *t, uint32_t *ret_state)
{
    if (t->states == STATES_MAX)
        return -E2BIG;
    if (t->states == t->room) {
        uint32_t room = t->room ? t->room * 2 : 256;
        uint16_t *table = realloc(t->table, ((size_t)room << t->shift) * sizeof(*table));
        if (!table)
            return -ENOMEM;
        t->table = table;
        uint32_t *strings = realloc(t->strings, room * sizeof(*strings));
        if (!strings)
            return -ENOMEM;
        t->strings = strings;
        t->room = room;
    }
    memset(t->table + ((size_t)t->states << t->shift), 0xff, sizeof(uint16_t) << t->shift);
    t->strings[t->states] = AUTOMATON_NONE;
    *ret_state = t->states++;
    return 0;
}

static int trie_add(struct automaton *a, struct trie *t, uint32_t number)
{
    struct automaton_string *string = &a->strings[number];
    uint32_t state = 0;
    string->head = (uint16_t)(string->len < t->head_max ? string->len : t->head_max);
    for (unsigned i = 0; i < string->head; i++) {
        size_t cell =
            (size_t)state << t->shift | a->class_of[(unsigned char)a->text[string->text + i]];
        if (t->table[cell] == NO_STATE) {
            uint32_t made;
            TRY(trie_state(t, &made)); /* moves the table */
            t->table[cell] = (uint16_t)made;
        }
        state = t->table[cell];
    }
    t->next[number] = t->strings[state];
    t->strings[state] = number;
    return 0;
}

static int trie_build(struct automaton *a, struct trie *t, unsigned head_max)
{
    uint32_t root;
    unsigned classes = build_classes(a, head_max);
    *t = (struct trie){ .head_max = head_max };
    while (1u << t->shift < classes)
        t->shift++;
    TRY(trie_state(t, &root));
    t->next = malloc((a->string_count + 1) * sizeof(*t->next));
    if (!t->next)
        return -ENOMEM;
    for (uint32_t i = 0; i < a->string_count; i++)
        TRY(trie_add(a, t, i));
    t->fails = calloc(t->states, sizeof(*t->fails));
    t->order = calloc(t->states, sizeof(*t->order));
    t->numbers = calloc(t->states, sizeof(*t->numbers));
    return t->fails && t->order && t->numbers ? 0 : -ENOMEM;
}

/* Breadth first: where a string does not go on, the longest of its ends that begins another does.
 */
static void trie_complete(struct trie *t)
{
    uint32_t queued = 1; /* order[0] is the root */
    for (uint32_t i = 0; i < queued; i++) {
        uint16_t state = t->order[i];
        uint16_t *row = t->table + ((size_t)state << t->shift);
        const uint16_t *fail = t->table + ((size_t)t->fails[state] << t->shift);
        for (unsigned class = 0; class < 1u << t->shift; class ++) {
            uint16_t onward = state ? fail[class] : 0;
            if (row[class] == NO_STATE) {
                row[class] = onward;
            } else {
                t->fails[row[class]] = onward;
                t->order[queued++] = row[class];
            }
        }
    }
}

static bool has_output(const struct trie *t, const bool *outputs, uint16_t state)
{
    return t->strings[state] != AUTOMATON_NONE || (state && outputs[t->fails[state]]);
}

/* New numbers: breadth first, those with output behind all others. */
static int trie_number(struct automaton *a, struct trie *t)
{
    bool *outputs = calloc(t->states, sizeof(*outputs));
    uint32_t number = 0;
    if (!outputs)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->states; i++) {
        uint16_t state = t->order[i];
        outputs[state] = has_output(t, outputs, state);
        if (!outputs[state])
            t->numbers[state] = (uint16_t)number++;
    }
    a->first_output = number;
    for (uint32_t i = 0; i < t->states; i++)
        if (outputs[t->order[i]])
            t->numbers[t->order[i]] = (uint16_t)number++;
    free(outputs);
    return 0;
}

/* Strings whose heads end in the state, or in what it leads to without its first bytes: written to
 * `to`, unless that is NULL; their number. */
static uint32_t outputs_of(const struct trie *t, uint16_t state, uint32_t *to)
{
    uint32_t count = 0;
    for (; state; state = t->fails[state])
        for (uint32_t i = t->strings[state]; i != AUTOMATON_NONE; i = t->next[i], count++)
            if (to)
                to[count] = i;
    return count;
}

static int take_outputs(struct automaton *a, const struct trie *t)
{
    uint32_t states = t->states - a->first_output, count = 0;
    a->output_begins = calloc(states + 1, sizeof(*a->output_begins));
    if (!a->output_begins)
        return -ENOMEM;
    for (uint32_t state = 0; state < t->states; state++)
        if (t->numbers[state] >= a->first_output)
            a->output_begins[t->numbers[state] - a->first_output] =
                outputs_of(t, (uint16_t)state, NULL);
    for (uint32_t i = 0; i <= states; i++) {
        uint32_t here = a->output_begins[i];
        a->output_begins[i] = count;
        count += here;
    }
    a->output_count = count;
    a->output_strings = malloc((count + 1) * sizeof(*a->output_strings));
    if (!a->output_strings)
        return -ENOMEM;
    for (uint32_t state = 0; state < t->states; state++)
        if (t->numbers[state] >= a->first_output)
            outputs_of(t, (uint16_t)state,
                       a->output_strings + a->output_begins[t->numbers[state] - a->first_output]);
    return 0;
}

static int take_trie(struct automaton *a, const struct trie *t)
{
    a->states = t->states;
    a->shift = t->shift;
    a->table = malloc(((size_t)t->states << t->shift) * sizeof(*a->table));
    if (!a->table)
        return -ENOMEM;
    for (uint32_t state = 0; state < t->states; state++) {
        const uint16_t *from = t->table + ((size_t)state << t->shift);
        uint16_t *to = a->table + ((size_t)t->numbers[state] << t->shift);
        for (unsigned class = 0; class < 1u << t->shift; class ++)
            to[class] = t->numbers[from[class]];
    }
    return take_outputs(a, t);
}

int automaton_build(struct automaton *a, unsigned head_max)
{
    int result = -E2BIG;
    free(a->buckets);
    a->buckets = NULL;
    a->bucket_count = 0;
    for (unsigned head = head_max; result == -E2BIG && head >= 1; head--) {
        struct trie trie;
        result = trie_build(a, &trie, head);
        if (result == 0) {
            trie_complete(&trie);
            result = trie_number(a, &trie);
        }
        if (result == 0)
            result = take_trie(a, &trie);
        trie_free(&trie);
    }
    return result;
}

void automaton_free(struct automaton *a)
{
    free(a->table);
    free(a->output_begins);
    free(a->output_strings);
    free(a->strings);
    free(a->targets);
    free(a->text);
    free(a->buckets);
    *a = (struct automaton){ 0 };
}

size_t automaton_bytes(const struct automaton *a)
{
    return ((size_t)a->states << a->shift) * sizeof(*a->table) +
           (a->states - a->first_output + a->output_count) * sizeof(uint32_t) +
           a->string_room * sizeof(*a->strings) + a->target_room * sizeof(*a->targets) +
           a->text_room;
}

bool automaton_confirms(const struct automaton *a, const struct automaton_string *string,
                        slice value, size_t at, size_t *cost)
{
    size_t rest = (size_t)string->len - string->head, same = 0;
    const char *text = a->text + string->text + string->head;
    if (value.len - at < rest)
        return false;
    while (same < rest && ascii_lower(value.ptr[at + same]) == text[same])
        same++;
    *cost += same;
    return same == rest;
}
