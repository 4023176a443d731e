#include "proxy/held_body.h"

#include "base/buffer.h"
#include "base/test.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"

#include <errno.h>
#include <stdlib.h>

/* A body that comes in steps, and may be read again by nobody. */
struct stepping {
    struct body_source base;
    const char *bytes;
    size_t length, given, step;
    unsigned closed;
};

static int step_take(struct body_source *s, struct pieces *to)
{
    struct stepping *t = CONTAINER_OF(s, struct stepping, base);
    size_t count = t->length - t->given < t->step ? t->length - t->given : t->step;
    if (count)
        pieces_add(to, slice_of(t->bytes + t->given, count));
    t->given += count;
    s->decoded += count;
    s->bytes_read += count;
    s->ended = t->given == t->length;
    return 0;
}

static int step_wait(UNUSED struct body_source *s, UNUSED int64_t deadline_ms)
{
    return 0;
}

static void step_close(struct body_source *s)
{
    CONTAINER_OF(s, struct stepping, base)->closed++;
}

static const struct body_source_operations stepping_operations = { .take = step_take,
                                                                   .wait = step_wait,
                                                                   .close = step_close };

static struct stepping stepping_over(const char *bytes, size_t length, size_t step)
{
    return (struct stepping){
        .base.operations = &stepping_operations, .bytes = bytes, .length = length, .step = step
    };
}

/* Puts up to `bytes_max` in. */
static int put(struct held_body *h, struct body_source *from, size_t bytes_max)
{
    while (!from->ended && from->decoded < bytes_max) {
        struct pieces p = { .count = 0 };
        TRY(from->operations->take(from, &p));
        TRY(held_body_sink(h)->operations->send_now(held_body_sink(h), &p));
    }
    return held_body_settle(h);
}

static void assert_gives(struct held_body *h, const char *bytes, size_t length)
{
    struct body_source *s = held_body_source(h);
    size_t at = 0;
    while (!s->ended) {
        struct pieces p = { .count = 0, .bytes = 0 };
        assert_int_equal(s->operations->wait(s, 0), 0);
        assert_int_equal(s->operations->take(s, &p), 0);
        for (int i = 0; i < p.count; i++) {
            struct iovec part = p.parts[PIECES_FIRST + i];
            assert_true(part.iov_len <= length - at);
            assert_memory_equal(part.iov_base, bytes + at, part.iov_len);
            at += part.iov_len;
        }
        assert_int_equal(s->decoded, at);
    }
    assert_int_equal(at, length);
}

static char *make_bytes(size_t length)
{
    char *bytes = malloc(length + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}

TEST(a_body_is_seen_whole_and_given_again)
{
    held_purse.max = 2000000;
    static const size_t lengths[] = { 1, 16384, 16385, 131072, 131073, 1000000 };
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        char *bytes = make_bytes(lengths[i]);
        struct stepping from = stepping_over(bytes, lengths[i], 1000);
        struct held_body *h = held_body_make(&from.base);
        assert_non_null(h);
        assert_int_equal(put(h, &from.base, SIZE_MAX), 0);
        assert_slice_equal(held_body_bytes(h), slice_of(bytes, lengths[i]));
        assert_int_equal(held_purse.used, lengths[i] > 131072 ? lengths[i] : 0);
        for (unsigned pass = 0; pass < 2; pass++) {
            assert_gives(h, bytes, lengths[i]);
            assert_int_equal(held_body_source(h)->bytes_read, lengths[i]);
            held_body_source(h)->operations->rewind(held_body_source(h));
        }
        held_body_source(h)->operations->close(held_body_source(h));
        assert_int_equal(from.closed, 1);
        assert_int_equal(held_purse.used, 0);
        assert_int_equal(buffer_bytes_in_use(), 0);
        free(bytes);
    }
}

TEST(what_is_not_held_follows_what_is)
{
    held_purse.max = 2000000;
    size_t length = 300000;
    char *bytes = make_bytes(length);
    struct stepping from = stepping_over(bytes, length, 7000);
    struct held_body *h = held_body_make(&from.base);
    assert_int_equal(put(h, &from.base, 20000), 0);
    assert_slice_equal(held_body_bytes(h), slice_of(bytes, 21000));
    assert_false(held_body_source(h)->ended);
    assert_gives(h, bytes, length);
    held_body_source(h)->operations->close(held_body_source(h));
    free(bytes);
}

TEST(no_more_is_held_than_all_of_them_may)
{
    held_purse.max = 900000;
    size_t length = 500000;
    char *bytes = make_bytes(length);
    struct stepping first = stepping_over(bytes, length, 1000),
                    second = stepping_over(bytes, length, 1000);
    struct held_body *a = held_body_make(&first.base), *b = held_body_make(&second.base);
    assert_int_equal(put(a, &first.base, SIZE_MAX), 0);
    assert_int_equal(put(b, &second.base, SIZE_MAX), -ENOBUFS);
    held_body_source(a)->operations->close(held_body_source(a));
    held_body_source(b)->operations->close(held_body_source(b));
    assert_int_equal(held_purse.used, 0);
    buffer_limit(1u << 20);
    struct stepping third = stepping_over(bytes, 100000, 1000);
    struct buffer *taken = buffer_take_large(850000);
    struct held_body *c = held_body_make(&third.base);
    assert_int_equal(put(c, &third.base, SIZE_MAX), -ENOBUFS);
    held_body_source(c)->operations->close(held_body_source(c));
    buffer_release(taken);
    buffer_limit(0);
    assert_int_equal(buffer_bytes_in_use(), 0);
    free(bytes);
}

