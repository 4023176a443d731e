#include "control/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "base/writer.h"
#include "control/state.h"
#include "net/pkcs12.h"

static int say(struct key_reason *to, int result, const char *format, ...) PRINTF(3, 4);

static int say(struct key_reason *to, int result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(to->text, sizeof to->text, format, arguments);
    va_end(arguments);
    return result;
}

/* --- Reading -----------------------------------------------------------------------------------
 */

static int say_errno(struct key_reason *to, int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return say(to, -ENOENT, "it does not exist");
    if (error == EACCES || error == EPERM)
        return say(to, -EACCES, "it may not be read by the user that Portcullis is started as");
    if (error == EISDIR || error == ESPIPE || error == ENODEV || error == ENXIO)
        return say(to, -EINVAL, "%s", file_problem(-error)); /* no regular file */
    return say(to, -error, "it cannot be read: %s", strerror(error));
}

static int read_whole(int fd, char *to, size_t room, size_t *ret_length)
{
    size_t length = 0;
    while (length < room) {
        ssize_t got = read(fd, to + length, room - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    *ret_length = length;
    return 0;
}

/* Its bytes; who may read it besides its owner is told. */
static int read_file(const char *path, char *to, size_t *ret_length, struct key_reason *reason,
                     struct key_reason *warning)
{
    struct stat status;
    int fd = file_open(path);
    if (fd < 0)
        return say_errno(reason, -fd);
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && status.st_size > (off_t)KEY_FILE_BYTES_MAX)
        result = say(reason, -EINVAL, "it is larger than 256 KiB");
    else if (result < 0 || (result = read_whole(fd, to, KEY_FILE_BYTES_MAX, ret_length)) < 0)
        result = say_errno(reason, -result);
    close(fd);
    if (result == 0 && (status.st_mode & (S_IROTH | S_IWOTH)))
        (void)say(warning, 0, "everybody on this machine may %s it: chmod 600 it",
                  status.st_mode & S_IROTH ? "read" : "write");
    return result;
}

/* There is nobody who could type a passphrase. */
static int note_passphrase(char *to, int room, int writes, void *was_asked)
{
    *(bool *)was_asked = true;
    return -1;
}

static int say_not_pem(slice text, struct key_reason *reason)
{
    if (text.len == 0)
        return say(reason, -EINVAL, "it is empty");
    if (pkcs12_begins(text))
        return say(reason, -EINVAL,
                   "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nocerts -nodes -out "
                   "NEW)");
    if (text.ptr[0] == 0x30)
        return say(reason, -EINVAL,
                   "it is in DER; PEM is expected (openssl pkey -inform der -in FILE -out NEW)");
    if (slice_find(text, SLICE("-----BEGIN ENCRYPTED PRIVATE KEY-----")) < text.len ||
        slice_find(text, SLICE("PRIVATE KEY-----")) < text.len)
        return say(reason, -EINVAL, "the private key in it is malformed");
    if (slice_find(text, SLICE("-----BEGIN CERTIFICATE-----")) < text.len)
        return say(reason, -EINVAL,
                   "there is a certificate in it, but no private key (BEGIN PRIVATE KEY)");
    return say(reason, -EINVAL, "there is no private key in it (BEGIN PRIVATE KEY)");
}

/* Of a block of PEM, as OpenSSL numbers it; EVP_PKEY_NONE: not said. */
static int type_of(const char *label, const unsigned char *der, long length)
{
    const ASN1_OBJECT *algorithm = NULL;
    if (strcmp(label, PEM_STRING_ECPRIVATEKEY) == 0)
        return EVP_PKEY_EC;
    if (strcmp(label, PEM_STRING_RSA) == 0)
        return EVP_PKEY_RSA;
    if (strcmp(label, PEM_STRING_PKCS8INF) != 0)
        return EVP_PKEY_NONE;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, length);
    int type = EVP_PKEY_NONE;
    if (info && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1)
        type = EVP_PKEY_type(OBJ_obj2nid(algorithm));
    PKCS8_PRIV_KEY_INFO_free(info); /* clears it */
    return type;
}

/* A key whose kind stands in front of it. OpenSSL 3.0 takes four times as long when it has to find
 * out the kind. NULL: it did not work; for whatever reason. */
