/* What a provider of ours (provider(7)) needs of the library's default one, whose algorithms it
 * has once more with some functions of its own. */
#pragma once

#include <openssl/core.h>

/* What OpenSSL's functions return. */
enum { FAILED = 0, DONE = 1 };

#define FUNCTION(f) ((void (*)(void))(f))

#define FUNCTIONS_MAX 40u /* of one algorithm, with the end */

/* The algorithm of the default provider, by the first of its names, for one operation (OSSL_OP_…).
 * `found` is the provider of what was fetched by that name. NULL: there is none, or `found` is
 * another provider, of whose algorithms nothing is known. */
const OSSL_ALGORITHM *library_algorithm(const OSSL_PROVIDER *found, int operation,
                                        const char *name);

/* For all functions of these algorithms: what the provider that has them once more must give the
 * library for its own context. NULL: no algorithm has been found. */
void *library_context(void);

/* One of an algorithm's functions. NULL: it has none with this number. */
void (*library_function(const OSSL_DISPATCH *own, int number))(void);
