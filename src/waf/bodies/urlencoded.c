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
    if (clean == from.len)
        return 0;
    char *out = arena_take_bytes(r->arena, from.len);
    if (!out)
        return -ENOMEM;
    memcpy(out, from.ptr, clean);
    size_t len = clean;
    for (size_t at = clean, paid = clean; at < from.len; at++) {
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
    return 0;
}

static int read_piece(struct body_reader *r, slice piece, size_t at)
{
    size_t equals = slice_find_byte(piece, '=');
    slice name, value;
    TRY(decode(r, slice_first(piece, equals), &name));
    TRY(decode(r, slice_after(piece, equals + 1), &value));
    return body_argument(r, name, value, at);
}

/* The end of the piece that begins at `at`, paying for what is looked at. */
static int find_end(struct body_reader *r, slice text, char separator, size_t at, size_t *ret_end)
{
    while (at < text.len) {
        slice block = slice_first(slice_after(text, at), WORK_BLOCK);
        size_t found = slice_find_byte(block, separator);
        TRY(work_spend(r->work, found + 1));
        at += found;
        if (found < block.len)
            break;
    }
    *ret_end = at;
    return 0;
}

int urlencoded_read(struct body_reader *r, slice text, char separator)
{
    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        TRY(find_end(r, text, separator, at, &end));
        int result = read_piece(r, slice_first(slice_after(text, at), end - at), at);
        if (result != 0)
            return body_result(result);
        at = end + 1;
    }
    return 0;
}
