#include "waf/bodies/base64_text.h"

#include <errno.h>

#include "waf/bodies/readable.h"

/* What a byte is: nothing of the kind, or one of these, or L + the value of its letter. */
enum { OTHER, PASSED, ENDS, PERCENT, AT_END, BLANK, L };

static const unsigned char kinds[256] = {
    ['A'] = L + 0,  ['B'] = L + 1,   ['C'] = L + 2,   ['D'] = L + 3,   ['E'] = L + 4,
    ['F'] = L + 5,  ['G'] = L + 6,   ['H'] = L + 7,   ['I'] = L + 8,   ['J'] = L + 9,
    ['K'] = L + 10, ['L'] = L + 11,  ['M'] = L + 12,  ['N'] = L + 13,  ['O'] = L + 14,
    ['P'] = L + 15, ['Q'] = L + 16,  ['R'] = L + 17,  ['S'] = L + 18,  ['T'] = L + 19,
    ['U'] = L + 20, ['V'] = L + 21,  ['W'] = L + 22,  ['X'] = L + 23,  ['Y'] = L + 24,
    ['Z'] = L + 25, ['a'] = L + 26,  ['b'] = L + 27,  ['c'] = L + 28,  ['d'] = L + 29,
    ['e'] = L + 30, ['f'] = L + 31,  ['g'] = L + 32,  ['h'] = L + 33,  ['i'] = L + 34,
    ['j'] = L + 35, ['k'] = L + 36,  ['l'] = L + 37,  ['m'] = L + 38,  ['n'] = L + 39,
    ['o'] = L + 40, ['p'] = L + 41,  ['q'] = L + 42,  ['r'] = L + 43,  ['s'] = L + 44,
    ['t'] = L + 45, ['u'] = L + 46,  ['v'] = L + 47,  ['w'] = L + 48,  ['x'] = L + 49,
    ['y'] = L + 50, ['z'] = L + 51,  ['0'] = L + 52,  ['1'] = L + 53,  ['2'] = L + 54,
    ['3'] = L + 55, ['4'] = L + 56,  ['5'] = L + 57,  ['6'] = L + 58,  ['7'] = L + 59,
    ['8'] = L + 60, ['9'] = L + 61,  ['+'] = L + 62,  ['-'] = L + 62,  ['/'] = L + 63,
    ['_'] = L + 63, ['\r'] = PASSED, ['\n'] = PASSED, ['\t'] = PASSED, ['='] = ENDS,
    ['.'] = ENDS,   ['%'] = PERCENT, [' '] = BLANK,
};

