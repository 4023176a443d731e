#include "base/test.h"
#include "wire/fingerprint.h"
#include "wire/h2_fingerprint.h"

static void assert_written(const struct h2_fingerprint *f, slice expected)
{
    char memory[H2_FINGERPRINT_BYTES_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    h2_fingerprint_write(&w, f);
    assert_false(w.overflowed);
    assert_slice_equal(writer_slice(&w), expected);
}

static void note_fields(struct h2_fingerprint *f, const char *const *names)
{
    for (; *names; names++)
        h2_fingerprint_field(f, slice_from(*names));
    h2_fingerprint_end(f);
}

/* As published for Chrome. */
TEST(a_browser_has_its_published_fingerprint)
{
    struct h2_fingerprint f = { 0 };
    h2_fingerprint_setting(&f, 1, 65536);
    h2_fingerprint_setting(&f, 2, 0);
    h2_fingerprint_setting(&f, 4, 6291456);
    h2_fingerprint_setting(&f, 6, 262144);
    h2_fingerprint_settings_end(&f);
    h2_fingerprint_window_update(&f, 15663105);
    note_fields(&f, (const char *const[]){ ":method", ":authority", ":scheme", ":path",
                                           "user-agent", NULL });
    assert_written(&f, SLICE("1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"));
}

/* As published for Firefox, when it still had its tree of priorities. */
TEST(priorities_are_in_the_fingerprint)
{
    struct h2_fingerprint f = { 0 };
    h2_fingerprint_setting(&f, 1, 65536);
    h2_fingerprint_setting(&f, 4, 131072);
    h2_fingerprint_setting(&f, 5, 16384);
    h2_fingerprint_settings_end(&f);
    h2_fingerprint_window_update(&f, 12517377);
    h2_fingerprint_priority(&f, 3, 0, 201, false);
    h2_fingerprint_priority(&f, 5, 0, 101, false);
    h2_fingerprint_priority(&f, 7, 0, 1, false);
    h2_fingerprint_priority(&f, 9, 7, 1, true);
    note_fields(&f, (const char *const[]){ ":method", ":path", ":authority", ":scheme", NULL });
    assert_written(&f, SLICE("1:65536;4:131072;5:16384|12517377|3:0:0:201,5:0:0:101,7:0:0:1,"
                             "9:1:7:1|m,p,a,s"));
}

TEST(a_client_that_says_nothing_has_one_too)
{
    struct h2_fingerprint f = { 0 };
    h2_fingerprint_settings_end(&f);
    note_fields(&f, (const char *const[]){ "a", NULL });
    assert_written(&f, SLICE("|00|0|"));
}

TEST(nothing_counts_behind_the_first_request)
{
    struct h2_fingerprint f = { 0 };
    h2_fingerprint_setting(&f, 3, 100);
    h2_fingerprint_settings_end(&f);
    h2_fingerprint_setting(&f, 4, 1); /* of a second frame */
    note_fields(&f, (const char *const[]){ ":path", NULL });
    h2_fingerprint_setting(&f, 4, 1);
    h2_fingerprint_window_update(&f, 1);
    h2_fingerprint_priority(&f, 1, 0, 1, false);
    note_fields(&f, (const char *const[]){ ":method", NULL });
    assert_written(&f, SLICE("3:100|00|0|p"));
}

TEST(the_longest_one_fits)
{
    struct h2_fingerprint f = { 0 };
    for (uint32_t i = 0; i < 1000; i++) {
        h2_fingerprint_setting(&f, UINT16_MAX, UINT32_MAX);
        h2_fingerprint_priority(&f, INT32_MAX, INT32_MAX, 256, true);
        h2_fingerprint_window_update(&f, INT32_MAX);
        h2_fingerprint_field(&f, SLICE(":path"));
    }
    char memory[H2_FINGERPRINT_BYTES_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    h2_fingerprint_write(&w, &f);
    assert_false(w.overflowed);
    assert_true(w.len > H2_FINGERPRINT_BYTES_MAX - 8);
}

TEST(people_write_a_whole_one_or_its_beginning)
{
    static const slice browser = SLICE("1:65536;4:131072;5:16384|12517377|3:0:0:201|m,p,a,s");
    static const slice good[] = { SLICE("1:65536;4:131072;5:16384|12517377|3:0:0:201|m,p,a,s"),
                                  SLICE("1:65536;4:131072;5:16384|12517377|*"), SLICE("1:65536;*"),
                                  SLICE("1*") };
    static const slice others[] = { SLICE("1:65536;4:131072;5:16384|12517377|3:0:0:201|m,p,a"),
                                    SLICE("1:65536;4:131072;5:16384|12517378|*"), SLICE("2*"),
                                    SLICE("|00|0|p,s,a,m") };
    static const slice bad[] = { SLICE(""),
                                 SLICE("*"),
                                 SLICE("chrome"),
                                 SLICE("1:65536"),
                                 SLICE("1:65536;*|00|0|m"),
                                 SLICE("1:65536|00|0|m,x"),
                                 SLICE("1:65536|0:0|0|m"),
                                 SLICE("1:65536|00|0|m|*"),
                                 SLICE("1:65536|00|0;|m"),
                                 SLICE("1:65536|00|0|m**"),
                                 SLICE("1:65536|00|0|m\0") };
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        assert_true(h2_fingerprint_pattern_is_valid(good[i]));
        assert_int_equal(h2_fingerprint_is_valid(good[i]), i == 0);
        assert_true(fingerprint_matches(good[i], browser));
        assert_false(fingerprint_matches(good[i], SLICE("")));
        assert_true(h2_fingerprint_pattern_is_valid(others[i]));
        assert_false(fingerprint_matches(others[i], browser));
        assert_true(fingerprint_patterns_differ(others[i], browser));
        for (size_t j = 0; j < ARRAY_LENGTH(good); j++)
            assert_false(fingerprint_patterns_differ(good[i], good[j]));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(h2_fingerprint_pattern_is_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_has_its_published_fingerprint),
        cmocka_unit_test(priorities_are_in_the_fingerprint),
        cmocka_unit_test(a_client_that_says_nothing_has_one_too),
        cmocka_unit_test(nothing_counts_behind_the_first_request),
        cmocka_unit_test(the_longest_one_fits),
        cmocka_unit_test(people_write_a_whole_one_or_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
