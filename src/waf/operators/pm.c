/* pm: one of the argument's phrases, with white space between and bytes as |hex|, occurs in the
 * value, whatever its case. TX.0 is the phrase that was found, as it stands in the value. */
#include "waf/operators/phrase_list.h"
#include "waf/operators/table.h"
#include "waf/patterns/phrases.h"

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    OWNS(phrase_list_drop) struct phrases *phrases = NULL;
    TRY(phrases_open(&phrases));
    int result = phrases_add_words(phrases, argument);
    TRY(phrase_list_explain(setup, result ? result : phrases_seal(phrases), "the argument of @pm",
                            argument));
    *ret_prepared = phrases;
    phrases = NULL;
    return 0;
}

const struct operator operator_pm = {
    .name = "pm",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = phrase_list_evaluate,
    .release = phrase_list_release,
    .phrases = phrase_list_of,
    .is_search = true,
    .meaning = "One of these phrases occurs in the value, whatever its case.",
    .example = "SecRule REQUEST_HEADERS:User-Agent \"@pm nikto sqlmap |00|\" \"id:1,phase:1,deny\"",
};