static EVP_PKEY *parse_typed(BIO *bio, bool *was_asked)
{
    unsigned char *der = NULL;
    char *label = NULL;
    long length = 0;
    EVP_PKEY *key = NULL;
    if (PEM_bytes_read_bio_secmem(&der, &length, &label, PEM_STRING_EVP_PKEY, bio, note_passphrase,
                                  was_asked) != 1)
        return NULL;
    int type = type_of(label, der, length);
    const unsigned char *at = der;
    if (type != EVP_PKEY_NONE)
        key = d2i_PrivateKey(type, NULL, &at, length);
    OPENSSL_secure_clear_free(der, (size_t)length);
    OPENSSL_secure_free(label);
    return key;
}

static int parse(slice text, EVP_PKEY **ret, struct key_reason *reason)
{
    bool was_asked = false;
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *key = bio ? parse_typed(bio, &was_asked) : NULL;
    if (bio && !key && !was_asked && BIO_reset(bio) == 1)
        key = PEM_read_bio_PrivateKey(bio, NULL, note_passphrase, &was_asked);
    BIO_free(bio);
    ERR_clear_error();
    if (was_asked) {
        EVP_PKEY_free(key);
        return say(reason, -EINVAL,
                   "it is encrypted, and nobody types a passphrase when Portcullis starts: write "
                   "it without one (openssl pkey -in FILE -out NEW)");
    }
    if (!key)
        return bio ? say_not_pem(text, reason) : say(reason, -ENOMEM, "out of memory");
    *ret = key;
    return 0;
}

/* --- Judging -----------------------------------------------------------------------------------
 */

static BIGNUM *part(const EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    (void)EVP_PKEY_get_bn_param(key, name, &number);
    return number;
}

/* d * e = 1 modulo prime - 1. */
static bool inverts(const BIGNUM *d, const BIGNUM *e, const BIGNUM *prime, BN_CTX *context)
{
    BN_CTX_start(context);
    BIGNUM *less = BN_CTX_get(context), *product = BN_CTX_get(context);
    bool holds = product && BN_copy(less, prime) && BN_sub_word(less, 1) == 1 &&
                 !BN_is_zero(less) && BN_mod_mul(product, d, e, less, context) == 1 &&
                 BN_is_one(product);
    BN_CTX_end(context);
    return holds;
}

/* The relations of RFC 8017 §3.2 for two primes; whether they are prime was their maker's to test.
 */
