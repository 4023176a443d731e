/* Where a walk comes to a SELECT, a UNION or another statement. All return 0 to go on, 1 to stop
 * (w->because tells whether with evidence), -errno of the work. */
#pragma once

#include "waf/detect/sql_walk.h"

/* On to the next token; block comments between tokens are skipped. */
MUST_CHECK int sql_walk_advance(struct sql_walk *w);

/* The current token is UNION, INTERSECT …: with what follows up to its SELECT. */
MUST_CHECK int sql_union_begin(struct sql_walk *w);

/* The current token is SELECT. */
MUST_CHECK int sql_select_begin(struct sql_walk *w, enum sql_select_kind kind);

/* The current token is to begin a statement. */
MUST_CHECK int sql_statement(struct sql_walk *w, enum sql_select_kind kind);
