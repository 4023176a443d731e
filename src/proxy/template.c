#include "proxy/template.h"

#include <errno.h>

#include "proxy/client_certificate.h"
#include "proxy/exchange.h"
#include "proxy/scratch.h"
#include "wire/cookie.h"

static const struct {
    const char *name;
    enum template_variable variable;
} variables[] = {
    { "host", TEMPLATE_HOST },
    { "path", TEMPLATE_PATH },
    { "uri", TEMPLATE_URI },
    { "query", TEMPLATE_QUERY },
    { "method", TEMPLATE_METHOD },
    { "scheme", TEMPLATE_SCHEME },
    { "client.ip", TEMPLATE_CLIENT_IP },
    { "client.port", TEMPLATE_CLIENT_PORT },
    { "request.id", TEMPLATE_REQUEST_ID },
    { "site", TEMPLATE_SITE },
    { "tls.ja4", TEMPLATE_TLS_JA4 },
    { "tls.client.subject", TEMPLATE_CLIENT_SUBJECT },
    { "tls.client.issuer", TEMPLATE_CLIENT_ISSUER },
    { "tls.client.serial", TEMPLATE_CLIENT_SERIAL },
    { "tls.client.san", TEMPLATE_CLIENT_ALTERNATIVES },
    { "tls.client.fingerprint", TEMPLATE_CLIENT_FINGERPRINT },
    { "header.", TEMPLATE_HEADER },
    { "cookie.", TEMPLATE_COOKIE },
};

const char *const template_variable_names[] = {
    "host",
    "path",
    "uri",
    "query",
    "method",
    "scheme",
    "client.ip",
    "client.port",
    "request.id",
    "site",
    "tls.ja4",
    "tls.client.subject",
    "tls.client.issuer",
    "tls.client.serial",
    "tls.client.san",
    "tls.client.fingerprint",
    "header.NAME",
    "cookie.NAME",
    NULL,
};

/* "header.X-Id" -> TEMPLATE_HEADER with text "X-Id". */
static bool find_variable(slice name, struct template_part *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(variables); i++) {
        slice known = slice_from(variables[i].name);
        bool takes_name = known.ptr[known.len - 1] == '.';
        if (takes_name ? slice_starts_with(name, known) && name.len > known.len
                       : slice_equal(name, known)) {
            ret->variable = variables[i].variable;
            ret->text = takes_name ? slice_after(name, known.len) : slice_of(NULL, 0);
            return !takes_name || field_name_is_token(ret->text);
        }
    }
    return false;
}

static size_t part_count_bound(slice text)
{
    size_t bound = 1;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '{' || text.ptr[i] == '\\')
            bound += 2;
    return bound;
}

int template_compile(struct arena *a, slice text, struct template *ret, size_t *reterr_at)
{
    struct template_part *parts = arena_take_array(a, part_count_bound(text), sizeof *parts);
    slice copy = arena_copy(a, text);
    if (!parts || !copy.ptr)
        return -ENOMEM;
    uint32_t count = 0;
    size_t literal = 0;
    for (size_t i = 0; i < copy.len;) {
        char c = copy.ptr[i];
        bool escaped =
            c == '\\' && i + 1 < copy.len && (copy.ptr[i + 1] == '{' || copy.ptr[i + 1] == '}');
        if (c != '{' && !escaped) {
            i++;
            continue;
        }
        if (i > literal)
            parts[count++] =
                (struct template_part){ .text = slice_of(copy.ptr + literal, i - literal) };
        if (escaped) {
            literal = i + 1; /* the brace begins the next literal */
            i += 2;
            continue;
        }
        size_t length = slice_find_byte(slice_after(copy, i), '}');
        if (i + length >= copy.len ||
            !find_variable(slice_of(copy.ptr + i + 1, length - 1), &parts[count])) {
            *reterr_at = i;
            return -EINVAL;
        }
        count++;
        i += length + 1;
        literal = i;
    }
    if (copy.len > literal)
        parts[count++] = (struct template_part){ .text = slice_after(copy, literal) };
    *ret = (struct template){ .parts = parts, .count = count };
    return 0;
}

