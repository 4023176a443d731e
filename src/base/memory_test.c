/* When memory ends: each request of arenas and buffers fails once; who asked hears of it, what was
 * given before stays whole, and nothing is left in the end. The linker puts the functions below in
 * front of those of the C library. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/test.h"

void *__real_malloc(size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void __wrap_free(void *memory);

static uint32_t requests, failing = UINT32_MAX; /* the number of the one that fails */
static int64_t held;
static bool has_failed;

void *__wrap_malloc(size_t bytes)
{
    if (requests++ == failing) {
        has_failed = true;
        return NULL;
    }
    held++;
    return __real_malloc(bytes);
}

void __wrap_free(void *memory)
{
    held -= memory != NULL;
    __real_free(memory);
}

/* Runs `use` with the first, the second, ... request failing, until none is left to fail; how many
 * there were. */
static uint32_t fail_each(void (*use)(void))
{
    for (uint32_t count = 0;; count++) {
        requests = 0;
        has_failed = false;
        failing = count;
        int64_t before = held;
        use();
        failing = UINT32_MAX;
        assert_int_equal(held, before);
        if (!has_failed)
            return count;
    }
}

static void use_arena(void)
{
    static char first[64] __attribute__((aligned(16)));
    struct arena a;
    arena_open(&a, first, sizeof first, 128, 4096);
    char *texts[32];
    uint32_t missing = 0;
    for (uint32_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        char name[40];
        memset(name, 'a' + (int)(i % 26), sizeof name);
        size_t total = a.total;
        texts[i] = i % 2 ? arena_text(&a, slice_of(name, i)) : arena_take(&a, sizeof name);
        if (!texts[i]) {
            missing++;
            assert_int_equal(a.total, total);
            continue;
        }
        if (i % 2 == 0)
            memcpy(texts[i], name, sizeof name);
    }
    assert_int_equal(missing, has_failed ? 1 : 0);
    for (uint32_t i = 0; i < ARRAY_LENGTH(texts); i++)
        for (uint32_t k = 0; texts[i] && k < (i % 2 ? i : 40); k++)
            assert_int_equal(texts[i][k], 'a' + (int)(i % 26));
    arena_reset(&a);
    assert_ptr_equal(arena_take(&a, 1), first);
    arena_close(&a);
}

TEST(an_arena_survives_each_request_that_fails)
{
    assert_true(fail_each(use_arena) > 5);
}

static void use_buffers(void)
{
    struct buffer *taken[6];
    uint32_t missing = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < ARRAY_LENGTH(taken); i++) {
        taken[i] = i % 3 == 2 ? buffer_take_large(3 * BUFFER_BYTES) : buffer_take();
        missing += taken[i] == NULL;
        bytes += taken[i] ? buffer_room(taken[i]) : 0;
        assert_int_equal(buffer_bytes_in_use(), bytes);
    }
    assert_int_equal(missing, has_failed ? 1 : 0);
    for (uint32_t i = 0; i < ARRAY_LENGTH(taken); i++)
        buffer_drop(&taken[i]);
    assert_int_equal(buffer_bytes_in_use(), 0);
    buffer_pool_trim(0);
}

TEST(buffers_are_accounted_when_a_request_fails)
{
    buffer_limit(64 * BUFFER_BYTES);
    assert_int_equal(fail_each(use_buffers), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_survives_each_request_that_fails),
        cmocka_unit_test(buffers_are_accounted_when_a_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
