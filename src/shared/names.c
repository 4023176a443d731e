#include "shared/names.h"

#include <errno.h>

#include "base/panic.h"

#define READS_MAX 16

int names_want(struct names_segment *n, slice name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return -EINVAL;
    for (int i = 0; i < (int)NAMES_MAX; i++) {
        struct name_slot *slot = &n->slots[i];
        if (atomic_load_explicit(&slot->is_wanted, memory_order_acquire)) {
            if (slice_equal(slice_from(slot->name), name))
                return i;
            continue;
        }
        memcpy(slot->name, name.ptr, name.len);
        slot->name[name.len] = '\0';
        atomic_store_explicit(&slot->is_wanted, 1, memory_order_release);
        return i;
    }
    return -ENOSPC;
}

void names_read(const struct names_segment *n, int slot, struct resolved_name *ret)
{
    const struct name_slot *s = &n->slots[slot];
    ASSERT(slot >= 0 && slot < (int)NAMES_MAX);
    for (int i = 0; i < READS_MAX; i++) {
        uint32_t version = atomic_load_explicit(&s->version, memory_order_acquire);
        *ret = s->copies[version & 1];
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&s->version, memory_order_relaxed) == version)
            break;
    }
    if (ret->count > NAME_ADDRESSES_MAX)
        ret->count = NAME_ADDRESSES_MAX;
}

void names_set_servers(struct names_segment *n, slice servers)
{
    uint32_t version = atomic_load_explicit(&n->servers_version, memory_order_relaxed) + 1;
    char *to = n->servers[version & 1];
    size_t length = servers.len < NAME_SERVERS_BYTES_MAX ? servers.len : NAME_SERVERS_BYTES_MAX;
    if (length)
        memcpy(to, servers.ptr, length);
    to[length] = '\0';
    atomic_store_explicit(&n->servers_version, version, memory_order_release);
}

void names_read_servers(const struct names_segment *n, char ret[NAME_SERVERS_BYTES_MAX + 1])
{
    for (int i = 0; i < READS_MAX; i++) {
        uint32_t version = atomic_load_explicit(&n->servers_version, memory_order_acquire);
        memcpy(ret, n->servers[version & 1], NAME_SERVERS_BYTES_MAX + 1);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&n->servers_version, memory_order_relaxed) == version)
            break;
    }
    ret[NAME_SERVERS_BYTES_MAX] = '\0';
}

void names_write(struct names_segment *n, int slot, const struct resolved_name *result)
{
    struct name_slot *s = &n->slots[slot];
    uint32_t version = atomic_load_explicit(&s->version, memory_order_relaxed) + 1;
    s->copies[version & 1] = *result;
    s->copies[version & 1].version = version;
    atomic_store_explicit(&s->version, version, memory_order_release);
}
