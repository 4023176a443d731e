#include "config/schema.h"

#include <errno.h>
#include <stdlib.h>

static int compare_rows(const void *left, const void *right)
{
    const struct directive *const *a = left, *const *b = right;
    int order = strcmp((*a)->name, (*b)->name);
    if (order)
        return order;
    return (*a)->scopes < (*b)->scopes ? -1 : (*a)->scopes > (*b)->scopes;
}

int schema_open(struct schema *s, struct arena *a)
{
    size_t count = 0;
    for (size_t i = 0; s->tables[i]; i++)
        count += s->tables[i]->count;
    s->by_name = arena_take_array(a, count, sizeof(void *));
    if (!s->by_name)
        return -ENOMEM;
    s->count = 0;
    for (size_t i = 0; s->tables[i]; i++)
        for (size_t j = 0; j < s->tables[i]->count; j++)
            s->by_name[s->count++] = &s->tables[i]->rows[j];
    qsort(s->by_name, s->count, sizeof(void *), compare_rows);
    return 0;
}

const struct directive *const *schema_find_all(const struct schema *s, slice name,
                                               size_t *ret_count)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_compare(slice_from(s->by_name[middle]->name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < s->count && slice_equal(slice_from(s->by_name[end]->name), name))
        end++;
    *ret_count = end - low;
    return s->by_name + low;
}

const struct directive *schema_find(const struct schema *s, slice name, uint32_t scope)
{
    size_t count;
    const struct directive *const *rows = schema_find_all(s, name, &count);
    for (size_t i = 0; i < count; i++)
        if (rows[i]->scopes & scope)
            return rows[i];
    return NULL;
}

void schema_write_places(struct writer *w, const struct directive *const *rows, size_t count)
{
    uint32_t scopes = 0;
    for (size_t i = 0; i < count; i++)
        scopes |= rows[i]->scopes;
    const char *separator = "";
    for (uint32_t bit = 0; bit < SCOPE_COUNT; bit++) {
        if (!(scopes & (1u << bit)))
            continue;
        writer_text(w, separator);
        writer_text(w, scope_names[bit]);
        separator = ", ";
    }
}
