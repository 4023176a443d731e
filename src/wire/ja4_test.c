/* Fingerprints: of real clients as they are published, and of what no client sends. */
#include <errno.h>

#include "base/test.h"
#include "base/writer.h"
#include "wire/fingerprint.h"
#include "wire/ja4.h"

/* --- Real clients ----------------------------------------------------------------------------- */

/* Chrome, with the example fingerprint of the JA4 specification; its padding (zeros) comes behind.
 */
static const char chrome_hex[] =
    "010001fc0303b2c03e7ba990ef540c316a665d4d925f8e9079ac4b15687e587dc99016e75a6c20d0b0099243c9296a"
    "0c84153ea4ada7d87ad017f4211c2ea1350b0b3cc5514d5f00205a5a130113021303c02bc02fc02cc030cca9cca8c0"
    "13c014009c009d002f003501000193fafa000000000024002200001f636f6e74656e742d6175746f66696c6c2e676f"
    "6f676c65617069732e636f6d0033002b00293a3a000100001d0020fb2cd8ef3d605b96ab03119ec4f30a6e2088cb1a"
    "f86c41a81feace8706068c50000d001200100403080404010503080505010806060100230000000b00020100ff0100"
    "0100000a000a00083a3a001d00170018001b000302000244690005000302683200120000002d000201010010000e00"
    "0c02683208687474702f312e31000500050100000000002b0007060a0a03040303001700001a1a000100001500b8";
/* Firefox, likewise. */
static const char firefox_hex[] =
    "010001fc0303ecb2691addb2bf6c599c7aaae23de5f42561cc04eb41029acc6fc050a16ac1d22046f8617b580ac935"
    "8e2aa44e306d52466bcc989c87c8ca64309f5faf50ba7b4d0022130113031302c02bc02fcca9cca8c02cc030c00ac0"
    "09c013c014009c009d002f00350100019100000021001f00001c636f6e74696c652e73657276696365732e6d6f7a69"
    "6c6c612e636f6d00170000ff01000100000a000e000c001d00170018001901000101000b0002010000230000001000"
    "0"
    "e000c02683208687474702f312e310005000501000000000022000a000804030503060302030033006b0069001d002"
    "0"
    "8909858fbeb6ed2f1248ba5b9e2978bead0e840110192c61daed0096798b184400170041044d183d91f5eed35791fa"
    "9"
    "82464e3b0214aaa5f5d1b78616d9b9fbebc22d11f535b2f94c686143136aa795e6e5a875d6c08064ad5b76d44caad7"
    "66e2483012748002b00050403040303000d0018001604030503060308040805080604010501060102030201002d000"
    "20101001c000240010015007a";

