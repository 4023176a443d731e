#include "base/test.h"
#include "base/writer.h"
#include "wire/h2_guard.h"

enum { DATA = 0, HEADERS = 1, PRIORITY = 2, WINDOW_UPDATE = 8, CONTINUATION = 9, PADDED = 8 };
enum { PROTOCOL_ERROR = 1, STREAM_CLOSED = 5, FRAME_SIZE_ERROR = 6 };

static void write_head(struct writer *w, const struct h2_frame_head *head)
{
    for (int shift = 16; shift >= 0; shift -= 8)
        writer_byte(w, (char)(head->length >> shift));
    writer_byte(w, (char)head->type);
    writer_byte(w, (char)head->flags);
    for (int shift = 24; shift >= 0; shift -= 8)
        writer_byte(w, (char)(head->stream >> shift));
}

/* What the guard says of a frame: it walks over its head and its payload. */
static uint32_t judge_head(struct h2_guard *g, const struct h2_frame_head *head, bool is_open)
{
    static char memory[65536];
    struct writer w = writer_over(memory, sizeof memory);
    struct h2_frame_head found;
    size_t at = 0, before;
    uint32_t code = 0;
    write_head(&w, head);
    slice bytes = slice_of(memory, w.len + head->length);
    while (h2_guard_walk(g, bytes, &at, &before, &found)) {
        assert_int_equal(before, 0);
        assert_int_equal(found.length, head->length);
        assert_int_equal(found.type, head->type);
        assert_int_equal(found.flags, head->flags);
        assert_int_equal(found.stream, head->stream);
        code = h2_guard_judge(g, &found, is_open);
    }
    assert_int_equal(at, bytes.len);
    return code;
}

static uint32_t judge(struct h2_guard *g, uint8_t type, uint32_t stream, bool is_open)
{
    struct h2_frame_head head = { .length = 10, .type = type, .stream = stream };
    return judge_head(g, &head, is_open);
}

static struct h2_guard server(void)
{
    struct h2_guard g;
    struct h2_frame_head head;
    size_t at = 0, before;
    h2_guard_open(&g, true);
    assert_false(h2_guard_walk(&g, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), &at, &before, &head));
    return g;
}

