/* What a client of HTTP/2 may cost: whatever it sends, the work it makes is bounded by what it has
 * and a constant times what is useful. */
#include "base/test.h"
#include "proxy/h2_budget.h"

#define CAPACITY 10000

static struct h2_budget budget;
static uint32_t seed;

static uint32_t roll(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static nghttp2_frame_hd frame_of(uint8_t type, uint8_t flags, size_t length)
{
    return (nghttp2_frame_hd){ .type = type, .flags = flags, .length = length };
}

/* How many of them an account that nothing fills takes. */
static uint32_t frames_until_spent(uint8_t type, uint8_t flags, size_t length)
{
    uint32_t count = 0;
    nghttp2_frame_hd head = frame_of(type, flags, length);
    h2_budget_open(&budget, CAPACITY, 0);
    while (!h2_budget_is_spent(&budget) && count < 100000) {
        h2_budget_frame(&budget, &head);
        count++;
    }
    return count;
}

TEST(every_kind_of_frame_that_carries_nothing_is_paid_for)
{
    static const struct {
        uint8_t type, flags;
        size_t length;
        uint32_t most;
    } cases[] = {
        { NGHTTP2_DATA, 0, 0, 5001 },
        { NGHTTP2_RST_STREAM, 0, 4, 1001 },
        { NGHTTP2_SETTINGS, 0, 0, 1001 },
        { NGHTTP2_SETTINGS, 0, 180, 251 },
        { NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, 10001 },
        { NGHTTP2_PING, 0, 8, 2501 },
        { NGHTTP2_PRIORITY, 0, 5, 3334 },
        { NGHTTP2_PRIORITY_UPDATE, 0, 8, 3334 },
        { NGHTTP2_WINDOW_UPDATE, 0, 4, 10001 },
        { NGHTTP2_CONTINUATION, 0, 0, 501 },
        { NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 10, 2001 },
        { 0xee, 0, 0, 5001 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_in_range(frames_until_spent(cases[i].type, cases[i].flags, cases[i].length), 1,
                        cases[i].most);
}

TEST(what_a_good_client_does_costs_nothing_in_the_end)
{
    nghttp2_frame_hd request = frame_of(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 30);
    nghttp2_frame_hd window = frame_of(NGHTTP2_WINDOW_UPDATE, 0, 4);
    nghttp2_frame_hd upload = frame_of(NGHTTP2_DATA, 0, 64);
    nghttp2_frame_hd ping = frame_of(NGHTTP2_PING, 0, 8);
    h2_budget_open(&budget, CAPACITY, 0);
    for (int i = 0; i < 100000; i++) {
        h2_budget_frame(&budget, &request);
        h2_budget_sent(&budget, 2);
        h2_budget_frame(&budget, &window);
        h2_budget_frame(&budget, &window);
        h2_budget_frame(&budget, &ping);
        h2_budget_frame(&budget, &upload);
        h2_budget_data(&budget, 64);
        h2_budget_earn(&budget, H2_WORTH_OF_REQUEST);
        assert_false(h2_budget_is_spent(&budget));
    }
    assert_in_range(budget.left, CAPACITY - 100, CAPACITY);
}

TEST(work_is_bounded_by_what_is_useful)
{
    static const uint8_t types[] = { NGHTTP2_DATA,     NGHTTP2_HEADERS,       NGHTTP2_RST_STREAM,
                                     NGHTTP2_PING,     NGHTTP2_WINDOW_UPDATE, NGHTTP2_SETTINGS,
                                     NGHTTP2_PRIORITY, NGHTTP2_CONTINUATION };
    for (uint32_t run = 0; run < 200; run++) {
        uint64_t frames = 0, useful_bytes = 0, answered = 0, sent = 0;
        seed = run;
        h2_budget_open(&budget, CAPACITY, 0);
        while (!h2_budget_is_spent(&budget) && frames < 200000) {
            nghttp2_frame_hd head = frame_of(types[roll(ARRAY_LENGTH(types))], 0, roll(40));
            h2_budget_frame(&budget, &head);
            frames++;
            if (head.type == NGHTTP2_DATA) {
                h2_budget_data(&budget, head.length);
                useful_bytes += head.length;
            }
            if (head.type == NGHTTP2_HEADERS && roll(3) == 0) {
                h2_budget_earn(&budget, H2_WORTH_OF_REQUEST);
                answered++;
            } else if (roll(20) == 0) {
                h2_budget_sent(&budget, 1);
                sent++;
            }
        }
        assert_in_range(frames, 1,
                        CAPACITY + 1 + useful_bytes + H2_WORTH_OF_REQUEST * answered + 3 * sent);
    }
}

TEST(time_fills_an_account_but_not_above_its_edge)
{
    h2_budget_open(&budget, CAPACITY, 1000);
    h2_budget_charge(&budget, H2_RESETS, 10001);
    assert_true(h2_budget_is_spent(&budget));
    h2_budget_fill(&budget, 2000);
    assert_int_equal(budget.left, CAPACITY / 50 - 1);
    h2_budget_fill(&budget, 1000000);
    assert_int_equal(budget.left, CAPACITY);
    h2_budget_earn(&budget, 100);
    assert_int_equal(budget.left, CAPACITY);
}

TEST(the_main_expense_is_the_largest)
{
    h2_budget_open(&budget, CAPACITY, 0);
    h2_budget_charge(&budget, H2_DATA, 10);
    h2_budget_charge(&budget, H2_HEADS, 11);
    h2_budget_charge(&budget, H2_CONTROL, 9);
    assert_int_equal(h2_budget_main_expense(&budget), H2_HEADS);
}

TEST(connections_of_one_address_share_its_account)
{
    static struct accounts_segment accounts;
    struct ip one = { .bytes = { [7] = 1 } }, other = { .bytes = { [7] = 2 } };
    for (int i = 0; i < 4; i++) {
        h2_budget_open(&budget, CAPACITY, 0);
        assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 0), H2_SOLVENT);
        h2_budget_charge(&budget, H2_RESETS, CAPACITY);
        assert_true(h2_budget_report(&budget, &accounts, one, 0));
    }
    h2_budget_open(&budget, CAPACITY, 0);
    h2_budget_charge(&budget, H2_RESETS, 63);
    assert_true(h2_budget_report(&budget, &accounts, one, 0)); /* small sums wait */
    h2_budget_charge(&budget, H2_RESETS, 1);
    assert_false(h2_budget_report(&budget, &accounts, one, 0));
    assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 0), H2_IN_DEBT);
    assert_int_equal(h2_budget_standing(CAPACITY, &accounts, other, 0), H2_SOLVENT);
    assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 1000), H2_SOLVENT);
}

