#include "waf/bodies/body_record.h"
#include "waf/bodies/body_type.h"
#include "waf/bodies/cookies.h"
#include "waf/bodies/urlencoded.h"

struct form_case {
    const char *text, *items;
    uint32_t flags;
    char separator;
};

TEST(a_form_is_read_as_modsecurity_2_reads_it)
{
    static const struct form_case cases[] = {
        { "", "", 0, '&' },
        { "a=1", "arg a=1\n", 0, '&' },
        { "a=1&b=2&a=3", "arg a=1\narg b=2\narg a=3\n", 0, '&' },
        { "a", "arg a=\n", 0, '&' },
        { "a=", "arg a=\n", 0, '&' },
        { "=v", "arg =v\n", 0, '&' },
        { "=", "arg =\n", 0, '&' },
        { "a=b=c", "arg a=b=c\n", 0, '&' },
        { "&", "arg =\n", 0, '&' },
        { "a=1&", "arg a=1\n", 0, '&' },
        { "&a=1", "arg =\narg a=1\n", 0, '&' },
        { "a=1&&b=2", "arg a=1\narg =\narg b=2\n", 0, '&' },
        { "a;b=1", "arg a;b=1\n", 0, '&' },
        { "a=1;b=2&c", "arg a=1\narg b=2&c\n", 0, ';' },
        { "q=1+2", "arg q=1 2\n", 0, '&' },
        { "a+b=c", "arg a b=c\n", 0, '&' },
        { "%61=%62%2B%2b", "arg a=b++\n", 0, '&' },
        { "a%3db=c%26d", "arg a=b=c&d\n", 0, '&' },
        { "a=%00%ff", "arg a=\\x00\\xff\n", 0, '&' },
        { "a=%2541", "arg a=%41\n", 0, '&' },
        { "a=%", "arg a=%\n", BODY_URLENCODED_ERROR, '&' },
        { "a=%4", "arg a=%4\n", BODY_URLENCODED_ERROR, '&' },
        { "a=%zz%41", "arg a=%zzA\n", BODY_URLENCODED_ERROR, '&' },
        { "a=%4g", "arg a=%4g\n", BODY_URLENCODED_ERROR, '&' },
        { "a=%u0041", "arg a=%u0041\n", BODY_URLENCODED_ERROR, '&' },
        { "%=1", "arg %=1\n", BODY_URLENCODED_ERROR, '&' },
        { "a=%%41", "arg a=%A\n", BODY_URLENCODED_ERROR, '&' },
        { "a=%4&1=2", "arg a=%4\narg 1=2\n", BODY_URLENCODED_ERROR, '&' },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        assert_int_equal(urlencoded_read(&r.reader, slice_from(cases[i].text), cases[i].separator),
                         0);
        assert_string_equal(r.text, cases[i].items);
        assert_int_equal(r.reader.state.flags, cases[i].flags);
        body_record_close(&r);
    }
}

TEST(what_needs_no_decoding_is_not_copied)
{
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 1);
    assert_int_equal(urlencoded_read(&r.reader, SLICE("a=1&b=2"), '&'), 0);
    assert_string_equal(r.text, "arg a=1\narg b=2\n");
    assert_int_equal(urlencoded_read(&r.reader, SLICE("a=1+"), '&'), -ENOMEM);
    body_record_close(&r);
}

TEST(arguments_have_a_limit_and_those_within_it_are_seen)
{
    struct body_record r;
    body_record_open(&r, (struct body_limits){ .arguments_max = 2 }, 0);
    assert_int_equal(urlencoded_read(&r.reader, SLICE("a&b"), '&'), 0);
    assert_int_equal(r.reader.state.flags, 0);
    body_record_close(&r);

    body_record_open(&r, (struct body_limits){ .arguments_max = 2 }, 0);
    assert_int_equal(urlencoded_read(&r.reader, SLICE("a&b&c&d"), '&'), 0);
    assert_string_equal(r.text, "arg a=\narg b=\n");
    assert_int_equal(r.reader.state.flags, BODY_ERROR | BODY_LIMITED);
    assert_string_equal(r.reader.state.message, "more than 2 arguments");
    assert_int_equal(r.reader.state.error_at, 4);
    body_record_close(&r);
}

