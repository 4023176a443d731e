#include "wire/client_hello.h"

#include <errno.h>

#define RECORD_HEAD      5u
#define RECORD_BYTES_MAX 16384u /* RFC 8446 §5.1 */
#define RECORD_HANDSHAKE 22
#define MESSAGE_HEAD     4u
#define MESSAGE_HELLO    1
#define NAME_BYTES_MAX   255u
#define RANDOM_BYTES     32u
#define SESSION_ID_MAX   32u
#define NAME_TYPE_HOST   0

enum extension {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SIGNATURE_ALGORITHMS = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_EARLY_DATA = 42,
    EXTENSION_SUPPORTED_VERSIONS = 43,
};

static uint8_t byte_at(slice s, size_t i)
{
    return (uint8_t)s.ptr[i];
}

static size_t two_at(slice s, size_t i)
{
    return (size_t)byte_at(s, i) << 8 | byte_at(s, i + 1);
}

/* Takes a vector off the front whose length stands in `width` bytes. */
static bool take_vector(slice *from, size_t width, slice *ret)
{
    if (from->len < width)
        return false;
    size_t length = width == 1 ? byte_at(*from, 0) : two_at(*from, 0);
    if (from->len - width < length)
        return false;
    *ret = slice_of(from->ptr + width, length);
    *from = slice_after(*from, width + length);
    return true;
}

static bool take(slice *from, size_t count, slice *ret)
{
    if (from->len < count)
        return false;
    *ret = slice_first(*from, count);
    *from = slice_after(*from, count);
    return true;
}

/* --- Records ---------------------------------------------------------------------------------- */

/* The payload of the record at the front. 0 · -EAGAIN with what is there of it · -EPROTO */
static int record_payload(slice bytes, slice *ret, size_t *ret_used)
{
    static const uint8_t begin[2] = { RECORD_HANDSHAKE, 3 };
    for (size_t i = 0; i < sizeof begin && i < bytes.len; i++)
        if (byte_at(bytes, i) != begin[i])
            return -EPROTO;
    *ret = slice_of(bytes.ptr, 0);
    if (bytes.len < RECORD_HEAD)
        return -EAGAIN;
    size_t length = two_at(bytes, 3);
    if (length == 0 || length > RECORD_BYTES_MAX)
        return -EPROTO;
    *ret = slice_first(slice_after(bytes, RECORD_HEAD), length);
    *ret_used = RECORD_HEAD + length;
    return ret->len < length ? -EAGAIN : 0;
}

/* The length of the message that begins with these bytes, or 0 when too few are there. */
static int message_length(slice begin, size_t *ret)
{
    *ret = 0;
    if (begin.len && byte_at(begin, 0) != MESSAGE_HELLO)
        return -EPROTO;
    if (begin.len < MESSAGE_HEAD)
        return 0;
    *ret = MESSAGE_HEAD + ((size_t)byte_at(begin, 1) << 16) + two_at(begin, 2);
    return *ret > CLIENT_HELLO_BYTES_MAX ? -EMSGSIZE : 0;
}

int client_hello_gather(slice bytes, char *room, slice *ret)
{
    slice payload, message = slice_of(NULL, 0);
    size_t used, length = 0;
    for (;;) {
        int result = record_payload(bytes, &payload, &used);
        if (result == -EPROTO)
            return result;
        if (message.len == 0) {
            message = payload;
        } else if (message.len + payload.len > CLIENT_HELLO_BYTES_MAX) {
            return -EMSGSIZE;
        } else if (payload.len) {
            if (message.ptr != room)
                memcpy(room, message.ptr, message.len);
            memcpy(room + message.len, payload.ptr, payload.len);
            message = slice_of(room, message.len + payload.len);
        }
        TRY(message_length(message, &length));
        if (length && message.len > length)
            return -EPROTO; /* nothing may follow in the same flight */
        if (length && message.len == length) {
            *ret = message;
            return 0;
        }
        if (result != 0)
            return result;
        bytes = slice_after(bytes, used);
    }
}

