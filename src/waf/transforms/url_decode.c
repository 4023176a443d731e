/* urlDecode: %HH and "+" (a space) of forms. A malformed escape stays as it is. */
#include "waf/transforms/url.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    url_decode_step(run, bytes_max, url_escape_decode);
}

const struct transform transform_url_decode = {
    .name = "urlDecode",
    .out_max = transform_same,
    .triggers = &url_escapes,
    .step = step,
    .meaning = "Decodes `%HH` and `+`.",
    .example = "`%3Cscript%3E+x` becomes `<script> x`",
};
