#include "shared/challenges.h"

#include <errno.h>

#define READS_MAX 16

static bool is_one(const struct challenge *c, enum challenge_kind kind, slice domain, slice token)
{
    return c->kind == kind && slice_equal(slice_of(c->domain, c->domain_bytes), domain) &&
           (!token.ptr || slice_equal(slice_of(c->token, c->token_bytes), token));
}

/* Between two odd moments nobody else writes; readers see that something changed. */
static void write_slot(struct challenge_slot *slot, const struct challenge *what)
{
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed) | 1;
    atomic_store_explicit(&slot->version, version, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    slot->challenge = *what;
    atomic_store_explicit(&slot->version, version + 1, memory_order_release);
}

int challenges_offer(struct challenges_segment *s, enum challenge_kind kind, slice domain,
                     slice token, slice answer)
{
    struct challenge_slot *place = NULL;
    if (domain.len > CHALLENGE_DOMAIN_BYTES_MAX || token.len > CHALLENGE_TOKEN_BYTES_MAX ||
        answer.len > CHALLENGE_ANSWER_BYTES_MAX || !domain.len || !answer.len)
        return -EMSGSIZE;
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++) {
        struct challenge_slot *slot = &s->slots[i];
        if (is_one(&slot->challenge, kind, domain, token)) {
            place = slot;
            break;
        }
        if (!place && slot->challenge.kind == CHALLENGE_NONE)
            place = slot;
    }
    if (!place)
        return -ENOSPC;
    struct challenge c = { .kind = kind,
                           .domain_bytes = (uint32_t)domain.len,
                           .token_bytes = (uint32_t)token.len,
                           .answer_bytes = (uint32_t)answer.len };
    memcpy(c.domain, domain.ptr, domain.len);
    if (token.len)
        memcpy(c.token, token.ptr, token.len);
    memcpy(c.answer, answer.ptr, answer.len);
    write_slot(place, &c);
    return 0;
}

void challenges_withdraw(struct challenges_segment *s, enum challenge_kind kind, slice domain,
                         slice token)
{
    static const struct challenge none;
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++)
        if (is_one(&s->slots[i].challenge, kind, domain, token))
            write_slot(&s->slots[i], &none);
}

void challenges_clear(struct challenges_segment *s)
{
    static const struct challenge none;
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++)
        write_slot(&s->slots[i], &none);
}

static bool read_slot(const struct challenge_slot *slot, struct challenge *ret)
{
    for (int i = 0; i < READS_MAX; i++) {
        uint32_t version = atomic_load_explicit(&slot->version, memory_order_acquire);
        if (version & 1)
            continue;
        *ret = slot->challenge;
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&slot->version, memory_order_relaxed) == version)
            return ret->domain_bytes <= CHALLENGE_DOMAIN_BYTES_MAX &&
                   ret->token_bytes <= CHALLENGE_TOKEN_BYTES_MAX &&
                   ret->answer_bytes <= CHALLENGE_ANSWER_BYTES_MAX;
    }
    return false;
}

bool challenges_find(const struct challenges_segment *s, enum challenge_kind kind, slice domain,
                     slice token, struct challenge *ret)
{
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++)
        if (s->slots[i].challenge.kind == kind && read_slot(&s->slots[i], ret) &&
            is_one(ret, kind, domain, token))
            return true;
    return false;
}
