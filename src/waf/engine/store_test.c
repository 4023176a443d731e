#include "waf/engine/store.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"

enum { LIFETIME_MS = 100000, SECOND = 1000 };

/* A table of so many sets, in which everything that is written by `write_at` is touched first. */
struct fixture {
    struct store_table table;
    struct waf_store *store;
    struct arena arena;
    void *memory;
    size_t bytes;
};

static const struct siphash_key secret = { 1, 2 };

static void give_way(void)
{
    sched_yield();
}

static const struct store_sharing alone = { 1, give_way };

static void open_store(struct fixture *f, unsigned sets)
{
    f->bytes = 64 + (size_t)sets * STORE_SET_BYTES;
    f->memory = aligned_alloc(64, f->bytes);
    assert_non_null(f->memory);
    memset(f->memory, 0, f->bytes);
    store_table_open(&f->table, f->memory, f->bytes, &secret, &alone);
    f->store = &f->table.store;
    arena_open(&f->arena, NULL, 0, 4096, 1 << 20);
}

static void close_store(struct fixture *f)
{
    free(f->memory);
    arena_close(&f->arena);
}

static struct store_name named(const char *key, const char *name)
{
    return (struct store_name){ SLICE("site"), VARIABLE_IP, slice_from(key), slice_from(name) };
}

static const char *value_of(struct fixture *f, const struct store_name *n, int64_t now_ms)
{
    slice value;
    int result = f->store->read(f->store, n, now_ms, &f->arena, &value);
    if (result == -ENOENT)
        return "none";
    assert_int_equal(result, 0);
    return arena_text(&f->arena, value);
}

static const char *value_at(struct fixture *f, const char *key, const char *name, int64_t now_ms)
{
    struct store_name n = named(key, name);
    return value_of(f, &n, now_ms);
}

static void write_at(struct fixture *f, const char *key, const char *name, int64_t now_ms,
                     const char *value)
{
    struct store_name n = named(key, name);
    assert_int_equal(f->store->touch(f->store, &n, now_ms, LIFETIME_MS), 0);
    assert_int_equal(f->store->write(f->store, &n, now_ms, slice_from(value)), 0);
}

TEST(a_store_keeps_variables_apart_by_all_that_names_them)
{
    struct fixture f;
    open_store(&f, 4);
    struct store_name other_site = named("10.0.0.1", "a"), other_kind = other_site;
    other_site.application = SLICE("other");
    other_kind.collection = VARIABLE_GLOBAL;
    write_at(&f, "10.0.0.1", "a", 0, "1");
    write_at(&f, "10.0.0.2", "a", 0, "2");
    write_at(&f, "10.0.0.1", "b", 0, "text");
    write_at(&f, "10.0.0.1a", "", 0, "");
    assert_string_equal(value_at(&f, "10.0.0.1", "a", 1), "1");
    assert_string_equal(value_at(&f, "10.0.0.2", "a", 1), "2");
    assert_string_equal(value_at(&f, "10.0.0.1", "b", 1), "text");
    assert_string_equal(value_at(&f, "10.0.0.1a", "", 1), "");
    assert_string_equal(value_at(&f, "10.0.0.2", "b", 1), "none");
    assert_string_equal(value_of(&f, &other_site, 1), "none");
    assert_string_equal(value_of(&f, &other_kind, 1), "none");
    close_store(&f);
}

TEST(values_are_given_back_as_they_were_written)
{
    static const char *const values[] = { "0",  "7",   "999999999", "2147483647", "00", "-1",
                                          "+1", "1.5", "",          " 1",         "x" };
    struct fixture f;
    open_store(&f, 1);
    for (unsigned i = 0; i < ARRAY_LENGTH(values); i++) {
        write_at(&f, "k", "a", 0, values[i]);
        assert_string_equal(value_at(&f, "k", "a", 0), values[i]);
    }
    close_store(&f);
}

TEST(a_collection_ends_its_lifetime_after_the_last_change)
{
    struct fixture f;
    struct store_name n = named("k", "a");
    open_store(&f, 1);
    write_at(&f, "k", "a", 0, "1");
    write_at(&f, "k", "b", LIFETIME_MS - SECOND, "2");
    assert_string_equal(value_at(&f, "k", "a", LIFETIME_MS), "1");
    assert_string_equal(value_at(&f, "k", "a", 2 * LIFETIME_MS - SECOND), "none");
    assert_int_equal(f.store->write(f.store, &n, 2 * LIFETIME_MS, SLICE("3")), -ENOENT);
    assert_int_equal(f.store->add(f.store, &n, 2 * LIFETIME_MS, 1), -ENOENT);
    close_store(&f);
}

