#include "shared/challenges.h"

#include <errno.h>

#include "shared/versioned.h"

static bool is_one(const struct challenge *c, enum challenge_kind kind, slice domain, slice token)
{
    return c->kind == kind && slice_equal(slice_of(c->domain, c->domain_bytes), domain) &&
           (!token.ptr || slice_equal(slice_of(c->token, c->token_bytes), token));
}

static void write_slot(struct challenge_slot *slot, const struct challenge *what)
{
    versioned_write(&slot->version, &slot->challenge, what, sizeof *what);
}

int challenges_offer(struct challenges_segment *s, enum challenge_kind kind, slice domain,
                     slice token, slice answer, int64_t now_ms)
{
    struct challenge_slot *place = NULL;
    slice same = kind == CHALLENGE_TLS ? (slice){ 0 } : token;
    if (domain.len > CHALLENGE_DOMAIN_BYTES_MAX || token.len > CHALLENGE_TOKEN_BYTES_MAX ||
        answer.len > CHALLENGE_ANSWER_BYTES_MAX || !domain.len || !answer.len)
        return -EMSGSIZE;
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++) {
        struct challenge_slot *slot = &s->slots[i];
        if (is_one(&slot->challenge, kind, domain, same)) {
            place = slot;
            break;
        }
        if (!place &&
            (slot->challenge.kind == CHALLENGE_NONE || slot->challenge.until_ms <= now_ms))
            place = slot;
    }
    if (!place)
        return -ENOSPC;
    struct challenge c = { .kind = kind,
                           .domain_bytes = (uint32_t)domain.len,
                           .token_bytes = (uint32_t)token.len,
                           .answer_bytes = (uint32_t)answer.len,
                           .until_ms = now_ms + CHALLENGE_LIFE_MS };
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

void challenges_mend(struct challenges_segment *s)
{
    static const struct challenge none;
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++)
        if (atomic_load_explicit(&s->slots[i].version, memory_order_relaxed) & 1)
            write_slot(&s->slots[i], &none);
}

static bool read_slot(const struct challenge_slot *slot, struct challenge *ret)
{
    return versioned_read(&slot->version, &slot->challenge, ret, sizeof *ret) &&
           ret->domain_bytes <= CHALLENGE_DOMAIN_BYTES_MAX &&
           ret->token_bytes <= CHALLENGE_TOKEN_BYTES_MAX &&
           ret->answer_bytes <= CHALLENGE_ANSWER_BYTES_MAX;
}

bool challenges_find(const struct challenges_segment *s, enum challenge_kind kind, slice domain,
                     slice token, int64_t now_ms, struct challenge *ret)
{
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++)
        if (s->slots[i].challenge.kind == kind && read_slot(&s->slots[i], ret) &&
            is_one(ret, kind, domain, token) && now_ms < ret->until_ms)
            return true;
    return false;
}
