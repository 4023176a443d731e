#include "waf/patterns/pcre.h"

#include <errno.h>
#include <stdio.h>

int pcre_compile(slice text, bool is_caseless, pcre2_code **ret_code,
                 struct pattern_problem *ret_problem)
{
    int error;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | (is_caseless ? PCRE2_CASELESS : 0);
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

size_t pcre_steps(slice value, size_t steps_per_byte)
{
    size_t steps = value.len < PCRE_STEPS_MAX ? value.len * steps_per_byte : PCRE_STEPS_MAX;
    return steps < PCRE_STEPS_MIN   ? PCRE_STEPS_MIN
           : steps > PCRE_STEPS_MAX ? PCRE_STEPS_MAX
                                    : steps;
}

static void take_spans(const pcre2_match_data *match, int count, struct operator_match *ret)
{
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer((pcre2_match_data *)match);
    *ret = (struct operator_match){ 0 };
    ret->count = count == 0 ? MATCH_SPANS_MAX : (unsigned)count; /* 0: more groups than room */
    for (unsigned i = 0; i < ret->count; i++) {
        PCRE2_SIZE begin = places[2 * i], end = places[2 * i + 1];
        if (begin != PCRE2_UNSET && begin <= end) /* \K in a lookahead may set it behind the end */
            ret->spans[i] = (struct span){ (uint32_t)begin, (uint32_t)(end - begin) };
    }
}

int pcre_match(const pcre2_code *code, struct pattern_cache *cache, slice value,
               size_t steps_per_byte, struct operator_match *ret)
{
    pcre2_set_match_limit(cache->pcre_context, (uint32_t)pcre_steps(value, steps_per_byte));
    int result = pcre2_match(code, (PCRE2_SPTR)(value.len ? value.ptr : ""), value.len, 0, 0,
                             cache->pcre_match, cache->pcre_context);
    if (result >= 0) {
        if (ret)
            take_spans(cache->pcre_match, result, ret);
        return 1;
    }
    switch (result) {
    case PCRE2_ERROR_NOMATCH:
        return 0;
    case PCRE2_ERROR_NOMEMORY:
        return -ENOMEM;
    default: /* the limits; anything else is no answer either */
        return -EDQUOT;
    }
}
