#include "waf/engine/replay.h"

#include <errno.h>

#include "base/number.h"
#include "base/writer.h"
#include "waf/bodies/decompress.h"

static slice next_line(slice *rest)
{
    size_t end = slice_find_byte(*rest, '\n');
    slice line = slice_first(*rest, end);
    *rest = slice_after(*rest, end + 1);
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_folded(slice line)
{
    return line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

static int join(struct arena *arena, struct replay_field *f, slice separator, slice more)
{
    size_t room = f->value.len + separator.len + more.len;
    char *text = arena_take(arena, room);
    if (!text)
        return -ENOMEM;
    struct writer w = writer_over(text, room);
    writer_slice_add(&w, f->value);
    writer_slice_add(&w, separator);
    writer_slice_add(&w, more);
    f->value = writer_slice(&w);
    return 0;
}

static int split_fields(slice *rest, struct arena *arena, struct replay_message *m)
{
    while (rest->len) {
        slice line = next_line(rest);
        if (line.len == 0)
            return 0;
        if (is_folded(line) && m->count) { /* one space instead (RFC 9112 §5.2) */
            TRY(join(arena, &m->fields[m->count - 1], SLICE(" "), slice_trim(line)));
            continue;
        }
        if (m->count == REPLAY_FIELDS_MAX)
            return -E2BIG;
        size_t colon = slice_find_byte(line, ':');
        m->fields[m->count++] = (struct replay_field){ slice_first(line, colon),
                                                       slice_trim(slice_after(line, colon + 1)) };
    }
    return 0;
}

int replay_split(slice bytes, struct arena *arena, struct replay_message *ret)
{
    slice rest = bytes;
    *ret = (struct replay_message){ 0 };
    while (rest.len && ret->line.len == 0)
        ret->line = next_line(&rest);
    if (ret->line.len == 0)
        return -EINVAL;
    ret->fields = arena_take_array(arena, REPLAY_FIELDS_MAX, sizeof(*ret->fields));
    if (!ret->fields)
        return -ENOMEM;
    TRY(split_fields(&rest, arena, ret));
    ret->body = rest;
    ret->head_bytes = bytes.len - rest.len;
    return 0;
}

slice replay_field(const struct replay_message *m, slice name)
{
    for (unsigned i = 0; i < m->count; i++)
        if (slice_equal_fold(m->fields[i].name, name))
            return m->fields[i].value;
    return SLICE("");
}

static bool is_chunked(const struct replay_message *m)
{
    return slice_equal_fold(replay_field(m, SLICE("Transfer-Encoding")), SLICE("chunked"));
}

/* The bytes of the chunks; what there is when they are malformed. */
static int undo_chunks(struct replay_message *m, struct arena *arena)
{
    slice rest = m->body;
    char *text = arena_take(arena, m->body.len + 1);
    if (!text)
        return -ENOMEM;
    size_t len = 0;
    for (;;) {
        uint64_t size;
        slice line = next_line(&rest);
        slice digits = slice_trim(slice_first(line, slice_find_byte(line, ';')));
        if (number_parse_hex(digits, m->body.len, &size) != 0 || size > rest.len)
            return 0;
        if (size == 0)
            break;
        memcpy(text + len, rest.ptr, size);
        len += size;
        rest = slice_after(rest, size);
        next_line(&rest);
    }
    m->body = slice_of(text, len);
    return 0;
}

int replay_frame(struct replay_message *m, struct arena *arena)
{
    uint64_t len;
    if (is_chunked(m))
        return undo_chunks(m, arena);
    slice length = replay_field(m, SLICE("Content-Length"));
    if (length.len == 0)
        m->body.len = 0;
    else if (number_parse(length, UINT64_MAX, &len) == 0)
        m->body = slice_first(m->body, (size_t)number_min(len, m->body.len));
    return 0;
}

static slice without_port(slice host)
{
    if (host.len && host.ptr[0] == '[')
        return slice_first(host, slice_find_byte(host, ']') + 1);
    return slice_first(host, slice_find_byte(host, ':'));
}

/* Method, target and protocol: what stands before the first space, behind the last one if that
 * looks like a protocol, and between. */
static struct waf_request request_of(const struct replay_message *m)
{
    struct waf_request r = { .line = m->line, .length = m->head_bytes };
    size_t first = slice_find_byte(m->line, ' '), last = m->line.len;
    r.method = slice_first(m->line, first);
    slice rest = slice_after(m->line, first + 1);
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] == ' ')
            last = i;
    if (last < rest.len && slice_starts_with(slice_after(rest, last + 1), SLICE("HTTP/"))) {
        r.protocol = slice_after(rest, last + 1);
        rest = slice_first(rest, last);
    }
    /* RFC 1945: a line without a protocol is a simple request. */
    if (r.protocol.len == 0)
        r.protocol = SLICE("HTTP/0.9");
    r.target = slice_trim(rest);
    r.host = without_port(replay_field(m, SLICE("Host")));
    return r;
}

