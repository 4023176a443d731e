#include "wire/tls_signed.h"

#include "base/test.h"
#include "base/writer.h"

static char memory[4096];

struct text {
    struct writer w;
};

static struct text begin(void)
{
    return (struct text){ .w = writer_over(memory, sizeof memory) };
}

static void repeat(struct text *t, char byte, size_t count)
{
    while (count--)
        writer_byte(&t->w, byte);
}

static slice verify_1_3(size_t pad, const char *context, size_t context_length, size_t hash)
{
    struct text t = begin();
    repeat(&t, ' ', pad);
    writer_bytes(&t.w, context, context_length);
    repeat(&t, 'h', hash);
    return writer_slice(&t.w);
}

static slice ephemeral(size_t randoms, uint8_t type, uint16_t curve, size_t point)
{
    struct text t = begin();
    repeat(&t, 'r', randoms);
    writer_byte(&t.w, (char)type);
    writer_byte(&t.w, (char)(curve >> 8));
    writer_byte(&t.w, (char)curve);
    writer_byte(&t.w, (char)point);
    repeat(&t, 'p', point);
    return writer_slice(&t.w);
}

static void message(struct text *t, uint8_t type, size_t length)
{
    writer_byte(&t->w, (char)type);
    writer_byte(&t->w, 0);
    writer_byte(&t->w, (char)(length >> 8));
    writer_byte(&t->w, (char)length);
    writer_bytes(&t->w, "\x03\x03", length < 2 ? length : 2);
    repeat(t, 'm', length < 2 ? 0 : length - 2);
}

static slice transcript(const uint8_t *types, size_t count)
{
    struct text t = begin();
    for (size_t i = 0; i < count; i++)
        message(&t, types[i], types[i] == 14 ? 0 : 300);
    return writer_slice(&t.w);
}

#define SERVER "TLS 1.3, server CertificateVerify"
#define CLIENT "TLS 1.3, client CertificateVerify"

