#include "waf/detect/html_token.h"

static int pay(struct html_reader *r)
{
    size_t steps = r->at - r->spent_at;
    r->spent_at = r->at;
    return work_spend(r->work, steps);
}

static bool is_end(const struct html_reader *r)
{
    return r->at >= r->text.len;
}

static char peek(const struct html_reader *r, size_t ahead)
{
    return ahead < r->text.len - r->at ? r->text.ptr[r->at + ahead] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_letter(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

static slice since(const struct html_reader *r, size_t from)
{
    return slice_of(r->text.ptr + from, r->at - from);
}

/* To the first byte of `stops`, or of white space when `spaces`. */
static int skip_until(struct html_reader *r, const char *stops, bool spaces)
{
    size_t count = strlen(stops);
    while (!is_end(r)) {
        char c = r->text.ptr[r->at];
        if (memchr(stops, c, count) || (spaces && is_space(c)))
            break;
        r->at++;
        if (UNLIKELY(r->at - r->spent_at >= WORK_BLOCK))
            TRY(pay(r));
    }
    return 0;
}

static int skip_space(struct html_reader *r)
{
    while (!is_end(r) && is_space(r->text.ptr[r->at])) {
        r->at++;
        if (UNLIKELY(r->at - r->spent_at >= WORK_BLOCK))
            TRY(pay(r));
    }
    return 0;
}

int html_reader_open(struct html_reader *r, slice text, enum html_place place, struct work *work)
{
    static const char *const ends[] = { [HTML_PLACE_UNQUOTED] = ">",
                                        [HTML_PLACE_SINGLE] = "'",
                                        [HTML_PLACE_DOUBLE] = "\"",
                                        [HTML_PLACE_BACKTICK] = "`" };
    *r = (struct html_reader){ .text = text, .work = work };
    r->in_tag = place != HTML_PLACE_TEXT;
    if (place == HTML_PLACE_TEXT || place == HTML_PLACE_TAG)
        return 1;
    TRY(skip_until(r, ends[place], place == HTML_PLACE_UNQUOTED));
    TRY(pay(r));
    if (is_end(r))
        return 0;
    r->at += place != HTML_PLACE_UNQUOTED;
    return 1;
}

static int read_value(struct html_reader *r, slice *ret)
{
    char quote = peek(r, 0);
    const char *ends = quote == '"' ? "\"" : quote == '\'' ? "'" : quote == '`' ? "`" : NULL;
    if (!ends) {
        size_t from = r->at;
        TRY(skip_until(r, ">", true));
        *ret = since(r, from);
        return pay(r);
    }
    size_t from = ++r->at;
    TRY(skip_until(r, ends, false));
    *ret = since(r, from);
    r->at += !is_end(r);
    return pay(r);
}

/* 13.2.5.33: a name begins with any byte, an equals sign too. */
static int read_attribute(struct html_reader *r, struct html_event *ret)
{
    size_t from = r->at++;
    TRY(skip_until(r, "/>=", true));
    *ret = (struct html_event){ .kind = HTML_ATTRIBUTE, .name = since(r, from), .at = from };
    size_t behind = r->at;
    TRY(skip_space(r));
    if (peek(r, 0) != '=') {
        r->at = behind; /* at most what was read: names are read once more, not values */
        r->spent_at = r->spent_at < behind ? r->spent_at : behind;
        return pay(r);
    }
    r->at++;
    TRY(skip_space(r));
    return read_value(r, &ret->value);
}

static int read_comment(struct html_reader *r, struct html_event *ret)
{
    size_t begin = r->at, from = r->at += 4;
    *ret = (struct html_event){ .kind = HTML_COMMENT, .at = begin };
    if (peek(r, 0) == '>' || (peek(r, 0) == '-' && peek(r, 1) == '>')) { /* 13.2.5.43 */
        r->at += peek(r, 0) == '>' ? 1 : 2;
        return pay(r);
    }
    while (!is_end(r)) {
        TRY(skip_until(r, "-", false));
        slice rest = slice_after(r->text, r->at);
        size_t end = slice_starts_with(rest, SLICE("-->"))    ? 3
                     : slice_starts_with(rest, SLICE("--!>")) ? 4
                                                              : 0;
        if (end) {
            ret->value = since(r, from);
            r->at += end;
            return pay(r);
        }
        r->at += !is_end(r);
    }
    ret->value = since(r, from);
    return pay(r);
}

/* Something that begins with < and is no text; false: it is. */
static bool is_markup(const struct html_reader *r)
{
    char next = peek(r, 1);
    return is_letter(next) || next == '!' || next == '?' || (next == '/' && is_letter(peek(r, 2)));
}

static int read_markup(struct html_reader *r, struct html_event *ret)
{
    size_t begin = r->at;
    if (slice_starts_with(slice_after(r->text, r->at), SLICE("<!--")))
        return read_comment(r, ret);
    char next = peek(r, 1);
    *ret = (struct html_event){ .at = begin };
    if (next == '!' || next == '?') {
        ret->kind = next == '!' ? HTML_DECLARATION : HTML_INSTRUCTION;
        size_t from = r->at += 2;
        TRY(skip_until(r, ">", false));
        ret->value = since(r, from);
        r->at += !is_end(r);
        return pay(r);
    }
    ret->kind = next == '/' ? HTML_END_TAG : HTML_TAG;
    size_t from = r->at += next == '/' ? 2 : 1;
    TRY(skip_until(r, "/>", true));
    ret->name = since(r, from);
    r->in_tag = true;
    return pay(r);
}

int html_read(struct html_reader *r, struct html_event *ret)
{
    while (!is_end(r)) {
        char c = r->text.ptr[r->at];
        if (!r->in_tag) {
            if (c == '<' && is_markup(r))
                return read_markup(r, ret);
            r->at++;
            TRY(skip_until(r, "<", false));
        } else if (c == '>') {
            r->in_tag = false;
            r->at++;
        } else if (is_space(c) || c == '/') {
            r->at++;
        } else {
            return read_attribute(r, ret);
        }
        if (UNLIKELY(r->at - r->spent_at >= WORK_BLOCK))
            TRY(pay(r));
    }
    *ret = (struct html_event){ .kind = HTML_END, .at = r->at };
    return pay(r);
}
