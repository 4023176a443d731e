/* Text that travels as Base64 in a value, for who looks into values: an argument, a cookie, a
 * field.
 *
 * A value is looked into when all of it is of the alphabet, RFC 4648 §4 or §5, padding or not.
 * Percent-encoding is undone, line ends are passed over; a blank stands for the + that a form made
 * one of, or for nothing where that gives no text. Dots and padding end a piece, so that the parts
 * of a token (RFC 7515: header.payload.signature) are looked at one by one. What decodes to no text
 * (readable.h) is no Base64: words, numbers, identifiers, keys, signatures, pictures.
 *
 * The cost for other values is that of finding their first byte that is not of the alphabet. */
#pragma once

#include "base/arena.h"
#include "waf/work.h"

enum {
    BASE64_LETTERS_MIN = 8, /* of a piece */
    BASE64_PIECES_MAX = 16  /* of a value: what is behind them is not looked at */
};

struct base64_text {
    slice rest;
    unsigned pieces;
};

/* Whether a value is of the alphabet, so that base64_text_next may find something in it: 1 · 0 ·
 * -EDQUOT, -ECANCELED of `work` */
MUST_CHECK int base64_text_open(struct base64_text *b, slice value, struct work *work);

/* The text of the next piece that has any, in the arena. 1 · 0 there is none · -ENOMEM · -EDQUOT,
 * -ECANCELED of `work` */
MUST_CHECK int base64_text_next(struct base64_text *b, struct arena *arena, struct work *work,
                                slice *ret_text);
