#include "waf/operators/networks.h"

#include <errno.h>
#include <stdlib.h>

#include "waf/operators/address.h"
#include "waf/operators/table.h"

enum { RANGES_MAX = 1 << 20 };

struct networks {
    struct address_range *ranges;
    size_t count;
};

void networks_builder_release(struct networks_builder *b)
{
    free(b->ranges);
}

static int add_range(struct networks_builder *b, struct address_range range)
{
    if (b->count == RANGES_MAX)
        return waf_problem_set(b->setup->problem, "more than %d networks", RANGES_MAX);
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 16;
        struct address_range *more = reallocarray(b->ranges, capacity, sizeof *more);
        if (!more)
            return -ENOMEM;
        b->ranges = more;
        b->capacity = capacity;
    }
    b->ranges[b->count++] = range;
    return 0;
}

slice networks_trim(slice s)
{
    while (s.len > 0 &&
           (s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return slice_trim(s);
}

static int add_text(struct networks_builder *b, slice text)
{
    struct address_range range;
    if (address_range_parse(text, &range) != 0)
        return waf_problem_set(b->setup->problem,
                               "\"%.*s\" is no address and no network such as 192.0.2.0/24 or "
                               "2001:db8::/32",
                               SLICE_ARGUMENTS(slice_first(text, 60)));
    return add_range(b, range);
}

int networks_add(struct networks_builder *b, slice list)
{
    for (;;) {
        size_t comma = slice_find_byte(list, ',');
        TRY(add_text(b, networks_trim(slice_first(list, comma))));
        if (comma == list.len)
            return 0;
        list = slice_after(list, comma + 1);
    }
}

static int by_first(const void *a, const void *b)
{
    return memcmp(&((const struct address_range *)a)->first,
                  &((const struct address_range *)b)->first, sizeof(struct address));
}

/* Sorted, those that overlap made one. */
int networks_finish(struct networks_builder *b, void **ret_prepared)
{
    struct arena *arena = b->setup->arena;
    struct networks *networks = arena_take(arena, sizeof *networks);
    if (!networks)
        return -ENOMEM;
    *ret_prepared = networks;
    if (b->count == 0)
        return 0;
    qsort(b->ranges, b->count, sizeof *b->ranges, by_first);
    networks->ranges = arena_take_array(arena, b->count, sizeof *b->ranges);
    if (!networks->ranges)
        return -ENOMEM;
    for (size_t i = 0; i < b->count; i++) {
        const struct address_range *range = &b->ranges[i];
        struct address_range *last =
            networks->count ? &networks->ranges[networks->count - 1] : NULL;
        if (!last || memcmp(&range->first, &last->last, sizeof range->first) > 0)
            networks->ranges[networks->count++] = *range;
        else if (memcmp(&range->last, &last->last, sizeof range->last) > 0)
            last->last = range->last;
    }
    return 0;
}

int networks_evaluate(const void *prepared, UNUSED slice argument, slice value,
                      struct operator_match *match, UNUSED struct work *work)
{
    const struct networks *networks = prepared;
    struct address a;
    if (ip_address_parse(value, &a) != 0)
        return 0;
    size_t low = 0, high = networks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&networks->ranges[middle].last, &a, sizeof a) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == networks->count || memcmp(&networks->ranges[low].first, &a, sizeof a) > 0)
        return 0;
    return operator_matched(match, 0, value.len);
}
