#include "certifier/files.h"

#include <poll.h>
#include <sys/stat.h>

#include "certifier/testing_world.h"

static struct holdings all;
static struct folders folders;
static struct holding *one;
static EVP_PKEY *keys[2];
static int64_t now_ms;

static int open_group(void **state)
{
    keys[0] = EVP_EC_gen("P-256");
    keys[1] = EVP_EC_gen("P-256");
    return 0;
}

static int close_group(void **state)
{
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    return 0;
}

static X509 *make(int key, int64_t from_s, int64_t until_s)
{
    return testing_make(&(struct testing_certificate){
        .name = "a.example", .key = keys[key], .from_s = from_s, .until_s = until_s });
}

static void write_certificate(const char *name, int key, int64_t from_s, int64_t until_s)
{
    X509 *x = make(key, from_s, until_s);
    char *pem = testing_pem(x, NULL);
    testing_write(testing.folder, name, pem);
    free(pem);
    X509_free(x);
}

static void write_key(const char *name, int key)
{
    char *text;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, keys[key], NULL, NULL, 0, NULL, NULL), 1);
    BIO_write(bio, "", 1);
    (void)BIO_get_mem_data(bio, &text);
    testing_write(testing.folder, name, text);
    BIO_free(bio);
}

/* A holding for cert.pem and key.pem of the folder, as a generation has loaded them. */
static void hold(const char *below)
{
    char certificate[128], key[128];
    struct certificate_record r = { .set = SLICE("a"), .source = CERTIFICATE_FROM_FILES };
    (void)snprintf(certificate, sizeof certificate, "%s%s/cert.pem", testing.folder, below);
    (void)snprintf(key, sizeof key, "%s%s/key.pem", testing.folder, below);
    r.certificate_path = slice_from(certificate);
    r.key_path = slice_from(key);
    assert_int_equal(holdings_want(&all, &r, 1, &one), 0);
    holdings_put_in_force(&all, 1, NULL);
    files_watch(&folders, one, now_ms);
}

static int open_test(void **state)
{
    now_ms = 1000;
    TRY(testing_world_open(state));
    TRY(folders_open(&folders));
    TRY(holdings_open(&all));
    write_certificate("cert.pem", 0, 0, 0);
    write_key("key.pem", 0);
    hold("");
    assert_true(files_look(&testing.world, &folders, one, now_ms));
    assert_non_null(one->chain);
    one->is_changed = false;
    return 0;
}

static int close_test(void **state)
{
    files_leave(&folders, one);
    holdings_close(&all);
    folders_close(&folders);
    return testing_world_close(state);
}

/* Hears what the kernel tells (it has told when the call that changed something returned) and looks
 * at what is due. */
static bool look(void)
{
    if (folders_read(&folders))
        files_note_changes(&folders, &all, now_ms);
    return files_look(&testing.world, &folders, one, now_ms);
}

static bool look_after(int64_t span_ms)
{
    now_ms += span_ms;
    return look();
}

static char hash_before[sizeof one->chain->hash];

static void remember(void)
{
    memcpy(hash_before, one->chain->hash, sizeof hash_before);
}

static bool is_same(void)
{
    return strcmp(hash_before, one->chain->hash) == 0;
}

TEST(a_pair_is_replaced_whichever_comes_first)
{
    remember();
    write_key("key.pem", 1);
    assert_false(look()); /* the certificate is as it was: nothing is wrong that matters */
    assert_true(is_same());
    write_certificate("cert.pem", 1, 0, 0);
    assert_true(look());
    assert_false(is_same());
    remember();
    write_certificate("cert.pem", 0, 0, 0);
    assert_false(look()); /* it does not fit yet, and nothing is said yet */
    assert_true(is_same());
    assert_string_equal(one->error, "");
    write_key("key.pem", 0);
    assert_true(look());
    assert_false(is_same());
    assert_string_equal(one->error, "");
    assert_true(one->is_changed);
}

