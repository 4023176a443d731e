#include <errno.h>

#include "wire/bytes.h"
#include "wire/h1.h"

/* Extensions and trailers together: what nobody reads may not cost much. */
#define OVERHEAD_MAX 16384u
#define DIGITS_MAX   15u /* of a chunk size: 60 bits */

enum state {
    SIZE,      /* digits of a chunk size */
    EXTENSION, /* behind ';' up to CR */
    SIZE_LF,   /* the LF of a chunk line */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* the first byte of a trailer line, or the CR of the last line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
};

void h1_body_open(struct h1_body *b, enum h1_framing framing, uint64_t content_length)
{
    *b = (struct h1_body){ .framing = framing };
    if (framing == H1_FRAMING_LENGTH)
        b->left = content_length;
    b->ended = framing == H1_FRAMING_NONE || (framing == H1_FRAMING_LENGTH && content_length == 0);
    b->state = SIZE;
}

static int take_size(struct h1_body *b, char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (++b->digits > DIGITS_MAX)
            return -EPROTO;
        b->left = b->left << 4 | (uint64_t)digit;
        return 0;
    }
    if (b->digits == 0)
        return -EPROTO;
    if (c == ';')
        b->state = EXTENSION;
    else if (c == '\r')
        b->state = SIZE_LF;
    else
        return -EPROTO;
    return 0;
}

/* One byte of framing. */
static int take_byte(struct h1_body *b, char c)
{
    switch ((enum state)b->state) {
    case SIZE:
        return take_size(b, c);
    case EXTENSION:
        if (c == '\r')
            b->state = SIZE_LF;
        else if (!byte_is(c, BYTE_VALUE))
            return -EPROTO;
        b->overhead++;
        break;
    case SIZE_LF:
        if (c != '\n')
            return -EPROTO;
        b->state = b->left ? DATA : TRAILER_START;
        b->digits = 0;
        break;
    case DATA:
        break;
    case DATA_CR:
        if (c != '\r')
            return -EPROTO;
        b->state = DATA_LF;
        break;
    case DATA_LF:
        if (c != '\n')
            return -EPROTO;
        b->state = SIZE;
        break;
    case TRAILER_START:
        if (c == '\r')
            b->state = LAST_LF;
        else if (byte_is(c, BYTE_TOKEN))
            b->state = TRAILER_NAME;
        else
            return -EPROTO;
        b->overhead++;
        break;
    case TRAILER_NAME:
        if (c == ':')
            b->state = TRAILER_VALUE;
        else if (!byte_is(c, BYTE_TOKEN))
            return -EPROTO;
        b->overhead++;
        break;
    case TRAILER_VALUE:
        if (c == '\r')
            b->state = TRAILER_LF;
        else if (!byte_is(c, BYTE_VALUE))
            return -EPROTO;
        b->overhead++;
        break;
    case TRAILER_LF:
        if (c != '\n')
            return -EPROTO;
        b->state = TRAILER_START;
        break;
    case LAST_LF:
        if (c != '\n')
            return -EPROTO;
        b->ended = true;
        break;
    }
    return b->overhead > OVERHEAD_MAX ? -EPROTO : 0;
}

static slice take_data(struct h1_body *b, slice in)
{
    slice data = slice_first(in, in.len < b->left ? in.len : (size_t)b->left);
    b->left -= data.len;
    b->decoded += data.len;
    return data;
}

static int next_chunked(struct h1_body *b, slice in, slice *ret_data, size_t *ret_used)
{
    size_t at = 0;
    while (at < in.len && !b->ended) {
        if (b->state == DATA) {
            *ret_data = take_data(b, slice_after(in, at));
            *ret_used = at + ret_data->len;
            if (b->left == 0)
                b->state = DATA_CR;
            return 0;
        }
        TRY(take_byte(b, in.ptr[at++]));
    }
    *ret_used = at;
    return 0;
}

int h1_body_next(struct h1_body *b, slice in, slice *ret_data, size_t *ret_used)
{
    *ret_data = slice_of(in.ptr, 0);
    *ret_used = 0;
    if (b->ended)
        return 0;
    switch (b->framing) {
    case H1_FRAMING_NONE:
        return 0;
    case H1_FRAMING_LENGTH:
        *ret_data = take_data(b, in);
        *ret_used = ret_data->len;
        b->ended = b->left == 0;
        return 0;
    case H1_FRAMING_CLOSE:
        *ret_data = in;
        *ret_used = in.len;
        b->decoded += in.len;
        return 0;
    case H1_FRAMING_CHUNKED:
        return next_chunked(b, in, ret_data, ret_used);
    }
    return -EPROTO;
}

int h1_body_closed(struct h1_body *b)
{
    if (b->framing == H1_FRAMING_CLOSE)
        b->ended = true;
    return b->ended ? 0 : -EPROTO;
}
