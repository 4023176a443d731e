#include "control/generation_keys.h"

#include "base/log.h"
#include "control/loaded_keys.h"

static struct loaded_keys keys = LOADED_KEYS_NONE;

int generation_keys_open(int channel)
{
    keys.channel = channel;
    return remote_key_open();
}

void generation_keys_close(void)
{
    loaded_keys_close(&keys);
}

int generation_keys_load(void *context, slice path, slice spki, struct writer *why)
{
    static struct key_answer answer;
    struct key_load what = { .path = path, .leaf_spki = spki, .use = KEY_FOR_TLS };
    int result = loaded_keys_load(&keys, &what, &answer);
    writer_text(why, answer.text);
    return result;
}

void generation_keys_settle(void)
{
    if (keys.channel >= 0 && key_call_restrict(keys.channel, KEY_MAY_SIGN | KEY_MAY_OPEN) != 0)
        log_debug("the keyholder did not take the rights back");
}

int generation_keys_for_worker(void)
{
    int fd = key_call_open(keys.channel, KEY_MAY_SIGN);
    return fd < 0 ? -1 : fd;
}

void generation_keys_renew(int channel)
{
    loaded_keys_renew(&keys, channel);
    generation_keys_settle();
}

int generation_keys_fd(void)
{
    return keys.channel;
}

bool generation_keys_have_ended(void)
{
    return loaded_keys_have_ended(&keys);
}
