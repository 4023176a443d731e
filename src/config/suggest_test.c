#include "base/test.h"
#include "config/suggest.h"

TEST(distance_counts_errors_of_typing)
{
    static const struct {
        slice a, b;
        uint32_t distance;
    } cases[] = {
        { SLICE("limit"), SLICE("limit"), 0 },     { SLICE("limt"), SLICE("limit"), 1 },
        { SLICE("lmiit"), SLICE("limit"), 1 },     { SLICE("Limit"), SLICE("limit"), 0 },
        { SLICE("head"), SLICE("body"), 4 },       { SLICE(""), SLICE("abc"), 3 },
        { SLICE("kitten"), SLICE("sitting"), 3 },  { SLICE("ca"), SLICE("abc"), 3 },
        { SLICE("workers"), SLICE("wrokres"), 2 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (edit_distance(cases[i].a, cases[i].b) != cases[i].distance)
            fail_msg("%.*s", SLICE_ARGUMENTS(cases[i].a));
        assert_int_equal(edit_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

TEST(words_that_are_too_long_are_not_compared)
{
    char text[200];
    memset(text, 'a', sizeof text);
    assert_int_equal(edit_distance(slice_of(text, 200), slice_of(text, 199)), UINT32_MAX);
}

TEST(the_nearest_word_is_offered_and_only_when_it_is_near)
{
    struct suggestion s = suggestion_for(SLICE("tiemout"));
    suggestion_offer(&s, SLICE("to"));
    suggestion_offer(&s, SLICE("timeout"));
    suggestion_offer(&s, SLICE("limits"));
    assert_slice_equal(s.best, SLICE("timeout"));
    s = suggestion_for(SLICE("xy"));
    suggestion_offer(&s, SLICE("to"));
    suggestion_offer(&s, SLICE("on"));
    assert_int_equal(s.best.len, 0);
    s = suggestion_for(SLICE("x"));
    suggestion_offer(&s, SLICE("y"));
    assert_int_equal(s.best.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_errors_of_typing),
        cmocka_unit_test(words_that_are_too_long_are_not_compared),
        cmocka_unit_test(the_nearest_word_is_offered_and_only_when_it_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
