#include "waf/bodies/base64_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"

enum { RECORD_BYTES = 4096, MEMORY_MAX = 64 << 20 };

/* Each text in brackets; bytes that are not printable as \xNN. */
static void record(slice value, char *text)
{
    struct arena arena;
    struct work work;
    struct base64_text b;
    slice found;
    size_t len = 0;
    arena_open(&arena, NULL, 0, 4096, MEMORY_MAX);
    work_open(&work, 0, NULL, NULL);
    int result = base64_text_open(&b, value, &work);
    text[0] = '\0';
    while (result == 1 && (result = base64_text_next(&b, &arena, &work, &found)) == 1) {
        len += (size_t)snprintf(text + len, RECORD_BYTES - len, "[");
        for (size_t i = 0; i < found.len; i++) {
            unsigned char c = (unsigned char)found.ptr[i];
            len += (size_t)snprintf(text + len, RECORD_BYTES - len,
                                    c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
        }
        len += (size_t)snprintf(text + len, RECORD_BYTES - len, "]");
    }
    assert_int_equal(result, 0);
    arena_close(&arena);
}

struct text_case {
    const char *value, *found;
};

static void check(const struct text_case *cases, size_t count)
{
    char text[RECORD_BYTES];
    for (size_t i = 0; i < count; i++) {
        record(slice_from(cases[i].value), text);
        if (strcmp(text, cases[i].found) != 0)
            fail_msg("%s\n     is %s\n wanted %s", cases[i].value, text, cases[i].found);
    }
}

TEST(text_in_base64_is_found_however_it_is_written)
{
    static const struct text_case cases[] = {
        { "MScgT1IgJzEnPScx", "[1' OR '1'='1]" },
        { "PHNjcmlwdD4=", "[<script>]" },
        { "PHNjcmlwdD4", "[<script>]" },
        { "PHNjcmlwdD4%3D", "[<script>]" },
        { "%50HNjcmlwdD4%3d", "[<script>]" },
        { " \"PHNjcmlwdD4=\" ", "[<script>]" },
        { "PHNj\r\ncmlw\r\ndD4=\r\n", "[<script>]" },
        { "PHNj cmlw dD4=", "[<script>]" },
        { "Pz8/Pz4+Pj4/Pz8+", "[\?\?\?\?>>>>\?\?\?>]" },
        { "Pz8_Pz4-Pj4_Pz8-", "[\?\?\?\?>>>>\?\?\?>]" },
        { "Pz8/Pz4 Pj4/Pz8 ", "[\?\?\?\?>>>>\?\?\?]" },
        { "Pz8/Pz4 Pj4/Pz8 Pz8/", "[\?\?\?\?>>>>\?\?\?>\?\?\?]" },
        { "L2V0Yy9wYXNzd2QA", "[/etc/passwd\\x00]" },
        { "ZMO8cnIgZXQgY8WTdXI=", "[d\\xc3\\xbcrr et c\\xc5\\x93ur]" },
        { "PHNjcmlwdD4=.PHNjcmlwdD4", "[<script>][<script>]" },
        { "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4JyBPUiAxPTEtLSJ9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZ",
          "[{\"alg\":\"HS256\"}][{\"sub\":\"x' OR 1=1--\"}]" },
        { "PHNjcmlwdD4=--3f2a9c", "[<script>]" },
        /* A quarter of other bytes does not hide the rest. */
        { "JyBPUiAxPTEgT1IgJ3gnPSd4JyAtLSCAgYI=", "[' OR 1=1 OR 'x'='x' -- \\x80\\x81\\x82]" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(what_is_no_text_or_no_base64_is_left_alone)
{
    static const struct text_case cases[] = {
        { "", "" },
        { "PHNjcmk", "" }, /* too short */
        { "=", "" },
        { "........................", "" },
        { "%", "" },
        { "PHNjcmlwdD4%3", "" },
        { "PHNjcmlwdD4%253D", "" },
        { "internationalization", "" },
        { "the quick brown fox jumps over the lazy dog", "" },
        { "Portsmouth", "" },
        { "MullerLudenscheidt", "" },
        { "www.example.com", "" },
        { "/var/lib/portcullis/state/certificates", "" },
        { "550e8400-e29b-41d4-a716-446655440000", "" },
        { "d41d8cd98f00b204e9800998ecf8427e", "" },
        { "4111111111111111", "" },
        { "1700000000000", "" },
        { "2026-11-25T23", "" },
        { "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "" },
        { "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ", "" },
        { "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+"
          "M9QDwADhgGAWjR9awAAAABJRU5Er"
          "kJggg==",
          "" },
        { "JVBERi0xLjcNCiX5xPLWDQo=!", "" },
        { "data:text/plain;base64,PHNjcmlwdD4=", "" },
        { "1' OR '1'='1", "" },
        /* More than a quarter of other bytes. */
        { "JyBPUiAxPTEtLSCAgYKDhIWGhw==", "" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(pieces_are_bounded)
{
    enum { PIECE = 13, PIECES = BASE64_PIECES_MAX + 4 };
    char value[PIECE * PIECES], text[RECORD_BYTES];
    for (unsigned i = 0; i < PIECES; i++)
        memcpy(value + i * PIECE, "PHNjcmlwdD4=.", PIECE);
    record(slice_of(value, sizeof(value)), text);
    assert_int_equal(strlen(text), BASE64_PIECES_MAX * strlen("[<script>]"));
}

/* Random bytes are no text, whatever their number. */
TEST(random_bytes_are_no_text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum { VALUES = 20000, LENGTH_MAX = 64 };
    uint64_t seed = 0x9e3779b97f4a7c15;
    unsigned found = 0;
    for (unsigned i = 0; i < VALUES; i++) {
        char value[LENGTH_MAX], text[RECORD_BYTES];
        size_t len = 16 + i % (LENGTH_MAX - 16);
        for (size_t j = 0; j < len; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            value[j] = letters[seed >> 58];
        }
        record(slice_of(value, len), text);
        found += text[0] != '\0';
    }
    assert_true(found < VALUES / 1000);
}

TEST(a_long_value_pays_as_it_goes_and_memory_may_be_short)
{
    enum { LENGTH = 1 << 20 };
    struct arena arena;
    struct work work;
    struct base64_text b;
    slice found;
    char *value = malloc(LENGTH);
    assert_non_null(value);
    for (size_t i = 0; i < LENGTH; i += 4)
        memcpy(value + i, "YWFh", 4);
    work_open(&work, LENGTH / 2, NULL, NULL);
    assert_int_equal(base64_text_open(&b, slice_of(value, LENGTH), &work), -EDQUOT);
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(base64_text_open(&b, slice_of(value, LENGTH), &work), 1);
    arena_open(&arena, NULL, 0, 4096, 65536);
    assert_int_equal(base64_text_next(&b, &arena, &work, &found), -ENOMEM);
    arena_close(&arena);
    assert_int_equal(base64_text_open(&b, slice_of(value, LENGTH), &work), 1);
    arena_open(&arena, NULL, 0, 4096, MEMORY_MAX);
    assert_int_equal(base64_text_next(&b, &arena, &work, &found), 1);
    assert_int_equal(found.len, LENGTH / 4 * 3);
    arena_close(&arena);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_in_base64_is_found_however_it_is_written),
        cmocka_unit_test(what_is_no_text_or_no_base64_is_left_alone),
        cmocka_unit_test(pieces_are_bounded),
        cmocka_unit_test(random_bytes_are_no_text),
        cmocka_unit_test(a_long_value_pays_as_it_goes_and_memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
