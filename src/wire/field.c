#include "wire/field.h"

#include <errno.h>

#include "base/writer.h"
#include "wire/bytes.h"

static const slice names[FIELD_ID_COUNT] = {
#define FIELD_SLICE(id, name) [FIELD_##id] = { name, sizeof(name) - 1 },
    FIELD_NAMES(FIELD_SLICE)
#undef FIELD_SLICE
};

/* A perfect hash over the length and four letters: the factors were found by search and are proven
 * by a test that asks for every name. A name added to FIELD_NAMES may need other ones. */
#define HASH_SIZE 128u

static uint32_t hash_name(slice name)
{
    uint32_t first = (unsigned char)name.ptr[0] | 0x20u;
    uint32_t last = (unsigned char)name.ptr[name.len - 1] | 0x20u;
    uint32_t middle = (unsigned char)name.ptr[name.len / 2] | 0x20u;
    uint32_t second_last = (unsigned char)name.ptr[name.len - 2] | 0x20u;
    return ((uint32_t)name.len * 24 + first * 39 + last * 10 + middle * 61 + second_last) %
           HASH_SIZE;
}

static const uint8_t id_by_hash[HASH_SIZE] = {
    [1] = FIELD_PROXY_CONNECTION,
    [6] = FIELD_X_REAL_IP,
    [12] = FIELD_SERVER,
    [19] = FIELD_LOCATION,
    [22] = FIELD_X_FORWARDED_PORT,
    [23] = FIELD_X_FORWARDED_HOST,
    [26] = FIELD_HOST,
    [30] = FIELD_HTTP2_SETTINGS,
    [34] = FIELD_CONTENT_LENGTH,
    [38] = FIELD_DATE,
    [45] = FIELD_PROXY,
    [46] = FIELD_X_POWERED_BY,
    [47] = FIELD_SEC_WEBSOCKET_KEY,
    [50] = FIELD_TRAILER,
    [52] = FIELD_ACCEPT_ENCODING,
    [53] = FIELD_X_RUNTIME,
    [55] = FIELD_SEC_WEBSOCKET_VERSION,
    [59] = FIELD_CONTENT_TYPE,
    [60] = FIELD_X_ASPNET_VERSION,
    [61] = FIELD_X_FORWARDED_FOR,
    [63] = FIELD_AUTHORIZATION,
    [66] = FIELD_KEEP_ALIVE,
    [67] = FIELD_SET_COOKIE,
    [68] = FIELD_X_GENERATOR,
    [74] = FIELD_X_REQUEST_ID,
    [76] = FIELD_FORWARDED,
    [77] = FIELD_SEC_WEBSOCKET_PROTOCOL,
    [83] = FIELD_TE,
    [85] = FIELD_SEC_WEBSOCKET_EXTENSIONS,
    [86] = FIELD_USER_AGENT,
    [87] = FIELD_CONNECTION,
    [91] = FIELD_PROXY_AUTHORIZATION,
    [92] = FIELD_SEC_WEBSOCKET_ACCEPT,
    [96] = FIELD_ACCEPT,
    [105] = FIELD_X_ASPNETMVC_VERSION,
    [110] = FIELD_PROXY_AUTHENTICATE,
    [111] = FIELD_EXPECT,
    [112] = FIELD_REFERER,
    [113] = FIELD_TRANSFER_ENCODING,
    [117] = FIELD_X_BACKEND_SERVER,
    [120] = FIELD_RETRY_AFTER,
    [122] = FIELD_VIA,
    [123] = FIELD_UPGRADE,
    [126] = FIELD_X_FORWARDED_PROTO,
    [127] = FIELD_COOKIE,
};

enum field_id field_id_of(slice name)
{
    if (name.len < 2) /* no known name is shorter */
        return FIELD_OTHER;
    enum field_id id = (enum field_id)id_by_hash[hash_name(name)];
    bool same = slice_equal(names[id], name) || slice_equal_fold(names[id], name);
    return same ? id : FIELD_OTHER;
}

slice field_name_of(enum field_id id)
{
    return names[id];
}

