/* What counts as evidence in a walk, and what is only a beginning of it. Each function sets
 * w->because (strong) or w->weak. */
#pragma once

#include "waf/detect/sql_walk.h"

/* w->left is compared with w->last. */
void sql_evidence_comparison(struct sql_walk *w);

/* w->last stands behind AND, OR or WHERE. */
void sql_evidence_condition(struct sql_walk *w);

/* w->last is the first that a SELECT takes. */
void sql_evidence_select(struct sql_walk *w);

/* FROM behind what a SELECT takes. */
void sql_evidence_from(struct sql_walk *w);

/* w->last is the first behind ORDER BY or GROUP BY. */
void sql_evidence_order(struct sql_walk *w);

/* The current token is called: name ( … */
void sql_evidence_call(struct sql_walk *w, bool is_condition);

/* Packages of Oracle and SQL Server that run, wait or call out. */
bool sql_is_dangerous_package(slice text);

/* The current token stands right behind an operand. */
void sql_evidence_adjacent_call(struct sql_walk *w);

/* The end of the value, or a comment. */
void sql_evidence_end(struct sql_walk *w, const struct sql_token *end);
