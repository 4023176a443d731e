#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/panic.h"

static unsigned char pool[256];
static size_t pool_left;
static uint64_t seeded_state; /* 0: not seeded */

static void fill_pool(void)
{
    size_t filled = 0;
    while (filled < sizeof pool) {
        ssize_t got = getrandom(pool + filled, sizeof pool - filled, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ASSERT(got > 0);
        filled += (size_t)got;
    }
    pool_left = sizeof pool;
}

static uint64_t seeded_next(void)
{
    /* splitmix64: reproducible, only for tests */
    seeded_state += 0x9e3779b97f4a7c15u;
    uint64_t z = seeded_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_bytes(void *to, size_t count)
{
    unsigned char *out = to;
    while (count) {
        if (seeded_state) {
            uint64_t number = seeded_next();
            size_t part = count < sizeof number ? count : sizeof number;
            memcpy(out, &number, part);
            out += part;
            count -= part;
            continue;
        }
        if (!pool_left)
            fill_pool();
        size_t part = count < pool_left ? count : pool_left;
        unsigned char *from = pool + sizeof pool - pool_left;
        memcpy(out, from, part);
        explicit_bzero(from, part);
        pool_left -= part;
        out += part;
        count -= part;
    }
}

uint64_t random_number(void)
{
    uint64_t number;
    random_bytes(&number, sizeof number);
    return number;
}

void random_after_fork(void)
{
    explicit_bzero(pool, sizeof pool);
    pool_left = 0;
}

void random_seed(uint64_t seed)
{
    seeded_state = seed;
}
