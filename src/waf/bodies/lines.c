#include "waf/bodies/lines.h"

#include "base/writer.h"
#include "waf/bodies/json.h"

static bool is_blank(slice line)
{
    for (size_t i = 0; i < line.len && i < WORK_BLOCK; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            return false;
    }
    return line.len < WORK_BLOCK;
}

static bool looks_like_json(slice text)
{
    size_t start = 0;
    while (start < text.len && start < WORK_BLOCK &&
           (text.ptr[start] == '\n' || is_blank(slice_of(text.ptr + start, 1))))
        start++;
    return start < text.len && (text.ptr[start] == '{' || text.ptr[start] == '[');
}

static int read_line(struct body_reader *r, struct json_names *names, slice line, uint64_t number,
                     size_t at)
{
    char text[40];
    struct writer root = writer_over(text, sizeof text);
    writer_literal(&root, "json.array_");
    writer_decimal(&root, number);
    int result = json_read_named(r, names, line, writer_slice(&root), at);
    return result == BODY_STOPPED && !(r->state.flags & BODY_LIMITED) ? 0 : result;
}

int json_lines_read(struct body_reader *r, slice body)
{
    enum { LINE_STEPS = 128, LINE_BREAK_STEPS = 4 }; /* what beginning a line costs; an end */
    struct json_names names = { 0 };
    uint64_t number = 0;
    for (size_t at = 0; at < body.len;) {
        slice line = slice_after(body, at);
        TRY(work_find_byte(r->work, line, '\n', &line.len));
        if (!is_blank(line)) {
            TRY(work_spend(r->work, LINE_STEPS));
            int result = read_line(r, &names, line, number++, at);
            if (result != 0)
                return body_result(result);
        }
        TRY(work_spend(r->work, LINE_BREAK_STEPS));
        at += line.len + 1;
    }
    return 0;
}

int text_read(struct body_reader *r, slice body)
{
    if (body.len == 0)
        return 0;
    int result = body_argument(r, SLICE("text"), body, 0);
    if (result != 0)
        return body_result(result);
    if (!looks_like_json(body))
        return 0;
    int valid = json_is_valid(r, body);
    return valid == 1 ? json_read(r, body) : valid;
}
