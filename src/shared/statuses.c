#include "shared/statuses.h"

#include <errno.h>

#include "base/siphash.h"
#include "shared/versioned.h"

enum { BOX_FREE, BOX_ASKED, BOX_FILLED_BY };

static uint64_t hash(const struct statuses_segment *s, const void *bytes, size_t count)
{
    struct siphash_key key = { s->hash_key[0], s->hash_key[1] };
    return siphash(&key, bytes, count);
}

struct status_key statuses_key(const struct statuses_segment *s, const uint8_t *leaf_hash,
                               slice responder)
{
    struct status_key key = { .responder =
                                  responder.len ? hash(s, responder.ptr, responder.len) | 1 : 0 };
    memcpy(key.leaf, leaf_hash, sizeof key.leaf);
    return key;
}

/* --- Questions -------------------------------------------------------------------------------- */

static struct status_box *claim(struct statuses_segment *s, uint32_t slot)
{
    for (uint32_t i = 0; i < STATUS_QUESTIONS_MAX; i++) {
        uint32_t expected = BOX_FREE;
        if (atomic_compare_exchange_strong(&s->boxes[i].state, &expected, BOX_FILLED_BY + slot))
            return &s->boxes[i];
    }
    return NULL;
}

int statuses_ask(struct statuses_segment *s, uint32_t slot, const struct status_request *what)
{
    if (what->leaf.len > STATUS_DER_MAX || what->issuer.len > STATUS_DER_MAX ||
        what->responder.len > STATUS_RESPONDER_MAX)
        return -EMSGSIZE;
    struct status_box *box = claim(s, slot);
    if (!box)
        return -EAGAIN;
    struct status_question *q = &box->question;
    q->leaf_bytes = (uint32_t)what->leaf.len;
    q->issuer_bytes = (uint32_t)what->issuer.len;
    q->responder_bytes = (uint32_t)what->responder.len;
    memcpy(q->leaf, what->leaf.ptr, what->leaf.len);
    memcpy(q->issuer, what->issuer.ptr, what->issuer.len);
    if (what->responder.len)
        memcpy(q->responder, what->responder.ptr, what->responder.len);
    atomic_store_explicit(&box->state, BOX_ASKED, memory_order_release);
    return 0;
}

bool statuses_take(struct statuses_segment *s, struct status_question *ret)
{
    for (uint32_t i = 0; i < STATUS_QUESTIONS_MAX; i++) {
        struct status_box *box = &s->boxes[i];
        if (atomic_load_explicit(&box->state, memory_order_acquire) != BOX_ASKED)
            continue;
        *ret = box->question;
        atomic_store_explicit(&box->state, BOX_FREE, memory_order_release);
        if (ret->leaf_bytes <= STATUS_DER_MAX && ret->issuer_bytes <= STATUS_DER_MAX &&
            ret->responder_bytes <= STATUS_RESPONDER_MAX)
            return true;
    }
    return false;
}

void statuses_release(struct statuses_segment *s, uint32_t slot)
{
    for (uint32_t i = 0; i < STATUS_QUESTIONS_MAX; i++) {
        uint32_t expected = BOX_FILLED_BY + slot;
        (void)atomic_compare_exchange_strong(&s->boxes[i].state, &expected, BOX_FREE);
    }
}

/* --- Answers ---------------------------------------------------------------------------------- */

static uint32_t first_of_set(const struct statuses_segment *s, const struct status_key *key)
{
    uint32_t set = (uint32_t)hash(s, key, sizeof *key) % (STATUS_ANSWERS_MAX / STATUS_WAYS);
    return set * STATUS_WAYS;
}

static bool is_key(const struct status_answer *a, const struct status_key *key)
{
    return memcmp(&a->key, key, sizeof *key) == 0;
}

static bool read_slot(const struct status_slot *slot, struct status_answer *ret)
{
    if (!versioned_read(&slot->version, &slot->answer, ret, sizeof *ret))
        return false;
    ret->text[STATUS_TEXT_MAX - 1] = '\0';
    return true;
}

bool statuses_find(const struct statuses_segment *s, const struct status_key *key, int64_t now_s,
                   struct status_answer *ret)
{
    uint32_t first = first_of_set(s, key);
    for (uint32_t i = first; i < first + STATUS_WAYS; i++)
        if (is_key(&s->answers[i].answer, key) && read_slot(&s->answers[i], ret) &&
            is_key(ret, key))
            return ret->word >= STATUS_GOOD && ret->word <= STATUS_UNKNOWN && ret->until_s > now_s;
    return false;
}

/* Its own place; else a free one, or that of the one that ends first. */
static struct status_slot *place_of(struct statuses_segment *s, const struct status_key *key,
                                    int64_t now_s)
{
    struct status_slot *slots = &s->answers[first_of_set(s, key)], *found = slots;
    for (uint32_t i = 0; i < STATUS_WAYS; i++)
        if (is_key(&slots[i].answer, key))
            return &slots[i];
    for (uint32_t i = 0; i < STATUS_WAYS; i++) {
        if (slots[i].answer.word == STATUS_NONE || slots[i].answer.until_s <= now_s)
            return &slots[i];
        if (slots[i].answer.until_s < found->answer.until_s)
            found = &slots[i];
    }
    return found;
}

void statuses_answer(struct statuses_segment *s, const struct status_answer *answer, int64_t now_s)
{
    struct status_slot *slot = place_of(s, &answer->key, now_s);
    versioned_write(&slot->version, &slot->answer, answer, sizeof *answer);
}
