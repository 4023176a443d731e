#include "filters/recent_text.h"

#include "filters/log_text.h"

#define ESCAPE_BYTES 6u
#define NAME_BYTES   64u

/* A text on its way, with an end that it must not pass. */
struct put {
    struct writer *w;
    size_t end;   /* of w->len */
    size_t taken; /* bytes of the text */
    struct recent_masks *masks;
};

static struct put put_open(struct writer *w, size_t bytes_max, struct recent_masks *masks)
{
    return (struct put){ .w = w, .end = w->len + bytes_max, .masks = masks };
}

static void escape(struct writer *w, char c)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;
    char text[ESCAPE_BYTES] = { '\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15] };
    writer_bytes(w, text, sizeof text);
}

/* Nothing more once it is full. */
static void add(struct put *p, slice text)
{
    size_t at = 0;
    while (at < text.len && p->w->len + ESCAPE_BYTES <= p->end) {
        slice rest = slice_after(text, at);
        size_t plain = json_plain(slice_first(rest, p->end - p->w->len));
        writer_bytes(p->w, rest.ptr, plain);
        at += plain;
        if (at < text.len && p->w->len + ESCAPE_BYTES <= p->end)
            escape(p->w, text.ptr[at++]);
    }
    p->taken += at;
    if (at < text.len)
        p->end = p->w->len;
}

static void note(struct put *p, const char *what, slice name)
{
    struct writer *names = &p->masks->names;
    size_t before = names->len;
    writer_format(names, "%s\"%s ", before ? "," : "", what);
    writer_json(names, slice_first(name, NAME_BYTES));
    writer_byte(names, '"');
    if (!names->overflowed)
        return;
    names->len = before; /* the list is full: what is masked is masked all the same */
    names->overflowed = false;
}

static void mask_with(struct put *p, slice secret, char with, const char *what, slice name)
{
    size_t count = secret.len;
    if (count)
        note(p, what, name);
    if (count > p->end - p->w->len)
        count = p->end - p->w->len;
    for (size_t i = 0; i < count; i++)
        writer_byte(p->w, with);
    p->taken += count;
    if (count < secret.len)
        p->end = p->w->len;
}

static void mask(struct put *p, slice secret, const char *what, slice name)
{
    mask_with(p, secret, 'x', what, name);
}

/* What hides no secret but the credentials of URLs. */
static void add_urls(struct put *p, slice text)
{
    slice credentials;
    while (p->w->len < p->end && (credentials = log_find_credentials(text)).len) {
        size_t before = (size_t)(credentials.ptr - text.ptr);
        add(p, slice_first(text, before));
        mask(p, credentials, "url", SLICE("credentials"));
        text = slice_after(text, before + credentials.len);
    }
    add(p, text);
}

size_t recent_put(struct writer *w, slice text, size_t bytes_max)
{
    struct put p = put_open(w, bytes_max, NULL);
    add(&p, text);
    return p.taken;
}

void recent_write(struct writer *w, slice text)
{
    while (text.len) {
        size_t plain = json_plain(text);
        writer_bytes(w, text.ptr, plain);
        if (plain < text.len)
            escape(w, text.ptr[plain++]);
        text = slice_after(text, plain);
    }
}

/* --- Parameters ------------------------------------------------------------------------------- */

static slice put_authority(struct put *p, slice rest)
{
    slice scheme, credentials = log_url_credentials(rest, &scheme);
    add(p, scheme);
    if (credentials.len)
        mask(p, credentials, "url", SLICE("credentials"));
    return slice_after(rest, scheme.len + credentials.len);
}

static void put_parameters(struct put *p, slice text)
{
    text = put_authority(p, text);
    while (text.len) {
        size_t end = slice_find_any(text, "?&;#");
        slice piece = slice_first(text, end),
              name = slice_first(piece, slice_find_byte(piece, '='));
        slice value = slice_after(piece, name.len + 1);
        size_t step = end < text.len ? end + 1 : end;
        /* of a path its last step is the name: /a/token=x */
        if (value.len && (log_name_is_secret(name) || log_value_hides_secret(value))) {
            add(p, slice_first(piece, name.len + 1));
            mask(p, value, "arg", name);
            add(p, slice_of(text.ptr + end, step - end));
        } else {
            add_urls(p, slice_first(text, step));
        }
        text = slice_after(text, step);
    }
}