/* --- The message ------------------------------------------------------------------------------ */

bool client_hello_extension(slice *rest, uint16_t *ret_type, slice *ret_bytes)
{
    slice type;
    if (!take(rest, 2, &type) || !take_vector(rest, 2, ret_bytes))
        return false;
    *ret_type = (uint16_t)two_at(type, 0);
    return true;
}

/* Letters, digits, hyphens, dots and underscores; what is no host name here matches no site, but
 * controls or NUL in a name are an attack on somebody. */
static bool is_name(slice name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (byte_at(name, i) <= ' ' || byte_at(name, i) >= 127)
            return false;
    return true;
}

static bool parse_server_name(slice bytes, struct client_hello *ret)
{
    slice list, type, name;
    if (!take_vector(&bytes, 2, &list) || bytes.len || !take(&list, 1, &type) ||
        byte_at(type, 0) != NAME_TYPE_HOST || !take_vector(&list, 2, &name) || list.len)
        return false;
    ret->server_name = name;
    return is_name(name);
}

static bool parse_alpn(slice bytes, struct client_hello *ret)
{
    slice list, name;
    if (!take_vector(&bytes, 2, &list) || bytes.len || list.len == 0)
        return false;
    ret->alpn = list;
    while (list.len)
        if (!take_vector(&list, 1, &name) || name.len == 0)
            return false;
    return true;
}

/* A list of two-byte values behind a length of `width` bytes. */
static bool parse_pairs(slice bytes, size_t width, slice *ret)
{
    return take_vector(&bytes, width, ret) && bytes.len == 0 && ret->len >= 2 && ret->len % 2 == 0;
}

static bool parse_extension(uint16_t type, slice bytes, struct client_hello *ret)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        return parse_server_name(bytes, ret);
    case EXTENSION_ALPN:
        return parse_alpn(bytes, ret);
    case EXTENSION_SUPPORTED_VERSIONS:
        return parse_pairs(bytes, 1, &ret->supported_versions);
    case EXTENSION_SIGNATURE_ALGORITHMS:
        return parse_pairs(bytes, 2, &ret->signature_algorithms);
    case EXTENSION_EARLY_DATA:
        ret->has_early_data = true;
        return bytes.len == 0;
    default:
        return true;
    }
}

static bool is_repeated(const uint16_t *types, size_t count, uint16_t type)
{
    for (size_t i = 0; i < count; i++)
        if (types[i] == type)
            return true;
    return false;
}

static int parse_extensions(struct client_hello *ret)
{
    uint16_t types[CLIENT_HELLO_EXTENSIONS_MAX], type;
    size_t count = 0;
    slice rest = ret->extensions, bytes;
    while (rest.len) {
        if (count == CLIENT_HELLO_EXTENSIONS_MAX || !client_hello_extension(&rest, &type, &bytes) ||
            is_repeated(types, count, type) || !parse_extension(type, bytes, ret))
            return -EPROTO;
        types[count++] = type;
    }
    return 0;
}

int client_hello_parse(slice message, struct client_hello *ret)
{
    *ret = (struct client_hello){ 0 };
    slice rest = slice_after(message, MESSAGE_HEAD), version, compressions;
    size_t length;
    if (message_length(message, &length) != 0 || length != message.len || length == 0)
        return -EPROTO;
    if (!take(&rest, 2, &version) || !take(&rest, RANDOM_BYTES, &ret->random) ||
        !take_vector(&rest, 1, &ret->session_id) || ret->session_id.len > SESSION_ID_MAX ||
        !take_vector(&rest, 2, &ret->ciphers) || ret->ciphers.len < 2 || ret->ciphers.len % 2 ||
        !take_vector(&rest, 1, &compressions) || compressions.len == 0)
        return -EPROTO;
    ret->legacy_version = (uint16_t)two_at(version, 0);
    if (rest.len == 0) /* RFC 5246: extensions may be missing altogether */
        return 0;
    if (!take_vector(&rest, 2, &ret->extensions) || rest.len)
        return -EPROTO;
    return parse_extensions(ret);
}
