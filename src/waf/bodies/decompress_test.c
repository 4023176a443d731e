#include "waf/bodies/decompress.h"
#include "base/panic.h"
#include "waf/work_test.h"

#include <errno.h>
#include <stdlib.h>
#define ZLIB_CONST /* inputs are const */
#include <zlib.h>

/* "hello, hello, hello!", then 1 MiB of the letter a, then nothing. */
static const char br_hello[] =
    "\x8b\x09\x80\x68\x65\x6c\x6c\x6f\x2c\x20\x68\x65\x6c\x6c\x6f\x2c\x20\x68\x65\x6c\x6c"
    "\x6f\x21\x03";
static const char br_letters[] = "\x5b\xff\xff\x8f\x5f\x22\x2c\x1e\x0b\x04\x72\xef\x1f\x00";
static const char br_empty[] = "\x06";

#define HELLO SLICE("hello, hello, hello!")

enum { ZLIB = MAX_WBITS, RAW = -MAX_WBITS, GZIP = MAX_WBITS + 16 };

/* Compressed into memory that the caller frees. */
static slice pack(slice text, int bits)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.len) + 64;
    char *out = malloc(room);
    assert_non_null(out);
    z.next_in = (const unsigned char *)text.ptr;
    z.avail_in = (unsigned)text.len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = z.total_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return slice_of(out, len);
}

static slice join(slice a, slice b)
{
    char *out = malloc(a.len + b.len + 1);
    assert_non_null(out);
    memcpy(out, a.ptr, a.len);
    memcpy(out + a.len, b.ptr, b.len);
    return slice_of(out, a.len + b.len);
}

static void forget(slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

static const struct decompress_limits plenty = { .bytes_max = 16 << 20 };

/* What comes out must be `expected`, or nothing for the reason of `problem`. */
static void undo(const char *encoding, slice in, struct decompress_limits limits, slice expected,
                 enum decompress_problem problem)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    struct decompress d = { .limits = limits, .work = &work };
    slice out = SLICE("");
    int result = decompress_body(&d, slice_from(encoding), in, &out);
    if (result != (problem == DECOMPRESS_OK ? 0 : -EBADMSG) || d.problem != problem)
        fail_msg("%s, %zu bytes: %d, %s", encoding, in.len, result,
                 decompress_problem_text(d.problem));
    if (problem == DECOMPRESS_OK)
        assert_slice_equal(out, expected);
    decompress_release(&d);
    decompress_release(&d);
}

TEST(every_coding_is_undone)
{
    slice gzip = pack(HELLO, GZIP), zlib = pack(HELLO, ZLIB), raw = pack(HELLO, RAW);
    slice br = slice_of(br_hello, sizeof br_hello - 1);
    undo("gzip", gzip, plenty, HELLO, DECOMPRESS_OK);
    undo("X-GZIP", gzip, plenty, HELLO, DECOMPRESS_OK);
    undo(" , gzip ,identity", gzip, plenty, HELLO, DECOMPRESS_OK);
    undo("deflate", zlib, plenty, HELLO, DECOMPRESS_OK);
    undo("deflate", raw, plenty, HELLO, DECOMPRESS_OK);
    undo("br", br, plenty, HELLO, DECOMPRESS_OK);
    undo("br", slice_of(br_empty, 1), plenty, SLICE(""), DECOMPRESS_OK);
    undo("", HELLO, plenty, HELLO, DECOMPRESS_OK);
    undo("identity", HELLO, plenty, HELLO, DECOMPRESS_OK);
    undo("gzip", zlib, plenty, HELLO, DECOMPRESS_MALFORMED);
    undo("deflate", gzip, plenty, HELLO, DECOMPRESS_MALFORMED);
    undo("br", gzip, plenty, HELLO, DECOMPRESS_MALFORMED);
    undo("zstd", gzip, plenty, HELLO, DECOMPRESS_UNKNOWN_CODING);
    undo("gzip; q=1", gzip, plenty, HELLO, DECOMPRESS_UNKNOWN_CODING);
    undo("gzip deflate", gzip, plenty, HELLO, DECOMPRESS_UNKNOWN_CODING);

    slice twice = pack(br, GZIP), reversed = pack(gzip, ZLIB);
    undo("br, gzip", twice, plenty, HELLO, DECOMPRESS_OK);
    undo("gzip,br", twice, plenty, HELLO, DECOMPRESS_MALFORMED);
    undo("gzip, deflate", reversed, plenty, HELLO, DECOMPRESS_OK);
    undo("gzip, identity, deflate", reversed, plenty, HELLO, DECOMPRESS_OK);
    undo("gzip, gzip, gzip", reversed, plenty, HELLO, DECOMPRESS_TOO_MANY_CODINGS);
    forget(gzip), forget(zlib), forget(raw), forget(twice), forget(reversed);
}

