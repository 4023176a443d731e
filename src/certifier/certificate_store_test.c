#include <fcntl.h>
#include <sys/stat.h>

#include "certifier/certificate_store.h"
#include "certifier/testing.h"

static char folder[64];
static struct certificate_store store;

static int open_store(void **state)
{
    char path[80];
    testing_folder(folder);
    (void)snprintf(path, sizeof path, "%s/certificates", folder);
    return certificate_store_open(&store, path, 0);
}

static int close_store(void **state)
{
    certificate_store_close(&store);
    testing_remove(folder);
    return 0;
}

static void expect(const char *file, slice wanted)
{
    char *bytes;
    size_t count;
    assert_int_equal(certificate_store_get(&store, file, &bytes, &count), 0);
    assert_slice_equal(slice_of(bytes, count), wanted);
    free(bytes);
}

TEST(a_file_is_replaced_whole)
{
    char *bytes;
    size_t count;
    assert_int_equal(certificate_store_get(&store, "a.pem", &bytes, &count), -ENOENT);
    assert_int_equal(certificate_store_put(&store, "a.pem", SLICE("one")), 0);
    expect("a.pem", SLICE("one"));
    assert_int_equal(certificate_store_put(&store, "a.pem", SLICE("another one")), 0);
    expect("a.pem", SLICE("another one"));
    assert_int_equal(certificate_store_put(&store, "a.pem", SLICE("")), 0);
    expect("a.pem", SLICE(""));
    certificate_store_remove(&store, "a.pem");
    certificate_store_remove(&store, "a.pem");
    assert_int_equal(certificate_store_get(&store, "a.pem", &bytes, &count), -ENOENT);
}

TEST(what_a_life_that_ended_in_between_left_does_not_hinder)
{
    int fd = openat(store.folder, ".new-b.pem", O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    assert_int_equal(certificate_store_put(&store, "b.pem", SLICE("whole")), 0);
    expect("b.pem", SLICE("whole"));
    assert_int_equal(faccessat(store.folder, ".new-b.pem", F_OK, 0), -1);
}

TEST(links_and_folders_are_not_read)
{
    char *bytes;
    size_t count;
    assert_int_equal(symlinkat("/etc/passwd", store.folder, "c.pem"), 0);
    assert_int_equal(certificate_store_get(&store, "c.pem", &bytes, &count), -ELOOP);
    assert_int_equal(mkdirat(store.folder, "d.pem", 0755), 0);
    assert_int_equal(certificate_store_get(&store, "d.pem", &bytes, &count), -EINVAL);
}

TEST(only_one_holds_the_folder)
{
    char path[80];
    struct certificate_store other;
    (void)snprintf(path, sizeof path, "%s/certificates", folder);
    assert_int_equal(certificate_store_open(&other, path, 50), -EBUSY);
    assert_int_equal(other.folder, -1);
}

TEST(every_set_has_a_file_of_its_own)
{
    static const slice sets[] = { SLICE("a.example"),   SLICE("*.example"),   SLICE("_.example"),
                                  SLICE("/x/cert.pem"), SLICE("_x_cert.pem"), SLICE("A.example"),
                                  SLICE(".hidden"),     SLICE("::1"),         SLICE("--1") };
    char names[ARRAY_LENGTH(sets)][STORE_NAME_MAX];
    for (size_t i = 0; i < ARRAY_LENGTH(sets); i++) {
        certificate_store_file_name(names[i], sets[i], ".pem");
        assert_null(strchr(names[i], '/'));
        assert_true(names[i][0] != '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
    assert_string_equal(names[0], "a.example.pem");
    static char large[600];
    char a[STORE_NAME_MAX], b[STORE_NAME_MAX];
    memset(large, 'a', sizeof large);
    certificate_store_file_name(a, slice_of(large, 599), ".ocsp");
    certificate_store_file_name(b, slice_of(large, 600), ".ocsp");
    assert_string_not_equal(a, b);
    assert_true(strlen(a) < STORE_NAME_MAX);
    assert_true(slice_ends_with(slice_from(a), SLICE(".ocsp")));
}

TEST(words_stand_before_the_first_certificate)
{
    const slice pem =
        SLICE("A title\nKey: acme-1\r\nKeys:no\n-----BEGIN CERTIFICATE-----\nNot: x\n");
    assert_slice_equal(certificate_store_word(pem, SLICE("Keys")), SLICE("no"));
    assert_slice_equal(slice_first(certificate_store_word(pem, SLICE("Key")), 6), SLICE("acme-1"));
    assert_int_equal(certificate_store_word(pem, SLICE("Not")).len, 0);
    assert_int_equal(certificate_store_word(SLICE(""), SLICE("Key")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_whole),
        cmocka_unit_test(what_a_life_that_ended_in_between_left_does_not_hinder),
        cmocka_unit_test(links_and_folders_are_not_read),
        cmocka_unit_test(only_one_holds_the_folder),
        cmocka_unit_test(every_set_has_a_file_of_its_own),
        cmocka_unit_test(words_stand_before_the_first_certificate),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
