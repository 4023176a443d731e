/* WebSocket, as little of it as the benchmark's origin and load generator need: the opening
 * handshake with the example key of RFC 6455 §1.3, whose answer is known, and unfragmented frames.
 * Pure: bytes in, structures out. The proxy has nothing to do with this file. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

#define WEBSOCKET_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define WEBSOCKET_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum {
    WEBSOCKET_HEAD_MAX = 14,
    WEBSOCKET_PAYLOAD_MAX = 8192, /* longer frames are refused */
};

enum websocket_opcode {
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

struct websocket_frame {
    uint8_t opcode;
    bool masked;
    uint8_t mask[4];
    slice payload; /* as it was sent: still masked when `masked` */
};

/* Takes one frame from the front of `bytes`.
 * ret_used  the frame's bytes
 * returns   0 · -EAGAIN needs more · -EMSGSIZE payload too long · -EPROTO fragmented or reserved
 * bits RFC 6455 §5.2. */
MUST_CHECK int websocket_frame_parse(slice bytes, struct websocket_frame *ret_frame,
                                     size_t *ret_used);

/* Writes the head of a final frame without a mask, or with a mask of zeros, which leaves the
 * payload as it is. `to` holds WEBSOCKET_HEAD_MAX bytes. Returns the bytes written. */
size_t websocket_head_write(uint8_t opcode, bool masked, size_t payload_bytes, char *to);

/* XORs `length` bytes with the mask (RFC 6455 §5.3). */
void websocket_unmask(const uint8_t mask[4], char *bytes, size_t length);
