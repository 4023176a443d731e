#include "waf/detect/sql_token.h"

/* What a token costs beside its bytes: tables, the walk's judgement. */
enum { TOKEN_STEPS = 8 };

enum { TAG_BYTES_MAX = 32, BRACKET_BYTES_MAX = 128 };

void sql_reader_open(struct sql_reader *r, slice text, bool is_mysql, struct work *work)
{
    *r = (struct sql_reader){ .text = text, .is_mysql = is_mysql, .work = work };
}

static int pay(struct sql_reader *r)
{
    size_t steps = r->at - r->spent_at;
    r->spent_at = r->at;
    return work_spend(r->work, steps);
}

/* A loop over many bytes calls this for each. */
static inline int pay_by_block(struct sql_reader *r)
{
    return UNLIKELY(r->at - r->spent_at >= WORK_BLOCK) ? pay(r) : 0;
}

static char peek(const struct sql_reader *r, size_t ahead)
{
    return ahead < r->text.len - r->at ? r->text.ptr[r->at + ahead] : '\0';
}

static bool is_end(const struct sql_reader *r)
{
    return r->at >= r->text.len;
}

/* SQL Server takes all control characters for white space. */
static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

/* MySQL takes 0xa0 for a space in some character sets; in UTF-8 it is the end of a letter. */
static bool is_hard_space(const struct sql_reader *r)
{
    return !is_end(r) && (unsigned char)r->text.ptr[r->at] == 0xa0 &&
           (r->at == 0 || (unsigned char)r->text.ptr[r->at - 1] < 0x80 ||
            (unsigned char)r->text.ptr[r->at - 1] == 0xa0);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || c == '_' || ((unsigned char)c >= 0x80);
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '$';
}

