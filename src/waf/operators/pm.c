/* pm, pmFromFile (pmf): one of many phrases occurs in the value, whatever its case
 * (waf/patterns/phrases.h). The argument of pm has them between white space, bytes as |hex|; a file
 * has one a line, and pmFromFile takes several files. TX.0 is the phrase that was found, as it
 * stands in the value. */
#include "waf/operators/table.h"

#include <errno.h>

#include "waf/patterns/phrases.h"

static void phrases_release(struct phrases **phrases)
{
    if (*phrases)
        phrases_free(*phrases);
}

/* What phrases_add… and phrases_seal say, in words. */
static int explain(struct operator_setup *setup, int result, const char *what, slice name)
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

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    OWNS(phrases_release) struct phrases *phrases = NULL;
    TRY(phrases_open(&phrases));
    int result = phrases_add_words(phrases, argument);
    TRY(explain(setup, result ? result : phrases_seal(phrases), "the argument of @pm", argument));
    *ret_prepared = phrases;
    phrases = NULL;
    return 0;
}

struct file_reader {
    struct operator_setup *setup;
    struct phrases *phrases;
};

static int add_file(void *context, slice file, slice content)
{
    struct file_reader *r = context;
    return explain(r->setup, phrases_add_lines(r->phrases, content), "the file", file);
}

static int prepare_from_file(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                             void **ret_prepared)
{
    OWNS(phrases_release) struct phrases *phrases = NULL;
    TRY(phrases_open(&phrases));
    struct file_reader reader = { .setup = setup, .phrases = phrases };
    TRY(operator_read_files(setup, argument, add_file, &reader));
    TRY(explain(setup, phrases_seal(phrases), "the file", argument));
    *ret_prepared = phrases;
    phrases = NULL;
    return 0;
}

static void release(void *prepared)
{
    phrases_free(prepared);
}

static const struct phrases *phrases_of(const void *prepared)
{
    return prepared;
}

static int evaluate(const void *prepared, UNUSED slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    struct match_span span = { 0 };
    int result = phrases_find(prepared, value, &span, work);
    return result == 1 ? operator_matched(match, span.at, span.len) : result;
}

const struct operator operator_pm = {
    .name = "pm",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = evaluate,
    .release = release,
    .phrases = phrases_of,
    .is_search = true,
    .meaning = "One of these phrases occurs in the value, whatever its case.",
    .example = "SecRule REQUEST_HEADERS:User-Agent \"@pm nikto sqlmap |00|\" \"id:1,phase:1,deny\"",
};

const struct operator operator_pm_from_file = {
    .name = "pmFromFile",
    .alias = "pmf",
    .takes_argument = true,
    .prepare = prepare_from_file,
    .evaluate = evaluate,
    .release = release,
    .phrases = phrases_of,
    .is_search = true,
    .meaning = "One of the phrases of these files occurs in the value, whatever its case.",
    .example =
        "SecRule REQUEST_FILENAME \"@pmFromFile restricted-files.data\" \"id:1,phase:1,deny\"",
};
