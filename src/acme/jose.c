#include "acme/jose.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/writer.h"

#define COORDINATE_BYTES 32
#define SIGNATURE_BYTES  (2 * COORDINATE_BYTES)
#define PROTECTED_MAX    4096u

void jose_base64url(struct writer *w, slice bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0, count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (uint8_t)bytes.ptr[i];
        for (count += 8; count >= 6; count -= 6)
            writer_byte(w, letters[bits >> (count - 6) & 63]);
    }
    if (count)
        writer_byte(w, letters[bits << (6 - count) & 63]);
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int jose_base64url_decode(slice text, struct writer *w)
{
    uint32_t bits = 0, count = 0;
    if (text.len % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        int value = letter_value(text.ptr[i]);
        if (value < 0)
            return -EINVAL;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        writer_byte(w, (char)(bits >> count));
    }
    return bits & ((1u << count) - 1) ? -EINVAL : 0;
}

static int write_coordinate(EVP_PKEY *key, const char *name, struct writer *w)
{
    BIGNUM *number = NULL;
    unsigned char bytes[COORDINATE_BYTES];
    ERR_clear_error();
    bool is_good = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
                   BN_bn2binpad(number, bytes, sizeof bytes) == sizeof bytes;
    BN_free(number);
    if (!is_good)
        return -EINVAL;
    jose_base64url(w, slice_of((const char *)bytes, sizeof bytes));
    return 0;
}

int jose_jwk(EVP_PKEY *key, struct writer *w)
{
    char group[32];
    size_t length;
    ERR_clear_error();
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                       &length) != 1 ||
        (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0))
        return -EINVAL;
    writer_literal(w, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
    TRY(write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, w));
    writer_literal(w, "\",\"y\":\"");
    TRY(write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, w));
    writer_literal(w, "\"}");
    return 0;
}

int jose_digest(slice text, struct writer *w)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    ERR_clear_error();
    if (EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return -EINVAL;
    jose_base64url(w, slice_of((const char *)digest, sizeof digest));
    return 0;
}

int jose_thumbprint(EVP_PKEY *key, struct writer *w)
{
    char memory[256];
    struct writer text = writer_over(memory, sizeof memory);
    TRY(jose_jwk(key, &text));
    return jose_digest(writer_slice(&text), w);
}

int jose_mac(slice key, slice text, struct writer *w)
{
    unsigned char mac[SHA256_DIGEST_LENGTH];
    unsigned int length = sizeof mac;
    ERR_clear_error();
    if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, mac,
              &length))
        return -EINVAL;
    jose_base64url(w, slice_of((const char *)mac, length));
    return 0;
}

/* JWS has the two numbers of the signature side by side, everybody else an ASN.1 sequence. */
static int write_signature(const unsigned char *der, size_t bytes, struct writer *w)
{
    unsigned char raw[SIGNATURE_BYTES];
    const unsigned char *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)bytes);
    bool is_good =
        signature &&
        BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, COORDINATE_BYTES) == COORDINATE_BYTES &&
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + COORDINATE_BYTES, COORDINATE_BYTES) ==
            COORDINATE_BYTES;
    ECDSA_SIG_free(signature);
    if (!is_good)
        return -EIO;
    jose_base64url(w, slice_of((const char *)raw, sizeof raw));
    return 0;
}

static int sign(EVP_PKEY *key, slice text, struct writer *w)
{
    unsigned char der[160];
    size_t bytes = sizeof der;
    ERR_clear_error();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good =
        context && EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
        EVP_DigestSign(context, der, &bytes, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return is_good ? write_signature(der, bytes, w) : -EIO;
}

static int write_protected(EVP_PKEY *key, const struct jose_header *header, struct writer *w)
{
    char memory[PROTECTED_MAX];
    struct writer text = writer_over(memory, sizeof memory);
    writer_literal(&text, "{\"alg\":\"ES256\",\"nonce\":\"");
    writer_json(&text, header->nonce);
    writer_literal(&text, "\",\"url\":\"");
    writer_json(&text, header->url);
    if (header->kid.len) {
        writer_literal(&text, "\",\"kid\":\"");
        writer_json(&text, header->kid);
        writer_literal(&text, "\"}");
    } else {
        writer_literal(&text, "\",\"jwk\":");
        TRY(jose_jwk(key, &text));
        writer_byte(&text, '}');
    }
    if (text.overflowed)
        return -EMSGSIZE;
    jose_base64url(w, writer_slice(&text));
    return 0;
}

/* "protected.payload" stands in `input`; what is signed is exactly what is sent. */
static void write_flattened(struct writer *w, slice input, slice signature)
{
    size_t dot = slice_find_byte(input, '.');
    writer_literal(w, "{\"protected\":\"");
    writer_slice_add(w, slice_first(input, dot));
    writer_literal(w, "\",\"payload\":\"");
    writer_slice_add(w, slice_after(input, dot + 1));
    writer_literal(w, "\",\"signature\":\"");
    writer_slice_add(w, signature);
    writer_literal(w, "\"}");
}

int jose_sign(EVP_PKEY *key, const struct jose_header *header, slice payload, struct writer *w)
{
    char text[128];
    struct writer signature = writer_over(text, sizeof text);
    size_t room = 2 * PROTECTED_MAX + payload.len / 3 * 4 + 8;
    char *memory = malloc(room);
    struct writer input = writer_over(memory, memory ? room : 0);
    int result = memory ? write_protected(key, header, &input) : -ENOMEM;
    writer_byte(&input, '.');
    jose_base64url(&input, payload);
    if (result == 0)
        result = input.overflowed ? -EMSGSIZE : sign(key, writer_slice(&input), &signature);
    if (result == 0)
        write_flattened(w, writer_slice(&input), writer_slice(&signature));
    free(memory);
    return result;
}

int jose_bind(EVP_PKEY *account, slice kid, slice hmac_key, slice url, struct writer *w)
{
    char head_memory[PROTECTED_MAX], jwk_memory[256], input_memory[2 * PROTECTED_MAX];
    char key_memory[512], mac_memory[64];
    struct writer head = writer_over(head_memory, sizeof head_memory);
    struct writer jwk = writer_over(jwk_memory, sizeof jwk_memory);
    struct writer input = writer_over(input_memory, sizeof input_memory);
    struct writer key = writer_over(key_memory, sizeof key_memory);
    struct writer mac = writer_over(mac_memory, sizeof mac_memory);
    while (hmac_key.len && hmac_key.ptr[hmac_key.len - 1] == '=') /* some hand it out padded */
        hmac_key.len--;
    TRY(jose_base64url_decode(hmac_key, &key));
    TRY(jose_jwk(account, &jwk));
    writer_literal(&head, "{\"alg\":\"HS256\",\"kid\":\"");
    writer_json(&head, kid);
    writer_literal(&head, "\",\"url\":\"");
    writer_json(&head, url);
    writer_literal(&head, "\"}");
    jose_base64url(&input, writer_slice(&head));
    writer_byte(&input, '.');
    jose_base64url(&input, writer_slice(&jwk));
    int result = head.overflowed || input.overflowed || key.overflowed || !key.len
                     ? -EINVAL
                     : jose_mac(writer_slice(&key), writer_slice(&input), &mac);
    explicit_bzero(key_memory, sizeof key_memory);
    if (result == 0)
        write_flattened(w, writer_slice(&input), writer_slice(&mac));
    return result;
}
