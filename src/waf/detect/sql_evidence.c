#include "waf/detect/sql_evidence.h"

static bool is_fixed(const struct sql_operand *o)
{
    return o->kind == SQL_LITERAL || o->kind == SQL_STRING;
}

static bool is_plain(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
           memchr("_-+", c, 3) != NULL;
}

static bool has_space(slice text)
{
    return memchr(text.ptr, ' ', text.len) != NULL || memchr(text.ptr, '\t', text.len) != NULL ||
           memchr(text.ptr, '\n', text.len) != NULL;
}

/* 'a' = 'b and so on: no tautology, whatever the statement has behind it; a text that quotes one.
 */
static bool is_prose(const struct sql_walk *w)
{
    slice text = w->last.text, space = slice_after(text, slice_find_byte(text, ' ') + 1);
    return w->last.kind == SQL_STRING && w->last.is_open && w->is_equality && space.len > 0 &&
           ascii_lower(space.ptr[0]) >= 'a' && ascii_lower(space.ptr[0]) <= 'z' &&
           !slice_equal(w->left.text, text);
}

void sql_evidence_comparison(struct sql_walk *w)
{
    if (is_prose(w))
        return;
    bool is_constant = w->logics && is_fixed(&w->left) && is_fixed(&w->last);
    if (w->select_has_where && w->select != SQL_SELECT_FIRST && !w->begins_select)
        w->because = "a statement with a condition";
    else if (is_constant && !w->begins_compared)
        w->because = "a comparison that says nothing";
    else if (w->depth && w->left.text.len > 2 && w->left.kind == SQL_LITERAL &&
             slice_equal(w->left.text, w->last.text))
        w->because = "a number is compared with itself";
    else if (is_constant ||
             (w->logics && (w->is_anchored || (is_fixed(&w->left) && w->last.kind == SQL_CALL))))
        w->weak = "a condition is added";
}

/* The last string has no end in the value: the rest of the statement is made a string again. What
 * prose or code have between quotes goes on with a space or punctuation. */
static bool reopens(const struct sql_walk *w)
{
    slice text = w->last.text;
    if (!w->last.is_open || (text.len == 0 && (w->operators == 0 || has_space(w->first))))
        return false;
    return text.len == 0 || is_plain(text.ptr[0]) || memchr("%^", text.ptr[0], 2);
}

void sql_evidence_condition(struct sql_walk *w)
{
    if (!w->is_anchored)
        return;
    if (sql_is_quoted(w->place)) {
        if (w->last.kind == SQL_LITERAL || (w->last.kind == SQL_STRING && reopens(w)))
            w->weak = "a condition is added";
    } else if (w->last.kind == SQL_LITERAL) {
        /* 1 or 1, 7 and true; but not: 2 or 3 */
        if ((slice_equal(w->last.text, w->first) && !w->has_sign) ||
            w->tokens[0].word == SQL_CONSTANT || w->tokens[0].letter == 'v')
            w->weak = "a condition that says nothing";
    }
}

/* What may stand behind something that is selected. */
static bool goes_on(const struct sql_token *t)
{
    switch (t->letter) {
    case '\0':
    case ',':
    case ')':
    case ';':
    case 'c':
    case 'o':
    case '&':
    case 'U':
    case 'B':
        return true;
    default:
        return t->word == SQL_FROM || t->word == SQL_AS || t->word == SQL_INTO ||
               t->word == SQL_WHERE;
    }
}

static bool is_named(const struct sql_operand *o)
{
    return o->kind == SQL_NAME && !o->is_dotted;
}

