#include "base/buffer.h"
#include "base/test.h"

TEST(buffers_are_bounded_and_warm)
{
    buffer_limit(2 * BUFFER_BYTES);
    struct buffer *one = buffer_take(), *two = buffer_take();
    assert_non_null(one);
    assert_non_null(two);
    assert_null(buffer_take());
    buffer_release(two);
    assert_ptr_equal(buffer_take(), two);
    buffer_release(two);
    assert_null(buffer_take_large(4 * BUFFER_BYTES));
    buffer_release(one);
    buffer_limit(8 * BUFFER_BYTES);
    struct buffer *large = buffer_take_large(4 * BUFFER_BYTES);
    assert_int_equal(buffer_room(large), 4 * BUFFER_BYTES);
    buffer_release(large);
    assert_int_equal(buffer_bytes_in_use(), 0);
    buffer_pool_trim(0);
}

TEST(what_waits_is_refused_before_what_begins)
{
    struct buffer *taken[8];
    buffer_limit(8 * BUFFER_BYTES);
    assert_false(buffers_are_scarce());
    for (int i = 0; i < 7; i++)
        assert_non_null(taken[i] = buffer_take_large(1));
    assert_true(buffers_are_scarce());
    assert_false(buffers_are_at_limit());
    assert_null(buffer_take_large(1));
    assert_non_null(taken[7] = buffer_take());
    assert_true(buffers_are_at_limit());
    assert_null(buffer_take());
    for (int i = 0; i < 8; i++)
        buffer_release(taken[i]);
    assert_int_equal(buffer_bytes_in_use(), 0);
    buffer_pool_trim(0);
}

TEST(buffer_compacts)
{
    struct buffer *b = buffer_take();
    memcpy(b->memory, "xxab", 4);
    b->start = 2;
    b->end = 4;
    buffer_compact(b);
    assert_slice_equal(slice_of(b->memory, buffer_length(b)), SLICE("ab"));
    buffer_release(b);
    buffer_pool_trim(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_bounded_and_warm),
        cmocka_unit_test(what_waits_is_refused_before_what_begins),
        cmocka_unit_test(buffer_compacts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
