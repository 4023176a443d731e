/* What the certifier's parts know of the program around them: the store, the keys, which are in the
 * keyholder, and a way to fetch. The real one stands in control/certifier.c; unit tests bring their
 * own. Calls that MAY_WAIT are made on a fiber. */
#pragma once

#include <openssl/evp.h>

#include "certifier/certificate_store.h"
#include "certifier/holding.h"

#define WORLD_WHY_MAX 256u

struct certifier_world {
    void *context;
    struct certificate_store store;
    slice keys;    /* the folder of the keys that are made */
    slice machine; /* its name, for the local root */
    /* The key of that name, made when there is none; the same each time. `name`: letters, digits,
     * '-', '.', '_'. 0 · -errno, why says it */
    MAY_WAIT int (*make_key)(void *context, const char *name, enum key_kind kind, EVP_PKEY **ret,
                             char why[WORLD_WHY_MAX]);
    /* Opens the key file and checks that it belongs to the public key. 0 · -EINVAL it does not ·
     * -errno, why says it */
    MAY_WAIT int (*load_key)(void *context, slice path, slice spki, char why[WORLD_WHY_MAX]);
    /* The certificates in a file, PEM, to be freed by the caller. 0 · -errno, why says it */
    MAY_WAIT int (*read_certificates)(void *context, slice path, char **ret, size_t *ret_bytes,
                                      char why[WORLD_WHY_MAX]);
    /* The same of a file with revocation lists, PEM or DER. */
    MAY_WAIT int (*read_lists)(void *context, slice path, char **ret, size_t *ret_bytes,
                               char why[WORLD_WHY_MAX]);
    /* POST of an OCSP request. *ret is freed by the caller. 0 · -errno, why says it */
    MAY_WAIT int (*ask_responder)(void *context, const char *url, slice request, char **ret,
                                  size_t *ret_bytes, char why[WORLD_WHY_MAX]);
    int64_t (*wall_s)(void *context);
};

static inline int64_t world_wall_s(const struct certifier_world *w)
{
    return w->wall_s(w->context);
}
