#include "control/text_diff.h"

#include "control/output.h"

#define CONTEXT_LINES 3u

static slice next_line(slice *rest)
{
    slice line = slice_first(*rest, slice_find_byte(*rest, '\n') + 1);
    *rest = slice_after(*rest, line.len);
    return line;
}

static uint32_t count_lines(slice text)
{
    uint32_t count = 0;
    while (text.len) {
        (void)next_line(&text);
        count++;
    }
    return count;
}

/* Bytes of whole lines that both begin with. */
static size_t common_begin(slice a, slice b)
{
    size_t length = 0;
    while (length < a.len && length < b.len) {
        slice rest_a = slice_after(a, length), rest_b = slice_after(b, length);
        slice line = next_line(&rest_a);
        if (!slice_equal(line, next_line(&rest_b)))
            break;
        length += line.len;
    }
    return length;
}

/* The last line of a text, with its end. */
static slice last_line(slice text)
{
    size_t begin = text.len ? text.len - 1 : 0;
    while (begin > 0 && text.ptr[begin - 1] != '\n')
        begin--;
    return slice_after(text, begin);
}

/* The same of what they end with; what they begin with in common is not in them any more. */
static size_t common_end(slice a, slice b)
{
    size_t length = 0;
    while (a.len && b.len) {
        slice line = last_line(a);
        if (!slice_equal(line, last_line(b)))
            break;
        length += line.len;
        a.len -= line.len;
        b.len -= line.len;
    }
    return length;
}

/* At most so many lines of the end, or of the beginning, of a text. */
static slice last_lines(slice text, uint32_t count)
{
    size_t length = 0;
    for (uint32_t i = 0; i < count && length < text.len; i++)
        length += last_line(slice_first(text, text.len - length)).len;
    return slice_after(text, text.len - length);
}

static slice first_lines(slice text, uint32_t count)
{
    slice rest = text;
    for (uint32_t i = 0; i < count && rest.len; i++)
        (void)next_line(&rest);
    return slice_first(text, text.len - rest.len);
}

static void print_lines(int fd, const char *mark, const char *colour, slice text)
{
    bool is_coloured = *colour && output_is_coloured(fd);
    while (text.len) {
        slice line = next_line(&text);
        bool has_end = line.ptr[line.len - 1] == '\n';
        line.len -= has_end;
        output_write(fd, slice_from(is_coloured ? colour : ""));
        output_write(fd, slice_from(mark));
        output_write(fd, line);
        output_write(fd, slice_from(is_coloured ? "\033[0m\n" : "\n"));
        if (!has_end)
            output_write(fd, SLICE("\\ No newline at end of file\n"));
    }
}

void text_diff_print(int fd, slice name, slice before, slice after)
{
    if (slice_equal(before, after))
        return;
    size_t begin = common_begin(before, after);
    size_t end = common_end(slice_after(before, begin), slice_after(after, begin));
    slice old = slice_of(before.ptr + begin, before.len - begin - end);
    slice new = slice_of(after.ptr + begin, after.len - begin - end);
    slice above = last_lines(slice_first(before, begin), CONTEXT_LINES);
    slice below = first_lines(slice_after(before, before.len - end), CONTEXT_LINES);
    uint32_t line = count_lines(slice_first(before, begin)) - count_lines(above) + 1;
    uint32_t around = count_lines(above) + count_lines(below);
    output_format(fd, "--- %.*s\n+++ %.*s\n@@ -%u,%u +%u,%u @@\n", SLICE_ARGUMENTS(name),
                  SLICE_ARGUMENTS(name), line, around + count_lines(old), line,
                  around + count_lines(new));
    print_lines(fd, " ", "", above);
    print_lines(fd, "-", "\033[31m", old);
    print_lines(fd, "+", "\033[32m", new);
    print_lines(fd, " ", "", below);
}
