/* What both logs have in common: a line is formatted straight into the worker's ring and committed;
 * when the ring is full the line is dropped and counted, and nobody waits. Lines are cut, never
 * split: what a client can make long has a bound of its own. */
#pragma once

#include "proxy/exchange.h"
#include "proxy/gate_state.h"

/* Opens a line for the channel. False: off, or dropped (counted). */
bool log_line_begin(enum log_channel channel, struct writer *ret);
/* Ends it (a newline is added). A line that did not fit is dropped and counted. */
void log_line_end(enum log_channel channel, struct writer *w);

/* "2026-11-24T10:16:32.123Z" */
void log_write_time(struct writer *w, int64_t wall_ms);

/* Members of the JSON object, each with a comma in front: the first one, the time, is written by
 * log_begin_object. Keys are literals, so that key, quotes and colon are one copy of known length.
 */
#define log_key(w, key)                  writer_literal(w, ",\"" key "\":")
#define log_text(w, key, value)          log_write_text(w, SLICE(",\"" key "\":\""), value)
#define log_number(w, key, value)        (log_key(w, key), writer_decimal(w, value))
#define log_span(w, key, from_us, to_us) (log_key(w, key), log_write_span(w, from_us, to_us))
#define log_ip(w, key, ip)               log_write_ip(w, SLICE(",\"" key "\":\""), ip)

void log_begin_object(struct writer *w, int64_t wall_ms);
void log_write_text(struct writer *w, slice opening, slice value);
void log_write_ip(struct writer *w, slice opening, struct ip ip);
/* Seconds between two moments; null when one of them never came. */
void log_write_span(struct writer *w, int64_t from_us, int64_t to_us);

/* Path and query with the values of parameters that hold secrets replaced by "***". */
void log_write_uri(struct writer *w, const struct exchange *x);

/* The status a reader of logs expects: 499 when the client went before there was one. */
uint16_t log_status(const struct exchange *x);
