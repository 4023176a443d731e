/* What the files of the dry run share. */
#pragma once

#include "control/dry_run.h"
#include "proxy/exchange.h"
#include "wire/uri.h"

struct dry {
    const struct configuration *c;
    const struct dry_request *asked;
    struct arena *arena;
    struct dry_result *result;
    struct waf_transaction *transaction; /* of the rules; NULL: none */
    struct dry_stage **last;
    struct h1_request request;
    struct request_target target;
    struct authority authority;
    slice host;
    bool is_http2;
};

enum { DRY_TEXT_BYTES = 8192 };

/* Stages go on with 0, and end the run with -EREFUSED (so also an answer) or -ENOMEM. */
MUST_CHECK int dry_step(struct dry *d, const char *stage, slice verdict, slice where);
int dry_refuse(struct dry *d, unsigned status, const char *reason, const char *text);
int dry_answer(struct dry *d, unsigned status, const char *reason);

/* `waf`: phases 1 and 2, as the filter runs them; behind the origin phases 3 and 4. */
MUST_CHECK int dry_waf(struct dry *d);
MUST_CHECK int dry_waf_response(struct dry *d);
