/* An intrusive doubly-linked list: the node lives in the object. The head is a node of its own that
 * points to itself when the list is empty. A node that is in no list is zeroed or self-linked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Safe against removal of `node` itself inside the loop. */
#define LIST_EACH(node, head)                                                                      \
    for (struct list *node = (head)->next, *node##_next_ = node->next; node != (head);             \
         node = node##_next_, node##_next_ = node->next)

static inline void list_open(struct list *head)
{
    head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* True while the node is in a list. */
static inline bool list_is_linked(const struct list *node)
{
    return node->next && node->next != node;
}

static inline void list_insert_after(struct list *where, struct list *node)
{
    node->previous = where;
    node->next = where->next;
    where->next->previous = node;
    where->next = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_after(head->previous, node);
}

/* Harmless on a node that is in no list. */
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = node->previous = node;
}

/* Everything in `from` goes behind what is in `to`; `from` is empty then. */
static inline void list_append(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_open(from);
}

/* The first node taken out, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
    if (list_is_empty(head))
        return NULL;
    struct list *node = head->next;
    list_remove(node);
    return node;
}
