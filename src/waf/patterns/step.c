#include "waf/patterns/step.h"

/* What an assertion says with what is known. */
enum answer { NO, YES, UNDECIDED };

enum { AHEAD_UNKNOWN = -1 };

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

enum context step_context(const struct program *program, unsigned class)
{
    unsigned char byte = program->byte_of[class];
    if (program->has_word_edges && is_word(byte))
        return BEHIND_WORD;
    if (program->has_lines && byte == '\n')
        return BEHIND_LINE;
    return BEHIND_OTHER;
}

static enum answer ask(const struct program *p, enum assertion assertion, enum context context,
                       int ahead)
{
    bool at_end = ahead == (int)p->classes;
    bool word_ahead = !at_end && ahead >= 0 && is_word(p->byte_of[ahead]);
    switch (assertion) {
    case AT_TEXT_BEGIN:
        return context == BEHIND_BEGIN ? YES : NO;
    case AT_LINE_BEGIN:
        if (context != BEHIND_LINE)
            return context == BEHIND_BEGIN ? YES : NO;
        return ahead == AHEAD_UNKNOWN ? UNDECIDED : at_end ? NO : YES;
    case AT_TEXT_END:
        return ahead == AHEAD_UNKNOWN ? UNDECIDED : at_end ? YES : NO;
    case AT_LINE_END:
        return ahead == AHEAD_UNKNOWN ? UNDECIDED : at_end || p->byte_of[ahead] == '\n' ? YES : NO;
    case AT_WORD_EDGE:
    case NOT_AT_WORD_EDGE:
        if (ahead == AHEAD_UNKNOWN)
            return UNDECIDED;
        return ((context == BEHIND_WORD) != word_ahead) == (assertion == AT_WORD_EDGE) ? YES : NO;
    }
    return NO;
}

static bool mark(struct marks *marks, unsigned step)
{
    unsigned word = step >> 6;
    uint64_t bit = UINT64_C(1) << (step & 63);
    if (marks->words[word] & bit)
        return false;
    marks->words[word] |= bit;
    marks->low = word < marks->low ? word : marks->low;
    marks->high = word > marks->high ? word : marks->high;
    return true;
}

static void clear(struct marks *marks)
{
    if (marks->low <= marks->high)
        memset(marks->words + marks->low, 0, (marks->high - marks->low + 1) * sizeof(uint64_t));
    marks->low = UINT32_MAX;
    marks->high = 0;
}

struct place {
    const struct program *program;
    struct pattern_cache *cache;
    struct marks *marks;
    enum context context;
    int ahead;
};

/* Marks all that is reached from a step without a byte. */
static enum step_result reach(const struct place *at, unsigned from, size_t *cost)
{
    uint16_t *stack = at->cache->stack;
    unsigned depth = 0;
    if (mark(at->marks, from))
        stack[depth++] = (uint16_t)from;
    while (depth) {
        const struct program_step *step = &at->program->steps[stack[--depth]];
        ++*cost;
        switch ((enum program_op)step->op) {
        case OP_MATCH:
            return STEP_MATCHED;
        case OP_BYTES:
            break;
        case OP_FORK:
            if (mark(at->marks, step->next))
                stack[depth++] = step->next;
            if (mark(at->marks, step->other))
                stack[depth++] = step->other;
            break;
        case OP_ASSERT:
            if (ask(at->program, (enum assertion)step->assertion, at->context, at->ahead) == YES &&
                mark(at->marks, step->next))
                stack[depth++] = step->next;
            break;
        }
    }
    return STEP_ON;
}

static unsigned drop_needless(const struct program *p, uint16_t *steps, unsigned count)
{
    unsigned kept = 0, chain = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct program_step *step = &p->steps[steps[i]];
        if (step->op == OP_BYTES && step->order == CHAIN_KEEP_LOWEST) {
            if (step->chain && step->chain == chain)
                continue;
            chain = step->chain;
        }
        /* Steps of a chain of one set lie together but for forks, which are not in the list. */
        if (kept && step->op == OP_BYTES && step->order == CHAIN_KEEP_HIGHEST && step->chain &&
            p->steps[steps[kept - 1]].op == OP_BYTES &&
            p->steps[steps[kept - 1]].chain == step->chain)
            kept--;
        steps[kept++] = steps[i];
    }
    return kept;
}

