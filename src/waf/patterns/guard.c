#include "waf/patterns/guard.h"

#include "waf/patterns/rarity.h"

/* A set that nearly every value meets is no guard. */
static const double guard_probability_max = 0.9;

static void insert(struct guards *guards, const struct byte_set *set)
{
    double probability = rarity_of_set(set);
    if (probability > guard_probability_max)
        return;
    for (unsigned i = 0; i < guards->count; i++)
        if (memcmp(&guards->sets[i], set, sizeof(*set)) == 0)
            return;
    struct byte_set moved = *set;
    for (unsigned i = 0; i < guards->count; i++)
        if (rarity_of_set(&moved) < rarity_of_set(&guards->sets[i])) {
            struct byte_set other = guards->sets[i];
            guards->sets[i] = moved;
            moved = other;
        }
    if (guards->count < GUARDS_MAX)
        guards->sets[guards->count++] = moved;
}

/* Any of the alternatives: the union of one guard of each. */
static void find_alternate(const struct node *node, struct guards *ret)
{
    struct byte_set all = { 0 };
    for (const struct node *child = node->first; child; child = child->next) {
        struct guards each;
        guards_find(child, &each);
        if (each.count == 0)
            return;
        byte_set_unite(&all, &each.sets[0]);
    }
    insert(ret, &all);
}

/* Recursive: the parser bounds the depth of a tree. */
void guards_find(const struct node *root, struct guards *ret)
{
    struct guards each;
    *ret = (struct guards){ .count = 0 };
    switch (root->kind) {
    case NODE_SET:
        insert(ret, &root->set);
        return;
    case NODE_CONCAT:
        for (const struct node *child = root->first; child; child = child->next) {
            guards_find(child, &each);
            for (unsigned i = 0; i < each.count; i++)
                insert(ret, &each.sets[i]);
        }
        return;
    case NODE_ALTERNATE:
        find_alternate(root, ret);
        return;
    case NODE_REPEAT:
        if (root->min > 0)
            guards_find(root->first, ret);
        return;
    case NODE_EMPTY:
    case NODE_ASSERT:
    case NODE_ANYTHING:
        return;
    }
}
