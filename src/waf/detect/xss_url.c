#include "waf/detect/xss_url.h"

enum { SCHEME_BYTES_MAX = 48, REFERENCE_BYTES_MAX = 16, DIGITS_MAX = 4096 };

static const struct {
    const char *name;
    char character;
} references[] = {
    { "tab", '\t' },   { "newline", '\n' }, { "colon", ':' },  { "lpar", '(' },   { "rpar", ')' },
    { "sol", '/' },    { "quot", '"' },     { "apos", '\'' },  { "lt", '<' },     { "gt", '>' },
    { "equals", '=' }, { "grave", '`' },    { "period", '.' }, { "comma", ',' },  { "semi", ';' },
    { "lbrack", '[' }, { "lsqb", '[' },     { "lcub", '{' },   { "lbrace", '{' }, { "nbsp", ' ' },
};

static int digit(char c, unsigned base)
{
    char lower = ascii_lower(c);
    int value = lower >= '0' && lower <= '9'   ? lower - '0'
                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                               : 99;
    return value < (int)base ? value : -1;
}

/* &#106; &#x6a &#0000106: any number of zeros, the semicolon may be missing. */
static bool numeric_reference(slice value, size_t *at, unsigned char *ret)
{
    size_t i = *at + 2;
    bool is_hex = i < value.len && ascii_lower(value.ptr[i]) == 'x';
    unsigned base = is_hex ? 16 : 10, code = 0;
    size_t from = i += is_hex;
    for (; i < value.len && i - from < DIGITS_MAX && digit(value.ptr[i], base) >= 0; i++)
        if (code < 0x110000)
            code = code * base + (unsigned)digit(value.ptr[i], base);
    if (i == from)
        return false;
    *ret = (unsigned char)(code < 0x7f ? code : 0x7f);
    *at = i + (i < value.len && value.ptr[i] == ';');
    return true;
}

static bool named_reference(slice value, size_t *at, unsigned char *ret)
{
    slice rest = slice_first(slice_after(value, *at + 1), REFERENCE_BYTES_MAX);
    size_t end = slice_find_byte(rest, ';');
    if (end == rest.len)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(references); i++) {
        if (slice_equal_fold(slice_first(rest, end), slice_from(references[i].name))) {
            *ret = (unsigned char)references[i].character;
            *at += end + 2;
            return true;
        }
    }
    return false;
}

unsigned char html_character(slice value, size_t *at)
{
    unsigned char c = (unsigned char)value.ptr[*at];
    if (c == '&' && *at + 1 < value.len) {
        unsigned char named;
        bool is_numeric = value.ptr[*at + 1] == '#';
        if (is_numeric ? numeric_reference(value, at, &named) : named_reference(value, at, &named))
            return named;
    }
    (*at)++;
    return c < 0x80 ? c : 0x7f;
}

/* The beginning of a URL, in lower case, without what browsers pass over. */
static slice beginning(slice url, char memory[SCHEME_BYTES_MAX], bool to_colon, size_t *ret_behind)
{
    size_t count = 0, at = 0;
    while (at < url.len && at < XSS_URL_BYTES_MAX && count < SCHEME_BYTES_MAX) {
        unsigned char c = html_character(url, &at);
        bool is_passed = c < ' ' || c == 0x7f || (c == ' ' && count == 0);
        if (!is_passed)
            memory[count++] = ascii_lower((char)c);
        if (c == ':' && to_colon)
            break;
    }
    *ret_behind = at;
    return slice_of(memory, count);
}

static bool runs_scheme(slice start)
{
    static const char *const schemes[] = { "javascript:",   "vbscript:", "livescript:",
                                           "mocha:",        "jscript:",  "feed:javascript:",
                                           "view-source:j", "jar:http",  "mhtml:http" };
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++)
        if (slice_starts_with(start, slice_from(schemes[i])))
            return true;
    return false;
}

/* data: of a type that browsers run; no type is text, which they do not. */
static bool runs_data(slice start)
{
    static const char *const types[] = { "text/html",        "text/xml",         "text/javascript",
                                         "image/svg",        "application/x",    "application/j",
                                         "application/ecma", "text/x-scriptlet", "*/*" };
    if (!slice_starts_with(start, SLICE("data:")))
        return false;
    slice type = slice_after(start, 5);
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (slice_starts_with(type, slice_from(types[i])))
            return true;
    return false;
}

bool xss_url_runs(slice url)
{
    char memory[SCHEME_BYTES_MAX];
    size_t behind;
    slice start = beginning(url, memory, false, &behind);
    if (behind >= XSS_URL_BYTES_MAX)
        return true;
    return runs_scheme(start) || runs_data(start);
}

bool xss_url_is_picture(slice url)
{
    char memory[SCHEME_BYTES_MAX];
    size_t behind;
    return slice_starts_with(beginning(url, memory, false, &behind), SLICE("data:image/"));
}

bool xss_url_is_script(slice value)
{
    char memory[SCHEME_BYTES_MAX];
    size_t behind;
    slice start = beginning(value, memory, true, &behind);
    if (!runs_scheme(start))
        return false;
    /* A sentence goes on with a space, and has spaces before its parentheses. */
    value = slice_first(value, XSS_URL_BYTES_MAX);
    bool is_spaced = behind < value.len && value.ptr[behind] == ' ', is_glued = false;
    for (size_t at = behind + is_spaced; at < value.len;) {
        unsigned char c = html_character(value, &at);
        if (is_glued && memchr("(`=", c, 3))
            return true;
        is_glued = c > ' ';
        if (is_spaced && !is_glued)
            return false;
    }
    return false;
}
