/* What the certifier keeps on disk, STORAGE/certificates: the chain of every certificate that it
 * obtained (NAME.pem), the responses that are stapled (HASH.ocsp), the root of the local authority.
 * Nothing in it is secret; the keys are the keyholder's.
 *
 * Every file is replaced whole: written beside its place, flushed, renamed, and the folder flushed.
 * The process may die at any point; what is found after that is the old file or the new one. The
 * text before the first certificate says in lines "Word: value" what people and the next life want
 * to know; every reader of PEM passes over it. */
#pragma once

#include <stdint.h>

#include "base/writer.h"

#define STORE_NAME_MAX 256u
#define STORE_FILE_MAX (1u << 20)

struct certificate_store {
    int folder; /* descriptor; -1: not open */
    int lock;
};

/* Makes the folder when it is missing, and takes its lock, for which it waits up to wait_ms: the
 * certifier of before may just be ending. 0 · -EBUSY · -errno */
MUST_CHECK int certificate_store_open(struct certificate_store *s, const char *folder, int wait_ms);
void certificate_store_close(struct certificate_store *s);

/* A file name for a set: letters, digits, '-', '.', '_' stay; a name with others, or one that is
 * too long, ends with its hash, so that no two sets share a file. `suffix` such as ".pem". */
void certificate_store_file_name(char to[STORE_NAME_MAX], slice set, const char *suffix);

/* 0 · -errno; the file is as it was before then. */
MUST_CHECK int certificate_store_put(const struct certificate_store *s, const char *file,
                                     slice bytes);
/* The file's bytes, to be freed by the caller. 0 · -ENOENT · -EFBIG · -errno */
MUST_CHECK int certificate_store_get(const struct certificate_store *s, const char *file,
                                     char **ret, size_t *ret_bytes);
/* What cannot be removed stays; whoever reads it judges it anew. */
void certificate_store_remove(const struct certificate_store *s, const char *file);

/* The value of "Word: value" in the text before the certificates; empty: it is not there. */
slice certificate_store_word(slice pem, slice word);