size_t recent_put_parameters(struct writer *w, slice text, size_t bytes_max,
                             struct recent_masks *masks)
{
    struct put p = put_open(w, bytes_max, masks);
    put_parameters(&p, text);
    return p.taken;
}

/* --- Fields ----------------------------------------------------------------------------------- */

/* "a=b; Path=/": the name stays, and what browsers are told of it. */
static void put_set_cookie(struct put *p, slice text)
{
    slice crumb = slice_first(text, slice_find_byte(text, ';'));
    size_t equals = slice_find_byte(crumb, '=');
    size_t name = equals < crumb.len ? equals + 1 : 0;
    add(p, slice_first(crumb, name));
    mask(p, slice_after(crumb, name), "cookie", slice_trim(slice_first(crumb, equals)));
    add(p, slice_after(text, crumb.len));
}

/* "a=b; c=d": the names stay. */
static void put_cookies(struct put *p, slice text)
{
    while (text.len) {
        size_t end = slice_find_byte(text, ';');
        slice crumb = slice_first(text, end);
        size_t equals = slice_find_byte(crumb, '=');
        slice name = slice_trim(slice_first(crumb, equals));
        if (equals == crumb.len) { /* a value without a name */
            mask(p, crumb, "cookie", SLICE(""));
        } else {
            add(p, slice_first(crumb, equals + 1));
            mask(p, slice_after(crumb, equals + 1), "cookie", name);
        }
        if (end < text.len)
            add(p, SLICE(";"));
        text = slice_after(text, end + 1);
    }
}

/* Names that are known are asked about once. */
static bool is_secret(const struct field *f)
{
    static uint64_t asked, secret;
    uint64_t bit = FIELD_BIT(f->id);
    if (f->id == FIELD_OTHER)
        return log_name_is_secret(f->name);
    if (!(asked & bit) && log_name_is_secret(f->name))
        secret |= bit;
    asked |= bit;
    return secret & bit;
}

static bool is_url(const struct field *f)
{
    static const slice others[] = { SLICE("origin"), SLICE("content-location"), SLICE("link") };
    if (f->id != FIELD_OTHER)
        return f->id == FIELD_REFERER || f->id == FIELD_LOCATION;
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        if (slice_equal_fold(f->name, others[i]))
            return true;
    return false;
}

size_t recent_put_field(struct writer *w, const struct field *f, size_t bytes_max,
                        struct recent_masks *masks)
{
    struct put p = put_open(w, bytes_max, masks);
    if (f->id == FIELD_COOKIE)
        put_cookies(&p, f->value);
    else if (f->id == FIELD_SET_COOKIE)
        put_set_cookie(&p, f->value);
    else if (is_secret(f))
        mask(&p, f->value, "header", f->name);
    else if (is_url(f))
        put_parameters(&p, f->value);
    else
        add_urls(&p, f->value);
    return p.taken;
}

/* --- Bodies ----------------------------------------------------------------------------------- */

/* Where what is masked begins: behind the name, or where it is that of an attribute with its tag,
 * for a value may stand in front of its name. */
static size_t mask_begin(slice text, slice name, size_t behind)
{
    size_t begin = behind - name.len, at = begin;
    while (at && text.ptr[at - 1] != '<' && text.ptr[at - 1] != '>')
        at--;
    return at && at < begin && text.ptr[at - 1] == '<' ? at : behind;
}

/* Whatever follows the word, to the end. */
static void put_text(struct put *p, slice text)
{
    slice name = slice_of("", 0);
    size_t behind = log_find_secret(text, &name);
    bool is_found = log_name_is_secret(name); /* it may be the last word */
    size_t begin = is_found ? mask_begin(text, name, behind) : text.len;
    add_urls(p, slice_first(text, begin));
    if (is_found)
        mask(p, slice_after(text, begin), "body", name);
}

