#include "waf/detect/sql_walk.h"

#include "waf/detect/sql_evidence.h"
#include "waf/detect/sql_statement.h"

/* What a step says about the walk. */
enum { STOP = 1 };

int sql_walk_advance(struct sql_walk *w)
{
    struct sql_token *newest = &w->tokens[2];
    w->tokens[0] = w->tokens[1];
    w->tokens[1] = w->tokens[2];
    w->lines[0] = w->lines[1];
    w->lines[1] = w->lines[2];
    w->lines[2].letter = '\0';
    do {
        TRY(sql_read(&w->reader, newest));
        if (newest->letter == 'c' && newest->is_line && w->lines[2].letter == '\0')
            w->lines[2] = *newest;
    } while (newest->letter == 'c' && !newest->is_open);
    return 0;
}

static bool opens_call(const struct sql_walk *w)
{
    return w->tokens[1].letter == '(';
}

static void open_parenthesis(struct sql_walk *w, bool is_call)
{
    if (w->depth < SQL_PARENTHESES_MAX) {
        uint64_t bit = UINT64_C(1) << w->depth;
        w->calls = is_call ? w->calls | bit : w->calls & ~bit;
    }
    w->depth++;
    w->wants_operand = true;
    w->may_alias = false;
}

static bool in_call(const struct sql_walk *w)
{
    return w->depth > 0 && w->depth <= SQL_PARENTHESES_MAX && w->calls >> (w->depth - 1) & 1;
}

static void close_parenthesis(struct sql_walk *w)
{
    bool was_call = in_call(w);
    if (w->depth > 0) {
        w->depth--;
    } else {
        w->has_closed = true;
        w->is_anchored |= sql_is_quoted(w->place) || w->last.kind == SQL_LITERAL || !w->has_started;
        w->begins_closed |= !w->has_started;
    }
    if (was_call || w->last.kind == SQL_NAME || w->last.kind == SQL_NO_OPERAND)
        w->last = (struct sql_operand){ .kind = was_call ? SQL_CALL : SQL_GROUP };
    w->has_started = true;
    w->wants_operand = false;
    w->may_alias = w->select != SQL_SELECT_NONE;
}

static void take_operand(struct sql_walk *w, enum sql_operand_kind kind)
{
    const struct sql_token *t = &w->tokens[0];
    w->last = (struct sql_operand){
        .kind = kind, .is_open = t->is_open, .is_dotted = t->is_dotted, .text = t->text
    };
    if (w->is_computed && kind == SQL_LITERAL)
        w->last.kind = SQL_GROUP; /* x % 4 is no literal */
    w->is_computed = false;
    if (!w->has_started) {
        w->first = t->text;
        w->is_anchored |= !sql_is_quoted(w->place) && t->letter == '1' && !w->logics;
    }
    w->has_started = true;
    w->operands++;
    w->wants_operand = false;
    w->may_alias = w->select != SQL_SELECT_NONE;
    if (w->is_comparing)
        sql_evidence_comparison(w);
    else if (w->is_condition)
        sql_evidence_condition(w);
    w->is_comparing = w->is_condition = false;
    if (w->select_is_fresh)
        sql_evidence_select(w);
    if (w->orders)
        sql_evidence_order(w);
    w->select_is_fresh = w->orders = false;
}

/* name( … : the call is an operand as soon as it opens. */
static int take_call(struct sql_walk *w)
{
    bool is_fresh = w->select_is_fresh, is_condition = w->is_condition;
    sql_evidence_call(w, is_condition);
    w->select_is_fresh = false;
    take_operand(w, SQL_CALL);
    if (is_fresh && !w->because)
        sql_evidence_select(w);
    TRY(sql_walk_advance(w));
    open_parenthesis(w, true);
    return 0;
}

