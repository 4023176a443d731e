/* A response as an HTTP/2 origin gives it: a list of fields, decompressed already, judged as
 * strictly as a head of HTTP/1 and turned into the same model (RFC 9113 §8). Pure.
 *
 * A list is a `struct fields` whose items stand in the order they came, pseudo-fields (":status")
 * among them. What nghttp2 refuses by itself is refused here again: this is the place that counts.
 *
 * In the model the framing says how the body's end is known: H1_FRAMING_NONE there is none,
 * H1_FRAMING_LENGTH content-length announced it and DATA must agree, H1_FRAMING_CHUNKED the
 * stream's end alone tells. */
#pragma once

#include "wire/h1.h"

struct h2_question {
    enum method method;
    bool asked_websocket; /* by an extended CONNECT, RFC 8441: a 2xx opens the tunnel */
    bool ends_stream;     /* the list came with END_STREAM: no body follows */
};

/* Judges the list of a response, interim or final.
 *
 * list       changed: what is the connection's own is marked dropped
 * ret        ret->fields is what stands in *list behind :status; slices point where the list's do
 * returns    0 · -EPROTO malformed · -EMSGSIZE over a limit; *reterr then says why, status 502
 * RFC 9113 §8.1: an interim response does not end the stream; §8.2: names in lower case, values
 * without white space at their ends, no connection-specific fields; §8.3.2: one :status, in front;
 * §8.6: no 101. */
MUST_CHECK int h2_response_parse(struct fields *list, const struct h1_limits *limits,
                                 const struct h2_question *question, struct h1_response *ret,
                                 struct h1_error *reterr);

/* Judges the list of a trailer section: no pseudo-fields, and the rules for fields as above. Those
 * that may not stand in trailers (RFC 9110 §6.5.1: framing, routing, authentication, modifiers,
 * content) are marked dropped. 0 · -EPROTO · -EMSGSIZE */
MUST_CHECK int h2_trailers_parse(struct fields *list, const struct h1_limits *limits,
                                 struct h1_error *reterr);
