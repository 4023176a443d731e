#include "waf/seclang/reader.h"

#include <errno.h>

#include "waf/seclang/list.h"

void seclang_reader_open(struct seclang_reader *r, slice text, struct arena *words,
                         struct arena *scratch)
{
    *r = (struct seclang_reader){ .text = text, .line = 1, .words = words, .scratch = scratch };
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        r->at = r->line_begins = 3;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

/* Bytes of the end of a line at `at`: 1 or 2; 0 when none is there. */
static size_t line_end_at(const struct seclang_reader *r, size_t at)
{
    if (at < r->text.len && r->text.ptr[at] == '\n')
        return 1;
    return at + 1 < r->text.len && r->text.ptr[at] == '\r' && r->text.ptr[at + 1] == '\n' ? 2 : 0;
}

/* Goes over joints of lines; true when the directive ends here. */
static bool is_over(struct seclang_reader *r, bool *ret_joined)
{
    *ret_joined = false;
    while (r->at < r->text.len && r->text.ptr[r->at] == '\\') {
        size_t end = line_end_at(r, r->at + 1);
        if (!end)
            return false;
        r->at += 1 + end;
        r->line++;
        r->line_begins = r->at;
        *ret_joined = true;
    }
    return r->at >= r->text.len || line_end_at(r, r->at);
}

/* Behind the directive, whatever is left of it. */
static void skip_line(struct seclang_reader *r)
{
    bool joined;
    while (!is_over(r, &joined))
        r->at++;
    size_t end = line_end_at(r, r->at);
    if (!end)
        return;
    r->at += end;
    r->line++;
    r->line_begins = r->at;
}

/* At the first byte of a directive: over blanks, empty lines and comments. False at the end. */
static bool find_directive(struct seclang_reader *r)
{
    while (r->at < r->text.len) {
        bool joined;
        if (is_over(r, &joined) || r->text.ptr[r->at] == '#')
            skip_line(r);
        else if (is_blank(r->text.ptr[r->at]))
            r->at++;
        else
            return true;
    }
    return false;
}

static int malformed(struct seclang_reader *r, size_t line, size_t column, struct waf_problem *p)
{
    p->line = (unsigned)line;
    p->column = (unsigned)column;
    skip_line(r);
    return -EINVAL;
}

static size_t column_of(const struct seclang_reader *r)
{
    return r->at - r->line_begins + 1;
}

static int add_mark(struct seclang_reader *r, size_t decoded)
{
    struct reader_line *l = &r->found;
    TRY(LIST_FIT(r->scratch, &l->marks));
    l->marks.items[l->marks.count++] = (struct reader_mark){ .at = (uint32_t)decoded,
                                                             .line = r->line,
                                                             .column = (uint32_t)column_of(r) };
    return 0;
}

/* The line that was read last ends in a backslash, but white space behind it. */
static bool ends_nearly_joined(const struct seclang_reader *r)
{
    size_t at = r->at;
    while (at > r->line_begins && is_blank(r->text.ptr[at - 1]))
        at--;
    return at < r->at && at > r->line_begins && r->text.ptr[at - 1] == '\\';
}

/* How many bytes the directive can have at most, joints included. */
static size_t raw_length(const struct seclang_reader *r)
{
    struct seclang_reader ahead = *r;
    skip_line(&ahead);
    return ahead.at - r->at;
}

/* One word from the front; `into` has room for it and a NUL. */
static int read_word(struct seclang_reader *r, char *into, size_t *used, struct waf_problem *p)
{
    size_t line = r->line, column = column_of(r), begin = *used;
    char quote = r->text.ptr[r->at] == '"' || r->text.ptr[r->at] == '\'' ? r->text.ptr[r->at] : 0;
    r->at += quote != 0;
    TRY(add_mark(r, *used));
    for (;;) {
        bool joined;
        bool over = is_over(r, &joined);
        if (joined)
            TRY(add_mark(r, *used));
        if (over && quote) {
            waf_problem_set(p, "the quote (%c) that begins here is not closed", quote);
            if (ends_nearly_joined(r))
                waf_problem_set(p,
                                "the quote (%c) that begins here is not closed: in line %u white "
                                "space stands behind the backslash, which joins no lines then",
                                quote, (unsigned)r->line);
            return malformed(r, line, column, p);
        }
        char c = over ? 0 : r->text.ptr[r->at];
        if (over || (quote ? c == quote : is_blank(c)))
            break;
        if (c == '\0') {
            waf_problem_set(p, "a NUL byte");
            return malformed(r, r->line, column_of(r), p);
        }
        char next = r->at + 1 < r->text.len ? r->text.ptr[r->at + 1] : 0;
        bool is_escape = c == '\\' && (next == '\\' || (quote && next == quote));
        into[(*used)++] = is_escape ? next : c;
        r->at += is_escape ? 2 : 1;
        if (is_escape)
            TRY(add_mark(r, *used));
    }
    r->at += quote != 0;
    slice word = slice_of(into + begin, *used - begin);
    into[(*used)++] = '\0';
    if (!quote && slice_equal(word, SLICE("\\"))) {
        waf_problem_set(p,
                        "a backslash joins lines only when nothing, not even a space, follows it");
        return malformed(r, line, column, p);
    }
    r->found.words.items[r->found.words.count++] = word;
    return 0;
}

int seclang_reader_next(struct seclang_reader *r, struct waf_problem *ret_problem)
{
    r->found.words.count = r->found.marks.count = 0;
    r->found.text = SLICE("");
    if (!find_directive(r))
        return 0;
    size_t line = r->line, column = column_of(r), length = raw_length(r);
    if (length > READER_LINE_BYTES_MAX) {
        waf_problem_set(ret_problem, "a directive of %zu bytes, at most %d are read", length,
                        READER_LINE_BYTES_MAX);
        return malformed(r, line, column, ret_problem);
    }
    /* Each word takes its bytes and a NUL, for which there is a blank or a quote, but for the last.
     */
    char *into = arena_take(r->words, length + 2);
    if (!into)
        return -ENOMEM;
    size_t used = 0;
    for (;;) {
        bool joined;
        while (!is_over(r, &joined) && is_blank(r->text.ptr[r->at]))
            r->at++;
        if (is_over(r, &joined))
            break;
        if (r->found.words.count == READER_WORDS_MAX) {
            waf_problem_set(ret_problem, "a directive with more than %d words", READER_WORDS_MAX);
            return malformed(r, line, column, ret_problem);
        }
        TRY(LIST_FIT(r->scratch, &r->found.words));
        TRY(read_word(r, into, &used, ret_problem));
    }
    skip_line(r);
    r->found.text = slice_of(into, used);
    return 1;
}

void reader_place(const struct reader_line *line, const char *byte, struct waf_problem *ret_place)
{
    const struct reader_mark *mark = line->marks.items;
    if (!line->marks.count)
        return;
    size_t at = 0;
    uintptr_t begin = (uintptr_t)line->text.ptr, wanted = (uintptr_t)byte;
    if (wanted >= begin && wanted <= begin + line->text.len)
        at = wanted - begin;
    unsigned low = 0, high = line->marks.count;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (mark[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    ret_place->line = mark[low].line;
    ret_place->column = mark[low].column + (unsigned)(at - mark[low].at);
}
