/* A chain of buffers gives back what was put into it, in whatever pieces, and keeps nothing. */
#include "base/chain.h"

#include <errno.h>

#include "base/test.h"

TEST(a_chain_gives_back_what_was_put_in_whatever_the_pieces)
{
    static const size_t steps[] = { 1, 7, 4096, BUFFER_BYTES - 9, BUFFER_BYTES, 3 * BUFFER_BYTES };
    static char in[5 * BUFFER_BYTES], out[sizeof in];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (char)(i * 31 + i / 251);
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        struct chain c = { 0 };
        size_t put = 0, got = 0;
        while (got < sizeof in) {
            size_t count = put + steps[i] < sizeof in ? steps[i] : sizeof in - put;
            assert_int_equal(chain_append(&c, slice_of(in + put, count)), 0);
            put += count;
            got += chain_take(&c, out + got, steps[i] / 2 + 1);
            assert_int_equal(c.length, put - got);
        }
        assert_memory_equal(in, out, sizeof in);
        assert_null(c.first);
        assert_int_equal(buffer_bytes_in_use(), 0);
    }
}

TEST(a_chain_shows_its_pieces_without_taking_them)
{
    struct chain c = { 0 };
    static char in[3 * BUFFER_BYTES];
    uint64_t seen = 0;
    memset(in, 'x', sizeof in);
    assert_int_equal(chain_append(&c, slice_of(in, sizeof in)), 0);
    while (seen < c.length) {
        slice piece = chain_piece(&c, seen);
        assert_true(piece.len > 0);
        seen += piece.len;
    }
    assert_int_equal(seen, sizeof in);
    assert_int_equal(chain_piece(&c, seen).len, 0);
    chain_skip(&c, BUFFER_BYTES + 5);
    assert_int_equal(c.length, sizeof in - BUFFER_BYTES - 5);
    chain_close(&c);
    assert_int_equal(c.length, 0);
    assert_int_equal(chain_piece(&c, 0).len, 0);
    assert_int_equal(buffer_bytes_in_use(), 0);
}

TEST(a_chain_is_bounded_by_the_limit_of_buffers)
{
    struct chain c = { 0 };
    static char in[BUFFER_BYTES];
    int result = 0;
    buffer_limit(16 * BUFFER_BYTES);
    for (int i = 0; i < 100 && result == 0; i++)
        result = chain_append(&c, slice_of(in, sizeof in));
    assert_int_equal(result, -ENOBUFS);
    chain_close(&c);
    assert_int_equal(buffer_bytes_in_use(), 0);
    buffer_limit(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_gives_back_what_was_put_in_whatever_the_pieces),
        cmocka_unit_test(a_chain_shows_its_pieces_without_taking_them),
        cmocka_unit_test(a_chain_is_bounded_by_the_limit_of_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
