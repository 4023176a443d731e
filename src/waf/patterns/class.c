/* Classes and escapes of regular expressions. */
#include "waf/patterns/reader.h"

void reader_fold(struct byte_set *set)
{
    for (unsigned char c = 'a'; c <= 'z'; c++) {
        unsigned char upper = (unsigned char)(c - 'a' + 'A');
        if (byte_set_has(set, c))
            byte_set_add(set, upper);
        else if (byte_set_has(set, upper))
            byte_set_add(set, c);
    }
}

static void add_bytes(struct byte_set *set, slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        byte_set_add(set, (unsigned char)bytes.ptr[i]);
}

static void set_of_letter(unsigned char lower, struct byte_set *set)
{
    switch (lower) {
    case 'd':
        byte_set_add_range(set, '0', '9');
        break;
    case 'h':
        add_bytes(set, SLICE("\t \xa0"));
        break;
    case 's':
        add_bytes(set, SLICE("\t\n\v\f\r "));
        break;
    case 'v':
        add_bytes(set, SLICE("\n\v\f\r\x85"));
        break;
    default: /* w */
        byte_set_add_range(set, '0', '9');
        byte_set_add_range(set, 'A', 'Z');
        byte_set_add_range(set, 'a', 'z');
        byte_set_add(set, '_');
        break;
    }
}

bool reader_escape_set(struct reader *r, struct byte_set *ret_set)
{
    unsigned char letter = reader_peek(r, 0);
    struct byte_set set = { 0 };
    if (letter == 'N') {
        if (reader_peek(r, 1) == '{')
            return false;
        byte_set_add(&set, '\n');
        byte_set_invert(&set);
    } else if (letter && strchr("dhsvw", letter)) {
        set_of_letter(letter, &set);
    } else if (letter && strchr("DHSVW", letter)) {
        set_of_letter((unsigned char)ascii_lower((char)letter), &set);
        byte_set_invert(&set);
    } else {
        return false;
    }
    r->at++;
    *ret_set = set;
    return true;
}

static int digit_of(unsigned char c, unsigned base)
{
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    return value < (int)base ? value : -1;
}

/* Up to digits_max digits; the value, at most 255. */
static int read_number(struct reader *r, unsigned base, unsigned digits_max, unsigned *ret_value)
{
    unsigned value = 0;
    for (unsigned i = 0; i < digits_max; i++) {
        int digit = digit_of(reader_peek(r, 0), base);
        if (digit < 0)
            break;
        value = value * base + (unsigned)digit;
        if (value > 255)
            return READER_GIVES_UP;
        r->at++;
    }
    *ret_value = value;
    return 0;
}

static int read_braced(struct reader *r, unsigned base, unsigned char *ret_byte)
{
    unsigned value;
    r->at++; /* the brace */
    if (digit_of(reader_peek(r, 0), base) < 0)
        return READER_GIVES_UP;
    TRY(read_number(r, base, 16, &value));
    if (reader_peek(r, 0) != '}')
        return READER_GIVES_UP;
    r->at++;
    *ret_byte = (unsigned char)value;
    return 0;
}

static int read_hexadecimal(struct reader *r, unsigned char *ret_byte)
{
    unsigned value;
    if (reader_peek(r, 0) == '{')
        return read_braced(r, 16, ret_byte);
    TRY(read_number(r, 16, 2, &value));
    *ret_byte = (unsigned char)value;
    return 0;
}

static int read_control(struct reader *r, unsigned char *ret_byte)
{
    unsigned char c = reader_peek(r, 0);
    if (c < ' ' || c > '~')
        return READER_GIVES_UP;
    r->at++;
    *ret_byte = (unsigned char)((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) ^ 0x40);
    return 0;
}

