/* HTTP/1.0 and 1.1 heads, both directions (RFC 9112), and their serialisers. Pure: bytes in,
 * structures out.
 *
 * Strict as DESIGN says: CRLF only, no obs-fold, tokens for names, no controls in values, one
 * framing rule set. What the parser accepts is unambiguous; it is later written anew from the
 * structure, never forwarded as received.
 *
 * Use: h1_head_scan() as bytes arrive (linear over all calls), then one h1_request_parse() or
 * h1_response_parse() on the complete head. */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "wire/authority.h"
#include "wire/field.h"

struct h1_limits {
    uint32_t head_bytes_max;   /* of the whole head, blank line included */
    uint32_t line_bytes_max;   /* of one field line, and of the request line's method + target */
    uint32_t target_bytes_max; /* of the request target */
    uint32_t fields_max;
};

/* Methods that the proxy treats in a way of their own (RFC 9110 §9.3, RFC 5789). */
enum method {
    METHOD_OTHER, /* any other token: forwarded as it is */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_PATCH,
    METHOD_TRACE,
    METHOD_CONNECT,
};

enum method method_of(slice token);       /* case-sensitive */
bool method_is_safe(enum method m);       /* GET HEAD OPTIONS TRACE */
bool method_is_idempotent(enum method m); /* those, PUT and DELETE */

enum h1_framing {
    H1_FRAMING_NONE,   /* no body */
    H1_FRAMING_LENGTH, /* content_length bytes, maybe 0 */
    H1_FRAMING_CHUNKED,
    H1_FRAMING_CLOSE, /* until the connection ends; responses only */
};

/* Why a message was refused: a status for the client, a stable word for logs and metrics (for
 * example "h1.bare-lf"), and where. */
struct h1_error {
    uint16_t status; /* requests: 400 414 417 431 501 505; responses: always 502 */
    const char *reason;
    const char *text; /* one sentence */
    size_t at;        /* offset in the head */
};

struct h1_request {
    slice head; /* all bytes of the head */
    slice method_text;
    enum method method;
    slice target;          /* as received; ASCII, no controls, spaces or "<>\^`{|}# */
    uint8_t minor_version; /* 0 or 1 */
    struct fields fields;
    slice host;                 /* value of Host, empty when absent (1.0 only) */
    struct authority authority; /* what it says; all zero when absent */

    enum h1_framing framing; /* NONE, LENGTH or CHUNKED */
    uint64_t content_length;
    bool keep_alive;            /* what the client's version and Connection say (RFC 9112 §9.3) */
    bool expects_continue;      /* Expect: 100-continue in HTTP/1.1 */
    bool upgrades_to_websocket; /* a complete, valid handshake (RFC 6455 §4.2.1) */
};

struct h1_response {
    slice head;
    uint8_t minor_version;
    uint16_t status; /* 100..599, three digits */
    slice reason_phrase;
    struct fields fields;

    enum h1_framing framing;
    uint64_t content_length; /* of the framing; with has_length also what HEAD or 304 announced */
    bool has_length;
    bool keep_alive;
    bool is_websocket; /* 101 to a websocket upgrade that was asked for, accept value correct */
};

/* Looks for the end of a head in bytes that keep arriving.
 *
 * scanned    in and out: how far earlier calls came; starts at 0
 * returns    0, *ret_bytes = length of the head with its blank line
 *            -EAGAIN not complete · -EMSGSIZE longer than head_bytes_max
 * A line ended by a bare LF also ends the scan, so that the parser refuses it at once. Leading
 * empty lines are for the caller: h1_skip_empty_lines(). */
MUST_CHECK int h1_head_scan(slice bytes, const struct h1_limits *limits, size_t *scanned,
                            size_t *ret_bytes);

/* RFC 9112 §2.2: a server SHOULD ignore at least one empty line (CRLF) received before the request
 * line. How many bytes of CRLFs stand at the front; all of them, so that it does not matter in
 * which pieces they came. */
