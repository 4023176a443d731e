/* Pairs of certificate and key that are replaced while a configuration is loaded, or are not for
 * the names of their sites. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "certifier/testing.h"
#include "control/load_text_test.h"
#include "net/remote_key.h"

static struct {
    char path[64];
    X509 *old, *new;
    bool is_left; /* half replaced */
    uint32_t looks;
} pair;

static void write_certificate(X509 *x)
{
    FILE *file = fopen(pair.path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, x), 1);
    assert_int_equal(fclose(file), 0);
}

/* The key is new from the beginning; the certificate is, once somebody has looked. */
static int load_new_key(UNUSED void *context, UNUSED slice path, slice spki, struct writer *why)
{
    uint8_t *own = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(pair.new), &own);
    bool belongs = slice_equal(spki, slice_of((const char *)own, (size_t)length));
    OPENSSL_free(own);
    pair.looks++;
    if (belongs)
        return 0;
    if (!pair.is_left)
        write_certificate(pair.new);
    writer_text(why, "it does not belong to the certificate");
    return -EKEYREJECTED;
}

static int load_the_pair(void)
{
    static const struct load_hooks hooks = { .load_key = load_new_key };
    char text[256];
    int length = snprintf(text, sizeof text,
                          "listen :1 tls\nsite a.test { respond 200; tls %s /k }\n"
                          "site b.test { respond 200; tls %s /l }",
                          pair.path, pair.path);
    const struct load_options options = { .text = slice_of(text, (size_t)length), .hooks = &hooks };
    forget();
    diagnostics_open(&diagnostics);
    pair.looks = 0;
    write_certificate(pair.old);
    return configuration_load(&options, &c, &diagnostics);
}

TEST(a_pair_that_is_just_being_replaced_is_awaited)
{
    EVP_PKEY *keys[2] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-256") };
    pair.old = testing_make(&(struct testing_certificate){ .name = "a.test", .key = keys[0] });
    pair.new = testing_make(&(struct testing_certificate){ .name = "a.test", .key = keys[1] });
    assert_true(snprintf(pair.path, sizeof pair.path, "/tmp/load_test_pair_%d", getpid()) > 0);
    assert_int_equal(remote_key_open(), 0);
    assert_int_equal(load_the_pair(), 0);
    assert_int_equal(pair.looks, 3);
    assert_int_equal(X509_cmp(c->sites[0].tls.identity->set.by_kind[KEY_EC]->leaf, pair.new), 0);
    pair.is_left = true;
    assert_int_equal(load_the_pair(), -EINVAL);
    assert_int_equal(diagnostics.errors, 2);
    assert_int_equal(diagnostics.items[0].code, E0504);
    assert_in_range(pair.looks, 2, 2 + 20);
    assert_int_equal(unlink(pair.path), 0);
    forget();
    for (int i = 0; i < 2; i++)
        EVP_PKEY_free(keys[i]);
    X509_free(pair.old);
    X509_free(pair.new);
}

/* --- For which names ------------------------------------------------------------------------ */

static X509 *shown; /* whatever file is asked for */

static int read_shown(UNUSED void *context, struct arena *a, UNUSED slice path,
                      UNUSED size_t bytes_max, slice *ret)
{
    char *text = testing_pem(shown, NULL);
    *ret = arena_copy(a, slice_from(text));
    free(text);
    return ret->ptr ? 0 : -ENOMEM;
}

static bool is_told_of_names(const char *text)
{
    static const struct reader reader = { .read_file = read_shown };
    const struct load_options options = { .text = slice_from(text), .reader = &reader };
    forget();
    diagnostics_open(&diagnostics);
    assert_int_equal(configuration_load(&options, &c, &diagnostics), 0);
    if (diagnostics.count == 0)
        return false;
    assert_int_equal(diagnostics.count, 1);
    assert_int_equal(diagnostics.items[0].code, W0713);
    return true;
}

static void make_shown(const char *name, const char *alternatives)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    int64_t now = time(NULL);
    X509_free(shown);
    shown = testing_make(&(struct testing_certificate){
        .name = name,
        .key = key,
        .from_s = now - 60,
        .until_s = now + 3600,
        .extensions = { { alternatives ? "subjectAltName" : NULL, alternatives } } });
    EVP_PKEY_free(key);
}

TEST(a_certificate_for_none_of_its_sites_names_is_told)
{
    static const struct {
        const char *alternatives, *hosts;
        bool is_told;
    } cases[] = {
        { "DNS:b.example", "b.example", false },
        { "DNS:b.example", "B.Example", false },
        { "DNS:b.example", "a.example", true },
        { "DNS:b.example", "a.example b.example", false },
        { "DNS:b.example", "sub.b.example", true },
        { "DNS:b.example,DNS:*.c.example", "x.c.example", false },
        { "DNS:*.c.example", "x.y.c.example", true },
        { "DNS:*.c.example", "c.example", true },
        { "DNS:*.c.example", "*.c.example", false },
        { "DNS:x.c.example", "*.c.example", false },
        { "DNS:c.example", "*.c.example", true },
        { "DNS:b.example", "*", false },
        { "IP:192.0.2.1", "192.0.2.1", false },
        { "IP:192.0.2.1", "192.0.2.2", true },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[256];
        make_shown("name.example", cases[i].alternatives);
        snprintf(text, sizeof text, "listen :443 tls\nsite %s { respond 200; tls b.pem b.key }",
                 cases[i].hosts);
        if (is_told_of_names(text) != cases[i].is_told)
            fail_msg("%s: %s", cases[i].hosts, cases[i].alternatives);
    }
    make_shown("b.example", "DNS:b.example");
    const struct code_description *code = code_find(SLICE("W0713"));
    assert_true(is_told_of_names(code->example));
    assert_false(is_told_of_names(code->mended));
    forget();
    X509_free(shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_for_none_of_its_sites_names_is_told),
        cmocka_unit_test(a_pair_that_is_just_being_replaced_is_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
