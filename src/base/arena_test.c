#include "base/arena.h"
#include "base/test.h"

TEST(arena_gives_zeroed_aligned_memory_from_the_callers_block_first)
{
    static char first[64] __attribute__((aligned(16)));
    memset(first, 'x', sizeof first);
    struct arena a;
    arena_open(&a, first, sizeof first, 256, 4096);
    char *one = arena_take(&a, 20);
    assert_ptr_equal(one, first);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(one[i], 0);
    char *two = arena_take(&a, 20);
    assert_int_equal((uintptr_t)two % 16, 0);
    assert_non_null(arena_take(&a, 100)); /* a block of its own */
    arena_reset(&a);
    assert_ptr_equal(arena_take(&a, 1), first);
    arena_close(&a);
}

TEST(arena_stops_at_its_limit)
{
    struct arena a;
    arena_open(&a, NULL, 0, 512, 1024);
    assert_non_null(arena_take(&a, 400));
    assert_null(arena_take(&a, 1024));
    assert_non_null(arena_take(&a, 400)); /* still usable */
    assert_null(arena_take_array(&a, SIZE_MAX / 2, 3));
    arena_close(&a);
}

TEST(arena_takes_back_the_end_of_the_newest_piece)
{
    struct arena a;
    arena_open(&a, NULL, 0, 512, 1024);
    char *first = arena_take(&a, 100);
    char *second = arena_take(&a, 100);
    memset(second, 'x', 100);
    arena_give_back(&a, first, 100, 0); /* not the newest: stays */
    arena_give_back(&a, second, 100, 17);
    char *third = arena_take(&a, 100);
    assert_ptr_equal(third, second + 32);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(third[i], 0);
    arena_close(&a);
}

TEST(arena_gives_bytes_without_touching_them)
{
    static char first[64] __attribute__((aligned(16)));
    memset(first, 'x', sizeof first);
    struct arena a;
    arena_open(&a, first, sizeof first, 256, 1024);
    char *one = arena_take_bytes(&a, 20);
    assert_ptr_equal(one, first);
    assert_int_equal(one[19], 'x');
    assert_ptr_equal(arena_take_bytes(&a, 32), first + 32);
    assert_int_equal((uintptr_t)arena_take_bytes(&a, 500) % 16, 0);
    assert_null(arena_take_bytes(&a, 1024));
    assert_null(arena_take_bytes(&a, SIZE_MAX));
    arena_close(&a);
}

TEST(arena_is_freed_in_pieces)
{
    enum { BLOCK = 4096, BLOCKS = 10 };
    struct purse purse = { .max = 1 << 20 };
    struct arena a;
    arena_open(&a, NULL, 0, BLOCK, 1 << 20);
    arena_pay_from(&a, &purse);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_non_null(arena_take_bytes(&a, BLOCK));
    uint64_t before = purse.used;
    unsigned pieces = 1;
    while (arena_free_some(&a, 2 * BLOCK)) {
        assert_true(before - purse.used >= 2 * BLOCK && before - purse.used < 3 * BLOCK);
        before = purse.used;
        pieces++;
    }
    assert_int_equal(pieces, BLOCKS / 2);
    assert_int_equal(purse.used, 0);
    assert_false(arena_free_some(&a, BLOCK));
    arena_close(&a);
}

TEST(arena_frees_a_large_block_from_its_end)
{
    enum { LARGE = 5 << 20, PIECE = 1 << 20 };
    struct purse purse = { .max = 16 << 20 };
    struct arena a;
    arena_open(&a, NULL, 0, 16384, SIZE_MAX);
    arena_pay_from(&a, &purse);
    char *small = arena_take_bytes(&a, 10000), *large = arena_take_bytes(&a, LARGE);
    assert_non_null(small);
    assert_non_null(large);
    memset(small, 's', 10000);
    memset(large, 'l', LARGE);
    for (unsigned left = LARGE / PIECE - 1; left > 0; left--) {
        uint64_t before = purse.used;
        assert_true(arena_free_some(&a, PIECE));
        assert_int_equal(before - purse.used, PIECE);
        assert_int_equal(large[0], 'l'); /* the beginning is the block's until the last */
        assert_int_equal(small[9999], 's');
    }
    assert_true(arena_free_some(&a, PIECE));
    assert_int_equal(purse.used, 16384);
    assert_false(arena_free_some(&a, PIECE));
    assert_int_equal(purse.used, 0);
    arena_close(&a);
}

