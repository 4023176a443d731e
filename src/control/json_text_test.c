#include <unistd.h>

#include "base/test.h"
#include "control/json_text.h"

static void assert_shown(const char *json, const char *expected)
{
    int ends[2];
    char text[4096];
    assert_int_equal(pipe(ends), 0);
    json_text_write(ends[1], slice_from(json));
    close(ends[1]);
    ssize_t length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(length >= 0);
    text[length] = '\0';
    assert_string_equal(text, expected);
}

TEST(members_stand_on_lines_and_objects_of_lists_on_one)
{
    assert_shown(
        "{\"a\":1,\"b\":\"x y\",\"c\":{\"d\":true,\"e\":{\"f\":null}},"
        "\"g\":[{\"h\":1,\"i\":\"z\"},{\"h\":2}],\"j\":[1,\"two\"],\"k\":\"\"}\n",
        "a 1\nb x y\nc \n  d true\n  e \n    f null\ng \n  h 1  i z\n  h 2\nj \n  1\n  two\nk "
        "\n");
    assert_shown("{}", "");
    assert_shown("", "");
}

TEST(what_is_malformed_is_shown_without_harm)
{
    static const char *const texts[] = { "}}}]]", "{\"a", "{\"a\\", ":", "[[[[[[[[[[[[[[[[[[[[[[1",
                                         "{,,}" };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        json_text_write(ends[1], slice_from(texts[i]));
        close(ends[1]);
        close(ends[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_stand_on_lines_and_objects_of_lists_on_one),
        cmocka_unit_test(what_is_malformed_is_shown_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
