#include "waf/transforms/unicode_map.h"

#include <errno.h>

#include "base/number.h"

enum { CODE_PAGE_MAX = 65535 };

struct reader {
    unsigned line;
    bool is_wanted; /* within the section of the code page */
    bool was_found;
    struct unicode_map *map;
    struct waf_problem *problem;
};

static slice next_word(slice *rest)
{
    size_t from = 0, to;
    while (from < rest->len && (rest->ptr[from] == ' ' || rest->ptr[from] == '\t'))
        from++;
    for (to = from; to < rest->len && rest->ptr[to] != ' ' && rest->ptr[to] != '\t';)
        to++;
    slice word = slice_of(rest->ptr + from, to - from);
    *rest = slice_after(*rest, to);
    return word;
}

static int read_pair(struct reader *r, slice word, unsigned column)
{
    size_t colon = slice_find_byte(word, ':');
    uint64_t code, byte;
    if (number_parse_hex(slice_first(word, colon), UNICODE_MAP_CODES - 1, &code) != 0 ||
        number_parse_hex(slice_after(word, colon + 1), 255, &byte) != 0) {
        r->problem->line = r->line;
        r->problem->column = column;
        return waf_problem_set(r->problem,
                               "\"%.*s\" is not a pair of a character and a byte in hexadecimal, "
                               "such as 00a0:20",
                               (int)(word.len < 40 ? word.len : 40), word.ptr);
    }
    r->map->bytes[code] = (int16_t)byte;
    return 0;
}

static int read_line(struct reader *r, slice line, unsigned code_page)
{
    slice rest = line, word = next_word(&rest);
    if (word.len == 0 || word.ptr[0] == '#')
        return 0;
    if (slice_find_byte(word, ':') == word.len) {
        uint64_t number;
        r->is_wanted = number_parse(word, CODE_PAGE_MAX, &number) == 0 && number == code_page;
        r->was_found |= r->is_wanted;
        return 0;
    }
    for (; r->is_wanted && word.len > 0; word = next_word(&rest))
        TRY(read_pair(r, word, (unsigned)(word.ptr - line.ptr) + 1));
    return 0;
}

int unicode_map_parse(slice text, unsigned code_page, struct arena *arena,
                      const struct unicode_map **ret_map, struct waf_problem *ret_problem)
{
    struct reader r = { .map = arena_take(arena, sizeof *r.map), .problem = ret_problem };
    if (!r.map)
        return -ENOMEM;
    memset(r.map->bytes, 0xff, sizeof r.map->bytes); /* UNICODE_MAP_NONE */
    while (text.len > 0) {
        size_t end = slice_find_byte(text, '\n');
        slice line = slice_first(text, end);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        r.line++;
        TRY(read_line(&r, line, code_page));
        text = slice_after(text, end + 1);
    }
    if (!r.was_found) {
        ret_problem->line = r.line;
        ret_problem->column = 1;
        return waf_problem_set(ret_problem, "there is no code page %u in the file", code_page);
    }
    *ret_map = r.map;
    return 0;
}
