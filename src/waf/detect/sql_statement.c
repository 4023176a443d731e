#include "waf/detect/sql_statement.h"

#include "waf/detect/sql_evidence.h"

enum { STOP = 1 };

int sql_union_begin(struct sql_walk *w)
{
    bool has_all = false;
    if (w->select != SQL_SELECT_NONE && !w->depth)
        w->in_union = true;
    while (w->tokens[1].word == SQL_ALL || w->tokens[1].word == SQL_DISTINCT) {
        has_all = true;
        TRY(sql_walk_advance(w));
    }
    char next = w->tokens[1].letter;
    if (w->tokens[1].word == SQL_VALUES && w->tokens[2].letter == '(' && w->is_anchored) {
        w->because = "UNION with VALUES";
        return STOP;
    }
    /* Behind the end of a comment in which the value stood. */
    if (has_all && w->place == SQL_PLACE_COMMENT && next == 'o') {
        w->because = "UNION behind a comment";
        return STOP;
    }
    if (w->tokens[1].word != SQL_SELECT && next != '(')
        return STOP;
    w->in_union = true;
    w->wants_operand = true;
    return 0;
}

static bool is_name(const struct sql_token *t)
{
    return t->letter == 'n' || t->letter == 'v' || t->word == SQL_OBJECT ||
           t->word == SQL_FUNCTION || t->word == SQL_DANGER;
}

static bool ends(const struct sql_token *t)
{
    return t->letter == '\0' || t->letter == ';' || t->letter == 'c';
}

static int found(struct sql_walk *w, const char *because)
{
    w->because = because;
    return STOP;
}

int sql_select_begin(struct sql_walk *w, enum sql_select_kind kind)
{
    w->select = kind;
    w->in_union = false;
    w->begins_select |= kind == SQL_SELECT_FIRST && !w->is_anchored;
    w->wants_operand = w->select_is_fresh = true;
    w->select_has_star = w->select_has_from = w->select_has_where = false;
    w->is_comparing = w->is_condition = false;
    const struct sql_token *next = &w->tokens[1];
    if (kind == SQL_SELECT_UNION && w->is_anchored && ends(next))
        return found(w, "a UNION with its SELECT");
    bool is_nested =
        next->word == SQL_CASE ||
        (next->letter == '(' && (w->tokens[2].word == SQL_CASE || w->tokens[2].word == SQL_SELECT));
    if (kind == SQL_SELECT_INNER && is_nested)
        return found(w, "a subselect");
    while (w->tokens[1].word == SQL_DISTINCT || w->tokens[1].word == SQL_ALL) {
        bool is_top = slice_equal_fold(w->tokens[1].text, SLICE("top"));
        TRY(sql_walk_advance(w));
        if (is_top && w->tokens[1].letter == '1')
            TRY(sql_walk_advance(w));
    }
    return 0;
}

static int exec_statement(struct sql_walk *w, bool is_stacked)
{
    const struct sql_token *next = &w->tokens[1];
    bool is_call = w->tokens[2].letter == '(';
    if (!is_stacked && (!w->is_anchored || slice_equal_fold(w->tokens[0].text, SLICE("call"))))
        return sql_is_dangerous_package(next->text) ? found(w, "a stored procedure is run") : STOP;
    if (next->word == SQL_DANGER || (is_name(next) && next->is_dotted && !next->is_open) ||
        sql_is_dangerous_package(next->text))
        return found(w, "a stored procedure is run");
    if (is_stacked && w->is_anchored &&
        (next->word == SQL_CASE || (is_name(next) && (is_call || sql_is_quoted(w->place)))))
        return found(w, "a stored procedure is run");
    if (w->is_anchored && next->letter == '(' &&
        (w->tokens[2].letter == 's' || w->tokens[2].letter == 'v'))
        return found(w, "a string is run as a statement");
    return STOP;
}

