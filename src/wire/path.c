#include <errno.h>

#include "wire/bytes.h"
#include "wire/uri.h"

/* One step of a path while it is made canonical. */
struct path_state {
    const struct path_options *options;
    struct writer *w;
    size_t start; /* where the path begins in w */
    const char **reason;
};

static int refuse(const struct path_state *p, const char *why)
{
    *p->reason = why;
    return -EINVAL;
}

/* A segment that means "here" or "up". */
static bool is_dots(slice segment)
{
    return slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE(".."));
}

/* "..;x" is ".." to some servers and a name to others. */
static bool is_dots_with_parameters(slice segment)
{
    size_t dots = 0;
    while (dots < segment.len && segment.ptr[dots] == '.')
        dots++;
    slice behind = slice_after(segment, dots);
    return is_dots(slice_first(segment, dots)) &&
           (slice_starts_with(behind, SLICE(";")) || slice_starts_with(behind, SLICE("%3B")));
}

/* Where the next kept slash or backslash ("%2F", "%5C") begins. */
static size_t find_kept_slash(slice s)
{
    for (size_t i = 0; i + 2 < s.len; i++)
        if (s.ptr[i] == '%' && (slice_starts_with(slice_after(s, i + 1), SLICE("2F")) ||
                                slice_starts_with(slice_after(s, i + 1), SLICE("5C"))))
            return i;
    return s.len;
}

/* "a%2F..%2Fb": whoever decodes the slashes that SLASH_KEEP lets through goes up by the dots
 * between them. */
static bool hides_dots(slice segment)
{
    size_t at = find_kept_slash(segment);
    if (at == segment.len)
        return false;
    for (;;) {
        slice part = slice_first(segment, at);
        if (is_dots(part) || is_dots_with_parameters(part))
            return true;
        if (at == segment.len)
            return false;
        segment = slice_after(segment, at + 3);
        at = find_kept_slash(segment);
    }
}

/* Ends the segment that begins at `from` in the output: dot segments are resolved. */
static int end_segment(struct path_state *p, size_t from, bool last)
{
    slice segment = slice_of(p->w->ptr + from, p->w->len - from);
    if (is_dots_with_parameters(segment))
        return refuse(p, "uri.dot-parameters");
    if (p->options->slashes == SLASH_KEEP && hides_dots(segment))
        return refuse(p, "uri.encoded-slash");
    if (!is_dots(segment)) {
        if (!last && !(segment.len == 0 && p->options->collapse_slashes))
            writer_byte(p->w, '/');
        return 0;
    }
    bool up = segment.len == 2;
    p->w->len = from;
    if (!up)
        return 0;
    /* the output ends with '/': take the segment before it away */
    if (from <= p->start + 1)
        return refuse(p, "uri.above-root");
    size_t at = from - 1;
    while (at > p->start && p->w->ptr[at - 1] != '/')
        at--;
    p->w->len = at;
    return 0;
}

/* What an escaped percent sign hides: "%252e" is "." for whoever decodes twice. */
static bool hides_escape(slice behind)
{
    if (behind.len < 2 || hex_value(behind.ptr[0]) < 0 || hex_value(behind.ptr[1]) < 0)
        return false;
    int c = hex_value(behind.ptr[0]) << 4 | hex_value(behind.ptr[1]);
    return c == '.' || c == '/' || c == '\\' || c == 0 || c == '%';
}

/* The second byte of an overlong sequence for an ASCII character: %c0%af is '/' to a lax decoder.
 */
static bool is_overlong_lead(int c)
{
    return c == 0xc0 || c == 0xc1;
}

static int take_slash(struct path_state *p, unsigned char c, bool *ret_ends_segment)
{
    switch (p->options->slashes) {
    case SLASH_REFUSE:
        return refuse(p, c == '/' ? "uri.encoded-slash" : "uri.backslash");
    case SLASH_DECODE:
        *ret_ends_segment = true;
        return 0;
    case SLASH_KEEP:
        writer_percent(p->w, c);
        return 0;
    }
    return -EINVAL;
}

/* An escape that is whole (target_parse has seen to that). */
static int take_escape(struct path_state *p, slice at, bool *ret_ends_segment)
{
    int c = hex_value(at.ptr[1]) << 4 | hex_value(at.ptr[2]);
    if (c == 0)
        return refuse(p, "uri.nul");
    if (c < 0x20 || c == 0x7f)
        return refuse(p, "uri.control");
    if (c == '/' || c == '\\')
        return take_slash(p, (unsigned char)c, ret_ends_segment);
    if (is_overlong_lead(c))
        return refuse(p, "uri.overlong");
    if (byte_is((char)c, BYTE_UNRESERVED))
        writer_byte(p->w, (char)c);
    else
        writer_percent(p->w, (unsigned char)c);
    return 0;
}

