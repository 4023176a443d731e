/* What a route's `waf` settings mean to a transaction: exclusions in force, what of a body is
 * looked at, a decision in the words of the log. Pure, for the proxy, whose filter waits, holds and
 * refuses (waf.c), and for a dry run, which does neither. */
#pragma once

#include "proxy/waf_settings.h"
#include "waf/bodies/decompress.h"
#include "waf/waf.h"
#include "wire/field.h"

static inline bool waf_is_enforced(const struct waf_settings *s)
{
    return s->mode == WAF_MODE_ENFORCE;
}

/* Opens the transaction in that world, whose members about shadow and about what is looked into
 * are set here, and sets the variables that the settings come to. 0 · -ENOMEM · -EDQUOT */
MUST_CHECK int waf_judge_open(const struct waf_settings *s, struct waf_world world,
                              struct arena *arena, struct work *work, struct waf_transaction **ret);

/* A request as the gate has understood it. */
struct waf_asked {
    slice head;                /* its bytes, as they came */
    slice method, target;      /* as received */
    slice raw_path, path;      /* of the target; canonical */
    slice authority, host;     /* "a.test:8080", "a.test" */
    const struct field *items; /* what the client sent, also what no origin will see */
    uint32_t count;
    uint8_t minor_version;
    bool is_http2; /* has neither a request line nor, as a rule, Host: rules see both */
};

/* Exclusions, request line and fields. 0 · -ENOMEM · -EDQUOT, -ECANCELED of the work */
MUST_CHECK int waf_judge_request(struct waf_transaction *t, const struct waf_settings *s,
                                 const struct waf_asked *asked, int64_t now_ms,
                                 struct arena *arena);

/* The value of Content-Encoding, with all of its lines. 0 · -ENOMEM */
MUST_CHECK int waf_judge_coding(const struct fields *fs, struct arena *arena, slice *ret);

struct waf_seen_body {
    struct waf_body_wish wish; /* of the rules */
    slice bytes, encoding;     /* as they came, and the value of Content-Encoding */
};

/* What of a body may be given piece by piece, whatever its length. */
static inline bool waf_body_is_in_pieces(const struct waf_seen_body *b)
{
    return b->wish.may_stream && b->encoding.len == 0;
}

#define WAF_BODY_REFUSED "the request body is longer than `waf { body }` looks at"

/* Gives the body, its encoding undone; one that cannot be read is for the rules to judge. d: with
 * `work` and `purse` set; it holds what is given until it is released.
 *
 * returns 0 · -EMSGSIZE it is longer than is looked at, and refused (413, waf.body) · -ECANCELED
 * and -EDQUOT of the work · -ENOMEM · -ENOBUFS; *ret_is_cut: it is longer, nothing is refused, and
 * only its beginning has been looked at */
MUST_CHECK int waf_judge_body(struct waf_transaction *t, const struct waf_settings *s,
                              const struct waf_seen_body *b, struct decompress *d,
                              bool *ret_is_cut);

/* The head of a response, with all that the origin sent. 0 · -ENOMEM · -EDQUOT, -ECANCELED of the
 * work */
MUST_CHECK int waf_judge_response(struct waf_transaction *t, unsigned status,
                                  const struct fields *sent);

/* After phase 3: whether the body of such a response is looked at, if it has one. */
bool waf_judge_wants_response_body(const struct waf_transaction *t, const struct waf_settings *s);

/* Bounds of what comes out of a body; work and purse stay. */
void waf_judge_bound(struct decompress *d, uint64_t bytes_max);

/* The status of a refusal; 0: the connection is closed without a word. */
uint16_t waf_judge_status(const struct waf_decision *d);
