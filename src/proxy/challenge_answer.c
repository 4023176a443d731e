#include "proxy/challenge_answer.h"

#include <errno.h>

#include "proxy/connection.h"
#include "proxy/deliver.h"
#include "proxy/gate_state.h"
#include "runtime/loop.h"
#include "shared/challenges.h"

#define PREFIX "/.well-known/acme-challenge/"

int challenge_answer(struct exchange *x)
{
    struct challenge proof UNINITIALIZED;
    slice prefix = SLICE(PREFIX);
    if (!gate.shared.challenges || !slice_starts_with(x->target.path, prefix) ||
        (x->request.method != METHOD_GET && x->request.method != METHOD_HEAD))
        return 0;
    slice token = slice_after(x->target.path, prefix.len);
    if (!token.len || !challenges_find(gate.shared.challenges, CHALLENGE_HTTP, x->host, token,
                                       loop_now_ms(), &proof))
        return 0;
    slice body = arena_copy(&x->arena, slice_of(proof.answer, proof.answer_bytes));
    if (!body.ptr)
        return -ENOMEM;
    x->site = configuration_find_site(x->configuration, x->host, x->connection->listen);
    answer_begin(x, 200);
    x->answer.body = body;
    /* RFC 8555 §8.3: "application/octet-stream" */
    TRY(answer_add(x, SLICE("Content-Type"), SLICE("application/octet-stream")));
    TRY(answer_add(x, SLICE("Cache-Control"), SLICE("no-store")));
    return -EANSWERED;
}
