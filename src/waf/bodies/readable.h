/* Whether bytes are text that somebody may read, or something else: compressed, enciphered, a
 * picture. Bytes come one after the other; text is printable ASCII, blanks and line ends, and
 * characters beyond ASCII in UTF-8.
 *
 * A quarter of other bytes is let pass: text does not become unreadable by having some put in. Of
 * bytes at random 38 in 100 are text, so a few of them must be text all of them, or nearly. */
#pragma once

#include "base/slice.h"

enum { READABLE_SHORT = 12, READABLE_LONG = 24 };

struct readable {
    size_t text, other;
    unsigned char pending; /* bytes that the character begun still wants */
    unsigned char begun;   /* bytes of it so far */
};

static inline void readable_add(struct readable *r, unsigned char byte)
{
    if (r->pending) {
        r->begun++;
        if ((byte & 0xc0) == 0x80) {
            if (--r->pending == 0)
                r->text += r->begun;
            return;
        }
        r->other += r->begun - 1u;
        r->pending = 0;
    }
    if ((byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\r' || byte == '\t')
        r->text++;
    else if (byte >= 0xc2 && byte < 0xf5)
        r->pending = (unsigned char)(1 + (byte >= 0xe0) + (byte >= 0xf0)), r->begun = 1;
    else
        r->other++;
}

/* How many other bytes `count` bytes may have and still be text. */
static inline size_t readable_other_max(size_t count)
{
    return count < READABLE_SHORT ? 0 : count < READABLE_LONG ? count / 8 : count / 4;
}

/* Of all bytes added; a character that is cut off is other. */
static inline bool readable_is_text(const struct readable *r)
{
    size_t cut = r->pending ? r->begun : 0, count = r->text + r->other + cut;
    return count > 0 && r->other + cut <= readable_other_max(count);
}
