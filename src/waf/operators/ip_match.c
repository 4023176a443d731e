/* ipMatch, ipMatchFromFile (ipMatchF): the value is an address in one of these networks. The
 * argument lists addresses and networks with commas between; a file has them on lines of their own,
 * with comments from "#" on. A value that is no address matches nothing. The networks are kept as
 * sorted ranges that do not overlap: a value costs one binary search. */
#include "waf/operators/table.h"

#include <errno.h>
#include <stdlib.h>

#include "waf/operators/address.h"

enum { RANGES_MAX = 1 << 20 };

struct networks {
    struct address_range *ranges;
    size_t count;
};

/* What is read so far; the ranges grow in memory of malloc. */
struct builder {
    struct operator_setup *setup;
    struct address_range *ranges;
    size_t count, capacity;
};

static void builder_release(struct builder *b)
{
    free(b->ranges);
}

static int add_range(struct builder *b, struct address_range range)
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

static slice trim(slice s)
{
    while (s.len > 0 &&
           (s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return slice_trim(s);
}

static int add_text(struct builder *b, slice text)
{
    struct address_range range;
    if (address_range_parse(text, &range) != 0)
        return waf_problem_set(b->setup->problem,
                               "\"%.*s\" is no address and no network such as 192.0.2.0/24 or "
                               "2001:db8::/32",
                               SLICE_ARGUMENTS(slice_first(text, 60)));
    return add_range(b, range);
}

static int add_list(struct builder *b, slice list)
{
    for (;;) {
        size_t comma = slice_find_byte(list, ',');
        TRY(add_text(b, trim(slice_first(list, comma))));
        if (comma == list.len)
            return 0;
        list = slice_after(list, comma + 1);
    }
}

static int add_file(void *context, UNUSED slice file, slice content)
{
    struct builder *b = context;
    while (content.len > 0) {
        size_t end = slice_find_byte(content, '\n');
        slice line = slice_first(content, end);
        line = trim(slice_first(line, slice_find_byte(line, '#')));
        if (line.len > 0)
            TRY(add_list(b, line));
        content = slice_after(content, end + 1);
    }
    return 0;
}

static int by_first(const void *a, const void *b)
{
    return memcmp(&((const struct address_range *)a)->first,
                  &((const struct address_range *)b)->first, sizeof(struct address));
}

/* Sorted, those that overlap made one. */
static int finish(struct builder *b, void **ret_prepared)
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

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    OWNS(builder_release) struct builder b = { .setup = setup };
    TRY(add_list(&b, argument));
    return finish(&b, ret_prepared);
}

static int prepare_from_file(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                             void **ret_prepared)
{
    OWNS(builder_release) struct builder b = { .setup = setup };
    TRY(operator_read_files(setup, argument, add_file, &b));
    return finish(&b, ret_prepared);
}

static int evaluate(const void *prepared, UNUSED slice argument, slice value,
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

const struct operator operator_ip_match = {
    .name = "ipMatch",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = evaluate,
    .meaning = "The value is an address in one of these networks.",
    .example =
        "SecRule REMOTE_ADDR \"@ipMatch 127.0.0.1,192.168.0.0/16,::1\" \"id:1,phase:1,pass\"",
};

const struct operator operator_ip_match_from_file = {
    .name = "ipMatchFromFile",
    .alias = "ipMatchF",
    .takes_argument = true,
    .prepare = prepare_from_file,
    .evaluate = evaluate,
    .meaning = "The value is an address in one of the networks of a file, one a line.",
    .example = "SecRule REMOTE_ADDR \"@ipMatchFromFile networks.txt\" \"id:1,phase:1,deny\"",
};
