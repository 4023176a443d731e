/* The list of kept exchanges: in pages of whole workers, and from any of them on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/test.h"
#include "control/exchange_list.h"

#define WORKERS 5u

static struct recent_segment *segment;
static char record[RECENT_RECORD_BYTES_MAX];

static int set_up(UNUSED void **state)
{
    segment = mmap(NULL, sizeof *segment, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return segment == MAP_FAILED ? -1 : 0;
}

static int tear_down(UNUSED void **state)
{
    return munmap(segment, sizeof *segment);
}

/* Exchanges of one worker, a millisecond apart, in records of that size. */
static void fill(uint32_t slot, unsigned count, size_t bytes)
{
    struct recent r;
    recent_open(&r, segment, slot);
    for (unsigned i = 0; i < count; i++) {
        char *to = recent_reserve(&r, (uint32_t)bytes);
        int length =
            snprintf(to, bytes, "{\"id\":\"%u-%u\",\"time_ms\":%u,\"fill\":\"", slot, i, i);
        memset(to + length, 'f', bytes - (size_t)length - 2);
        memcpy(to + bytes - 2, "\"}", 2);
        recent_commit(&r, (uint32_t)bytes);
    }
}

/* Lines of a page that have the text. */
static unsigned count_of(slice page, const char *text)
{
    unsigned count = 0;
    while (page.len) {
        slice line = slice_first(page, slice_find_byte(page, '\n'));
        count += slice_find(line, slice_from(text)) < line.len;
        page = slice_after(page, line.len + 1);
    }
    return count;
}

static slice list(struct exchange_choice which, char *memory, size_t room)
{
    struct writer w = writer_over(memory, room);
    exchange_list(segment, &which, record, &w);
    assert_false(w.overflowed);
    return writer_slice(&w);
}

TEST(pages_have_all_exchanges_once_and_end)
{
    char *memory = malloc(EXCHANGE_LIST_BYTES_MIN);
    unsigned seen = 0, pages = 0, next = 0;
    for (uint32_t slot = 0; slot < WORKERS; slot++)
        fill(slot * 50, 40, 50000); /* nearly a ring */
    do {
        slice page =
            list((struct exchange_choice){ .slot = next }, memory, EXCHANGE_LIST_BYTES_MIN);
        size_t at = slice_find(page, SLICE("{\"next_slot\":"));
        assert_true(pages++ < WORKERS);
        seen += count_of(slice_first(page, at), "\"id\"");
        unsigned before = next;
        next = at < page.len ? (unsigned)strtoul(page.ptr + at + 13, NULL, 10) : 0;
        assert_true(next == 0 || next > before);
        assert_true(next == 0 || slice_ends_with(page, SLICE("}\n")));
    } while (next);
    assert_int_equal(seen, WORKERS * 40);
    assert_int_equal(pages, 3); /* two workers fit into one */
    free(memory);
}

TEST(a_time_and_a_worker_choose)
{
    char *memory = malloc(EXCHANGE_LIST_BYTES_MIN);
    fill(3, 10, 200);
    fill(9, 10, 200);
    slice page =
        list((struct exchange_choice){ .since_ms = 7, .slot = 4 }, memory, EXCHANGE_LIST_BYTES_MIN);
    assert_int_equal(count_of(page, "\"9-"), 3);
    assert_int_equal(count_of(page, "\"id\""), 3);
    assert_int_equal(count_of(page, "next_slot"), 0);
    free(memory);
}

TEST(a_query_is_read_strictly)
{
    static const struct {
        const char *query;
        int result;
        uint64_t since_ms;
        uint32_t slot;
    } cases[] = { { "", 0, 0, 0 },
                  { "since_ms=17", 0, 17, 0 },
                  { "slot=255", 0, 0, 255 },
                  { "slot=3&since_ms=9", 0, 9, 3 },
                  { "slot=256", -EINVAL, 0, 0 },
                  { "slot=", -EINVAL, 0, 0 },
                  { "since_ms=-1", -EINVAL, 0, 0 },
                  { "since=1", -EINVAL, 0, 0 },
                  { "&", -EINVAL, 0, 0 } };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct exchange_choice got;
        assert_int_equal(exchange_choice_parse(slice_from(cases[i].query), &got), cases[i].result);
        if (cases[i].result == 0) {
            assert_int_equal(got.since_ms, cases[i].since_ms);
            assert_int_equal(got.slot, cases[i].slot);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_have_all_exchanges_once_and_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_and_a_worker_choose, set_up, tear_down),
        cmocka_unit_test(a_query_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
