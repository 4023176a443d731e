/* What the readers of request bodies have in common: what they find, where they put it, what they
 * keep to, and what they say about a body that is not what it claims to be.
 *
 * A reader walks a body once and hands every thing it finds to the sink, in the order of the body.
 * A malformed body is no error of the function: it is told in `state`, and what was read before it
 * has been handed over, so that rules which only watch still see it. Names follow ModSecurity 2,
 * those of JSON ModSecurity 3 (docs/waf.md). Everything is linear in the body and paid for in
 * `work`; nothing recurses; everything is bounded by `limits`.
 *
 * Life: the caller makes one reader for each body (or query), with sink, limits, arena and work set
 * and all else zero. Slices given to the sink live as long as the body and the arena. */
#pragma once

#include <errno.h>

#include "base/arena.h"
#include "waf/work.h"

enum body_item {
    BODY_ARG,         /* an argument */
    BODY_FILE,        /* an uploaded file: name of the field, name of the file as sent */
    BODY_FILE_SIZE,   /* the same file, right behind it: name of the field, bytes in decimal */
    BODY_PART_HEADER, /* name of the field, one line of its part's head without its end */
    BODY_XML_TEXT,    /* no name; all text of the document as one value (the variable XML of all) */
    BODY_XML_PART,    /* no name; a part of that text (xml.h) */
    BODY_XML_ATTRIBUTE, /* name of the attribute as written, its value */
    BODY_ITEM_COUNT
};

struct body_sink {
    void *context;
    /* 0 to go on; anything else ends the reading and is what the reader returns. */
    int (*item)(void *context, enum body_item kind, slice name, slice value);
};

/* Zero is no limit, where not said otherwise. */
struct body_limits {
    uint32_t arguments_max; /* SecArgumentsLimit; that many are still handed over */
    uint32_t depth_max; /* SecRequestBodyJsonDepthLimit, XML too; 0: 512, never more than 4096 */
    uint32_t parts_max; /* of multipart */
    uint32_t files_max; /* SecUploadFileLimit: more set MULTIPART_FILE_LIMIT_EXCEEDED */
    uint32_t attributes_max; /* of XML, in all */
    uint32_t text_parts_max; /* of XML: more are one; 0: parts are not told */
    size_t names_bytes_max;  /* of all names that are put together (JSON); 0: 8 MiB */
    size_t fields_bytes_max; /* all of multipart but the contents of files */
};

enum body_flag {
    BODY_ERROR = 1 << 0,   /* REQBODY_ERROR, REQBODY_PROCESSOR_ERROR; `message` says what */
    BODY_LIMITED = 1 << 1, /* with BODY_ERROR: a limit was hit, the rest has not been read */
    BODY_URLENCODED_ERROR = 1 << 2,
    BODY_BOUNDARY_QUOTED = 1 << 3, /* MULTIPART_… from here on */
    BODY_BOUNDARY_WHITESPACE = 1 << 4,
    BODY_DATA_BEFORE = 1 << 5,
    BODY_DATA_AFTER = 1 << 6,
    BODY_HEADER_FOLDING = 1 << 7,
    BODY_LF_LINE = 1 << 8,
    BODY_CRLF_LINE = 1 << 9, /* not an error; with LF_LINE it is MULTIPART_CRLF_LF_LINES */
    BODY_MISSING_SEMICOLON = 1 << 10,
    BODY_INVALID_QUOTING = 1 << 11,
    BODY_INVALID_PART = 1 << 12,
    BODY_INVALID_HEADER_FOLDING = 1 << 13,
    BODY_FILE_LIMIT_EXCEEDED = 1 << 14,
    BODY_UNMATCHED_BOUNDARY = 1 << 15, /* MULTIPART_UNMATCHED_BOUNDARY is 1 */
    BODY_DASHED_LINE = 1 << 16,        /* without the former it is 2 */
    BODY_FIELDS_EXCEEDED = 1 << 17,    /* with BODY_LIMITED: fields_bytes_max */
};

