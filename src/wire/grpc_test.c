/* What gRPC says in fields. */
#include "wire/grpc.h"

#include <errno.h>

#include "base/test.h"

TEST(grpc_is_known_by_its_content_type)
{
    static const struct {
        slice value;
        bool is;
    } cases[] = {
        { SLICE("application/grpc"), true },
        { SLICE("application/grpc+proto"), true },
        { SLICE("Application/GRPC+json"), true },
        { SLICE("application/grpc;charset=x"), true },
        { SLICE("application/grpc-web"), false },
        { SLICE("application/grpc-web+proto"), false },
        { SLICE("application/grpcx"), false },
        { SLICE("application/json"), false },
        { SLICE(""), false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(grpc_is_content_type(cases[i].value), cases[i].is);
}

TEST(grpc_timeouts_have_a_unit_and_at_most_eight_digits)
{
    static const struct {
        slice value;
        int result;
        int64_t ms;
    } cases[] = {
        { SLICE("1H"), 0, 3600000 },
        { SLICE("2M"), 0, 120000 },
        { SLICE("3S"), 0, 3000 },
        { SLICE("250m"), 0, 250 },
        { SLICE("1500u"), 0, 2 },
        { SLICE("1n"), 0, 1 },
        { SLICE("0m"), 0, 0 },
        { SLICE("99999999H"), 0, 359999996400000 },
        { SLICE("123456789m"), -EINVAL, 0 },
        { SLICE("m"), -EINVAL, 0 },
        { SLICE("5"), -EINVAL, 0 },
        { SLICE("5s"), -EINVAL, 0 },
        { SLICE("-5S"), -EINVAL, 0 },
        { SLICE("+5S"), -EINVAL, 0 },
        { SLICE("5 S"), -EINVAL, 0 },
        { SLICE("1.5S"), -EINVAL, 0 },
        { SLICE(""), -EINVAL, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t ms = -1;
        assert_int_equal(grpc_timeout_parse(cases[i].value, &ms), cases[i].result);
        if (cases[i].result == 0)
            assert_int_equal(ms, cases[i].ms);
    }
}

TEST(grpc_status_follows_the_mapping)
{
    static const uint16_t rows[][2] = { { 400, 13 }, { 401, 16 }, { 403, 7 },  { 404, 12 },
                                        { 408, 14 }, { 413, 8 },  { 429, 14 }, { 431, 8 },
                                        { 500, 2 },  { 502, 14 }, { 503, 14 }, { 504, 14 },
                                        { 421, 2 } };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(grpc_status_of(rows[i][0]), rows[i][1]);
}

TEST(grpc_message_is_percent_encoded)
{
    char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    grpc_message_write(&w, SLICE("a b%\xc3\xa4\n~"));
    assert_slice_equal(writer_slice(&w), SLICE("a b%25%C3%A4%0A~"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grpc_is_known_by_its_content_type),
        cmocka_unit_test(grpc_timeouts_have_a_unit_and_at_most_eight_digits),
        cmocka_unit_test(grpc_status_follows_the_mapping),
        cmocka_unit_test(grpc_message_is_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
