#include "waf/bodies/lines.h"
#include "waf/bodies/body_record.h"

struct line_case {
    const char *text;
    struct body_limits limits;
    const char *items, *message;
};

TEST(each_line_is_an_element_of_one_array)
{
    static const struct line_case cases[] = {
        { "", { 0 }, "", "" },
        { "\n\r\n \t\n", { 0 }, "", "" },
        { "{\"a\":1}", { 0 }, "arg json.array_0.a=1\n", "" },
        { "{\"a\":1}\n{\"a\":[2,3]}\r\n\n\"x\"\n",
          { 0 },
          "arg json.array_0.a=1\narg json.array_1.a.array_0=2\narg json.array_1.a.array_1=3\narg "
          "json.array_2=x\n",
          "" },
        { "1\n{\n3",
          { 0 },
          "arg json.array_0=1\narg json.array_2=3\n",
          "JSON: it ends too early at byte 3" },
        { "1 2\n[3]",
          { 0 },
          "arg json.array_0=1\narg json.array_1.array_0=3\n",
          "JSON: something behind the value at byte 2" },
        { "1\n2\n3",
          { .arguments_max = 2 },
          "arg json.array_0=1\narg json.array_1=2\n",
          "more than 2 arguments" },
        { "[[1]]\n2", { .depth_max = 1 }, "", "JSON: it is nested too deeply, at most 1" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, cases[i].limits, 0);
        assert_int_equal(json_lines_read(&r.reader, slice_from(cases[i].text)), 0);
        assert_string_equal(r.text, cases[i].items);
        assert_string_equal(r.reader.state.message, cases[i].message);
        assert_int_equal(!(r.reader.state.flags & BODY_ERROR), cases[i].message[0] == '\0');
        body_record_close(&r);
    }
}

TEST(plain_text_is_one_argument_and_json_in_it_is_found)
{
    static const struct line_case cases[] = {
        { "", { 0 }, "", "" },
        { "hello\nworld", { 0 }, "arg text=hello\\x0aworld\n", "" },
        { " \n{\"a\":1}", { 0 }, "arg text= \\x0a{\"a\":1}\narg json.a=1\n", "" },
        { "[\"\\u003c\"]", { 0 }, "arg text=[\"\\x5cu003c\"]\narg json.array_0=<\n", "" },
        { "[note] x", { 0 }, "arg text=[note] x\n", "" },
        { "{\"a\":1", { 0 }, "arg text={\"a\":1\n", "" },
        { "1", { 0 }, "arg text=1\n", "" },
        { "[1,2]",
          { .arguments_max = 2 },
          "arg text=[1,2]\narg json.array_0=1\n",
          "more than 2 arguments" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, cases[i].limits, 0);
        assert_int_equal(text_read(&r.reader, slice_from(cases[i].text)), 0);
        assert_string_equal(r.text, cases[i].items);
        assert_string_equal(r.reader.state.message, cases[i].message);
        assert_int_equal(!(r.reader.state.flags & BODY_ERROR), cases[i].message[0] == '\0');
        body_record_close(&r);
    }
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    assert_int_equal(text_read(&r.reader, SLICE("\0{}")), 0);
    assert_string_equal(r.text, "arg text=\\x00{}\n");
    body_record_close(&r);
}

static int drop_item(void *context, UNUSED enum body_item kind, UNUSED slice name,
                     UNUSED slice value)
{
    ++*(size_t *)context;
    return 0;
}

TEST(a_mebibyte_of_short_lines_costs_steps_in_proportion_and_little_memory)
{
    static const char *const units[] = { "\n", "x\n", "{\n", " \n", "[[[[\n", "\"\n" };
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        size_t unit = strlen(units[i]), items = 0;
        for (size_t at = 0; at < BYTES; at++)
            text[at] = units[i][at % unit];
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.reader.sink = (struct body_sink){ .context = &items, .item = drop_item };
        assert_int_equal(json_lines_read(&r.reader, slice_of(text, BYTES)), 0);
        assert_true(work_spent(&r.work) <= 80 * (uint64_t)BYTES);
        assert_true(r.arena.total < 65536);
        body_record_close(&r);
    }
    free(text);
}

TEST(the_sink_and_the_account_of_work_end_the_reading)
{
    for (int at = 0; at < 3; at++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.refuse_at = at;
        assert_int_equal(json_lines_read(&r.reader, SLICE("1\n2\n3")), -EPIPE);
        body_record_close(&r);
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.refuse_at = at;
        assert_int_equal(text_read(&r.reader, SLICE("[1,2]")), -EPIPE);
        body_record_close(&r);
    }
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    work_open(&r.work, 1, NULL, NULL);
    r.work.until_pause = 0;
    assert_int_equal(json_lines_read(&r.reader, SLICE("1\n2")), -EDQUOT);
    body_record_close(&r);
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    work_open(&r.work, 1, NULL, NULL);
    r.work.until_pause = 0;
    assert_int_equal(text_read(&r.reader, SLICE("[1,2]")), -EDQUOT);
    body_record_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_an_element_of_one_array),
        cmocka_unit_test(plain_text_is_one_argument_and_json_in_it_is_found),
        cmocka_unit_test(a_mebibyte_of_short_lines_costs_steps_in_proportion_and_little_memory),
        cmocka_unit_test(the_sink_and_the_account_of_work_end_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
