/* Kept exchanges of the running program, for commands. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/slice.h"

/* Whether a word of the command line is the id of an exchange, as logs and refusal pages have it.
 */
bool exchange_is_id(const char *text);

/* Asks over the admin socket of that state folder (NULL: the default one), and says what is wrong.
 * EXIT_OK and *ret, which the caller releases · EXIT_PROBLEM · EXIT_NOT_RUNNING */
int exchange_ask(const char *folder, const char *id, json_t **ret);

/* All of them since that moment (ms since 1970): calls for each, NULL for what cannot be read.
 * EXIT_OK · EXIT_PROBLEM · EXIT_NOT_RUNNING */
typedef void exchange_call(void *context, const json_t *exchange);
int exchange_ask_all(const char *folder, uint64_t since_ms, exchange_call *call, void *context);

/* Those in a text, one behind the other. */
void exchange_each(slice text, exchange_call *call, void *context);
