#include "wire/tls_signed.h"

#define PAD_BYTES                                                                                  \
    64u /* RFC 8446 §4.4.3: "a string that consists of octet 32 repeated 64 times"                \
         */
#define RANDOM_BYTES 32u

enum { NAMED_CURVE = 3 };

/* RFC 5246 §7.4 */
enum {
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    CERTIFICATE = 11,
    SERVER_KEY_EXCHANGE = 12,
    CERTIFICATE_REQUEST = 13,
    SERVER_HELLO_DONE = 14,
    CLIENT_KEY_EXCHANGE = 16,
    CERTIFICATE_STATUS = 22
};

static bool begins_with_pad(slice text)
{
    for (size_t i = 0; i < PAD_BYTES; i++)
        if (text.len <= i || text.ptr[i] != ' ')
            return false;
    return true;
}

static enum tls_signed judge_1_3(slice text)
{
    static const struct {
        slice context;
        enum tls_signed is;
    } contexts[] = {
        { { "TLS 1.3, server CertificateVerify\0", 34 }, TLS_SIGNED_1_3_SERVER },
        { { "TLS 1.3, client CertificateVerify\0", 34 }, TLS_SIGNED_1_3_CLIENT },
    };
    slice rest = slice_after(text, PAD_BYTES);
    for (size_t i = 0; i < ARRAY_LENGTH(contexts); i++) {
        if (!slice_starts_with(rest, contexts[i].context))
            continue;
        size_t hash = rest.len - contexts[i].context.len;
        return hash == 32 || hash == 48 ? contexts[i].is : TLS_SIGNED_NOTHING;
    }
    return TLS_SIGNED_NOTHING;
}

static uint32_t number_at(slice s, size_t at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | (uint8_t)s.ptr[at + (size_t)i];
    return value;
}

/* client_random, server_random, ServerECDHParams (RFC 8422 §5.4). */
static bool is_ephemeral_key(slice text)
{
    static const struct {
        uint16_t curve, bytes;
    } points[] = { { 23, 65 }, { 24, 97 }, { 25, 133 }, { 29, 32 }, { 30, 56 } };
    slice key = slice_after(text, 2 * (size_t)RANDOM_BYTES);
    if (key.len < 4 || key.ptr[0] != NAMED_CURVE)
        return false;
    size_t bytes = number_at(key, 3, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(points); i++)
        if (number_at(key, 1, 2) == points[i].curve)
            return bytes == points[i].bytes && key.len == 4 + bytes;
    return false;
}

/* Takes a message of `type` off the front. */
static bool take_message(slice *rest, uint8_t type)
{
    if (rest->len < 4 || (uint8_t)rest->ptr[0] != type)
        return false;
    size_t length = number_at(*rest, 1, 3);
    if (length > rest->len - 4)
        return false;
    *rest = slice_after(*rest, 4 + length);
    return true;
}

/* A full handshake with a client's certificate, from ClientHello to ClientKeyExchange. */
static bool is_transcript(slice text)
{
    if (text.len < 6 || number_at(text, 4, 2) != 0x0303)
        return false;
    static const struct {
        uint8_t type;
        bool may_be_missing;
    } messages[] = {
        { CLIENT_HELLO, false },        { SERVER_HELLO, false },
        { CERTIFICATE, false },         { CERTIFICATE_STATUS, true },
        { SERVER_KEY_EXCHANGE, false }, { CERTIFICATE_REQUEST, false },
        { SERVER_HELLO_DONE, false },   { CERTIFICATE, false },
        { CLIENT_KEY_EXCHANGE, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(messages); i++)
        if (!take_message(&text, messages[i].type) && !messages[i].may_be_missing)
            return false;
    return text.len == 0;
}

enum tls_signed tls_signed_judge(slice text)
{
    if (begins_with_pad(text))
        return judge_1_3(text);
    /* Both can hold for a client_random that looks like a message; either way it is a handshake. */
    if (is_ephemeral_key(text))
        return TLS_SIGNED_1_2_KEY;
    return is_transcript(text) ? TLS_SIGNED_1_2_MESSAGES : TLS_SIGNED_NOTHING;
}
