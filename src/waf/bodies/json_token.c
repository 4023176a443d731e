#include "waf/bodies/json_token.h"

void json_open(struct json_tokens *t, slice text, uint32_t depth_max, struct arena *arena)
{
    *t = (struct json_tokens){ .text = text, .arena = arena, .depth_max = JSON_DEPTH_MAX };
    if (depth_max != 0 && depth_max < JSON_DEPTH_MAX)
        t->depth_max = depth_max;
}

static enum json_event fail(struct json_tokens *t, enum json_event failure, const char *problem)
{
    t->expect = JSON_EXPECT_FAILED;
    t->failure = failure;
    t->problem = problem;
    return failure;
}

static enum json_event malformed(struct json_tokens *t, const char *problem)
{
    return fail(t, JSON_MALFORMED, problem);
}

static bool in_object(const struct json_tokens *t)
{
    uint32_t top = t->depth - 1;
    return t->is_object[top / 64] >> (top % 64) & 1;
}

static enum json_event value_over(struct json_tokens *t, enum json_event event)
{
    t->expect = t->depth == 0 ? JSON_EXPECT_NOTHING : JSON_EXPECT_COMMA_OR_END;
    return event;
}

static enum json_event begin_container(struct json_tokens *t, bool object)
{
    if (t->depth >= t->depth_max)
        return fail(t, JSON_TOO_DEEP, "nested too deeply");
    uint64_t bit = UINT64_C(1) << (t->depth % 64);
    if (object)
        t->is_object[t->depth / 64] |= bit;
    else
        t->is_object[t->depth / 64] &= ~bit;
    t->depth++;
    t->at++;
    t->expect = object ? JSON_EXPECT_KEY_OR_END : JSON_EXPECT_VALUE_OR_END;
    return object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
}

static enum json_event end_container(struct json_tokens *t, enum json_event event)
{
    t->depth--;
    t->at++;
    return value_over(t, event);
}

/* How many bytes the UTF-8 sequence has that stands at the front of s (RFC 3629 §4); 0 when it is
 * none. */
