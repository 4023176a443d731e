/* What a generation and its workers have to do with the certifier: the sheet of what the
 * configuration wants, and the sheets of what is presented from now on. Sheets are applied whole,
 * in the generation too, so that workers that are forked later have them. */
#pragma once

#include "net/certificate_record.h"
#include "proxy/configuration.h"

/* A sheet of what the configuration wants, for MESSAGE_WANT_CERTIFICATES. The descriptor · -ENOENT
 * it wants none · -errno */
MUST_CHECK int certificates_write_wish(const struct configuration *c);

/* Makes the table by which sets are found. In the generation, before the fork. 0 · -ENOMEM */
MUST_CHECK int certificates_open(const struct configuration *c);
void certificates_close(void);

struct certificates_applied {
    uint32_t replaced, refused; /* certificates; refused ones were said in the log */
    char lists_error[512];      /* why new revocation lists are not taken; empty: they are. For one
                                   of the processes to say */
};

/* Presents what the sheet holds; the descriptor stays the caller's. A set that it mentions is
 * replaced whole, others stay as they are. hold_keys: each key is held first (in the generation),
 * so that it can be signed with whatever becomes of the certifier; NULL: it is (in workers). 0 ·
 * -EPROTO · -errno */
MUST_CHECK int certificates_apply(int fd, int (*hold_key)(const struct certificate_record *r),
                                  struct certificates_applied *ret);
