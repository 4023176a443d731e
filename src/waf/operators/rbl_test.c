/* The names by which lists in the DNS are asked, and what their answers are told as. */
#include "base/test.h"
#include "waf/operators/rbl.h"

#define KEY        "abcdefghijkl"
#define LONG_LABEL "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg" /* 63 */

/* name NULL: there is nothing to ask. */
static void check(const char *list, const char *value, const char *key, const char *name)
{
    char memory[RBL_NAME_MAX];
    struct list_question q;
    bool is_one = rbl_question(slice_from(list), slice_from(value), slice_from(key), memory, &q);
    if (is_one != (name != NULL))
        fail_msg("%s on %s: %d", value, list, is_one);
    if (name)
        assert_slice_equal(q.name, slice_from(name));
}

TEST(rbl_asks_for_addresses_in_reverse)
{
    check("list.example", "192.0.2.77", "", "77.2.0.192.list.example");
    check("list.example", "0.0.0.0", "", "0.0.0.0.list.example");
    check("list.example", "2001:db8::1", "",
          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.example");
    check("list.example", "2001:DB8:1234:5678:9ABC:DEF0:1234:5678", "",
          "8.7.6.5.4.3.2.1.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.8.b.d.0.1.0.0.2.list.example");
    check("list.example", "::ffff:192.0.2.77", "", "77.2.0.192.list.example");
    check("List.Example.", "192.0.2.77", "", "77.2.0.192.list.example");
}

TEST(rbl_asks_for_host_names_as_they_are)
{
    check("list.example", "Bad.Example", "", "bad.example.list.example");
    check("list.example", "bad.example.", "", "bad.example.list.example");
    check("list.example", "a_b-c", "", "a_b-c.list.example");
    check("list.example", LONG_LABEL, "", LONG_LABEL ".list.example");
}

TEST(rbl_asks_nothing_that_is_no_name)
{
    check("list.example", "", "", NULL);
    check("list.example", ".", "", NULL);
    check("list.example", "a..b", "", NULL);
    check("list.example", ".a", "", NULL);
    check("list.example", "a b", "", NULL);
    check("list.example", "a\\.b", "", NULL);
    check("list.example", "fe80::1%eth0", "", NULL);
    check("list.example", "192.0.2.77:80", "", NULL);
    check("list.example", LONG_LABEL "x", "", NULL);
    check("list.example", LONG_LABEL "." LONG_LABEL "." LONG_LABEL "." LONG_LABEL, "",
          NULL); /* 255 bytes */
    check("list.example", LONG_LABEL "." LONG_LABEL "." LONG_LABEL ".x", "",
          LONG_LABEL "." LONG_LABEL "." LONG_LABEL ".x.list.example");
}

TEST(rbl_takes_the_key_to_project_honey_pot_alone)
{
    check("dnsbl.httpbl.org", "192.0.2.77", KEY, KEY ".77.2.0.192.dnsbl.httpbl.org");
    check("DNSBL.HttpBL.org.", "192.0.2.77", KEY, KEY ".77.2.0.192.dnsbl.httpbl.org");
    check("dnsbl.httpbl.org", "192.0.2.77", "", NULL);
    check("dnsbl.httpbl.org", "2001:db8::1", KEY, NULL);
    check("dnsbl.httpbl.org", "bad.example", KEY, NULL);
    check("httpbl.org", "192.0.2.77", KEY, KEY ".77.2.0.192.httpbl.org");
    check("xttpbl.org", "192.0.2.77", KEY, "77.2.0.192.xttpbl.org");
    check("nothttpbl.org", "192.0.2.77", KEY, "77.2.0.192.nothttpbl.org");
    check("httpbl.org.example", "192.0.2.77", KEY, "77.2.0.192.httpbl.org.example");
}

TEST(rbl_lists_by_addresses_of_the_loopback_only)
{
    static const struct {
        uint8_t address[4];
        bool lists;
    } cases[] = {
        { { 127, 0, 0, 2 }, true },        { { 127, 255, 254, 2 }, true },
        { { 127, 255, 255, 254 }, false }, { { 127, 255, 255, 252 }, false },
        { { 192, 0, 2, 1 }, false },       { { 0, 0, 0, 0 }, false },
        { { 126, 0, 0, 2 }, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(list_address_lists(cases[i].address), cases[i].lists);
}

static void check_text(const char *list, uint8_t days, uint8_t score, uint8_t last,
                       const char *expected)
{
    char memory[RBL_NAME_MAX], text[RBL_TEXT_MAX];
    struct list_question q;
    struct writer w = writer_over(text, sizeof text);
    uint8_t address[4] = { 127, days, score, last };
    assert_true(rbl_question(slice_from(list), SLICE("192.0.2.77"), SLICE(KEY), memory, &q));
    rbl_describe(&w, &q, SLICE("TX:checkip"), address);
    assert_slice_equal(writer_slice(&w), slice_from(expected));
}

TEST(rbl_tells_what_the_answers_mean)
{
    check_text("list.example", 0, 0, 2,
               "RBL lookup of 77.2.0.192.list.example succeeded at TX:checkip.");
    check_text("multi.uribl.com", 0, 0, 4,
               "RBL lookup of 77.2.0.192.multi.uribl.com succeeded at TX:checkip (GREY).");
    check_text("multi.uribl.com", 0, 0, 5,
               "RBL lookup of 77.2.0.192.multi.uribl.com succeeded at TX:checkip.");
    check_text("sbl-xbl.spamhaus.org", 0, 0, 6,
               "RBL lookup of 77.2.0.192.sbl-xbl.spamhaus.org succeeded at TX:checkip "
               "(Illegal 3rd party exploits).");
    check_text("dnsbl.httpbl.org", 3, 47, 5,
               "RBL lookup of 77.2.0.192.dnsbl.httpbl.org succeeded at TX:checkip. Suspicious "
               "comment spammer IP: 3 days since last activity, threat score 47");
    check_text("dnsbl.httpbl.org", 3, 47, 0,
               "RBL lookup of 77.2.0.192.dnsbl.httpbl.org succeeded at TX:checkip. Search "
               "Engine: 3 days since last activity, threat score 47");
    check_text("dnsbl.httpbl.org", 3, 47, 8,
               "RBL lookup of 77.2.0.192.dnsbl.httpbl.org succeeded at TX:checkip. Unknown "
               "type: 3 days since last activity, threat score 47");
}

TEST(rbl_texts_always_fit)
{
    static const char where[1000] = { 'x' };
    char memory[RBL_NAME_MAX], text[RBL_TEXT_MAX];
    struct list_question q;
    struct writer w = writer_over(text, sizeof text);
    assert_true(rbl_question(SLICE("x.spamhaus.org"),
                             SLICE(LONG_LABEL "." LONG_LABEL "." LONG_LABEL ".xxxxxxxx"), SLICE(""),
                             memory, &q));
    rbl_describe(&w, &q, slice_of(where, sizeof where), (const uint8_t[]){ 127, 255, 254, 10 });
    assert_false(w.overflowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rbl_asks_for_addresses_in_reverse),
        cmocka_unit_test(rbl_asks_for_host_names_as_they_are),
        cmocka_unit_test(rbl_asks_nothing_that_is_no_name),
        cmocka_unit_test(rbl_takes_the_key_to_project_honey_pot_alone),
        cmocka_unit_test(rbl_lists_by_addresses_of_the_loopback_only),
        cmocka_unit_test(rbl_tells_what_the_answers_mean),
        cmocka_unit_test(rbl_texts_always_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
