#include "waf/bodies/json.h"
#include "waf/bodies/body_record.h"

/* y: accepted · n: refused, as RFC 8259 has it; and what we decided where it leaves that open. */
struct text_case {
    const char *text;
    size_t len; /* 0: up to the NUL */
    bool valid;
};

#define Y(text)                                                                                    \
    {                                                                                              \
        text, sizeof text - 1, true                                                                \
    }
#define N(text)                                                                                    \
    {                                                                                              \
        text, sizeof text - 1, false                                                               \
    }

static const struct text_case texts[] = {
    /* values alone, white space */
    Y("null"),
    Y("true"),
    Y("false"),
    Y("0"),
    Y("\"\""),
    Y("[]"),
    Y("{}"),
    Y(" \t\r\n1\r\n\t "),
    N(" "),
    N("\n"),
    N("\f1"),
    N("\v1"),
    N("1\xc2\xa0"),
    N("\xef\xbb\xbf{}"),
    N("\0"),
    N("1\0"),
    N("nul"),
    N("nulll"),
    N("NULL"),
    N("True"),
    N("TRUE"),
    N("truefalse"),
    N("undefined"),
    N("NaN"),
    N("Infinity"),
    N("-Infinity"),
    N("1 2"),
    N("{}{}"),
    N("[][]"),
    N("{} x"),
    N("[1],"),
    N(","),
    N("]"),
    N("}"),
    N(":"),
    N("'a'"),
    N("a"),
    N("// x\n1"),
    N("/* */1"),
    N("1/**/"),
    N("#\n1"),
    N("()"),
    N("<a>"),
    N("\xff"),
    N("\xe2\x80\xa8"
      "1"),
    /* numbers */
    Y("-0"),
    Y("-1"),
    Y("10"),
    Y("1.0"),
    Y("-0.0"),
    Y("0e0"),
    Y("0E+1"),
    Y("1e-10"),
    Y("1.5E5"),
    Y("123456789012345678901234567890"),
    Y("1e9999"),
    Y("0.00000000000000000000000000000001"),
    N("-"),
    N("+1"),
    N("01"),
    N("-01"),
    N("00"),
    N("1."),
    N(".5"),
    N("-.5"),
    N("1.e1"),
    N("1e"),
    N("1e+"),
    N("1E-"),
    N("1.5e"),
    N("1.2.3"),
    N("1e5.5"),
    N("0x10"),
    N("1_000"),
    N("1,000"),
    N("--1"),
    N("- 1"),
    N("1a"),
    N("0b1"),
    N("1e1e1"),
    N("\xef\xbc\x91"),
    N("[1.]"),
    N("[0123]"),
    N("[-a]"),
    /* strings */
    Y("\"a\""),
    Y("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    Y("\"\\u0041\""),
    Y("\"\\u00e9\\u20ac\""),
    Y("\"\\ud83d\\ude00\""),
    Y("\"\\uD83D\\uDE00\""),
    Y("\"\\u0000\""),
    Y("\"\\u2028\""),
    Y("\"\x7f\""),
    Y("\"\xc3\xa9\""),
    Y("\"\xe2\x82\xac\""),
    Y("\"\xf0\x9f\x98\x80\""),
    Y("\"\xf4\x8f\xbf\xbf\""),
    Y("\"\xef\xbf\xbf\""),
    Y("\"\xed\x9f\xbf\""),
    Y("\"\xee\x80\x80\""),
    Y("\"/*\""),
    Y("\"{[,:]}\""),
    Y("\"\\ud800\""),
    Y("\"\\udc00\""),
    Y("\"\\ud800x\""),
    Y("\"\\ud800\\n\""),
    Y("\"\\ud800\\ud800\""),
    Y("\"\\udc00\\ud800\""),
    Y("\"\\ud800\\u0041\""),
    N("\""),
    N("\"a"),
    N("a\""),
    N("\"\\\""),
    N("\"\\"),
    N("\"\\x41\""),
    N("\"\\a\""),
    N("\"\\'\""),
    N("\"\\0\""),
    N("\"\\v\""),
    N("\"\\u\""),
    N("\"\\u0\""),
    N("\"\\u004\""),
    N("\"\\u004"),
    N("\"\\u00g0\""),
    N("\"\\U0041\""),
    N("\"\\u 041\""),
    N("\"\\ud83d\\u\""),
    N("\"\\\n\""),
    N("\"\\\0\""),
    N("\"\t\""),
    N("\"\n\""),
    N("\"\0\""),
    N("\"\x1f\""),
    N("\"\x01\""),
    N("\"\\ \""),
    /* UTF-8 */
    N("\"\x80\""),
    N("\"\xbf\""),
    N("\"\xc0\x80\""),
    N("\"\xc1\xbf\""),
    N("\"\xc3\""),
    N("\"\xc3"),
    N("\"\xe2\x82\""),
    N("\"\xe0\x80\x80\""),
    N("\"\xe0\x9f\xbf\""),
    N("\"\xed\xa0\x80\""),
    N("\"\xed\xbf\xbf\""),
    N("\"\xf0\x80\x80\x80\""),
    N("\"\xf0\x8f\xbf\xbf\""),
    N("\"\xf4\x90\x80\x80\""),
    N("\"\xf5\x80\x80\x80\""),
    N("\"\xf8\x88\x80\x80\x80\""),
    N("\"\xfe\""),
    N("\"\xff\""),
    N("\"\xf0\x9f\x98\""),
    N("\"\xf0\x9f\x98"),
    N("\"\xc3(\""),
    N("\"\xe2(\xa1\""),
    N("{\"\xff\":1}"),
    N("[\"\xe9\"]"),
    /* arrays */
    Y("[1]"),
    Y("[1,2]"),
    Y("[ 1 , 2 ]"),
    Y("[[]]"),
    Y("[[],{}]"),
    Y("[null,true,false,\"\",0]"),
    N("["),
    N("[1"),
    N("[1,"),
    N("[1,]"),
    N("[,1]"),
    N("[,]"),
    N("[1,,2]"),
    N("[1 2]"),
    N("[1:2]"),
    N("[1}"),
    N("[1]]"),
    N("[[1]"),
    N("[\"a\" \"b\"]"),
    N("[\"a\":1]"),
    N("[a]"),
    N("[\"\"],"),
    N("[1;2]"),
    N("[*]"),
    N("[\n1\n,1\n,1"),
    N("[-]"),
    N("[\"x\"]]"),
    N("[{]"),
    N("[\"a\\\"]"),
    /* objects */
    Y("{\"a\":1}"),
    Y("{ \"a\" : 1 , \"b\" : 2 }"),
    Y("{\"a\":1,\"a\":2}"),
    Y("{\"\":0}"),
    Y("{\"a\":{}}"),
    Y("{\"a\\u0000b\":1}"),
    Y("{\"a\":[{\"b\":[]}]}"),
    Y("{\n\"a\"\n:\n1\n}"),
    N("{"),
    N("{\"a\""),
    N("{\"a\":"),
    N("{\"a\":1"),
    N("{\"a\":1,"),
    N("{\"a\":1,}"),
    N("{,}"),
    N("{,\"a\":1}"),
    N("{\"a\"}"),
    N("{\"a\" 1}"),
    N("{\"a\",1}"),
    N("{\"a\"::1}"),
    N("{\"a\":1,,\"b\":2}"),
    N("{a:1}"),
    N("{'a':1}"),
    N("{1:1}"),
    N("{null:1}"),
    N("{[]:1}"),
    N("{\"a\":1]"),
    N("{\"a\":1}}"),
    N("{\"a\":1 \"b\":2}"),
    N("{\"a\":1;\"b\":2}"),
    N("{\"a\":a}"),
    N("{\"a\":}"),
    N("{:1}"),
    N("{\"a\":1:2}"),
    N("{\"a\"=1}"),
    N("{\"a\":1}#"),
    N("{\"a\":1}//"),
    N("{\"a\":/*x*/1}"),
    N("{\"a\":\"b\"}/"),
    N("{\"a\":'b'}"),
    N("{\"a\":+1}"),
    N("{\"a\":True}"),
    N("{}}"),
    N("{]"),
    N("{\"a\":{\"b\":1}"),
};

