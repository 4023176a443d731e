#include "waf/patterns/pcre.h"

#include <errno.h>
#include <stdio.h>

const struct pcre_budget pcre_decide = { .per_byte = 250, .min = 100000, .max = 20000000 };
const struct pcre_budget pcre_capture = { .per_byte = 4, .min = 40000, .max = 1000000 };

int pcre_compile(slice text, bool is_caseless, pcre2_code **ret_code,
                 struct pattern_problem *ret_problem)
{
    int error;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_UTF |
                       PCRE2_NEVER_UCP | (is_caseless ? PCRE2_CASELESS : 0);
    *ret_code =
        pcre2_compile((PCRE2_SPTR)(text.len ? text.ptr : ""), text.len, options, &error, &at, NULL);
    if (*ret_code)
        return 0;
    if (error == PCRE2_ERROR_HEAP_FAILED)
        return -ENOMEM;
    if (ret_problem) {
        ret_problem->at = at;
        pcre2_get_error_message(error, (PCRE2_UCHAR *)ret_problem->text, sizeof ret_problem->text);
    }
    return -EINVAL;
}

static void take_spans(const pcre2_match_data *match, int count, struct operator_match *ret)
{
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer((pcre2_match_data *)match);
    *ret = (struct operator_match){ 0 };
    ret->count = count == 0 ? MATCH_SPANS_MAX : (unsigned)count; /* 0: more groups than room */
    for (unsigned i = 0; i < ret->count; i++) {
        PCRE2_SIZE begin = places[2 * i], end = places[2 * i + 1];
        if (begin != PCRE2_UNSET && begin <= end) /* \K in a lookahead may set it behind the end */
            ret->spans[i] = (struct match_span){ (uint32_t)begin, (uint32_t)(end - begin) };
    }
}

struct meter {
    struct work *work;
    size_t spent, limit;
    size_t unpaid;       /* not yet told to the work */
    PCRE2_SIZE position; /* at the last callout */
    bool has_references; /* comparing with a group costs its length */
    int failure;
};

static size_t longest_group(const pcre2_callout_block *block)
{
    size_t longest = 0;
    for (uint32_t i = 1; i < block->capture_top; i++) {
        PCRE2_SIZE begin = block->offset_vector[2 * i], end = block->offset_vector[2 * i + 1];
        if (begin != PCRE2_UNSET && end > begin && end - begin > longest)
            longest = end - begin;
    }
    return longest;
}

/* Before each item. 0 goes on; anything else ends the search. */
static int count_step(pcre2_callout_block *block, void *context)
{
    struct meter *m = context;
    PCRE2_SIZE at = block->current_position;
    size_t steps = 1 + (at > m->position ? at - m->position : m->position - at);
    if (m->has_references)
        steps += longest_group(block) / 8;
    m->position = at;
    m->spent += steps;
    m->unpaid += steps;
    if (m->spent > m->limit)
        m->failure = -ENOBUFS;
    else if (m->unpaid >= WORK_BLOCK) {
        m->failure = work_spend(m->work, m->unpaid);
        m->unpaid = 0;
    }
    return m->failure ? PCRE2_ERROR_CALLOUT : 0;
}

static size_t steps_for(const struct pcre_budget *budget, slice value)
{
    size_t steps;
    if (__builtin_mul_overflow(value.len, budget->per_byte, &steps) || steps > budget->max)
        return budget->max;
    return steps < budget->min ? budget->min : steps;
}

/* The cache's room for results, unless a search that waits has it. */
static pcre2_match_data *take_room(struct pattern_cache *cache)
{
    pcre2_match_data *room = cache->pcre_match;
    cache->pcre_match = NULL;
    return room ? room : pcre2_match_data_create(MATCH_SPANS_MAX, NULL);
}

static void give_back(struct pattern_cache *cache, pcre2_match_data *room)
{
    if (cache->pcre_match)
        pcre2_match_data_free(room);
    else
        cache->pcre_match = room;
}

static int result_of(int result, const struct meter *meter)
{
    if (result >= 0)
        return 1;
    switch (result) {
    case PCRE2_ERROR_NOMATCH:
        return 0;
    case PCRE2_ERROR_CALLOUT:
        return meter->failure;
    case PCRE2_ERROR_NOMEMORY:
        return -ENOMEM;
    default: /* PCRE2's own limits; anything else is no answer either */
        return -ENOBUFS;
    }
}

int pcre_match(const pcre2_code *code, struct pattern_cache *cache, slice value,
               const struct pcre_budget *budget, struct operator_match *ret, struct work *work)
{
    struct meter meter = { .work = work, .limit = steps_for(budget, value) };
    uint32_t references = 0;
    pcre2_match_data *room = take_room(cache);
    if (!room)
        return -ENOMEM;
    pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &references);
    meter.has_references = references > 0;
    /* PCRE2 copies what it needs of the context before the first callout. */
    pcre2_set_callout(cache->pcre_context, count_step, &meter);
    int result = pcre2_match(code, (PCRE2_SPTR)(value.len ? value.ptr : ""), value.len, 0, 0, room,
                             cache->pcre_context);
    if (result >= 0 && ret)
        take_spans(room, result, ret);
    result = result_of(result, &meter);
    give_back(cache, room);
    TRY(work_spend(work, meter.unpaid));
    return result;
}