TEST(what_workers_may_not_have_is_published_though_it_is_as_it_was)
{
    one->is_changed = false;
    one->files.is_unsure = true;
    one->files.look_ms = now_ms;
    assert_false(look()); /* nothing to tell of */
    assert_true(one->is_changed && !one->files.is_unsure);
    one->is_changed = false;
    one->files.look_ms = now_ms;
    assert_false(look());
    assert_false(one->is_changed);
    one->files.is_unsure = true;
    write_key("key.pem", 1);
    assert_false(look());
    assert_false(one->is_changed); /* half of a renewal */
    assert_true(one->files.is_unsure);
    write_certificate("cert.pem", 1, 0, 0);
    write_key("key.pem", 0);
    assert_false(look());
    assert_true(one->files.is_unsure); /* the other half */
    write_key("key.pem", 1);
    assert_true(look());
    assert_true(one->is_changed && !one->files.is_unsure);
}

TEST(a_pair_that_does_not_fit_is_told_once_and_the_old_one_stays)
{
    char expected[256];
    remember();
    write_certificate("cert.pem", 1, 0, 0);
    assert_false(look());
    assert_false(look_after(FILES_RETRY_MS));
    assert_true(look_after(FILES_SETTLE_MS));
    (void)snprintf(expected, sizeof expected,
                   "cannot use key \"%s/key.pem\": it does not belong to the certificate",
                   testing.folder);
    assert_string_equal(one->error, expected);
    assert_true(is_same());
    assert_false(look_after(FILES_SELDOM_MS)); /* said once */
    write_key("key.pem", 1);
    assert_true(look());
    assert_false(is_same());
    assert_string_equal(one->error, "");
}

TEST(what_is_half_written_is_waited_for)
{
    remember();
    X509 *x = make(0, 0, 0);
    char *pem = testing_pem(x, NULL);
    size_t half = strlen(pem) / 2;
    char kept = pem[half];
    pem[half] = '\0';
    testing_write(testing.folder, "cert.pem", pem);
    assert_false(look());
    assert_true(is_same());
    pem[half] = kept;
    testing_write(testing.folder, "cert.pem", pem);
    assert_true(look());
    assert_false(is_same());
    free(pem);
    X509_free(x);
}

TEST(what_is_not_in_time_is_refused_with_the_date)
{
    char expected[256];
    remember();
    write_certificate("cert.pem", 0, TESTING_NOW_S - 864000, TESTING_NOW_S);
    assert_false(look());
    assert_true(look_after(FILES_SETTLE_MS));
    (void)snprintf(expected, sizeof expected,
                   "certificate \"%s/cert.pem\" ended on 2027-01-15 08:00 UTC", testing.folder);
    assert_string_equal(one->error, expected);
    write_certificate("cert.pem", 0, TESTING_NOW_S + 60, 0);
    assert_true(look());
    (void)snprintf(expected, sizeof expected,
                   "certificate \"%s/cert.pem\" begins only on 2027-01-15 08:01 UTC (is the clock "
                   "right?)",
                   testing.folder);
    assert_string_equal(one->error, expected);
    assert_true(is_same());
}

TEST(files_that_are_gone_change_nothing)
{
    char path[128], expected[256];
    remember();
    (void)snprintf(path, sizeof path, "%s/cert.pem", testing.folder);
    assert_int_equal(unlink(path), 0);
    assert_false(look());
    assert_true(look_after(FILES_SETTLE_MS));
    (void)snprintf(expected, sizeof expected,
                   "cannot read certificate \"%s\": No such file or directory", path);
    assert_string_equal(one->error, expected);
    assert_true(is_same());
    write_certificate("cert.pem", 0, 0, 0);
    assert_true(look());
    assert_false(is_same());
}

static void in_folder(char to[256], const char *name)
{
    (void)snprintf(to, 256, "%s/%s", testing.folder, name);
}

static void link_anew(const char *target, const char *name)
{
    char path[256], temporary[256];
    in_folder(path, name);
    in_folder(temporary, "..tmp");
    assert_int_equal(symlink(target, temporary), 0);
    assert_int_equal(rename(temporary, path), 0);
}

