/* A request in HTTP/2: the list of fields that HPACK gives, judged and made into the same structure
 * that an HTTP/1 head is made into (RFC 9113 §8, RFC 8441, RFC 9218 §5). Pure; every check is made
 * here, none is left to the framing library.
 *
 * Use: h2_request_begin(), h2_request_add() for each field in order, h2_request_end(). Names and
 * values are copied into the arena, so that the structure outlives the frames. What is wrong is
 * remembered, the first of it, and told at the end: decoding must go on for the sake of HPACK. */
#pragma once

#include "wire/h1.h"

struct h2_crumb;

struct h2_request {
    /* private, but for what h2_request_end() returns in `request` */
    struct arena *arena;
    const struct h1_limits *limits;
    struct h1_request *request;
    bool is_trailer;
    bool has_regular; /* pseudo-fields may not follow */
    bool has_method, has_scheme, has_authority, has_path, has_protocol, has_host;
    slice scheme, authority, protocol;
    struct h2_crumb *crumbs, *last_crumb; /* of the cookie */
    size_t crumb_bytes;
    uint64_t bytes; /* of the list: names, values, and four each */
    int result;
    struct h1_error error;
};

/* fields: storage for limits->fields_max fields. request and limits outlive h2_request_end(). */
void h2_request_begin(struct h2_request *h, struct arena *arena, const struct h1_limits *limits,
                      struct field *fields, struct h1_request *request);
void h2_request_add(struct h2_request *h, slice name, slice value);

/* More of it came than anybody kept: it is over a limit. */
void h2_request_overflow(struct h2_request *h);

/* The list is complete. ends_stream: no body follows.
 *
 * returns    0 · -EPROTO malformed: RFC 9113 §8.1.1 "MUST be treated as a stream error"
 *            -EMSGSIZE over a limit · -EINVAL well-formed, but refused with reterr->status
 *            -ENOMEM
 * request    minor_version is 1; `head` is a request line made for the log, into which method and
 *            target point; framing is CHUNKED for a body of unknown length; an extended CONNECT for
 *            websocket (RFC 8441 §5) is the GET that it stands for, without a key. Crumbs of Cookie
 *            are joined (§8.2.3). Fields are marked dropped as in HTTP/1: those that are the
 *            connection's own, Expect, Proxy, and names with underscores. */
MUST_CHECK int h2_request_end(struct h2_request *h, bool ends_stream, struct h1_error *reterr);

/* ":scheme", lower case: "http" or "https"; valid when h2_request_end() returned 0. */
static inline slice h2_request_scheme(const struct h2_request *h)
{
    return h->scheme;
}

/* The same for a list behind the body: fields are judged and forgotten (RFC 9110 §6.5.1). */
void h2_trailers_begin(struct h2_request *h, const struct h1_limits *limits);
MUST_CHECK int h2_trailers_end(struct h2_request *h, bool ends_stream, struct h1_error *reterr);

/* Priority (RFC 9218 §4): "u=1, i". What is absent or malformed keeps its value in *ret, which the
 * caller has set. */
struct h2_priority {
    uint8_t urgency; /* 0 the most urgent .. 7; 3 unless said */
    bool incremental;
};
void h2_priority_parse(slice value, struct h2_priority *ret);