TEST(members_of_gzip_are_one_body_and_other_rests_are_refused)
{
    slice gzip = pack(HELLO, GZIP), empty = pack(SLICE(""), GZIP), zlib = pack(HELLO, ZLIB);
    slice two = join(gzip, gzip), three = join(two, empty), rest = join(gzip, SLICE("\0")),
          half = join(gzip, slice_first(gzip, 12)), beyond = join(zlib, SLICE("x")),
          br_rest = join(slice_of(br_hello, sizeof br_hello - 1), SLICE("x"));
    undo("gzip", two, plenty, SLICE("hello, hello, hello!hello, hello, hello!"), DECOMPRESS_OK);
    undo("gzip", three, plenty, SLICE("hello, hello, hello!hello, hello, hello!"), DECOMPRESS_OK);
    undo("gzip", rest, plenty, SLICE(""), DECOMPRESS_TRAILING_DATA);
    undo("gzip", half, plenty, SLICE(""), DECOMPRESS_TRUNCATED);
    undo("deflate", beyond, plenty, SLICE(""), DECOMPRESS_TRAILING_DATA);
    undo("br", br_rest, plenty, SLICE(""), DECOMPRESS_TRAILING_DATA);
    forget(gzip), forget(empty), forget(zlib), forget(two), forget(three), forget(rest),
        forget(half);
    forget(beyond), forget(br_rest);
}

TEST(what_is_cut_or_damaged_is_refused)
{
    static const struct {
        const char *encoding;
        int bits;
    } codings[] = { { "gzip", GZIP }, { "deflate", ZLIB }, { "deflate", RAW }, { "br", 0 } };
    for (size_t i = 0; i < ARRAY_LENGTH(codings); i++) {
        slice whole = codings[i].bits ? pack(HELLO, codings[i].bits)
                                      : join(slice_of(br_hello, sizeof br_hello - 1), SLICE(""));
        for (size_t len = 0; len < whole.len; len++) {
            char *part = malloc(len ? len : 1);
            assert_non_null(part);
            memcpy(part, whole.ptr, len);
            undo(codings[i].encoding, slice_of(part, len), plenty, SLICE(""), DECOMPRESS_TRUNCATED);
            free(part);
        }
        forget(whole);
    }
    slice gzip = pack(HELLO, GZIP);
    ((char *)(uintptr_t)gzip.ptr)[gzip.len - 5] ^= 1; /* its checksum */
    undo("gzip", gzip, plenty, SLICE(""), DECOMPRESS_MALFORMED);
    forget(gzip);
    undo("deflate", SLICE("\x78\xbb\0\0\0\0"), plenty, SLICE(""),
         DECOMPRESS_MALFORMED); /* asks for a dictionary */
}

TEST(what_comes_out_is_bounded_in_bytes_and_in_ratio)
{
    enum { BYTES = 1 << 20 };
    char *letters = malloc(BYTES);
    assert_non_null(letters);
    memset(letters, 'a', BYTES);
    slice text = slice_of(letters, BYTES), gzip = pack(text, GZIP),
          br = slice_of(br_letters, sizeof br_letters - 1);
    struct decompress_limits exact = { .bytes_max = BYTES }, less = { .bytes_max = BYTES - 1 };
    undo("gzip", gzip, exact, text, DECOMPRESS_OK);
    undo("gzip", gzip, less, text, DECOMPRESS_TOO_LARGE);
    undo("br", br, exact, text, DECOMPRESS_OK);
    undo("br", br, less, text, DECOMPRESS_TOO_LARGE);
    undo("gzip", gzip, (struct decompress_limits){ .bytes_max = BYTES, .ratio_max = 2000 }, text,
         DECOMPRESS_OK);
    undo("gzip", gzip, (struct decompress_limits){ .bytes_max = BYTES, .ratio_max = 100 }, text,
         DECOMPRESS_RATIO);
    undo("br", br, (struct decompress_limits){ .bytes_max = BYTES, .ratio_max = 1000 }, text,
         DECOMPRESS_RATIO);
    slice small = pack(slice_first(text, DECOMPRESS_RATIO_FROM), GZIP);
    undo("gzip", small, (struct decompress_limits){ .bytes_max = BYTES, .ratio_max = 2 },
         slice_first(text, DECOMPRESS_RATIO_FROM), DECOMPRESS_OK);
    forget(gzip), forget(small);
    free(letters);
}

enum { PAUSES_MAX = 1000 };

static bool count_pause(void *context)
{
    return ++*(size_t *)context != PAUSES_MAX;
}

TEST(work_is_paid_block_by_block)
{
    slice br = slice_of(br_letters, sizeof br_letters - 1), out;
    size_t pauses = PAUSES_MAX - 5;
    struct work work;
    work_open(&work, 0, count_pause, &pauses);
    struct decompress d = { .limits = plenty, .work = &work };
    assert_int_equal(decompress_body(&d, SLICE("br"), br, &out), -ECANCELED);
    work_open(&work, 1000, NULL, NULL);
    assert_int_equal(decompress_body(&d, SLICE("br"), br, &out), -EDQUOT);
    decompress_release(&d);
}

