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

int sql_select_begin(struct sql_walk *w, enum sql_select_kind kind)
{
    w->select = kind;
    w->in_union = false;
    w->wants_operand = w->select_is_fresh = true;
    w->select_has_star = w->select_has_from = w->select_has_where = false;
    w->is_comparing = w->is_condition = false;
    while (w->tokens[1].word == SQL_DISTINCT || w->tokens[1].word == SQL_ALL) {
        bool is_top = slice_equal_fold(w->tokens[1].text, SLICE("top"));
        TRY(sql_walk_advance(w));
        if (is_top && w->tokens[1].letter == '1')
            TRY(sql_walk_advance(w));
    }
    return 0;
}

static bool is_name(const struct sql_token *t)
{
    return t->letter == 'n' || t->letter == 'v' || t->letter == 's' || t->word == SQL_OBJECT ||
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

/* drop table x, create database x … */
static int object_statement(struct sql_walk *w, bool is_sure)
{
    if (w->tokens[1].word != SQL_OBJECT && w->tokens[1].word != SQL_PROCEDURE)
        return STOP;
    if (is_sure && (is_name(&w->tokens[2]) || w->tokens[2].letter == 'T'))
        return found(w, "a statement that changes the schema");
    bool drops = w->tokens[0].letter == 'T' && w->tokens[1].word == SQL_OBJECT;
    bool is_if = w->tokens[2].letter == 'T'; /* drop table if exists */
    bool is_dotted = w->tokens[2].is_dotted;
    TRY(sql_walk_advance(w));
    TRY(sql_walk_advance(w));
    if (drops && (is_if || (is_name(&w->tokens[0]) && (is_dotted || ends(&w->tokens[1])))))
        return found(w, "a statement that drops a table");
    return STOP;
}

/* insert into t (…) values (…), … values (…), … select … */
static int insert_statement(struct sql_walk *w, bool is_sure)
{
    if (w->tokens[1].word != SQL_INTO || !is_name(&w->tokens[2]))
        return STOP;
    if (is_sure)
        return found(w, "a statement that inserts");
    TRY(sql_walk_advance(w));
    TRY(sql_walk_advance(w));
    if (w->tokens[1].letter == '(')
        for (unsigned columns = 0; columns < 256 && w->tokens[1].letter != ')'; columns++) {
            if (w->tokens[1].letter != '(' && w->tokens[1].letter != ',' && !is_name(&w->tokens[1]))
                return STOP;
            TRY(sql_walk_advance(w));
        }
    if (w->tokens[1].letter == ')')
        TRY(sql_walk_advance(w));
    if (w->tokens[1].word == SQL_VALUES && w->tokens[2].letter == '(')
        return found(w, "a statement that inserts");
    return STOP;
}

/* update t set c = … */
static int update_statement(struct sql_walk *w, bool is_sure)
{
    if (!is_name(&w->tokens[1]) || w->tokens[2].word != SQL_SET)
        return STOP;
    TRY(sql_walk_advance(w));
    TRY(sql_walk_advance(w));
    if (is_name(&w->tokens[1]) && w->tokens[2].word == SQL_COMPARE)
        return found(w, "a statement that updates");
    return is_sure && is_name(&w->tokens[1]) ? found(w, "a statement that updates") : STOP;
}

/* delete from t [where …] */
static int delete_statement(struct sql_walk *w, bool is_sure)
{
    if (w->tokens[1].word != SQL_FROM || !is_name(&w->tokens[2]))
        return STOP;
    if (is_sure)
        return found(w, "a statement that deletes");
    TRY(sql_walk_advance(w));
    TRY(sql_walk_advance(w));
    if (w->tokens[1].word != SQL_WHERE)
        return STOP;
    TRY(sql_walk_advance(w));
    w->select = SQL_SELECT_FIRST;
    w->select_has_from = w->select_has_where = true;
    w->has_started = w->wants_operand = true;
    return 0;
}

static int exec_statement(struct sql_walk *w, bool is_sure)
{
    const struct sql_token *next = &w->tokens[1];
    if (next->word == SQL_DANGER || (is_name(next) && next->is_dotted))
        return found(w, "a stored procedure is run");
    if (is_sure && sql_is_quoted(w->place) && (is_name(next) || next->letter == '('))
        return found(w, "a stored procedure is run");
    if (next->letter == '(' && (w->tokens[2].letter == 's' || w->tokens[2].letter == 'v'))
        return found(w, "a string is run as a statement");
    return STOP;
}

static int other_statement(struct sql_walk *w)
{
    const struct sql_token *next = &w->tokens[1];
    if (next->letter == '(' || next->letter == 'f')
        return found(w, "a statement behind another");
    if (sql_is_quoted(w->place) && is_name(next) && ends(&w->tokens[2]))
        return found(w, "a statement behind another");
    return STOP;
}

int sql_statement(struct sql_walk *w, enum sql_select_kind kind)
{
    const struct sql_token *t = &w->tokens[0], *next = &w->tokens[1];
    bool is_sure = kind == SQL_SELECT_STACKED;
    switch (t->word) {
    case SQL_SELECT:
        return sql_select_begin(w, kind);
    case SQL_DROP:
        return object_statement(w, is_sure);
    case SQL_INSERT:
        return insert_statement(w, is_sure);
    case SQL_UPDATE:
        return update_statement(w, is_sure);
    case SQL_DELETE:
        return delete_statement(w, is_sure);
    case SQL_EXEC:
        return exec_statement(w, is_sure);
    case SQL_DECLARE:
        if (next->letter == 'v' && w->tokens[2].letter && strchr("nktf", w->tokens[2].letter))
            return found(w, "a statement that declares a variable");
        return STOP;
    case SQL_WAITFOR:
        return next->letter != 'c' && w->tokens[2].letter == 's'
                   ? found(w, "a statement that waits")
                   : STOP;
    case SQL_SHUTDOWN:
        return is_sure && (ends(next) || next->word == SQL_NICENESS)
                   ? found(w, "a statement that ends the server")
                   : STOP;
    case SQL_SET:
        return is_sure && is_name(next) && w->tokens[2].word == SQL_COMPARE
                   ? found(w, "a statement that sets")
                   : STOP;
    case SQL_STATEMENT:
        return is_sure ? other_statement(w) : STOP;
    default:
        break;
    }
    if (t->letter == 'c' || t->letter == '\0')
        sql_evidence_end(w);
    return STOP;
}
