#include "waf/patterns/program.h"

#include <errno.h>
#include <stdlib.h>

struct possessive {
    uint16_t set, exit;
};

struct builder {
    struct program *program;
    struct byte_set *sets;
    unsigned room, sets_room;
    uint16_t chains;
    struct possessive possessives[256];
    unsigned possessive_count;
    bool is_inexact;
    int failure;
};

/* Steps are made from the last to the first: each function gets where to go on and returns where it
 * begins. After a failure everything is step 0. */
static uint16_t emit(struct builder *b, struct program_step step)
{
    struct program *p = b->program;
    if (b->failure)
        return 0;
    if (p->count == PROGRAM_STEPS_MAX) {
        b->failure = -E2BIG;
        return 0;
    }
    if (p->count == b->room) {
        unsigned room = b->room ? b->room * 2 : 64;
        struct program_step *steps = realloc(p->steps, room * sizeof(*steps));
        if (!steps) {
            b->failure = -ENOMEM;
            return 0;
        }
        p->steps = steps;
        b->room = room;
    }
    p->steps[p->count] = step;
    return (uint16_t)p->count++;
}

static uint16_t intern_set(struct builder *b, const struct byte_set *set)
{
    struct program *p = b->program;
    for (unsigned i = p->sets; i-- > 0;)
        if (memcmp(&b->sets[i], set, sizeof(*set)) == 0)
            return (uint16_t)i;
    if (p->sets == PROGRAM_SETS_MAX) {
        b->failure = b->failure ? b->failure : -E2BIG;
        return 0;
    }
    if (p->sets == b->sets_room) {
        unsigned room = b->sets_room ? b->sets_room * 2 : 32;
        struct byte_set *sets = realloc(b->sets, room * sizeof(*sets));
        if (!sets) {
            b->failure = b->failure ? b->failure : -ENOMEM;
            return 0;
        }
        b->sets = sets;
        b->sets_room = room;
    }
    b->sets[p->sets] = *set;
    return (uint16_t)p->sets++;
}

static uint16_t emit_fork(struct builder *b, uint16_t next, uint16_t other)
{
    return emit(b, (struct program_step){ .op = OP_FORK, .next = next, .other = other });
}

static uint16_t build(struct builder *b, const struct node *node, uint16_t next);

static uint16_t build_set(struct builder *b, const struct node *node, uint16_t next, uint16_t chain,
                          enum chain_order order)
{
    return emit(b, (struct program_step){ .op = OP_BYTES,
                                          .next = next,
                                          .set = intern_set(b, &node->set),
                                          .chain = chain,
                                          .order = (uint8_t)order });
}

/* Of a repeated set: X{2,} is a chain whose later steps make the earlier needless, the optional
 * ones of X{0,9} a chain whose earlier steps do so with the later. Others have none. */
static uint16_t build_once(struct builder *b, const struct node *child, uint16_t next,
                           uint16_t chain, enum chain_order order)
{
    if (child->kind == NODE_SET)
        return build_set(b, child, next, chain, order);
    return build(b, child, next);
}

/* A loop around the child; *ret_body is where to begin for at least one. */
static uint16_t build_loop(struct builder *b, const struct node *child, uint16_t next,
                           uint16_t chain, uint16_t *ret_body)
{
    uint16_t fork = emit_fork(b, 0, next);
    *ret_body = build_once(b, child, fork, chain, CHAIN_KEEP_LOWEST);
    if (!b->failure)
        b->program->steps[fork].next = *ret_body;
    return fork;
}

static void note_possessive(struct builder *b, const struct node *node, uint16_t exit)
{
    if (node->first->kind != NODE_SET || b->possessive_count == ARRAY_LENGTH(b->possessives)) {
        b->is_inexact = true;
        return;
    }
    b->possessives[b->possessive_count++] =
        (struct possessive){ .set = intern_set(b, &node->first->set), .exit = exit };
}

/* Past the last number steps have no chain: they cost more, nothing else. */
static uint16_t new_chain(struct builder *b)
{
    return b->chains == UINT16_MAX ? 0 : ++b->chains;
}

