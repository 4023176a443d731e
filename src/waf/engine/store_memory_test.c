#include "waf/engine/store.h"

#include <errno.h>
#include <stdio.h>

#include "base/test.h"

enum { LIFETIME_MS = 1000 };

struct fixture {
    struct waf_store *store;
    struct arena arena;
};

static const struct siphash_key secret = { 1, 2 };

static void open_store(struct fixture *f, unsigned variables_max)
{
    assert_int_equal(store_memory_open(variables_max, LIFETIME_MS, &secret, &f->store), 0);
    arena_open(&f->arena, NULL, 0, 4096, 1 << 20);
}

static void close_store(struct fixture *f)
{
    store_memory_close(f->store);
    arena_close(&f->arena);
}

static struct store_name named(const char *key, const char *name)
{
    return (struct store_name){ VARIABLE_IP, slice_from(key), slice_from(name) };
}

static const char *value_at(struct fixture *f, const char *key, const char *name, int64_t now_ms)
{
    struct store_name n = named(key, name);
    slice value;
    int result = f->store->read(f->store, &n, now_ms, &f->arena, &value);
    if (result == -ENOENT)
        return "none";
    assert_int_equal(result, 0);
    return arena_text(&f->arena, value);
}

static void write_at(struct fixture *f, const char *key, const char *name, int64_t now_ms,
                     const char *value)
{
    struct store_name n = named(key, name);
    assert_int_equal(f->store->write(f->store, &n, now_ms, slice_from(value)), 0);
}

TEST(a_store_keeps_variables_apart_by_key_and_name)
{
    struct fixture f;
    open_store(&f, 10);
    write_at(&f, "10.0.0.1", "a", 0, "1");
    write_at(&f, "10.0.0.2", "a", 0, "2");
    write_at(&f, "10.0.0.1", "b", 0, "3");
    write_at(&f, "10.0.0.1a", "", 0, "4");
    assert_string_equal(value_at(&f, "10.0.0.1", "a", 1), "1");
    assert_string_equal(value_at(&f, "10.0.0.2", "a", 1), "2");
    assert_string_equal(value_at(&f, "10.0.0.1", "b", 1), "3");
    assert_string_equal(value_at(&f, "10.0.0.2", "b", 1), "none");
    close_store(&f);
}

TEST(a_variable_ends_its_lifetime_after_the_last_write)
{
    struct fixture f;
    open_store(&f, 10);
    write_at(&f, "k", "a", 0, "1");
    assert_string_equal(value_at(&f, "k", "a", LIFETIME_MS - 1), "1");
    write_at(&f, "k", "a", LIFETIME_MS - 1, "2");
    assert_string_equal(value_at(&f, "k", "a", 2 * LIFETIME_MS - 2), "2");
    assert_string_equal(value_at(&f, "k", "a", 2 * LIFETIME_MS - 1), "none");
    close_store(&f);
}

TEST(an_expiry_holds_whatever_is_written_afterwards)
{
    struct fixture f;
    open_store(&f, 10);
    struct store_name n = named("k", "a");
    write_at(&f, "k", "a", 0, "1");
    f.store->expire(f.store, &n, 0, 60);
    write_at(&f, "k", "a", 50, "2");
    assert_string_equal(value_at(&f, "k", "a", 59), "2");
    assert_string_equal(value_at(&f, "k", "a", 60), "none");
    close_store(&f);
}

TEST(adding_counts_from_zero_and_never_below_it)
{
    struct fixture f;
    open_store(&f, 10);
    struct store_name n = named("k", "a");
    assert_int_equal(f.store->add(f.store, &n, 0, 5), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "5");
    assert_int_equal(f.store->add(f.store, &n, 0, -7), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "0");
    write_at(&f, "k", "a", 0, "text");
    assert_int_equal(f.store->add(f.store, &n, 0, 2), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "2");
    close_store(&f);
}

TEST(a_full_store_forgets_what_was_not_written_to_for_longest)
{
    struct fixture f;
    open_store(&f, 3);
    write_at(&f, "k", "a", 0, "1");
    write_at(&f, "k", "b", 1, "1");
    write_at(&f, "k", "c", 2, "1");
    write_at(&f, "k", "a", 3, "2");
    write_at(&f, "k", "d", 4, "1");
    assert_string_equal(value_at(&f, "k", "b", 5), "none");
    assert_string_equal(value_at(&f, "k", "a", 5), "2");
    assert_string_equal(value_at(&f, "k", "c", 5), "1");
    assert_string_equal(value_at(&f, "k", "d", 5), "1");
    close_store(&f);
}

static bool join(void *context, slice name, slice value)
{
    char *text = context;
    size_t len = strlen(text);
    snprintf(text + len, 100 - len, "%.*s=%.*s ", SLICE_ARGUMENTS(name), SLICE_ARGUMENTS(value));
    return true;
}

TEST(the_variables_of_one_key_are_listed_but_for_those_that_ended)
{
    struct fixture f;
    char text[100] = "";
    open_store(&f, 10);
    write_at(&f, "k", "a", 0, "1");
    write_at(&f, "other", "b", 500, "2");
    write_at(&f, "k", "c", 500, "3");
    write_at(&f, "k", "d", 500, "4");
    struct store_name n = named("k", "d");
    f.store->remove(f.store, &n);
    f.store->list(f.store, &n, LIFETIME_MS, join, text);
    assert_string_equal(text, "c=3 ");
    close_store(&f);
}

TEST(what_is_too_long_is_refused_and_changes_nothing)
{
    struct fixture f;
    static char large[STORE_TEXT_MAX + 2];
    memset(large, 'x', STORE_TEXT_MAX + 1);
    open_store(&f, 10);
    write_at(&f, "k", "a", 0, "1");
    struct store_name name = named("k", "a"), key = named(large, "a"), longer = named("k", large);
    assert_int_equal(f.store->write(f.store, &name, 0, slice_from(large)), -E2BIG);
    assert_int_equal(f.store->write(f.store, &key, 0, SLICE("1")), -E2BIG);
    assert_int_equal(f.store->write(f.store, &longer, 0, SLICE("1")), -E2BIG);
    assert_string_equal(value_at(&f, "k", "a", 0), "1");
    close_store(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_keeps_variables_apart_by_key_and_name),
        cmocka_unit_test(a_variable_ends_its_lifetime_after_the_last_write),
        cmocka_unit_test(an_expiry_holds_whatever_is_written_afterwards),
        cmocka_unit_test(adding_counts_from_zero_and_never_below_it),
        cmocka_unit_test(a_full_store_forgets_what_was_not_written_to_for_longest),
        cmocka_unit_test(the_variables_of_one_key_are_listed_but_for_those_that_ended),
        cmocka_unit_test(what_is_too_long_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