static int want_word(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    switch (t->word) {
    case SQL_SELECT:
        return sql_select_begin(w, w->in_union                ? SQL_SELECT_UNION
                                   : w->depth > 0             ? SQL_SELECT_INNER
                                   : w->select || w->operands ? SQL_SELECT_STACKED
                                                              : SQL_SELECT_FIRST);
    case SQL_CASE:
        w->cases++;
        return 0;
    case SQL_WHEN:
        w->logics++; /* its condition is one */
        return w->cases ? 0 : STOP;
    case SQL_NOT:
    case SQL_UNARY:
    case SQL_DISTINCT:
    case SQL_ALL:
        return w->has_started || w->select || w->tokens[1].letter == '(' || t->word == SQL_NOT
                   ? 0
                   : STOP;
    case SQL_CONSTANT:
        take_operand(w, SQL_LITERAL);
        return 0;
    case SQL_CAST_TYPE:
    case SQL_FUNCTION:
    case SQL_DANGER:
    case SQL_OBJECT:
    case SQL_DELAY:
    case SQL_PROCEDURE:
        take_operand(w, SQL_NAME);
        return 0;
    case SQL_SET_OPERATOR:
        return w->has_started || sql_is_quoted(w->place) ? STOP : sql_union_begin(w);
    default:
        return w->has_started ? STOP : sql_statement(w, SQL_SELECT_FIRST);
    }
}

/* A sign or a logical word where an operand is wanted. */
static int want_sign(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    if (t->word == SQL_LOGIC) {
        if (w->has_started || w->logics || sql_is_quoted(w->place))
            return STOP;
        w->logics++;
        w->is_condition = true;
        return 0;
    }
    if (t->word == SQL_NOT || t->word == SQL_UNARY)
        return 0;
    if (w->is_comparing && t->word == SQL_COMPARE && t->letter == 'o') /* sounds like */
        return slice_equal_fold(t->text, SLICE("like")) ? 0 : STOP;
    if (slice_equal(t->text, SLICE("*")) && (w->select_is_fresh || in_call(w) || w->select)) {
        w->select_has_star |= w->select_is_fresh;
        take_operand(w, SQL_STAR);
        return 0;
    }
    w->has_sign = true;
    return t->text.len == 1 && memchr("+-~@", t->text.ptr[0], 4) ? 0 : STOP;
}

static int want_punctuation(struct sql_walk *w)
{
    switch (w->tokens[0].letter) {
    case '(':
        open_parenthesis(w, false);
        return 0;
    case ')':
        if (w->has_started && !in_call(w))
            return STOP;
        close_parenthesis(w);
        return 0;
    case ';':
        if (w->has_started || sql_is_quoted(w->place))
            return STOP;
        TRY(sql_walk_advance(w));
        return sql_statement(w, SQL_SELECT_FIRST);
    case '{': /* ODBC: {d '…'}, {fn …}; MySQL: {x (…)} */
        if (w->tokens[1].letter != 'n' || !w->has_started)
            return STOP;
        return sql_walk_advance(w);
    default:
        return STOP;
    }
}

static int want(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    switch (t->letter) {
    case '1':
        take_operand(w, SQL_LITERAL);
        return 0;
    case 's':
        take_operand(w, SQL_STRING);
        return 0;
    case 'v':
        if (t->word == SQL_CONSTANT && opens_call(w)) /* sysdate() */
            return take_call(w);
        take_operand(w, t->is_global || t->word == SQL_CONSTANT ? SQL_LITERAL : SQL_NAME);
        return 0;
    case 'n':
        if (opens_call(w))
            return take_call(w);
        take_operand(w, SQL_NAME);
        return 0;
    case 'o':
    case '&':
        if (opens_call(w) && t->word == SQL_UNARY)
            return 0;
        if (opens_call(w) && t->word == SQL_COMPARE && t->text.len > 2 && !w->is_comparing)
            return take_call(w); /* SQLite: like(x, y) */
        return want_sign(w);
    case '(':
    case ')':
    case ';':
    case '{':
    case ',':
    case '}':
    case '?':
        return want_punctuation(w);
    default:
        break;
    }
    bool is_call = opens_call(w) && t->word != SQL_SELECT && t->word != SQL_CASE &&
                   t->word != SQL_WHEN && t->word != SQL_SET_OPERATOR && t->word != SQL_ALL &&
                   t->word != SQL_DISTINCT && t->word != SQL_FROM && t->word != SQL_WHERE &&
                   t->word != SQL_EXEC;
    return is_call ? take_call(w) : want_word(w);
}

