/* pmFromFile (pmf): one of the phrases of these files, one a line, occurs in the value, whatever
 * its case. TX.0 is the phrase that was found, as it stands in the value. */
#include "waf/operators/phrase_list.h"
#include "waf/operators/table.h"
#include "waf/patterns/phrases.h"

struct file_reader {
    struct operator_setup *setup;
    struct phrases *phrases;
};

static int add_file(void *context, slice file, slice content)
{
    struct file_reader *r = context;
    return phrase_list_explain(r->setup, phrases_add_lines(r->phrases, content), "the file", file);
}

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    OWNS(phrase_list_drop) struct phrases *phrases = NULL;
    TRY(phrases_open(&phrases));
    struct file_reader reader = { .setup = setup, .phrases = phrases };
    TRY(operator_read_files(setup, argument, add_file, &reader));
    TRY(phrase_list_explain(setup, phrases_seal(phrases), "the file", argument));
    *ret_prepared = phrases;
    phrases = NULL;
    return 0;
}

const struct operator operator_pm_from_file = {
    .name = "pmFromFile",
    .alias = "pmf",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = phrase_list_evaluate,
    .release = phrase_list_release,
    .phrases = phrase_list_of,
    .is_search = true,
    .meaning = "One of the phrases of these files occurs in the value, whatever its case.",
    .example =
        "SecRule REQUEST_FILENAME \"@pmFromFile restricted-files.data\" \"id:1,phase:1,deny\"",
};
