/* Questions and answers about clients' certificates: what dying and hostile workers leave. */
#include <errno.h>

#include "base/test.h"
#include "shared/memory.h"

static struct shared_memory m;

static int set_up(UNUSED void **state)
{
    return shared_memory_create(&m);
}

static int tear_down(UNUSED void **state)
{
    shared_memory_close(&m);
    return 0;
}

static struct status_key key_of(uint8_t first)
{
    uint8_t hash[STATUS_LEAF_HASH_BYTES] = { first };
    return statuses_key(m.statuses, hash, SLICE(""));
}

static const struct status_request question = { SLICE("leaf"), SLICE("issuer"),
                                                SLICE("http://a.test/") };

TEST(statuses_questions_come_out_as_they_were_put)
{
    static struct status_question got;
    assert_false(statuses_take(m.statuses, &got));
    assert_int_equal(statuses_ask(m.statuses, 3, &question), 0);
    assert_true(statuses_take(m.statuses, &got));
    assert_memory_equal(got.leaf, "leaf", got.leaf_bytes);
    assert_memory_equal(got.issuer, "issuer", got.issuer_bytes);
    assert_memory_equal(got.responder, "http://a.test/", got.responder_bytes);
    assert_int_equal(got.leaf_bytes + got.issuer_bytes + got.responder_bytes, 4 + 6 + 14);
    assert_false(statuses_take(m.statuses, &got));
}

TEST(statuses_questions_have_a_maximum)
{
    static const char large[STATUS_DER_MAX + 1];
    static struct status_question got;
    struct status_request too_long = question;
    too_long.leaf = slice_of(large, sizeof large);
    assert_int_equal(statuses_ask(m.statuses, 0, &too_long), -EMSGSIZE);
    for (uint32_t i = 0; i < STATUS_QUESTIONS_MAX; i++)
        assert_int_equal(statuses_ask(m.statuses, i, &question), 0);
    assert_int_equal(statuses_ask(m.statuses, 0, &question), -EAGAIN);
    assert_true(statuses_take(m.statuses, &got));
    assert_int_equal(statuses_ask(m.statuses, 0, &question), 0);
}

TEST(statuses_a_dead_worker_leaves_no_box_behind)
{
    static struct status_question got;
    for (uint32_t i = 0; i < STATUS_QUESTIONS_MAX; i++) /* they died while they filled it */
        m.statuses->boxes[i].state = 2 + 7;
    assert_false(statuses_take(m.statuses, &got));
    statuses_release(m.statuses, 6);
    assert_int_equal(statuses_ask(m.statuses, 6, &question), -EAGAIN);
    statuses_release(m.statuses, 7);
    assert_int_equal(statuses_ask(m.statuses, 6, &question), 0);
}

TEST(statuses_hostile_lengths_are_passed_over)
{
    static struct status_question got;
    assert_int_equal(statuses_ask(m.statuses, 0, &question), 0);
    m.statuses->boxes[0].question.leaf_bytes = STATUS_DER_MAX + 1;
    assert_int_equal(statuses_ask(m.statuses, 0, &question), 0);
    assert_true(statuses_take(m.statuses, &got));
    assert_int_equal(got.leaf_bytes, 4);
    assert_false(statuses_take(m.statuses, &got));
}

TEST(statuses_answers_count_until_they_end)
{
    struct status_answer got,
        a = { .key = key_of(1), .word = STATUS_REVOKED, .until_s = 100, .text = "keyCompromise" };
    struct status_key other = statuses_key(m.statuses, a.key.leaf, SLICE("http://other/"));
    assert_false(statuses_find(m.statuses, &a.key, 50, &got));
    statuses_answer(m.statuses, &a, 50);
    assert_true(statuses_find(m.statuses, &a.key, 99, &got));
    assert_int_equal(got.word, STATUS_REVOKED);
    assert_string_equal(got.text, "keyCompromise");
    assert_false(statuses_find(m.statuses, &a.key, 100, &got));
    assert_false(statuses_find(m.statuses, &other, 99, &got));
    a.word = STATUS_GOOD;
    statuses_answer(m.statuses, &a, 50); /* in the same place */
    assert_true(statuses_find(m.statuses, &a.key, 50, &got));
    assert_int_equal(got.word, STATUS_GOOD);
}

TEST(statuses_the_answer_that_ends_first_gives_way)
{
    struct status_answer got, a = { .word = STATUS_GOOD };
    uint32_t kept = 0;
    for (int i = 0; i < 2 * (int)STATUS_ANSWERS_MAX; i++) {
        a.key.responder = (uint64_t)i;
        a.until_s = 1000 + i;
        statuses_answer(m.statuses, &a, 1);
        assert_true(statuses_find(m.statuses, &a.key, 1, &got));
    }
    for (int i = 0; i < 2 * (int)STATUS_ANSWERS_MAX; i++) {
        a.key.responder = (uint64_t)i;
        kept += statuses_find(m.statuses, &a.key, 1, &got);
    }
    assert_in_range(kept, STATUS_ANSWERS_MAX * 9 / 10, STATUS_ANSWERS_MAX);
}

TEST(statuses_what_a_dead_writer_left_is_never_read_and_written_over)
{
    struct status_answer got, a = { .key = key_of(1), .word = STATUS_GOOD, .until_s = 100 };
    statuses_answer(m.statuses, &a, 50);
    for (uint32_t i = 0; i < STATUS_ANSWERS_MAX; i++)
        m.statuses->answers[i].version |= 1;
    assert_false(statuses_find(m.statuses, &a.key, 50, &got));
    statuses_answer(m.statuses, &a, 50);
    assert_true(statuses_find(m.statuses, &a.key, 50, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statuses_questions_come_out_as_they_were_put, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(statuses_questions_have_a_maximum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statuses_a_dead_worker_leaves_no_box_behind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(statuses_hostile_lengths_are_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(statuses_answers_count_until_they_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statuses_the_answer_that_ends_first_gives_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            statuses_what_a_dead_writer_left_is_never_read_and_written_over, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
