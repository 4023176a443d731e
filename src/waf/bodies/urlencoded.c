#include "waf/bodies/urlencoded.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What `from` stands for; `from` itself when nothing in it is encoded. */
static int decode(struct body_reader *r, slice from, slice *ret)
{
    *ret = from;
    size_t clean = 0;
    for (; clean < from.len && from.ptr[clean] != '%' && from.ptr[clean] != '+'; clean++) {
        if (clean % WORK_BLOCK == WORK_BLOCK - 1)
            TRY(work_spend(r->work, WORK_BLOCK));
    }
    TRY(work_spend(r->work, clean % WORK_BLOCK));
    if (clean == from.len)
        return 0;
    char *out = arena_take_bytes(r->arena, from.len);
    if (!out)
        return -ENOMEM;
    TRY(work_copy(r->work, out, slice_first(from, clean)));
    size_t len = clean, paid = clean;
    for (size_t at = clean; at < from.len; at++) {
        char c = from.ptr[at];
        if (at - paid >= WORK_BLOCK) {
            TRY(work_spend(r->work, at - paid));
            paid = at;
        }
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = from.len - at > 2 ? hex_digit(from.ptr[at + 1]) : -1;
            int low = from.len - at > 2 ? hex_digit(from.ptr[at + 2]) : -1;
            if (high >= 0 && low >= 0) {
                c = (char)(high << 4 | low);
                at += 2;
            } else {
                r->state.flags |= BODY_URLENCODED_ERROR;
            }
        }
        out[len++] = c;
    }
    *ret = slice_of(out, len);
    return work_spend(r->work, from.len - paid);
}

static int read_piece(struct body_reader *r, slice piece, size_t at)
{
    size_t equals;
    slice name, value;
    TRY(work_find_byte(r->work, piece, '=', &equals));
    TRY(decode(r, slice_first(piece, equals), &name));
    TRY(decode(r, slice_after(piece, equals + 1), &value));
    return body_argument(r, name, value, at);
}

int urlencoded_read(struct body_reader *r, slice text, char separator)
{
    for (size_t at = 0; at < text.len;) {
        slice piece = slice_after(text, at);
        TRY(work_find_byte(r->work, piece, separator, &piece.len));
        int result = read_piece(r, piece, at);
        if (result != 0)
            return body_result(result);
        at += piece.len + 1;
    }
    return 0;
}