static bool is_hex(char c)
{
    c = ascii_lower(c);
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static void token_is(struct sql_token *t, char letter, enum sql_word word, slice text)
{
    *t = (struct sql_token){ .letter = letter, .word = word, .text = text };
}

static slice since(const struct sql_reader *r, size_t from)
{
    return slice_of(r->text.ptr + from, r->at - from);
}

/* r->at stands behind the opening quote. A doubled quote is one of the string's. */
static int read_string(struct sql_reader *r, char quote, struct sql_token *ret)
{
    size_t from = r->at;
    while (!is_end(r)) {
        char c = r->text.ptr[r->at];
        if (c == '\\' && r->is_mysql && quote != '`') {
            r->at += r->at + 1 < r->text.len ? 2 : 1;
        } else if (c == quote && peek(r, 1) == quote) {
            r->at += 2;
        } else if (c == quote) {
            token_is(ret, quote == '`' ? 'n' : 's', SQL_OTHER, since(r, from));
            ret->is_dotted = quote == '`';
            r->at++;
            return pay(r);
        } else {
            r->at++;
        }
        TRY(pay_by_block(r));
    }
    token_is(ret, quote == '`' ? 'n' : 's', SQL_OTHER, since(r, from));
    ret->is_open = true;
    ret->is_dotted = quote == '`';
    return pay(r);
}

int sql_read_rest_of_string(struct sql_reader *r, char quote, struct sql_token *ret)
{
    return read_string(r, quote, ret);
}

/* A comment to the end of the line. */
static int read_line_comment(struct sql_reader *r, size_t sign, struct sql_token *ret)
{
    size_t from = r->at += sign;
    while (!is_end(r) && r->text.ptr[r->at] != '\n') {
        r->at++;
        TRY(pay_by_block(r));
    }
    token_is(ret, 'c', SQL_OTHER, since(r, from));
    ret->is_line = true;
    ret->is_hash = sign == 1;
    ret->is_open = is_end(r);
    return pay(r);
}

/* r->at stands at its sign. */
static int read_block_comment(struct sql_reader *r, struct sql_token *ret)
{
    size_t from = r->at += 2;
    while (!is_end(r)) {
        if (r->text.ptr[r->at] == '*' && peek(r, 1) == '/') {
            token_is(ret, 'c', SQL_OTHER, since(r, from));
            r->at += 2;
            return pay(r);
        }
        r->at++;
        TRY(pay_by_block(r));
    }
    token_is(ret, 'c', SQL_OTHER, since(r, from));
    ret->is_open = true;
    return pay(r);
}

/* MySQL executes what stands in such a comment, when it has the version or none is asked for. */
static void enter_execution(struct sql_reader *r)
{
    r->at += 3;
    for (unsigned digits = 0; digits < 6 && is_digit(peek(r, 0)); digits++)
        r->at++;
    r->in_execution = true;
}

static void leave_execution(struct sql_reader *r)
{
    r->at += 2;
    r->in_execution = false;
}

static int skip_while(struct sql_reader *r, bool (*is)(char))
{
    while (!is_end(r) && is(r->text.ptr[r->at])) {
        r->at++;
        TRY(pay_by_block(r));
    }
    return 0;
}

static int skip_word(struct sql_reader *r)
{
    while (!is_end(r) && is_word(r->text.ptr[r->at]) && !is_hard_space(r)) {
        r->at++;
        TRY(pay_by_block(r));
    }
    return 0;
}

static int read_number(struct sql_reader *r, struct sql_token *ret)
{
    size_t from = r->at;
    if (peek(r, 0) == '0' && ascii_lower(peek(r, 1)) == 'x' && is_hex(peek(r, 2))) {
        r->at += 2;
        TRY(skip_while(r, is_hex));
    } else {
        TRY(skip_while(r, is_digit));
        if (peek(r, 0) == '.' && !is_letter(peek(r, 1))) {
            r->at++;
            TRY(skip_while(r, is_digit));
        }
        size_t sign = peek(r, 1) == '-' || peek(r, 1) == '+' ? 2 : 1;
        if (ascii_lower(peek(r, 0)) == 'e' && is_digit(peek(r, sign))) {
            r->at += sign;
            TRY(skip_while(r, is_digit));
        }
    }
    token_is(ret, '1', SQL_OTHER, since(r, from));
    return pay(r);
}

/* Behind a number: `1or` is a number and a word where the word is one of SQL, and a name otherwise
 * (2nd, 90s, identifiers of MySQL). */
static bool number_is_name(struct sql_reader *r)
{
    if (!is_letter(peek(r, 0)) || is_hard_space(r))
        return false;
    size_t length = 0;
    while (is_word(peek(r, length)) && length < 64)
        length++;
    slice word = slice_of(r->text.ptr + r->at, length);
    const struct sql_word_entry *entry = sql_word_find(word);
    char suffix = ascii_lower(word.ptr[0]);
    if (!entry && (suffix == 'd' || suffix == 'f')) { /* Oracle: 1d, 1f */
        entry = sql_word_find(slice_after(word, 1));
        r->at += entry != NULL;
    }
    return !entry || entry->word == SQL_FUNCTION || entry->word == SQL_CAST_TYPE ||
           entry->word == SQL_NICENESS;
}

/* Further parts of a name: .part, .`part`, .[part], .* */
static int read_parts(struct sql_reader *r, struct sql_token *ret)
{
    while (peek(r, 0) == '.' && !is_end(r)) {
        struct sql_token part;
        char next = peek(r, 1);
        if (next == '`') {
            r->at += 2;
            TRY(read_string(r, '`', &part));
        } else if (is_letter(next) || next == '*') {
            r->at += 2;
            if (next != '*')
                TRY(skip_word(r));
        } else if (next == '.' && is_letter(peek(r, 2))) {
            r->at++; /* SQL Server: database..table */
            continue;
        } else {
            break;
        }
        ret->is_dotted = true;
        TRY(pay_by_block(r));
    }
    return 0;
}

static bool has_prefix_of_string(slice word, char quote)
{
    char first = word.len ? ascii_lower(word.ptr[0]) : '\0';
    if (word.len == 1 && (unsigned char)first >= 0x80)
        return quote == '\'' || quote == '"'; /* half a character that swallows a backslash */
    if (quote != '\'')
        return false;
    if (word.len == 1)
        return first == 'n' || first == 'x' || first == 'b' || first == 'e' || first == 'q';
    return (first == '_' && word.len < 16) || slice_equal_fold(word, SLICE("nq"));
}

static int read_word(struct sql_reader *r, struct sql_token *ret)
{
    size_t from = r->at;
    TRY(skip_word(r));
    slice word = since(r, from);
    char next = peek(r, 0);
    if (has_prefix_of_string(word, next)) {
        r->at++;
        return read_string(r, next, ret);
    }
    const struct sql_word_entry *entry = next == '.' ? NULL : sql_word_find(word);
    token_is(ret, entry ? entry->letter : 'n', entry ? (enum sql_word)entry->word : SQL_OTHER,
             word);
    if (!entry) {
        TRY(read_parts(r, ret));
        ret->text = since(r, from);
    }
    return pay(r);
}

/* `name`.`name` */
static int read_backtick(struct sql_reader *r, struct sql_token *ret)
{
    r->at++;
    TRY(read_string(r, '`', ret));
    TRY(read_parts(r, ret));
    return pay(r);
}

/* [name]: SQL Server, SQLite. */
static int read_bracket(struct sql_reader *r, struct sql_token *ret)
{
    size_t length = 1;
    while (length < BRACKET_BYTES_MAX && r->at + length < r->text.len && peek(r, length) != ']')
        length++;
    if (peek(r, length) != ']') {
        token_is(ret, '?', SQL_OTHER, slice_of(r->text.ptr + r->at, 1));
        r->at++;
        return pay(r);
    }
    token_is(ret, 'n', SQL_OTHER, slice_of(r->text.ptr + r->at + 1, length - 1));
    ret->is_dotted = true;
    r->at += length + 1;
    TRY(read_parts(r, ret));
    return pay(r);
}

/* @name, @@name, @'name', @`name` */
static int read_variable(struct sql_reader *r, struct sql_token *ret)
{
    size_t from = r->at++;
    bool is_global = peek(r, 0) == '@';
    r->at += is_global;
    char c = peek(r, 0);
    if (c == '`' || c == '\'' || c == '"') {
        r->at++;
        TRY(read_string(r, c, ret));
    } else {
        TRY(skip_word(r));
        while (peek(r, 0) == '.' && is_letter(peek(r, 1))) {
            r->at++;
            TRY(skip_word(r));
            TRY(pay_by_block(r));
        }
    }
    token_is(ret, 'v', SQL_OTHER, since(r, from));
    ret->is_global = is_global && ret->text.len > 2;
    return pay(r);
}

/* PostgreSQL: $1, $$string$$, $tag$string$tag$; SQL Server: $12.50. */
static int read_dollar(struct sql_reader *r, struct sql_token *ret)
{
    size_t from = r->at, length = 1;
    if (is_digit(peek(r, 1))) {
        r->at++;
        return read_number(r, ret);
    }
    while (length < TAG_BYTES_MAX && is_letter(peek(r, length)))
        length++;
    if (peek(r, length) != '$') {
        r->at += length;
        token_is(ret, 'n', SQL_OTHER, since(r, from));
        return pay(r);
    }
    slice tag = slice_of(r->text.ptr + r->at, length + 1);
    from = r->at += tag.len;
    while (!is_end(r) && !slice_starts_with(slice_after(r->text, r->at), tag)) {
        r->at++;
        TRY(pay_by_block(r));
    }
    token_is(ret, 's', SQL_OTHER, since(r, from));
    ret->is_open = is_end(r);
    r->at += is_end(r) ? 0 : tag.len;
    return pay(r);
}

static size_t sign_length(const struct sql_reader *r)
{
    static const char *const signs[] = { "<=>", "!~*", "||/", "->>", "<=", ">=", "<>", "!=",
                                         "==",  "!<",  "!>",  "^=",  ":=", "::", "||", "&&",
                                         "<<",  ">>",  "~*",  "!~",  "->", "@>", "<@", "|/" };
    char second = peek(r, 1);
    if (second == '\0' || !memchr("=<>|&~*:@/", second, 10))
        return 1;
    slice rest = slice_after(r->text, r->at);
    for (size_t i = 0; i < ARRAY_LENGTH(signs); i++)
        if (slice_starts_with(rest, slice_from(signs[i])))
            return strlen(signs[i]);
    return 1;
}

static enum sql_word sign_word(const struct sql_reader *r, slice sign)
{
    if (slice_equal(sign, SLICE("||")))
        return r->is_mysql ? SQL_LOGIC : SQL_ARITHMETIC;
    if (slice_equal(sign, SLICE("&&")))
        return SQL_LOGIC;
    if (slice_equal(sign, SLICE("!")))
        return SQL_NOT;
    if (slice_equal(sign, SLICE("<<")) || slice_equal(sign, SLICE(">>")) ||
        slice_starts_with(sign, SLICE("->")))
        return SQL_ARITHMETIC;
    return memchr("=<>!^~@", sign.ptr[0], 7) && !slice_equal(sign, SLICE("^")) &&
                   !slice_equal(sign, SLICE("~"))
               ? SQL_COMPARE
               : SQL_ARITHMETIC;
}

static int read_sign(struct sql_reader *r, struct sql_token *ret)
{
    bool is_punctuation = memchr("(){},;", peek(r, 0), 6) != NULL;
    slice sign = slice_of(r->text.ptr + r->at, is_punctuation ? 1 : sign_length(r));
    r->at += sign.len;
    if (is_punctuation) {
        token_is(ret, sign.ptr[0], SQL_OTHER, sign);
    } else if (sign.len == 1 && !memchr("=<>!^~|&+-*/%", sign.ptr[0], 13)) {
        token_is(ret, '?', SQL_OTHER, sign);
    } else {
        enum sql_word word = sign_word(r, sign);
        token_is(ret, word == SQL_LOGIC ? '&' : 'o', word, sign);
    }
    return pay(r);
}

/* -- begins a comment; for MySQL only before white space, a control character or the end. */
static bool is_dash_comment(const struct sql_reader *r)
{
    if (peek(r, 1) != '-')
        return false;
    char after = peek(r, 2);
    return !r->is_mysql || (unsigned char)after <= ' ' || (unsigned char)after == 0xa0;
}

/* MySQL reads 1.e before a sign as nothing at all. */
static void skip_empty_exponent(struct sql_reader *r)
{
    size_t length = 0;
    while (length < 8 && is_digit(peek(r, length)))
        length++;
    if (peek(r, length) == '.' && ascii_lower(peek(r, length + 1)) == 'e' &&
        !is_word(peek(r, length + 2)) && !memchr("+-", peek(r, length + 2), 2))
        r->at += length + 2;
}

/* White space, and the borders of comments that are executed. A lone backslash too: it escapes
 * nothing here. */
static int skip_space(struct sql_reader *r)
{
    while (!is_end(r)) {
        char c = peek(r, 0);
        if (r->is_mysql && is_digit(c))
            skip_empty_exponent(r);
        c = peek(r, 0);
        if (is_space(c) || is_hard_space(r) || (c == '\\' && peek(r, 1) != 'N'))
            r->at++;
        else if (r->is_mysql && c == '/' && peek(r, 1) == '*' && peek(r, 2) == '!')
            enter_execution(r);
        else if (r->in_execution && c == '*' && peek(r, 1) == '/')
            leave_execution(r);
        else
            break;
        TRY(pay_by_block(r));
    }
    return 0;
}

int sql_read(struct sql_reader *r, struct sql_token *ret)
{
    TRY(work_spend(r->work, TOKEN_STEPS));
    TRY(skip_space(r));
    *ret = (struct sql_token){ .text = slice_of(r->text.ptr + r->at, 0) };
    if (is_end(r))
        return pay(r);
    char c = peek(r, 0), next = peek(r, 1);
    if (is_letter(c))
        return read_word(r, ret);
    if (is_digit(c) || (c == '.' && is_digit(next))) {
        size_t from = r->at;
        TRY(read_number(r, ret));
        if (number_is_name(r)) {
            TRY(skip_word(r));
            token_is(ret, 'n', SQL_OTHER, since(r, from));
        }
        return pay(r);
    }
    if (c == '\'' || c == '"') {
        r->at++;
        return read_string(r, c, ret);
    }
    if (c == '-' && is_dash_comment(r))
        return read_line_comment(r, 2, ret);
    if (c == '#' && r->is_mysql)
        return read_line_comment(r, 1, ret);
    if (c == '/' && next == '*')
        return read_block_comment(r, ret);
    if (c == '`')
        return read_backtick(r, ret);
    if (c == '[')
        return read_bracket(r, ret);
    if (c == '@')
        return read_variable(r, ret);
    if (c == '$')
        return read_dollar(r, ret);
    if (c == '\\') { /* \N is NULL */
        token_is(ret, '1', SQL_CONSTANT, slice_of(r->text.ptr + r->at, 2));
        r->at += 2;
        return pay(r);
    }
    return read_sign(r, ret);
}
