#include <errno.h>

#include "base/number.h"
#include "wire/bytes.h"
#include "wire/h1_parts.h"

int h1_fail(struct h1_error *e, uint16_t status, const char *reason, const char *text, size_t at)
{
    *e = (struct h1_error){ .status = status, .reason = reason, .text = text, .at = at };
    return -EPROTO;
}

size_t h1_skip_empty_lines(slice bytes)
{
    size_t at = 0;
    while (slice_starts_with(slice_after(bytes, at), SLICE("\r\n")))
        at += 2;
    return at;
}

int h1_head_scan(slice bytes, const struct h1_limits *limits, size_t *scanned, size_t *ret_bytes)
{
    size_t at = *scanned;
    while (at < bytes.len) {
        const char *lf = memchr(bytes.ptr + at, '\n', bytes.len - at);
        if (!lf)
            break;
        size_t end = (size_t)(lf - bytes.ptr);
        bool blank = (end >= 2 && bytes.ptr[end - 1] == '\r' && bytes.ptr[end - 2] == '\n') ||
                     (end == 1 && bytes.ptr[0] == '\r');
        bool bare = end == 0 || bytes.ptr[end - 1] != '\r';
        if (end + 1 > limits->head_bytes_max)
            return -EMSGSIZE;
        if (blank || bare) { /* a bare LF ends it: the parser says why */
            *ret_bytes = end + 1;
            return 0;
        }
        at = end + 1;
    }
    *scanned =
        bytes.len; /* what ends a line is judged by looking back, so no byte is scanned twice */
    if (bytes.len >= limits->head_bytes_max)
        return -EMSGSIZE;
    return -EAGAIN;
}

int h1_first_line(slice head, slice *ret_line, size_t *ret_used, struct h1_error *e)
{
    size_t lf = slice_find_byte(head, '\n');
    if (lf == head.len || lf == 0 || head.ptr[lf - 1] != '\r')
        return h1_fail(e, 400, "h1.bare-lf", "a line ends with LF alone", lf);
    *ret_line = slice_first(head, lf - 1);
    size_t cr = slice_find_byte(*ret_line, '\r');
    if (cr < ret_line->len)
        return h1_fail(e, 400, "h1.bare-cr", "a CR stands inside a line", cr);
    *ret_used = lf + 1;
    return 0;
}

/* Why a value is not one: CR and NUL have words of their own. */
static int refuse_value(slice value, size_t at, struct h1_error *e)
{
    for (size_t i = 0; i < value.len; i++) {
        if (byte_is(value.ptr[i], BYTE_VALUE))
            continue;
        if (value.ptr[i] == '\r')
            return h1_fail(e, 400, "h1.bare-cr", "a CR stands inside a line", at + i);
        if (value.ptr[i] == '\0')
            return h1_fail(e, 400, "h1.nul", "a field value holds a NUL", at + i);
        return h1_fail(e, 400, "h1.control", "a field value holds a control character", at + i);
    }
    return 0;
}

static int parse_field(slice line, size_t at, struct fields *fs, struct h1_error *e)
{
    /* RFC 9112 §5.2: obs-fold is refused; §2.2: so is white space before the first field. */
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return h1_fail(e, 400, "h1.obs-fold", "a field line begins with white space", at);
    size_t name_length = 0;
    while (name_length < line.len && byte_is(line.ptr[name_length], BYTE_TOKEN))
        name_length++;
    if (name_length == line.len || line.ptr[name_length] != ':' || name_length == 0) {
        bool space = name_length < line.len &&
                     (line.ptr[name_length] == ' ' || line.ptr[name_length] == '\t');
        /* RFC 9112 §5.1: "No whitespace is allowed between the field name and colon." */
        return h1_fail(e, 400, space && name_length ? "h1.space-before-colon" : "h1.field-name",
                       "a field name is empty or not a token", at + name_length);
    }
    slice name = slice_first(line, name_length);
    slice value = slice_trim(slice_after(line, name_length + 1));
    if (!bytes_are_value(value))
        return refuse_value(value, at + (size_t)(value.ptr - line.ptr), e);
    if (fields_add(fs, name, value, FIELD_OTHER) != 0) {
        (void)h1_fail(e, 431, "h1.field-count", "more fields than `limits fields` allows", at);
        return -EMSGSIZE;
    }
    return 0;
}

int h1_fields_parse(slice head, size_t at, const struct h1_limits *limits, struct fields *fs,
                    struct h1_error *e)
{
    for (;;) {
        const char *lf = memchr(head.ptr + at, '\n', head.len - at);
        if (!lf)
            return h1_fail(e, 400, "h1.head", "the head does not end with an empty line", at);
        size_t end = (size_t)(lf - head.ptr);
        if (end == at || head.ptr[end - 1] != '\r')
            return h1_fail(e, 400, "h1.bare-lf", "a line ends with LF alone", end);
        slice line = slice_of(head.ptr + at, end - 1 - at);
        if (line.len == 0)
            return end + 1 == head.len
                       ? 0
                       : h1_fail(e, 400, "h1.head", "bytes follow the empty line", end + 1);
        if (line.len > limits->line_bytes_max) {
            (void)h1_fail(e, 431, "h1.line-length",
                          "a field line is longer than `limits line` allows", at);
            return -EMSGSIZE;
        }
        TRY(parse_field(line, at, fs, e));
        at = end + 1;
    }
}

