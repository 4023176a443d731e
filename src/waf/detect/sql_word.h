/* The words of SQL that the detector knows: one table with each word's letter in a fingerprint and
 * what it does in the grammar of the walk. Read from the manuals of MySQL, PostgreSQL, SQL Server,
 * Oracle and SQLite. */
#pragma once

#include "base/slice.h"

enum sql_word {
    SQL_OTHER, /* not in the table, or without a part in the grammar */
    SQL_LOGIC, /* and or xor */
    SQL_NOT,
    SQL_UNARY,   /* exists, any, distinct …: an operand follows */
    SQL_COMPARE, /* like, in, is … and the signs = < > */
    SQL_BETWEEN,
    SQL_ARITHMETIC, /* div mod and the signs */
    SQL_CONSTANT,   /* null true false, and functions that need no parentheses */
    SQL_NICENESS,   /* asc desc escape …: goes behind an operand and changes nothing */
    SQL_AS,
    SQL_CAST_TYPE, /* a type */
    SQL_COLLATE,
    SQL_CASE,
    SQL_WHEN, /* when then else */
    SQL_END,
    SQL_SET_OPERATOR, /* union intersect except minus */
    SQL_ALL,          /* all: also behind union */
    SQL_DISTINCT,     /* distinct, distinctrow, top … */
    SQL_SELECT,
    SQL_FROM,
    SQL_WHERE, /* where having on: a condition follows */
    SQL_JOIN,
    SQL_INTO,
    SQL_OUTFILE, /* outfile dumpfile */
    SQL_ORDER,   /* order group, then by */
    SQL_BY,
    SQL_LIMIT, /* limit offset fetch */
    SQL_PROCEDURE,
    SQL_INSERT, /* insert replace merge */
    SQL_UPDATE,
    SQL_DELETE,
    SQL_DROP, /* drop create alter truncate rename: an object follows */
    SQL_OBJECT,
    SQL_EXEC, /* exec execute call */
    SQL_DECLARE,
    SQL_WAITFOR,
    SQL_DELAY,
    SQL_SHUTDOWN,
    SQL_VALUES,
    SQL_SET,
    SQL_STATEMENT, /* others that begin a statement */
    SQL_FUNCTION,
    SQL_DANGER, /* functions that wait, read files, call out or leak by their errors */
};

struct sql_word_entry {
    const char *text; /* lower case */
    char letter;
    unsigned char word; /* enum sql_word */
};

extern const struct sql_word_entry sql_words[];
extern const size_t sql_word_count;

/* By text, whatever its case; NULL when unknown. At most 12 comparisons. */
const struct sql_word_entry *sql_word_find(slice text);
