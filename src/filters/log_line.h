/* What both logs have in common: a line is formatted straight into the worker's ring and committed;
 * when the ring is full the line is dropped and counted, and nobody waits. Every text has a bound
 * of its own, and together with all that is fixed they fit: no client can keep its line out. */
#pragma once

#include "filters/log_text.h"
#include "proxy/exchange.h"
#include "proxy/gate_state.h"

/* Opens a line for the channel. False: off, or dropped (counted). */
bool log_line_begin(enum log_channel channel, struct writer *ret);
/* The same for a record of up to bytes_max <= LOG_RECORD_BYTES_MAX with its newline: they leave
 * half of the ring to the lines of the other logs. */
bool log_record_begin(enum log_channel channel, uint32_t bytes_max, struct writer *ret);
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
#define log_masked(w, key, value, max)   log_write_masked(w, SLICE(",\"" key "\":\""), value, max)

void log_begin_object(struct writer *w, int64_t wall_ms);
void log_write_text(struct writer *w, slice opening, slice value);
void log_write_ip(struct writer *w, slice opening, struct ip ip);
/* Seconds between two moments; null when one of them never came. */
void log_write_span(struct writer *w, int64_t from_us, int64_t to_us);

void log_write_masked(struct writer *w, slice opening, slice value, size_t bytes_max);

/* What the client asked for: "method", "host", "uri" and "protocol", and "path" where the canonical
 * one is another; or, when its request line was not understood, that "line". Secrets masked. */
void log_write_request(struct writer *w, const struct exchange *x);

struct h2_session;

/* What program the client is by the way it speaks: "ja4" of its TLS, "h2" of its HTTP/2, where it
 * has them. */
void log_fingerprints(struct writer *w, const struct exchange *x);
/* The same without an exchange. session: NULL: it speaks no HTTP/2 */
void log_connection_fingerprints(struct writer *w, const struct connection *c,
                                 const struct h2_session *session);

/* The request line as it came, or what came of it; what stands before its target, and behind. The
 * latter two only when there is a target. */
slice log_request_line(const struct exchange *x);
slice log_before_target(const struct exchange *x);
slice log_behind_target(const struct exchange *x);

/* Which process, as `status` and the system name it. */
uint64_t log_worker_pid(void);

/* Bounds of what is written for a text. */
#define LOG_TEXT_BYTES_MAX    768u
#define LOG_URI_BYTES_MAX     4096u
#define LOG_PATH_BYTES_MAX    2048u
#define LOG_REFERER_BYTES_MAX 2048u

/* The status a reader of logs expects: 499 when the client went before there was one. */
uint16_t log_status(const struct exchange *x);
