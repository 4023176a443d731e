/* Questions to lists in the DNS and what they have said: what dying and hostile workers leave. */
#include <errno.h>
#include <stdio.h>

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

static int ask(uint32_t slot, const char *name)
{
    bool must_wake;
    return dns_answers_ask(m.dns_answers, slot, slice_from(name), &must_wake);
}

static struct dns_answer answer_of(const char *name, enum dns_word word, int64_t until_ms)
{
    struct dns_answer a = { .word = word, .until_ms = until_ms, .address = { 127, 0, 0, 2 } };
    a.name.bytes = (uint32_t)strlen(name);
    memcpy(a.name.text, name, a.name.bytes);
    return a;
}

static void put(const char *name, enum dns_word word, int64_t until_ms, int64_t now_ms)
{
    struct dns_answer a = answer_of(name, word, until_ms);
    dns_answers_put(m.dns_answers, &a, now_ms);
}

static bool has(const char *name, int64_t now_ms)
{
    struct dns_answer got;
    return dns_answers_find(m.dns_answers, slice_from(name), now_ms, &got);
}

TEST(dns_questions_come_out_as_they_were_put)
{
    struct dns_name got;
    assert_false(dns_answers_take(m.dns_answers, &got));
    assert_int_equal(ask(3, "a.example"), 0);
    assert_true(dns_answers_take(m.dns_answers, &got));
    assert_string_equal(got.text, "a.example");
    assert_int_equal(got.bytes, 9);
    assert_false(dns_answers_take(m.dns_answers, &got));
}

TEST(dns_questions_that_are_asked_already_take_no_box)
{
    struct dns_name got;
    for (uint32_t i = 0; i < 2 * DNS_QUESTIONS_MAX; i++)
        assert_int_equal(ask(i % 4, "a.example"), 0);
    assert_true(dns_answers_take(m.dns_answers, &got));
    assert_false(dns_answers_take(m.dns_answers, &got));
}

TEST(dns_questions_have_a_maximum)
{
    char name[DNS_NAME_MAX + 2];
    struct dns_name got;
    memset(name, 'a', DNS_NAME_MAX + 1);
    name[DNS_NAME_MAX + 1] = '\0';
    assert_int_equal(ask(0, name), -EMSGSIZE);
    assert_int_equal(ask(0, ""), -EMSGSIZE);
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        snprintf(name, sizeof name, "%u.example", i);
        assert_int_equal(ask(0, name), 0);
    }
    assert_int_equal(ask(0, "a.example"), -EAGAIN);
    assert_int_equal(ask(0, "7.example"), 0);
    assert_true(dns_answers_take(m.dns_answers, &got));
    assert_int_equal(ask(0, "a.example"), 0);
}

TEST(dns_whoever_sleeps_has_to_be_woken)
{
    bool must_wake;
    assert_int_equal(dns_answers_ask(m.dns_answers, 0, SLICE("a.example"), &must_wake), 0);
    assert_true(must_wake);
    dns_answers_set_awake(m.dns_answers, true);
    assert_int_equal(dns_answers_ask(m.dns_answers, 0, SLICE("a.example"), &must_wake), 0);
    assert_false(must_wake);
}

TEST(dns_a_dead_worker_leaves_no_box_behind)
{
    struct dns_name got;
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) /* they died while they filled it */
        m.dns_answers->boxes[i].state = 2 + 7;
    assert_false(dns_answers_take(m.dns_answers, &got));
    dns_answers_release(m.dns_answers, 6);
    assert_int_equal(ask(6, "a.example"), -EAGAIN);
    dns_answers_release(m.dns_answers, 7);
    assert_int_equal(ask(6, "a.example"), 0);
}

TEST(dns_hostile_lengths_are_passed_over)
{
    static const uint32_t lengths[] = { 0, DNS_NAME_MAX + 1, UINT32_MAX };
    struct dns_name got;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        assert_int_equal(ask(0, "a.example"), 0);
        m.dns_answers->boxes[0].name.bytes = lengths[i];
        assert_int_equal(ask(0, "b.example"), 0);
        assert_true(dns_answers_take(m.dns_answers, &got));
        assert_string_equal(got.text, "b.example");
        assert_false(dns_answers_take(m.dns_answers, &got));
    }
}

TEST(dns_answers_count_until_they_end)
{
    struct dns_answer got;
    put("a.example", DNS_HAS_ADDRESS, 2000, 1000);
    assert_true(dns_answers_find(m.dns_answers, SLICE("a.example"), 1999, &got));
    assert_int_equal(got.word, DNS_HAS_ADDRESS);
    assert_int_equal(got.address[3], 2);
    assert_false(has("a.example", 2000));
    assert_false(has("b.example", 1000));
    put("a.example", DNS_HAS_NONE, 3000, 2000);
    assert_true(dns_answers_find(m.dns_answers, SLICE("a.example"), 2000, &got));
    assert_int_equal(got.word, DNS_HAS_NONE);
}

TEST(dns_answers_half_written_are_not_read)
{
    put("a.example", DNS_HAS_ADDRESS, 2000, 1000);
    for (uint32_t i = 0; i < DNS_ANSWERS_MAX; i++)
        m.dns_answers->answers[i].version |= 1;
    assert_false(has("a.example", 1000));
    put("a.example", DNS_HAS_ADDRESS, 2000, 1000);
    assert_true(has("a.example", 1000));
}

TEST(dns_answers_of_no_kind_are_not_believed)
{
    put("a.example", (enum dns_word)77, 2000, 1000);
    assert_false(has("a.example", 1000));
}

TEST(dns_answers_beyond_the_table_let_those_go_that_end_first)
{
    char name[32];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < 2 * DNS_ANSWERS_MAX; i++) {
        snprintf(name, sizeof name, "%u.example", i);
        put(name, DNS_HAS_NONE, 10000 + i, 1000);
        assert_true(has(name, 1000));
    }
    for (uint32_t i = 0; i < 2 * DNS_ANSWERS_MAX; i++) {
        snprintf(name, sizeof name, "%u.example", i);
        kept += has(name, 1000);
    }
    assert_true(kept <= DNS_ANSWERS_MAX && kept > DNS_ANSWERS_MAX / 2);
    put("first.example", DNS_HAS_NONE, 1000000, 999999); /* all others are over */
    assert_true(has("first.example", 999999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        ONE(dns_questions_come_out_as_they_were_put),
        ONE(dns_questions_that_are_asked_already_take_no_box),
        ONE(dns_questions_have_a_maximum),
        ONE(dns_whoever_sleeps_has_to_be_woken),
        ONE(dns_a_dead_worker_leaves_no_box_behind),
        ONE(dns_hostile_lengths_are_passed_over),
        ONE(dns_answers_count_until_they_end),
        ONE(dns_answers_half_written_are_not_read),
        ONE(dns_answers_of_no_kind_are_not_believed),
        ONE(dns_answers_beyond_the_table_let_those_go_that_end_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
