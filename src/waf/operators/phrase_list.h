/* What pm and pmFromFile share: one of many phrases occurs in the value, whatever its case
 * (waf/patterns/phrases.h). What they are prepared with are the phrases. */
#pragma once

#include "waf/operators/operator.h"

struct phrases;

/* For OWNS. */
void phrase_list_drop(struct phrases **phrases);

/* What phrases_add… and phrases_seal say, in words. what: "the file" … `result`, with the problem
 * set where it has a name */
int phrase_list_explain(struct operator_setup *setup, int result, const char *what, slice name);

/* Members of struct operator. */
void phrase_list_release(void *prepared);
const struct phrases *phrase_list_of(const void *prepared);
int phrase_list_evaluate(const void *prepared, slice argument, slice value,
                         struct operator_match *match, struct work *work);
