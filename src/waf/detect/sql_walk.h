/* One walk along a value as the middle of an SQL statement, in one place and one dialect.
 *
 * Two states, an operand is wanted or one is there, decide which token may follow; the first that
 * may not ends the walk without evidence. Evidence is strong (the walk is over at once) or weak: it
 * then needs the walk to come to a good end, the end of the value or a comment.
 *
 * The walk is *anchored* when what stands before already left the place (a closed quote or
 * parenthesis) or is a number: names alone also begin sentences of prose. */
#pragma once

#include "waf/detect/sql_token.h"

enum { SQL_PARENTHESES_MAX = 64 };

enum sql_operand_kind {
    SQL_NO_OPERAND,
    SQL_LITERAL, /* numbers, constants, @@variables */
    SQL_STRING,
    SQL_NAME,
    SQL_CALL,
    SQL_GROUP, /* (…) */
    SQL_STAR,
};

struct sql_operand {
    enum sql_operand_kind kind;
    bool is_open;
    bool is_dotted;
    slice text;
};

/* Where a SELECT, or another statement, stands. */
enum sql_select_kind {
    SQL_SELECT_NONE,
    SQL_SELECT_UNION,
    SQL_SELECT_INNER,   /* in parentheses */
    SQL_SELECT_FIRST,   /* at the beginning of the value */
    SQL_SELECT_STACKED, /* behind ; */
    SQL_SELECT_NEXT,    /* behind another: SQL Server needs no ; */
};

struct sql_walk {
    struct sql_reader reader;
    struct sql_token tokens[3]; /* the current one and two ahead */
    struct sql_token lines[3];  /* the comment to the end of a line before each, letter 0: none */
    enum sql_place place;
    bool wants_operand;
    bool is_anchored;
    bool has_started;        /* an operand was seen */
    struct sql_operand last; /* the newest operand */
    struct sql_operand left; /* of the comparison that is under way */
    slice first;             /* text of the first operand */
    bool is_comparing, is_between, is_condition /* behind a logical operator */;
    bool may_alias, orders, limits, in_union;
    bool begins_select;   /* the value is a statement from its first word on */
    bool has_closed;      /* a parenthesis of the statement around */
    bool has_sign;        /* + or - before a value */
    bool begins_closed;   /* … before anything else */
    bool is_computed;     /* the next operand is a part of a value, not a value */
    bool has_order;       /* a comparison with < or > */
    bool is_equality;     /* the newest comparison is one with = */
    bool begins_compared; /* what stands before the first AND or OR is a comparison: 1 < 2 and … */
    unsigned logics, operators, operands, cases;
    enum sql_select_kind select;
    bool select_is_fresh; /* its first operand is still to come */
    bool select_has_star, select_has_from, select_has_where;
    uint64_t calls; /* bit per open parenthesis: of a call */
    unsigned depth;
    const char *weak;
    const char *because; /* the evidence; set: the walk is over */
};

/* 0 with w->because set or NULL · -errno of the work. */
MUST_CHECK int sql_walk(struct sql_walk *w, slice value, enum sql_place place, bool is_mysql,
                        struct work *work);