int fields_add(struct fields *fs, slice name, slice value, enum field_id id)
{
    if (fs->count >= fs->capacity)
        return -EMSGSIZE;
    if (id == FIELD_OTHER)
        id = field_id_of(name);
    fs->items[fs->count++] = (struct field){ .name = name, .value = value, .id = id };
    fs->present |= FIELD_BIT(id);
    return 0;
}

struct field *fields_find(const struct fields *fs, enum field_id id)
{
    if (!(fs->present & (FIELD_BIT(id))))
        return NULL;
    for (uint32_t i = 0; i < fs->count; i++)
        if (fs->items[i].id == id && !fs->items[i].dropped)
            return &fs->items[i];
    return NULL;
}

struct field *fields_find_name(const struct fields *fs, slice name)
{
    for (uint32_t i = 0; i < fs->count; i++)
        if (!fs->items[i].dropped && slice_equal_fold(fs->items[i].name, name))
            return &fs->items[i];
    return NULL;
}

static bool is_line_of(const struct field *f, const struct field *first)
{
    return !f->dropped && f->id == first->id &&
           (f->id != FIELD_OTHER || slice_equal_fold(f->name, first->name));
}

int fields_join(const struct fields *fs, const struct field *first, struct arena *arena, slice *ret)
{
    static const slice separator = SLICE(", ");
    const struct field *end = fs->items + fs->count;
    uint32_t lines = 0;
    size_t room = 0;
    *ret = first ? first->value : slice_of(NULL, 0);
    for (const struct field *f = first; f && f < end; f++)
        if (is_line_of(f, first)) {
            lines++;
            room += f->value.len + separator.len;
        }
    if (lines <= 1)
        return 0;
    char *memory = arena_take(arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    for (const struct field *f = first; f < end; f++) {
        if (!is_line_of(f, first))
            continue;
        if (f != first)
            writer_slice_add(&w, separator);
        writer_slice_add(&w, f->value);
    }
    *ret = writer_slice(&w);
    return 0;
}

uint32_t fields_count(const struct fields *fs, enum field_id id)
{
    uint32_t count = 0;
    if (!(fs->present & (FIELD_BIT(id))))
        return 0;
    for (uint32_t i = 0; i < fs->count; i++)
        count += fs->items[i].id == id && !fs->items[i].dropped;
    return count;
}

uint32_t fields_drop_set(struct fields *fs, uint64_t ids)
{
    uint32_t count = 0;
    if (!(fs->present & ids))
        return 0;
    for (uint32_t i = 0; i < fs->count; i++) {
        if (!(FIELD_BIT(fs->items[i].id) & ids) || fs->items[i].dropped)
            continue;
        fs->items[i].dropped = true;
        count++;
    }
    return count;
}

uint32_t fields_drop(struct fields *fs, enum field_id id)
{
    return fields_drop_set(fs, FIELD_BIT(id));
}

uint32_t fields_drop_name(struct fields *fs, slice name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fs->count; i++) {
        if (fs->items[i].dropped || !slice_equal_fold(fs->items[i].name, name))
            continue;
        fs->items[i].dropped = true;
        count++;
    }
    return count;
}

bool field_name_is_token(slice name)
{
    return name.len > 0 && bytes_are(name, BYTE_TOKEN);
}

bool field_value_is_valid(slice value)
{
    return bytes_are_value(value);
}

/* The end of the element at the front: a comma outside a quoted string. */
static size_t element_end(slice s)
{
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && quoted)
            i++;
        else if (s.ptr[i] == '"')
            quoted = !quoted;
        else if (s.ptr[i] == ',' && !quoted)
            return i;
    }
    return s.len;
}

bool list_next(slice *rest, slice *ret_element)
{
    while (rest->len) {
        size_t end = element_end(*rest);
        slice element = slice_trim(slice_first(*rest, end));
        *rest = slice_after(*rest, end + 1);
        if (element.len) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

bool fields_have_token(const struct fields *fs, enum field_id id, slice token)
{
    if (!(fs->present & (FIELD_BIT(id))))
        return false;
    for (uint32_t i = 0; i < fs->count; i++) {
        slice rest = fs->items[i].value, element;
        while (fs->items[i].id == id && list_next(&rest, &element))
            if (slice_equal_fold(element, token))
                return true;
    }
    return false;
}