/* MULTIPART_STRICT_ERROR is 1 when any of these is set. */
#define BODY_STRICT_ERRORS                                                                         \
    (BODY_ERROR | BODY_BOUNDARY_QUOTED | BODY_BOUNDARY_WHITESPACE | BODY_DATA_BEFORE |             \
     BODY_DATA_AFTER | BODY_HEADER_FOLDING | BODY_LF_LINE | BODY_MISSING_SEMICOLON |               \
     BODY_INVALID_QUOTING | BODY_INVALID_PART | BODY_INVALID_HEADER_FOLDING |                      \
     BODY_FILE_LIMIT_EXCEEDED)

enum { BODY_ITEM_STEPS = 48 }; /* what handing over an item costs, beside its bytes */

enum { BODY_MESSAGE_MAX = 200, BODY_DEPTH_DEFAULT = 512 };

struct body_state {
    uint32_t flags;                 /* of enum body_flag */
    char message[BODY_MESSAGE_MAX]; /* REQBODY_ERROR_MSG, NUL-terminated; the first error only */
    size_t error_at;                /* offset in the body where it was seen */
    uint32_t arguments;             /* handed over */
    uint32_t parts, files;
    size_t names_bytes;   /* of names put together so far */
    uint64_t files_bytes; /* FILES_COMBINED_SIZE */
    size_t fields_bytes;  /* of multipart without the contents of files */
    slice part_name;      /* MULTIPART_NAME, MULTIPART_FILENAME: of the last part */
    slice part_filename;
};

struct body_reader {
    struct body_sink sink;
    const struct body_limits *limits;
    struct arena *arena;
    struct work *work;
    struct body_state state;
};

/* What all readers return, besides what the sink does: 0 read to its end or to its error (see
 * state) · -ENOMEM the arena is full · -EDQUOT, -ECANCELED of `work`. */

/* For the readers. */

/* Between them: the state has the error, the exported function returns 0. */
#define BODY_STOPPED (-EBADMSG)

static inline int body_result(int result)
{
    return result == BODY_STOPPED ? 0 : result;
}

/* Notes the first error with its message and returns BODY_STOPPED. flag: BODY_ERROR, or
 * BODY_ERROR | BODY_LIMITED. */
PRINTF(4, 5)
int body_fail(struct body_reader *r, uint32_t flags, size_t at, const char *format, ...);

/* Hands an argument to the sink; BODY_STOPPED when the limit of arguments has been reached. */
MUST_CHECK int body_argument(struct body_reader *r, slice name, slice value, size_t at);

MUST_CHECK static inline int body_item(struct body_reader *r, enum body_item kind, slice name,
                                       slice value)
{
    return r->sink.item(r->sink.context, kind, name, value);
}

/* Text that grows in the arena: doubling, so that what is copied and left behind is at most twice
 * its length. Zeroed to begin with. */
struct body_text {
    char *ptr;
    size_t len, capacity;
};

/* 0 · -ENOMEM */
MUST_CHECK int body_text_add(struct body_text *t, struct arena *arena, slice more);

/* Room for `more` bytes behind len. 0 · -ENOMEM */
MUST_CHECK int body_text_reserve(struct body_text *t, struct arena *arena, size_t more);

/* Text of any length that comes in pieces: no piece is copied twice until it is joined, block by
 * block. Zeroed to begin with. */
struct body_chunk;
struct body_rope {
    struct body_chunk *first, *last;
    size_t len;
};

/* 0 · -ENOMEM */
MUST_CHECK int body_rope_add(struct body_rope *rope, struct arena *arena, slice more);

/* All of it in one place, in the arena. 0 · -ENOMEM · of `work` */
MUST_CHECK int body_rope_join(const struct body_rope *rope, const struct body_reader *r,
                              slice *ret);
