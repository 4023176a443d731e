/* What the transformations share: how far a step goes, copying what does not change, and the few
 * classes of bytes that ModSecurity's decoders know (those of the C locale). */
#pragma once

#include "waf/transforms/transform.h"

/* For a constant struct byte_set: the bit of a byte within its word, a run of them. */
#define BYTE_BIT(byte)         (UINT64_C(1) << ((byte)&63))
#define BYTE_BITS(first, last) ((~UINT64_C(0) >> (63 - ((last) - (first)))) << ((first)&63))

enum { NO_BREAK_SPACE = 0xa0 };

/* Tab, line feed, vertical tab, form feed, carriage return and space. */
#define SPACE_BITS (BYTE_BITS(9, 13) | BYTE_BIT(' '))

/* Bounds of out_len. */
size_t transform_same(size_t in_len);
size_t transform_triple(size_t in_len);

/* Where this step stops at the earliest: an index into `in`, at least one further when there is
 * more. */
static inline size_t run_stop(const struct transform_run *run, size_t bytes_max)
{
    size_t left = run->in.len - run->at;
    return run->at + (bytes_max < left ? bytes_max : left);
}

/* Ends a step that came to `at`. */
static inline void run_end(struct transform_run *run, size_t at)
{
    run->at = at;
    run->done = at == run->in.len;
}

static inline void run_put(struct transform_run *run, unsigned byte)
{
    run->out[run->out_len++] = (char)byte;
}

static inline void run_copy(struct transform_run *run, size_t from, size_t to)
{
    memcpy(run->out + run->out_len, run->in.ptr + from, to - from);
    run->out_len += to - from;
}

/* Copies from `at` to the next `byte`, at most to `stop`; returns where that is. */
static inline size_t run_copy_to_byte(struct transform_run *run, size_t at, size_t stop, char byte)
{
    const char *found = memchr(run->in.ptr + at, byte, stop - at);
    size_t to = found ? (size_t)(found - run->in.ptr) : stop;
    run_copy(run, at, to);
    return to;
}

/* A step of a transformation that only undoes what begins with a backslash. decode: writes what it
 * stands for and says how many bytes behind the backslash that took. */
static inline void run_backslashes(struct transform_run *run, size_t bytes_max,
                                   size_t (*decode)(struct transform_run *run, size_t at))
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_byte(run, i, stop, '\\');
        if (i < stop)
            i += 1 + decode(run, i + 1);
    }
    run_end(run, i);
}

/* The first byte of the set in s[from … to), or `to`. */
size_t byte_set_find(const struct byte_set *set, slice s, size_t from, size_t to);

/* The same for the next byte of a set. */
static inline size_t run_copy_to_set(struct transform_run *run, size_t at, size_t stop,
                                     const struct byte_set *set)
{
    size_t to = byte_set_find(set, run->in, at, stop);
    run_copy(run, at, to);
    return to;
}

/* in[at], -1 beyond the end. */
static inline int run_peek(const struct transform_run *run, size_t at)
{
    return at < run->in.len ? (unsigned char)run->in.ptr[at] : -1;
}

static inline bool run_has(const struct transform_run *run, size_t at, slice text)
{
    return slice_starts_with(slice_after(run->in, at), text);
}

static inline bool is_space(int byte)
{
    return byte == ' ' || (byte >= 9 && byte <= 13);
}

static inline bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool is_octal(int byte)
{
    return byte >= '0' && byte <= '7';
}

/* 0 … 15, -1 for anything else. */
static inline int hex_digit(int byte)
{
    if (is_digit(byte))
        return byte - '0';
    int lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' && byte > 0 ? lower - 'a' + 10 : -1;
}

/* Two digits at `at`: 0 … 255, -1 when they are not both there. */
static inline int run_hex_pair(const struct transform_run *run, size_t at)
{
    int high = hex_digit(run_peek(run, at)), low = hex_digit(run_peek(run, at + 1));
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Four digits at `at`: 0 … 65535, -1. */
static inline int run_hex_four(const struct transform_run *run, size_t at)
{
    int high = run_hex_pair(run, at), low = run_hex_pair(run, at + 2);
    return high < 0 || low < 0 ? -1 : high << 8 | low;
}

/* One byte for a character of 16 bits: the low one, where U+FF01 … U+FF5E, the full-width forms,
 * are what they look like. */
static inline unsigned fold_full_width(unsigned code)
{
    unsigned low = code & 0xff;
    return code >> 8 == 0xff && low > 0 && low < 0x5f ? low + 0x20 : low;
}

/* What the octal digits at `at` say, at most three and at most `max`; *ret_digits of them (0:
 * none).
 */
unsigned run_octal(const struct transform_run *run, size_t at, unsigned max, size_t *ret_digits);

/* The byte of a one-letter escape of C, as in \n; -1 when the letter is none. */
int escape_letter(int letter);

/* Every transformation there is, in the order of their names. */
extern const struct transform transform_base64_decode, transform_base64_decode_ext,
    transform_base64_encode, transform_cmd_line, transform_compress_whitespace,
    transform_css_decode, transform_escape_seq_decode, transform_hex_decode, transform_hex_encode,
    transform_html_entity_decode, transform_js_decode, transform_length, transform_lowercase,
    transform_md5, transform_none, transform_normalize_path, transform_normalize_path_win,
    transform_parity_even, transform_parity_odd, transform_parity_zero, transform_remove_comments,
    transform_remove_comments_char, transform_remove_nulls, transform_remove_whitespace,
    transform_replace_comments, transform_replace_nulls, transform_sha1, transform_sql_hex_decode,
    transform_trim, transform_trim_left, transform_trim_right, transform_uppercase,
    transform_url_decode, transform_url_decode_uni, transform_url_encode, transform_utf8_to_unicode;
