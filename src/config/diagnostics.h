/* What is wrong with a configuration: every error and warning of one load, each with a stable code,
 * the place, the source line, the reason, what was expected, and a suggestion. Nothing is printed
 * while loading: the command prints the list as text for people or as JSON for machines.
 *
 * At most DIAGNOSTICS_MAX are kept; further ones are counted. Texts are copied, so a list outlives
 * the sources. When memory ends, `out_of_memory` is set and the list may be incomplete. */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "config/code.h"
#include "config/source.h"

#define DIAGNOSTICS_MAX 200u

struct diagnostic {
    enum diagnostic_code code;
    bool is_warning;
    bool hides_text; /* the span is a secret: the source line shows *** in its place */
    slice file;      /* empty: no place */
    uint32_t source_index, offset;
    uint32_t line, column, columns;
    slice line_text;
    uint32_t cut_columns; /* of the line, not shown because the line is long */
    uint32_t order;       /* of finding */
    slice message;        /* "'limit' expects a rate such as 10/s or 5/min" */
    slice label;          /* behind the caret: "got '5r/m'" */
    slice help;           /* "did you mean '5/m'?" */
    slice note;
};

struct diagnostics {
    struct arena arena;
    struct diagnostic *items;
    uint32_t count;
    uint32_t errors, warnings; /* all of them, kept or not */
    bool out_of_memory;
    struct diagnostic lost; /* what the functions below write to when there is no room */
};

void diagnostics_open(struct diagnostics *d);
void diagnostics_close(struct diagnostics *d);

/* Adds one; never NULL. The result is for the three functions below, until the next one is added.
 * `where` may be NULL. */
struct diagnostic *diagnostics_add(struct diagnostics *d, enum diagnostic_code code,
                                   const struct span *where, const char *format, ...) PRINTF(4, 5);
void diagnostic_label(struct diagnostics *d, struct diagnostic *item, const char *format, ...)
    PRINTF(3, 4);
void diagnostic_help(struct diagnostics *d, struct diagnostic *item, const char *format, ...)
    PRINTF(3, 4);
void diagnostic_note(struct diagnostics *d, struct diagnostic *item, const char *format, ...)
    PRINTF(3, 4);

/* The place is a secret: nothing shows what stands there. */
void diagnostic_hide(struct diagnostic *item);

/* Orders by file and place; what was added first comes first among equals. Call once, before
 * printing. */
void diagnostics_sort(struct diagnostics *d);

/* How diagnostics are shown. */
struct diagnostic_style {
    bool colours;
};
/* One diagnostic for people: code and message, place, source line, caret and label, help, note. */
void diagnostic_write_text(struct writer *w, const struct diagnostic *item,
                           const struct diagnostic_style *style);
/* One JSON object without a newline. */
void diagnostic_write_json(struct writer *w, const struct diagnostic *item);

/* An upper bound of the bytes the functions above write. */
#define DIAGNOSTIC_TEXT_MAX 32768u
