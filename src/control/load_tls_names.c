/* Certificates and the names of sites: what others have to obtain, the local CA or an authority, is
 * said here, obtaining it is the certifier's; and whether what files hold is for a site at all. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "acme/settings.h"
#include "control/loader.h"
#include "net/address.h"
#include "net/certificate_record.h"
#include "net/x509_text.h"
#include "wire/authority.h"

bool load_site_is_local(const struct site *site)
{
    for (uint32_t i = 0; i < site->host_count; i++) {
        slice host = site->hosts[i];
        bool is_wildcard = slice_starts_with(host, SLICE("."));
        if (slice_equal(host, SLICE("*")) ||
            !authority_is_local(is_wildcard ? slice_after(host, 1) : host))
            return false;
    }
    return site->host_count > 0;
}

bool load_site_is_public(const struct configuration *c, const struct site *site)
{
    for (uint32_t i = 0; c->acme && i < site->host_count; i++) {
        slice host = site->hosts[i];
        bool is_wildcard = slice_starts_with(host, SLICE("."));
        if (slice_equal(host, SLICE("*")) || (is_wildcard && !c->acme->hook.len) ||
            authority_is_local(is_wildcard ? slice_after(host, 1) : host))
            return false;
    }
    return c->acme && site->host_count > 0;
}

/* As certificates write it: ".example.com" is "*.example.com" there. */
static int name_of(struct loader *l, slice host, slice *ret)
{
    if (!slice_starts_with(host, SLICE("."))) {
        *ret = host;
        return 0;
    }
    char *memory = arena_take(&l->c->arena, host.len + 1);
    if (!memory)
        return -ENOMEM;
    memory[0] = '*';
    memcpy(memory + 1, host.ptr, host.len);
    *ret = slice_of(memory, host.len + 1);
    return 0;
}

/* All names, with spaces between: another list of names is another certificate. */
static int set_name(struct loader *l, const slice *names, uint32_t count, slice *ret)
{
    size_t room = 0;
    for (uint32_t i = 0; i < count; i++)
        room += names[i].len + 1;
    char *memory = arena_take(&l->c->arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            writer_byte(&w, ' ');
        writer_slice_add(&w, names[i]);
    }
    *ret = writer_slice(&w);
    return 0;
}

static int refuse_names(struct loader *l, const struct site_draft *draft, const char *why)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0416, &where, "site '%.*s' cannot have a certificate: %s",
                        SLICE_ARGUMENTS(draft->site->name), why);
    diagnostic_help(l->diagnostics, item,
                    "write 'tls CERT.pem KEY.pem', or 'tls off' to serve it on the others only");
    return 0;
}

static bool is_address(slice host)
{
    struct ip ip;
    return slice_find_byte(host, ':') < host.len || ip_parse(host, &ip) == 0;
}

int load_named_identity(struct loader *l, struct site_draft *draft, enum tls_kind kind,
                        struct tls_identity **ret)
{
    const struct site *site = draft->site;
    slice name;
    if (site->host_count == 0)
        return 0; /* its hosts were reported */
    if (site->host_count > CERTIFICATE_NAMES_MAX)
        return refuse_names(l, draft, "it has more than 100 host names");
    slice *names = arena_take_array(&l->c->arena, site->host_count, sizeof *names);
    if (!names)
        return -ENOMEM;
    for (uint32_t i = 0; i < site->host_count; i++) {
        if (slice_equal(site->hosts[i], SLICE("*")))
            return refuse_names(l, draft, "it is for every name, and a certificate needs names");
        if (kind == TLS_AUTO && is_address(site->hosts[i]))
            return refuse_names(l, draft,
                                "an authority proves names, and one of its hosts is an address");
        TRY(name_of(l, site->hosts[i], &names[i]));
    }
    TRY(set_name(l, names, site->host_count, &name));
    *ret = load_new_identity(l, kind, name);
    if (!*ret)
        return -ENOMEM;
    (*ret)->hosts = names;
    (*ret)->host_count = site->host_count;
    return 0;
}

/* --- From files ------------------------------------------------------------------------------- */

#define NAMES_TOLD_MAX 8u

/* ".example.com": of all names below it one is enough. */
static bool names_host(X509 *leaf, slice host)
{
    char text[64];
    if (!is_address(host))
        return X509_check_host(leaf, host.ptr, host.len, 0, NULL) == 1;
    if (host.len > 2 && host.ptr[0] == '[')
        host = slice_of(host.ptr + 1, host.len - 2);
    struct writer w = writer_over(text, sizeof text - 1);
    writer_slice_add(&w, host);
    text[w.len] = '\0';
    return !w.overflowed && X509_check_ip_asc(leaf, text, 0) == 1;
}

static bool names_any(X509 *leaf, const struct site *site)
{
    for (uint32_t i = 0; i < site->host_count; i++)
        if (slice_equal(site->hosts[i], SLICE("*")) || names_host(leaf, site->hosts[i]))
            return true;
    return site->host_count == 0; /* they were reported */
}

static void report_foreign(struct loader *l, const struct site_draft *draft,
                           const struct tls_pair *pair)
{
    char memory[512];
    struct writer names = writer_over(memory, sizeof memory);
    struct span where = statement_span(draft->statement);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, W0713, &where,
                        "the certificate '%.*s' names none of the hosts of site '%.*s'",
                        SLICE_ARGUMENTS(pair->certificate), SLICE_ARGUMENTS(draft->site->name));
    diagnostic_label(l->diagnostics, item, "whoever asks for them refuses it");
    x509_write_alternatives(&names, pair->loaded->leaf, NAMES_TOLD_MAX);
    if (names.len)
        diagnostic_note(l->diagnostics, item, "it is for %.*s", (int)names.len, names.ptr);
}

void load_check_names(struct loader *l, const struct site_draft *draft)
{
    const struct tls_identity *identity = draft->site->tls.identity;
    for (uint32_t i = 0; i < identity->pair_count; i++)
        if (!names_any(identity->pairs[i].loaded->leaf, draft->site))
            report_foreign(l, draft, &identity->pairs[i]);
    ERR_clear_error();
}