TEST(an_address_that_was_told_often_enough_is_shunned_until_time_has_paid)
{
    static struct accounts_segment accounts;
    struct ip one = { .bytes = { [7] = 1 } };
    h2_budget_open(&budget, CAPACITY, 0);
    h2_budget_charge(&budget, H2_RESETS, 4 * CAPACITY + 1);
    assert_false(h2_budget_report(&budget, &accounts, one, 0));
    for (int i = 0; i < 8; i++) {
        assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 0), H2_IN_DEBT);
        h2_budget_fine(&budget, &accounts, one, 0);
    }
    assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 0), H2_SHUNNED);
    assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 1000), H2_IN_DEBT);
    assert_int_equal(h2_budget_standing(CAPACITY, &accounts, one, 20000), H2_SOLVENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_frame_that_carries_nothing_is_paid_for),
        cmocka_unit_test(what_a_good_client_does_costs_nothing_in_the_end),
        cmocka_unit_test(work_is_bounded_by_what_is_useful),
        cmocka_unit_test(time_fills_an_account_but_not_above_its_edge),
        cmocka_unit_test(the_main_expense_is_the_largest),
        cmocka_unit_test(connections_of_one_address_share_its_account),
        cmocka_unit_test(an_address_that_was_told_often_enough_is_shunned_until_time_has_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