TEST(what_there_is_no_room_for_follows_all_the_same)
{
    static const uint64_t rooms[] = { 0, 100000, 131072, 200000, 400000 };
    size_t length = 500000;
    char *bytes = make_bytes(length);
    for (size_t i = 0; i < ARRAY_LENGTH(rooms); i++) {
        held_purse.max = rooms[i] * 8 / 7;
        struct stepping from = stepping_over(bytes, length, 7000);
        struct held_body *h = held_body_make(&from.base);
        assert_int_equal(put(h, &from.base, SIZE_MAX), -ENOBUFS);
        assert_int_equal(held_body_settle(h), 0);
        slice held = held_body_bytes(h);
        assert_in_range(held.len, rooms[i] > 131072 ? rooms[i] - 7000 : 124000, 400000);
        assert_memory_equal(held.ptr, bytes, held.len);
        assert_gives(h, bytes, length);
        held_body_source(h)->operations->close(held_body_source(h));
        assert_int_equal(held_purse.used, 0);
        assert_int_equal(buffer_bytes_in_use(), 0);
    }
    free(bytes);
}

TEST(and_what_cannot_even_be_put_by_is_told)
{
    held_purse.max = 0;
    buffer_limit(200000);
    char *bytes = make_bytes(500000);
    struct stepping from = stepping_over(bytes, 500000, 120000);
    struct held_body *h = held_body_make(&from.base);
    assert_int_equal(put(h, &from.base, SIZE_MAX), -ENOBUFS);
    assert_int_equal(held_body_settle(h), -ENOBUFS);
    held_body_source(h)->operations->close(held_body_source(h));
    buffer_limit(0);
    assert_int_equal(buffer_bytes_in_use(), 0);
    free(bytes);
}

/* --- In a loop that others live in as well ---------------------------------------------------- */

#define LONG_BYTES (3u << 20)

/* What one fiber does with a body, and what of it happens in a turn at most. */
static struct {
    struct held_body *body;
    bool is_cancelled;
    uint64_t given, given_before, given_at_once;
    uint64_t used_before, freed_at_once;
    unsigned turns;
} turned;

static void turn_ends(void)
{
    uint64_t given = turned.given - turned.given_before, freed = 0;
    if (held_purse.used < turned.used_before)
        freed = turned.used_before - held_purse.used;
    turned.given_at_once = given > turned.given_at_once ? given : turned.given_at_once;
    turned.freed_at_once = freed > turned.freed_at_once ? freed : turned.freed_at_once;
    turned.given_before = turned.given;
    turned.used_before = held_purse.used;
    turned.turns++;
}

static void give_to_somebody_who_takes_all(UNUSED void *argument)
{
    struct body_source *s = held_body_source(turned.body);
    while (!s->ended) {
        struct pieces p = { .count = 0, .bytes = 0 };
        assert_int_equal(s->operations->take(s, &p), 0);
        turned.given += p.bytes;
        assert_int_equal(s->operations->wait(s, NEVER), 0);
    }
    loop_stop();
}

static void close_it(UNUSED void *argument)
{
    if (turned.is_cancelled)
        fiber_cancel(fiber_current());
    struct body_source *s = held_body_source(turned.body);
    s->operations->close(s);
    loop_stop();
}

static void run_in_loop(fiber_function *run)
{
    struct loop_options options = { 0 };
    turned.given = turned.given_before = turned.given_at_once = turned.freed_at_once = 0;
    turned.turns = 0;
    turned.used_before = held_purse.used;
    assert_int_equal(loop_open(&options), 0);
    loop_on_turn(NULL, turn_ends);
    assert_int_equal(fiber_start("test", run, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_on_turn(NULL, NULL);
    loop_close();
}

TEST(a_turn_gives_and_frees_no_more_than_its_share)
{
    held_purse.max = 2 * LONG_BYTES;
    char *bytes = make_bytes(LONG_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        struct stepping from = stepping_over(bytes, LONG_BYTES, 65536);
        turned.body = held_body_make(&from.base);
        turned.is_cancelled = i == 1;
        assert_int_equal(put(turned.body, &from.base, SIZE_MAX), 0);
        run_in_loop(give_to_somebody_who_takes_all);
        assert_int_equal(turned.given, LONG_BYTES);
        assert_in_range(turned.given_at_once, 1, FIBER_FAIR_BYTES);
        assert_int_equal(turned.turns, LONG_BYTES / FIBER_FAIR_BYTES);
        run_in_loop(close_it);
        assert_int_equal(held_purse.used, 0);
        assert_in_range(turned.freed_at_once, 1, HELD_FREED_AT_ONCE);
        assert_int_equal(turned.turns, LONG_BYTES / HELD_FREED_AT_ONCE);
        assert_int_equal(from.closed, 1);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_seen_whole_and_given_again),
        cmocka_unit_test(what_is_not_held_follows_what_is),
        cmocka_unit_test(no_more_is_held_than_all_of_them_may),
        cmocka_unit_test(what_there_is_no_room_for_follows_all_the_same),
        cmocka_unit_test(and_what_cannot_even_be_put_by_is_told),
        cmocka_unit_test(a_turn_gives_and_frees_no_more_than_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
