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

/* `"key":` with a comma in front unless it is the first; the value follows. */
void log_key(struct writer *w, const char *key);
void log_text(struct writer *w, const char *key, slice value);
void log_number(struct writer *w, const char *key, uint64_t value);
/* Seconds between two moments; null when one of them never came. */
void log_span(struct writer *w, const char *key, int64_t from_us, int64_t to_us);
void log_ip(struct writer *w, const char *key, struct ip ip);

/* Path and query with the values of parameters that hold secrets replaced by "***". */
void log_write_uri(struct writer *w, const struct exchange *x);

/* The status a reader of logs expects: 499 when the client went before there was one. */
uint16_t log_status(const struct exchange *x);