/* The body with its coding undone, in the arena: 0 · -EBADMSG *ret says why · -ENOMEM and the like.
 */
static int undo_coding(const struct replay_message *m, slice coding, struct arena *arena,
                       struct work *work, slice *ret)
{
    enum { BYTES_MAX = 64 << 20, RATIO_MAX = 200 };
    struct decompress d OWNS(decompress_release) = {
        .work = work, .limits = { .bytes_max = BYTES_MAX, .ratio_max = RATIO_MAX }
    };
    slice body;
    int result = decompress_body(&d, coding, m->body, &body);
    if (result == -EBADMSG)
        *ret = slice_from(decompress_problem_text(d.problem));
    TRY(result);
    *ret = arena_copy(arena, body);
    return body.len && !ret->ptr ? -ENOMEM : 0;
}

/* Content-Encoding, all of its lines. */
static int coding_of(const struct replay_message *m, struct arena *arena, slice *ret)
{
    struct replay_field whole = { 0 };
    for (unsigned i = 0; i < m->count; i++) {
        if (!slice_equal_fold(m->fields[i].name, SLICE("Content-Encoding")))
            continue;
        if (whole.name.len)
            TRY(join(arena, &whole, SLICE(", "), m->fields[i].value));
        else
            whole = m->fields[i];
    }
    *ret = whole.value;
    return 0;
}

/* An unreadable coding is for the rules to judge. */
static int give_request_body(struct waf_transaction *t, const struct replay_message *m,
                             struct arena *arena, struct work *work)
{
    slice coding, body = m->body;
    TRY(coding_of(m, arena, &coding));
    int result = coding.len ? undo_coding(m, coding, arena, work, &body) : 0;
    if (result == -EBADMSG) {
        waf_request_body_unreadable(t, body);
        return 0;
    }
    TRY(result);
    return waf_request_body(t, body);
}

static bool is_decided(const struct waf_transaction *t)
{
    enum waf_disposition d = waf_decision(t)->disposition;
    return d != WAF_PASS && d != WAF_ALLOW;
}

static int run_request(struct waf_transaction *t, struct arena *arena, struct work *work,
                       slice bytes)
{
    struct replay_message m;
    TRY(replay_split(bytes, arena, &m));
    struct waf_request request = request_of(&m);
    TRY(waf_set_request(t, &request));
    /* RFC 9112 §6.1: a length beside chunks does not count; a server takes it away. */
    for (unsigned i = 0; i < m.count; i++)
        if (!is_chunked(&m) || !slice_equal_fold(m.fields[i].name, SLICE("Content-Length")))
            TRY(waf_add_request_field(t, m.fields[i].name, m.fields[i].value));
    TRY(waf_run(t, WAF_REQUEST_HEADERS));
    if (is_decided(t))
        return 0;
    TRY(replay_frame(&m, arena));
    if (m.body.len && waf_wants_request_body(t).is_wanted)
        TRY(give_request_body(t, &m, arena, work));
    return is_decided(t) ? 0 : waf_run(t, WAF_REQUEST_BODY);
}

static int run_response(struct waf_transaction *t, struct arena *arena, slice bytes)
{
    enum { STATUS_MAX = 999, OK = 200 };
    struct replay_message m = { .line = SLICE("HTTP/1.1 200 OK") };
    if (bytes.len)
        TRY(replay_split(bytes, arena, &m));
    size_t space = slice_find_byte(m.line, ' ');
    slice rest = slice_after(m.line, space + 1);
    uint64_t status = OK;
    if (number_parse(slice_first(rest, slice_find_byte(rest, ' ')), STATUS_MAX, &status) != 0)
        return -EINVAL;
    struct waf_response response = { .status = (unsigned)status,
                                     .protocol = slice_first(m.line, space),
                                     .reason = slice_after(rest, slice_find_byte(rest, ' ') + 1) };
    TRY(waf_set_response(t, &response));
    for (unsigned i = 0; i < m.count; i++)
        TRY(waf_add_response_field(t, m.fields[i].name, m.fields[i].value));
    TRY(waf_run(t, WAF_RESPONSE_HEADERS));
    if (is_decided(t))
        return 0;
    if (is_chunked(&m))
        TRY(undo_chunks(&m, arena));
    if (waf_wants_response_body(t).is_wanted)
        TRY(waf_response_body(t, m.body));
    return is_decided(t) ? 0 : waf_run(t, WAF_RESPONSE_BODY);
}

int replay_run(struct waf_transaction *t, struct arena *arena, struct work *work, slice request,
               slice response)
{
    int result = run_request(t, arena, work, request);
    if (result == 0 && !is_decided(t))
        result = run_response(t, arena, response);
    int logging = waf_run(t, WAF_LOGGING);
    return result ? result : logging;
}
