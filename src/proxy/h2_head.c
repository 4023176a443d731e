#include "proxy/h2_head.h"

#include <errno.h>
#include <string.h>

#define LENGTHS_BYTES (2 * sizeof(uint32_t))

void h2_head_drop(struct h2_head *head)
{
    buffer_drop(&head->pairs);
    head->count = 0;
}

/* Room for one pair. 0 · -ENOBUFS */
static int make_room(struct h2_head *head, size_t bytes)
{
    struct buffer *old = head->pairs;
    if (old && buffer_room(old) >= bytes)
        return 0;
    size_t length = old ? buffer_length(old) : 0;
    struct buffer *larger = buffer_take_large((uint32_t)(2 * length + bytes));
    if (!larger)
        return -ENOBUFS;
    if (old)
        memcpy(larger->memory, old->memory, length);
    larger->end = (uint32_t)length;
    buffer_release(old);
    head->pairs = larger;
    return 0;
}

static void put(struct buffer *b, const void *bytes, size_t count)
{
    if (count)
        memcpy(b->memory + b->end, bytes, count);
    b->end += (uint32_t)count;
}

/* name length, value length, name, value */
int h2_head_add(struct h2_head *head, slice name, slice value)
{
    uint32_t lengths[2] = { (uint32_t)name.len, (uint32_t)value.len };
    TRY(make_room(head, sizeof lengths + name.len + value.len));
    put(head->pairs, lengths, sizeof lengths);
    put(head->pairs, name.ptr, name.len);
    put(head->pairs, value.ptr, value.len);
    head->count++;
    return 0;
}

bool h2_head_next(const struct h2_head *head, size_t *at, slice *ret_name, slice *ret_value)
{
    const struct buffer *b = head->pairs;
    uint32_t lengths[2];
    if (!b || *at >= buffer_length(b))
        return false;
    const char *from = b->memory + b->start + *at;
    memcpy(lengths, from, sizeof lengths);
    *ret_name = slice_of(from + sizeof lengths, lengths[0]);
    *ret_value = slice_of(from + sizeof lengths + lengths[0], lengths[1]);
    *at += sizeof lengths + lengths[0] + lengths[1];
    return true;
}

int h2_head_fields(const struct h2_head *head, struct fields *list)
{
    size_t at = 0;
    slice name, value;
    for (uint32_t i = 0; i < head->count && h2_head_next(head, &at, &name, &value); i++)
        TRY(fields_add(list, name, value, FIELD_OTHER));
    return 0;
}

uint64_t h2_head_bytes(const struct h2_head *head)
{
    return head->pairs ? buffer_length(head->pairs) -
                             (uint64_t)head->count * (LENGTHS_BYTES - FIELD_OVERHEAD)
                       : 0;
}
