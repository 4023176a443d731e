/* Why something failed, in words for the operator: a problem document of the CA (RFC 7807, RFC 8555
 * §6.7) with its type, detail and subproblems, or what went wrong on our side. */
#pragma once

#include "acme/world.h"
#include "base/writer.h"

#define ACME_ERROR_BYTES 1024u

struct acme_problem {
    char type[64];         /* behind "urn:ietf:params:acme:error:"; empty: not from the CA */
    int status;            /* HTTP; 0: no answer */
    int64_t retry_after_s; /* -1: not said */
    char text[ACME_ERROR_BYTES];
};

void acme_problem_clear(struct acme_problem *p);
/* What we ourselves say. */
void acme_problem_say(struct acme_problem *p, const char *format, ...) PRINTF(2, 3);
/* From an answer that is no success; `what`: what was asked for, "the order". */
void acme_problem_take(struct acme_problem *p, const char *what, const struct acme_reply *reply);
/* From the JSON of a problem document inside something else: the error of a challenge. `json` may
 * be NULL. */
struct json_t;
void acme_problem_take_json(struct acme_problem *p, const char *what, const struct json_t *json);

static inline bool acme_problem_is(const struct acme_problem *p, const char *type)
{
    return strcmp(p->type, type) == 0;
}