static bool rsa_is_sound(const EVP_PKEY *key)
{
    BN_CTX *context = BN_CTX_secure_new();
    BIGNUM *n = part(key, OSSL_PKEY_PARAM_RSA_N), *e = part(key, OSSL_PKEY_PARAM_RSA_E),
           *d = part(key, OSSL_PKEY_PARAM_RSA_D), *p = part(key, OSSL_PKEY_PARAM_RSA_FACTOR1),
           *q = part(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
    BIGNUM *product = BN_secure_new();
    bool sound = context && n && e && d && p && q && product &&
                 BN_mul(product, p, q, context) == 1 && BN_cmp(product, n) == 0 &&
                 inverts(d, e, p, context) && inverts(d, e, q, context);
    BN_clear_free(product);
    BN_free(n);
    BN_free(e);
    BN_clear_free(d);
    BN_clear_free(p);
    BN_clear_free(q);
    BN_CTX_free(context);
    return sound;
}

static bool is_pair(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool is_one = context && EVP_PKEY_pairwise_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return is_one;
}

static int judge_rsa(const EVP_PKEY *key, struct key_reason *reason)
{
    int bits = EVP_PKEY_get_bits(key);
    if (bits < KEY_RSA_BITS_MIN || bits > KEY_RSA_BITS_MAX)
        return say(reason, -EINVAL, "its RSA key has %d bits; %d to %d are expected", bits,
                   KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
    if (!rsa_is_sound(key))
        return say(reason, -EINVAL, "the numbers of its RSA key do not belong together");
    return 0;
}

static int judge_ec(EVP_PKEY *key, struct key_reason *reason)
{
    char curve[64] = "unnamed";
    (void)EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL);
    if (strcmp(curve, "prime256v1") != 0 && strcmp(curve, "secp384r1") != 0)
        return say(reason, -EINVAL,
                   "its curve is %s; prime256v1 (P-256) or secp384r1 (P-384) is expected", curve);
    if (!is_pair(key))
        return say(reason, -EINVAL, "the two halves of its key do not belong together");
    return 0;
}

static int judge(EVP_PKEY *key, struct key_reason *reason)
{
    ERR_clear_error();
    int result;
    if (EVP_PKEY_is_a(key, "EC"))
        result = judge_ec(key, reason);
    else if (EVP_PKEY_is_a(key, "RSA"))
        result = judge_rsa(key, reason);
    else if (EVP_PKEY_is_a(key, "ED25519"))
        result = 0; /* the public half is always made from the private one */
    else
        result =
            say(reason, -EINVAL, "its key is of the kind %s; ECDSA, RSA or Ed25519 is expected",
                EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "unknown");
    ERR_clear_error();
    return result;
}

static slice next_certificate(slice *rest)
{
    static const slice begin = SLICE("-----BEGIN CERTIFICATE-----"),
                       end = SLICE("-----END CERTIFICATE-----");
    slice block = slice_after(*rest, slice_find(*rest, begin));
    size_t length = slice_find(block, end);
    if (length == block.len) { /* cut: its reader will say so */
        *rest = (slice){ 0 };
        return block;
    }
    *rest = slice_after(block, length + end.len);
    return slice_first(block, length + end.len);
}

int key_file_read_certificates(const char *path, char *to, size_t room, size_t *ret_length,
                               struct key_reason *ret_reason)
{
    static char memory[KEY_FILE_BYTES_MAX];
    static struct key_reason unused;
    size_t length = 0;
    struct writer w = writer_over(to, room);
    ret_reason->text[0] = '\0';
    int result = read_file(path, memory, &length, ret_reason, &unused);
    for (slice rest = slice_of(memory, length); result == 0 && rest.len;) {
        writer_slice_add(&w, next_certificate(&rest));
        if (w.len)
            writer_byte(&w, '\n');
    }
    OPENSSL_cleanse(memory, length);
    if (result == 0 && w.overflowed)
        result = say(ret_reason, -EMSGSIZE, "its certificates are longer than 60 KiB");
    *ret_length = w.len;
    return result;
}

int key_file_read(const char *path, EVP_PKEY **ret, struct key_reason *ret_reason,
                  struct key_reason *ret_warning)
{
    static char memory[KEY_FILE_BYTES_MAX];
    size_t length = 0;
    EVP_PKEY *key = NULL;
    ret_reason->text[0] = ret_warning->text[0] = '\0';
    int result = read_file(path, memory, &length, ret_reason, ret_warning);
    if (result == 0)
        result = parse(slice_of(memory, length), &key, ret_reason);
    OPENSSL_cleanse(memory, length);
    if (result == 0)
        result = judge(key, ret_reason);
    if (result != 0) {
        EVP_PKEY_free(key);
        return result;
    }
    *ret = key;
    return 0;
}

/* What stands in front of an uncompressed point, or of a point of Ed25519 (RFC 5480, RFC 8410). */
static const slice spki_heads[] = {
    SLICE("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03"
          "\x01\x07\x03\x42\x00"),
    SLICE("\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03"
          "\x62\x00"),
    SLICE("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"),
};

/* The head says on which curve the point is, and the points of two curves differ in length: who has
 * the same bytes has the same key. False: not written like this, or another one. */
static bool has_point(const EVP_PKEY *key, slice spki)
{
    unsigned char point[128];
    size_t length = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                        &length) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(spki_heads); i++)
        if (slice_starts_with(spki, spki_heads[i]))
            return slice_equal(slice_after(spki, spki_heads[i].len),
                               slice_of((const char *)point, length));
    return false;
}

/* As OpenSSL would write it: then nothing has to be parsed. */
static bool is_written_as(const EVP_PKEY *key, slice spki)
{
    unsigned char *own = NULL;
    int length = i2d_PUBKEY(key, &own);
    bool is_same = length > 0 && slice_equal(slice_of((const char *)own, (size_t)length), spki);
    OPENSSL_free(own);
    return is_same;
}