static uint16_t build_repeat(struct builder *b, const struct node *node, uint16_t next)
{
    const struct node *child = node->first;
    uint16_t at = next;
    if (node->is_possessive)
        note_possessive(b, node, next);
    if (node->max == NODE_UNBOUNDED) {
        uint16_t chain = new_chain(b), body;
        at = build_loop(b, child, next, chain, &body);
        for (uint32_t i = 0; i < node->min && !b->failure; i++)
            at = i == 0 ? body : build_once(b, child, at, chain, CHAIN_KEEP_LOWEST);
        return at;
    }
    uint16_t chain = node->max - node->min > 1 ? new_chain(b) : 0;
    for (uint32_t i = node->min; i < node->max && !b->failure; i++)
        at = emit_fork(b, build_once(b, child, at, chain, CHAIN_KEEP_HIGHEST), next);
    for (uint32_t i = 0; i < node->min && !b->failure; i++)
        at = build(b, child, at);
    return at;
}

static uint16_t build_assertion(struct builder *b, const struct node *node, uint16_t next)
{
    switch (node->assertion) {
    case AT_WORD_EDGE:
    case NOT_AT_WORD_EDGE:
        b->program->has_word_edges = true;
        break;
    case AT_LINE_BEGIN:
    case AT_LINE_END:
        b->program->has_lines = true;
        break;
    case AT_TEXT_BEGIN:
    case AT_TEXT_END:
        break;
    }
    return emit(b, (struct program_step){
                       .op = OP_ASSERT, .next = next, .assertion = (uint16_t)node->assertion });
}

static uint16_t build_anything(struct builder *b, uint16_t next)
{
    struct node any = { .kind = NODE_SET };
    byte_set_invert(&any.set);
    uint16_t body;
    return build_loop(b, &any, next, 0, &body);
}

static uint16_t build(struct builder *b, const struct node *node, uint16_t next)
{
    uint16_t at = next;
    if (b->failure)
        return 0;
    switch (node->kind) {
    case NODE_EMPTY:
        return next;
    case NODE_SET:
        return build_set(b, node, next, 0, CHAIN_NONE);
    case NODE_CONCAT:
        for (const struct node *child = node->last; child; child = child->previous)
            at = build(b, child, at);
        return at;
    case NODE_ALTERNATE:
        at = build(b, node->last, next);
        for (const struct node *child = node->last->previous; child; child = child->previous)
            at = emit_fork(b, build(b, child, next), at);
        return at;
    case NODE_REPEAT:
        return build_repeat(b, node, next);
    case NODE_ASSERT:
        return build_assertion(b, node, next);
    case NODE_ANYTHING:
        return build_anything(b, next);
    }
    return next;
}

/* Every way to a match begins with \A. */
static bool begins_anchored(const struct node *node)
{
    switch (node->kind) {
    case NODE_ASSERT:
        return node->assertion == AT_TEXT_BEGIN;
    case NODE_CONCAT:
        return begins_anchored(node->first) ||
               (node->first->kind == NODE_ASSERT && node->first->next &&
                begins_anchored(node->first->next));
    case NODE_ALTERNATE:
        for (const struct node *child = node->first; child; child = child->next)
            if (!begins_anchored(child))
                return false;
        return true;
    case NODE_REPEAT:
        return node->min > 0 && begins_anchored(node->first);
    case NODE_EMPTY:
    case NODE_SET:
    case NODE_ANYTHING:
        return false;
    }
    return false;
}

/* Splits the classes by one more set: class numbers stay dense. */
static void refine(struct program *p, const struct byte_set *set)
{
    uint16_t moved[256];
    bool seen_out[256] = { false };
    memset(moved, 0xff, sizeof moved);
    for (unsigned byte = 0; byte < 256; byte++)
        if (!byte_set_has(set, (unsigned char)byte))
            seen_out[p->class_of[byte]] = true;
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned old = p->class_of[byte];
        if (!byte_set_has(set, (unsigned char)byte) || !seen_out[old])
            continue;
        if (moved[old] == UINT16_MAX)
            moved[old] = (uint16_t)p->classes++;
        p->class_of[byte] = (uint8_t)moved[old];
    }
}

