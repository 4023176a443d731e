#include "waf/operators/phrase_list.h"

#include <errno.h>

#include "waf/operators/table.h"
#include "waf/patterns/phrases.h"

void phrase_list_drop(struct phrases **phrases)
{
    if (*phrases)
        phrases_free(*phrases);
}

int phrase_list_explain(struct operator_setup *setup, int result, const char *what, slice name)
{
    slice shown = slice_first(name, 80);
    if (result == -EINVAL)
        return waf_problem_set(setup->problem, "%s \"%.*s\" has no phrases, or a malformed one",
                               what, SLICE_ARGUMENTS(shown));
    if (result == -E2BIG)
        return waf_problem_set(setup->problem, "%s \"%.*s\" has more than %d phrases", what,
                               SLICE_ARGUMENTS(shown), PHRASES_MAX);
    return result;
}

void phrase_list_release(void *prepared)
{
    phrases_free(prepared);
}

const struct phrases *phrase_list_of(const void *prepared)
{
    return prepared;
}

int phrase_list_evaluate(const void *prepared, UNUSED slice argument, slice value,
                         struct operator_match *match, struct work *work)
{
    struct match_span span = { 0 };
    int result = phrases_find(prepared, value, &span, work);
    return result == 1 ? operator_matched(match, span.at, span.len) : result;
}