static void read_text(struct body_record *r, slice text)
{
    assert_int_equal(json_read(&r->reader, text), 0);
}

TEST(rfc_8259_decides_what_is_json)
{
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        /* of exact size, so that a sanitizer sees a read past the end */
        char *copy = malloc(texts[i].len);
        assert_non_null(copy);
        memcpy(copy, texts[i].text, texts[i].len);
        slice text = slice_of(copy, texts[i].len);
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        read_text(&r, text);
        bool valid = !(r.reader.state.flags & BODY_ERROR);
        if (valid != texts[i].valid)
            fail_msg("case %zu: %s is %s (%s)", i, texts[i].text, valid ? "accepted" : "refused",
                     r.reader.state.message);
        assert_int_equal(json_is_valid(&r.reader, text), texts[i].valid);
        assert_true(valid || strncmp(r.reader.state.message, "JSON: ", 6) == 0);
        assert_true(r.reader.state.error_at <= text.len);
        body_record_close(&r);
        free(copy);
    }
}

TEST(arguments_have_the_names_of_modsecurity_3)
{
    static const struct {
        const char *text, *items;
    } cases[] = {
        { "", "" },
        { "{\"a\":{\"b\":[1,2,\"x\",true,{\"c\":\"d\"}]}}",
          "arg json.a.b.array_0=1\narg json.a.b.array_1=2\narg json.a.b.array_2=x\n"
          "arg json.a.b.array_3=true\narg json.a.b.array_4.c=d\n" },
        { "[{\"a\":1},2]", "arg json.array_0.a=1\narg json.array_1=2\n" },
        { "[[1,[2]],3]",
          "arg json.array_0.array_0=1\narg json.array_0.array_1.array_0=2\narg json.array_1=3\n" },
        { "\"x\"", "arg json=x\n" },
        { " 12e0 ", "arg json=12e0\n" },
        { "{\"\":1}", "arg json.empty-key=1\n" },
        { "{\"a\":null,\"b\":false,\"c\":-1.50}",
          "arg json.a=\narg json.b=false\narg json.c=-1.50\n" },
        { "{\"a\":1,\"a\":2}", "arg json.a=1\narg json.a=2\n" },
        { "{\"a\":{},\"b\":[],\"c\":[[]]}", "arg json.a=\narg json.b=\narg json.c.array_0=\n" },
        { "{}", "arg json=\n" },
        { "[]", "arg json=\n" },
        { "{\"a.b\":{\"c\":1},\"d\":2}", "arg json.a.b.c=1\narg json.d=2\n" },
        { "{\"\\u0061\\n\":\"\\u003cscript\\u003e\\\\\\/\\t\"}",
          "arg json.a\\x0a=<script>\\x5c/\\x09\n" },
        { "\"\\u00e9\\u20ac\\ud83d\\ude00\\u0000\"",
          "arg json=\\xc3\\xa9\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\x00\n" },
        { "\"\\ud800\"", "arg json=\\xef\\xbf\\xbd\n" },
        { "\"\\ud800\\u0041\\udc00\"", "arg json=\\xef\\xbf\\xbdA\\xef\\xbf\\xbd\n" },
        { "\"\\ud800\\ud83d\\ude00\"", "arg json=\\xef\\xbf\\xbd\\xf0\\x9f\\x98\\x80\n" },
        { "\"\\b\\f\\n\\r\\t\\\"\"", "arg json=\\x08\\x0c\\x0a\\x0d\\x09\"\n" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        read_text(&r, slice_from(cases[i].text));
        assert_string_equal(r.text, cases[i].items);
        assert_int_equal(r.reader.state.flags, 0);
        body_record_close(&r);
    }
}

TEST(what_stands_before_an_error_is_seen)
{
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    read_text(&r, SLICE("{\"a\":1,\"b\":[2,}"));
    assert_string_equal(r.text, "arg json.a=1\narg json.b.array_0=2\n");
    assert_int_equal(r.reader.state.flags, BODY_ERROR);
    assert_string_equal(r.reader.state.message,
                        "JSON: a character where a value is expected at byte 14");
    assert_int_equal(r.reader.state.error_at, 14);
    body_record_close(&r);
}

TEST(depth_arguments_and_names_have_limits)
{
    static const struct {
        const char *text;
        struct body_limits limits;
        const char *items, *message;
    } cases[] = {
        { "[[1]]", { .depth_max = 2 }, "arg json.array_0.array_0=1\n", "" },
        { "[1,[[2]]]",
          { .depth_max = 2 },
          "arg json.array_0=1\n",
          "JSON: it is nested too deeply, at most 2" },
        { "{\"a\":{\"b\":{}}}",
          { .depth_max = 2 },
          "",
          "JSON: it is nested too deeply, at most 2" },
        { "[1,2]", { .arguments_max = 2 }, "arg json.array_0=1\narg json.array_1=2\n", "" },
        { "[1,2,3]",
          { .arguments_max = 2 },
          "arg json.array_0=1\narg json.array_1=2\n",
          "more than 2 arguments" },
        { "{\"abcd\":1,\"abcd\":2}",
          { .names_bytes_max = 18 },
          "arg json.abcd=1\narg json.abcd=2\n",
          "" },
        { "{\"abcd\":1,\"abcd\":2}",
          { .names_bytes_max = 17 },
          "arg json.abcd=1\n",
          "JSON: the names of all values are too long, at most 17" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, cases[i].limits, 0);
        read_text(&r, slice_from(cases[i].text));
        assert_string_equal(r.text, cases[i].items);
        assert_string_equal(r.reader.state.message, cases[i].message);
        assert_int_equal(r.reader.state.flags, cases[i].message[0] ? BODY_ERROR | BODY_LIMITED : 0);
        body_record_close(&r);
    }
}

static int drop_item(void *context, UNUSED enum body_item kind, UNUSED slice name,
                     UNUSED slice value)
{
    ++*(size_t *)context;
    return 0;
}

static bool count_pause(void *context)
{
    ++*(size_t *)context;
    return true;
}

/* `open` once, `unit` until it is full, nothing to close it: whatever it is, it costs its length.
 */
TEST(a_body_of_ten_mebibytes_costs_steps_in_proportion)
{
    static const struct {
        const char *open, *unit;
        size_t bytes;
    } bodies[] = {
        { "[", "1,", 10 << 20 },
        { "[", "\"a\",", 1 << 20 },
        { "[\"", "x", 1 << 20 },
        { "[\"", "\\u0041", 10 << 20 },
        { "[\"", "\\", 1 << 20 },
        { "{", "\"a\":1,", 1 << 20 },
        { "{\"", "\\n", 1 << 20 },
        { "", "[", 1 << 20 },
        { "", "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":", 1 << 20 },
        { "", " ", 1 << 20 },
        { "[", "{\"a\":[{\"b\":null}]},", 1 << 20 },
        { "-", "1", 1 << 20 },
        { "[1", "\n", 1 << 20 },
    };
    char *text = malloc(10 << 20);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        size_t bytes = bodies[i].bytes;
        size_t len = strlen(bodies[i].open), unit = strlen(bodies[i].unit);
        memcpy(text, bodies[i].open, len);
        for (size_t at = 0; len + at < bytes; at++)
            text[len + at] = bodies[i].unit[at % unit];
        struct body_record r;
        size_t items = 0, pauses = 0;
        body_record_open(&r, (struct body_limits){ .names_bytes_max = 64 << 20 }, 1u << 30);
        r.reader.sink = (struct body_sink){ .context = &items, .item = drop_item };
        work_open(&r.work, 0, count_pause, &pauses);
        read_text(&r, slice_of(text, bytes));
        assert_true(r.reader.state.flags & BODY_ERROR);
        if (work_spent(&r.work) > 8 * (uint64_t)bytes + items * BODY_ITEM_STEPS)
            fail_msg("%s: %llu steps", bodies[i].unit, (unsigned long long)work_spent(&r.work));
        assert_true(pauses >= work_spent(&r.work) / (WORK_PAUSE_STEPS + 2 * WORK_BLOCK));
        body_record_close(&r);
    }
    free(text);
}

/* Long keys on the way to many leaves: the names would be the product of both. */
TEST(long_names_of_many_leaves_are_bounded)
{
    enum { BYTES = 1 << 20, KEY = 30000 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, 'k', BYTES);
    memcpy(text, "{\"", 2);
    memcpy(text + 2 + KEY, "\":[", 3);
    for (size_t at = 5 + KEY; at + 1 < BYTES; at += 2)
        memcpy(text + at, "1,", 2);
    struct body_record r;
    size_t items = 0;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    r.reader.sink = (struct body_sink){ .context = &items, .item = drop_item };
    read_text(&r, slice_of(text, BYTES));
    assert_int_equal(r.reader.state.flags, BODY_ERROR | BODY_LIMITED);
    assert_true(r.reader.state.names_bytes <= JSON_NAMES_DEFAULT);
    assert_true(items > 200);
    body_record_close(&r);

    memset(text + 2, 'k', BYTES - 2);
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    memcpy(text + BYTES - 4, "\":1}", 4);
    read_text(&r, slice_of(text, BYTES));
    assert_string_equal(r.reader.state.message,
                        "JSON: the name of a value is too long, at most 65536");
    body_record_close(&r);
    free(text);
}

TEST(an_arena_that_is_full_is_told_and_the_sink_may_end_it)
{
    slice text = SLICE(
        "{\"a\\n\":[[[[1,\"\\n\",{\"b\":{}}]]]],\"c\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}");
    int result = -ENOMEM;
    for (size_t limit = 16; result != 0; limit += 16) {
        assert_true(limit < 65536);
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, limit);
        result = json_read(&r.reader, text);
        assert_true(result == 0 || result == -ENOMEM);
        assert_int_equal(r.reader.state.flags, 0);
        body_record_close(&r);
    }
    for (int at = 0; at < 4; at++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.refuse_at = at;
        assert_int_equal(json_read(&r.reader, text), -EPIPE);
        body_record_close(&r);
    }
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    work_open(&r.work, 1, NULL, NULL);
    r.work.until_pause = 0;
    assert_int_equal(json_read(&r.reader, text), -EDQUOT);
    body_record_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_8259_decides_what_is_json),
        cmocka_unit_test(arguments_have_the_names_of_modsecurity_3),
        cmocka_unit_test(what_stands_before_an_error_is_seen),
        cmocka_unit_test(depth_arguments_and_names_have_limits),
        cmocka_unit_test(a_body_of_ten_mebibytes_costs_steps_in_proportion),
        cmocka_unit_test(long_names_of_many_leaves_are_bounded),
        cmocka_unit_test(an_arena_that_is_full_is_told_and_the_sink_may_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
