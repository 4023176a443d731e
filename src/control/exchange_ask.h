/* One kept exchange of the running program, for commands. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Whether a word of the command line is the id of an exchange, as logs and refusal pages have it.
 */
bool exchange_is_id(const char *text);

/* Asks over the admin socket of that state folder (NULL: the default one), and says what is wrong.
 * EXIT_OK and *ret, which the caller releases · EXIT_PROBLEM · EXIT_NOT_RUNNING */
int exchange_ask(const char *folder, const char *id, json_t **ret);
