#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#include "base/attributes.h"
#include "base/writer.h"
#include "wire/client_hello.h"

static char memory[40000];

static void put(struct writer *w, uint32_t value, int bytes)
{
    while (bytes--)
        writer_byte(w, (char)(value >> (8 * bytes)));
}

static void put_extension(struct writer *w, uint32_t type, slice bytes)
{
    put(w, type, 2);
    put(w, (uint32_t)bytes.len, 2);
    writer_slice_add(w, bytes);
}

/* A message with these extensions, already written. */
static slice message_with(slice extensions)
{
    static char text[20000];
    struct writer w = writer_over(text, sizeof text);
    uint32_t body = 2 + 32 + 1 + 2 + 4 + 2 + (extensions.ptr ? 2 + (uint32_t)extensions.len : 0);
    put(&w, 1, 1);
    put(&w, body, 3);
    put(&w, 0x0303, 2);
    for (int i = 0; i < 32; i++)
        writer_byte(&w, (char)i);
    put(&w, 0, 1);
    put(&w, 4, 2);
    put(&w, 0x13011302, 4);
    put(&w, 0x0100, 2);
    if (extensions.ptr) {
        put(&w, (uint32_t)extensions.len, 2);
        writer_slice_add(&w, extensions);
    }
    assert_false(w.overflowed);
    return writer_slice(&w);
}

/* In records of at most `each` bytes. */
static slice records_of(slice message, size_t each)
{
    struct writer w = writer_over(memory, sizeof memory);
    while (message.len) {
        slice piece = slice_first(message, each);
        put(&w, 0x160301, 3);
        put(&w, (uint32_t)piece.len, 2);
        writer_slice_add(&w, piece);
        message = slice_after(message, piece.len);
    }
    assert_false(w.overflowed);
    return writer_slice(&w);
}

static slice usual_extensions(void)
{
    static char text[400];
    struct writer w = writer_over(text, sizeof text);
    put_extension(&w, 0x0a0a, SLICE(""));
    put_extension(&w, 0,
                  SLICE("\x00\x0e\x00\x00\x0b"
                        "example.com"));
    put_extension(&w, 16, SLICE("\x00\x0c\x02h2\x08http/1.1"));
    put_extension(&w, 43, SLICE("\x04\x03\x04\x03\x03"));
    put_extension(&w, 13, SLICE("\x00\x04\x04\x03\x08\x04"));
    return writer_slice(&w);
}

static void test_a_hello_reads_as_its_parts(void **state)
{
    struct client_hello hello;
    assert_int_equal(client_hello_parse(message_with(usual_extensions()), &hello), 0);
    assert_true(slice_equal(hello.server_name, SLICE("example.com")));
    assert_true(slice_equal(hello.alpn, SLICE("\x02h2\x08http/1.1")));
    assert_true(slice_equal(hello.supported_versions, SLICE("\x03\x04\x03\x03")));
    assert_true(slice_equal(hello.signature_algorithms, SLICE("\x04\x03\x08\x04")));
    assert_int_equal(hello.ciphers.len, 4);
    assert_int_equal(hello.random.len, 32);
    assert_false(hello.has_early_data);
}

static void test_a_hello_without_extensions_has_no_name(void **state)
{
    struct client_hello hello;
    assert_int_equal(client_hello_parse(message_with(slice_of(NULL, 0)), &hello), 0);
    assert_int_equal(hello.server_name.len, 0);
    assert_int_equal(hello.legacy_version, 0x0303);
}

static void test_a_hello_comes_in_records_of_any_size(void **state)
{
    static char room[CLIENT_HELLO_BYTES_MAX], copy[2000];
    slice made = message_with(usual_extensions()), message;
    memcpy(copy, made.ptr, made.len);
    made.ptr = copy;
    for (size_t each = 1; each <= made.len; each++) {
        slice records = records_of(made, each);
        for (size_t there = 0; there < records.len; there++)
            assert_int_equal(client_hello_gather(slice_first(records, there), room, &message),
                             -EAGAIN);
        assert_int_equal(client_hello_gather(records, room, &message), 0);
        assert_true(slice_equal(message, made));
    }
}

static void test_no_part_of_a_hello_is_a_hello(void **state)
{
    static char copy[2000];
    struct client_hello hello;
    slice made = message_with(usual_extensions());
    memcpy(copy, made.ptr, made.len);
    for (size_t length = 0; length < made.len; length++) {
        assert_int_equal(client_hello_parse(slice_of(copy, length), &hello), -EPROTO);
        if (length < 4)
            continue;
        copy[2] = (char)((length - 4) >> 8); /* says that this is all: the end of the cipher */
        copy[3] = (char)(length - 4);        /* list and of the compressions may be an end */
        int result = client_hello_parse(slice_of(copy, length), &hello);
        assert_int_equal(result, length == 47 ? 0 : -EPROTO);
    }
}

