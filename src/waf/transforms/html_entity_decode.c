/* htmlEntityDecode: character references of HTML as one byte: &#DD; and &#xHH; in any number of
 * digits (the low byte counts), &quot; &amp; &lt; &gt; and &nbsp; (0xA0) in any case. The semicolon
 * may be missing; a name must then end at something that is no letter or digit. What is no
 * reference stays. */
#include "waf/transforms/run.h"

static const struct byte_set triggers = { .bits = { BYTE_BIT('&') } };

enum mode { TEXT, DECIMAL, HEXADECIMAL };

enum { NAME_LENGTH_MAX = 4 };

static const struct {
    slice name;
    unsigned byte;
} entities[] = {
    { { "quot", 4 }, '"' },
    { { "amp", 3 }, '&' },
    { { "lt", 2 }, '<' },
    { { "gt", 2 }, '>' },
    { { "nbsp", 4 }, NO_BREAK_SPACE },
};

static bool is_alphanumeric(int byte)
{
    int lower = byte | 0x20;
    return is_digit(byte) || (byte > 0 && lower >= 'a' && lower <= 'z');
}

static bool has_reference(slice in)
{
    for (size_t at = slice_find_byte(in, '&'); at + 2 < in.len;
         at += 1 + slice_find_byte(slice_after(in, at + 1), '&'))
        if (in.ptr[at + 1] == '#' || is_alphanumeric((unsigned char)in.ptr[at + 1]))
            return true;
    return false;
}

/* A digit of the number under way, -1 when it has ended. */
static int next_digit(const struct transform_run *run, size_t at)
{
    int byte = run_peek(run, at);
    if (run->state[0] == HEXADECIMAL)
        return hex_digit(byte);
    return is_digit(byte) ? byte - '0' : -1;
}

/* state[0]: enum mode; state[1]: the number so far. Past what a long holds it stays at its maximum,
 * whose low byte is 0xFF, as strtol() has it. */
static size_t read_digits(struct transform_run *run, size_t at, size_t stop)
{
    uint64_t base = run->state[0] == HEXADECIMAL ? 16 : 10;
    size_t i = at;
    for (; i < stop; i++) {
        int digit = next_digit(run, i);
        if (digit < 0)
            break;
        if (run->state[1] > ((uint64_t)INT64_MAX - (unsigned)digit) / base)
            run->state[1] = INT64_MAX;
        else
            run->state[1] = run->state[1] * base + (unsigned)digit;
    }
    if (i < stop || i == run->in.len) {
        run_put(run, run->state[1] & 0xff);
        run->state[0] = TEXT;
        if (run_peek(run, i) == ';')
            i++;
    }
    return i;
}

/* A name behind the ampersand at `at`; returns where to go on. */
static size_t read_name(struct transform_run *run, size_t at)
{
    size_t len = 0;
    while (len <= NAME_LENGTH_MAX && is_alphanumeric(run_peek(run, at + 1 + len)))
        len++;
    slice name = slice_first(slice_after(run->in, at + 1), len);
    for (size_t e = 0; e < ARRAY_LENGTH(entities); e++) {
        if (!slice_equal_fold(name, entities[e].name))
            continue;
        run_put(run, entities[e].byte);
        return at + 1 + len + (run_peek(run, at + 1 + len) == ';');
    }
    run_put(run, '&');
    return at + 1;
}

static size_t read_reference(struct transform_run *run, size_t at)
{
    if (run_peek(run, at + 1) != '#')
        return read_name(run, at);
    bool hexadecimal = (run_peek(run, at + 2) | 0x20) == 'x';
    run->state[0] = hexadecimal ? HEXADECIMAL : DECIMAL;
    run->state[1] = 0;
    size_t digits = at + (hexadecimal ? 3 : 2);
    if (next_digit(run, digits) >= 0)
        return digits;
    run->state[0] = TEXT;
    run_put(run, '&');
    return at + 1;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (run->state[0] != TEXT) {
            i = read_digits(run, i, stop);
            continue;
        }
        i = run_copy_to_byte(run, i, stop, '&');
        if (i < stop)
            i = read_reference(run, i);
    }
    run_end(run, i);
}

const struct transform transform_html_entity_decode = {
    .name = "htmlEntityDecode",
    .out_max = transform_same,
    .triggers = &triggers,
    .may_change = has_reference,
    .step = step,
    .meaning = "Decodes character references of HTML to a byte each.",
    .example = "`&lt;script&#x3e;` becomes `<script>`",
};