/* A number or a name that is put into a statement stands on one side of a comparison there. One
 * that is a side of another already comes from a formula, a filter or a program. */
static void note_comparison(struct sql_walk *w)
{
    w->begins_compared |= w->place == SQL_PLACE_PLAIN && !w->logics && !w->select && !w->has_closed;
}

static int have_operator(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    switch (t->word) {
    case SQL_NOT: /* not like, not in, not between */
        return w->tokens[1].word == SQL_COMPARE || w->tokens[1].word == SQL_BETWEEN ? 0 : STOP;
    case SQL_LOGIC:
        w->wants_operand = true;
        if (w->is_between) {
            w->is_between = false;
            return 0;
        }
        w->logics++;
        w->is_condition = true;
        w->may_alias = false;
        return 0;
    case SQL_COMPARE:
        if (slice_equal_fold(t->text, SLICE("in")) &&
            slice_equal_fold(w->tokens[1].text, SLICE("boolean"))) {
            TRY(sql_walk_advance(w)); /* in boolean mode */
            return w->tokens[1].word == SQL_NICENESS ? sql_walk_advance(w) : STOP;
        }
        if (slice_equal_fold(t->text, SLICE("is")) && w->tokens[1].word != SQL_NOT &&
            w->tokens[1].word != SQL_CONSTANT && w->tokens[1].word != SQL_DISTINCT)
            return STOP; /* prose */
        w->left = w->last;
        w->is_comparing = w->wants_operand = true;
        w->operators++;
        w->has_order |= memchr("<>!~", t->text.ptr[0], 4) || slice_equal(t->text, SLICE("=="));
        w->is_equality = slice_equal(t->text, SLICE("="));
        note_comparison(w);
        return 0;
    case SQL_BETWEEN:
        w->left = w->last;
        note_comparison(w);
        w->is_comparing = w->is_between = w->wants_operand = true;
        return 0;
    case SQL_ARITHMETIC:
        w->operators++;
        w->is_computed = w->last.kind != SQL_LITERAL;
        w->wants_operand = true;
        return 0;
    default:
        return STOP;
    }
}

static int have_clause(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    switch (t->word) {
    case SQL_WHERE:
        if (!w->select_has_from && slice_equal_fold(t->text, SLICE("on")))
            return STOP; /* what else is "on" in a text … */
        w->select_has_where = w->select_has_from;
        w->logics++;
        w->is_condition = w->wants_operand = true;
        return 0;
    case SQL_FROM:
        if (!w->select && !w->depth)
            return STOP;
        sql_evidence_from(w);
        w->select_has_from = w->wants_operand = true;
        return 0;
    case SQL_JOIN:
        if (!w->select_has_from)
            return STOP;
        while (w->tokens[1].word == SQL_JOIN)
            TRY(sql_walk_advance(w));
        w->wants_operand = true;
        return 0;
    case SQL_ORDER:
        if (w->tokens[1].word != SQL_BY)
            return STOP;
        w->orders = w->wants_operand = true;
        return sql_walk_advance(w);
    case SQL_LIMIT:
        w->limits = w->wants_operand = true;
        return 0;
    case SQL_PROCEDURE:
        if (w->tokens[2].letter == '(' &&
            (w->is_anchored || slice_equal_fold(w->tokens[1].text, SLICE("analyse"))))
            w->because = "a procedure behind a SELECT";
        return STOP;
    case SQL_INTO:
        if (w->tokens[1].word == SQL_OUTFILE && w->tokens[2].letter == 's')
            w->because = "the result into a file";
        return STOP;
    case SQL_SET_OPERATOR:
        return sql_union_begin(w);
    default:
        return w->is_anchored || t->word == SQL_WAITFOR ? sql_statement(w, SQL_SELECT_NEXT) : STOP;
    }
}

