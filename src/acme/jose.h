/* Signed JSON as ACME wants it: base64url (RFC 4648 §5, without padding), JWK and its thumbprint
 * (RFC 7517, RFC 7638), flattened JWS (RFC 7515) with ES256, external account binding with HS256
 * (RFC 8555 §7.3.4). Text goes into bounded writers; overflow is the writer's to tell. */
#pragma once

#include <openssl/evp.h>

#include "base/writer.h"

#define JOSE_THUMBPRINT_BYTES 43u /* base64url of SHA-256 */

void jose_base64url(struct writer *w, slice bytes);
/* 0 · -EINVAL a byte that does not belong there, or bits left over */
MUST_CHECK int jose_base64url_decode(slice text, struct writer *w);

/* {"crv":"P-256","kty":"EC","x":"…","y":"…"}: the members in the order of the thumbprint. 0 ·
 * -EINVAL not a P-256 key */
MUST_CHECK int jose_jwk(EVP_PKEY *key, struct writer *w);
/* base64url of the SHA-256 of that text. 0 · -EINVAL */
MUST_CHECK int jose_thumbprint(EVP_PKEY *key, struct writer *w);
MUST_CHECK int jose_digest(slice text, struct writer *w); /* base64url(SHA-256(text)) */

struct jose_header {
    slice url, nonce;
    slice kid; /* empty: the key itself is named (jwk) */
};

/* {"protected":…,"payload":…,"signature":…}. payload with ptr NULL is the empty one of POST-as-GET.
 * The signing may wait. 0 · -EINVAL not a P-256 key · -EIO the key did not sign */
MAY_WAIT int jose_sign(EVP_PKEY *key, const struct jose_header *header, slice payload,
                       struct writer *w);

/* The value of externalAccountBinding. hmac_key: base64url, as CAs hand it out. 0 · -EINVAL */
MUST_CHECK int jose_bind(EVP_PKEY *account, slice kid, slice hmac_key, slice url, struct writer *w);

/* base64url(HMAC-SHA-256(key, text)). 0 · -EINVAL */
MUST_CHECK int jose_mac(slice key, slice text, struct writer *w);