bool key_belongs_to(EVP_PKEY *key, slice spki)
{
    const unsigned char *at = (const unsigned char *)spki.ptr;
    ERR_clear_error();
    bool belongs = has_point(key, spki) || is_written_as(key, spki);
    ERR_clear_error();
    if (belongs)
        return true;
    EVP_PKEY *other = d2i_PUBKEY(NULL, &at, (long)spki.len);
    belongs = other && EVP_PKEY_eq(key, other) == 1;
    EVP_PKEY_free(other);
    ERR_clear_error();
    return belongs;
}

/* --- Making ------------------------------------------------------------------------------------
 */

EVP_PKEY *key_make(enum key_recipe recipe)
{
    switch (recipe) {
    case KEY_NEW_P256:
        return EVP_EC_gen("P-256");
    case KEY_NEW_P384:
        return EVP_EC_gen("P-384");
    case KEY_NEW_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case KEY_NEW_RSA_2048:
        return EVP_RSA_gen(2048);
    case KEY_NEW_RSA_3072:
        return EVP_RSA_gen(3072);
    case KEY_NEW_RSA_4096:
        return EVP_RSA_gen(4096);
    }
    return NULL;
}

/* --- Writing -----------------------------------------------------------------------------------
 */

static bool is_name(slice name)
{
    if (name.len == 0 || name.len > KEY_NAME_MAX || name.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                        c == '_' || c == '*';
        if (!is_plain)
            return false;
    }
    return true;
}

static int write_names(const char *folder, slice name, char *ret_path, char *ret_temporary)
{
    int length = snprintf(ret_path, PATH_MAX, "%s/%.*s.pem", folder, SLICE_ARGUMENTS(name));
    int other = snprintf(ret_temporary, PATH_MAX, "%s/.%.*s.%016llx", folder, SLICE_ARGUMENTS(name),
                         (unsigned long long)random_number());
    return length < 0 || length >= PATH_MAX || other < 0 || other >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* PKCS #8 in PEM, on the disk. */
static int write_key(int fd, const EVP_PKEY *key)
{
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    long length = 0;
    if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        length = BIO_get_mem_data(bio, &text);
    int result = length > 0 ? 0 : -ENOMEM;
    if (result == 0) {
        ssize_t written = write(fd, text, (size_t)length);
        if (written != length)
            result = written < 0 ? -errno : -ENOSPC;
        OPENSSL_cleanse(text, (size_t)length);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    return result;
}

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return result;
}

/* Under a name of its own first; then the real name, unless somebody has it. */
static int write_whole(const char *path, const char *temporary, const EVP_PKEY *key)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int result = write_key(fd, key);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && link(temporary, path) < 0)
        result = -errno;
    (void)unlink(temporary);
    return result;
}

int key_file_write(const char *folder, slice name, const EVP_PKEY *key,
                   struct key_reason *ret_reason)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    if (!is_name(name) || write_names(folder, name, path, temporary) != 0)
        return say(ret_reason, -EINVAL, "\"%.*s\" is no name for a key",
                   SLICE_ARGUMENTS(slice_first(name, 100)));
    int result = state_make_folder(folder);
    if (result == 0 && chmod(folder, 0700) < 0)
        result = -errno;
    if (result != 0)
        return say(ret_reason, result, "cannot make the folder %s: %s", folder, strerror(-result));
    result = write_whole(path, temporary, key);
    if (result == 0)
        result = sync_folder(folder);
    if (result == -EEXIST)
        return say(ret_reason, result, "%s exists", path);
    if (result != 0)
        return say(ret_reason, result, "cannot write %s: %s", path, strerror(-result));
    return 0;
}

int key_file_delete(const char *folder, slice name, struct key_reason *ret_reason)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    if (!is_name(name) || write_names(folder, name, path, temporary) != 0)
        return say(ret_reason, -EINVAL, "\"%.*s\" is no name for a key",
                   SLICE_ARGUMENTS(slice_first(name, 100)));
    int result = unlink(path) < 0 ? -errno : sync_folder(folder);
    return result == 0 ? 0
                       : say(ret_reason, result, "cannot remove %s: %s", path, strerror(-result));
}
