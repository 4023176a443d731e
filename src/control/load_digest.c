/* Whether two loads have read the same: a digest of the files in the order in which they were read,
 * by what is in them and not by their names. Certificates are left out, which change without a
 * reload, and so are values of ${...}. */
#include <errno.h>
#include <openssl/evp.h>

#include "control/loader.h"

#define SHOWN_BYTES 8u

int load_digest_add(struct load_digest *d, slice piece)
{
    unsigned char both[2 * sizeof d->bytes];
    memcpy(both, d->bytes, sizeof d->bytes);
    if (EVP_Digest(piece.ptr ? piece.ptr : "", piece.len, both + sizeof d->bytes, NULL,
                   EVP_sha256(), NULL) != 1 ||
        EVP_Digest(both, sizeof both, d->bytes, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    return 0;
}

int load_digest_text(const struct load_digest *d, struct arena *a, slice *ret)
{
    char *memory = arena_take(a, 2 * SHOWN_BYTES);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, 2 * SHOWN_BYTES);
    writer_hex_bytes(&w, d->bytes, SHOWN_BYTES);
    *ret = writer_slice(&w);
    return 0;
}
