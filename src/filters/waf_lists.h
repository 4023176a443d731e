/* What lists in the DNS say, for the rules of this worker (@rbl): it stands in shared memory, or
 * the observer is asked for it there. Whatever goes wrong is no match, and said in the program's
 * log, at most once in ten seconds. */
#pragma once

#include "base/attributes.h"
#include "waf/lists.h"

/* What is known already. 1 listed · 0 not, or it cannot be found out · -EAGAIN nobody has asked */
int waf_list_find(const struct list_question *question, uint8_t ret_address[4]);

/* Asks, and waits for the answer until the deadline; at most 256 fibers of a worker wait at the
 * same time, for whoever comes then it cannot be found out. 1 · 0 · -ECANCELED */
MAY_WAIT int waf_list_ask(const struct list_question *question, int64_t deadline_ms,
                          uint8_t ret_address[4]);
