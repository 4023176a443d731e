/* Header fields: a bounded table of name and value slices (RFC 9110 §5).
 *
 * The names that the proxy itself asks for have an id, found once by the parser through length and
 * a perfect hash, so that later look-ups compare a number. Storage is the caller's; slices point
 * into the bytes that were parsed. A look-up walks the table: tables are at most `limits fields`
 * long and known names have a bit set that says "not there" at once. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/* X(ENUM_NAME, "Canonical-Name"). Only names that code asks for. At most 63, FIELD_OTHER is 0. */
#define FIELD_NAMES(X)                                                                             \
    X(ACCEPT, "Accept")                                                                            \
    X(ACCEPT_ENCODING, "Accept-Encoding")                                                          \
    X(AUTHORIZATION, "Authorization")                                                              \
    X(CONNECTION, "Connection")                                                                    \
    X(CONTENT_LENGTH, "Content-Length")                                                            \
    X(CONTENT_TYPE, "Content-Type")                                                                \
    X(COOKIE, "Cookie")                                                                            \
    X(DATE, "Date")                                                                                \
    X(EXPECT, "Expect")                                                                            \
    X(FORWARDED, "Forwarded")                                                                      \
    X(HOST, "Host")                                                                                \
    X(HTTP2_SETTINGS, "HTTP2-Settings")                                                            \
    X(KEEP_ALIVE, "Keep-Alive")                                                                    \
    X(LOCATION, "Location")                                                                        \
    X(PROXY, "Proxy")                                                                              \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate")                                                    \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization")                                                  \
    X(PROXY_CONNECTION, "Proxy-Connection")                                                        \
    X(REFERER, "Referer")                                                                          \
    X(RETRY_AFTER, "Retry-After")                                                                  \
    X(SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")                                                \
    X(SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions")                                        \
    X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key")                                                      \
    X(SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol")                                            \
    X(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version")                                              \
    X(SERVER, "Server")                                                                            \
    X(SET_COOKIE, "Set-Cookie")                                                                    \
    X(TE, "TE")                                                                                    \
    X(TRAILER, "Trailer")                                                                          \
    X(TRANSFER_ENCODING, "Transfer-Encoding")                                                      \
    X(UPGRADE, "Upgrade")                                                                          \
    X(USER_AGENT, "User-Agent")                                                                    \
    X(VIA, "Via")                                                                                  \
    X(X_ASPNET_VERSION, "X-AspNet-Version")                                                        \
    X(X_ASPNETMVC_VERSION, "X-AspNetMvc-Version")                                                  \
    X(X_FORWARDED_FOR, "X-Forwarded-For")                                                          \
    X(X_FORWARDED_HOST, "X-Forwarded-Host")                                                        \
    X(X_FORWARDED_PORT, "X-Forwarded-Port")                                                        \
    X(X_FORWARDED_PROTO, "X-Forwarded-Proto")                                                      \
    X(X_GENERATOR, "X-Generator")                                                                  \
    X(X_POWERED_BY, "X-Powered-By")                                                                \
    X(X_REAL_IP, "X-Real-IP")                                                                      \
    X(X_REQUEST_ID, "X-Request-ID")                                                                \
    X(X_RUNTIME, "X-Runtime")                                                                      \
    X(X_BACKEND_SERVER, "X-Backend-Server")

enum field_id {
    FIELD_OTHER = 0,
#define FIELD_ENUM(id, name) FIELD_##id,
    FIELD_NAMES(FIELD_ENUM)
#undef FIELD_ENUM
        FIELD_ID_COUNT
};
_Static_assert(FIELD_ID_COUNT <= 64, "fields.present is 64 bits wide");

struct field {
    slice name;  /* a token, as received; never empty */
    slice value; /* without surrounding OWS; may be empty */
    enum field_id id;
    bool dropped; /* hop-by-hop, forged or replaced: not forwarded, not seen by rules */
};

struct fields {
    struct field *items;
    uint32_t count, capacity;
    uint64_t present; /* bit id set: at least one field with that id was added */
};

#define FIELD_BIT(id) (1ull << (id))

/* Case-insensitive; FIELD_OTHER when the name has no id. */
enum field_id field_id_of(slice name);

/* "Content-Length" for FIELD_CONTENT_LENGTH; empty for FIELD_OTHER. */
slice field_name_of(enum field_id id);

/* Appends; id is looked up when FIELD_OTHER is given. 0 · -EMSGSIZE the table is full. */
MUST_CHECK int fields_add(struct fields *fs, slice name, slice value, enum field_id id);

/* The first field that is not dropped, or NULL. */
struct field *fields_find(const struct fields *fs, enum field_id id);
struct field *fields_find_name(const struct fields *fs, slice name);

/* All lines of the field that `first` is the first one of, from its place on, joined by ", " (RFC
 * 9110 §5.3): the value itself when there is one line, empty when first is NULL. 0 · -ENOMEM */
MUST_CHECK int fields_join(const struct fields *fs, const struct field *first, struct arena *arena,
                           slice *ret);

/* How many with that id are not dropped. */
uint32_t fields_count(const struct fields *fs, enum field_id id);

/* Marks all with that id, one of the ids (FIELD_BIT each) or that name as dropped; how many there
 * were. */
uint32_t fields_drop(struct fields *fs, enum field_id id);
uint32_t fields_drop_set(struct fields *fs, uint64_t ids);
uint32_t fields_drop_name(struct fields *fs, slice name);

/* Grammar (RFC 9110 §5.6.2, §5.5). A value may hold HTAB, SP, VCHAR and obs-text (0x80-0xff). */
bool field_name_is_token(slice name);
bool field_value_is_valid(slice value);

/* Walks a comma-separated list of tokens or other elements over one value (RFC 9110 §5.6.1: empty
 * elements are skipped; quoted strings are respected).
 * *rest starts as the whole value; returns false at the end. Elements come trimmed. */
bool list_next(slice *rest, slice *ret_element);

/* Does any field with this id contain the token, without regard to case? */
bool fields_have_token(const struct fields *fs, enum field_id id, slice token);
