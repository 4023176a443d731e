#include "filters/log_text.h"

#include "wire/query.h"

#define ESCAPE_BYTES_MAX 6u  /* of one byte: \u00XX */
#define PIECE_BYTES      32u /* a text that has to be cut is written in such pieces */
#define NAME_END_BYTES   64u /* of a name, its end is looked at */

/* --- Escapes ---------------------------------------------------------------------------------- */

static void write_combined(struct writer *w, slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            writer_byte(w, (char)c);
            continue;
        }
        char escape[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };
        writer_bytes(w, escape, sizeof escape);
    }
}

const struct log_escape log_escape_json = { writer_json, SLICE("\xe2\x80\xa6") };
const struct log_escape log_escape_combined = { write_combined, SLICE("") };

/* --- Bounds ----------------------------------------------------------------------------------- */

/* A text on its way into a line. */
struct text {
    struct writer *w;
    const struct log_escape *escape;
    size_t end; /* of w->len */
    bool is_cut;
};

static struct text text_open(struct writer *w, size_t bytes_max, const struct log_escape *escape)
{
    return (struct text){ .w = w, .escape = escape, .end = w->len + bytes_max - escape->cut.len };
}

static void text_close(struct text *t)
{
    if (t->is_cut)
        writer_slice_add(t->w, t->escape->cut);
}

/* Length of the next piece: a character of UTF-8 is not divided. */
static size_t piece_length(slice s)
{
    size_t length = s.len < PIECE_BYTES ? s.len : PIECE_BYTES;
    for (size_t back = 0; back < 4 && length < s.len; back++) {
        if (((unsigned char)s.ptr[length - back] & 0xc0) != 0x80)
            return length - back;
    }
    return length;
}

static void text_add(struct text *t, slice s)
{
    if (LIKELY(!t->is_cut && t->end > t->w->len &&
               s.len <= (t->end - t->w->len) / ESCAPE_BYTES_MAX)) {
        t->escape->write(t->w, s);
        return;
    }
    while (s.len && !t->is_cut) {
        size_t before = t->w->len, length = piece_length(s);
        t->escape->write(t->w, slice_first(s, length));
        if (t->w->len > t->end || t->w->overflowed) {
            t->w->len = before;
            t->is_cut = true;
        }
        s = slice_after(s, length);
    }
}

void log_put(struct writer *w, slice text, size_t bytes_max, const struct log_escape *escape)
{
    struct text t = text_open(w, bytes_max, escape);
    text_add(&t, text);
    text_close(&t);
}

/* --- Secrets ---------------------------------------------------------------------------------- */

static bool ends_with_fold(slice s, slice end)
{
    return s.len >= end.len && slice_equal_fold(slice_after(s, s.len - end.len), end);
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words that tell by themselves, whatever stands before them: "access_token", "newPassword". */
static bool ends_with_secret(slice name)
{
    static const slice endings[] = {
        SLICE("token"),      SLICE("password"),    SLICE("passwd"),        SLICE("passwort"),
        SLICE("passphrase"), SLICE("secret"),      SLICE("pwd"),           SLICE("apikey"),
        SLICE("accesskey"),  SLICE("secretkey"),   SLICE("privatekey"),    SLICE("signature"),
        SLICE("credential"), SLICE("credentials"), SLICE("sessionid"),     SLICE("sessid"),
        SLICE("jwt"),        SLICE("assertion"),   SLICE("authorization"), SLICE("samlresponse"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(endings); i++)
        if (ends_with_fold(name, endings[i]))
            return true;
    return false;
}

/* Short words count when they stand alone or behind '_', '-' and the like: "api_key" and "key", but
 * not "monkey". */
static bool is_secret_word(slice name)
{
    static const slice words[] = { SLICE("key"), SLICE("auth"), SLICE("sig"),     SLICE("sid"),
                                   SLICE("otp"), SLICE("pass"), SLICE("session"), SLICE("pin") };
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        size_t before = name.len - words[i].len;
        if (ends_with_fold(name, words[i]) &&
            (before == 0 || !is_letter_or_digit(name.ptr[before - 1])))
            return true;
    }
    return slice_equal_fold(name, SLICE("code")); /* of OAuth */
}

bool log_name_is_secret(slice name)
{
    char decoded[NAME_END_BYTES];
    if (name.len > NAME_END_BYTES)
        name = slice_after(name, name.len - NAME_END_BYTES);
    if (slice_find_byte(name, '%') < name.len) {
        struct writer w = writer_over(decoded, sizeof decoded);
        query_decode(&w, name);
        name = writer_slice(&w);
    }
    while (name.len && (name.ptr[name.len - 1] == ']' || name.ptr[name.len - 1] == '['))
        name.len--; /* user[password], tokens[] */
    return ends_with_secret(name) || is_secret_word(name);
}

/* How many bytes at the front have none of the bytes that could begin a secret. */
static size_t find_any(slice s, const char *bytes)
{
    for (; *bytes; bytes++)
        s.len = slice_find_byte(s, *bytes);
    return s.len;
}

/* "https://user:password@host": everything up to the last '@' of an authority. */
static slice put_authority(struct text *t, slice rest)
{
    size_t scheme = slice_find(rest, SLICE("://"));
    if (scheme == rest.len || scheme > slice_find_byte(rest, '?'))
        return rest;
    slice behind = slice_after(rest, scheme + 3);
    size_t end = find_any(behind, "/?#");
    while (end > 0 && behind.ptr[end - 1] != '@')
        end--;
    if (end == 0)
        return rest;
    text_add(t, slice_first(rest, scheme + 3));
    text_add(t, SLICE("***@"));
    return slice_after(behind, end);
}

/* One parameter, from behind its separator to the next one. */
static slice put_parameter(struct text *t, slice rest, bool in_path)
{
    size_t length = find_any(rest, in_path ? "?;#/" : "&;#?");
    slice piece = slice_first(rest, length);
    size_t equals = slice_find_byte(piece, '=');
    if (equals < piece.len && log_name_is_secret(slice_first(piece, equals))) {
        text_add(t, slice_first(piece, equals + 1));
        text_add(t, SLICE("***"));
    } else {
        text_add(t, piece);
    }
    return slice_after(rest, length);
}

void log_put_masked(struct writer *w, slice text, size_t bytes_max, const struct log_escape *escape)
{
    struct text t = text_open(w, bytes_max, escape);
    slice rest = slice_starts_with(text, SLICE("/")) ? text : put_authority(&t, text);
    bool in_path = true;
    while (rest.len && !t.is_cut) {
        size_t plain = find_any(rest, in_path ? "?;#" : "&;#?");
        plain += plain < rest.len; /* with its separator */
        if (in_path && plain && rest.ptr[plain - 1] != ';')
            in_path = false;
        text_add(&t, slice_first(rest, plain));
        rest = slice_after(rest, plain);
        if (rest.len)
            rest = put_parameter(&t, rest, in_path);
    }
    text_close(&t);
}
