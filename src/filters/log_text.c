#include "filters/log_text.h"

#include "wire/bytes.h"
#include "wire/query.h"

#define ESCAPE_BYTES_MAX 6u  /* of one byte: \u00XX */
#define PIECE_BYTES      32u /* a text that has to be cut is written in such pieces */

#define BASE64_LETTERS_MIN 12u
#define DECODED_BYTES_MAX  4096u /* of what comes out of it */

/* So often over a URL is percent-encoded at most: each depth may take another look at the rest. */
#define ENCODED_DEPTH_MAX 8u

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

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* By their last letter. */
static const struct secret_word {
    slice word;
    enum { ANYWHERE, APART, ALONE } place;
} secret_words[] = {
    { SLICE("passwd"), ANYWHERE },
    { SLICE("password"), ANYWHERE },
    { SLICE("pwd"), ANYWHERE },
    { SLICE("sessid"), ANYWHERE },
    { SLICE("sessionid"), ANYWHERE },
    { SLICE("sid"), APART },
    { SLICE("code"), ALONE },
    { SLICE("passphrase"), ANYWHERE },
    { SLICE("samlresponse"), ANYWHERE },
    { SLICE("signature"), ANYWHERE },
    { SLICE("sig"), APART },
    { SLICE("auth"), APART },
    { SLICE("credential"), ANYWHERE },
    { SLICE("assertion"), ANYWHERE },
    { SLICE("authorization"), ANYWHERE },
    { SLICE("pin"), APART },
    { SLICE("session"), APART },
    { SLICE("token"), ANYWHERE },
    { SLICE("otp"), APART },
    { SLICE("credentials"), ANYWHERE },
    { SLICE("pass"), APART },
    { SLICE("jwt"), ANYWHERE },
    { SLICE("passwort"), ANYWHERE },
    { SLICE("secret"), ANYWHERE },
    { SLICE("accesskey"), ANYWHERE },
    { SLICE("apikey"), ANYWHERE },
    { SLICE("key"), APART },
    { SLICE("privatekey"), ANYWHERE },
    { SLICE("secretkey"), ANYWHERE },
};

/* Takes the last byte off a name, %XX undone: no escape is a part of another. -1: none is left. */
static int take_last(slice *name)
{
    size_t len = name->len;
    if (len == 0)
        return -1;
    const char *end = name->ptr + len;
    int high = len >= 3 && end[-3] == '%' ? hex_value(end[-2]) : -1, low = hex_value(end[-1]);
    bool is_escape = high >= 0 && low >= 0;
    name->len -= is_escape ? 3 : 1;
    return is_escape ? high << 4 | low : (unsigned char)end[-1];
}

/* Words of ANYWHERE tell whatever stands before them: "access_token", "newPassword". Those of APART
 * at the beginning or behind '_', '-' and the like: "api_key" and "key", but not "monkey". "code",
 * of OAuth, only by itself. */
static bool ends_with(slice name, const struct secret_word *w)
{
    size_t left = w->word.len;
    int c = 0;
    while (left && (c = take_last(&name)) >= 0 && ascii_lower((char)c) == w->word.ptr[left - 1])
        left--;
    if (left)
        return false;
    return w->place == ANYWHERE || name.len == 0 ||
           (w->place == APART && !is_letter_or_digit((char)take_last(&name)));
}

/* "password_confirmation", "passwordRepeat", "passwd_new" */
static bool speaks_of_password(slice name)
{
    static const char backwards[] = { 'w', 's', 's', 'a', 'p' };
    unsigned at = 0;
    if (slice_find_any(name, "wW%") == name.len)
        return false;
    for (int c; at < sizeof backwards && (c = take_last(&name)) >= 0;)
        at = ascii_lower((char)c) == backwards[at] ? at + 1 : ascii_lower((char)c) == 'w';
    return at == sizeof backwards;
}

static bool is_mark_or_digit(int c)
{
    return c == ']' || c == '[' || (c >= '0' && c <= '9');
}

