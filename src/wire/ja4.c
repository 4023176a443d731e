#include "wire/ja4.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/writer.h"

#define HASH_BYTES 6u /* 12 digits */
#define COUNT_MAX  99u
#define NO_HASH    "000000000000"

/* Each value has four digits and a separator. */
#define VALUE_BYTES 5u

_Static_assert(CLIENT_HELLO_EXTENSIONS_MAX <= JA4_CIPHER_SUITES_MAX, "room for either list");

struct values {
    uint16_t items[JA4_CIPHER_SUITES_MAX];
    uint32_t count;
};

enum { EXTENSION_SERVER_NAME = 0, EXTENSION_ALPN = 16 };

static uint16_t value_at(slice values, size_t at)
{
    return (uint16_t)((unsigned char)values.ptr[at] << 8 | (unsigned char)values.ptr[at + 1]);
}

static int by_value(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void write_value(struct writer *w, uint16_t value)
{
    const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };
    writer_hex_bytes(w, bytes, sizeof bytes);
}

static void write_values(struct writer *w, const struct values *v)
{
    for (uint32_t i = 0; i < v->count; i++) {
        if (i)
            writer_byte(w, ',');
        write_value(w, v->items[i]);
    }
}

/* The first digits of the hash of a list; of no list, zeros. */
static int write_hash(struct writer *w, slice list)
{
    static EVP_MD *sha256; /* asked for by name, the library would look it up each time */
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (list.len == 0) {
        writer_literal(w, NO_HASH);
        return 0;
    }
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || EVP_Digest(list.ptr, list.len, digest, NULL, sha256, NULL) != 1)
        return -ENOMEM;
    writer_hex_bytes(w, digest, HASH_BYTES);
    return 0;
}

static void write_count(struct writer *w, uint32_t count)
{
    count = count < COUNT_MAX ? count : COUNT_MAX;
    writer_byte(w, (char)('0' + count / 10));
    writer_byte(w, (char)('0' + count % 10));
}

static void write_version(struct writer *w, const struct client_hello *h)
{
    uint16_t highest = 0;
    for (size_t i = 0; i + 1 < h->supported_versions.len; i += 2) {
        uint16_t version = value_at(h->supported_versions, i);
        if (!tls_value_is_grease(version) && version > highest)
            highest = version;
    }
    switch (h->supported_versions.len ? highest : h->legacy_version) {
    case 0x0304:
        writer_literal(w, "13");
        break;
    case 0x0303:
        writer_literal(w, "12");
        break;
    case 0x0302:
        writer_literal(w, "11");
        break;
    case 0x0301:
        writer_literal(w, "10");
        break;
    case 0x0300:
        writer_literal(w, "s3");
        break;
    case 0x0002:
        writer_literal(w, "s2");
        break;
    default:
        writer_literal(w, "00");
        break;
    }
}