int reader_escape_byte(struct reader *r, unsigned char *ret_byte)
{
    static const char names[] = "aefnrt", bytes[] = "\a\x1b\f\n\r\t";
    unsigned char c = reader_peek(r, 0);
    unsigned value;
    if (reader_ended(r))
        return READER_GIVES_UP;
    const char *name = c ? strchr(names, c) : NULL;
    if (c >= '0' && c <= '7') {
        TRY(read_number(r, 8, 3, &value));
        *ret_byte = (unsigned char)value;
        return 0;
    }
    r->at++;
    if (name) {
        *ret_byte = (unsigned char)bytes[name - names];
        return 0;
    }
    if (c == 'x')
        return read_hexadecimal(r, ret_byte);
    if (c == 'c')
        return read_control(r, ret_byte);
    if (c == 'o')
        return reader_peek(r, 0) == '{' ? read_braced(r, 8, ret_byte) : READER_GIVES_UP;
    if ((c >= '8' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return READER_GIVES_UP;
    *ret_byte = c;
    return 0;
}

static void add_posix_range(struct byte_set *set, slice name)
{
    static const struct {
        const char *name;
        const char *ranges; /* pairs: first, last */
    } classes[] = {
        { "alpha", "azAZ" },
        { "lower", "az" },
        { "upper", "AZ" },
        { "alnum", "azAZ09" },
        { "cntrl", "\1\x1f\x7f\x7f" },
        { "digit", "09" },
        { "graph", "!~" },
        { "print", " ~" },
        { "punct", "!/:@[`{~" },
        { "blank", "  \t\t" },
        { "space", "\t\r  " },
        { "word", "azAZ09__" },
        { "xdigit", "09afAF" },
        { "ascii", "\1\x7f" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(classes); i++)
        if (slice_equal(name, slice_from(classes[i].name)))
            for (const char *pair = classes[i].ranges; *pair; pair += 2)
                byte_set_add_range(set, (unsigned char)pair[0], (unsigned char)pair[1]);
    if (slice_equal(name, SLICE("cntrl")) || slice_equal(name, SLICE("ascii")))
        byte_set_add(set, 0);
}

/* Behind "[" in a class, at ":". */
static int read_posix(struct reader *r, struct byte_set *set)
{
    slice rest = slice_after(r->text, r->at + 1);
    size_t end = slice_find(rest, SLICE(":]"));
    slice name = slice_first(rest, end);
    struct byte_set posix = { 0 };
    bool is_negated = name.len && name.ptr[0] == '^';
    if (is_negated)
        name = slice_after(name, 1);
    /* Caseless, these two are all letters also when negated. */
    if (r->flags.caseless &&
        (slice_equal(name, SLICE("lower")) || slice_equal(name, SLICE("upper"))))
        name = SLICE("alpha");
    add_posix_range(&posix, name);
    if (byte_set_count(&posix) == 0)
        return READER_GIVES_UP;
    if (is_negated)
        byte_set_invert(&posix);
    byte_set_unite(set, &posix);
    r->at += 1 + end + 2;
    return 0;
}

/* "[:" begins a POSIX class only if letters and ":]" follow. */
static bool is_posix(const struct reader *r)
{
    slice rest = slice_after(r->text, r->at + 1);
    size_t i = rest.len && rest.ptr[0] == '^' ? 1 : 0;
    while (i < rest.len && ascii_lower(rest.ptr[i]) >= 'a' && ascii_lower(rest.ptr[i]) <= 'z')
        i++;
    return slice_starts_with(slice_after(rest, i), SLICE(":]"));
}

/* One item of a class: a byte (ret_is_byte) or a set that was added. */
static int read_item(struct reader *r, struct byte_set *set, unsigned char *ret_byte,
                     bool *ret_is_byte)
{
    unsigned char c = reader_peek(r, 0);
    struct byte_set escaped;
    r->at++;
    *ret_is_byte = true;
    *ret_byte = c;
    if (c == '[' && reader_peek(r, 0) == ':' && is_posix(r)) {
        *ret_is_byte = false;
        return read_posix(r, set);
    }
    if (c == '[' && (reader_peek(r, 0) == '.' || reader_peek(r, 0) == '='))
        return READER_GIVES_UP; /* collating elements: PCRE2 knows which are errors */
    if (c != '\\')
        return 0;
    if (reader_peek(r, 0) == 'b') {
        r->at++;
        *ret_byte = '\b';
        return 0;
    }
    if (reader_peek(r, 0) == 'Q' || reader_peek(r, 0) == 'E' || reader_peek(r, 0) == 'N')
        return READER_GIVES_UP;
    if (reader_escape_set(r, &escaped)) {
        byte_set_unite(set, &escaped);
        *ret_is_byte = false;
        return 0;
    }
    return reader_escape_byte(r, ret_byte);
}

static int read_items(struct reader *r, struct byte_set *set)
{
    for (bool is_first = true; is_first || reader_peek(r, 0) != ']'; is_first = false) {
        unsigned char from, to;
        bool is_byte;
        if (reader_ended(r))
            return READER_GIVES_UP;
        TRY(read_item(r, set, &from, &is_byte));
        if (!is_byte)
            continue;
        to = from;
        if (reader_peek(r, 0) == '-' && reader_peek(r, 1) != ']') {
            r->at++;
            TRY(read_item(r, set, &to, &is_byte));
            if (!is_byte) { /* [a-\d]: the hyphen is itself */
                byte_set_add(set, '-');
                to = from;
            }
        }
        if (to < from)
            return READER_GIVES_UP;
        byte_set_add_range(set, from, to);
    }
    r->at++;
    return 0;
}

int reader_class(struct reader *r, struct byte_set *ret_set)
{
    struct byte_set set = { 0 };
    bool is_negated = reader_peek(r, 0) == '^';
    if (is_negated)
        r->at++;
    TRY(read_items(r, &set));
    if (r->flags.caseless)
        reader_fold(&set);
    if (is_negated)
        byte_set_invert(&set);
    *ret_set = set;
    return 0;
}
