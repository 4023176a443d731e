#include "control/exchange_list.h"

#include <errno.h>

#include "base/number.h"

#define TIME_BYTES 24u /* 2026-11-25T23:20:11.000Z */
#define NEXT_BYTES 32u /* {"next_slot":N} */

/* Calls for each record of a worker until told to stop. False: it was. */
static bool each_of_slot(const struct recent_segment *all, uint32_t slot, char *memory,
                         bool (*call)(void *context, slice record), void *context)
{
    struct recent_walk walk;
    uint32_t bytes;
    recent_walk_open(&walk, all, slot);
    while (recent_walk_read(&walk, memory, RECENT_RECORD_BYTES_MAX, &bytes)) {
        if (!call(context, slice_of(memory, bytes)))
            return false;
        recent_walk_pass(&walk, bytes);
    }
    return true;
}

/* What stands behind `"key":` near the front of an object, up to the next comma. */
static slice member(slice record, slice key)
{
    slice front = slice_first(record, 160);
    size_t at = slice_find(front, key);
    slice value = slice_after(front, at + key.len);
    return slice_first(value, slice_find_byte(value, ','));
}

/* --- One -------------------------------------------------------------------------------------- */

struct search {
    slice id, found;
    char oldest[TIME_BYTES];
    size_t oldest_len;
};

static void note_time(struct search *s, slice time)
{
    if (time.len != TIME_BYTES + 2)
        return;
    slice text = slice_of(time.ptr + 1, TIME_BYTES);
    if (s->oldest_len && memcmp(text.ptr, s->oldest, TIME_BYTES) >= 0)
        return;
    memcpy(s->oldest, text.ptr, TIME_BYTES);
    s->oldest_len = TIME_BYTES;
}

static bool look(void *context, slice record)
{
    static const slice opening = SLICE("{\"id\":\"");
    struct search *s = context;
    slice id = slice_first(slice_after(record, opening.len), s->id.len);
    if (slice_starts_with(record, opening) && slice_equal(id, s->id) &&
        record.len > opening.len + id.len && record.ptr[opening.len + id.len] == '"') {
        s->found = record;
        return false;
    }
    note_time(s, member(record, SLICE("\"time\":")));
    return true;
}

bool exchange_find(const struct recent_segment *all, slice id, char *memory, slice *ret)
{
    struct search s = { .id = id };
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if (!each_of_slot(all, slot, memory, look, &s))
            break;
    *ret = s.found;
    if (s.found.len)
        return true;
    memcpy(memory, s.oldest, s.oldest_len);
    *ret = slice_of(memory, s.oldest_len);
    return false;
}

/* --- All -------------------------------------------------------------------------------------- */

struct listing {
    struct writer *w;
    uint64_t since_ms;
};

static bool add(void *context, slice record)
{
    struct listing *l = context;
    uint64_t time_ms;
    if (number_parse(member(record, SLICE("\"time_ms\":")), UINT64_MAX, &time_ms) != 0 ||
        time_ms < l->since_ms)
        return true;
    if (record.len + 1 + NEXT_BYTES > l->w->capacity - l->w->len)
        return false;
    writer_slice_add(l->w, record);
    writer_byte(l->w, '\n');
    return true;
}

void exchange_list(const struct recent_segment *all, const struct exchange_choice *which,
                   char *memory, struct writer *w)
{
    struct listing l = { .w = w, .since_ms = which->since_ms };
    for (uint32_t slot = which->slot; slot < WORKER_SLOTS_MAX; slot++) {
        size_t before = w->len;
        if (each_of_slot(all, slot, memory, add, &l))
            continue;
        w->len = before; /* all of a worker's or none */
        writer_format(w, "{\"next_slot\":%u}\n", slot);
        return;
    }
}

int exchange_choice_parse(slice query, struct exchange_choice *ret)
{
    *ret = (struct exchange_choice){ 0 };
    while (query.len) {
        slice piece = slice_first(query, slice_find_byte(query, '&'));
        slice name = slice_first(piece, slice_find_byte(piece, '='));
        uint64_t value;
        bool is_slot = slice_equal(name, SLICE("slot"));
        if (!is_slot && !slice_equal(name, SLICE("since_ms")))
            return -EINVAL;
        if (number_parse(slice_after(piece, name.len + 1),
                         is_slot ? WORKER_SLOTS_MAX - 1 : UINT64_MAX, &value) != 0)
            return -EINVAL;
        if (is_slot)
            ret->slot = (uint32_t)value;
        else
            ret->since_ms = value;
        query = slice_after(query, piece.len + 1);
    }
    return 0;
}
