/* detectXSS: the value would run script in an HTML page (waf/detect/xss.h). TX.0 is the tag or the
 * attribute that does. */
#include "waf/operators/table.h"

#include "waf/detect/xss.h"

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    struct xss_result found = { 0 };
    int result = xss_detect(value, &found, work);
    return result == 1 ? operator_matched(match, found.at, found.len) : result;
}

static void required(UNUSED const void *prepared, struct byte_set *ret)
{
    xss_required(ret);
}

const struct operator operator_detect_xss = {
    .name = "detectXSS",
    .evaluate = evaluate,
    .is_search = true,
    .required = required,
    .meaning = "The value runs script when it is written into a page.",
    .example = "SecRule ARGS \"@detectXSS\" \"id:1,phase:2,deny\"",
};