/* Bytes of a JSON string behind its opening quote, the closing one not counted. */
static size_t string_length(slice s)
{
    size_t i = 0;
    while (i < s.len && s.ptr[i] != '"')
        i += s.ptr[i] == '\\' ? 2 : 1;
    return i < s.len ? i : s.len;
}

static size_t blanks(slice s)
{
    size_t i = 0;
    while (i < s.len && strchr(" \t\r\n", s.ptr[i]) && s.ptr[i])
        i++;
    return i;
}

/* The value of a member whose name tells. An object or a list: everything behind. A number or
 * a word becomes a number, so that the text can still be read as JSON. */
static slice put_secret_value(struct put *p, slice rest, slice name)
{
    char with = 'x';
    size_t white = blanks(rest);
    add(p, slice_first(rest, white));
    rest = slice_after(rest, white);
    size_t length = rest.len;
    if (rest.len && rest.ptr[0] == '"') {
        add(p, SLICE("\""));
        rest = slice_after(rest, 1);
        length = string_length(rest);
    } else if (rest.len && rest.ptr[0] != '{' && rest.ptr[0] != '[') {
        length = slice_find_any(rest, ",}]");
        with = '1';
    }
    mask_with(p, slice_first(rest, length), with, "json", name);
    return slice_after(rest, length);
}

static void put_json(struct put *p, slice text)
{
    while (text.len) {
        size_t quote = slice_find_byte(text, '"');
        slice name = slice_after(text, quote + 1);
        name = slice_first(name, string_length(name));
        size_t end = quote + 1 + name.len + 1;
        slice behind = slice_after(text, end);
        size_t white = blanks(behind);
        bool is_name = white < behind.len && behind.ptr[white] == ':';
        size_t step = end < text.len ? end : text.len;
        if (is_name)
            step += white + 1;
        add_urls(p, slice_first(text, step));
        text = slice_after(text, step);
        /* what is escaped in a name might spell anything */
        if (is_name && (slice_find_byte(name, '\\') < name.len || log_name_is_secret(name)))
            text = put_secret_value(p, text, name);
    }
}

static bool is_file(slice head)
{
    for (size_t at = 0; at < head.len; at++)
        if (slice_equal_fold(slice_first(slice_after(head, at), 8), SLICE("filename")))
            return true;
    return false;
}

/* Counts as taken, since nothing of it is missed. */
static void omit(struct put *p, slice text)
{
    if (p->w->len < p->end)
        p->taken += text.len;
}

/* The content of a part but for its last line end: the next boundary stands on a line. */
static void put_content(struct put *p, slice head, slice content, bool omits_files)
{
    slice name;
    size_t end = slice_ends_with(content, SLICE("\r\n")) ? content.len - 2 : content.len;
    slice value = slice_first(content, end);
    if (omits_files && is_file(head))
        omit(p, value);
    else if (log_find_secret(head, &name) < head.len)
        mask(p, value, "part", name);
    else
        add_urls(p, value);
    add(p, slice_after(content, end));
}

/* Part by part: `name="password"` in the head of one makes its content a secret. */
static void put_multipart(struct put *p, slice text, bool omits_files)
{
    while (text.len) {
        size_t end = slice_find(text, SLICE("\n--"));
        end = end < text.len ? end + 1 : end;
        slice part = slice_first(text, end);
        size_t head = slice_find(part, SLICE("\n\r\n"));
        size_t content = head < part.len ? head + 3 : part.len;
        add(p, slice_first(part, content));
        put_content(p, slice_first(part, content), slice_after(part, content), omits_files);
        text = slice_after(text, end);
    }
}

size_t recent_put_body(struct writer *w, const struct recent_body *as, slice body, size_t bytes_max,
                       struct recent_masks *masks)
{
    struct put p = put_open(w, bytes_max, masks);
    slice media = slice_trim(slice_first(as->type, slice_find_byte(as->type, ';')));
    if (slice_equal_fold(media, SLICE("application/x-www-form-urlencoded")))
        put_parameters(&p, body);
    else if (slice_equal_fold(media, SLICE("multipart/form-data")))
        put_multipart(&p, body, as->omits_files);
    else if (slice_equal_fold(media, SLICE("application/json")))
        put_json(&p, body);
    else
        put_text(&p, body);
    return p.taken;
}
