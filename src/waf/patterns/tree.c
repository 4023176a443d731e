#include "waf/patterns/tree.h"

struct node *node_new(struct arena *arena, enum node_kind kind)
{
    struct node *node = arena_take(arena, sizeof(*node));
    if (node)
        node->kind = kind;
    return node;
}

void node_append(struct node *parent, struct node *child)
{
    child->previous = parent->last;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

void node_remove(struct node *parent, struct node *child)
{
    if (child->previous)
        child->previous->next = child->next;
    else
        parent->first = child->next;
    if (child->next)
        child->next->previous = child->previous;
    else
        parent->last = child->previous;
}

static size_t add_saturated(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* Recursive: the parser bounds the depth of a tree. */
size_t node_length_min(const struct node *node)
{
    size_t least = 0, each;
    switch (node->kind) {
    case NODE_SET:
        return 1;
    case NODE_CONCAT:
        for (const struct node *child = node->first; child; child = child->next)
            least = add_saturated(least, node_length_min(child));
        return least;
    case NODE_ALTERNATE:
        least = SIZE_MAX;
        for (const struct node *child = node->first; child; child = child->next) {
            each = node_length_min(child);
            least = each < least ? each : least;
        }
        return least;
    case NODE_REPEAT:
        if (node->min == 0)
            return 0;
        each = node_length_min(node->first);
        return __builtin_mul_overflow(each, (size_t)node->min, &least) ? SIZE_MAX : least;
    case NODE_EMPTY:
    case NODE_ASSERT:
    case NODE_ANYTHING:
        return 0;
    }
    return 0;
}

static void become_empty(struct node *node)
{
    node->kind = NODE_EMPTY;
    node->first = node->last = NULL;
}

/* at_end: the side that is trimmed. */
static void trim_side(struct node *node, bool at_end)
{
    struct node *edge;
    switch (node->kind) {
    case NODE_CONCAT:
        while ((edge = at_end ? node->last : node->first) != NULL) {
            trim_side(edge, at_end);
            if (edge->kind != NODE_EMPTY)
                return;
            node_remove(node, edge);
        }
        become_empty(node);
        return;
    case NODE_ALTERNATE:
        for (struct node *child = node->first; child; child = child->next)
            trim_side(child, at_end);
        return;
    case NODE_REPEAT:
        if (node->is_possessive)
            return;
        if (node->min == 0)
            become_empty(node);
        else
            node->max = node->min;
        return;
    case NODE_ANYTHING:
        become_empty(node);
        return;
    case NODE_EMPTY:
    case NODE_SET:
    case NODE_ASSERT:
        return;
    }
}

struct node *node_trim(struct node *root)
{
    trim_side(root, true);
    trim_side(root, false);
    return root;
}
