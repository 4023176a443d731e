/* Which reader a body is for, from the Content-Type field of its request (RFC 9110 §8.3.1).
 *
 * Type and parameters are read strictly; what is malformed has a kind by its type all the same, so
 * that a trick in a parameter does not choose another reader than the origin would. */
#pragma once

#include "base/slice.h"

enum body_kind {
    BODY_KIND_NONE,       /* no Content-Type */
    BODY_KIND_URLENCODED, /* application/x-www-form-urlencoded */
    BODY_KIND_MULTIPART,  /* multipart/form-data */
    BODY_KIND_JSON,       /* application/json, text/json, …+json */
    BODY_KIND_XML,        /* application/xml, text/xml, …+xml */
    BODY_KIND_JSON_LINES, /* application/x-ndjson, application/ndjson, application/jsonl, …-seq not
                           */
    BODY_KIND_TEXT,       /* text/… */
    BODY_KIND_BINARY,     /* pictures, sound, archives, application/octet-stream: no text */
    BODY_KIND_OTHER,      /* may be text */
    BODY_KIND_COUNT
};

struct body_type {
    enum body_kind kind;
    slice type;        /* type/subtype as sent, without parameters */
    slice charset;     /* value of the first charset parameter, without quotes; or empty */
    uint32_t charsets; /* how many there were */
    slice boundary;    /* likewise, of the first boundary parameter, escapes left in */
    bool boundary_is_quoted;
    bool malformed; /* not `token/token *( OWS ";" OWS token "=" ( token / quoted-string ) )` */
};

struct body_type body_type_read(slice content_type);

/* How many bytes of a token (RFC 9110 §5.6.2) it begins with. */
size_t body_token_length(slice s);

static inline enum body_kind body_kind_of(slice content_type)
{
    return body_type_read(content_type).kind;
}

/* Whether a body of a kind that may be text is some, by its first bytes. */
bool body_is_text(slice body);

/* The word of REQBODY_PROCESSOR that ModSecurity has for it: "URLENCODED", "MULTIPART", "JSON",
 * "XML"; empty for all others. */
slice body_kind_processor(enum body_kind kind);
