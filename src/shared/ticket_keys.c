#include "shared/ticket_keys.h"

#include <string.h>

#include "base/random.h"

#define NAME_BYTES 16u

int64_t ticket_keys_rotate(struct ticket_keys_segment *s, int64_t now_s)
{
    uint32_t made = atomic_load_explicit(&s->current, memory_order_relaxed);
    int64_t age = now_s - s->made_s;
    if (made > 0 && age >= 0 && age < TICKET_KEY_ROTATION_S)
        return TICKET_KEY_ROTATION_S - age;
    random_bytes(s->keys[made % TICKET_KEYS], TICKET_KEY_BYTES);
    s->made_s = now_s;
    atomic_store_explicit(&s->current, made + 1, memory_order_release);
    return TICKET_KEY_ROTATION_S;
}

bool ticket_keys_current(const struct ticket_keys_segment *s, uint8_t ret[TICKET_KEY_BYTES])
{
    uint32_t made = atomic_load_explicit(&s->current, memory_order_acquire);
    if (made == 0)
        return false;
    memcpy(ret, s->keys[(made - 1) % TICKET_KEYS], TICKET_KEY_BYTES);
    return true;
}

bool ticket_keys_find(const struct ticket_keys_segment *s, const uint8_t name[16],
                      uint8_t ret[TICKET_KEY_BYTES], bool *ret_is_current)
{
    uint32_t made = atomic_load_explicit(&s->current, memory_order_acquire);
    for (uint32_t i = 0; i < TICKET_KEYS && i < made; i++) {
        const uint8_t *key = s->keys[(made - 1 - i) % TICKET_KEYS];
        if (memcmp(key, name, NAME_BYTES) != 0)
            continue;
        memcpy(ret, key, TICKET_KEY_BYTES);
        *ret_is_current = i == 0;
        return true;
    }
    return false;
}
