/* Content-Encoding of a request's body undone (RFC 9110 §8.4.1), within bounds.
 *
 * gzip (several members too), deflate (with zlib's frame, or raw as some send it) and br; up to two
 * codings, "identity" is none. The whole body is there. What comes out belongs to the struct, in
 * memory that grows in place, so that a large body stalls nobody; the caller releases it. A body
 * that is made to be bad lets one call of the brotli library make as much as its window holds
 * before it can be judged and paid for: one that is larger than twice bytes_max (and 2 MiB) is
 * refused as too large. */
#pragma once

#include "base/purse.h"
#include "base/slice.h"
#include "waf/work.h"

enum { DECOMPRESS_CODINGS_MAX = 2, DECOMPRESS_RATIO_FROM = 65536 };

struct decompress_limits {
    size_t bytes_max;     /* of what comes out, of each coding */
    uint32_t ratio_max;   /* bytes out for each byte in, judged from 64 KiB out on; 0: no limit */
    bool takes_beginning; /* what is cut, or more than it may be, gives what came before that */
};

enum decompress_problem {
    DECOMPRESS_OK,
    DECOMPRESS_UNKNOWN_CODING,
    DECOMPRESS_TOO_MANY_CODINGS,
    DECOMPRESS_MALFORMED,
    DECOMPRESS_TRUNCATED,
    DECOMPRESS_TRAILING_DATA, /* bytes behind the end of the stream */
    DECOMPRESS_TOO_LARGE,
    DECOMPRESS_RATIO,
    DECOMPRESS_PROBLEM_COUNT
};

/* What it is, for a log line: "the compressed body ends too early". */
const char *decompress_problem_text(enum decompress_problem problem);

/* Zeroed but for the first three to begin with. */
struct decompress {
    struct decompress_limits limits;
    struct work *work;
    struct purse *purse;             /* that all memory is paid from; NULL: none */
    enum decompress_problem problem; /* after -EBADMSG */
    char *out;                       /* what decompress_body has returned a slice of */
    size_t len, capacity;
};

/* encoding   the Content-Encoding field's value: codings in the order in which they were applied
 * ret_out    points into `in` when there is nothing to undo, else into *d
 * returns 0 · -EBADMSG d->problem says why · -ENOMEM · -ENOBUFS the purse is empty · -EDQUOT,
 * -ECANCELED of `work` */
MUST_CHECK int decompress_body(struct decompress *d, slice encoding, slice in, slice *ret_out);

/* Frees what came out. Safe on a zeroed struct, also twice. */
void decompress_release(struct decompress *d);