TEST(a_collection_that_begins_anew_has_nothing_of_the_one_before)
{
    struct fixture f;
    struct store_name n = named("k", "a");
    open_store(&f, 1);
    write_at(&f, "k", "a", 0, "5");
    assert_int_equal(f.store->touch(f.store, &n, 2 * LIFETIME_MS, LIFETIME_MS), 0);
    assert_string_equal(value_at(&f, "k", "a", 2 * LIFETIME_MS), "none");
    assert_int_equal(f.store->add(f.store, &n, 2 * LIFETIME_MS, 1), 0);
    assert_string_equal(value_at(&f, "k", "a", 2 * LIFETIME_MS), "1");
    close_store(&f);
}

TEST(a_collection_knows_when_it_began_and_how_often_it_was_changed)
{
    struct fixture f;
    struct store_name n = named("k", "a");
    struct store_life life;
    open_store(&f, 1);
    assert_int_equal(f.store->life(f.store, &n, 0, &life), -ENOENT);
    write_at(&f, "k", "a", 500, "5");
    write_at(&f, "k", "a", 700, "6");
    assert_int_equal(f.store->life(f.store, &n, 800, &life), 0);
    assert_int_equal(life.created_ms, 500);
    assert_int_equal(life.updated_ms, 700);
    assert_int_equal(life.updates, 2);
    write_at(&f, "k", "a", 3 * LIFETIME_MS, "5");
    assert_int_equal(f.store->life(f.store, &n, 3 * LIFETIME_MS, &life), 0);
    assert_int_equal(life.created_ms, 3 * LIFETIME_MS);
    assert_int_equal(life.updates, 1);
    close_store(&f);
}

TEST(an_expiry_holds_whatever_is_written_afterwards)
{
    struct fixture f;
    open_store(&f, 1);
    struct store_name n = named("k", "a");
    write_at(&f, "k", "a", 0, "1");
    f.store->expire(f.store, &n, 0, 60 * SECOND);
    write_at(&f, "k", "a", 50 * SECOND, "2");
    assert_int_equal(f.store->add(f.store, &n, 50 * SECOND, 1), 0);
    assert_string_equal(value_at(&f, "k", "a", 60 * SECOND - 1), "3");
    assert_string_equal(value_at(&f, "k", "a", 60 * SECOND), "none");
    assert_int_equal(f.store->add(f.store, &n, 60 * SECOND, 1), 0);
    assert_string_equal(value_at(&f, "k", "a", 70 * SECOND), "1");
    close_store(&f);
}

TEST(a_collection_lives_as_long_as_what_expires_in_it)
{
    struct fixture f;
    open_store(&f, 1);
    struct store_name n = named("k", "ban");
    write_at(&f, "k", "ban", 0, "1");
    f.store->expire(f.store, &n, 0, 3 * LIFETIME_MS);
    assert_string_equal(value_at(&f, "k", "ban", 3 * LIFETIME_MS - 1), "1");
    assert_string_equal(value_at(&f, "k", "ban", 3 * LIFETIME_MS), "none");
    close_store(&f);
}

TEST(adding_counts_from_zero_and_never_below_it)
{
    struct fixture f;
    open_store(&f, 1);
    struct store_name n = named("k", "a");
    assert_int_equal(f.store->touch(f.store, &n, 0, LIFETIME_MS), 0);
    assert_int_equal(f.store->add(f.store, &n, 0, 5), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "5");
    assert_int_equal(f.store->add(f.store, &n, 0, -7), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "0");
    write_at(&f, "k", "a", 0, "text");
    assert_int_equal(f.store->add(f.store, &n, 0, 2), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "2");
    write_at(&f, "k", "a", 0, "007 and more");
    assert_int_equal(f.store->add(f.store, &n, 0, 2), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "9");
    assert_int_equal(f.store->add(f.store, &n, 0, INT32_MAX), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "2147483647");
    close_store(&f);
}

TEST(what_is_removed_is_no_more_until_it_is_set_again)
{
    struct fixture f;
    open_store(&f, 1);
    struct store_name n = named("k", "a");
    write_at(&f, "k", "a", 0, "4");
    f.store->remove(f.store, &n, 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "none");
    assert_int_equal(f.store->add(f.store, &n, 0, 1), 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "1");
    write_at(&f, "k", "a", 0, "text");
    f.store->remove(f.store, &n, 0);
    assert_string_equal(value_at(&f, "k", "a", 0), "none");
    write_at(&f, "k", "a", 0, "more");
    assert_string_equal(value_at(&f, "k", "a", 0), "more");
    close_store(&f);
}

