/* What md5 and sha1 share: the digest of the value as bytes. The algorithms are libcrypto's,
 * fetched once while a configuration is loaded, before the workers are forked: nothing is looked up
 * while serving. */
#pragma once

#include <openssl/types.h>

#include "waf/transforms/run.h"

/* Members of struct transform; `digest_step` with the algorithm, which digest_fetch gave. */
void digest_step(struct transform_run *run, size_t bytes_max, const EVP_MD *algorithm);
void digest_release(struct transform_run *run);
size_t digest_max(size_t in_len);

/* Fetches it once; it is never given back: it belongs to the process. false: libcrypto has none. */
bool digest_fetch(EVP_MD **algorithm, const char *name);
