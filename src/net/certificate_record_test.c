#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test.h"
#include "net/certificate_record.h"

/* A self-signed certificate with a fresh key. */
static slice make_der(EVP_PKEY **ret_key)
{
    X509 *x = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    assert_non_null(x);
    assert_non_null(key);
    X509_NAME *name = X509_get_subject_name(x);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)"test", -1, -1, 0),
                     1);
    X509_set_issuer_name(x, name);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    int length = i2d_X509(x, &der);
    X509_free(x);
    assert_true(length > 0);
    *ret_key = key;
    return slice_of((char *)der, (size_t)length);
}

static slice seal_and_map(struct certificate_sheet *s)
{
    slice mapped = { 0 };
    int fd = certificate_sheet_seal(s);
    assert_true(fd >= 0);
    assert_int_equal(certificate_sheet_map(fd, &mapped), 0);
    close(fd);
    certificate_sheet_close(s);
    return mapped;
}

static struct certificate_record full_record(slice der)
{
    return (struct certificate_record){ .set = SLICE("app.example.com"),
                                        .source = CERTIFICATE_FROM_ACME,
                                        .names = { SLICE("app.example.com"), SLICE("*.b.example") },
                                        .name_count = 2,
                                        .certificate_path = SLICE("/a/cert.pem"),
                                        .key_path = SLICE("/a/key.pem"),
                                        .key_id = 0x1122334455667788,
                                        .spki = SLICE("spki"),
                                        .chain = { der, SLICE("second") },
                                        .chain_count = 2,
                                        .ocsp = SLICE("response"),
                                        .error = SLICE("why not") };
}

TEST(a_sheet_is_read_as_it_was_written)
{
    struct certificate_sheet s;
    struct certificate_reader r;
    struct certificate_record got, empty = { .set = SLICE("b"), .source = CERTIFICATE_FROM_LOCAL };
    struct certificate_record full = full_record(SLICE("first"));
    assert_int_equal(certificate_sheet_open(&s), 0);
    assert_int_equal(certificate_sheet_add(&s, &full), 0);
    assert_int_equal(certificate_sheet_add(&s, &empty), 0);
    slice mapped = seal_and_map(&s);
    assert_int_equal(certificate_reader_open(&r, mapped), 0);
    assert_int_equal(certificate_reader_next(&r, &got), 1);
    assert_slice_equal(got.set, full.set);
    assert_int_equal(got.source, CERTIFICATE_FROM_ACME);
    assert_int_equal(got.name_count, 2);
    assert_slice_equal(got.names[1], SLICE("*.b.example"));
    assert_slice_equal(got.certificate_path, full.certificate_path);
    assert_slice_equal(got.key_path, full.key_path);
    assert_true(got.key_id == full.key_id);
    assert_slice_equal(got.spki, full.spki);
    assert_int_equal(got.chain_count, 2);
    assert_slice_equal(got.chain[0], SLICE("first"));
    assert_slice_equal(got.ocsp, full.ocsp);
    assert_slice_equal(got.error, full.error);
    assert_int_equal(certificate_reader_next(&r, &got), 1);
    assert_slice_equal(got.set, SLICE("b"));
    assert_int_equal(got.chain_count, 0);
    assert_int_equal(got.ocsp.len, 0);
    assert_int_equal(certificate_reader_next(&r, &got), 0);
    certificate_sheet_unmap(&mapped);
}

TEST(what_is_not_sealed_is_not_read)
{
    slice mapped;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(certificate_sheet_map(fd, &mapped), -EPROTO);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(certificate_sheet_map(fd, &mapped), -EPROTO);
    close(fd);
}

/* Reads all records; 0 or the error. */
static int read_all(slice sheet)
{
    struct certificate_reader r;
    struct certificate_record got;
    int result;
    TRY(certificate_reader_open(&r, sheet));
    while ((result = certificate_reader_next(&r, &got)) == 1)
        ;
    return result;
}

TEST(what_is_cut_or_longer_than_it_says_is_malformed)
{
    struct certificate_sheet s;
    struct certificate_record full = full_record(SLICE("first"));
    assert_int_equal(certificate_sheet_open(&s), 0);
    assert_int_equal(certificate_sheet_add(&s, &full), 0);
    slice mapped = seal_and_map(&s);
    char *copy = malloc(mapped.len + 1);
    memcpy(copy, mapped.ptr, mapped.len);
    copy[mapped.len] = 0;
    assert_int_equal(read_all(slice_of(copy, mapped.len)), 0);
    for (size_t cut = 0; cut < mapped.len; cut++)
        assert_int_equal(read_all(slice_of(copy, cut)), -EPROTO);
    assert_int_equal(read_all(slice_of(copy, mapped.len + 1)), -EPROTO);
    copy[12] = 2; /* two records, it says */
    assert_int_equal(read_all(slice_of(copy, mapped.len)), -EPROTO);
    free(copy);
    certificate_sheet_unmap(&mapped);
}

TEST(what_is_too_large_is_not_written)
{
    struct certificate_sheet s;
    char *large = calloc(1, CERTIFICATE_PART_MAX + 1);
    struct certificate_record r = { .set = SLICE("a"),
                                    .ocsp = slice_of(large, CERTIFICATE_PART_MAX + 1) };
    assert_int_equal(certificate_sheet_open(&s), 0);
    assert_int_equal(certificate_sheet_add(&s, &r), -EMSGSIZE);
    r.ocsp.len--;
    assert_int_equal(certificate_sheet_add(&s, &r), 0);
    assert_int_equal(s.count, 1);
    certificate_sheet_close(&s);
    free(large);
}

TEST(a_record_becomes_a_certificate_with_its_response)
{
    struct certificate *c = NULL;
    const char *why = NULL;
    EVP_PKEY *key, *other;
    slice der = make_der(&key), other_der = make_der(&other);
    struct certificate_record r = {
        .set = SLICE("a"), .chain = { der, other_der }, .chain_count = 2, .ocsp = SLICE("response")
    };
    EVP_PKEY_up_ref(key);
    assert_int_equal(certificate_record_make(&r, key, &c, &why), 0);
    assert_int_equal(c->kind, KEY_EC);
    assert_int_equal(sk_X509_num(c->chain), 1);
    assert_slice_equal(slice_of((char *)c->ocsp, c->ocsp_bytes), SLICE("response"));
    certificate_drop(&c);
    assert_int_equal(certificate_record_make(&r, other, &c, &why), -EINVAL);
    assert_string_equal(why, "the key does not belong to the certificate");
    r.chain[1] = SLICE("nonsense");
    assert_int_equal(certificate_record_make(&r, NULL, &c, &why), -EINVAL);
    assert_string_equal(why, "a certificate of the record cannot be parsed");
    r.chain_count = 0;
    assert_int_equal(certificate_record_make(&r, NULL, &c, &why), -EINVAL);
    EVP_PKEY_free(key);
    OPENSSL_free((void *)(uintptr_t)der.ptr);
    OPENSSL_free((void *)(uintptr_t)other_der.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sheet_is_read_as_it_was_written),
        cmocka_unit_test(what_is_not_sealed_is_not_read),
        cmocka_unit_test(what_is_cut_or_longer_than_it_says_is_malformed),
        cmocka_unit_test(what_is_too_large_is_not_written),
        cmocka_unit_test(a_record_becomes_a_certificate_with_its_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