TEST(the_sink_and_the_account_of_work_end_the_reading)
{
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    r.refuse_at = 1;
    assert_int_equal(urlencoded_read(&r.reader, SLICE("a&b&c"), '&'), -EPIPE);
    assert_string_equal(r.text, "arg a=\n");
    body_record_close(&r);

    enum { BYTES = 1 << 20 };
    char *long_text = malloc(BYTES);
    assert_non_null(long_text);
    memset(long_text, 'x', BYTES);
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    work_open(&r.work, 1000, NULL, NULL);
    assert_int_equal(urlencoded_read(&r.reader, slice_of(long_text, BYTES), '&'), -EDQUOT);
    body_record_close(&r);
    free(long_text);
}

static bool count_pause(void *context)
{
    ++*(size_t *)context;
    return true;
}

static int drop_item(void *context, UNUSED enum body_item kind, UNUSED slice name,
                     UNUSED slice value)
{
    ++*(size_t *)context;
    return 0;
}

TEST(a_form_of_ten_mebibytes_costs_steps_in_proportion)
{
    static const char *const units[] = {
        "a=b&", "%41=%42+&", "%", "&", "=", "+", "%4", "abcdefgh"
    };
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        const size_t bytes = i < 2 ? 10 << 20 : 1 << 20;
        size_t unit = strlen(units[i]), items = 0;
        char *text = malloc(bytes);
        assert_non_null(text);
        for (size_t at = 0; at < bytes; at++)
            text[at] = units[i][at % unit];
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.reader.sink = (struct body_sink){ .context = &items, .item = drop_item };
        size_t pauses = 0;
        work_open(&r.work, 0, count_pause, &pauses);
        assert_int_equal(urlencoded_read(&r.reader, slice_of(text, bytes), '&'), 0);
        assert_true(items > 0);
        assert_true(work_spent(&r.work) >= bytes &&
                    work_spent(&r.work) <= 3 * (uint64_t)bytes + items * BODY_ITEM_STEPS);
        assert_true(pauses >= bytes / (WORK_PAUSE_STEPS + WORK_BLOCK + 1));
        body_record_close(&r);
        free(text);
    }
}

