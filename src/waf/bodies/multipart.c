#include "waf/bodies/multipart.h"

#include "base/writer.h"
#include "waf/bodies/body_type.h"
#include "waf/bodies/multipart_parts.h"

enum { SIZE_TEXT_MAX = 24 };

/* What a field of a part's head costs for each that stands before it: none comes twice. */
enum { HEADER_STEPS = 16 };

enum { BYTE_STEPS = 2, LINE_STEPS = 32 }; /* what a line costs beside its bytes */

enum place { PREAMBLE, HEAD, CONTENT, EPILOGUE, FAILED };

struct multipart {
    struct body_reader *r;
    enum place place;
    size_t at; /* bytes taken so far */
    char delimiter[2 + MULTIPART_BOUNDARY_MAX];
    size_t delimiter_len; /* "--" and the boundary */

    /* The line that is being gathered; a longer one comes in pieces of this size. */
    char line[MULTIPART_LINE_MAX];
    size_t line_len;
    bool is_continuation;                        /* the line has begun in an earlier piece */
    char seam[2 * (2 + MULTIPART_BOUNDARY_MAX)]; /* the end of that piece, and what comes now */
    size_t seam_len;                             /* of the end */

    /* The part that is being read. */
    struct body_text headers[MULTIPART_HEADERS_MAX];
    unsigned header_count;
    size_t head_bytes;
    struct disposition disposition;
    struct body_rope value;
    uint64_t content_bytes;
    char held[2]; /* a line end that belongs to the content unless a boundary follows */
    size_t held_len;
};

static int fail(struct multipart *m, const char *what)
{
    return body_fail(m->r, BODY_ERROR, m->at, "multipart: %s at byte %zu", what, m->at);
}

static int fail_limit(struct multipart *m, const char *what, size_t limit)
{
    return body_fail(m->r, BODY_ERROR | BODY_LIMITED, m->at, "multipart: %s, at most %zu", what,
                     limit);
}

