/* Private keys in files: reading, judging, writing new ones. Only in the keyholder. */
#pragma once

#include <openssl/evp.h>

#include "net/key_protocol.h"

#define KEY_FILE_BYTES_MAX (256u << 10) /* certificates may stand in it as well */
#define KEY_RSA_BITS_MIN   2048
#define KEY_RSA_BITS_MAX   8192

/* A text for people, which completes "the key FILE cannot be used: ". */
struct key_reason {
    char text[512];
};

/* The private key of a PEM file; of a kind that TLS signs with, and sound: its public half is the
 * private half's. *ret_warning: what should not be so, or empty.
 * 0 · -ENOENT · -EACCES · -EINVAL · other -errno, with the reason */
MUST_CHECK int key_file_read(const char *path, EVP_PKEY **ret, struct key_reason *ret_reason,
                             struct key_reason *ret_warning);

/* The certificates of a file that may hold keys too: their blocks of PEM as they stand there, one
 * after the other. 0, also when there are none · -EMSGSIZE they are longer than `room` · as above
 */
MUST_CHECK int key_file_read_certificates(const char *path, char *to, size_t room,
                                          size_t *ret_length, struct key_reason *ret_reason);

/* Whether it is the key of a certificate with this public half, DER. */
bool key_belongs_to(EVP_PKEY *key, slice spki);

/* A new one. May take seconds (RSA); touches nothing but its result, for a thread of its own.
 * NULL: OpenSSL failed */
EVP_PKEY *key_make(enum key_recipe recipe);

/* Writes FOLDER/NAME.pem, 0600: there whole after a crash, or not at all. The folder is made, 0700.
 * 0 · -EEXIST there is one · -EINVAL no name of a file · -errno; with the reason */
MUST_CHECK int key_file_write(const char *folder, slice name, const EVP_PKEY *key,
                              struct key_reason *ret_reason);
MUST_CHECK int key_file_delete(const char *folder, slice name, struct key_reason *ret_reason);
