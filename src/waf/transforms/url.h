/* What urlDecode and urlDecodeUni share: percent-encoding, and "+" for a space. */
#pragma once

#include "waf/transforms/run.h"

/* Where there is something to decode. */
extern const struct byte_set url_escapes;

/* The escape at `at`, a percent sign: written decoded, or as it is when it is malformed; returns
 * how long it is. */
size_t url_escape_decode(struct transform_run *run, size_t at);

/* A step; escape: decodes one. */
void url_decode_step(struct transform_run *run, size_t bytes_max,
                     size_t (*escape)(struct transform_run *run, size_t at));