TEST(arena_takes_larger_blocks_as_it_grows_and_small_ones_where_those_do_not_fit)
{
    enum { BLOCK = 16384, MANY = 32 << 20 };
    struct purse purse = { .max = SIZE_MAX };
    struct arena a;
    arena_open(&a, NULL, 0, BLOCK, MANY);
    arena_pay_from(&a, &purse);
    size_t taken = 0, blocks = 0, used = 0;
    while (arena_take_bytes(&a, 4080)) {
        taken += 4080;
        if (purse.used != used) {
            blocks++;
            assert_true(purse.used - used <= BLOCK || purse.used - used <= a.total / 8);
            assert_in_range(purse.used - used, 4096, 1 << 20);
            used = purse.used;
        }
    }
    assert_int_equal(a.refused, ARENA_AT_LIMIT);
    assert_in_range(taken, MANY - MANY / 64, MANY); /* what blocks leave at their ends */
    assert_in_range(blocks, 32, 400);
    arena_close(&a);
    assert_int_equal(purse.used, 0);
}

TEST(arenas_pay_from_one_purse_and_leave_some_to_those_who_have_little)
{
    struct purse purse = { .max = 1 << 20 };
    struct arena large, little;
    arena_open(&large, NULL, 0, 65536, SIZE_MAX);
    arena_open(&little, NULL, 0, 65536, SIZE_MAX);
    arena_pay_from(&large, &purse);
    arena_pay_from(&little, &purse);
    assert_int_equal(large.refused, ARENA_NOT_REFUSED);
    while (arena_take_bytes(&large, 10000))
        ;
    assert_int_equal(large.refused, ARENA_PURSE_EMPTY);
    assert_in_range(purse.used, (7 << 17) - 65536, 7 << 17);
    assert_non_null(arena_take(&little, 10000));
    arena_reset(&large);
    assert_int_equal(purse.used, 65536);
    assert_non_null(arena_take(&large, 800000));
    assert_null(arena_take(&little, 300000));
    assert_int_equal(little.refused, ARENA_PURSE_EMPTY);
    arena_close(&large);
    assert_non_null(arena_take(&little, 300000));
    arena_close(&little);
    assert_int_equal(purse.used, 0);
    arena_open(&little, NULL, 0, 512, 1000);
    arena_pay_from(&little, &purse);
    assert_null(arena_take(&little, 1000));
    assert_int_equal(little.refused, ARENA_AT_LIMIT);
    assert_int_equal(purse.used, 0);
}

TEST(arena_copies_text)
{
    struct arena a;
    arena_open(&a, NULL, 0, 512, 1024);
    assert_string_equal(arena_text(&a, SLICE("name")), "name");
    assert_slice_equal(arena_copy(&a, SLICE("value")), SLICE("value"));
    assert_non_null(arena_copy(&a, SLICE("")).ptr);
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_aligned_memory_from_the_callers_block_first),
        cmocka_unit_test(arena_stops_at_its_limit),
        cmocka_unit_test(arena_takes_back_the_end_of_the_newest_piece),
        cmocka_unit_test(arena_gives_bytes_without_touching_them),
        cmocka_unit_test(arena_is_freed_in_pieces),
        cmocka_unit_test(arena_frees_a_large_block_from_its_end),
        cmocka_unit_test(
            arena_takes_larger_blocks_as_it_grows_and_small_ones_where_those_do_not_fit),
        cmocka_unit_test(arenas_pay_from_one_purse_and_leave_some_to_those_who_have_little),
        cmocka_unit_test(arena_copies_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