/* Writes the marks of a kind that is kept in sets, and clears all. */
static unsigned take(const struct place *at, uint16_t *ret_steps, size_t *cost)
{
    struct marks *marks = at->marks;
    unsigned count = 0;
    for (unsigned word = marks->low; word <= marks->high && marks->low != UINT32_MAX; word++) {
        uint64_t bits = marks->words[word];
        marks->words[word] = 0;
        for (; bits; bits &= bits - 1) {
            unsigned number = word * 64 + (unsigned)__builtin_ctzll(bits);
            const struct program_step *step = &at->program->steps[number];
            if (step->op == OP_BYTES ||
                (step->op == OP_ASSERT && ask(at->program, (enum assertion)step->assertion,
                                              at->context, at->ahead) == UNDECIDED))
                ret_steps[count++] = (uint16_t)number;
        }
        ++*cost;
    }
    marks->low = UINT32_MAX;
    marks->high = 0;
    *cost += count;
    return drop_needless(at->program, ret_steps, count);
}

bool step_start(const struct program *program, struct pattern_cache *cache, enum context context,
                uint16_t *ret_steps, unsigned *ret_count, size_t *cost)
{
    struct place at = { program, cache, &cache->reached, context, AHEAD_UNKNOWN };
    if (reach(&at, program->start, cost) == STEP_MATCHED) {
        clear(&cache->reached);
        return false;
    }
    *ret_count = take(&at, ret_steps, cost);
    return true;
}

/* Follows from what waits for the byte ahead, now that it is known. */
static enum step_result decide(const struct program *p, struct pattern_cache *cache,
                               struct step_set from, unsigned class, size_t *cost)
{
    struct place at = { p, cache, &cache->ahead, from.context, (int)class };
    for (unsigned i = 0; i < from.count; i++)
        if (p->steps[from.steps[i]].op == OP_ASSERT &&
            reach(&at, from.steps[i], cost) == STEP_MATCHED)
            return STEP_MATCHED;
    return STEP_ON;
}

static enum step_result advance(const struct place *to, const struct program_step *step,
                                unsigned class, size_t *cost)
{
    ++*cost;
    if (step->op != OP_BYTES || !program_accepts(to->program, step, class))
        return STEP_ON;
    return reach(to, step->next, cost);
}

enum step_result step_over(const struct program *program, struct pattern_cache *cache,
                           struct step_set from, unsigned class, size_t *cost)
{
    struct place to = { program, cache, &cache->reached, BEHIND_OTHER, AHEAD_UNKNOWN };
    struct marks *ahead = &cache->ahead;
    enum step_result result = decide(program, cache, from, class, cost);
    if (result == STEP_ON && class < program->classes) {
        to.context = step_context(program, class);
        for (unsigned i = 0; i < from.count && result == STEP_ON; i++)
            result = advance(&to, &program->steps[from.steps[i]], class, cost);
        for (unsigned word = ahead->low; word != UINT32_MAX && word <= ahead->high; word++)
            for (uint64_t bits = ahead->words[word]; bits && result == STEP_ON; bits &= bits - 1)
                result = advance(&to, &program->steps[word * 64 + (unsigned)__builtin_ctzll(bits)],
                                 class, cost);
    }
    clear(ahead);
    if (result == STEP_MATCHED)
        clear(&cache->reached);
    return result;
}

void step_add(struct pattern_cache *cache, const uint16_t *steps, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        mark(&cache->reached, steps[i]);
}

unsigned step_take(const struct program *program, struct pattern_cache *cache, enum context context,
                   uint16_t *ret_steps, size_t *cost)
{
    struct place at = { program, cache, &cache->reached, context, AHEAD_UNKNOWN };
    return take(&at, ret_steps, cost);
}
