#include "control/loaded_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct loaded_key {
    char *path;
    uint64_t id;
    int32_t use;
};

static int note(struct loaded_keys *k, const struct key_load *what, uint64_t id)
{
    for (uint32_t i = 0; i < k->count; i++)
        if (k->all[i].id == id && slice_equal(slice_from(k->all[i].path), what->path))
            return 0;
    if (k->count == k->capacity) {
        uint32_t capacity = k->capacity ? k->capacity * 2 : 16;
        struct loaded_key *all = realloc(k->all, capacity * sizeof *all);
        if (!all)
            return -ENOMEM;
        k->all = all;
        k->capacity = capacity;
    }
    struct loaded_key *one = &k->all[k->count];
    *one = (struct loaded_key){ .path = strndup(what->path.ptr, what->path.len),
                                .id = id,
                                .use = what->use };
    if (!one->path)
        return -ENOMEM;
    k->count++;
    return 0;
}

int loaded_keys_load(struct loaded_keys *k, const struct key_load *what, struct key_answer *ret)
{
    int result = key_call_load(k->channel, what, ret);
    return result == 0 ? note(k, what, ret->id) : result;
}

static void load_again(const struct loaded_keys *k, const struct loaded_key *one)
{
    static struct key_answer answer;
    struct key_load what = { .path = slice_from(one->path), .use = one->use };
    int result = key_call_load(k->channel, &what, &answer);
    if (result != 0)
        log_error("the key %s cannot be used any more: %s", one->path, answer.text);
    else if (answer.id != one->id) /* a newer one is in its place, and loaded as well */
        log_debug("the key %s has changed since it was loaded", one->path);
}

void loaded_keys_renew(struct loaded_keys *k, int channel)
{
    if (k->channel >= 0)
        close(k->channel);
    k->channel = channel;
    for (uint32_t i = 0; i < k->count; i++)
        load_again(k, &k->all[i]);
}

bool loaded_keys_have_ended(struct loaded_keys *k)
{
    static char memory[KEY_BODY_MAX + 1];
    struct key_packet stale; /* an answer that came too late */
    int result;
    while ((result = key_packet_receive(k->channel, memory, &stale)) == 0)
        if (stale.fd >= 0)
            close(stale.fd);
    if (result == -EAGAIN)
        return false;
    close(k->channel);
    k->channel = -1;
    return true;
}

void loaded_keys_close(struct loaded_keys *k)
{
    if (k->channel >= 0)
        close(k->channel);
    while (k->count)
        free(k->all[--k->count].path);
    free(k->all);
    *k = (struct loaded_keys)LOADED_KEYS_NONE;
}