/* A mebibyte that is compressed by much, by little, and not at all. */
TEST(a_large_body_is_undone_in_short_stretches)
{
    enum { BYTES = 1 << 20 };
    char *noise = malloc(BYTES), *letters = malloc(BYTES);
    uint32_t random = 1;
    assert_true(noise && letters);
    memset(letters, 'a', BYTES);
    for (size_t i = 0; i < BYTES; i++) {
        random = random * 1664525 + 1013904223;
        noise[i] = (char)('A' + (random >> 24) % 32);
    }
    slice much = pack(slice_of(letters, BYTES), GZIP), little = pack(slice_of(noise, BYTES), GZIP),
          twice = pack(little, GZIP), framed = pack(slice_of(noise, BYTES), ZLIB);
    const struct {
        const char *encoding;
        slice body;
    } bodies[] = { { "br", slice_of(br_letters, sizeof br_letters - 1) },
                   { "gzip", much },
                   { "gzip", little },
                   { "deflate", framed },
                   { "gzip, gzip", twice } };
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        struct work work;
        struct stretches stretches;
        slice out;
        work_open(&work, 0, NULL, NULL);
        stretches_watch(&stretches, &work);
        struct decompress d = { .limits = plenty, .work = &work };
        assert_int_equal(decompress_body(&d, slice_from(bodies[i].encoding), bodies[i].body, &out),
                         0);
        assert_int_equal(out.len, BYTES);
        assert_in_range(work_spent(&work), BYTES, 16 * BYTES);
        stretches_check(&stretches, bodies[i].encoding);
        decompress_release(&d);
    }
    forget(much), forget(little), forget(twice), forget(framed);
    free(letters);
    free(noise);
}

/* All of it is paid for: what comes out, and what the libraries need meanwhile. */
TEST(memory_comes_from_a_purse_and_goes_back)
{
    enum { BYTES = 1 << 20 };
    static const char *const codings[] = { "gzip", "deflate", "br", "gzip, gzip" };
    static const uint64_t purses[] = { 0, 1000, 60000, 300000, 1 << 20 };
    char *letters = malloc(BYTES);
    struct work work;
    slice out;
    assert_non_null(letters);
    memset(letters, 'a', BYTES);
    slice text = slice_of(letters, BYTES), packed = pack(text, GZIP), twice = pack(packed, GZIP);
    slice bodies[] = { packed, pack(text, ZLIB), slice_of(br_letters, sizeof br_letters - 1),
                       twice };
    work_open(&work, 0, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(codings); i++) {
        struct purse purse = { .max = 16 << 20 };
        struct decompress d = { .limits = plenty, .work = &work, .purse = &purse };
        assert_int_equal(decompress_body(&d, slice_from(codings[i]), bodies[i], &out), 0);
        assert_slice_equal(out, text);
        assert_in_range(purse.used, BYTES, 2 * BYTES);
        decompress_release(&d);
        assert_int_equal(purse.used, 0);
        for (size_t k = 0; k < ARRAY_LENGTH(purses); k++) {
            purse.max = purses[k];
            assert_int_equal(decompress_body(&d, slice_from(codings[i]), bodies[i], &out),
                             -ENOBUFS);
            decompress_release(&d);
            assert_int_equal(purse.used, 0);
        }
    }
    forget(packed), forget(twice), forget(bodies[1]);
    free(letters);
}

TEST(the_beginning_of_what_is_cut_or_too_long_comes_out_where_it_is_asked_for)
{
    char text[200000];
    struct work work;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 2654435761u >> 13);
    slice packed = pack(slice_of(text, sizeof text), GZIP);
    const struct {
        slice in;
        size_t bytes_max;
    } cases[] = { { packed, 50000 }, { slice_first(packed, packed.len / 2), 1 << 20 } };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        work_open(&work, 0, NULL, NULL);
        struct decompress d = { .limits = { .bytes_max = cases[i].bytes_max, .ratio_max = 200 },
                                .work = &work };
        slice out;
        assert_int_equal(decompress_body(&d, SLICE("gzip"), cases[i].in, &out), -EBADMSG);
        decompress_release(&d);
        d = (struct decompress){ .limits = d.limits, .work = &work };
        d.limits.takes_beginning = true;
        assert_int_equal(decompress_body(&d, SLICE("gzip"), cases[i].in, &out), 0);
        assert_in_range(out.len, 10000, cases[i].bytes_max);
        assert_memory_equal(out.ptr, text, out.len);
        decompress_release(&d);
    }
    forget(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_beginning_of_what_is_cut_or_too_long_comes_out_where_it_is_asked_for),
        cmocka_unit_test(every_coding_is_undone),
        cmocka_unit_test(members_of_gzip_are_one_body_and_other_rests_are_refused),
        cmocka_unit_test(what_is_cut_or_damaged_is_refused),
        cmocka_unit_test(what_comes_out_is_bounded_in_bytes_and_in_ratio),
        cmocka_unit_test(work_is_paid_block_by_block),
        cmocka_unit_test(a_large_body_is_undone_in_short_stretches),
        cmocka_unit_test(memory_comes_from_a_purse_and_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