static bool is_alphanumeric(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* The ends of the first name; of a name with other bytes at its ends, those of its digits. */
static void write_protocol(struct writer *w, const struct client_hello *h)
{
    static const char digits[] = "0123456789abcdef";
    if (h->alpn.len == 0) {
        writer_literal(w, "00");
        return;
    }
    slice name = slice_first(slice_after(h->alpn, 1), (unsigned char)h->alpn.ptr[0]);
    unsigned char first = (unsigned char)name.ptr[0], last = (unsigned char)name.ptr[name.len - 1];
    bool is_text = is_alphanumeric(first) && is_alphanumeric(last);
    writer_byte(w, is_text ? (char)first : digits[first >> 4]);
    writer_byte(w, is_text ? (char)last : digits[last & 15]);
}

static int collect_ciphers(const struct client_hello *h, struct values *ret)
{
    ret->count = 0;
    for (size_t i = 0; i + 1 < h->ciphers.len; i += 2) {
        uint16_t suite = value_at(h->ciphers, i);
        if (tls_value_is_grease(suite))
            continue;
        if (ret->count == JA4_CIPHER_SUITES_MAX)
            return -E2BIG;
        ret->items[ret->count++] = suite;
    }
    qsort(ret->items, ret->count, sizeof ret->items[0], by_value);
    return 0;
}

/* Those of the hash; how many there are with the two that stay out of it. */
static uint32_t collect_extensions(const struct client_hello *h, struct values *ret)
{
    uint32_t all = 0;
    uint16_t type;
    slice rest = h->extensions, bytes;
    ret->count = 0;
    while (client_hello_extension(&rest, &type, &bytes)) {
        if (tls_value_is_grease(type))
            continue;
        all++;
        if (type != EXTENSION_SERVER_NAME && type != EXTENSION_ALPN)
            ret->items[ret->count++] = type;
    }
    qsort(ret->items, ret->count, sizeof ret->items[0], by_value);
    return all;
}

/* "_0403,0804": as sent, since their order is the client's preference. */
static void write_algorithms(struct writer *w, const struct client_hello *h)
{
    char before = '_';
    for (size_t i = 0; i + 1 < h->signature_algorithms.len; i += 2) {
        uint16_t algorithm = value_at(h->signature_algorithms, i);
        if (tls_value_is_grease(algorithm))
            continue;
        writer_byte(w, before);
        write_value(w, algorithm);
        before = ',';
    }
}

int ja4_write(const struct client_hello *hello, char ret[static JA4_BYTES])
{
    struct values ciphers, extensions;
    char memory[2 * VALUE_BYTES * JA4_CIPHER_SUITES_MAX];
    struct writer list = writer_over(memory, sizeof memory), w = writer_over(ret, JA4_BYTES);
    TRY(collect_ciphers(hello, &ciphers));
    uint32_t extension_count = collect_extensions(hello, &extensions);
    writer_byte(&w, 't');
    write_version(&w, hello);
    writer_byte(&w, hello->server_name.len ? 'd' : 'i');
    write_count(&w, ciphers.count);
    write_count(&w, extension_count);
    write_protocol(&w, hello);
    writer_byte(&w, '_');
    write_values(&list, &ciphers);
    TRY(write_hash(&w, writer_slice(&list)));
    writer_byte(&w, '_');
    list.len = 0;
    write_values(&list, &extensions);
    write_algorithms(&list, hello);
    if (list.overflowed) /* more signature algorithms than there are */
        return -E2BIG;
    TRY(write_hash(&w, writer_slice(&list)));
    ASSERT(!w.overflowed && w.len == JA4_BYTES);
    return 0;
}

/* --- What people write ------------------------------------------------------------------------ */

static bool are_digits(slice text, bool hexadecimal)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= '0' && c <= '9') && !(hexadecimal && c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

/* Where the parts end. */
enum { SECOND = 11, THIRD = 24 };

static bool is_hash(slice text)
{
    return text.len == 2 * HASH_BYTES && are_digits(text, true);
}

static bool is_first_part(slice text)
{
    if (text.len != SECOND || text.ptr[SECOND - 1] != '_')
        return false;
    char transport = text.ptr[0], name = text.ptr[3];
    return (transport == 't' || transport == 'q' || transport == 'd') &&
           is_alphanumeric((unsigned char)text.ptr[1]) &&
           are_digits(slice_of(text.ptr + 2, 1), 0) && (name == 'd' || name == 'i') &&
           are_digits(slice_of(text.ptr + 4, 4), false) &&
           is_alphanumeric((unsigned char)text.ptr[8]) &&
           is_alphanumeric((unsigned char)text.ptr[9]);
}

bool ja4_is_valid(slice text)
{
    return text.len == JA4_BYTES && is_first_part(slice_first(text, SECOND)) &&
           is_hash(slice_first(slice_after(text, SECOND), 2 * HASH_BYTES)) &&
           text.ptr[THIRD - 1] == '_' && is_hash(slice_after(text, THIRD));
}

bool ja4_pattern_is_valid(slice text)
{
    slice first = slice_first(text, SECOND), rest = slice_after(text, SECOND);
    if (!slice_ends_with(text, SLICE("_*")))
        return ja4_is_valid(text);
    return is_first_part(first) &&
           (slice_equal(rest, SLICE("*")) ||
            (text.len == THIRD + 1 && is_hash(slice_first(rest, 2 * HASH_BYTES))));
}