/* What changes data or the schema: three tokens tell. */
static bool changes(const struct sql_walk *w)
{
    const struct sql_token *next = &w->tokens[1], *third = &w->tokens[2];
    switch (w->tokens[0].word) {
    case SQL_DROP:
        return (next->word == SQL_OBJECT && (is_name(third) || third->letter == 'T')) ||
               (next->word == SQL_LOGIC && third->word == SQL_INSERT); /* create or replace */
    case SQL_INSERT:
        return next->word == SQL_INTO && is_name(third);
    case SQL_UPDATE:
        return is_name(next) && third->word == SQL_SET;
    case SQL_DELETE:
        return next->word == SQL_FROM && is_name(third);
    case SQL_SET:
        return is_name(next) && third->word == SQL_COMPARE;
    default:
        return false;
    }
}

static bool is_one_of(slice word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_fold(word, slice_from(words[i])))
            return true;
    return false;
}

/* begin …; if (…) …; do f(…): what follows decides. Others end behind a name. */
static int other_statement(struct sql_walk *w, bool has_left)
{
    if (slice_equal_fold(w->tokens[0].text, SLICE("begin")))
        TRY(sql_walk_advance(w));
    slice word = w->tokens[0].text;
    const struct sql_token *next = &w->tokens[1];
    if (sql_is_dangerous_package(word) || sql_is_dangerous_package(next->text))
        return found(w, "a stored procedure is run");
    if (next->letter == '(' &&
        (slice_equal_fold(word, SLICE("if")) || slice_equal_fold(word, SLICE("while")))) {
        w->wants_operand = true;
        return 0;
    }
    if (has_left && slice_equal_fold(word, SLICE("do"))) {
        w->wants_operand = true;
        return 0;
    }
    static const char *const certain[] = { "grant", "revoke", "pragma", "backup", "bulk", "dbcc" };
    if (has_left && w->is_anchored && is_one_of(word, certain, ARRAY_LENGTH(certain)) &&
        (is_name(next) || next->letter == 'k'))
        return found(w, "a statement behind another");
    if (has_left && sql_is_quoted(w->place) && w->place < SQL_PLACE_BACKTICK && is_name(next) &&
        ends(&w->tokens[2]))
        return found(w, "a statement behind another");
    return STOP;
}

/* Statements by themselves are what people write about and administrators send: only what comes
 * behind something else leaves a place. */
int sql_statement(struct sql_walk *w, enum sql_select_kind kind)
{
    const struct sql_token *t = &w->tokens[0], *next = &w->tokens[1];
    bool is_stacked = kind == SQL_SELECT_STACKED;
    bool has_left = is_stacked || (kind == SQL_SELECT_NEXT && (w->operands > 1 || w->has_closed));
    switch (t->word) {
    case SQL_SELECT:
        return has_left || kind == SQL_SELECT_FIRST || !sql_is_quoted(w->place)
                   ? sql_select_begin(w, kind)
                   : STOP;
    case SQL_DROP:
    case SQL_INSERT:
    case SQL_UPDATE:
    case SQL_DELETE:
    case SQL_SET:
        return has_left && changes(w) ? found(w, "a statement that changes data") : STOP;
    case SQL_EXEC:
        return exec_statement(w, is_stacked);
    case SQL_DECLARE:
        if (next->letter == 'v' && w->tokens[2].letter && strchr("nktf", w->tokens[2].letter))
            return found(w, "a statement that declares a variable");
        return STOP;
    case SQL_WAITFOR:
        return next->letter != 'c' && w->tokens[2].letter == 's'
                   ? found(w, "a statement that waits")
                   : STOP;
    case SQL_SHUTDOWN:
        return is_stacked && w->is_anchored && (ends(next) || next->word == SQL_NICENESS)
                   ? found(w, "a statement that ends the server")
                   : STOP;
    case SQL_STATEMENT:
        return kind != SQL_SELECT_FIRST ? other_statement(w, has_left) : STOP;
    default:
        break;
    }
    if (is_stacked && t->letter == '(' && next->word == SQL_SELECT) {
        w->wants_operand = true;
        w->depth++;
        return 0;
    }
    if (is_stacked && (t->letter == 'c' || (t->letter == '\0' && sql_is_quoted(w->place))))
        sql_evidence_end(w, t);
    return STOP;
}