TEST(the_content_type_chooses_the_reader)
{
    static const struct {
        const char *field;
        enum body_kind kind;
        const char *type, *charset;
        bool malformed;
    } cases[] = {
        { "", BODY_KIND_NONE, "", "", false },
        { "  ", BODY_KIND_NONE, "", "", false },
        { "application/x-www-form-urlencoded", BODY_KIND_URLENCODED,
          "application/x-www-form-urlencoded", "", false },
        { "Application/X-WWW-Form-URLencoded; charset=UTF-8", BODY_KIND_URLENCODED,
          "Application/X-WWW-Form-URLencoded", "UTF-8", false },
        { "multipart/form-data; boundary=x", BODY_KIND_MULTIPART, "multipart/form-data", "",
          false },
        { "multipart/form-data boundary=x", BODY_KIND_MULTIPART, "multipart/form-data", "", true },
        { "multipart/related; boundary=x", BODY_KIND_OTHER, "multipart/related", "", false },
        { "application/json", BODY_KIND_JSON, "application/json", "", false },
        { "application/vnd.api+json;v=1", BODY_KIND_JSON, "application/vnd.api+json", "", false },
        { "application/jsonp", BODY_KIND_OTHER, "application/jsonp", "", false },
        { "application/soap+xml; charset=\"utf-8\"; action=\"a;b=\\\"c\"", BODY_KIND_XML,
          "application/soap+xml", "utf-8", false },
        { "text/xml", BODY_KIND_XML, "text/xml", "", false },
        { "application/x-ndjson", BODY_KIND_JSON_LINES, "application/x-ndjson", "", false },
        { "text/plain;charset=a;charset=b", BODY_KIND_TEXT, "text/plain", "a", false },
        { "text/plain;", BODY_KIND_TEXT, "text/plain", "", true },
        { "text/plain; charset", BODY_KIND_TEXT, "text/plain", "", true },
        { "text/plain; charset=", BODY_KIND_TEXT, "text/plain", "", true },
        { "text/plain; charset=\"x", BODY_KIND_TEXT, "text/plain", "", true },
        { "text/plain; charset=\"x\\", BODY_KIND_TEXT, "text/plain", "", true },
        { "text/plain; charset = x", BODY_KIND_TEXT, "text/plain", "", true },
        { "text", BODY_KIND_OTHER, "text", "", true },
        { "text/", BODY_KIND_OTHER, "text/", "", true },
        { "/plain", BODY_KIND_OTHER, "", "", true },
        { "text/plain, application/json", BODY_KIND_TEXT, "text/plain", "", true },
        { "text/markdown", BODY_KIND_TEXT, "text/markdown", "", false },
        { "image/png", BODY_KIND_BINARY, "image/png", "", false },
        { "Image/SVG+xml", BODY_KIND_XML, "Image/SVG+xml", "", false },
        { "application/octet-stream", BODY_KIND_BINARY, "application/octet-stream", "", false },
        { "application/offset+octet-stream; a=b", BODY_KIND_BINARY,
          "application/offset+octet-stream", "", false },
        { "application/zip", BODY_KIND_BINARY, "application/zip", "", false },
        { "application/zippy", BODY_KIND_OTHER, "application/zippy", "", false },
        { "application/graphql", BODY_KIND_OTHER, "application/graphql", "", false },
        { "application/grpc", BODY_KIND_OTHER, "application/grpc", "", false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_type type = body_type_read(slice_from(cases[i].field));
        if (type.kind != cases[i].kind || type.malformed != cases[i].malformed)
            fail_msg("\"%s\": kind %d, malformed %d", cases[i].field, type.kind, type.malformed);
        assert_slice_equal(type.type, slice_from(cases[i].type));
        assert_slice_equal(type.charset, slice_from(cases[i].charset));
        assert_int_equal(body_kind_of(slice_from(cases[i].field)), cases[i].kind);
    }
    assert_int_equal(body_type_read(SLICE("a/b;charset=a;charset=b")).charsets, 2);
    assert_slice_equal(body_kind_processor(BODY_KIND_MULTIPART), SLICE("MULTIPART"));
    assert_slice_equal(body_kind_processor(BODY_KIND_TEXT), SLICE(""));
    assert_true(body_is_text(SLICE("a\tb\r\n\x1b[1m\xc3\xa9")));
    assert_true(body_is_text(SLICE("")));
    assert_false(body_is_text(SLICE("PACK\0\0")));
    assert_false(body_is_text(SLICE("\n\x05hello")));
}

TEST(cookies_are_read_as_modsecurity_2_reads_them)
{
    static const struct {
        const char *field, *cookies;
    } cases[] = {
        { "", "" },
        { "a=1", "a=1|" },
        { "a=1; b=2", "a=1|b=2|" },
        { "a=1;b=\"x y\" ;c", "a=1|b=\"x y\" |c=|" },
        { "a = 1", "a = 1|" },
        { "=x; ;;\t d=%41=+", "d=%41=+|" },
        { "a=", "a=|" },
        { "  ", "" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[200] = "";
        slice rest = slice_from(cases[i].field), name, value;
        while (cookies_next(&rest, &name, &value)) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, "%.*s=%.*s|", SLICE_ARGUMENTS(name),
                           SLICE_ARGUMENTS(value));
        }
        assert_string_equal(text, cases[i].cookies);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_is_read_as_modsecurity_2_reads_it),
        cmocka_unit_test(what_needs_no_decoding_is_not_copied),
        cmocka_unit_test(arguments_have_a_limit_and_those_within_it_are_seen),
        cmocka_unit_test(the_sink_and_the_account_of_work_end_the_reading),
        cmocka_unit_test(a_form_of_ten_mebibytes_costs_steps_in_proportion),
        cmocka_unit_test(the_content_type_chooses_the_reader),
        cmocka_unit_test(cookies_are_read_as_modsecurity_2_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
