/* Parts of a loaded configuration in the words of the language, for `show` and `explain`. */
#pragma once

#include "proxy/configuration.h"

/* "to app path /v1", "redirect 302 https://{host}{uri}", "respond 404", "nothing: 404" */
void show_write_answer(struct writer *w, const struct route *route);
/* "  when method GET HEAD" for each condition */
void show_write_conditions(struct writer *w, const struct route *route);
void show_write_template(struct writer *w, const struct template *t);
