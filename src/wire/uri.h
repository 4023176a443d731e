/* The request target and what is in it (RFC 9112 §3.2, RFC 3986), in one canonical form: what the
 * router, the rules, the cache key and the origin see. Pure. */
#pragma once

#include "base/writer.h"
#include "wire/h1.h"

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

struct request_target {
    enum target_form form;
    slice path;  /* raw, begins with '/'; "/" when the absolute form had none; "*" for asterisk */
    slice query; /* raw, without '?' */
    bool has_query;
    slice scheme;               /* absolute form */
    struct authority authority; /* absolute and authority form */
};

/* Writes a reference for Location (RFC 9110 §10.2.2): bytes that may not stand in a URI, also '\\'
 * which browsers take for '/', are percent-encoded; what is encoded stays so. */
void uri_reference_write(struct writer *w, slice text);

/* Splits a target that h1_request_parse has accepted. Refuses fragments, userinfo, malformed
 * percent escapes (in path and query), asterisk with a method other than OPTIONS, authority form
 * with a method other than CONNECT. returns 0 · -EINVAL, *ret_reason a stable word such as
 * "uri.escape" */
MUST_CHECK int target_parse(slice raw, enum method method, struct request_target *ret,
                            const char **ret_reason);

/* What to do with %2f, %5c and a raw backslash in a path: back ends fold them differently. */
enum slash_policy {
    SLASH_REFUSE, /* 400, the default */
    SLASH_DECODE, /* they become '/' */
    SLASH_KEEP, /* forwarded as they are (encoded: '\' becomes %5C); with a dot segment beside one,
                   400 */
};

/* The canonical path: escapes of unreserved characters decoded, other escapes upper case, dot
 * segments resolved (encoded ones too; above the root is an error), "//" collapsed when
 * `collapse_slashes`, what may not stand raw in a path escaped. Refuses %00, escapes that decode to
 * controls, a dot segment with parameters ("/..;x/"), overlong or otherwise invalid UTF-8 that
 * decodes to '/', '.' or '\', and double encoding of '/', '.', '\' or '%00' ("%252e", "%252f") .
 * Idempotent: the canonical path of a canonical path is itself (tested, fuzzed).
 * returns 0 · -EINVAL, *ret_reason a stable word such as "uri.above-root" · -EMSGSIZE w is too
 * small */
struct path_options {
    enum slash_policy slashes;
    bool collapse_slashes;
};
MUST_CHECK int path_canonicalize(slice raw, const struct path_options *options, struct writer *w,
                                 const char **ret_reason);

/* How other servers may read a canonical path: without the parameters of its segments ("/a;x/b" is
 * "/a/b" to them), with encoded slashes and backslashes as slashes, decoded twice ("%2573" is "s").
 * The first says whether there can be a difference; the second writes that reading, which is not
 * longer than the path. returns 0 · -EINVAL it leads above the root · -EMSGSIZE w is too small */
bool path_has_other_reading(slice path);
MUST_CHECK int path_read_otherwise(slice path, struct writer *w);
