#include "websocket.h"

#include <errno.h>

int websocket_frame_parse(slice bytes, struct websocket_frame *ret_frame, size_t *ret_used)
{
    if (bytes.len < 2)
        return -EAGAIN;
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    if ((at[0] & 0xf0) != 0x80)
        return -EPROTO;
    struct websocket_frame frame = { .opcode = at[0] & 0x0f, .masked = (at[1] & 0x80) != 0 };
    size_t length = at[1] & 0x7f, head = 2;
    if (length == 127)
        return -EMSGSIZE;
    if (length == 126) {
        if (bytes.len < 4)
            return -EAGAIN;
        length = (size_t)at[2] << 8 | at[3];
        head = 4;
    }
    if (length > WEBSOCKET_PAYLOAD_MAX)
        return -EMSGSIZE;
    if (frame.masked) {
        if (bytes.len < head + 4)
            return -EAGAIN;
        memcpy(frame.mask, at + head, 4);
        head += 4;
    }
    if (bytes.len < head + length)
        return -EAGAIN;
    frame.payload = slice_of(bytes.ptr + head, length);
    *ret_frame = frame;
    *ret_used = head + length;
    return 0;
}

size_t websocket_head_write(uint8_t opcode, bool masked, size_t payload_bytes, char *to)
{
    uint8_t *at = (uint8_t *)to;
    size_t head = 2;
    at[0] = (uint8_t)(0x80 | opcode);
    if (payload_bytes < 126) {
        at[1] = (uint8_t)payload_bytes;
    } else {
        at[1] = 126;
        at[2] = (uint8_t)(payload_bytes >> 8);
        at[3] = (uint8_t)payload_bytes;
        head = 4;
    }
    if (masked) {
        at[1] |= 0x80;
        memset(at + head, 0, 4);
        head += 4;
    }
    return head;
}

void websocket_unmask(const uint8_t mask[4], char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)((uint8_t)bytes[i] ^ mask[i % 4]);
}
