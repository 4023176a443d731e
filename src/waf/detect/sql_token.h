/* Tokens of SQL, read from the front of a value. The lexer is lenient where dialects differ and
 * where attackers hide: comments between words, MySQL's comments that are executed, strings with
 * prefixes, hexadecimal numbers, quoted names, any white space. */
#pragma once

#include "waf/detect/sql_word.h"
#include "waf/work.h"

/* Where the value is put. */
enum sql_place {
    SQL_PLACE_PLAIN,   /* as it stands */
    SQL_PLACE_COMMENT, /* inside a comment, of which it holds the end */
    SQL_PLACE_SINGLE,  /* '…' */
    SQL_PLACE_DOUBLE,
    SQL_PLACE_BACKTICK,
    SQL_PLACE_BRACKET, /* […] */
};

static inline bool sql_is_quoted(enum sql_place place)
{
    return place >= SQL_PLACE_SINGLE;
}

/* Of a quoted place. */
static inline char sql_place_quote(enum sql_place place)
{
    static const char quotes[] = { [SQL_PLACE_SINGLE] = '\'',
                                   [SQL_PLACE_DOUBLE] = '"',
                                   [SQL_PLACE_BACKTICK] = '`',
                                   [SQL_PLACE_BRACKET] = ']' };
    return quotes[place];
}

struct sql_token {
    char letter; /* of the fingerprint; 0 at the end */
    enum sql_word word;
    bool is_open;   /* a string or comment that does not end within the value */
    bool is_line;   /* a comment to the end of its line */
    bool is_hash;   /* … that began with # */
    bool is_global; /* @@variable */
    bool is_dotted; /* a name of several parts, or quoted */
    slice text;     /* a string without its quotes, a comment without its signs */
};

struct sql_reader {
    slice text;
    size_t at;
    bool is_mysql; /* \ escapes, # begins a comment, -- needs a space, comments that are executed */
    bool in_execution; /* of a comment that MySQL executes */
    struct work *work;
    size_t spent_at; /* what is paid for */
};

void sql_reader_open(struct sql_reader *r, slice text, bool is_mysql, struct work *work);

/* The rest of a string that began before the value, as a token with the letter s; is_open when
 * its quote never comes. 0 · -errno of the work. */
MUST_CHECK int sql_read_rest_of_string(struct sql_reader *r, char quote, struct sql_token *ret);

/* 0, at the end with a token whose letter is 0 · -errno of the work. */
MUST_CHECK int sql_read(struct sql_reader *r, struct sql_token *ret);
