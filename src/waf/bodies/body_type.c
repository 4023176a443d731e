#include "waf/bodies/body_type.h"

/* RFC 9110 §5.6.2: tchar */
static bool is_token(char c)
{
    if ((c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

size_t body_token_length(slice s)
{
    size_t len = 0;
    while (len < s.len && is_token(s.ptr[len]))
        len++;
    return len;
}

static slice skip_blanks(slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_after(s, 1);
    return s;
}

/* Length of the quoted string that s begins with, both quotes included; 0 when it does not end. */
static size_t quoted_length(slice s)
{
    for (size_t at = 1; at < s.len; at++) {
        if (s.ptr[at] == '\\')
            at++;
        else if (s.ptr[at] == '"')
            return at + 1;
    }
    return 0;
}

/* One `OWS ";" OWS name "=" value` from the front of *rest; false when that is not what stands
 * there. */
static bool read_parameter(slice *rest, struct body_type *type)
{
    slice s = skip_blanks(*rest);
    if (s.len == 0 || s.ptr[0] != ';')
        return false;
    s = skip_blanks(slice_after(s, 1));
    size_t name_len = body_token_length(s);
    if (name_len == 0 || name_len == s.len || s.ptr[name_len] != '=')
        return false;
    slice name = slice_first(s, name_len);
    s = slice_after(s, name_len + 1);
    bool quoted = s.len && s.ptr[0] == '"';
    size_t value_len = quoted ? quoted_length(s) : body_token_length(s);
    if (value_len == 0)
        return false;
    slice value = quoted ? slice_of(s.ptr + 1, value_len - 2) : slice_first(s, value_len);
    if (slice_equal_fold(name, SLICE("charset")) && type->charsets++ == 0)
        type->charset = value;
    if (slice_equal_fold(name, SLICE("boundary")) && !type->boundary.ptr) {
        type->boundary = value;
        type->boundary_is_quoted = quoted;
    }
    *rest = slice_after(s, value_len);
    return true;
}

static bool ends_with_fold(slice s, slice end)
{
    return s.len >= end.len && slice_equal_fold(slice_after(s, s.len - end.len), end);
}

/* Types of which no rule can read a word. */
static bool is_binary(slice type)
{
    static const slice families[] = {
        SLICE("image/"),
        SLICE("video/"),
        SLICE("audio/"),
        SLICE("font/"),
        SLICE("model/"),
        SLICE("application/vnd.openxmlformats-"),
        SLICE("application/vnd.oasis.opendocument."),
        SLICE("application/vnd.ms-"),
        SLICE("application/vnd.oci.image.layer."),
        SLICE("application/vnd.docker.image.rootfs."),
        SLICE("application/x-git-"),
    };
    static const slice types[] = {
        SLICE("application/octet-stream"),
        SLICE("application/binary"),
        SLICE("binary/octet-stream"),
        SLICE("application/zip"),
        SLICE("application/x-zip-compressed"),
        SLICE("application/gzip"),
        SLICE("application/x-gzip"),
        SLICE("application/x-tar"),
        SLICE("application/x-7z-compressed"),
        SLICE("application/x-bzip2"),
        SLICE("application/x-xz"),
        SLICE("application/zstd"),
        SLICE("application/vnd.rar"),
        SLICE("application/x-rar-compressed"),
        SLICE("application/java-archive"),
        SLICE("application/vnd.android.package-archive"),
        SLICE("application/vnd.debian.binary-package"),
        SLICE("application/x-debian-package"),
        SLICE("application/x-rpm"),
        SLICE("application/x-iso9660-image"),
        SLICE("application/wasm"),
        SLICE("application/pdf"),
        SLICE("application/msword"),
        SLICE("application/epub+zip"),
        SLICE("application/protobuf"),
        SLICE("application/x-protobuf"),
        SLICE("application/vnd.google.protobuf"),
        SLICE("application/msgpack"),
        SLICE("application/x-msgpack"),
        SLICE("application/cbor"),
        SLICE("application/timestamp-query"),
        SLICE("application/ocsp-request"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
        if (slice_equal_fold(slice_first(type, families[i].len), families[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (slice_equal_fold(type, types[i]))
            return true;
    return ends_with_fold(type, SLICE("+octet-stream"));
}

static enum body_kind kind_of(slice type)
{
    static const struct {
        slice type;
        enum body_kind kind;
    } kinds[] = {
        { SLICE("application/x-www-form-urlencoded"), BODY_KIND_URLENCODED },
        { SLICE("multipart/form-data"), BODY_KIND_MULTIPART },
        { SLICE("application/json"), BODY_KIND_JSON },
        { SLICE("text/json"), BODY_KIND_JSON },
        { SLICE("application/xml"), BODY_KIND_XML },
        { SLICE("text/xml"), BODY_KIND_XML },
        { SLICE("application/x-ndjson"), BODY_KIND_JSON_LINES },
        { SLICE("application/ndjson"), BODY_KIND_JSON_LINES },
        { SLICE("application/jsonl"), BODY_KIND_JSON_LINES },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if (slice_equal_fold(type, kinds[i].type))
            return kinds[i].kind;
    }
    if (ends_with_fold(type, SLICE("+json")))
        return BODY_KIND_JSON;
    if (ends_with_fold(type, SLICE("+xml")))
        return BODY_KIND_XML;
    if (type.len > 5 && slice_equal_fold(slice_first(type, 5), SLICE("text/")))
        return BODY_KIND_TEXT;
    return is_binary(type) ? BODY_KIND_BINARY : BODY_KIND_OTHER;
}

struct body_type body_type_read(slice content_type)
{
    struct body_type type = { .kind = BODY_KIND_NONE };
    slice s = slice_trim(content_type);
    if (s.len == 0)
        return type;
    size_t len = body_token_length(s);
    bool slash = len > 0 && len < s.len && s.ptr[len] == '/';
    size_t subtype_len = slash ? body_token_length(slice_after(s, len + 1)) : 0;
    type.malformed = subtype_len == 0;
    if (slash)
        len += 1 + subtype_len;
    type.type = slice_first(s, len);
    type.kind = kind_of(type.type);
    slice rest = slice_after(s, len);
    while (rest.len && read_parameter(&rest, &type))
        continue;
    if (rest.len)
        type.malformed = true;
    return type;
}

bool body_is_text(slice body)
{
    enum { LOOKED_AT = 1024 };
    static const slice allowed = SLICE("\t\n\v\f\r\x1b");
    body = slice_first(body, LOOKED_AT);
    for (size_t i = 0; i < body.len; i++)
        if ((unsigned char)body.ptr[i] < ' ' &&
            slice_find_byte(allowed, body.ptr[i]) == allowed.len)
            return false;
    return true;
}

slice body_kind_processor(enum body_kind kind)
{
    switch (kind) {
    case BODY_KIND_URLENCODED:
        return SLICE("URLENCODED");
    case BODY_KIND_MULTIPART:
        return SLICE("MULTIPART");
    case BODY_KIND_JSON:
        return SLICE("JSON");
    case BODY_KIND_XML:
        return SLICE("XML");
    case BODY_KIND_NONE:
    case BODY_KIND_JSON_LINES:
    case BODY_KIND_TEXT:
    case BODY_KIND_BINARY:
    case BODY_KIND_OTHER:
    case BODY_KIND_COUNT:
        break;
    }
    return SLICE("");
}
