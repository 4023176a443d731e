#include "waf/byte_set.h"

#include "base/test.h"
#include "waf/work.h"

#include <errno.h>
#include <stdlib.h>

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

TEST(work_is_paid_for_what_is_looked_at)
{
    enum { BLANKS = 3 * WORK_BLOCK + 7, BYTES = 2 * BLANKS + 3 };
    char *text = malloc(BYTES), *copy = malloc(BYTES);
    struct work w;
    size_t at;
    slice trimmed;
    assert_true(text && copy);
    memset(text, ' ', BYTES);
    memcpy(text + BLANKS, "a b", 3);
    work_open(&w, 0, NULL, NULL);
    assert_int_equal(work_trim(&w, slice_of(text, BYTES), &trimmed), 0);
    assert_slice_equal(trimmed, SLICE("a b"));
    assert_int_equal(work_spent(&w), 2 * BLANKS);
    assert_int_equal(work_trim(&w, slice_of(text, BLANKS), &trimmed), 0);
    assert_int_equal(trimmed.len, 0);
    assert_int_equal(work_trim(&w, slice_of(text, WORK_BLOCK), &trimmed), 0);
    assert_int_equal(trimmed.len, 0);
    work_open(&w, 0, NULL, NULL);
    assert_int_equal(work_find_byte(&w, slice_of(text, BYTES), 'b', &at), 0);
    assert_int_equal(at, BLANKS + 2);
    assert_int_equal(work_find_byte(&w, slice_of(text, BYTES), 'c', &at), 0);
    assert_int_equal(at, BYTES);
    assert_in_range(work_spent(&w), (BLANKS + BYTES) / 4, BLANKS + BYTES);
    assert_int_equal(work_copy(&w, copy, slice_of(text, BYTES)), 0);
    assert_memory_equal(copy, text, BYTES);
    work_open(&w, 1, NULL, NULL);
    w.until_pause = 0;
    assert_int_equal(work_find_byte(&w, slice_of(text, BYTES), 'b', &at), -EDQUOT);
    w.until_pause = 0;
    assert_int_equal(work_trim(&w, slice_of(text, BYTES), &trimmed), -EDQUOT);
    w.until_pause = 0;
    assert_int_equal(work_copy(&w, copy, slice_of(text, BYTES)), -EDQUOT);
    free(copy);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_holds_what_was_added),
        cmocka_unit_test(work_pauses_and_ends_at_its_limit),
        cmocka_unit_test(work_is_paid_for_what_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
