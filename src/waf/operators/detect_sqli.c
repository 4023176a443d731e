/* detectSQLi: the value would change an SQL statement (waf/detect/sqli.h). TX.0 is the fingerprint
 * of its first tokens. */
#include "waf/operators/table.h"

#include <assert.h>

#include "waf/detect/sqli.h"

static_assert(sizeof(((struct operator_match *)0)->text) > SQLI_FINGERPRINT_MAX,
              "a fingerprint fits");

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    struct sqli_result found = { 0 };
    int result = sqli_detect(value, &found, work);
    if (result == 1 && match) {
        memcpy(match->text, found.fingerprint, sizeof found.fingerprint);
        match->count = 0;
        match->word = slice_from(match->text);
    }
    return result;
}

static void required(UNUSED const void *prepared, struct byte_set *ret)
{
    sqli_required(ret);
}

const struct operator operator_detect_sqli = {
    .name = "detectSQLi",
    .evaluate = evaluate,
    .is_search = true,
    .required = required,
    .meaning = "The value is an SQL injection.",
    .example = "SecRule ARGS \"@detectSQLi\" \"id:1,phase:2,deny,capture,logdata:'%{TX.0}'\"",
};
