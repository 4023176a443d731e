#include "shared/dns_answers.h"

#include <errno.h>

#include "base/siphash.h"
#include "shared/versioned.h"

enum { BOX_FREE, BOX_ASKED, BOX_FILLED_BY };

static uint64_t hash(const struct dns_answers_segment *s, slice name)
{
    struct siphash_key key = { s->hash_key[0], s->hash_key[1] };
    return siphash(&key, name.ptr, name.len);
}

static bool is_name(const struct dns_name *n, slice name)
{
    return n->bytes == name.len && memcmp(n->text, name.ptr, name.len) == 0;
}

/* --- Questions -------------------------------------------------------------------------------- */

/* Somebody has asked the same, and the observer has not come by yet. */
static bool is_asked(const struct dns_answers_segment *s, uint64_t name_hash)
{
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++)
        if (atomic_load_explicit(&s->boxes[i].state, memory_order_acquire) == BOX_ASKED &&
            atomic_load_explicit(&s->boxes[i].hash, memory_order_relaxed) == name_hash)
            return true;
    return false;
}

static struct dns_box *claim(struct dns_answers_segment *s, uint32_t slot)
{
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        uint32_t expected = BOX_FREE;
        if (atomic_compare_exchange_strong(&s->boxes[i].state, &expected, BOX_FILLED_BY + slot))
            return &s->boxes[i];
    }
    return NULL;
}

int dns_answers_ask(struct dns_answers_segment *s, uint32_t slot, slice name, bool *ret_must_wake)
{
    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return -EMSGSIZE;
    uint64_t name_hash = hash(s, name);
    if (!is_asked(s, name_hash)) {
        struct dns_box *box = claim(s, slot);
        if (!box)
            return -EAGAIN;
        box->name = (struct dns_name){ .bytes = (uint32_t)name.len };
        memcpy(box->name.text, name.ptr, name.len);
        atomic_store_explicit(&box->hash, name_hash, memory_order_relaxed);
        atomic_store(&box->state, BOX_ASKED);
    }
    /* Either this sees that the observer sleeps, or its last look before that saw the box. */
    *ret_must_wake = atomic_load(&s->is_awake) == 0;
    return 0;
}

bool dns_answers_take(struct dns_answers_segment *s, struct dns_name *ret)
{
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        struct dns_box *box = &s->boxes[i];
        if (atomic_load(&box->state) != BOX_ASKED)
            continue;
        *ret = box->name;
        atomic_store_explicit(&box->state, BOX_FREE, memory_order_release);
        if (ret->bytes == 0 || ret->bytes > DNS_NAME_MAX)
            continue;
        ret->text[ret->bytes] = '\0';
        return true;
    }
    return false;
}

void dns_answers_set_awake(struct dns_answers_segment *s, bool is_awake)
{
    atomic_store(&s->is_awake, is_awake);
}

void dns_answers_release(struct dns_answers_segment *s, uint32_t slot)
{
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        uint32_t expected = BOX_FILLED_BY + slot;
        (void)atomic_compare_exchange_strong(&s->boxes[i].state, &expected, BOX_FREE);
    }
}

/* --- Answers ---------------------------------------------------------------------------------- */

static uint32_t first_of_set(const struct dns_answers_segment *s, slice name)
{
    return (uint32_t)hash(s, name) % (DNS_ANSWERS_MAX / DNS_WAYS) * DNS_WAYS;
}

static bool read_slot(const struct dns_slot *slot, struct dns_answer *ret)
{
    if (!versioned_read(&slot->version, &slot->answer, ret, sizeof *ret))
        return false;
    ret->why[DNS_WHY_MAX - 1] = '\0';
    return true;
}

bool dns_answers_find(const struct dns_answers_segment *s, slice name, int64_t now_ms,
                      struct dns_answer *ret)
{
    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return false;
    uint32_t first = first_of_set(s, name);
    for (uint32_t i = first; i < first + DNS_WAYS; i++)
        if (is_name(&s->answers[i].answer.name, name) && read_slot(&s->answers[i], ret) &&
            is_name(&ret->name, name))
            return ret->word >= DNS_HAS_ADDRESS && ret->word <= DNS_FAILED &&
                   ret->until_ms > now_ms;
    return false;
}

/* Its own place; else a free one, or that of the one that ends first. */
static struct dns_slot *place_of(struct dns_answers_segment *s, slice name, int64_t now_ms)
{
    struct dns_slot *slots = &s->answers[first_of_set(s, name)], *found = slots;
    for (uint32_t i = 0; i < DNS_WAYS; i++)
        if (is_name(&slots[i].answer.name, name))
            return &slots[i];
    for (uint32_t i = 0; i < DNS_WAYS; i++) {
        if (slots[i].answer.word == DNS_NONE || slots[i].answer.until_ms <= now_ms)
            return &slots[i];
        if (slots[i].answer.until_ms < found->answer.until_ms)
            found = &slots[i];
    }
    return found;
}

void dns_answers_put(struct dns_answers_segment *s, const struct dns_answer *answer, int64_t now_ms)
{
    slice name = slice_of(answer->name.text, answer->name.bytes);
    struct dns_slot *slot = place_of(s, name, now_ms);
    versioned_write(&slot->version, &slot->answer, answer, sizeof *answer);
}