bool log_name_is_secret(slice name)
{
    static const uint32_t last_letters = 1u << ('d' - 'a') | 1u << ('e' - 'a') | 1u << ('g' - 'a') |
                                         1u << ('h' - 'a') | 1u << ('l' - 'a') | 1u << ('n' - 'a') |
                                         1u << ('p' - 'a') | 1u << ('s' - 'a') | 1u << ('t' - 'a') |
                                         1u << ('y' - 'a');
    slice whole = name;
    int last;
    if (speaks_of_password(name))
        return true;
    while (is_mark_or_digit(last = take_last(&name)))
        whole = name; /* user[pass], token[], pass[pass1], token[0] */
    char letter = last < 0 ? '\0' : ascii_lower((char)last);
    if (letter < 'a' || letter > 'z' || !(last_letters >> (letter - 'a') & 1))
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(secret_words); i++) {
        const struct secret_word *w = &secret_words[i];
        if (w->word.ptr[w->word.len - 1] == letter && ends_with(whole, w))
            return true;
    }
    return false;
}

static bool is_word(char c)
{
    return is_letter_or_digit(c) || c == '_' || c == '-';
}

size_t log_find_secret(slice text, slice *ret_name)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t begin = i;
        while (i < text.len && is_word(text.ptr[i]))
            i++;
        *ret_name = slice_of(text.ptr + begin, i - begin);
        if (ret_name->len && log_name_is_secret(*ret_name))
            return i;
        if (i < text.len && text.ptr[i] == '%') /* %22 is no part of a word */
            i += 2;
    }
    return text.len;
}