int multipart_open(struct body_reader *r, slice content_type, struct multipart **ret)
{
    struct multipart *m = arena_take(r->arena, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->r = r;
    slice boundary;
    if (multipart_boundary(r, content_type, &boundary) != 0) {
        m->place = FAILED;
    } else {
        struct writer w = writer_over(m->delimiter, sizeof m->delimiter);
        writer_literal(&w, "--");
        writer_slice_add(&w, boundary);
        m->delimiter_len = w.len;
    }
    *ret = m;
    return 0;
}

static slice delimiter(const struct multipart *m)
{
    return slice_of(m->delimiter, m->delimiter_len);
}

static slice text_of(const struct body_text *t)
{
    return slice_of(t->ptr, t->len);
}

/* What is not the content of a file is kept, and counted. */
static int count_kept(struct multipart *m, slice more)
{
    size_t limit = m->r->limits->fields_bytes_max;
    if (limit != 0 && more.len > limit - m->r->state.fields_bytes) {
        m->r->state.flags |= BODY_FIELDS_EXCEEDED;
        return fail_limit(m, "the fields have too many bytes", limit);
    }
    m->r->state.fields_bytes += more.len;
    return 0;
}

static int keep_header(struct multipart *m, struct body_text *header, slice more)
{
    TRY(count_kept(m, more));
    return body_text_add(header, m->r->arena, more);
}

/* Parts */

static int hand_over_head(struct multipart *m)
{
    for (unsigned i = 0; i < m->header_count; i++)
        TRY(body_item(m->r, BODY_PART_HEADER, m->disposition.name, text_of(&m->headers[i])));
    return 0;
}

/* Whether everybody takes the part for a file. With an empty name it is one for most, which a
 * browser sends for no file at all, and a field for Django. */
static bool is_file(const struct multipart *m)
{
    return m->disposition.has_filename && m->disposition.filename.len;
}

static int hand_over_file(struct multipart *m, slice filename)
{
    struct body_state *state = &m->r->state;
    char *text = arena_take(m->r->arena, SIZE_TEXT_MAX);
    if (!text)
        return -ENOMEM;
    struct writer size = writer_over(text, SIZE_TEXT_MAX);
    writer_decimal(&size, m->content_bytes);
    state->part_filename = filename;
    TRY(body_item(m->r, BODY_FILE, m->disposition.name, filename));
    return body_item(m->r, BODY_FILE_SIZE, m->disposition.name, writer_slice(&size));
}

static int hand_over_content(struct multipart *m)
{
    struct body_state *state = &m->r->state;
    const struct disposition *d = &m->disposition;
    state->part_name = d->name;
    if (d->has_filename || d->has_filename_star) {
        state->files++;
        state->files_bytes += m->content_bytes;
        if (m->r->limits->files_max != 0 && state->files > m->r->limits->files_max)
            state->flags |= BODY_FILE_LIMIT_EXCEEDED;
    }
    if (d->has_filename)
        TRY(hand_over_file(m, d->filename));
    if (d->has_filename_star)
        TRY(hand_over_file(m, d->filename_star));
    if (is_file(m) || (d->has_filename && m->content_bytes == 0))
        return 0;
    slice value;
    TRY(body_rope_join(&m->value, m->r, &value));
    return body_argument(m->r, d->name, value, m->at);
}

/* The part ends here, as it should or not. */
static int end_part(struct multipart *m)
{
    enum place place = m->place;
    m->place = EPILOGUE;
    if (place == CONTENT && m->content_bytes + m->held_len == 0)
        m->r->state.flags |= BODY_INVALID_PART; /* no line end but that of its head: some read on */
    if (place == CONTENT)
        return hand_over_content(m);
    if (place != HEAD)
        return 0;
    m->r->state.flags |= BODY_INVALID_PART; /* it has no end of its head */
    return hand_over_head(m);
}

static int begin_part(struct multipart *m)
{
    m->header_count = 0;
    m->head_bytes = 0;
    m->disposition = (struct disposition){ 0 };
    m->value = (struct body_rope){ 0 };
    m->content_bytes = 0;
    m->held_len = 0;
    uint32_t limit = m->r->limits->parts_max;
    if (limit != 0 && m->r->state.parts >= limit)
        return fail_limit(m, "it has too many parts", limit);
    m->r->state.parts++;
    m->place = HEAD;
    return 0;
}

/* Heads of parts */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Name and value of a header line. */
static slice header_name(slice line)
{
    return slice_first(line, slice_find_byte(line, ':'));
}

static slice header_value(slice line)
{
    slice value = slice_after(line, header_name(line).len + 1);
    while (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
        value = slice_after(value, 1);
    return value;
}

static const struct body_text *find_header(const struct multipart *m, slice name)
{
    for (unsigned i = 0; i < m->header_count; i++) {
        if (slice_equal_fold(header_name(text_of(&m->headers[i])), name))
            return &m->headers[i];
    }
    return NULL;
}

static int end_head(struct multipart *m)
{
    const struct body_text *line = find_header(m, SLICE("Content-Disposition"));
    if (!line)
        return fail(m, "a part without Content-Disposition");
    TRY(multipart_disposition(m->r, header_value(text_of(line)), m->at, &m->disposition));
    m->place = CONTENT;
    return hand_over_head(m);
}

/* RFC 2045 folding is a space or a tab, but some origins take any white space: it is read so, and
 * told. */
static int fold_header(struct multipart *m, slice line)
{
    m->r->state.flags |= BODY_HEADER_FOLDING;
    if (m->header_count == 0)
        return fail(m, "a folded line without one before it");
    while (line.len && is_space(line.ptr[0])) {
        if (line.ptr[0] != ' ' && line.ptr[0] != '\t')
            m->r->state.flags |= BODY_INVALID_HEADER_FOLDING;
        line = slice_after(line, 1);
    }
    struct body_text *last = &m->headers[m->header_count - 1];
    TRY(keep_header(m, last, SLICE(" ")));
    return keep_header(m, last, line);
}

static int begin_header(struct multipart *m, slice line)
{
    slice name = header_name(line);
    if (name.len == line.len || name.len == 0)
        return fail(m, name.len ? "a line without a colon in the head of a part"
                                : "a line without a name in the head of a part");
    if (body_token_length(name) != name.len)
        m->r->state.flags |= BODY_INVALID_PART; /* some take the head to end before it */
    TRY(work_spend(m->r->work, HEADER_STEPS * (m->header_count + 1)));
    if (find_header(m, name))
        return fail(m, "the same field twice in the head of a part");
    if (m->header_count == MULTIPART_HEADERS_MAX)
        return fail_limit(m, "the head of a part has too many lines", MULTIPART_HEADERS_MAX);
    struct body_text *text = &m->headers[m->header_count++];
    *text = (struct body_text){ 0 };
    return keep_header(m, text, line);
}

static int take_header_line(struct multipart *m, slice line)
{
    if (line.ptr[line.len - 1] != '\n')
        return fail_limit(m, "a line in the head of a part is too long", MULTIPART_LINE_MAX);
    if (slice_find_byte(line, '\0') < line.len)
        return fail(m, "a NUL byte in the head of a part");
    m->head_bytes += line.len;
    if (m->head_bytes > MULTIPART_HEAD_MAX)
        return fail_limit(m, "the head of a part has too many bytes", MULTIPART_HEAD_MAX);
    bool crlf = line.len > 1 && line.ptr[line.len - 2] == '\r';
    m->r->state.flags |= crlf ? BODY_CRLF_LINE : BODY_LF_LINE;
    line.len -= crlf ? 2 : 1;
    if (slice_find_byte(line, '\r') < line.len)
        return fail(m, "a CR without its LF in the head of a part");
    if (line.len == 0)
        return end_head(m);
    return is_space(line.ptr[0]) ? fold_header(m, line) : begin_header(m, line);
}

/* Contents */

static int add_content(struct multipart *m, slice s)
{
    m->content_bytes += s.len;
    if (is_file(m))
        return 0;
    TRY(count_kept(m, s));
    return body_rope_add(&m->value, m->r->arena, s);
}

static int take_content(struct multipart *m, slice s)
{
    TRY(add_content(m, slice_of(m->held, m->held_len)));
    m->held_len = 0;
    if (s.len && s.ptr[s.len - 1] == '\n')
        m->held_len = s.len > 1 && s.ptr[s.len - 2] == '\r' ? 2 : 1;
    s.len -= m->held_len;
    memcpy(m->held, s.ptr + s.len, m->held_len);
    return add_content(m, s);
}

/* Boundaries */

static slice without_dashes(slice s)
{
    while (s.len && s.ptr[0] == '-')
        s = slice_after(s, 1);
    return s;
}

/* Whether somebody might take the line for the boundary: what follows dashes, blanks and quotes
 * begins as the boundary does, in any case. */
static bool resembles_boundary(const struct multipart *m, slice line)
{
    slice boundary = without_dashes(delimiter(m));
    while (line.len && (line.ptr[0] == '-' || line.ptr[0] == '"' || is_space(line.ptr[0])))
        line = slice_after(line, 1);
    size_t alike = boundary.len < 8 ? boundary.len : 8;
    return line.len >= alike &&
           slice_equal_fold(slice_first(line, alike), slice_first(boundary, alike));
}

/* A line that begins with "--" and is not the boundary. */
static int judge_dashed_line(struct multipart *m, slice line)
{
    slice boundary = slice_after(delimiter(m), 2), rest = slice_after(line, 2);
    if ((m->r->state.flags & BODY_BOUNDARY_QUOTED) && rest.ptr[0] == '"' &&
        slice_starts_with(slice_after(rest, 1), boundary))
        return fail(m, "a boundary in quotes");
    slice spaced = rest;
    while (spaced.len && is_space(spaced.ptr[0]))
        spaced = slice_after(spaced, 1);
    if (spaced.len < rest.len && slice_starts_with(spaced, boundary))
        return fail(m, "white space before a boundary");
    m->r->state.flags |= resembles_boundary(m, line) ? BODY_UNMATCHED_BOUNDARY : BODY_DASHED_LINE;
    return 0;
}

/* Whether the boundary stands inside a line, where some find it too. Of a line that comes in pieces
 * it may stand across two of them. */
static bool holds_boundary(struct multipart *m, slice line, bool begins)
{
    size_t overlap = m->delimiter_len - 1;
    bool found = slice_find(line, delimiter(m)) < line.len;
    if (!begins && !found) {
        slice first = slice_first(line, overlap);
        memcpy(m->seam + m->seam_len, first.ptr, first.len);
        slice seam = slice_of(m->seam, m->seam_len + first.len);
        found = slice_find(seam, delimiter(m)) < seam.len;
    }
    slice last = slice_after(line, line.len > overlap ? line.len - overlap : 0);
    memcpy(m->seam, last.ptr, last.len);
    m->seam_len = last.len;
    return found;
}

static int take_boundary(struct multipart *m, slice line)
{
    slice rest = slice_after(line, m->delimiter_len);
    bool last = slice_starts_with(rest, SLICE("--"));
    if (last)
        rest = slice_after(rest, 2);
    bool crlf = slice_equal(rest, SLICE("\r\n"));
    if (!crlf && !slice_equal(rest, SLICE("\n")))
        return fail(m, "something behind a boundary");
    m->r->state.flags |= crlf ? BODY_CRLF_LINE : BODY_LF_LINE;
    TRY(end_part(m));
    return last ? 0 : begin_part(m);
}

/* One line with its end, or a piece of one that is too long. */
static int take_line(struct multipart *m, slice line)
{
    bool begins = !m->is_continuation;
    m->is_continuation = line.ptr[line.len - 1] != '\n';
    if (m->place == EPILOGUE) {
        m->r->state.flags |= BODY_DATA_AFTER;
        return 0;
    }
    if (begins && slice_starts_with(line, delimiter(m)))
        return take_boundary(m, line);
    if (begins && line.len > 3 && slice_starts_with(line, SLICE("--")))
        TRY(judge_dashed_line(m, line));
    if (holds_boundary(m, line, begins))
        m->r->state.flags |= BODY_UNMATCHED_BOUNDARY;
    if (m->place == HEAD)
        return take_header_line(m, line);
    if (m->place == CONTENT)
        return take_content(m, line);
    m->r->state.flags |= BODY_DATA_BEFORE;
    return 0;
}

/* The line that is gathered, when it has its end or there is no more room. A CR at the very end of
 * the room waits for the LF that may follow. */
static int take_gathered(struct multipart *m)
{
    bool whole = m->line[m->line_len - 1] == '\n';
    size_t kept = !whole && m->line[m->line_len - 1] == '\r';
    slice line = slice_of(m->line, m->line_len - kept);
    m->line_len = kept;
    int result = take_line(m, line);
    if (kept)
        m->line[0] = '\r';
    return result;
}

/* Goes on as FAILED after an error; what the part has so far is handed over. */
static int settle(struct multipart *m, int result)
{
    if (result != BODY_STOPPED)
        return result;
    int handed = end_part(m);
    m->place = FAILED;
    return body_result(handed);
}

/* Gathers from the front of *piece what the line has room for; true when there is a line to take.
 */
static bool gather(struct multipart *m, slice *piece)
{
    slice room = slice_first(*piece, MULTIPART_LINE_MAX - m->line_len);
    size_t end = slice_find_byte(room, '\n');
    size_t count = end < room.len ? end + 1 : room.len;
    memcpy(m->line + m->line_len, room.ptr, count);
    m->line_len += count;
    m->at += count;
    *piece = slice_after(*piece, count);
    return m->line[m->line_len - 1] == '\n' || m->line_len == MULTIPART_LINE_MAX;
}

/* Whole lines of a content from the front of *block in which nobody sees a boundary, since there is
 * no "--" in them: at once, whatever they are. Files have millions. */
static int take_plain_lines(struct multipart *m, slice *block)
{
    if (m->place != CONTENT || m->is_continuation || m->line_len > 0)
        return 0;
    slice plain = slice_first(*block, slice_find(*block, SLICE("--")));
    const char *end = plain.len ? memrchr(plain.ptr, '\n', plain.len) : NULL;
    if (!end)
        return 0;
    plain.len = (size_t)(end - plain.ptr) + 1;
    m->at += plain.len;
    *block = slice_after(*block, plain.len);
    return take_content(m, plain);
}

int multipart_feed(struct multipart *m, slice piece)
{
    while (piece.len && m->place != FAILED) {
        slice block = slice_first(piece, WORK_BLOCK / BYTE_STEPS);
        TRY(work_spend(m->r->work, BYTE_STEPS * block.len));
        piece = slice_after(piece, block.len);
        while (block.len && m->place != FAILED) {
            TRY(settle(m, take_plain_lines(m, &block)));
            if (m->place == FAILED || block.len == 0 || !gather(m, &block))
                continue;
            TRY(work_spend(m->r->work, LINE_STEPS));
            TRY(settle(m, take_gathered(m)));
        }
    }
    return 0;
}

static int end_body(struct multipart *m)
{
    slice line = slice_of(m->line, m->line_len);
    bool has_last = !m->is_continuation && line.len == m->delimiter_len + 2 &&
                    slice_starts_with(line, delimiter(m)) && slice_ends_with(line, SLICE("--"));
    if (m->place != EPILOGUE && has_last)
        return end_part(m);
    if (line.len && m->place == EPILOGUE)
        m->r->state.flags |= BODY_DATA_AFTER;
    else if (line.len && m->place == CONTENT)
        TRY(take_content(m, line));
    else if (line.len && m->place == PREAMBLE)
        m->r->state.flags |= BODY_DATA_BEFORE;
    if (m->place == EPILOGUE || m->at == 0)
        return 0;
    return fail(m, m->place == PREAMBLE ? "no boundary" : "no last boundary");
}

int multipart_end(struct multipart *m)
{
    return m->place == FAILED ? 0 : settle(m, end_body(m));
}
