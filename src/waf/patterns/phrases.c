#include "waf/patterns/phrases.h"

#include <errno.h>
#include <stdlib.h>

#include "waf/patterns/automaton.h"

/* Searched only where the prefilter has found one: small matters more. */
enum { HEAD_MAX = 4 };

struct phrases {
    struct automaton automaton;
    bool is_sealed;
};

int phrases_open(struct phrases **ret_phrases)
{
    *ret_phrases = calloc(1, sizeof(**ret_phrases));
    return *ret_phrases ? 0 : -ENOMEM;
}

void phrases_free(struct phrases *phrases)
{
    if (!phrases)
        return;
    automaton_free(&phrases->automaton);
    free(phrases);
}

unsigned phrases_count(const struct phrases *phrases)
{
    return phrases->automaton.string_count;
}

size_t phrases_bytes(const struct phrases *phrases)
{
    return sizeof(*phrases) + automaton_bytes(&phrases->automaton);
}

slice phrases_get(const struct phrases *phrases, unsigned index)
{
    return automaton_string_text(&phrases->automaton, &phrases->automaton.strings[index]);
}

int phrases_add(struct phrases *phrases, slice phrase)
{
    if (phrase.len == 0 || phrase.len > PHRASE_BYTES_MAX)
        return -EINVAL;
    if (phrases->automaton.string_count == PHRASES_MAX)
        return -E2BIG;
    return automaton_add(&phrases->automaton, phrase, 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int digit_of(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind a "|": pairs of digits, white space between them, up to the next "|". */
static int read_bytes(slice argument, size_t *at, char *to, size_t *len)
{
    while (*at < argument.len && argument.ptr[*at] != '|') {
        if (is_space(argument.ptr[*at])) {
            ++*at;
            continue;
        }
        int high = digit_of(argument.ptr[*at]);
        int low = *at + 1 < argument.len ? digit_of(argument.ptr[*at + 1]) : -1;
        if (high < 0 || low < 0 || *len == PHRASE_BYTES_MAX)
            return -EINVAL;
        to[(*len)++] = (char)(high << 4 | low);
        *at += 2;
    }
    if (*at == argument.len)
        return -EINVAL;
    ++*at;
    return 0;
}

/* One word from *at on. */
static int read_word(slice argument, size_t *at, char *to, size_t *len)
{
    for (*len = 0; *at < argument.len && !is_space(argument.ptr[*at]);) {
        if (argument.ptr[*at] == '|') {
            ++*at;
            TRY(read_bytes(argument, at, to, len));
            continue;
        }
        if (*len == PHRASE_BYTES_MAX)
            return -EINVAL;
        to[(*len)++] = argument.ptr[(*at)++];
    }
    return 0;
}

int phrases_add_words(struct phrases *phrases, slice argument)
{
    char word[PHRASE_BYTES_MAX];
    size_t len;
    for (size_t at = 0;;) {
        while (at < argument.len && is_space(argument.ptr[at]))
            at++;
        if (at == argument.len)
            return 0;
        TRY(read_word(argument, &at, word, &len));
        TRY(phrases_add(phrases, slice_of(word, len)));
    }
}

int phrases_add_lines(struct phrases *phrases, slice content)
{
    while (content.len) {
        slice line = slice_first(content, slice_find_byte(content, '\n'));
        content = slice_after(content, line.len + 1);
        while (line.len && is_space(line.ptr[0]))
            line = slice_after(line, 1);
        while (line.len && is_space(line.ptr[line.len - 1]))
            line.len--;
        if (line.len && line.ptr[0] != '#')
            TRY(phrases_add(phrases, line));
    }
    return 0;
}

int phrases_seal(struct phrases *phrases)
{
    if (phrases->automaton.string_count == 0)
        return -EINVAL;
    TRY(automaton_build(&phrases->automaton, HEAD_MAX));
    phrases->is_sealed = true;
    return 0;
}

/* The strings whose heads end behind `at` bytes: takes the one that ends first, then the longest.
 */
static size_t take_first_end(const struct automaton *a, uint32_t state, slice value, size_t at,
                             struct match_span *best)
{
    uint32_t count;
    const uint32_t *strings = automaton_outputs(a, state, &count);
    size_t cost = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct automaton_string *string = &a->strings[strings[i]];
        size_t begin = at - string->head, end = begin + string->len;
        size_t best_end = (size_t)best->at + best->len;
        if (best->len && (end > best_end || (end == best_end && string->len <= best->len)))
            continue;
        if (automaton_confirms(a, string, value, at, &cost))
            *best = (struct match_span){ (uint32_t)begin, string->len };
    }
    return cost;
}

int phrases_find(const struct phrases *phrases, slice value, struct match_span *ret_span,
                 struct work *work)
{
    const struct automaton *a = &phrases->automaton;
    struct match_span best = { 0, 0 };
    uint32_t state = 0;
    size_t cost = 0;
    if (!phrases->is_sealed)
        return -EINVAL;
    for (size_t at = 0; at < value.len; cost++) {
        state = automaton_next(a, state, (unsigned char)value.ptr[at++]);
        if (state >= a->first_output)
            cost += take_first_end(a, state, value, at, &best);
        if (best.len && at >= (size_t)best.at + best.len)
            break;
        if (cost >= WORK_BLOCK) {
            TRY(work_spend(work, cost));
            cost = 0;
        }
    }
    TRY(work_spend(work, cost));
    if (best.len)
        *ret_span = best;
    return best.len ? 1 : 0;
}