static int build_classes(struct builder *b)
{
    struct program *p = b->program;
    struct byte_set word = { 0 }, line = { 0 };
    p->classes = 1;
    for (unsigned i = 0; i < p->sets && p->classes < 256; i++)
        refine(p, &b->sets[i]);
    if (p->has_word_edges) {
        byte_set_add_range(&word, '0', '9');
        byte_set_add_range(&word, 'A', 'Z');
        byte_set_add_range(&word, 'a', 'z');
        byte_set_add(&word, '_');
        refine(p, &word);
    }
    if (p->has_lines) {
        byte_set_add(&line, '\n');
        refine(p, &line);
    }
    for (unsigned byte = 0; byte < 256; byte++)
        p->byte_of[p->class_of[byte]] = (uint8_t)byte;
    p->set_words = (p->classes + 63) / 64;
    p->accepts = calloc((size_t)p->sets * p->set_words + 1, sizeof(*p->accepts));
    if (!p->accepts)
        return -ENOMEM;
    for (unsigned i = 0; i < p->sets; i++)
        for (unsigned class = 0; class < p->classes; class ++)
            if (byte_set_has(&b->sets[i], p->byte_of[class]))
                p->accepts[(size_t)i * p->set_words + (class >> 6)] |= UINT64_C(1) << (class & 63);
    return 0;
}

/* The steps that are reached from one without a byte, through all assertions. `list` has room for
 * all. */
static unsigned list_free_steps(const struct program *p, uint16_t from, bool *seen, uint16_t *list)
{
    unsigned count = 0;
    memset(seen, 0, p->count);
    list[count++] = from;
    seen[from] = true;
    for (unsigned i = 0; i < count; i++) {
        const struct program_step *step = &p->steps[list[i]];
        uint16_t ways[2] = { step->next, step->op == OP_FORK ? step->other : step->next };
        for (unsigned way = 0; (step->op == OP_FORK || step->op == OP_ASSERT) && way < 2; way++)
            if (!seen[ways[way]]) {
                seen[ways[way]] = true;
                list[count++] = ways[way];
            }
    }
    return count;
}

/* A possessive repetition of one set is as good as a greedy one when nothing behind it can begin
 * with a byte of the set: then giving back never helps. Assertions behind it could tell. */
static bool possessive_is_harmless(struct builder *b, struct possessive possessive, bool *seen,
                                   uint16_t *list)
{
    const struct program *p = b->program;
    unsigned count = list_free_steps(p, possessive.exit, seen, list);
    for (unsigned i = 0; i < count; i++) {
        const struct program_step *step = &p->steps[list[i]];
        if (step->op == OP_ASSERT ||
            (step->op == OP_BYTES && byte_set_meets(&b->sets[step->set], &b->sets[possessive.set])))
            return false;
    }
    return true;
}

/* What is known of the finished program. */
static int judge(struct builder *b)
{
    struct program *p = b->program;
    bool *seen = calloc(p->count, sizeof(*seen));
    uint16_t *list = calloc(p->count, sizeof(*list));
    int result = seen && list ? 0 : -ENOMEM;
    p->is_exact = !b->is_inexact;
    for (unsigned i = 0; result == 0 && i < b->possessive_count && p->is_exact; i++)
        p->is_exact = possessive_is_harmless(b, b->possessives[i], seen, list);
    unsigned count = result == 0 ? list_free_steps(p, (uint16_t)p->start, seen, list) : 0;
    for (unsigned i = 0; i < count; i++)
        p->start_asks |= p->steps[list[i]].op == OP_ASSERT &&
                         p->steps[list[i]].assertion != AT_TEXT_BEGIN &&
                         p->steps[list[i]].assertion != AT_TEXT_END;
    free(seen);
    free(list);
    return result;
}

int program_build(const struct node *root, struct program **ret_program)
{
    struct builder *b = calloc(1, sizeof(*b));
    struct program *p = calloc(1, sizeof(*p));
    int result = -ENOMEM;
    if (b && p) {
        b->program = p;
        uint16_t match = emit(b, (struct program_step){ .op = OP_MATCH });
        p->start = build(b, root, match);
        p->is_anchored = begins_anchored(root);
        result = b->failure;
        result = result ? result : build_classes(b);
        result = result ? result : judge(b);
    }
    if (b)
        free(b->sets);
    free(b);
    if (result) {
        program_free(p);
        return result;
    }
    struct program_step *fitted = realloc(p->steps, p->count * sizeof(*fitted));
    p->steps = fitted ? fitted : p->steps;
    *ret_program = p;
    return 0;
}

void program_free(struct program *program)
{
    if (!program)
        return;
    free(program->steps);
    free(program->accepts);
    free(program);
}

size_t program_bytes(const struct program *program)
{
    return sizeof(*program) + program->count * sizeof(*program->steps) +
           (size_t)program->sets * program->set_words * sizeof(*program->accepts);
}