/* One set: what is over gives way first, then what was written to longest ago. */
TEST(a_full_set_forgets_what_is_over_and_then_what_is_oldest)
{
    struct fixture f;
    char name[8];
    open_store(&f, 1);
    struct store_name gone = named("k", "v5");
    for (int i = 0; i < STORE_WAYS - 1; i++) {
        snprintf(name, sizeof name, "v%d", i);
        write_at(&f, "k", name, i + 1, "1");
    }
    f.store->remove(f.store, &gone, 50);
    write_at(&f, "k", "new", 51, "1");
    assert_string_equal(value_at(&f, "k", "v0", 52), "1");
    assert_string_equal(value_at(&f, "k", "v5", 52), "none");
    write_at(&f, "k", "newer", 53, "1");
    assert_string_equal(value_at(&f, "k", "v0", 54), "none");
    assert_string_equal(value_at(&f, "k", "v1", 54), "1");
    write_at(&f, "other", "x", 55, "1"); /* takes two places */
    assert_string_equal(value_at(&f, "k", "v2", 56), "none");
    assert_string_equal(value_at(&f, "k", "v3", 56), "1");
    assert_string_equal(value_at(&f, "k", "newer", 56), "1");
    assert_string_equal(value_at(&f, "other", "x", 56), "1");
    close_store(&f);
}

TEST(a_table_takes_any_number_of_collections_and_stays_as_large_as_it_is)
{
    struct fixture f;
    char key[16];
    unsigned found = 0;
    open_store(&f, 8);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "%d", i);
        write_at(&f, key, "a", i, "1");
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "%d", i);
        found += strcmp(value_at(&f, key, "a", 2000), "1") == 0;
    }
    assert_in_range(found, 8 * STORE_WAYS / 4, 8 * STORE_WAYS / 2);
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
    open_store(&f, 1);
    write_at(&f, "k", "a", 0, "1");
    write_at(&f, "other", "b", 500, "2");
    write_at(&f, "k", "c", 500, "3");
    write_at(&f, "k", "d", 500, "4");
    struct store_name d = named("k", "d"), a = named("k", "a");
    f.store->remove(f.store, &d, 500);
    f.store->expire(f.store, &a, 500, SECOND);
    f.store->list(f.store, &d, 5 * SECOND, join, text);
    assert_string_equal(text, "c=3 ");
    close_store(&f);
}

TEST(what_is_too_long_is_refused_and_changes_nothing)
{
    struct fixture f;
    static char large[STORE_TEXT_MAX + 2];
    memset(large, 'x', STORE_TEXT_MAX + 1);
    open_store(&f, 1);
    write_at(&f, "k", "a", 0, "1");
    struct store_name name = named("k", "a"), longer = named("k", large);
    assert_int_equal(f.store->write(f.store, &name, 0, slice_from(large)), -E2BIG);
    assert_int_equal(f.store->write(f.store, &longer, 0, SLICE("1")), -E2BIG);
    assert_string_equal(value_at(&f, "k", "a", 0), "1");
    large[STORE_TEXT_MAX] = '\0';
    write_at(&f, "k", "a", 0, large);
    assert_string_equal(value_at(&f, "k", "a", 0), large);
    large[STORE_NAME_MAX] = '\0';
    write_at(&f, "k", large, 0, "2");
    assert_string_equal(value_at(&f, "k", large, 0), "2");
    close_store(&f);
}

/* --- Several at the same time ----------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 2000, NAMES = 8 }; /* 1000 for each name */

struct counting {
    struct fixture *fixture;
    struct store_table table;
    atomic_int *go;
    unsigned torn;
};

static void *count(void *context)
{
    struct counting *c = context;
    char name[8];
    struct arena arena;
    slice value;
    arena_open(&arena, NULL, 0, 4096, 1 << 20);
    atomic_fetch_sub(c->go, 1);
    while (atomic_load(c->go) > 0)
        ;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof name, "v%d", i % NAMES);
        struct store_name n = named("k", name), text = named("k", "text");
        if (c->table.store.touch(&c->table.store, &n, i, LIFETIME_MS) != 0 ||
            c->table.store.add(&c->table.store, &n, i, 1) != 0)
            c->torn++;
        slice written = i % 2 ? SLICE("aaaaaaaaaaaaaaaa") : SLICE("bbbbbbbb");
        if (c->table.store.write(&c->table.store, &text, i, written) != 0)
            continue;
        if (c->table.store.read(&c->table.store, &text, i, &arena, &value) == 0)
            c->torn += !slice_equal(value, SLICE("aaaaaaaaaaaaaaaa")) &&
                       !slice_equal(value, SLICE("bbbbbbbb"));
        arena_reset(&arena);
    }
    arena_close(&arena);
    return NULL;
}

