/* A text with run-time variables, compiled while loading: "https://{host}{uri}".
 *
 * Variables: {host} {path} {uri} (path with query) {query} {method} {scheme} {client.ip}
 * {client.port} {request.id} {site} {tls.ja4} {header.NAME} {cookie.NAME}, and of a client's
 * certificate that convinced {tls.client.subject} {tls.client.issuer} {tls.client.serial}
 * {tls.client.san} {tls.client.fingerprint}. A variable that has no value is
 * empty. "\{" is a literal brace. */
#pragma once

#include "base/arena.h"
#include "base/writer.h"

struct exchange;

enum template_variable {
    TEMPLATE_LITERAL,
    TEMPLATE_HOST,
    TEMPLATE_PATH,
    TEMPLATE_URI,
    TEMPLATE_QUERY,
    TEMPLATE_METHOD,
    TEMPLATE_SCHEME,
    TEMPLATE_CLIENT_IP,
    TEMPLATE_CLIENT_PORT,
    TEMPLATE_REQUEST_ID,
    TEMPLATE_SITE,
    TEMPLATE_TLS_JA4,
    TEMPLATE_CLIENT_SUBJECT,
    TEMPLATE_CLIENT_ISSUER,
    TEMPLATE_CLIENT_SERIAL,
    TEMPLATE_CLIENT_ALTERNATIVES,
    TEMPLATE_CLIENT_FINGERPRINT,
    TEMPLATE_HEADER,
    TEMPLATE_COOKIE,
};

struct template_part {
    enum template_variable variable;
    slice text; /* the literal, or NAME of a header or cookie */
};

struct template
{
    struct template_part *parts;
    uint32_t count;
};

/* 0 · -ENOMEM · -EINVAL unknown variable or an open brace: *reterr_at is its offset */
MUST_CHECK int template_compile(struct arena *a, slice text, struct template *ret,
                                size_t *reterr_at);
void template_write(struct writer *w, const struct template *t, const struct exchange *x);
/* The text for an exchange: a literal as it stands, else written into its arena. For filters, which
 * run before a head is begun: it passes through the scratch memory of heads. False: it is longer
 * than bytes_max, or memory is out. */
MUST_CHECK bool template_text(const struct template *t, struct exchange *x, size_t bytes_max,
                              slice *ret);
/* The names of all variables for messages and help: NULL-terminated. */
extern const char *const template_variable_names[];