/* Functions without arguments that attackers ask first. */
static bool asks_server(slice name)
{
    static const char *const names[] = { "version",          "user",          "database",
                                         "current_user",     "system_user",   "session_user",
                                         "current_database", "sqlite_version" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (slice_equal_fold(name, slice_from(names[i])))
            return true;
    return false;
}

/* The token behind the operand: for a call still its parenthesis. */
void sql_evidence_select(struct sql_walk *w)
{
    const struct sql_token *next = &w->tokens[1];
    bool is_call = w->last.kind == SQL_CALL;
    bool follows = is_call || goes_on(next);
    bool lists = next->letter == ',' || next->letter == ')' || next->letter == 'c' ||
                 next->letter == 'o' || next->word == SQL_FROM;
    switch (w->select) {
    case SQL_SELECT_NONE:
        return;
    case SQL_SELECT_UNION:
        if (is_named(&w->last)
                ? w->is_anchored && (lists || next->letter == '\0' || next->is_dotted)
                : follows)
            w->because = "a UNION with its SELECT";
        return;
    case SQL_SELECT_INNER:
        if (w->is_anchored && (is_named(&w->last) ? lists && next->letter != ')' : follows))
            w->because = "a subselect";
        break;
    case SQL_SELECT_STACKED:
    case SQL_SELECT_NEXT:
        if (w->is_anchored && !is_named(&w->last) && follows)
            w->because = "a SELECT behind another statement";
        break;
    case SQL_SELECT_FIRST:
        break;
    }
    if (!w->because && w->tokens[0].is_global)
        w->because = "a variable of the server is selected";
    if (!w->because && is_call && asks_server(w->tokens[0].text) && w->tokens[2].letter == ')')
        w->because = "a function of the server is selected";
}

void sql_evidence_from(struct sql_walk *w)
{
    if (!w->select || w->select_has_from)
        return;
    if (w->is_anchored)
        w->because = "a SELECT from a table";
    else if (w->select != SQL_SELECT_FIRST && !w->begins_select &&
             (w->select_has_star || w->last.kind == SQL_CALL))
        w->because = "a subselect";
}

void sql_evidence_order(struct sql_walk *w)
{
    if (!w->is_anchored)
        return;
    if (w->last.kind == SQL_LITERAL || w->tokens[1].letter == 'c')
        w->weak = "an order or a group is added";
}

static bool has_prefix(slice text, slice prefix)
{
    return text.len > prefix.len && slice_equal_fold(slice_first(text, prefix.len), prefix);
}

bool sql_is_dangerous_package(slice text)
{
    return has_prefix(text, SLICE("dbms_")) || has_prefix(text, SLICE("utl_")) ||
           has_prefix(text, SLICE("ctxsys.")) || has_prefix(text, SLICE("user_lock.")) ||
           has_prefix(text, SLICE("sys.dbms_")) || has_prefix(text, SLICE("master..xp_")) ||
           has_prefix(text, SLICE("xp_"));
}

/* The first argument is a value, not the word of a sentence: sleep(5), but not: sleep (well). */
static bool is_argument(const struct sql_token *t)
{
    return t->letter == '1' || t->letter == 's' || t->letter == '(' || t->letter == 'f' ||
           t->letter == 'v' || t->letter == 'E' || t->letter == 'o';
}

void sql_evidence_call(struct sql_walk *w, bool is_condition)
{
    const struct sql_token *t = &w->tokens[0];
    bool is_dangerous = t->word == SQL_DANGER || sql_is_dangerous_package(t->text);
    if (is_dangerous && is_argument(&w->tokens[2])) {
        /* By itself it is also a line of a program: then the value is to end with it. */
        const char *evidence = "a function that waits, reads or calls out";
        bool is_alone = !w->has_started && !w->select && !w->logics && !sql_is_quoted(w->place);
        *(is_alone ? &w->weak : &w->because) = evidence;
    }
    if (!is_dangerous && is_condition && w->is_anchored && (t->letter == 'f' || t->letter == 'o'))
        w->weak = "a function in a condition";
}

void sql_evidence_adjacent_call(struct sql_walk *w)
{
    if (sql_is_quoted(w->place) && w->operands == 1 && w->tokens[0].word == SQL_DANGER &&
        w->tokens[1].letter == '(' && is_argument(&w->tokens[2]))
        w->because = "a function that waits, reads or calls out";
}

/* Is the comment one that only cuts off the rest: without text, or with one word of filling? */
static bool is_blank(const struct sql_token *t)
{
    slice text = slice_trim(t->text);
    if (t->letter != 'c' || text.len > 16 || slice_starts_with(text, SLICE("---")))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_plain(text.ptr[i]))
            return false;
    return true;
}

/* Right behind a closed string: no option in quotes, no heading. */
static bool cuts_off(const struct sql_walk *w, const struct sql_token *t)
{
    if (w->place != SQL_PLACE_SINGLE && w->place != SQL_PLACE_DOUBLE)
        return false;
    bool is_glued = t->text.len > 0 && ascii_lower(t->text.ptr[0]) >= 'a';
    return is_blank(t) && !(t->is_hash && t->text.len > 0) &&
           !(is_glued && w->place == SQL_PLACE_DOUBLE);
}

/* 'a' … 'b: the rest of the statement is made a string again. Prose that quotes a sign has spaces
 * around, code goes on with punctuation. */
static void evidence_sandwich(struct sql_walk *w)
{
    slice last = w->last.text;
    if (!sql_is_quoted(w->place) || w->place >= SQL_PLACE_BACKTICK || w->last.kind != SQL_STRING ||
        !w->last.is_open || w->logics || w->select || w->operators == 0 || w->has_order ||
        has_space(w->first) || has_space(last))
        return;
    if (last.len == 0 || reopens(w))
        w->because = "an expression between two strings";
}

void sql_evidence_end(struct sql_walk *w, const struct sql_token *end)
{
    bool is_comment = end->letter == 'c';
    if (w->wants_operand)
        return;
    /* Behind a bracket or a leading parenthesis code goes on in the same way. */
    bool is_code = w->place == SQL_PLACE_BRACKET || w->begins_closed;
    bool ends_well =
        is_comment ? is_blank(end) || sql_is_quoted(w->place) : !is_code && !w->begins_compared;
    if (w->weak && ends_well) {
        w->because = w->weak;
        return;
    }
    evidence_sandwich(w);
    if (!w->because && is_comment && w->is_anchored && cuts_off(w, end))
        w->because = "a comment behind a closed string";
    else if (!w->because && is_blank(end) && w->is_anchored && w->limits && w->operands > 1)
        w->because = "a limit and a comment";
}