static void write_field(struct writer *w, const struct exchange *x, slice name)
{
    const struct field *field = fields_find_name(&x->request.fields, name);
    if (field)
        writer_slice_add(w, field->value);
}

static void write_cookie(struct writer *w, const struct exchange *x, slice name)
{
    const struct field *field = fields_find(&x->request.fields, FIELD_COOKIE);
    slice value;
    if (field && cookie_find(field->value, name, &value))
        writer_slice_add(w, value);
}

/* Always a path: "*" of OPTIONS must not become part of a host in front of it. */
static void write_path(struct writer *w, const struct exchange *x)
{
    if (x->target.form == TARGET_ASTERISK)
        writer_byte(w, '/');
    writer_slice_add(w, x->path);
}

/* Empty for who has shown no certificate, or was not asked for one. */
static void write_client(struct writer *w, const struct exchange *x,
                         enum template_variable variable)
{
    const struct client_certificate *c = x->client_certificate;
    if (!c)
        return;
    if (variable == TEMPLATE_CLIENT_SUBJECT)
        writer_slice_add(w, c->subject);
    else if (variable == TEMPLATE_CLIENT_ISSUER)
        writer_slice_add(w, c->issuer);
    else if (variable == TEMPLATE_CLIENT_SERIAL)
        writer_slice_add(w, c->serial);
    else if (variable == TEMPLATE_CLIENT_ALTERNATIVES)
        writer_slice_add(w, c->alternatives);
    else
        writer_slice_add(w, c->fingerprint);
}

static void write_part(struct writer *w, const struct template_part *part, const struct exchange *x)
{
    switch (part->variable) {
    case TEMPLATE_LITERAL:
        writer_slice_add(w, part->text);
        break;
    case TEMPLATE_HOST:
        exchange_write_host(x, w);
        break;
    case TEMPLATE_PATH:
        write_path(w, x);
        break;
    case TEMPLATE_URI:
        write_path(w, x);
        if (x->target.has_query)
            writer_byte(w, '?');
        writer_slice_add(w, x->target.query);
        break;
    case TEMPLATE_QUERY:
        writer_slice_add(w, x->target.query);
        break;
    case TEMPLATE_METHOD:
        writer_slice_add(w, x->request.method_text);
        break;
    case TEMPLATE_SCHEME:
        writer_slice_add(w, x->scheme);
        break;
    case TEMPLATE_CLIENT_IP:
        ip_write(w, x->client);
        break;
    case TEMPLATE_CLIENT_PORT:
        writer_decimal(w, x->client_port);
        break;
    case TEMPLATE_REQUEST_ID:
        writer_slice_add(w, x->request_id);
        break;
    case TEMPLATE_SITE:
        if (x->site)
            writer_slice_add(w, x->site->name);
        break;
    case TEMPLATE_TLS_JA4:
        writer_slice_add(w, exchange_ja4(x));
        break;
    case TEMPLATE_CLIENT_SUBJECT:
    case TEMPLATE_CLIENT_ISSUER:
    case TEMPLATE_CLIENT_SERIAL:
    case TEMPLATE_CLIENT_ALTERNATIVES:
    case TEMPLATE_CLIENT_FINGERPRINT:
        write_client(w, x, part->variable);
        break;
    case TEMPLATE_HEADER:
        write_field(w, x, part->text);
        break;
    case TEMPLATE_COOKIE:
        write_cookie(w, x, part->text);
        break;
    }
}

void template_write(struct writer *w, const struct template *t, const struct exchange *x)
{
    for (uint32_t i = 0; i < t->count; i++)
        write_part(w, &t->parts[i], x);
}

bool template_text(const struct template *t, struct exchange *x, size_t bytes_max, slice *ret)
{
    if (t->count == 1 && t->parts[0].variable == TEMPLATE_LITERAL) {
        *ret = t->parts[0].text;
        return ret->len <= bytes_max;
    }
    struct writer w = scratch_head();
    template_write(&w, t, x);
    if (w.overflowed || w.len > bytes_max)
        return false;
    *ret = arena_copy(&x->arena, writer_slice(&w));
    return ret->ptr != NULL;
}