/* The character at the front, percent-encoded or not, and how many bytes it has there. */
static char front(slice s, size_t *ret_bytes)
{
    char decoded;
    struct writer w = writer_over(&decoded, 1);
    *ret_bytes = 1;
    if (s.ptr[0] != '%' || s.len < 3)
        return s.ptr[0];
    query_decode(&w, slice_first(s, 3));
    if (w.len != 1 || w.overflowed)
        return s.ptr[0];
    *ret_bytes = 3;
    return decoded;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* --- Credentials of URLs ---------------------------------------------------------------------- */

/* A character as it stands in a text that may be percent-encoded, as a whole or in parts. */
struct encoded {
    char c;
    size_t bytes;
    size_t depth; /* how many times over: ":" 0, "%3A" 1, "%253A" 2 */
};

static struct encoded front_encoded(slice s)
{
    struct encoded e = { .c = front(s, &e.bytes) };
    e.depth = e.bytes > 1;
    /* what it is the % of goes on behind it */
    while (e.c == '%' && e.bytes > 1 && e.depth < ENCODED_DEPTH_MAX) {
        char memory[3] = { '%' };
        size_t more;
        if (s.len < e.bytes + 2)
            break;
        memcpy(memory + 1, s.ptr + e.bytes, 2);
        char c = front(slice_of(memory, sizeof memory), &more);
        if (more == 1)
            break;
        e = (struct encoded){ c, e.bytes + 2, e.depth + 1 };
    }
    return e;
}

static bool take(slice *s, char c, size_t *ret_depth)
{
    if (s->len == 0)
        return false;
    struct encoded e = front_encoded(*s);
    *ret_depth = e.depth;
    if (e.c == c)
        *s = slice_after(*s, e.bytes);
    return e.c == c;
}

/* A slash, as JSON may write it too. */
static bool take_slash(slice *s, size_t *ret_depth)
{
    (void)take(s, '\\', ret_depth);
    return take(s, '/', ret_depth);
}

/* Up to the last @ of the authority: a password may hold others. What is encoded more often than
 * the URL is part of a password, but in what has no colon the end of a word. */
static size_t credentials_length(slice authority, size_t depth)
{
    size_t last = 0;
    bool has_colon = false;
    struct encoded e;
    for (size_t at = 0; at < authority.len; at += e.bytes) {
        e = front_encoded(slice_after(authority, at));
        has_colon |= e.c == ':';
        if (e.c == '@')
            last = at;
        else if (is_one_of(e.c, "/?#&;\\<>\"'` \t\r\n") && (e.depth <= depth || !has_colon))
            break;
    }
    return last;
}

/* Nearly all texts have neither. */
static bool has_at(slice text)
{
    return slice_find_byte(text, '@') < text.len ||
           (slice_find_byte(text, '%') < text.len && (slice_find(text, SLICE("%40")) < text.len ||
                                                      slice_find(text, SLICE("2540")) < text.len));
}

slice log_find_credentials(slice text)
{
    size_t depth, length;
    bool may_be = has_at(text);
    while (may_be && text.len) {
        slice behind = text;
        if (take(&behind, ':', &depth) && take_slash(&behind, &depth) &&
            take_slash(&behind, &depth)) {
            length = credentials_length(behind, depth);
            if (length)
                return slice_first(behind, length);
        }
        text = slice_after(text, front_encoded(text).bytes);
    }
    return slice_of("", 0);
}

/* Text without secrets, but for credentials of URLs in it. */
static void text_add_urls(struct text *t, slice s)
{
    slice credentials;
    while (!t->is_cut && (credentials = log_find_credentials(s)).len) {
        size_t before = (size_t)(credentials.ptr - s.ptr);
        text_add(t, slice_first(s, before));
        text_add(t, SLICE("***"));
        s = slice_after(s, before + credentials.len);
    }
    text_add(t, s);
}

/* --- Names of secrets in values ----------------------------------------------------------------
 */

/* Behind the name of a secret: `": "` and the like, up to where its value begins; *ret_quote: that
 * it is quoted with, or 0. returns 0: no value follows */
static size_t introduction(slice rest, char *ret_quote)
{
    size_t at = 0, bytes;
    bool has_sign = false;
    for (*ret_quote = 0; at < rest.len; at += bytes) {
        char c = front(slice_after(rest, at), &bytes);
        if (has_sign && is_one_of(c, "\"'"))
            *ret_quote = c;
        else if (is_one_of(c, "=:>"))
            has_sign = true;
        else if (!is_one_of(c, "\"'\\] \t"))
            break;
    }
    return has_sign ? at : 0;
}

/* Of a closing tag: `</password>`. */
static bool is_closing(slice text, size_t end, slice name)
{
    return end > name.len && text.ptr[end - name.len - 1] == '/';
}

/* Whether a value stands behind the name of a secret. */
static bool names_secret(slice text)
{
    slice name;
    char quote;
    while (text.len) {
        size_t end = log_find_secret(text, &name);
        if (end < text.len && !is_closing(text, end, name) &&
            introduction(slice_after(text, end), &quote))
            return true;
        text = slice_after(text, end);
    }
    return false;
}

static int letter_of_base64(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool names_secret_encoded(slice value)
{
    char text[DECODED_BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    if (slice_find_byte(value, '%') == value.len)
        return names_secret(value);
    query_decode(&w, slice_first(value, sizeof text));
    return names_secret(writer_slice(&w));
}

/* Of Base64 each word is looked at: what stands around it need not be text. */
static bool names_secret_in_base64(slice value)
{
    char text[DECODED_BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    unsigned bits = 0, count = 0;
    slice name;
    if (value.len < BASE64_LETTERS_MIN)
        return false;
    for (size_t i = 0; i < value.len && w.len < sizeof text; i++) {
        int letter = letter_of_base64(value.ptr[i]);
        if (letter < 0 && !strchr("%=. ", value.ptr[i]))
            return false;        /* as soon as there is a byte that Base64 has not */
        if (value.ptr[i] == '.') /* the parts of a token begin anew */
            bits = count = 0;
        if (value.ptr[i] == '%') {
            i += 2; /* of =, + or /, whose bits do not matter to words */
            letter = 0;
        }
        if (letter < 0)
            continue;
        bits = (bits << 6 | (unsigned)letter) & 0xffff;
        count += 6;
        if (count >= 8)
            writer_byte(&w, (char)(bits >> (count -= 8)));
    }
    return log_find_secret(writer_slice(&w), &name) < w.len ||
           log_find_credentials(writer_slice(&w)).len;
}

bool log_value_hides_secret(slice value)
{
    return names_secret_in_base64(value) || names_secret_encoded(value);
}

slice log_url_credentials(slice url, slice *ret_scheme)
{
    size_t slash = slice_find_any(url, "/?#");
    *ret_scheme = slice_first(url, 0);
    if (slash == 0 || !slice_starts_with(slice_after(url, slash - 1), SLICE("://")))
        return *ret_scheme;
    slice behind = slice_after(url, slash + 2);
    size_t end = slice_find_any(behind, "/?#");
    while (end > 0 && behind.ptr[end - 1] != '@') /* the last one: a password may hold others */
        end--;
    *ret_scheme = slice_first(url, slash + 2);
    return slice_first(behind, end ? end - 1 : 0);
}

static slice put_authority(struct text *t, slice rest)
{
    slice scheme, credentials = log_url_credentials(rest, &scheme);
    if (!credentials.len)
        return rest;
    text_add(t, scheme);
    text_add(t, SLICE("***"));
    return slice_after(rest, scheme.len + credentials.len);
}

/* One parameter, from behind its separator to the next one. */
static slice put_parameter(struct text *t, slice rest, bool in_path)
{
    size_t length = slice_find_any(rest, in_path ? "?;#/" : "&;#?");
    slice piece = slice_first(rest, length);
    size_t equals = slice_find_byte(piece, '=');
    if (equals < piece.len && (log_name_is_secret(slice_first(piece, equals)) ||
                               log_value_hides_secret(slice_after(piece, equals + 1)))) {
        text_add(t, slice_first(piece, equals + 1));
        text_add(t, SLICE("***"));
    } else {
        text_add_urls(t, piece);
    }
    return slice_after(rest, length);
}

void log_put_masked(struct writer *w, slice text, size_t bytes_max, const struct log_escape *escape)
{
    struct text t = text_open(w, bytes_max, escape);
    slice rest = slice_starts_with(text, SLICE("/")) ? text : put_authority(&t, text);
    bool in_path = true;
    while (rest.len && !t.is_cut) {
        size_t plain = slice_find_any(rest, in_path ? "?;#" : "&;#?");
        plain += plain < rest.len; /* with its separator */
        if (in_path && plain && rest.ptr[plain - 1] != ';')
            in_path = false;
        text_add_urls(&t, slice_first(rest, plain));
        rest = slice_after(rest, plain);
        if (rest.len)
            rest = put_parameter(&t, rest, in_path);
    }
    text_close(&t);
}

/* --- Values ----------------------------------------------------------------------------------- */

/* Up to the quotation mark that ends it, else to what ends a value anywhere. */
static size_t secret_length(slice value, char quote)
{
    char quotes[2] = { quote };
    const char *ends = quote ? quotes : ",;&}<\"' \t\r\n";
    size_t at = 0, bytes;
    while (at < value.len && !is_one_of(front(slice_after(value, at), &bytes), ends))
        at += bytes;
    return at;
}

void log_put_value(struct writer *w, slice text, size_t bytes_max, const struct log_escape *escape)
{
    struct text t = text_open(w, bytes_max, escape);
    slice rest = text, name;
    char quote;
    if (names_secret_in_base64(text)) {
        text_add(&t, SLICE("***"));
        rest.len = 0;
    }
    while (rest.len && !t.is_cut) {
        size_t end = log_find_secret(rest, &name);
        slice behind = slice_after(rest, end);
        bool is_name = end < rest.len && !is_closing(rest, end, name);
        size_t signs = is_name ? introduction(behind, &quote) : 0;
        text_add_urls(&t, slice_first(rest, end + signs));
        rest = slice_after(behind, signs);
        if (signs == 0)
            continue;
        text_add(&t, SLICE("***"));
        rest = slice_after(rest, secret_length(rest, quote));
    }
    text_close(&t);
}
