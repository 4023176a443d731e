/* The key schedule of TLS 1.3 (RFC 8446 §7.1) without an object for each secret: OpenSSL 3 fetches
 * an algorithm, makes a context of HKDF and one of HMAC, and copies each input for every one of the
 * fifteen or so derivations of a handshake, which costs several times what their hashes cost.
 *
 * It is the algorithm TLS13-KDF of a provider in the default library context, found only by the
 * property query below: of SHA-256 and SHA-384, the hashes of all cipher suites of TLS 1.3. Hashes
 * are the library's. Where the library demands certified algorithms (fips=yes), its own is used. */
#pragma once

/* For SSL_CTX_new_ex: prefers our key schedule and changes nothing else. NULL: the library is not
 * one whose questions we know (OpenSSL 3), or there was no memory; its own works as well. The first
 * call loads the provider: before the fork. One thread. */
const char *tls_schedule_query(void);
