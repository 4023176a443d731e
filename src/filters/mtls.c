/* `auth mtls`: a client proves who it is by the certificate of its TLS handshake. Who has to and
 * has none, or one that does not convince, gets 403. The origin is told who it is in fields that no
 * client can send: X-Client-Cert-Subject, -Issuer, -Serial, -SAN, -Fingerprint, and Client-Cert
 * (RFC 9440). */
#include <errno.h>

#include "filters/filters.h"
#include "proxy/auth_settings.h"
#include "proxy/client_certificate.h"
#include "proxy/client_status.h"

/* Names compare as gateway interfaces do, for which '-' and '_' are the same (RFC 3875 §4.1.18). */
static bool name_begins(slice name, slice prefix)
{
    if (name.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        char c = name.ptr[i] == '_' ? '-' : ascii_lower(name.ptr[i]);
        if (c != prefix.ptr[i])
            return false;
    }
    return true;
}

static bool is_identity(slice name)
{
    static const slice family = SLICE("x-client-cert"), standard = SLICE("client-cert");
    return name_begins(name, family) || name_begins(name, standard);
}

/* RFC 9440 §2.4: "MUST sanitize": of every request, whatever the route wants. */
static void drop_identities(struct fields *fs)
{
    for (uint32_t i = 0; i < fs->count; i++) {
        struct field *f = &fs->items[i];
        char first = ascii_lower(f->name.ptr[0]);
        if (f->id == FIELD_OTHER && (first == 'x' || first == 'c') && is_identity(f->name))
            f->dropped = true;
    }
}

static int tell_origin(struct exchange *x, const struct client_certificate *c)
{
    struct fields *fs = &x->request.fields;
    TRY(fields_add(fs, SLICE("X-Client-Cert-Subject"), c->subject, FIELD_OTHER));
    TRY(fields_add(fs, SLICE("X-Client-Cert-Issuer"), c->issuer, FIELD_OTHER));
    TRY(fields_add(fs, SLICE("X-Client-Cert-Serial"), c->serial, FIELD_OTHER));
    if (c->alternatives.len)
        TRY(fields_add(fs, SLICE("X-Client-Cert-SAN"), c->alternatives, FIELD_OTHER));
    TRY(fields_add(fs, SLICE("X-Client-Cert-Fingerprint"), c->fingerprint, FIELD_OTHER));
    return fields_add(fs, SLICE("Client-Cert"), c->der, FIELD_OTHER);
}

static enum verdict refuse(struct exchange *x, const struct auth_settings *a, const char *reason,
                           const char *text)
{
    (void)exchange_refuse(x, FAULT_POLICY, 403, reason, text);
    x->failure.where = a->where;
    return ANSWERED;
}

static enum verdict break_off(struct exchange *x, int result)
{
    if (result == -ENOMEM)
        (void)exchange_refuse(x, FAULT_OURS, 503, "resources.memory", "out of memory");
    else
        (void)exchange_refuse(x, FAULT_OURS, 500, "limits.fields",
                              "the request with the client's identity is too large");
    return BROKEN;
}

/* What its issuer says about a certificate that convinces otherwise. */
static enum verdict ask_issuer(struct exchange *x, const struct auth_settings *a,
                               struct client_certificate *c)
{
    enum client_status status;
    const char *why = NULL;
    if (a->ocsp == AUTH_OCSP_OFF)
        return NEXT;
    int result = client_status_find(x, a, &status, &why);
    if (result == -ECANCELED)
        return BROKEN;
    if (result != 0)
        return break_off(x, result);
    if (status == CLIENT_STATUS_REVOKED)
        return refuse(x, a, "auth.revoked", why);
    if (status == CLIENT_STATUS_UNKNOWN && a->ocsp == AUTH_OCSP_HARD)
        return refuse(x, a, "auth.status", why);
    c->status = status == CLIENT_STATUS_GOOD ? "good" : "unknown";
    return NEXT;
}

static enum verdict on_request(struct exchange *x)
{
    const struct auth_settings *a = exchange_block(x, FEATURE_AUTH);
    struct client_certificate *c = NULL;
    const char *why = NULL;
    drop_identities(&x->request.fields);
    if (a->mode == AUTH_OFF)
        return NEXT;
    int result = client_certificate_read(x, &c, &why);
    if (result == -ENOENT && a->mode == AUTH_OPTIONAL)
        return NEXT;
    if (result == -ENOENT)
        return refuse(x, a, "auth.mtls", "the client has shown no certificate");
    if (result == -EACCES)
        return refuse(x, a, "auth.mtls", why);
    if (result != 0)
        return break_off(x, result);
    enum verdict verdict = ask_issuer(x, a, c);
    if (verdict != NEXT)
        return verdict;
    x->client_certificate = c;
    result = tell_origin(x, c);
    return result == 0 ? NEXT : break_off(x, result);
}

const struct filter mtls_filter = {
    .on_request = on_request,
};
