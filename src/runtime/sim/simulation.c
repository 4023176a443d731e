#include "runtime/sim/simulation.h"

#include <string.h>
#include <sys/mman.h>

#include "base/panic.h"
#include "runtime/sim/descriptor.h"

#define AGENDA_MAX 65536u
/* What one system call takes at most. */
#define CALL_US_MAX  6u
#define MEMORY_BYTES ((size_t)1 << 30) /* of address space */

static struct happening *agenda[AGENDA_MAX]; /* a heap, the next first */
static size_t agenda_count;
static uint64_t planned;
static uint64_t random_state, hash;
static int64_t clock_us;
static char *memory;
static size_t memory_used;
static uint64_t fallible_calls, fail_first, fail_count;

static uint64_t next_random(void)
{
    random_state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void simulation_open(uint64_t seed)
{
    ASSERT(agenda_count == 0);
    random_state = seed * 0xd1342543de82ef95u + 1; /* far from its neighbours' */
    random_state = next_random();
    hash = 0xcbf29ce484222325u;
    planned = 0;
    clock_us = 1000000;
    simulation_fail(0, 0);
    if (!memory)
        memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(memory != MAP_FAILED);
    descriptors_open();
}

void simulation_close(void)
{
    while (agenda_count)
        happening_clear(agenda[0]);
    descriptors_close();
    memset(memory, 0, memory_used);
    memory_used = 0;
}

void *simulation_take(size_t bytes)
{
    size_t rounded = (bytes + 15) & ~(size_t)15;
    ASSERT(rounded <= MEMORY_BYTES - memory_used);
    memory_used += rounded;
    return memory + memory_used - rounded;
}

/* --- Chance ----------------------------------------------------------------------------------- */

uint64_t simulation_below(uint64_t bound)
{
    return bound ? next_random() % bound : 0;
}

bool simulation_chance(uint32_t percent)
{
    return simulation_below(100) < percent;
}

uint64_t simulation_skewed(uint64_t bound)
{
    unsigned bits = bound ? 64 - (unsigned)__builtin_clzll(bound) : 0;
    uint64_t mask = (1ull << simulation_below(bits + 1)) - 1;
    uint64_t number = next_random() & mask;
    return number < bound ? number : bound;
}

/* --- The agenda ------------------------------------------------------------------------------- */

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void put(size_t place, struct happening *h)
{
    agenda[place] = h;
    h->place = place + 1;
}

static void sift_up(size_t place, struct happening *h)
{
    while (place > 0 && is_before(h, agenda[(place - 1) / 2])) {
        put(place, agenda[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, h);
}

static void sift_down(size_t place, struct happening *h)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < agenda_count && is_before(agenda[child + 1], agenda[child]))
            child++;
        if (child >= agenda_count || !is_before(agenda[child], h))
            break;
        put(place, agenda[child]);
        place = child;
    }
    put(place, h);
}

void happening_plan(struct happening *h, int64_t in_us)
{
    happening_clear(h);
    ASSERT(agenda_count < AGENDA_MAX);
    h->at_us = clock_us + (in_us > 0 ? in_us : 0);
    h->number = planned++;
    sift_up(agenda_count++, h);
}

void happening_clear(struct happening *h)
{
    if (!h->place)
        return;
    size_t place = h->place - 1;
    h->place = 0;
    struct happening *last = agenda[--agenda_count];
    if (last == h)
        return;
    sift_down(place, last);
    sift_up(last->place - 1, last);
}

/* --- Time ------------------------------------------------------------------------------------- */

int64_t simulation_now_us(void)
{
    return clock_us;
}

int64_t simulation_next_us(void)
{
    return agenda_count ? agenda[0]->at_us : INT64_MAX;
}

void simulation_go_to(int64_t us)
{
    if (us > clock_us)
        clock_us = us;
}

static void happen_first(void)
{
    struct happening *h = agenda[0];
    happening_clear(h);
    h->happen(h);
}

void simulation_happen(void)
{
    while (agenda_count && agenda[0]->at_us <= clock_us)
        happen_first();
}

void simulation_call(void)
{
    clock_us += (int64_t)simulation_below(CALL_US_MAX);
    while (agenda_count && agenda[0]->at_us <= clock_us && agenda[0]->is_small)
        happen_first();
}

/* --- What is told from runs, and faults ------------------------------------------------------- */

void simulation_note(uint64_t word)
{
    hash = (hash ^ word ^ (uint64_t)clock_us * 0x9e3779b97f4a7c15u) * 0x100000001b3u;
    hash ^= hash >> 29;
}

uint64_t simulation_hash(void)
{
    return hash;
}

void simulation_fail(uint64_t first, uint64_t count)
{
    fallible_calls = 0;
    fail_first = first;
    fail_count = count;
}

bool simulation_fails(void)
{
    fallible_calls++;
    return fail_first && fallible_calls >= fail_first && fallible_calls - fail_first < fail_count;
}

uint64_t simulation_fallible_calls(void)
{
    return fallible_calls;
}