static void test_what_is_malformed_is_refused(void **state)
{
    static const struct {
        uint32_t type;
        slice bytes;
    } cases[] = {
        { 0, SLICE("") },
        { 0, SLICE("\x00\x00") },
        { 0, SLICE("\x00\x03\x00\x00\x00") }, /* an empty name */
        { 0, SLICE("\x00\x05\x00\x00\x03"
                   "ab") }, /* longer than the list */
        { 0, SLICE("\x00\x05\x01\x00\x02"
                   "ab") }, /* another type of name */
        { 0, SLICE("\x00\x05\x00\x00\x02"
                   "a\0") }, /* NUL */
        { 0, SLICE("\x00\x05\x00\x00\x02"
                   "a ") }, /* space */
        { 0, SLICE("\x00\x05\x00\x00\x02"
                   "a\x80") }, /* not ASCII */
        { 0, SLICE("\x00\x05\x00\x00\x02"
                   "abc") }, /* bytes behind the list */
        { 0, SLICE("\x00\x0a\x00\x00\x02"
                   "ab\x00\x00\x02"
                   "cd") }, /* two names */
        { 16, SLICE("\x00\x00") },
        { 16, SLICE("\x00\x01\x00") },    /* an empty protocol */
        { 16, SLICE("\x00\x03\x03h2") },  /* longer than the list */
        { 16, SLICE("\x00\x03\x02h2x") }, /* bytes behind the list */
        { 43, SLICE("") },
        { 43, SLICE("\x03\x03\x04\x03") }, /* odd */
        { 43, SLICE("\x00") },
        { 13, SLICE("\x00\x02\x04") },
        { 42, SLICE("x") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[100];
        struct client_hello hello;
        struct writer w = writer_over(text, sizeof text);
        put_extension(&w, cases[i].type, cases[i].bytes);
        assert_int_equal(client_hello_parse(message_with(writer_slice(&w)), &hello), -EPROTO);
    }
}

static void test_an_extension_comes_once(void **state)
{
    char text[100];
    struct client_hello hello;
    struct writer w = writer_over(text, sizeof text);
    put_extension(&w, 23, SLICE(""));
    put_extension(&w, 35, SLICE(""));
    assert_int_equal(client_hello_parse(message_with(writer_slice(&w)), &hello), 0);
    put_extension(&w, 23, SLICE(""));
    assert_int_equal(client_hello_parse(message_with(writer_slice(&w)), &hello), -EPROTO);
}

static void test_what_is_no_tls_is_told_at_once(void **state)
{
    static const struct {
        slice bytes;
        int result;
    } cases[] = {
        { SLICE(""), -EAGAIN },
        { SLICE("\x16"), -EAGAIN },
        { SLICE("\x16\x03\x01\x00"), -EAGAIN },
        { SLICE("G"), -EPROTO },
        { SLICE("GET / HTTP/1.1\r\n"), -EPROTO },
        { SLICE("\x16\x02"), -EPROTO },
        { SLICE("\x15\x03\x01\x00\x02\x01\x00"), -EPROTO },         /* an alert */
        { SLICE("\x16\x03\x01\x00\x00"), -EPROTO },                 /* an empty record */
        { SLICE("\x16\x03\x01\x40\x01\x01"), -EPROTO },             /* a record too long */
        { SLICE("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), -EPROTO }, /* another message */
        { SLICE("\x16\x03\x01\x00\x04\x01\x01\x00\x00"), -EMSGSIZE },
        { SLICE("\x80\x2e\x01\x03\x01"), -EPROTO }, /* SSL 2 */
    };
    static char room[CLIENT_HELLO_BYTES_MAX];
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        slice message;
        assert_int_equal(client_hello_gather(cases[i].bytes, room, &message), cases[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hello_reads_as_its_parts),
        cmocka_unit_test(test_a_hello_without_extensions_has_no_name),
        cmocka_unit_test(test_a_hello_comes_in_records_of_any_size),
        cmocka_unit_test(test_no_part_of_a_hello_is_a_hello),
        cmocka_unit_test(test_what_is_malformed_is_refused),
        cmocka_unit_test(test_an_extension_comes_once),
        cmocka_unit_test(test_what_is_no_tls_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
