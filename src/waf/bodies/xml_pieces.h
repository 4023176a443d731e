/* Pieces of an XML document that end where a tag, comment, instruction or reference does. So a
 * parser that is given them one by one, and cannot stop within a token, never looks at one twice,
 * and what it does with one piece is bounded. Nothing is judged: a malformed document is cut
 * somehow. */
#pragma once

#include "base/slice.h"
#include "waf/work.h"

enum {
    XML_PIECE_BYTES = 2048,     /* of a piece, and as much more as its last token needs */
    XML_PIECE_ATTRIBUTES = 256, /* the same of attributes */
    XML_TAG_BYTES_MAX = 131072, /* of one tag, comment, instruction or reference */
    XML_TAG_ATTRIBUTES_MAX = 1024,
    XML_TAG_REFERENCES_MAX = 16384 /* in the values of one tag */
};

enum xml_inside {
    XML_INSIDE_TEXT,
    XML_INSIDE_TAG, /* a declaration too */
    XML_INSIDE_VALUE,
    XML_INSIDE_COMMENT,
    XML_INSIDE_CDATA,
    XML_INSIDE_INSTRUCTION,
    XML_INSIDE_REFERENCE
};

enum xml_excess { XML_NO_EXCESS, XML_TAG_BYTES, XML_TAG_ATTRIBUTES, XML_TAG_REFERENCES };

struct xml_pieces {
    slice document;
    size_t at;           /* what has been cut off */
    unsigned width, low; /* bytes of a character, and which of them is the low one */
    enum xml_inside inside;
    size_t token_at; /* where the token begins */
    size_t chars;    /* of the token behind its first one, up to here */
    char head[8];    /* the first of these */
    char quote;
    unsigned tag_attributes, tag_references; /* of the tag */
    unsigned attributes;                     /* of the piece */
};

/* The document must live as long. Encodings are told apart as XML 1.0 appendix F does it. */
void xml_pieces_open(struct xml_pieces *p, slice document);

/* The next piece; empty at the end. *ret_excess: the token behind it is more than there may be, and
 * nothing may be asked for any longer.
 * 0 · -errno of `work` */
MUST_CHECK int xml_pieces_next(struct xml_pieces *p, struct work *work, slice *ret_piece,
                               enum xml_excess *ret_excess);