static int hex_of(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* The byte that the three at the front of *rest encode, and takes them; OTHER when they do not. */
static unsigned char unescape(slice *rest)
{
    int high = rest->len >= 3 ? hex_of(rest->ptr[1]) : -1;
    int low = high >= 0 ? hex_of(rest->ptr[2]) : -1;
    if (low < 0)
        return OTHER;
    unsigned char kind = kinds[high << 4 | low];
    *rest = slice_after(*rest, 2);
    return kind == PERCENT ? OTHER : kind;
}

/* Takes one byte, or one that is percent-encoded, and says what it is. A blank is a + or
 * nothing. */
static unsigned char take(slice *rest, bool is_blank_plus)
{
    if (rest->len == 0)
        return AT_END;
    unsigned char kind = kinds[(unsigned char)rest->ptr[0]];
    if (kind == PERCENT)
        kind = unescape(rest);
    *rest = slice_after(*rest, 1);
    if (kind == BLANK)
        return is_blank_plus ? L + 62 : PASSED;
    return kind;
}

/* How many of the first bytes, a block at most, are letters as they stand, blanks among them. */
static size_t letters_run(slice s)
{
    size_t count = 0, end = s.len < WORK_BLOCK ? s.len : WORK_BLOCK;
    while (count < end && kinds[(unsigned char)s.ptr[count]] >= BLANK)
        count++;
    return count;
}

int base64_text_open(struct base64_text *b, slice value, struct work *work)
{
    size_t letters = 0;
    slice rest;
    TRY(work_trim(work, value, &rest));
    if (rest.len >= 2 && rest.ptr[0] == '"' && rest.ptr[rest.len - 1] == '"')
        rest = slice_of(rest.ptr + 1, rest.len - 2);
    *b = (struct base64_text){ .rest = rest };
    if (rest.len < BASE64_LETTERS_MIN)
        return 0;
    for (;;) {
        size_t run = letters_run(rest);
        rest = slice_after(rest, run);
        letters += run;
        TRY(work_spend(work, run + 1));
        unsigned char kind = take(&rest, true);
        if (kind == AT_END || kind == OTHER)
            return kind == AT_END && letters >= BASE64_LETTERS_MIN;
        letters += kind >= L;
    }
}

/* A walk over the bytes that letters stand for. */
struct decoding {
    slice rest;
    bool is_blank_plus;
    unsigned bits, count;
};

/* The next byte; -1 at the end. A last group of one letter gives none. */
static int decode(struct decoding *d)
{
    while (d->count < 8) {
        unsigned char kind = d->rest.len ? kinds[(unsigned char)*d->rest.ptr] : AT_END;
        if (kind >= L)
            d->rest = slice_of(d->rest.ptr + 1, d->rest.len - 1);
        else
            kind = take(&d->rest, d->is_blank_plus);
        if (kind == AT_END)
            return -1;
        if (kind < L)
            continue;
        d->bits = d->bits << 6 | (kind - L);
        d->count += 6;
    }
    d->count -= 8;
    return (int)(d->bits >> d->count & 0xff);
}

/* Takes a piece from the front, and what ends it. */
static int take_piece(slice *rest, struct work *work, slice *ret_piece, size_t *ret_letters)
{
    slice before = *rest;
    *ret_letters = 0;
    for (;;) {
        size_t run = letters_run(*rest);
        *rest = slice_after(*rest, run);
        *ret_letters += run;
        TRY(work_spend(work, run + 1));
        *ret_piece = slice_first(before, before.len - rest->len);
        unsigned char kind = take(rest, true);
        if (kind < L && kind != PASSED)
            return 0;
        *ret_letters += kind >= L;
    }
}

/* What a byte costs that letters stand for, and how many are paid for together. */
enum { BYTE_STEPS = 4, BYTES_AT_ONCE = WORK_BLOCK / BYTE_STEPS };

static int pay_rest(struct work *work, size_t count)
{
    return work_spend(work, BYTE_STEPS * (count % BYTES_AT_ONCE));
}

/* How many bytes it decodes to when they are text; 0 when not, which shows early. */
static int text_bytes(slice piece, bool is_blank_plus, size_t letters, struct work *work,
                      size_t *ret)
{
    struct decoding d = { .rest = piece, .is_blank_plus = is_blank_plus };
    struct readable found = { 0 };
    size_t count = 0, other_max = readable_other_max(letters / 4 * 3 + letters % 4 * 3 / 4);
    *ret = 0;
    for (int byte = decode(&d); byte >= 0; byte = decode(&d)) {
        readable_add(&found, (unsigned char)byte);
        if (found.other > other_max)
            return pay_rest(work, count);
        if (++count % BYTES_AT_ONCE == 0)
            TRY(work_spend(work, WORK_BLOCK));
    }
    *ret = readable_is_text(&found) ? count : 0;
    return pay_rest(work, count);
}

static int text_make(slice piece, bool is_blank_plus, size_t count, struct arena *arena,
                     struct work *work, slice *ret)
{
    struct decoding d = { .rest = piece, .is_blank_plus = is_blank_plus };
    char *text = arena_take_bytes(arena, count);
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        text[i] = (char)decode(&d);
        if ((i + 1) % BYTES_AT_ONCE == 0)
            TRY(work_spend(work, WORK_BLOCK));
    }
    *ret = slice_of(text, count);
    return pay_rest(work, count);
}

int base64_text_next(struct base64_text *b, struct arena *arena, struct work *work, slice *ret_text)
{
    while (b->rest.len && b->pieces < BASE64_PIECES_MAX) {
        size_t letters, count = 0;
        slice piece;
        TRY(take_piece(&b->rest, work, &piece, &letters));
        if (letters < BASE64_LETTERS_MIN)
            continue;
        b->pieces++;
        bool is_blank_plus = true;
        TRY(text_bytes(piece, true, letters, work, &count));
        if (count == 0 && slice_find_byte(piece, ' ') < piece.len) {
            is_blank_plus = false;
            TRY(text_bytes(piece, false, letters, work, &count));
        }
        if (count == 0)
            continue;
        TRY(text_make(piece, is_blank_plus, count, arena, work, ret_text));
        return 1;
    }
    return 0;
}
