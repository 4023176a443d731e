#include "base/test.h"

#include <errno.h>

#include "websocket.h"

static char frame_bytes[WEBSOCKET_HEAD_MAX + WEBSOCKET_PAYLOAD_MAX];

static slice frame_of(bool masked, size_t payload_bytes)
{
    size_t head = websocket_head_write(WEBSOCKET_BINARY, masked, payload_bytes, frame_bytes);
    memset(frame_bytes + head, 'x', payload_bytes);
    return slice_of(frame_bytes, head + payload_bytes);
}

TEST(a_written_frame_is_read_back_at_every_length_that_changes_the_head)
{
    static const size_t lengths[] = { 0, 1, 125, 126, 127, 8192 };
    for (size_t i = 0; i < ARRAY_LENGTH(lengths) * 2; i++) {
        struct websocket_frame frame;
        size_t used;
        slice bytes = frame_of(i % 2 == 1, lengths[i / 2]);
        assert_int_equal(websocket_frame_parse(bytes, &frame, &used), 0);
        assert_int_equal(used, bytes.len);
        assert_int_equal(frame.payload.len, lengths[i / 2]);
        assert_int_equal(frame.opcode, WEBSOCKET_BINARY);
        assert_int_equal(frame.masked, i % 2 == 1);
    }
}

TEST(every_beginning_of_a_frame_needs_more)
{
    slice bytes = frame_of(true, 200);
    for (size_t length = 0; length < bytes.len; length++) {
        struct websocket_frame frame;
        size_t used;
        assert_int_equal(websocket_frame_parse(slice_first(bytes, length), &frame, &used), -EAGAIN);
    }
}

TEST(long_and_fragmented_frames_are_refused)
{
    static const struct {
        slice bytes;
        int expected;
    } cases[] = {
        { SLICE("\x82\x7f\0\0\0\0\0\1\0\0"), -EMSGSIZE },
        { SLICE("\x82\x7e\x20\x01"), -EMSGSIZE },
        { SLICE("\x02\x01x"), -EPROTO },
        { SLICE("\xc2\x01x"), -EPROTO },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct websocket_frame frame;
        size_t used;
        assert_int_equal(websocket_frame_parse(cases[i].bytes, &frame, &used), cases[i].expected);
    }
}

TEST(unmasking_follows_the_example_of_rfc_6455)
{
    slice bytes = SLICE("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    struct websocket_frame frame;
    size_t used;
    assert_int_equal(websocket_frame_parse(bytes, &frame, &used), 0);
    char text[5];
    memcpy(text, frame.payload.ptr, sizeof(text));
    websocket_unmask(frame.mask, text, sizeof(text));
    assert_slice_equal(slice_of(text, sizeof(text)), SLICE("Hello"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_frame_is_read_back_at_every_length_that_changes_the_head),
        cmocka_unit_test(every_beginning_of_a_frame_needs_more),
        cmocka_unit_test(long_and_fragmented_frames_are_refused),
        cmocka_unit_test(unmasking_follows_the_example_of_rfc_6455),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