TEST(a_frame_has_room_for_what_it_must_hold_and_no_more)
{
    static const struct {
        struct h2_frame_head head;
        uint32_t code;
    } cases[] = {
        { { H2_FRAME_BYTES_MAX, CONTINUATION, 0, 1 }, 0 },
        { { H2_FRAME_BYTES_MAX + 1, CONTINUATION, 0, 1 }, FRAME_SIZE_ERROR },
        { { H2_FRAME_BYTES_MAX + 1, 0xee, 0, 0 }, FRAME_SIZE_ERROR },
        { { 0, HEADERS, PADDED, 1 }, FRAME_SIZE_ERROR },
        { { 1, HEADERS, PADDED, 1 }, 0 },
        { { 0, HEADERS, 0, 1 }, 0 },
        { { 0, DATA, PADDED, 1 }, FRAME_SIZE_ERROR },
        { { 0, WINDOW_UPDATE, PADDED, 1 }, 0 }, /* a flag it does not have */
        { { 5, PRIORITY, 0, 0 }, PROTOCOL_ERROR },
        { { 5, PRIORITY, 0, 8 }, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct h2_guard of_server = server(), of_client = { 0 };
        assert_int_equal(judge_head(&of_server, &cases[i].head, true), cases[i].code);
        assert_int_equal(judge_head(&of_client, &cases[i].head, true), cases[i].code);
    }
}

TEST(what_comes_on_a_stream_that_is_over_ends_the_connection)
{
    struct h2_guard g = server();
    assert_int_equal(judge(&g, HEADERS, 1, false), 0);
    assert_int_equal(judge(&g, DATA, 1, true), 0);
    assert_int_equal(judge(&g, HEADERS, 1, true), 0); /* trailers */
    assert_int_equal(judge(&g, HEADERS, 1, false), STREAM_CLOSED);
    assert_int_equal(judge(&g, DATA, 1, false), STREAM_CLOSED);
    assert_int_equal(judge(&g, WINDOW_UPDATE, 1, false), 0);
}

TEST(streams_that_were_left_out_cannot_be_opened_any_more)
{
    struct h2_guard g = server();
    assert_int_equal(judge(&g, HEADERS, 3, false), 0);
    assert_int_equal(judge(&g, HEADERS, 9, false), 0);
    assert_int_equal(judge(&g, HEADERS, 1, false), PROTOCOL_ERROR);
    assert_int_equal(judge(&g, HEADERS, 7, false), PROTOCOL_ERROR);
    assert_int_equal(judge(&g, DATA, 5, false), PROTOCOL_ERROR);
    assert_int_equal(judge(&g, HEADERS, 3, false), STREAM_CLOSED);
    assert_int_equal(judge(&g, HEADERS, 11, false), 0);
}

TEST(what_crosses_our_reset_is_passed_over)
{
    struct h2_guard g = server();
    assert_int_equal(judge(&g, HEADERS, 1, false), 0);
    assert_int_equal(judge(&g, HEADERS, 3, false), 0);
    h2_guard_reset(&g, 1);
    h2_guard_reset(&g, 5); /* not opened */
    h2_guard_reset(&g, 2); /* ours */
    assert_int_equal(judge(&g, DATA, 1, false), 0);
    assert_int_equal(judge(&g, HEADERS, 1, false), 0);
    assert_int_equal(judge(&g, DATA, 3, false), STREAM_CLOSED);
    assert_int_equal(judge(&g, HEADERS, 5, false), 0);
    assert_int_equal(judge(&g, DATA, 1, false), 0);
    assert_int_equal(judge(&g, DATA, 5, false), STREAM_CLOSED);
}

TEST(of_old_streams_nothing_is_remembered)
{
    struct h2_guard g = server();
    assert_int_equal(judge(&g, HEADERS, 1, false), 0);
    assert_int_equal(judge(&g, HEADERS, 1 + 2 * (H2_GUARD_STREAMS - 1), false), 0);
    assert_int_equal(judge(&g, DATA, 1, false), STREAM_CLOSED);
    assert_int_equal(judge(&g, HEADERS, 1 + 2 * H2_GUARD_STREAMS, false), 0);
    assert_int_equal(judge(&g, DATA, 1, false), 0);
    assert_int_equal(judge(&g, HEADERS, 0x7fffffff, false), 0);
    assert_int_equal(judge(&g, HEADERS, 0x7fffffff, false), STREAM_CLOSED);
    assert_int_equal(judge(&g, HEADERS, 0x7ffffffd, false), PROTOCOL_ERROR);
}

TEST(a_client_is_not_told_which_streams_it_has)
{
    struct h2_guard g = { 0 };
    assert_int_equal(judge(&g, HEADERS, 5, true), 0);
    assert_int_equal(judge(&g, HEADERS, 3, false), 0);
    assert_int_equal(judge(&g, DATA, 1, false), 0);
}

TEST(priorities_are_read_however_they_are_cut)
{
    static const char frames[] = "\0\0\5\2\0\0\0\0\7\x80\0\1\2\xff"
                                 "\0\0\4\2\0\0\0\0\7abcd"
                                 "\0\0\5\2\0\0\0\0\x09\0\0\0\7\0";
    for (size_t piece = 1; piece < sizeof frames; piece++) {
        struct h2_guard g = server();
        struct h2_frame_head found[3];
        size_t count = 0;
        for (size_t from = 0; from < sizeof frames - 1; from += piece) {
            slice bytes =
                slice_first(slice_after(slice_of(frames, sizeof frames - 1), from), piece);
            size_t at = 0, before;
            while (count < 3 && h2_guard_walk(&g, bytes, &at, &before, &found[count]))
                count++;
            assert_int_equal(at, bytes.len);
        }
        assert_int_equal(count, 3);
        assert_int_equal(g.frames, 3);
        assert_int_equal(found[0].dependency, 0x102);
        assert_int_equal(found[0].weight, 256);
        assert_true(found[0].is_exclusive);
        assert_int_equal(found[1].length, 4); /* the library refuses it */
        assert_int_equal(found[2].stream, 9);
        assert_int_equal(found[2].dependency, 7);
        assert_int_equal(found[2].weight, 1);
        assert_false(found[2].is_exclusive);
    }
}

/* Wherever the bytes are cut: the same frames, and what stands in front of each. */
TEST(heads_are_found_in_bytes_that_come_one_by_one)
{
    static char memory[512];
    struct writer w = writer_over(memory, sizeof memory);
    writer_literal(&w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write_head(&w, &(struct h2_frame_head){ .length = 0, .type = 4 });
    write_head(&w, &(struct h2_frame_head){ .length = 3, .type = HEADERS, .stream = 1 });
    writer_literal(&w, "abc");
    size_t second = w.len;
    write_head(&w, &(struct h2_frame_head){ .length = 2, .type = DATA, .stream = 1 });
    writer_literal(&w, "de");
    for (size_t piece = 1; piece <= w.len; piece++) {
        struct h2_guard g;
        size_t found = 0;
        h2_guard_open(&g, true);
        for (size_t from = 0; from < w.len; from += piece) {
            slice bytes = slice_first(slice_after(writer_slice(&w), from), piece);
            struct h2_frame_head head;
            size_t at = 0, before;
            while (h2_guard_walk(&g, bytes, &at, &before, &head)) {
                size_t begin = from + before;
                assert_true(begin >= second && begin < second + H2_FRAME_HEAD_BYTES);
                assert_true(begin == second || before == 0);
                assert_int_equal(head.type, DATA);
                found++;
            }
            assert_int_equal(at, bytes.len);
        }
        assert_int_equal(found, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_found_in_bytes_that_come_one_by_one),
        cmocka_unit_test(priorities_are_read_however_they_are_cut),
        cmocka_unit_test(a_frame_has_room_for_what_it_must_hold_and_no_more),
        cmocka_unit_test(what_comes_on_a_stream_that_is_over_ends_the_connection),
        cmocka_unit_test(streams_that_were_left_out_cannot_be_opened_any_more),
        cmocka_unit_test(what_crosses_our_reset_is_passed_over),
        cmocka_unit_test(of_old_streams_nothing_is_remembered),
        cmocka_unit_test(a_client_is_not_told_which_streams_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
