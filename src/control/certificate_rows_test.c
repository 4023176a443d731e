#include "base/test.h"
#include "control/certificate_rows.h"

static const slice report =
    SLICE("[\n"
          "{\"name\":\"/etc/a\\\"b/cert.pem\",\"kind\":\"files\",\"names\":[],\"days_left\":-3,"
          "\"error\":\"it says \\\"no\\\",\\\"kind\\\":\\\"x\\\" \\\\ and \\u0007\"},\n"
          "nonsense\n"
          "{\"name\":\"a.example\",\"kind\":\"acme\",\"names\":[\"a.example\",\"b.example\"],"
          "\"must_staple\":true}\n]\n");

static void expect_text(slice value, const char *expected)
{
    char memory[256];
    struct writer w = writer_over(memory, sizeof memory);
    certificate_row_write_text(&w, value);
    assert_slice_equal(writer_slice(&w), slice_from(expected));
}

TEST(rows_are_lines_and_members_are_found_by_name)
{
    slice rest = report, row;
    assert_true(certificate_rows_next(&rest, &row));
    expect_text(certificate_row_get(row, "name"), "/etc/a\"b/cert.pem");
    expect_text(certificate_row_get(row, "error"), "it says \"no\",\"kind\":\"x\" \\ and \\u0007");
    assert_slice_equal(certificate_row_get(row, "kind"), SLICE("files"));
    assert_slice_equal(certificate_row_get(row, "days_left"), SLICE("-3"));
    assert_int_equal(certificate_row_get(row, "issuer").len, 0);
    assert_slice_equal(certificate_row_label(row), SLICE("cert.pem"));
    assert_true(certificate_rows_next(&rest, &row));
    assert_slice_equal(certificate_row_label(row), SLICE("a.example"));
    assert_slice_equal(certificate_row_get(row, "must_staple"), SLICE("true"));
    assert_false(certificate_rows_next(&rest, &row));
}

TEST(what_is_cut_stays_inside)
{
    for (size_t cut = 0; cut <= report.len; cut++) {
        slice rest = slice_first(report, cut), row;
        while (certificate_rows_next(&rest, &row)) {
            slice value = certificate_row_get(row, "error");
            assert_true(value.len == 0 || value.ptr + value.len <= report.ptr + cut);
            value = certificate_row_label(row);
            assert_true(value.len == 0 || value.ptr + value.len <= report.ptr + cut);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_lines_and_members_are_found_by_name),
        cmocka_unit_test(what_is_cut_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