/* Kubernetes: cert.pem -> ..data/cert.pem, ..data -> a folder with a date; one rename swaps all. */
TEST(a_link_to_a_folder_is_swapped_at_once)
{
    char path[256];
    files_leave(&folders, one);
    in_folder(path, "mount");
    assert_int_equal(mkdir(path, 0755), 0);
    for (int i = 0; i < 2; i++) {
        in_folder(path, i ? "mount/..2" : "mount/..1");
        assert_int_equal(mkdir(path, 0755), 0);
        write_certificate(i ? "mount/..2/cert.pem" : "mount/..1/cert.pem", i, 0, 0);
        write_key(i ? "mount/..2/key.pem" : "mount/..1/key.pem", i);
    }
    link_anew("..1", "mount/..data");
    link_anew("..data/cert.pem", "mount/cert.pem");
    link_anew("..data/key.pem", "mount/key.pem");
    holdings_put_in_force(&all, 2, NULL);
    hold("/mount");
    assert_true(look());
    remember();
    link_anew("..2", "mount/..data");
    assert_true(look());
    assert_false(is_same());
    assert_string_equal(one->error, "");
}

/* certbot: live/cert.pem -> ../archive/cert1.pem, then -> ../archive/cert2.pem. */
TEST(links_to_files_are_replaced_one_after_the_other)
{
    char path[256];
    files_leave(&folders, one);
    in_folder(path, "live");
    assert_int_equal(mkdir(path, 0755), 0);
    for (int i = 0; i < 2; i++) {
        write_certificate(i ? "cert2.pem" : "cert1.pem", i, 0, 0);
        write_key(i ? "key2.pem" : "key1.pem", i);
    }
    link_anew("../cert1.pem", "live/cert.pem");
    link_anew("../key1.pem", "live/key.pem");
    holdings_put_in_force(&all, 2, NULL);
    hold("/live");
    assert_true(look());
    remember();
    link_anew("../cert2.pem", "live/cert.pem");
    assert_false(look());
    link_anew("../key2.pem", "live/key.pem");
    assert_true(look());
    assert_false(is_same());
}

TEST(a_folder_that_is_replaced_is_found_by_looking)
{
    char from[256], to[256];
    files_leave(&folders, one);
    in_folder(from, "folder");
    in_folder(to, "old");
    assert_int_equal(mkdir(from, 0755), 0);
    write_certificate("folder/cert.pem", 0, 0, 0);
    write_key("folder/key.pem", 0);
    holdings_put_in_force(&all, 2, NULL);
    hold("/folder");
    assert_true(look());
    remember();
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(mkdir(from, 0755), 0);
    write_certificate("folder/cert.pem", 1, 0, 0);
    write_key("folder/key.pem", 1);
    assert_true(look()); /* the old folder told that it moved */
    assert_false(is_same());
    remember();
    write_certificate("folder/cert.pem", 1, 0, 0); /* and the new one is watched */
    assert_true(look());
    assert_false(is_same());
}

TEST(without_the_kernel_it_is_looked_at_every_few_seconds)
{
    files_leave(&folders, one);
    folders_close(&folders);
    assert_int_equal(folders_open(&folders), 0);
    close(folders.fd);
    folders.fd = -1;
    files_watch(&folders, one, now_ms);
    assert_false(look());
    remember();
    write_certificate("cert.pem", 0, 0, 0);
    assert_false(look_after(FILES_LOOK_MS - 1));
    assert_true(look_after(1));
    assert_false(is_same());
}

TEST(thousands_of_folders_are_watched_once_each)
{
    char path[256], file[300];
    int place = -1;
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(path, sizeof path, "/nowhere/%d", i / 2);
        (void)snprintf(file, sizeof file, "%s/cert.pem", path);
        int next = folders_watch(&folders, slice_from(file));
        assert_true(next >= 0);
        if (i % 2)
            assert_int_equal(next, place);
        place = next;
    }
    assert_false(folders_is_watched(&folders, place));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_test, close_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pair_is_replaced_whichever_comes_first),
        CASE(what_workers_may_not_have_is_published_though_it_is_as_it_was),
        CASE(a_pair_that_does_not_fit_is_told_once_and_the_old_one_stays),
        CASE(what_is_half_written_is_waited_for),
        CASE(what_is_not_in_time_is_refused_with_the_date),
        CASE(files_that_are_gone_change_nothing),
        CASE(a_link_to_a_folder_is_swapped_at_once),
        CASE(links_to_files_are_replaced_one_after_the_other),
        CASE(a_folder_that_is_replaced_is_found_by_looking),
        CASE(without_the_kernel_it_is_looked_at_every_few_seconds),
        CASE(thousands_of_folders_are_watched_once_each),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
