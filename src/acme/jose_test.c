/* The vectors of RFC 7515 (A.1, A.3), RFC 7638 (§3.1) and RFC 4648, and what we write ourselves. */
#include "base/test.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "acme/jose.h"

#define EXAMPLE_HEAD "eyJhbGciOiJFUzI1NiJ9"
#define EXAMPLE_PAYLOAD                                                                            \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
#define EXAMPLE_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EXAMPLE_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

static slice decode(const char *text, struct writer *w)
{
    assert_int_equal(jose_base64url_decode(slice_from(text), w), 0);
    return writer_slice(w);
}

TEST(bytes_and_letters_are_each_others_other_side)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = { { "", "" },
                  { "f", "Zg" },
                  { "fo", "Zm8" },
                  { "foo", "Zm9v" },
                  { "foob", "Zm9vYg" },
                  { "fooba", "Zm9vYmE" },
                  { "foobar", "Zm9vYmFy" },
                  { "\xfb\xff\xfe", "-__-" } };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64], back[64];
        struct writer w = writer_over(memory, sizeof memory), b = writer_over(back, sizeof back);
        jose_base64url(&w, slice_from(cases[i].bytes));
        assert_slice_equal(writer_slice(&w), slice_from(cases[i].text));
        assert_slice_equal(decode(cases[i].text, &b), slice_from(cases[i].bytes));
    }
}

TEST(letters_that_do_not_belong_there_are_refused)
{
    static const char *const cases[] = { "Z",    "Zg==", "Zm+v", "Zm/v",
                                         "Zm 9", "Zh",   "Zm9",  "\xc3\xa4zz" };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64];
        struct writer w = writer_over(memory, sizeof memory);
        assert_int_equal(jose_base64url_decode(slice_from(cases[i]), &w), -EINVAL);
    }
}

TEST(a_mac_is_that_of_rfc_7515_a_1)
{
    char memory[128], mac[64];
    struct writer key = writer_over(memory, sizeof memory), w = writer_over(mac, sizeof mac);
    slice secret =
        decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuT"
               "wjAzZr1Z9CAow",
               &key);
    assert_int_equal(
        jose_mac(secret, SLICE("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." EXAMPLE_PAYLOAD), &w),
        0);
    assert_slice_equal(writer_slice(&w), SLICE("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
}

TEST(a_thumbprint_is_that_of_rfc_7638)
{
    char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    assert_int_equal(
        jose_digest(
            SLICE("{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":"
                  "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78L"
                  "hWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5Js"
                  "GY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9"
                  "c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
                  "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}"),
            &w),
        0);
    assert_slice_equal(writer_slice(&w), SLICE("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
}

/* The public key of RFC 7515 A.3. */
static EVP_PKEY *example_key(void)
{
    char point[80], memory[64];
    struct writer w = writer_over(point, sizeof point);
    writer_byte(&w, 4);
    struct writer x = writer_over(memory, sizeof memory);
    writer_slice_add(&w, decode(EXAMPLE_X, &x));
    x = writer_over(memory, sizeof memory);
    writer_slice_add(&w, decode(EXAMPLE_Y, &x));
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, w.ptr, w.len), OSSL_PARAM_END
    };
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

TEST(a_key_is_written_with_its_members_in_order)
{
    char memory[256];
    struct writer w = writer_over(memory, sizeof memory);
    EVP_PKEY *key = example_key();
    assert_int_equal(jose_jwk(key, &w), 0);
    assert_slice_equal(writer_slice(&w),
                       SLICE("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EXAMPLE_X
                             "\",\"y\":\"" EXAMPLE_Y "\"}"));
    EVP_PKEY_free(key);
}

TEST(only_p_256_keys_are_taken)
{
    char memory[256];
    EVP_PKEY *others[] = { EVP_EC_gen("P-384"), EVP_RSA_gen(2048),
                           EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        struct writer w = writer_over(memory, sizeof memory);
        assert_int_equal(jose_jwk(others[i], &w), -EINVAL);
        EVP_PKEY_free(others[i]);
    }
}

/* As a server judges: from the two numbers back to what the library verifies. */
static bool is_signed_by(EVP_PKEY *key, slice input, const char *signature)
{
    char memory[80];
    struct writer w = writer_over(memory, sizeof memory);
    slice raw = decode(signature, &w);
    assert_int_equal(raw.len, 64);
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    assert_int_equal(ECDSA_SIG_set0(numbers, BN_bin2bn((const unsigned char *)raw.ptr, 32, NULL),
                                    BN_bin2bn((const unsigned char *)raw.ptr + 32, 32, NULL)),
                     1);
    unsigned char *der = NULL;
    int bytes = i2d_ECDSA_SIG(numbers, &der);
    ECDSA_SIG_free(numbers);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL), 1);
    int result =
        EVP_DigestVerify(context, der, (size_t)bytes, (const unsigned char *)input.ptr, input.len);
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    return result == 1;
}

