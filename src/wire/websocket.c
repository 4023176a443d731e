#include "wire/websocket.h"

#include <errno.h>
#include <openssl/evp.h>

bool websocket_key_is_valid(slice key)
{
    if (key.len != WEBSOCKET_KEY_LENGTH || !slice_ends_with(key, SLICE("==")))
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.ptr[i], lower = ascii_lower(c);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/')
            return false;
    }
    return true;
}

void websocket_key_write(const uint8_t bytes[WEBSOCKET_KEY_BYTES], char ret[WEBSOCKET_KEY_LENGTH])
{
    unsigned char encoded[WEBSOCKET_KEY_LENGTH + 1];
    (void)EVP_EncodeBlock(encoded, bytes, WEBSOCKET_KEY_BYTES);
    memcpy(ret, encoded, WEBSOCKET_KEY_LENGTH);
}

int websocket_accept(slice key, char ret[WEBSOCKET_ACCEPT_LENGTH])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 §1.3 */
    char text[WEBSOCKET_KEY_LENGTH + sizeof guid - 1];
    unsigned char digest[20];
    unsigned char encoded[WEBSOCKET_ACCEPT_LENGTH + 1];
    if (key.len != WEBSOCKET_KEY_LENGTH)
        return -EIO;
    memcpy(text, key.ptr, WEBSOCKET_KEY_LENGTH);
    memcpy(text + WEBSOCKET_KEY_LENGTH, guid, sizeof guid - 1);
    if (EVP_Digest(text, sizeof text, digest, NULL, EVP_sha1(), NULL) != 1)
        return -EIO;
    (void)EVP_EncodeBlock(encoded, digest, sizeof digest);
    memcpy(ret, encoded, WEBSOCKET_ACCEPT_LENGTH);
    return 0;
}