TEST(certificate_verify_of_1_3_is_known_to_its_last_byte)
{
    static const struct {
        size_t pad;
        const char *context;
        size_t length, hash;
        enum tls_signed is;
    } cases[] = {
        { 64, SERVER, sizeof SERVER, 32, TLS_SIGNED_1_3_SERVER },
        { 64, SERVER, sizeof SERVER, 48, TLS_SIGNED_1_3_SERVER },
        { 64, CLIENT, sizeof CLIENT, 32, TLS_SIGNED_1_3_CLIENT },
        { 64, CLIENT, sizeof CLIENT, 48, TLS_SIGNED_1_3_CLIENT },
        { 64, SERVER, sizeof SERVER, 0, TLS_SIGNED_NOTHING },
        { 64, SERVER, sizeof SERVER, 20, TLS_SIGNED_NOTHING },
        { 64, SERVER, sizeof SERVER, 31, TLS_SIGNED_NOTHING },
        { 64, SERVER, sizeof SERVER, 33, TLS_SIGNED_NOTHING },
        { 64, SERVER, sizeof SERVER, 64, TLS_SIGNED_NOTHING },
        { 64, SERVER, sizeof SERVER - 1, 32, TLS_SIGNED_NOTHING }, /* no zero behind it */
        { 63, SERVER, sizeof SERVER, 32, TLS_SIGNED_NOTHING },
        { 65, SERVER, sizeof SERVER, 32, TLS_SIGNED_NOTHING },
        { 64, "TLS 1.3, Server CertificateVerify", sizeof SERVER, 32, TLS_SIGNED_NOTHING },
        { 64, "TLS 1.3, server certificateVerify", sizeof SERVER, 32, TLS_SIGNED_NOTHING },
        { 64, "", 0, 32, TLS_SIGNED_NOTHING },
        { 64, "", 0, 0, TLS_SIGNED_NOTHING },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(tls_signed_judge(verify_1_3(cases[i].pad, cases[i].context,
                                                     cases[i].length, cases[i].hash)),
                         cases[i].is);
}

TEST(a_key_of_1_2_is_of_a_curve_that_there_is)
{
    static const struct {
        size_t randoms;
        uint8_t type;
        uint16_t curve;
        uint8_t point;
        bool is_one;
    } cases[] = {
        { 64, 3, 29, 32, true },  { 64, 3, 30, 56, true },  { 64, 3, 23, 65, true },
        { 64, 3, 24, 97, true },  { 64, 3, 25, 133, true }, { 64, 3, 29, 31, false },
        { 64, 3, 29, 33, false }, { 64, 3, 23, 32, false }, { 64, 3, 22, 65, false },
        { 64, 3, 0, 32, false },  { 64, 1, 29, 32, false }, { 64, 2, 29, 32, false },
        { 63, 3, 29, 32, false }, { 65, 3, 29, 32, false }, { 0, 3, 29, 32, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        slice text = ephemeral(cases[i].randoms, cases[i].type, cases[i].curve, cases[i].point);
        assert_int_equal(tls_signed_judge(text),
                         cases[i].is_one ? TLS_SIGNED_1_2_KEY : TLS_SIGNED_NOTHING);
    }
    slice text = ephemeral(64, 3, 29, 32);
    memory[text.len] = 'x';
    assert_int_equal(tls_signed_judge(slice_of(text.ptr, text.len + 1)), TLS_SIGNED_NOTHING);
    assert_int_equal(tls_signed_judge(slice_first(text, text.len - 1)), TLS_SIGNED_NOTHING);
}

TEST(the_messages_of_1_2_are_all_there_and_in_order)
{
    static const struct {
        uint8_t types[10];
        size_t count;
        bool is_one;
    } cases[] = {
        { { 1, 2, 11, 12, 13, 14, 11, 16 }, 8, true },
        { { 1, 2, 11, 22, 12, 13, 14, 11, 16 }, 9, true },
        { { 1, 2, 11, 12, 13, 14, 11 }, 7, false },
        { { 1, 2, 11, 12, 14, 11, 16 }, 7, false },
        { { 2, 2, 11, 12, 13, 14, 11, 16 }, 8, false },
        { { 1, 2, 11, 13, 12, 14, 11, 16 }, 8, false },
        { { 1, 2, 11, 12, 13, 14, 11, 16, 15 }, 9, false },
        { { 1, 2, 11, 12, 13, 14, 11, 16, 16 }, 9, false },
        { { 1 }, 1, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(tls_signed_judge(transcript(cases[i].types, cases[i].count)),
                         cases[i].is_one ? TLS_SIGNED_1_2_MESSAGES : TLS_SIGNED_NOTHING);
    slice text = transcript(cases[0].types, cases[0].count);
    for (size_t cut = 0; cut < text.len; cut++)
        assert_int_equal(tls_signed_judge(slice_first(text, cut)), TLS_SIGNED_NOTHING);
    memory[text.len] = 0;
    assert_int_equal(tls_signed_judge(slice_of(text.ptr, text.len + 1)), TLS_SIGNED_NOTHING);
    memory[5] = 2; /* not 3.3 */
    assert_int_equal(tls_signed_judge(text), TLS_SIGNED_NOTHING);
}

/* The beginnings of what else is signed somewhere with such keys. */
TEST(texts_of_other_protocols_are_none)
{
    static const char *const texts[] = {
        "",
        "\x30\x82\x01\x0a\x02\x01\x02",            /* TBSCertificate */
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ", /* JWS */
        "HTTP/1.1 200 OK\r\n",
        "                                                                ",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_int_equal(tls_signed_judge(slice_from(texts[i])), TLS_SIGNED_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_verify_of_1_3_is_known_to_its_last_byte),
        cmocka_unit_test(a_key_of_1_2_is_of_a_curve_that_there_is),
        cmocka_unit_test(the_messages_of_1_2_are_all_there_and_in_order),
        cmocka_unit_test(texts_of_other_protocols_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
