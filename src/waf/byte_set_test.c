#include "waf/byte_set.h"

#include "base/test.h"
#include "waf/work.h"

#include <errno.h>

TEST(a_set_holds_what_was_added)
{
    struct byte_set s = { 0 }, other = { 0 };
    byte_set_add_range(&s, 'a', 'z');
    byte_set_add(&s, 0xff);
    assert_int_equal(byte_set_count(&s), 27);
    assert_true(byte_set_has(&s, 'm') && byte_set_has(&s, 0xff) && !byte_set_has(&s, 'A'));
    byte_set_add(&other, 'A');
    assert_false(byte_set_meets(&s, &other));
    byte_set_unite(&s, &other);
    assert_true(byte_set_meets(&s, &other));
    byte_set_remove(&s, 'A');
    byte_set_invert(&s);
    assert_int_equal(byte_set_count(&s), 256 - 27);
    byte_set_add_range(&s, 0, 255);
    assert_int_equal(byte_set_count(&s), 256);
}

static bool count_pauses(void *context)
{
    return ++*(unsigned *)context < 3;
}

TEST(work_pauses_and_ends_at_its_limit)
{
    unsigned pauses = 0;
    struct work w;
    work_open(&w, 0, count_pauses, &pauses);
    int failure = 0;
    size_t calls = 0;
    for (; !failure && calls < 1000; calls++)
        failure = work_spend(&w, WORK_BLOCK);
    assert_int_equal(failure, -ECANCELED);
    assert_int_equal(pauses, 3);
    assert_int_equal(work_spent(&w), calls * WORK_BLOCK);

    work_open(&w, 3 * WORK_PAUSE_STEPS, NULL, NULL);
    assert_int_equal(work_spend(&w, 2 * WORK_PAUSE_STEPS), 0);
    assert_int_equal(work_spend(&w, 2 * WORK_PAUSE_STEPS), -EDQUOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_holds_what_was_added),
        cmocka_unit_test(work_pauses_and_ends_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