TEST(the_signature_of_rfc_7515_a_3_is_read_as_ours_are_written)
{
    static const char signature[] =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    EVP_PKEY *key = example_key();
    assert_true(is_signed_by(key, SLICE(EXAMPLE_HEAD "." EXAMPLE_PAYLOAD), signature));
    assert_false(is_signed_by(key, SLICE(EXAMPLE_HEAD "." EXAMPLE_HEAD), signature));
    EVP_PKEY_free(key);
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static json_t *decode_json(const char *text)
{
    char memory[4096];
    struct writer w = writer_over(memory, sizeof memory);
    slice json = decode(text, &w);
    return json_loadb(json.ptr, json.len, 0, NULL);
}

static void check_signed(EVP_PKEY *key, const json_t *jws)
{
    char input[8192];
    struct writer w = writer_over(input, sizeof input);
    writer_format(&w, "%s.%s", member(jws, "protected"), member(jws, "payload"));
    assert_true(is_signed_by(key, writer_slice(&w), member(jws, "signature")));
}

TEST(a_request_says_what_it_is_for_and_is_signed)
{
    for (int has_account = 0; has_account < 2; has_account++) {
        char memory[8192];
        struct writer w = writer_over(memory, sizeof memory);
        EVP_PKEY *key = EVP_EC_gen("P-256");
        struct jose_header header = { .url = SLICE("https://ca.example/new-order"),
                                      .nonce = SLICE("n-1"),
                                      .kid = has_account ? SLICE("https://ca.example/acct/1")
                                                         : SLICE("") };
        slice payload = has_account ? (slice){ 0 } : SLICE("{\"a\":1}");
        assert_int_equal(jose_sign(key, &header, payload, &w), 0);
        json_t *jws = json_loadb(w.ptr, w.len, 0, NULL);
        json_t *head = decode_json(member(jws, "protected"));
        assert_string_equal(member(head, "alg"), "ES256");
        assert_string_equal(member(head, "url"), "https://ca.example/new-order");
        assert_string_equal(member(head, "nonce"), "n-1");
        /* RFC 8555 §6.2: "jwk" and "kid" are mutually exclusive */
        assert_int_equal(json_is_object(json_object_get(head, "jwk")), !has_account);
        assert_int_equal(json_is_string(json_object_get(head, "kid")), has_account);
        assert_string_equal(member(jws, "payload"), has_account ? "" : "eyJhIjoxfQ");
        check_signed(key, jws);
        json_decref(head);
        json_decref(jws);
        EVP_PKEY_free(key);
    }
}

TEST(an_account_is_bound_by_the_key_that_the_ca_gave)
{
    char memory[8192], mac_memory[64], key_memory[64], input[8192];
    struct writer w = writer_over(memory, sizeof memory),
                  mac = writer_over(mac_memory, sizeof mac_memory),
                  key = writer_over(key_memory, sizeof key_memory),
                  text = writer_over(input, sizeof input);
    EVP_PKEY *account = EVP_EC_gen("P-256");
    /* padded, as some CAs hand it out */
    assert_int_equal(jose_bind(account, SLICE("kid-1"), SLICE("AQIDBAUGBwgJCgsMDQ4PEA=="),
                               SLICE("https://ca.example/new-account"), &w),
                     0);
    json_t *jws = json_loadb(w.ptr, w.len, 0, NULL);
    json_t *head = decode_json(member(jws, "protected")),
           *payload = decode_json(member(jws, "payload"));
    assert_string_equal(member(head, "alg"), "HS256");
    assert_string_equal(member(head, "kid"), "kid-1");
    assert_string_equal(member(head, "url"), "https://ca.example/new-account");
    /* RFC 8555 §7.3.4: "MUST NOT have a nonce", and the payload is the account's key */
    assert_null(json_object_get(head, "nonce"));
    assert_string_equal(member(payload, "kty"), "EC");
    writer_format(&text, "%s.%s", member(jws, "protected"), member(jws, "payload"));
    assert_int_equal(jose_mac(decode("AQIDBAUGBwgJCgsMDQ4PEA", &key), writer_slice(&text), &mac),
                     0);
    assert_slice_equal(writer_slice(&mac), slice_from(member(jws, "signature")));
    w.len = 0;
    assert_int_equal(jose_bind(account, SLICE("k"), SLICE("no base64!"), SLICE("u"), &w), -EINVAL);
    assert_int_equal(jose_bind(account, SLICE("k"), SLICE(""), SLICE("u"), &w), -EINVAL);
    json_decref(head);
    json_decref(payload);
    json_decref(jws);
    EVP_PKEY_free(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_letters_are_each_others_other_side),
        cmocka_unit_test(letters_that_do_not_belong_there_are_refused),
        cmocka_unit_test(a_mac_is_that_of_rfc_7515_a_1),
        cmocka_unit_test(a_thumbprint_is_that_of_rfc_7638),
        cmocka_unit_test(a_key_is_written_with_its_members_in_order),
        cmocka_unit_test(only_p_256_keys_are_taken),
        cmocka_unit_test(the_signature_of_rfc_7515_a_3_is_read_as_ours_are_written),
        cmocka_unit_test(a_request_says_what_it_is_for_and_is_signed),
        cmocka_unit_test(an_account_is_bound_by_the_key_that_the_ca_gave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
