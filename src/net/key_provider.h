/* The OpenSSL provider "portcullis": keys that have a public half and the id of a private one, and
 * signatures that somebody else makes (see net/remote_key.h, whose inside this is). It lives in a
 * library context of its own, so that nothing else ever finds its algorithms by name; the public
 * half is an ordinary key of the default context, which answers every question about it. */
#pragma once

#include <openssl/core.h>

#include "net/remote_key.h"

/* The names of types with which a key is made (EVP_PKEY_fromdata): "RSA", "EC", "ED25519". Its
 * parameters are these; the numbers of a public half alone make a key that can be compared. */
#define KEY_PARAM_ID   "portcullis-key-id"      /* uint64 */
#define KEY_PARAM_HALF "portcullis-public-half" /* octet pointer: the EVP_PKEY, of this process */

/* For OSSL_PROVIDER_add_builtin. */
OSSL_provider_init_fn key_provider_init;

/* Calls the signer that remote_key_sign_by() named. */
MUST_CHECK int remote_key_sign(uint64_t key_id, enum key_scheme scheme, slice text,
                               struct key_signature *ret);