static size_t utf8_sequence(slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;
    if (len < 2)
        return len;
    if (s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool beyond = p[0] == 0xf4 && p[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : len;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits at p; negative when they are not. */
static int32_t hex_4(slice s)
{
    int32_t value = 0;
    if (s.len < 4)
        return -1;
    for (unsigned i = 0; i < 4; i++) {
        int digit = hex_digit(s.ptr[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Length of the escape at the front of s, its backslash included; 0 when it is none. */
static size_t escape_length(slice s)
{
    if (s.len < 2)
        return 0;
    if (s.ptr[1] == 'u')
        return hex_4(slice_after(s, 2)) < 0 ? 0 : 6;
    return s.ptr[1] != '\0' && strchr("\"\\/bfnrt", s.ptr[1]) ? 2 : 0;
}

/* What stands for itself and is one byte. */
static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* RFC 8259 §7: `unescaped = %x20-21 / %x23-5B / %x5D-10FFFF`. False: *event has the answer. */
static bool scan_string(struct json_tokens *t, size_t end, enum json_event *event)
{
    while (t->at < t->text.len) {
        if (t->at >= end) {
            *event = JSON_MORE;
            return false;
        }
        if (is_plain(t->text.ptr[t->at])) {
            t->at++;
            continue;
        }
        slice s = slice_after(t->text, t->at);
        unsigned char c = (unsigned char)s.ptr[0];
        if (c == '"') {
            t->string_to = t->at++;
            return true;
        }
        size_t len = 1;
        if (c == '\\') {
            t->has_escapes = true;
            len = escape_length(s);
        } else if (c >= 0x80) {
            len = utf8_sequence(s);
        } else if (c < 0x20) {
            len = 0;
        }
        if (len == 0) {
            *event = malformed(t, c == '\\'  ? "an invalid escape in a string"
                                  : c < 0x20 ? "a control character in a string"
                                             : "invalid UTF-8 in a string");
            return false;
        }
        t->at += len;
    }
    *event = malformed(t, "a string that does not end");
    return false;
}

static void add_code_point(struct json_tokens *t, uint32_t c)
{
    char *out = t->decoded + t->decoded_len;
    if (c < 0x80) {
        out[0] = (char)c;
        t->decoded_len += 1;
    } else if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        t->decoded_len += 2;
    } else if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        t->decoded_len += 3;
    } else {
        out[0] = (char)(0xf0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3f));
        out[2] = (char)(0x80 | (c >> 6 & 0x3f));
        out[3] = (char)(0x80 | (c & 0x3f));
        t->decoded_len += 4;
    }
}

/* One escape, which scan_string has seen to be one; how many bytes it was. */
static size_t decode_escape(struct json_tokens *t, slice s)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (s.ptr[1] != 'u') {
        t->decoded[t->decoded_len++] = meant[strchr(plain, s.ptr[1]) - plain];
        return 2;
    }
    uint32_t c = (uint32_t)hex_4(slice_after(s, 2));
    size_t used = 6;
    if (c >= 0xd800 && c < 0xdc00 && s.len >= 12 && s.ptr[6] == '\\' && s.ptr[7] == 'u') {
        uint32_t low = (uint32_t)hex_4(slice_after(s, 8));
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
            used = 12;
        }
    }
    add_code_point(t, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return used;
}

/* No escape is shorter than what it stands for, so the string's length is room enough. */
static enum json_event decode(struct json_tokens *t, size_t bytes_max)
{
    if (!t->decoded) {
        t->decoded = arena_take_bytes(t->arena, t->string_to - t->string_from);
        if (!t->decoded)
            return fail(t, JSON_NO_MEMORY, "no memory");
        t->decoded_len = 0;
        t->decoded_to = t->string_from;
    }
    size_t from = t->decoded_to;
    while (t->decoded_to < t->string_to && t->decoded_to - from < bytes_max) {
        slice s = slice_of(t->text.ptr + t->decoded_to, t->string_to - t->decoded_to);
        if (s.ptr[0] == '\\') {
            t->decoded_to += decode_escape(t, s);
        } else {
            t->decoded[t->decoded_len++] = s.ptr[0];
            t->decoded_to++;
        }
    }
    t->steps += t->decoded_to - from;
    return t->decoded_to < t->string_to ? JSON_MORE : JSON_STRING;
}

static enum json_event string_over(struct json_tokens *t)
{
    if (!t->is_key)
        return value_over(t, JSON_STRING);
    t->expect = JSON_EXPECT_COLON;
    return JSON_KEY;
}

static enum json_event go_on_decoding(struct json_tokens *t, size_t bytes_max, slice *ret_text)
{
    enum json_event event = decode(t, bytes_max);
    if (event != JSON_STRING)
        return event;
    *ret_text = slice_of(t->decoded, t->decoded_len);
    return string_over(t);
}

static enum json_event go_on_with_string(struct json_tokens *t, size_t bytes_max, slice *ret_text)
{
    enum json_event event = JSON_MORE;
    size_t from = t->at;
    bool over = scan_string(t, from + bytes_max, &event);
    t->steps += t->at - from;
    if (!over)
        return event;
    if (t->has_escapes && t->arena) {
        t->decoded = NULL;
        t->expect = JSON_EXPECT_DECODED;
        return go_on_decoding(t, bytes_max, ret_text);
    }
    *ret_text = slice_of(t->text.ptr + t->string_from, t->string_to - t->string_from);
    return string_over(t);
}

static enum json_event begin_string(struct json_tokens *t, bool is_key, size_t bytes_max,
                                    slice *ret)
{
    t->is_key = is_key;
    t->has_escapes = false;
    t->string_from = ++t->at;
    t->expect = JSON_EXPECT_STRING;
    return go_on_with_string(t, bytes_max, ret);
}

static size_t digits(slice s)
{
    size_t len = 0;
    while (len < s.len && len <= JSON_NUMBER_MAX && s.ptr[len] >= '0' && s.ptr[len] <= '9')
        len++;
    return len;
}

/* RFC 8259 §6: `number = [ minus ] int [ frac ] [ exp ]`; 0 when that is not what s begins with. */
static size_t number_length(slice s)
{
    size_t at = s.len && s.ptr[0] == '-';
    size_t whole = digits(slice_after(s, at));
    if (whole == 0)
        return 0;
    at += s.ptr[at] == '0' ? 1 : whole; /* a digit behind a leading zero is then out of place */
    if (at < s.len && s.ptr[at] == '.') {
        size_t fraction = digits(slice_after(s, at + 1));
        if (fraction == 0)
            return 0;
        at += 1 + fraction;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
        size_t exponent = digits(slice_after(s, at));
        if (exponent == 0)
            return 0;
        at += exponent;
    }
    return at;
}

static enum json_event read_number(struct json_tokens *t, slice *ret_text)
{
    slice s = slice_after(t->text, t->at);
    size_t len = number_length(s);
    if (len == 0)
        return malformed(t, "an invalid number");
    if (len > JSON_NUMBER_MAX)
        return malformed(t, "a number of too many digits");
    *ret_text = slice_first(s, len);
    t->at += len;
    t->steps += len;
    return value_over(t, JSON_NUMBER);
}

static enum json_event read_word(struct json_tokens *t, slice word, enum json_event event)
{
    if (!slice_starts_with(slice_after(t->text, t->at), word))
        return malformed(t, "an unknown word");
    t->at += word.len;
    return value_over(t, event);
}

static enum json_event read_value(struct json_tokens *t, char c, size_t bytes_max, slice *ret_text)
{
    switch (c) {
    case '{':
    case '[':
        return begin_container(t, c == '{');
    case '"':
        return begin_string(t, false, bytes_max, ret_text);
    case 't':
        return read_word(t, SLICE("true"), JSON_TRUE);
    case 'f':
        return read_word(t, SLICE("false"), JSON_FALSE);
    case 'n':
        return read_word(t, SLICE("null"), JSON_NULL);
    case '-':
    case '0' ... '9':
        return read_number(t, ret_text);
    default:
        return malformed(t, "a character where a value is expected");
    }
}

/* Passes over white space, `,` and `:`, which are no events. False: there is an answer in *event.
 */
static bool find_token(struct json_tokens *t, size_t bytes_max, enum json_event *event)
{
    size_t from = t->at;
    for (;;) {
        if (t->at == t->text.len) {
            *event =
                t->expect == JSON_EXPECT_NOTHING ? JSON_END : malformed(t, "it ends too early");
            return false;
        }
        if (t->at - from >= bytes_max) {
            *event = JSON_MORE;
            return false;
        }
        char c = t->text.ptr[t->at];
        bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        if (c == ':' && t->expect == JSON_EXPECT_COLON)
            t->expect = JSON_EXPECT_VALUE;
        else if (c == ',' && t->expect == JSON_EXPECT_COMMA_OR_END)
            t->expect = in_object(t) ? JSON_EXPECT_KEY : JSON_EXPECT_VALUE;
        else if (!blank)
            return true;
        t->at++;
    }
}

static enum json_event read_token(struct json_tokens *t, size_t bytes_max, slice *ret_text)
{
    char c = t->text.ptr[t->at];
    switch (t->expect) {
    case JSON_EXPECT_VALUE_OR_END:
        if (c == ']')
            return end_container(t, JSON_ARRAY_END);
        return read_value(t, c, bytes_max, ret_text);
    case JSON_EXPECT_VALUE:
        return read_value(t, c, bytes_max, ret_text);
    case JSON_EXPECT_KEY_OR_END:
        if (c == '}')
            return end_container(t, JSON_OBJECT_END);
        return c == '"' ? begin_string(t, true, bytes_max, ret_text)
                        : malformed(t, "a character where a key is expected");
    case JSON_EXPECT_KEY:
        return c == '"' ? begin_string(t, true, bytes_max, ret_text)
                        : malformed(t, "a character where a key is expected");
    case JSON_EXPECT_COMMA_OR_END:
        if (c == (in_object(t) ? '}' : ']'))
            return end_container(t, in_object(t) ? JSON_OBJECT_END : JSON_ARRAY_END);
        return malformed(t, "a character where a comma or the end is expected");
    case JSON_EXPECT_COLON:
        return malformed(t, "a character where a colon is expected");
    case JSON_EXPECT_NOTHING:
        return malformed(t, "something behind the value");
    case JSON_EXPECT_STRING:
    case JSON_EXPECT_DECODED:
    case JSON_EXPECT_FAILED:
        break;
    }
    return t->failure;
}

enum json_event json_next(struct json_tokens *t, size_t bytes_max, slice *ret_text)
{
    if (t->expect == JSON_EXPECT_FAILED)
        return t->failure;
    if (t->expect == JSON_EXPECT_STRING)
        return go_on_with_string(t, bytes_max, ret_text);
    if (t->expect == JSON_EXPECT_DECODED)
        return go_on_decoding(t, bytes_max, ret_text);
    enum json_event event = JSON_MORE;
    size_t from = t->at;
    bool found = find_token(t, bytes_max, &event);
    t->steps += t->at - from + 1;
    return found ? read_token(t, bytes_max, ret_text) : event;
}
