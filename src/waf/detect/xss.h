/* Would a value that is written into an HTML page run a script?
 *
 * The value is read by the rules of HTML's tokenizer (WHATWG, 13.2.5) from each place where pages
 * have values: between tags, and inside an attribute without quotes, in '…', "…" and `…`. Evidence
 * is an element that runs or loads something, an event handler, an attribute that takes a URL with
 * a scheme that runs script (character references and control characters undone), script in style
 * and srcdoc, or an animation that sets such an attribute.
 *
 * Nothing is allocated, no recursion, the cost is linear in the value. */
#pragma once

#include "waf/byte_set.h"
#include "waf/work.h"

struct xss_result {
    const char *because; /* the evidence in a few words, static */
    size_t at, len;      /* the tag or attribute of the value that is the evidence */
};

/* 1 script would run, *ret says why · 0 not, *ret untouched · -errno of the work. ret may be NULL.
 */
MUST_CHECK int xss_detect(slice value, struct xss_result *ret, struct work *work);

/* Bytes of which a value has one whenever xss_detect says yes. */
void xss_required(struct byte_set *ret);
