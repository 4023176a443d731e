#include "waf/bodies/body_type.h"
#include "waf/bodies/multipart_parts.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int fail(struct body_reader *r, const char *what)
{
    return body_fail(r, BODY_ERROR, 0, "multipart: %s in Content-Type", what);
}

/* How often the word `boundary`, in any case, stands in s before an equals sign. */
static unsigned count_boundaries(slice s)
{
    unsigned count = 0;
    size_t last_equals = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '=')
            last_equals = i;
    }
    for (size_t i = 0; i + 8 <= s.len; i++)
        count += i + 8 <= last_equals &&
                 slice_equal_fold(slice_first(slice_after(s, i), 8), SLICE("boundary"));
    return count;
}

/* RFC 2046 §5.1.1, bchars, without those that are special in a parameter. */
static bool characters_are_valid(slice boundary)
{
    for (size_t i = 0; i < boundary.len; i++) {
        unsigned char c = (unsigned char)boundary.ptr[i];
        if (c < 0x20 || c > 0x7e || strchr("()<>@,;:\\\"/[]?=", c))
            return false;
    }
    return true;
}

/* A field that is not well-formed, with the leniency of ModSecurity 2: each oddity sets its flag.
 */
static int find_leniently(struct body_reader *r, slice type, size_t word, slice *ret_boundary)
{
    bool semicolon = false;
    for (size_t i = sizeof "multipart/form-data" - 1; i < word; i++) {
        if (is_space(type.ptr[i]))
            continue;
        if (semicolon || type.ptr[i] != ';')
            return fail(r, "something unexpected before the boundary");
        semicolon = true;
    }
    if (!semicolon)
        r->state.flags |= BODY_MISSING_SEMICOLON;
    slice s = slice_after(type, word + 8);
    for (; s.len && is_space(s.ptr[0]); s = slice_after(s, 1))
        r->state.flags |= BODY_BOUNDARY_WHITESPACE;
    if (s.len == 0 || s.ptr[0] != '=')
        return fail(r, "no = behind the word boundary");
    s = slice_after(s, 1);
    for (; s.len && is_space(s.ptr[0]); s = slice_after(s, 1))
        r->state.flags |= BODY_BOUNDARY_WHITESPACE;
    bool opens = s.len && s.ptr[0] == '"', closes = s.len > 1 && s.ptr[s.len - 1] == '"';
    if (opens != closes)
        return fail(r, "one quote alone at the boundary");
    if (opens) {
        r->state.flags |= BODY_BOUNDARY_QUOTED;
        s = slice_of(s.ptr + 1, s.len - 2);
    }
    *ret_boundary = s;
    return 0;
}

int multipart_boundary(struct body_reader *r, slice content_type, slice *ret_boundary)
{
    slice s = slice_trim(content_type);
    if (s.len > MULTIPART_TYPE_MAX)
        return fail(r, "too many bytes");
    struct body_type type = body_type_read(s);
    slice form_data = SLICE("multipart/form-data");
    if (!slice_equal_fold(slice_first(s, form_data.len), form_data))
        return fail(r, "another type than multipart/form-data");
    if (count_boundaries(s) > 1)
        return fail(r, "several boundaries");
    size_t word = slice_find(s, SLICE("boundary"));
    if (word == s.len)
        return fail(r, count_boundaries(s) ? "the word boundary in another case" : "no boundary");
    slice boundary = type.boundary;
    if (type.malformed || type.kind != BODY_KIND_MULTIPART)
        TRY(find_leniently(r, s, word, &boundary));
    else if (!boundary.ptr)
        return fail(r, "no boundary");
    else if (type.boundary_is_quoted)
        r->state.flags |= BODY_BOUNDARY_QUOTED;
    if (boundary.len == 0)
        return fail(r, "an empty boundary");
    if (boundary.len > MULTIPART_BOUNDARY_MAX)
        return fail(r, "a boundary that is too long");
    if (slice_find_byte(boundary, ' ') < boundary.len)
        r->state.flags |= BODY_BOUNDARY_WHITESPACE;
    if (count_boundaries(boundary) != 0 || !characters_are_valid(boundary))
        return fail(r, "an invalid character in the boundary");
    *ret_boundary = boundary;
    return 0;
}
