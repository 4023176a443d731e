/* The key schedule of TLS 1.3 (RFC 8446 §7.1) without an object for each secret: OpenSSL 3 makes a
 * context of HKDF, one of HMAC and some of the hash, and copies each input, for every one of the
 * fifteen or so derivations of a handshake, which costs several times what their hashes cost.
 *
 * It is the algorithm TLS13-KDF of a provider in the default library context, found only by the
 * property query below: of SHA-256 and SHA-384, the hashes of all cipher suites of TLS 1.3, which
 * the library computes. Where it demands certified algorithms (fips=yes), its own is used. Secrets
 * are on the stack while they are needed, and wiped. */
#pragma once

/* For SSL_CTX_new_ex: prefers our key schedule and the ciphers of tls_cipher.h, and changes nothing
 * else. NULL: the library is not OpenSSL 3, or there was no memory; its own works as well. The
 * first call loads the provider, for as long as the process lives: in the generation, before the
 * fork. */
const char *tls_schedule_query(void);