#define HELLO_BYTES 512u

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static slice real_hello(const char *hex, char memory[static HELLO_BYTES])
{
    memset(memory, 0, HELLO_BYTES);
    assert_true(strlen(hex) / 2 < HELLO_BYTES);
    for (size_t i = 0; hex[2 * i]; i++)
        memory[i] = (char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return slice_of(memory, HELLO_BYTES);
}

TEST(real_clients_have_their_published_fingerprints)
{
    static const struct {
        const char *hex;
        slice name, ja4;
    } clients[] = {
        { chrome_hex, SLICE("content-autofill.googleapis.com"),
          SLICE("t13d1516h2_8daaf6152771_e5627efa2ab1") },
        { firefox_hex, SLICE("contile.services.mozilla.com"),
          SLICE("t13d1715h2_5b57614c22b0_3d5424432f57") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        char memory[HELLO_BYTES], ja4[JA4_BYTES];
        struct client_hello hello;
        assert_int_equal(client_hello_parse(real_hello(clients[i].hex, memory), &hello), 0);
        assert_slice_equal(hello.server_name, clients[i].name);
        assert_slice_equal(hello.alpn, SLICE("\x02h2\x08http/1.1"));
        assert_int_equal(hello.session_id.len, 32);
        assert_int_equal(ja4_write(&hello, ja4), 0);
        assert_slice_equal(slice_of(ja4, JA4_BYTES), clients[i].ja4);
        assert_true(ja4_is_valid(clients[i].ja4));
    }
}

/* --- Made ones -------------------------------------------------------------------------------- */

/* What differs between two messages; the rest is a plain TLS 1.2 hello. */
struct made {
    slice version, session_id, ciphers, compression, extensions;
    bool without_extensions;
};

#define PLAIN .version = SLICE("\x03\x03"), .ciphers = SLICE("\xc0\x2f"), .compression = SLICE("\0")

static void write_vector(struct writer *w, size_t length_bytes, slice content)
{
    for (size_t i = length_bytes; i-- > 0;)
        writer_byte(w, (char)(content.len >> (8 * i)));
    writer_slice_add(w, content);
}

static slice made_hello(const struct made *m, struct writer *w)
{
    static char body_memory[CLIENT_HELLO_BYTES_MAX];
    static const char random[32];
    struct writer body = writer_over(body_memory, sizeof body_memory);
    writer_slice_add(&body, m->version);
    writer_bytes(&body, random, sizeof random);
    write_vector(&body, 1, m->session_id);
    write_vector(&body, 2, m->ciphers);
    write_vector(&body, 1, m->compression);
    if (!m->without_extensions)
        write_vector(&body, 2, m->extensions);
    w->len = 0;
    writer_byte(w, 1);
    write_vector(w, 3, writer_slice(&body));
    assert_false(w->overflowed || body.overflowed);
    return writer_slice(w);
}

static char made_memory[CLIENT_HELLO_BYTES_MAX];

/* --- JA4 -------------------------------------------------------------------------------------- */

static slice fingerprint_of(const struct made *made, char ret[static JA4_BYTES])
{
    struct writer w = writer_over(made_memory, sizeof made_memory);
    struct client_hello hello;
    assert_int_equal(client_hello_parse(made_hello(made, &w), &hello), 0);
    assert_int_equal(ja4_write(&hello, ret), 0);
    return slice_of(ret, JA4_BYTES);
}

/* The specification's table of names with other bytes than letters and digits. */
TEST(ja4_shows_the_ends_of_the_first_protocol)
{
    static const struct {
        slice extension, shown;
    } cases[] = {
        { SLICE(""), SLICE("00") },
        { SLICE("\0\x10\0\5\0\3\2h2"), SLICE("h2") },
        { SLICE("\0\x10\0\x0b\0\x09\x08http/1.1"), SLICE("h1") },
        { SLICE("\0\x10\0\4\0\2\1x"), SLICE("xx") },
        { SLICE("\0\x10\0\4\0\2\1\xab"), SLICE("ab") },
        { SLICE("\0\x10\0\5\0\3\2\xab\xcd"), SLICE("ad") },
        { SLICE("\0\x10\0\5\0\3\2\x30\xab"), SLICE("3b") },
        { SLICE("\0\x10\0\7\0\5\4\x30\x31\xab\xcd"), SLICE("3d") },
        { SLICE("\0\x10\0\7\0\5\4\x30\xab\xcd\x31"), SLICE("01") },
        { SLICE("\0\x10\0\x09\0\x07\2\x0a\x0a\3foo"), SLICE("0a") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char ja4[JA4_BYTES];
        slice text = fingerprint_of(&(struct made){ PLAIN, .extensions = cases[i].extension }, ja4);
        assert_slice_equal(slice_of(text.ptr + 8, 2), cases[i].shown);
    }
}

TEST(ja4_shows_the_highest_version_that_is_offered)
{
    static const struct {
        slice legacy, extension, shown;
    } cases[] = {
        { SLICE("\3\3"), SLICE(""), SLICE("12") },
        { SLICE("\3\2"), SLICE(""), SLICE("11") },
        { SLICE("\3\1"), SLICE(""), SLICE("10") },
        { SLICE("\3\0"), SLICE(""), SLICE("s3") },
        { SLICE("\0\2"), SLICE(""), SLICE("s2") },
        { SLICE("\7\7"), SLICE(""), SLICE("00") },
        { SLICE("\3\3"), SLICE("\0\x2b\0\5\4\3\3\3\4"), SLICE("13") },
        { SLICE("\3\3"), SLICE("\0\x2b\0\7\6\x8a\x8a\3\3\3\4"), SLICE("13") },
        { SLICE("\3\3"), SLICE("\0\x2b\0\3\2\x8a\x8a"), SLICE("00") },
        { SLICE("\3\3"), SLICE("\0\x2b\0\3\2\3\2"), SLICE("11") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char ja4[JA4_BYTES];
        struct made made = { PLAIN, .extensions = cases[i].extension };
        made.version = cases[i].legacy;
        assert_slice_equal(slice_of(fingerprint_of(&made, ja4).ptr + 1, 2), cases[i].shown);
    }
}

TEST(ja4_does_not_depend_on_order_names_or_grease)
{
    static const struct made same[] = {
        { .version = SLICE("\3\3"),
          .ciphers = SLICE("\x13\x01\xc0\x2f"),
          .compression = SLICE("\0"),
          .extensions = SLICE("\0\0\0\6\0\4\0\0\1a\0\x17\0\0\0\x0d\0\4\0\2\4\3") },
        { .version = SLICE("\3\3"),
          .ciphers = SLICE("\xc0\x2f\x13\x01"),
          .compression = SLICE("\0"),
          .extensions = SLICE("\0\x0d\0\4\0\2\4\3\0\x17\0\0\0\0\0\6\0\4\0\0\1b") },
        { .version = SLICE("\3\3"),
          .ciphers = SLICE("\x1a\x1a\xc0\x2f\x13\x01\xfa\xfa"),
          .compression = SLICE("\0"),
          .extensions =
              SLICE("\x0a\x0a\0\0\0\x0d\0\6\0\4\x2a\x2a\4\3\0\x17\0\0\0\0\0\6\0\4\0\0\1b") },
    };
    static const struct made other = {
        /* the order of the signature algorithms counts */
        .version = SLICE("\3\3"),
        .ciphers = SLICE("\x13\x01\xc0\x2f"),
        .compression = SLICE("\0"),
        .extensions = SLICE("\0\0\0\6\0\4\0\0\1a\0\x17\0\0\0\x0d\0\6\0\4\4\1\4\3")
    };
    char first[JA4_BYTES], next[JA4_BYTES];
    (void)fingerprint_of(&same[0], first);
    for (size_t i = 1; i < ARRAY_LENGTH(same); i++)
        assert_slice_equal(fingerprint_of(&same[i], next), slice_of(first, JA4_BYTES));
    assert_false(slice_equal(fingerprint_of(&other, next), slice_of(first, JA4_BYTES)));
}

TEST(ja4_of_nothing_is_zeros)
{
    static const struct made bare = { .version = SLICE("\3\3"),
                                      .ciphers = SLICE("\x0a\x0a"),
                                      .compression = SLICE("\0"),
                                      .without_extensions = true };
    char ja4[JA4_BYTES];
    assert_slice_equal(fingerprint_of(&bare, ja4), SLICE("t12i000000_000000000000_000000000000"));
}

TEST(ja4_counts_to_99_and_has_a_maximum)
{
    static char suites[2 * (JA4_CIPHER_SUITES_MAX + 1)];
    for (size_t i = 0; i <= JA4_CIPHER_SUITES_MAX; i++) {
        suites[2 * i] = (char)(0x40 + (i >> 7));
        suites[2 * i + 1] = (char)(i & 127);
    }
    struct made made = { PLAIN };
    made.ciphers = slice_of(suites, sizeof suites - 2);
    char ja4[JA4_BYTES];
    assert_slice_equal(slice_of(fingerprint_of(&made, ja4).ptr + 4, 2), SLICE("99"));
    made.ciphers.len += 2;
    struct writer w = writer_over(made_memory, sizeof made_memory);
    struct client_hello hello;
    assert_int_equal(client_hello_parse(made_hello(&made, &w), &hello), 0);
    assert_int_equal(ja4_write(&hello, ja4), -E2BIG);
}

TEST(ja4_has_no_room_for_endless_algorithms)
{
    static char extension[6 + 12000];
    struct writer e = writer_over(extension, sizeof extension);
    writer_literal(&e, "\0\x0d\x2e\xe2\x2e\xe0");
    e.len += 12000;
    struct made made = { PLAIN, .extensions = writer_slice(&e) };
    struct writer w = writer_over(made_memory, sizeof made_memory);
    struct client_hello hello;
    char ja4[JA4_BYTES];
    assert_int_equal(client_hello_parse(made_hello(&made, &w), &hello), 0);
    assert_int_equal(ja4_write(&hello, ja4), -E2BIG);
}

TEST(ja4_as_people_write_it)
{
    static const slice good[] = {
        SLICE("t13d1516h2_8daaf6152771_e5627efa2ab1"),
        SLICE("t12i000000_000000000000_000000000000"),
        SLICE("q13d0310h3_55b375c5d22e_cd85d2d88918"),
        SLICE("ts3i9999Zz_8daaf6152771_e5627efa2ab1"),
    };
    static const slice bad[] = {
        SLICE(""),
        SLICE("t13d1516h2"),
        SLICE("x13d1516h2_8daaf6152771_e5627efa2ab1"),
        SLICE("t13x1516h2_8daaf6152771_e5627efa2ab1"),
        SLICE("t13d15x6h2_8daaf6152771_e5627efa2ab1"),
        SLICE("t13d1516h-_8daaf6152771_e5627efa2ab1"),
        SLICE("t1xd1516h2_8daaf6152771_e5627efa2ab1"),
        SLICE("t13d1516h2-8daaf6152771_e5627efa2ab1"),
        SLICE("t13d1516h2_8DAAF6152771_e5627efa2ab1"),
        SLICE("t13d1516h2_8daaf6152771_e5627efa2abg"),
        SLICE("t13d1516h2_8daaf6152771_e5627efa2ab1 "),
        SLICE("cd08e31494f9531f560d64c695473da9"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(ja4_is_valid(good[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(ja4_is_valid(bad[i]));
}

TEST(ja4_is_matched_whole_or_by_its_first_parts)
{
    static const slice chrome = SLICE("t13d1516h2_8daaf6152771_e5627efa2ab1");
    static const slice good[] = { SLICE("t13d1516h2_8daaf6152771_e5627efa2ab1"),
                                  SLICE("t13d1516h2_8daaf6152771_*"), SLICE("t13d1516h2_*") };
    static const slice others[] = { SLICE("t13d1516h2_8daaf6152771_02713d6af862"),
                                    SLICE("t13d1516h2_8daaf6152772_*"), SLICE("t13d1517h2_*") };
    static const slice bad[] = {
        SLICE("*"),      SLICE("t13d1516h2*"),    SLICE("t13d1516h2_8daa_*"),
        SLICE("t13d_*"), SLICE("t13d1516h2_*_*"), SLICE("t13d1516h2_8daaf615277*"),
        SLICE("_*"),     SLICE("t13d1516h2_**"),  SLICE("t13d1516h2_*_e5627efa2ab1"),
        SLICE(""),       SLICE("t13d1516h2"),     SLICE("t13d1516h2_8daaf6152771_e5_*"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        assert_true(ja4_pattern_is_valid(good[i]));
        assert_true(fingerprint_matches(good[i], chrome));
        assert_false(fingerprint_matches(good[i], SLICE("")));
        assert_true(ja4_pattern_is_valid(others[i]));
        assert_false(fingerprint_matches(others[i], chrome));
        assert_true(fingerprint_patterns_differ(others[i], chrome));
        for (size_t j = 0; j < ARRAY_LENGTH(good); j++)
            assert_false(fingerprint_patterns_differ(good[i], good[j]));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(ja4_pattern_is_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_clients_have_their_published_fingerprints),
        cmocka_unit_test(ja4_shows_the_ends_of_the_first_protocol),
        cmocka_unit_test(ja4_shows_the_highest_version_that_is_offered),
        cmocka_unit_test(ja4_does_not_depend_on_order_names_or_grease),
        cmocka_unit_test(ja4_of_nothing_is_zeros),
        cmocka_unit_test(ja4_counts_to_99_and_has_a_maximum),
        cmocka_unit_test(ja4_has_no_room_for_endless_algorithms),
        cmocka_unit_test(ja4_as_people_write_it),
        cmocka_unit_test(ja4_is_matched_whole_or_by_its_first_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
