/* Requests to the keyholder by processes that may stand still for the answer: a generation that
 * loads, the certifier, the command line. One request at a time on a channel; with a deadline.
 *
 * results of all: 0 · -ENOENT · -EEXIST · -EACCES · -EINVAL the keyholder says no, with the reason
 * in the answer's text · -EPIPE it is gone · -ETIMEDOUT · -EPROTO; then the text says that. */
#pragma once

#include "net/remote_key.h"

#define KEY_CALL_MS          10000 /* for one answer */
#define KEY_CALL_GENERATE_MS 60000

struct key_answer {
    uint64_t id;
    uint32_t spki_bytes;
    uint8_t spki[KEY_SPKI_MAX];
    char text[KEY_TEXT_MAX]; /* why not; after a success: a warning, or empty */
};

/* The key of a PEM file, opened with the rights of the keyholder.
 * path        absolute, or as this process sees it from its working directory
 * leaf_spki   of the certificate that it has to belong to, DER; empty: any
 * use         KEY_FOR_TLS or 0
 * returns     as all, or -EKEYREJECTED: it does not belong to the certificate */
struct key_load {
    slice path, leaf_spki;
    int32_t use;
};
MUST_CHECK int key_call_load(int channel, const struct key_load *what, struct key_answer *ret);

/* The certificates of a file that this process may not be allowed to open, PEM: *ret, good until
 * the next call of this kind. Keys in the file are not handed out. */
MUST_CHECK int key_call_read(int channel, slice path, slice *ret, struct key_answer *why);

/* A new key in the storage directory: keys/NAME.pem, readable for its owner alone. -EEXIST: there
 * is one of that name. use: as above. RSA may take seconds; others go on meanwhile. */
MUST_CHECK int key_call_generate(int channel, enum key_recipe recipe, int32_t use, slice name,
                                 struct key_answer *ret);
/* Removes it from the storage directory; who has it loaded keeps it. */
MUST_CHECK int key_call_delete(int channel, slice name, struct key_answer *ret);
/* The channel's hold on a key ends. */
MUST_CHECK int key_call_forget(int channel, uint64_t key_id, struct key_answer *ret);

/* A channel to the same keyholder with some of the rights of this one (and KEY_NEW_FAMILY where it
 * is wanted). Does not wait. The new descriptor · -errno */
MUST_CHECK int key_call_open(int channel, uint32_t rights);
/* Gives all rights but these away. 0 · -errno */
MUST_CHECK int key_call_restrict(int channel, uint32_t rights);

/* Signing on the channel that was named, for remote_key_sign_by(). */
void key_call_sign_on(int channel);
MUST_CHECK int key_call_sign(uint64_t key_id, enum key_scheme scheme, slice text,
                             struct key_signature *ret);