size_t h1_skip_empty_lines(slice bytes);

/* Parses one complete request head.
 *
 * head       exactly what h1_head_scan found
 * fields     storage for limits->fields_max fields
 * ret        slices point into `head`
 * returns    0 · -EPROTO malformed · -EMSGSIZE over a limit; *reterr then says why
 * RFC 9112 §2.2 §3 §5 §6. Connection-named fields are marked dropped (RFC 9110 §7.6.1), as are all
 * hop-by-hop ones, Expect, and Proxy (httpoxy). Field names with underscores are marked dropped:
 * they alias in CGI-style back ends. */
MUST_CHECK int h1_request_parse(slice head, const struct h1_limits *limits, struct field *fields,
                                struct h1_request *ret, struct h1_error *reterr);

/* The same for a response; `request_method` and `asked_websocket` decide the framing
 * (RFC 9112 §6.3) and `websocket_key` the handshake's check. Reason always in the h1. family,
 * status always 502. */
struct h1_question {
    enum method method;
    bool asked_websocket;
    slice websocket_key;
};
MUST_CHECK int h1_response_parse(slice head, const struct h1_limits *limits, struct field *fields,
                                 const struct h1_question *question, struct h1_response *ret,
                                 struct h1_error *reterr);

/* --- Bodies --------------------------------------------------------------------------------- */

/* Decodes a body as it streams. Chunk extensions are dropped (their bytes bounded), trailer fields
 * are validated and dropped. Pass-through of data: slices point into the input. */
struct h1_body {
    enum h1_framing framing;
    uint64_t left;     /* of the length or of the current chunk */
    uint64_t decoded;  /* body bytes given so far */
    uint32_t overhead; /* bytes of extensions and trailers so far */
    uint8_t state;     /* private */
    uint8_t digits;    /* private */
    bool ended;        /* the message is complete */
};

void h1_body_open(struct h1_body *b, enum h1_framing framing, uint64_t content_length);

/* Takes the next piece.
 *
 * in         what has arrived and was not used yet
 * ret_data   a piece of the body inside `in`, maybe empty
 * ret_used   how many bytes of `in` are done with, data included
 * returns    0 look again with the rest (b->ended says the message is complete)
 *            -EPROTO malformed chunk framing (bare LF, bad size, overflow, too much overhead)
 * With H1_FRAMING_CLOSE everything is data and only h1_body_closed() ends it. */
MUST_CHECK int h1_body_next(struct h1_body *b, slice in, slice *ret_data, size_t *ret_used);

/* The connection has ended. 0 that was the message's end (H1_FRAMING_CLOSE) · -EPROTO truncated */
MUST_CHECK int h1_body_closed(struct h1_body *b);

/* --- Writing -------------------------------------------------------------------------------- */

/* "GET /path?query HTTP/1.1\r\n" and "HTTP/1.1 200 OK\r\n". */
void h1_write_request_line(struct writer *w, slice method, slice path, slice query, bool has_query);
void h1_write_status_line(struct writer *w, uint16_t status);

/* "Name: value\r\n". Asserts that the value holds no CR, LF or NUL. */
void h1_write_field(struct writer *w, slice name, slice value);

/* All fields that are not dropped. */
void h1_write_fields(struct writer *w, const struct fields *fs);

/* The chunk head "1a2b\r\n" for `bytes` > 0 into at least H1_CHUNK_HEAD_MAX bytes; its length. The
 * chunk's data and then "\r\n" follow. The last chunk is H1_LAST_CHUNK. */
#define H1_CHUNK_HEAD_MAX 18u
size_t h1_chunk_head(char to[H1_CHUNK_HEAD_MAX], uint64_t bytes);
#define H1_LAST_CHUNK "0\r\n\r\n"

#define H1_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* "Not Found" for 404; "Unknown" for others. */
slice status_phrase(uint16_t status);