TEST(of_counts_made_at_the_same_time_none_is_lost_and_no_text_is_torn)
{
    struct fixture f;
    pthread_t threads[THREADS];
    struct counting counting[THREADS];
    atomic_int go = THREADS;
    struct store_life life;
    struct store_name n = named("k", "");
    char name[8];
    open_store(&f, 1);
    for (unsigned i = 0; i < THREADS; i++) {
        counting[i] = (struct counting){ .fixture = &f, .go = &go };
        struct store_sharing sharing = { i, give_way };
        store_table_open(&counting[i].table, f.memory, f.bytes, &secret, &sharing);
        assert_int_equal(pthread_create(&threads[i], NULL, count, &counting[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(counting[i].torn, 0);
    }
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "v%d", i);
        assert_string_equal(value_at(&f, "k", name, ROUNDS), "1000");
    }
    assert_int_equal(f.store->life(f.store, &n, ROUNDS, &life), 0);
    assert_int_equal(life.updates, THREADS * ROUNDS);
    close_store(&f);
}

/* --- What a process leaves that dies, and what a hostile one writes ----------------------------
 */

TEST(a_claim_that_a_dead_process_left_is_taken_over)
{
    struct fixture f;
    open_store(&f, 1);
    uint64_t left = 77;
    memcpy((char *)f.memory + 64, &left, sizeof left); /* the claim of the first set */
    write_at(&f, "k", "a", 0, "text");
    assert_string_equal(value_at(&f, "k", "a", 0), "text");
    memcpy(&left, (char *)f.memory + 64, sizeof left);
    assert_int_equal(left, 0);
    close_store(&f);
}

TEST(whatever_stands_in_the_memory_nothing_outside_it_is_touched)
{
    struct fixture f;
    uint64_t random = 88172645463325252u;
    char text[100];
    open_store(&f, 2);
    for (int round = 0; round < 300; round++) {
        write_at(&f, "k", "a", 0, "text");
        write_at(&f, "k", "b", 0, "3");
        for (size_t at = 0; at < f.bytes; at += 8) { /* any words, many of them large */
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if (random % 3 == 0) /* tags stay: the places are found */
                memcpy((char *)f.memory + at, &random, round % 2 ? 8 : 2);
        }
        struct store_name a = named("k", "a"), b = named("k", "b");
        slice value;
        text[0] = '\0';
        (void)!f.store->read(f.store, &a, 1, &f.arena, &value);
        (void)!f.store->touch(f.store, &b, 1, LIFETIME_MS);
        (void)!f.store->write(f.store, &a, 1, SLICE("other"));
        (void)!f.store->add(f.store, &b, 1, 1);
        f.store->expire(f.store, &a, 1, 5);
        f.store->list(f.store, &a, 1, join, text);
        arena_reset(&f.arena);
        memset(f.memory, 0, f.bytes);
    }
    close_store(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_keeps_variables_apart_by_all_that_names_them),
        cmocka_unit_test(values_are_given_back_as_they_were_written),
        cmocka_unit_test(a_collection_ends_its_lifetime_after_the_last_change),
        cmocka_unit_test(a_collection_that_begins_anew_has_nothing_of_the_one_before),
        cmocka_unit_test(a_collection_knows_when_it_began_and_how_often_it_was_changed),
        cmocka_unit_test(an_expiry_holds_whatever_is_written_afterwards),
        cmocka_unit_test(a_collection_lives_as_long_as_what_expires_in_it),
        cmocka_unit_test(adding_counts_from_zero_and_never_below_it),
        cmocka_unit_test(what_is_removed_is_no_more_until_it_is_set_again),
        cmocka_unit_test(a_full_set_forgets_what_is_over_and_then_what_is_oldest),
        cmocka_unit_test(a_table_takes_any_number_of_collections_and_stays_as_large_as_it_is),
        cmocka_unit_test(the_variables_of_one_key_are_listed_but_for_those_that_ended),
        cmocka_unit_test(what_is_too_long_is_refused_and_changes_nothing),
        cmocka_unit_test(of_counts_made_at_the_same_time_none_is_lost_and_no_text_is_torn),
        cmocka_unit_test(a_claim_that_a_dead_process_left_is_taken_over),
        cmocka_unit_test(whatever_stands_in_the_memory_nothing_outside_it_is_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
