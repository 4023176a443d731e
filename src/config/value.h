/* The units of the configuration language: durations, sizes, rates, percentages. Strict: a number
 * without the unit that is meant is an error, and the error comes with the spelling that would have
 * been right. Pure. */
#pragma once

#include "base/writer.h"

/* Milliseconds: "500ms", "10s", "5m", "1h30m", "2d"; units fall from left to right, each once.
 * 0 · -EINVAL not a duration · -ERANGE does not fit in 63 bits */
MUST_CHECK int value_duration(slice text, uint64_t *ret_ms);
/* Bytes: "512B", "64K" or "64k", "10M", "1G", "10MiB"; powers of 1024. 0 · -EINVAL · -ERANGE */
MUST_CHECK int value_size(slice text, uint64_t *ret_bytes);
/* Bytes in a second: "1K/s". 0 · -EINVAL · -ERANGE */
MUST_CHECK int value_size_rate(slice text, uint64_t *ret_bytes);

/* So many events in so much time: "10/s", "300/min", "5/h", "1/d", "20/10s". */
struct rate {
    uint64_t count;
    uint64_t period_ms;
};
/* 0 · -EINVAL · -ERANGE */
MUST_CHECK int value_rate(slice text, struct rate *ret);
/* "5%": 0 to 100. 0 · -EINVAL · -ERANGE */
MUST_CHECK int value_percent(slice text, uint64_t *ret);

/* In the language's own syntax: 5400000 -> "1h30m", 65536 -> "64K". */
void value_write_duration(struct writer *w, uint64_t ms);
void value_write_size(struct writer *w, uint64_t bytes);

/* What the text was probably meant to be: "10sec" -> "10s". false: no idea. */
bool value_suggest_duration(slice text, struct writer *w);
bool value_suggest_size(slice text, struct writer *w);
bool value_suggest_size_rate(slice text, struct writer *w);
bool value_suggest_rate(slice text, struct writer *w);