int h1_version_parse(slice text, size_t at, struct h1_error *e)
{
    bool shaped = text.len == 8 && memcmp(text.ptr, "HTTP/", 5) == 0 &&
                  byte_is(text.ptr[5], BYTE_DIGIT) && text.ptr[6] == '.' &&
                  byte_is(text.ptr[7], BYTE_DIGIT);
    if (!shaped)
        return h1_fail(e, 400, "h1.version", "the version is not HTTP/1.0 or HTTP/1.1", at);
    if (text.ptr[5] != '1' || text.ptr[7] > '1')
        return h1_fail(e, 505, "h1.version", "the version is not HTTP/1.0 or HTTP/1.1", at);
    return text.ptr[7] - '0';
}

int h1_content_length(const struct fields *fs, uint64_t *ret, struct h1_error *e)
{
    const struct field *first = NULL;
    if (!(fs->present & FIELD_BIT(FIELD_CONTENT_LENGTH)))
        return 0;
    for (uint32_t i = 0; i < fs->count; i++) {
        uint64_t value;
        if (fs->items[i].id != FIELD_CONTENT_LENGTH)
            continue;
        if (number_parse(fs->items[i].value, INT64_MAX, &value) != 0)
            return h1_fail(e, 400, "h1.content-length", "Content-Length is not one decimal number",
                           0);
        if (first && !slice_equal(first->value, fs->items[i].value))
            return h1_fail(e, 400, "h1.content-length", "Content-Length is said twice, differently",
                           0);
        *ret = value;
        first = &fs->items[i];
    }
    return 1;
}

/* Exactly one coding, "chunked". 1 · 0 no Transfer-Encoding · -EPROTO, 501 for another coding */
static int transfer_coding(const struct fields *fs, struct h1_error *e)
{
    uint32_t count = 0;
    slice value = { 0 };
    if (!(fs->present & FIELD_BIT(FIELD_TRANSFER_ENCODING)))
        return 0;
    for (uint32_t i = 0; i < fs->count; i++)
        if (fs->items[i].id == FIELD_TRANSFER_ENCODING) {
            value = fs->items[i].value;
            count++;
        }
    if (count > 1)
        return h1_fail(e, 400, "h1.transfer-encoding", "Transfer-Encoding is said twice", 0);
    if (slice_equal_fold(value, SLICE("chunked")))
        return 1;
    if (field_name_is_token(value) && !slice_equal_fold(value, SLICE("identity")))
        return h1_fail(e, 501, "h1.transfer-encoding", "the transfer coding is not chunked", 0);
    return h1_fail(e, 400, "h1.transfer-encoding", "Transfer-Encoding is not exactly \"chunked\"",
                   0);
}

int h1_framing_of(const struct fields *fs, unsigned minor_version, uint64_t *ret_length,
                  struct h1_error *e)
{
    int chunked = transfer_coding(fs, e);
    if (chunked < 0)
        return chunked;
    int sized = h1_content_length(fs, ret_length, e);
    if (sized < 0)
        return sized;
    if (chunked && sized)
        return h1_fail(e, 400, "h1.two-lengths", "Content-Length and Transfer-Encoding together",
                       0);
    if (chunked && minor_version == 0)
        return h1_fail(e, 400, "h1.transfer-encoding", "Transfer-Encoding in HTTP/1.0", 0);
    return chunked ? H1_FRAMING_CHUNKED : sized ? H1_FRAMING_LENGTH : H1_FRAMING_NONE;
}

/* Fields that no sender may take out of a message on the way (a list that names one is an attack on
 * whoever stands behind). */
static bool is_end_to_end(enum field_id id)
{
    switch (id) {
    case FIELD_HOST:
    case FIELD_CONTENT_LENGTH:
    case FIELD_CONTENT_TYPE:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_AUTHORIZATION:
    case FIELD_COOKIE:
    case FIELD_LOCATION:
    case FIELD_SEC_WEBSOCKET_ACCEPT:
    case FIELD_SEC_WEBSOCKET_EXTENSIONS:
    case FIELD_SEC_WEBSOCKET_KEY:
    case FIELD_SEC_WEBSOCKET_PROTOCOL:
    case FIELD_SEC_WEBSOCKET_VERSION:
    case FIELD_SET_COOKIE:
    case FIELD_FORWARDED:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_X_REAL_IP:
    case FIELD_X_REQUEST_ID:
        return true;
    default:
        return false;
    }
}

/* Each name is looked for in all fields: without a bound the cost would be their product. */
#define NAMED_MAX 32u

static int drop_named(struct fields *fs, slice value, unsigned *named, struct h1_error *e)
{
    slice rest = value, name;
    while (list_next(&rest, &name)) {
        if (is_end_to_end(field_id_of(name)))
            return h1_fail(e, 400, "h1.connection",
                           "Connection names a field that is not the connection's own", 0);
        if (!field_name_is_token(name))
            return h1_fail(e, 400, "h1.connection", "Connection is not a list of tokens", 0);
        if (slice_equal_fold(name, SLICE("close")) || slice_equal_fold(name, SLICE("keep-alive")))
            continue;
        if (++*named > NAMED_MAX)
            return h1_fail(e, 400, "h1.connection", "Connection names more than 32 fields", 0);
        fields_drop_name(fs, name);
    }
    return 0;
}

int h1_drop_hop_by_hop(struct fields *fs, struct h1_error *e)
{
    static const uint64_t own = FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) |
                                FIELD_BIT(FIELD_PROXY_CONNECTION) | FIELD_BIT(FIELD_TE) |
                                FIELD_BIT(FIELD_TRAILER) | FIELD_BIT(FIELD_UPGRADE) |
                                FIELD_BIT(FIELD_HTTP2_SETTINGS);
    unsigned named = 0;
    for (uint32_t i = 0; (fs->present & FIELD_BIT(FIELD_CONNECTION)) && i < fs->count; i++)
        if (fs->items[i].id == FIELD_CONNECTION)
            TRY(drop_named(fs, fs->items[i].value, &named, e));
    fields_drop_set(fs, own);
    return 0;
}
