/* The WebSocket opening handshake (RFC 6455 §4). */
#pragma once

#include "base/slice.h"

#define WEBSOCKET_ACCEPT_LENGTH 28u

/* A base64 text of 16 bytes: 22 characters and "==". */
bool websocket_key_is_valid(slice key);

#define WEBSOCKET_KEY_BYTES  16u
#define WEBSOCKET_KEY_LENGTH 24u

/* The key that these random bytes make. */
void websocket_key_write(const uint8_t bytes[WEBSOCKET_KEY_BYTES], char ret[WEBSOCKET_KEY_LENGTH]);

/* Sec-WebSocket-Accept for a key. 0 · -EIO the library refused SHA-1 */
MUST_CHECK int websocket_accept(slice key, char ret[WEBSOCKET_ACCEPT_LENGTH]);