/* Is the sequence of escapes at the front overlong in three to six bytes? (%e0%80%af, %f0%80%80%af,
 * %f8%80%80%80%af, %fc%80%80%80%80%af) */
static bool is_overlong_start(slice at)
{
    if (at.len < 6 || at.ptr[3] != '%')
        return false;
    int first = hex_value(at.ptr[1]) << 4 | hex_value(at.ptr[2]);
    int second = hex_value(at.ptr[4]) << 4 | hex_value(at.ptr[5]);
    return (first == 0xe0 && second >= 0x80 && second < 0xa0) ||
           (first == 0xf0 && second >= 0x80 && second < 0x90) ||
           (first == 0xf8 && second >= 0x80 && second < 0x88) ||
           (first == 0xfc && second >= 0x80 && second < 0x84);
}

/* Looked for in what was written, since the hidden digits can themselves have come as escapes
 * ("%252%65"). */
static bool is_double_encoded(slice path)
{
    for (size_t at = slice_find(path, SLICE("%25")); at < path.len;) {
        slice behind = slice_after(path, at + 3);
        if (hides_escape(behind))
            return true;
        at += 3 + slice_find(behind, SLICE("%25"));
    }
    return false;
}

int path_canonicalize(slice raw, const struct path_options *options, struct writer *w,
                      const char **ret_reason)
{
    struct path_state p = { .options = options, .w = w, .start = w->len, .reason = ret_reason };
    if (raw.len == 0 || raw.ptr[0] != '/')
        return refuse(&p, "uri.path");
    writer_byte(w, '/');
    size_t segment = w->len;
    for (size_t i = 1; i < raw.len && !w->overflowed; i++) {
        char c = raw.ptr[i];
        bool ends = c == '/';
        if (c == '%') {
            slice at = slice_after(raw, i);
            if (at.len < 3 || hex_value(at.ptr[1]) < 0 || hex_value(at.ptr[2]) < 0)
                return refuse(&p, "uri.escape");
            if (is_overlong_start(at))
                return refuse(&p, "uri.overlong");
            TRY(take_escape(&p, at, &ends));
            i += 2;
        } else if (c == '\\') {
            TRY(take_slash(&p, '\\', &ends));
        } else if (!ends) {
            if (byte_is(c, BYTE_PATH))
                writer_byte(w, c);
            else
                writer_percent(w, (unsigned char)c);
        }
        if (ends) {
            TRY(end_segment(&p, segment, false));
            segment = w->len;
        }
    }
    TRY(end_segment(&p, segment, true));
    if (is_double_encoded(slice_of(w->ptr + p.start, w->len - p.start)))
        return refuse(&p, "uri.double-encoding");
    return w->overflowed ? -EMSGSIZE : 0;
}

bool path_has_other_reading(slice path)
{
    return memchr(path.ptr, ';', path.len) || memchr(path.ptr, '%', path.len);
}

static bool is_escaped_slash(slice at)
{
    return slice_starts_with(at, SLICE("%2F")) || slice_starts_with(at, SLICE("%5C"));
}

/* "%2573" is "s" for whoever decodes twice; 0 when no ASCII character is hidden that way. */
static char decoded_twice(slice at)
{
    if (at.len < 5 || !slice_starts_with(at, SLICE("%25")) || hex_value(at.ptr[3]) < 0 ||
        hex_value(at.ptr[4]) < 0)
        return 0;
    int c = hex_value(at.ptr[3]) << 4 | hex_value(at.ptr[4]);
    return c < 0x80 ? (char)c : 0;
}

int path_read_otherwise(slice path, struct writer *w)
{
    static const struct path_options options = { .slashes = SLASH_DECODE,
                                                 .collapse_slashes = true };
    const char *reason;
    struct path_state p = { .options = &options, .w = w, .start = w->len, .reason = &reason };
    writer_byte(w, '/');
    size_t segment = w->len;
    bool cut = false; /* what follows in this segment is a parameter */
    for (size_t i = 1; i < path.len; i++) {
        slice at = slice_after(path, i);
        bool escaped = is_escaped_slash(at);
        if (path.ptr[i] == '/' || escaped) {
            TRY(end_segment(&p, segment, false));
            segment = w->len;
            cut = false;
            i += escaped ? 2 : 0;
            continue;
        }
        char hidden = decoded_twice(at);
        char c = hidden ? hidden : path.ptr[i];
        i += hidden ? 4 : 0;
        cut = cut || c == ';' || slice_starts_with(at, SLICE("%3B"));
        if (!cut)
            writer_byte(w, c);
    }
    TRY(end_segment(&p, segment, true));
    return w->overflowed ? -EMSGSIZE : 0;
}
