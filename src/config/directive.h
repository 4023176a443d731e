/* Directive tables: one row is everything the program knows about a directive. From the rows come
 * the parser of arguments, checks of kind and range, "did you mean", `help`, the reference, the
 * manual page, completion, and a test that feeds every row its bounds. Rows live beside the feature
 * that uses them. */
#pragma once

#include <stddef.h>

#include "config/tree.h"
#include "config/value.h"

/* Where a directive may stand: a bit each, and each has a name in scope_names. */
enum scope {
    SCOPE_TOP = 1u << 0,
    SCOPE_DEFAULTS = 1u << 1,
    SCOPE_POLICY = 1u << 2,
    SCOPE_SITE = 1u << 3,
    SCOPE_ROUTE = 1u << 4,
    SCOPE_EXTEND = 1u << 5, /* extend site NAME { } */
    SCOPE_ORIGIN = 1u << 6,
    SCOPE_TIMEOUT = 1u << 7,        /* timeout { } of a policy, site or route */
    SCOPE_TIMEOUT_GLOBAL = 1u << 8, /* of the top or of defaults */
    SCOPE_TIMEOUT_ORIGIN = 1u << 9,
    SCOPE_LIMITS = 1u << 10,        /* limits { } of defaults, a policy, site or route */
    SCOPE_LIMITS_GLOBAL = 1u << 11, /* of the top */
    SCOPE_HEADERS = 1u << 12,
    SCOPE_HEADERS_REQUEST = 1u << 13,
    SCOPE_ORIGIN_TLS = 1u << 14, /* tls { } of an origin */
    SCOPE_TLS = 1u << 15,        /* tls { } of defaults, a policy or site */
    SCOPE_AUTH = 1u << 16,       /* auth { } */
    SCOPE_ACME = 1u << 17,       /* acme { } */
    SCOPE_WAF = 1u << 18,        /* waf { } */
};
#define SCOPE_COUNT 19u
/* "the top level", "a 'site'": what messages say. */
extern const char *const scope_names[SCOPE_COUNT];

enum argument_kind {
    ARGUMENT_NONE,
    ARGUMENT_NAME,      /* letters, digits, '-', '_' */
    ARGUMENT_TEXT,      /* anything; the apply function knows more */
    ARGUMENT_NUMBER,    /* plain decimal, min..max */
    ARGUMENT_COUNT,     /* the same, or "auto" for 0 */
    ARGUMENT_DURATION,  /* milliseconds, min..max */
    ARGUMENT_SIZE,      /* bytes */
    ARGUMENT_SIZE_RATE, /* bytes in a second, or "off" for 0 */
    ARGUMENT_RATE,      /* struct rate; min..max of its count */
    ARGUMENT_PERCENT,
    ARGUMENT_CHOICE, /* one of `choices`; its number */
    ARGUMENT_SECRET, /* only ${...}; never shown */
};

enum argument_form {
    FORM_ONE,      /* has to be there */
    FORM_MANY,     /* one or more */
    FORM_SOME,     /* none or more */
    FORM_OPTIONAL, /* may be there; a choice is taken only when it is one of its words */
    FORM_KEYWORD,  /* its name, then the value: "weight 3"; optional, behind the others */
    FORM_FLAG,     /* its name alone; where it stands in the row decides where it may be written */
};

#define ARGUMENTS_MAX 8u

struct argument {
    const char *name; /* "ADDRESS" in the syntax; the keyword or flag itself in lower case */
    enum argument_kind kind;
    enum argument_form form;
    const char *choices; /* "v1|v2" */
    uint64_t min, max;   /* in the kind's own unit */
    bool is_stored;      /* the value goes to `offset` of the object by itself */
    size_t offset;
    uint8_t bytes;     /* of the field: 1, 2, 4 or 8 */
    const char *later; /* words of the language that this version does not know yet: "tls|h2c" */
};

struct option_apply; /* what an apply function works on: src/proxy/options.h */

struct directive {
    const char *name;
    uint32_t scopes;      /* where it may stand */
    uint32_t block_scope; /* what may stand in its block; 0: it has none */
    bool block_is_optional;
    bool takes_inline; /* "timeout idle 1h" for "timeout { idle 1h }"; no arguments of its own */
    bool is_repeatable;
    bool merges;  /* several blocks in one place are one: settings count as written once in all */
    uint8_t turn; /* rows of one block are applied by turn, 0 first: text order decides nothing */
    struct argument arguments[ARGUMENTS_MAX];
    uint8_t object;      /* which structure `offset` and apply are about: src/proxy/options.h */
    const char *preset;  /* the default in the file's own syntax; NULL: there is none */
    const char *meaning; /* one line */
    const char *details; /* further sentences for the reference; may be NULL */
    const char *example; /* a whole statement */
    const char *since;
    /* For what a table cannot say. Reports to the diagnostics itself. 0 · -ENOMEM */
    int (*apply)(struct option_apply *a);
};

/* Fields of a row: where the value goes by itself. */
#define STORED(type, member)                                                                       \
    .is_stored = true, .offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member)

struct directive_table {
    const char *feature; /* heading in the reference */
    const struct directive *rows;
    size_t count;
};

/* The value of one argument. */
struct argument_value {
    bool is_set;
    const struct word *word; /* the first one, for messages */
    slice text;
    uint64_t number;          /* in the kind's unit; the index of a choice */
    struct rate rate;         /* ARGUMENT_RATE */
    const struct word *words; /* FORM_MANY, FORM_SOME */
    slice *texts;
    uint32_t count;
};

struct directive_values {
    struct argument_value arguments[ARGUMENTS_MAX];
};

/* "server ADDRESS... [weight N] [max N]" */
void directive_write_syntax(struct writer *w, const struct directive *row);
/* "1 to 1000", "1s to 1d", "one of v1, v2"; nothing for free text. */
void argument_write_range(struct writer *w, const struct argument *argument);
/* Writes the values of arguments that are stored by themselves into their object. */
void directive_store(const struct directive *row, const struct directive_values *values,
                     void *object);
/* The next of "a|b|c", taken off *rest; false at the end. */
bool choice_next(slice *rest, slice *ret);
