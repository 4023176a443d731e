/* A key whose private half is in the keyholder. It is an EVP_PKEY like any other, with the public
 * half in it; whoever signs with it (TLS, X.509) has the keyholder sign, and waits meanwhile: on
 * its fiber, or blocking, as remote_key_sign_by() says.
 *
 * Signatures are what TLS 1.2 and 1.3 and X.509 need: ECDSA on P-256 and P-384, RSA-PSS with a salt
 * as long as the digest, RSA PKCS #1, Ed25519; with SHA-256, SHA-384 and SHA-512. There is no
 * decryption with an RSA key.
 *
 * An operation that fails leaves why as the first error in OpenSSL's queue (ERR_peek_error,
 * ERR_reason_error_string). The queue is empty while another fiber runs; what stood in it before
 * the operation is gone. */
#pragma once

#include <openssl/evp.h>

#include "net/key_protocol.h"

/* Makes the provider ready: in the generation, before the fork. 0 · -ENOMEM */
MUST_CHECK int remote_key_open(void);
/* Frees it; no key may be left. */
void remote_key_close(void);

/* public_half: an ordinary key, such as that of a parsed certificate; referred to. The key, the
 * caller's · NULL: no public key of a kind that we take, or no memory */
EVP_PKEY *remote_key_around(uint64_t key_id, EVP_PKEY *public_half);
/* The same from the public half in DER (SubjectPublicKeyInfo), which has to be decoded first. */
EVP_PKEY *remote_key_make(uint64_t key_id, slice spki);

struct key_signature {
    uint32_t bytes;
    uint8_t memory[KEY_SIGNATURE_MAX];
};

/* One signature. 0 · -ENOENT the keyholder does not have the key · -ETIMEDOUT · -ECANCELED · -EPIPE
 * there is no keyholder · -EACCES it refuses to sign that · other -errno */
typedef int remote_signer(uint64_t key_id, enum key_scheme scheme, slice text,
                          struct key_signature *ret);
/* How this process signs; NULL: it does not. */
void remote_key_sign_by(remote_signer *signer);