static int have_word(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    switch (t->word) {
    case SQL_NICENESS:
        if (slice_equal_fold(t->text, SLICE("for")))
            w->wants_operand = w->depth > 0;
        return w->has_started ? 0 : STOP;
    case SQL_COLLATE:
        return w->tokens[1].letter == 'n' ? sql_walk_advance(w) : STOP;
    case SQL_AS:
        return w->tokens[1].letter && !strchr("(){},;c?", w->tokens[1].letter) ? sql_walk_advance(w)
                                                                               : STOP;
    case SQL_WHEN:
        w->wants_operand = true;
        return w->cases ? 0 : STOP;
    case SQL_END:
        w->last = (struct sql_operand){ .kind = SQL_GROUP };
        return w->cases-- ? 0 : (w->cases = 0, STOP);
    case SQL_CAST_TYPE:
    case SQL_FUNCTION:
    case SQL_DANGER:
    case SQL_OTHER:
    case SQL_OBJECT:
        sql_evidence_adjacent_call(w);
        if (!w->may_alias || opens_call(w))
            return STOP;
        w->may_alias = false;
        return 0;
    default:
        return have_clause(w);
    }
}

static int have(struct sql_walk *w)
{
    const struct sql_token *t = &w->tokens[0];
    switch (t->letter) {
    case 'o':
    case '&':
        return have_operator(w);
    case 's':
        if (w->last.kind != SQL_STRING || w->operands == 1)
            return STOP;
        w->last.is_open = t->is_open;
        return 0;
    case ')':
    case '}':
        if (t->letter == ')')
            close_parenthesis(w);
        return 0;
    case '(':
        if (w->tokens[1].word == SQL_SELECT && w->is_anchored) {
            open_parenthesis(w, false);
            return 0;
        }
        if (w->tokens[1].word == SQL_CAST_TYPE || w->tokens[1].letter != '1' || !w->depth)
            return STOP;
        open_parenthesis(w, true); /* cast(x as char(10)) */
        return 0;
    case ',':
        w->wants_operand = true;
        w->is_comparing = w->is_condition = false;
        return 0;
    case ';':
        TRY(sql_walk_advance(w));
        return sql_statement(w, SQL_SELECT_STACKED);
    case '1':
    case 'v':
    case '?':
    case '{':
        return STOP;
    default:
        return have_word(w);
    }
}

static int begin(struct sql_walk *w)
{
    if (!sql_is_quoted(w->place)) {
        w->wants_operand = true;
    } else {
        struct sql_token string;
        TRY(sql_read_rest_of_string(&w->reader, sql_place_quote(w->place), &string));
        if (string.is_open)
            return STOP;
        w->last = (struct sql_operand){ .kind = SQL_STRING, .text = string.text };
        w->first = string.text;
        w->has_started = w->is_anchored = true;
        w->operands = 1;
    }
    for (unsigned i = 0; i < ARRAY_LENGTH(w->tokens); i++)
        TRY(sql_walk_advance(w));
    return 0;
}

int sql_walk(struct sql_walk *w, slice value, enum sql_place place, bool is_mysql,
             struct work *work)
{
    *w = (struct sql_walk){ .place = place };
    sql_reader_open(&w->reader, value, is_mysql, work);
    int result = begin(w);
    while (result == 0 && !w->because) {
        char letter = w->tokens[0].letter;
        if (w->lines[0].letter)
            sql_evidence_end(w, &w->lines[0]);
        if (!w->because && (letter == '\0' || letter == 'c')) {
            sql_evidence_end(w, &w->tokens[0]);
            break;
        }
        if (!w->because)
            result = w->wants_operand ? want(w) : have(w);
        if (result == 0 && !w->because)
            result = sql_walk_advance(w);
    }
    return result < 0 ? result : 0;
}
