/* A request as bytes in a file, run through all phases: for `portcullis waf test`, for tests and
 * for the fuzzer. The bytes are split without judging them, since the rules must be able to see
 * what the proxy itself would refuse: lines may end in LF alone, names and values may be anything,
 * folded lines are joined. A body is framed as RFC 9112 §6.3 says: without Content-Length and
 * chunks there is none. */
#pragma once

#include "waf/waf.h"

enum { REPLAY_FIELDS_MAX = 1000 };

struct replay_field {
    slice name, value;
};

struct replay_message {
    slice line;
    struct replay_field *fields;
    unsigned count;
    slice body;
    size_t head_bytes;
};

/* 0 · -EINVAL nothing but white space · -E2BIG too many fields · -ENOMEM */
MUST_CHECK int replay_split(slice bytes, struct arena *arena, struct replay_message *ret);

/* Cuts what was split to the body that a request has (RFC 9112 §6.3): its chunks without their
 * lines, or as much as Content-Length says; else none. 0 · -ENOMEM */
MUST_CHECK int replay_frame(struct replay_message *m, struct arena *arena);

/* The first field of that name; empty when there is none. */
slice replay_field(const struct replay_message *m, slice name);

/* All phases of a new transaction. response: empty when there is none, then an empty one with
 * status 200 stands for it. A decision ends it as it would end the exchange: what follows is
 * WAF_LOGGING. 0 · -EINVAL no request · what waf_run and its like return, after WAF_LOGGING */
MUST_CHECK int replay_run(struct waf_transaction *t, struct arena *arena, struct work *work,
                          slice request, slice response);
