#include "net/tls_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* Names of a certificate in a text; more is of no help. */
#define NAMES_SHOWN_MAX 6u
#define NAME_SHOWN_MAX  160u

struct tls_client {
    SSL_CTX *context;
    bool verifies;
    uint32_t pin_count;
    uint8_t pins[][SHA256_BYTES];
};

/* Where an SSL finds what belongs to its connection; made once, before the fork. */
static int failure_index = -1; /* struct tls_peer_failure, while the handshake lasts */
static int session_index = -1; /* SSL_SESSION **, as long as the connection lasts */
static int asked_index = -1;   /* not NULL: the server has asked for a certificate of ours */

static int make_indexes(void)
{
    if (failure_index < 0)
        failure_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (session_index < 0)
        session_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (asked_index < 0)
        asked_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return failure_index < 0 || session_index < 0 || asked_index < 0 ? -ENOMEM : 0;
}

/* --- Texts ------------------------------------------------------------------------------------ */

struct failure_text {
    struct tls_peer_failure *failure;
    struct writer w;
};

static struct failure_text text_begin(struct tls_peer_failure *failure,
                                      enum tls_peer_failure_kind kind)
{
    failure->kind = kind;
    return (struct failure_text){ failure, writer_over(failure->text, sizeof failure->text - 1) };
}

static void text_end(struct failure_text *t)
{
    t->failure->text[t->w.len] = '\0';
}

static void say(struct tls_peer_failure *failure, enum tls_peer_failure_kind kind, const char *text)
{
    struct failure_text t = text_begin(failure, kind);
    writer_text(&t.w, text);
    text_end(&t);
}

/* A name, cut: no stranger's certificate fills the log. */
static void write_name(struct writer *w, const X509_NAME *name)
{
    char text[1024];
    struct writer whole = writer_over(text, sizeof text);
    x509_write_name(&whole, name);
    slice shown = slice_first(writer_slice(&whole), NAME_SHOWN_MAX);
    writer_slice_add(w, shown);
    if (shown.len < whole.len || whole.overflowed)
        writer_literal(w, "...");
}

/* ": CN=a.test, from 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z, issued by CN=our CA" */
static void write_certificate(struct writer *w, const X509 *c)
{
    if (!c)
        return;
    writer_literal(w, ": ");
    write_name(w, X509_get_subject_name(c));
    writer_literal(w, ", from ");
    x509_write_time(w, X509_get0_notBefore(c));
    writer_literal(w, " to ");
    x509_write_time(w, X509_get0_notAfter(c));
    writer_literal(w, ", issued by ");
    write_name(w, X509_get_issuer_name(c));
}

/* --- Is it the server that is meant? ------------------------------------------------------------
 */

static enum tls_peer_failure_kind kind_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TLS_FAILURE_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_FAILURE_NOT_YET_VALID;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TLS_FAILURE_NAME;
    default:
        return TLS_FAILURE_UNTRUSTED;
    }
}

static void write_wanted_name(struct writer *w, SSL *ssl)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    char *ip = NULL;
    const char *name = X509_VERIFY_PARAM_get0_host(wanted, 0);
    if (!name)
        name = ip = X509_VERIFY_PARAM_get1_ip_asc(wanted);
    writer_text(w, name ? name : "this server");
    OPENSSL_free(ip);
}

static void write_other_names(struct writer *w, const X509 *c)
{
    char text[256];
    struct writer names = writer_over(text, sizeof text);
    x509_write_alternatives(&names, c, NAMES_SHOWN_MAX);
    if (names.len == 0) {
        writer_literal(w, "; it names none (no subjectAltName)");
        return;
    }
    writer_literal(w, "; it is for ");
    writer_slice_add(w, writer_slice(&names));
}

/* What was found wrong with the chain. */
static void note_chain(SSL *ssl, X509_STORE_CTX *store, struct tls_peer_failure *failure)
{
    int error = X509_STORE_CTX_get_error(store);
    const X509 *c = X509_STORE_CTX_get_current_cert(store);
    struct failure_text t = text_begin(failure, kind_of(error));
    writer_text(&t.w, X509_STORE_CTX_get_error_depth(store) > 0
                          ? "a certificate behind the server's "
                          : "the server's certificate ");
    switch (failure->kind) {
    case TLS_FAILURE_EXPIRED:
        writer_literal(&t.w, "has expired");
        break;
    case TLS_FAILURE_NOT_YET_VALID:
        writer_literal(&t.w, "is not valid yet");
        break;
    case TLS_FAILURE_NAME:
        writer_literal(&t.w, "is not for ");
        write_wanted_name(&t.w, ssl);
        write_other_names(&t.w, c);
        break;
    default:
        writer_literal(&t.w, "is not trusted (");
        writer_text(&t.w, X509_verify_cert_error_string(error));
        writer_byte(&t.w, ')');
    }
    write_certificate(&t.w, c);
    text_end(&t);
}

static bool is_pinned(const struct tls_client *client, const uint8_t key[SHA256_BYTES])
{
    for (uint32_t i = 0; i < client->pin_count; i++)
        if (memcmp(client->pins[i], key, SHA256_BYTES) == 0)
            return true;
    return false;
}

static bool has_pinned_key(const struct tls_client *client, const X509 *c,
                           struct tls_peer_failure *failure)
{
    uint8_t key[SHA256_BYTES];
    unsigned char text[SHA256_BYTES * 4 / 3 + 4];
    if (x509_key_fingerprint(c, key) != 0) {
        say(failure, TLS_FAILURE_OURS, "out of memory");
        return false;
    }
    if (is_pinned(client, key))
        return true;
    int length = EVP_EncodeBlock(text, key, sizeof key);
    struct failure_text t = text_begin(failure, TLS_FAILURE_PIN);
    writer_literal(&t.w, "the server's key is none of the pinned ones: it is sha256/");
    writer_bytes(&t.w, text, (size_t)length);
    write_certificate(&t.w, c);
    text_end(&t);
    return false;
}

/* Called by the library in the place of its own verification. 1: go on · 0: the handshake fails */
static int judge_server(X509_STORE_CTX *store, void *argument)
{
    const struct tls_client *client = argument;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer_failure *failure = SSL_get_ex_data(ssl, failure_index);
    int verdict = client->verifies ? X509_verify_cert(store) : 1;
    if (verdict < 0)
        say(failure, TLS_FAILURE_OURS, "out of memory");
    else if (verdict == 0)
        note_chain(ssl, store, failure);
    else if (client->pin_count == 0 ||
             has_pinned_key(client, X509_STORE_CTX_get0_cert(store), failure)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    if (X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/* Called when the server asks for a certificate of ours; 1: go on. */
static int note_asked(SSL *ssl, void *argument)
{
    return SSL_set_ex_data(ssl, asked_index, argument);
}

/* The last session with the server takes the place of the one before. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **place = SSL_get_ex_data(ssl, session_index);
    if (!place)
        return 0;
    SSL_SESSION_free(*place);
    *place = session;
    return 1; /* ours now */
}

/* --- Making ----------------------------------------------------------------------------------- */

/* AEAD suites, those with forward secrecy; preference as it is everywhere. */
static const char suites_of_tls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";

static int use_own(SSL_CTX *context, const struct certificate *own, struct writer *why)
{
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(context, own->leaf, own->key, own->chain, 1) == 1)
        return 0;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    writer_text(why, reason ? reason : "it cannot be used");
    ERR_clear_error();
    return -EINVAL;
}

static int set_up(struct tls_client *client, const struct tls_client_settings *settings,
                  struct writer *why)
{
    SSL_CTX *context = client->context;
    ERR_clear_error();
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    SSL_CTX_set_security_level(context, 2); /* RSA of 2048 bits, no SHA-1; not what a file says */
    if (SSL_CTX_set_min_proto_version(context, settings->version_min) != 1 ||
        SSL_CTX_set_max_proto_version(context, 0) != 1 ||
        SSL_CTX_set_cipher_list(context, suites_of_tls12) != 1)
        return -ENOMEM;
    bool judges = settings->trust || settings->pin_count;
    SSL_CTX_set_verify(context, judges ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(context, judge_server, client);
    SSL_CTX_set_cert_cb(context, note_asked, client);
    if (settings->trust)
        SSL_CTX_set1_cert_store(context, settings->trust);
    return settings->own ? use_own(context, settings->own, why) : 0;
}

int tls_client_make(const struct tls_client_settings *settings, struct tls_client **ret,
                    struct writer *why)
{
    TRY(make_indexes());
    struct tls_client *client =
        calloc(1, sizeof *client + (size_t)settings->pin_count * sizeof client->pins[0]);
    if (!client)
        return -ENOMEM;
    client->verifies = settings->trust != NULL;
    client->pin_count = settings->pin_count;
    if (settings->pin_count)
        memcpy(client->pins, settings->pins, settings->pin_count * sizeof client->pins[0]);
    client->context = tls_context_make(TLS_client_method());
    int result = client->context ? set_up(client, settings, why) : -ENOMEM;
    if (result == 0)
        *ret = client;
    else
        tls_client_free(client);
    return result;
}

void tls_client_free(struct tls_client *client)
{
    if (!client)
        return;
    SSL_CTX_free(client->context);
    free(client);
}

/* --- One connection --------------------------------------------------------------------------- */

/* SNI is for names only (RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted"). */
static bool set_name(SSL *ssl, slice name)
{
    char text[256];
    if (name.len >= sizeof text)
        return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, text) == 1 && SSL_set_tlsext_host_name(ssl, text) == 1;
}

static bool set_address(SSL *ssl, struct ip ip)
{
    bool is_v4 = ip_is_v4(ip);
    const unsigned char *bytes = is_v4 ? ip.bytes + 12 : ip.bytes;
    return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), bytes, is_v4 ? 4 : 16) == 1;
}

/* Each resumption brings another ticket, so sessions do not end by themselves: they would be
 * resumed for as long as requests come, whatever has become of the server's certificate. */
static bool may_resume(const SSL_SESSION *session)
{
    const X509 *c = session ? SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session) : NULL;
    return session && SSL_SESSION_is_resumable(session) &&
           (!c || X509_cmp_current_time(X509_get0_notAfter(c)) > 0);
}

static bool set_peer(SSL *ssl, const struct tls_peer *peer)
{
    bool is_set = true;
    if (peer->name.len)
        is_set = set_name(ssl, peer->name);
    else if (!ip_is_none(peer->ip))
        is_set = set_address(ssl, peer->ip);
    if (is_set && peer->alpn.len) /* 0 is success here */
        is_set = SSL_set_alpn_protos(ssl, (const unsigned char *)peer->alpn.ptr,
                                     (unsigned)peer->alpn.len) == 0;
    if (is_set && peer->session && may_resume(*peer->session))
        is_set = SSL_set_session(ssl, *peer->session) == 1;
    return is_set;
}

int tls_client_prepare(SSL *ssl, const struct tls_peer *peer, struct tls_peer_failure *failure)
{
    failure->kind = TLS_FAILURE_NONE;
    failure->text[0] = '\0';
    ERR_clear_error();
    bool is_ready = set_peer(ssl, peer) && SSL_set_ex_data(ssl, failure_index, failure) == 1 &&
                    SSL_set_ex_data(ssl, session_index, peer->session) == 1;
    ERR_clear_error();
    return is_ready ? 0 : -ENOMEM;
}

SSL_CTX *tls_client_context(const struct tls_client *client)
{
    return client->context;
}

/* --- What went wrong -------------------------------------------------------------------------- */

/* Alerts by which a server says that it wants a certificate of ours, or another one. */
static bool is_about_us(int alert)
{
    switch (alert) {
    case SSL_AD_NO_CERTIFICATE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

/* The alert that the server ended the connection with; -1: it sent none. */
static int alert_of(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    bool is_alert = ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
                    reason <= SSL_AD_REASON_OFFSET + 255;
    return is_alert ? reason - SSL_AD_REASON_OFFSET : -1;
}

static enum tls_peer_failure_kind kind_of_alert(int alert)
{
    if (is_about_us(alert))
        return TLS_FAILURE_OWN;
    return alert == SSL_AD_PROTOCOL_VERSION || alert == SSL_AD_INSUFFICIENT_SECURITY
               ? TLS_FAILURE_PROTOCOL
               : TLS_FAILURE_HANDSHAKE;
}

static const char *advice_for(int alert)
{
    switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
        return ": it wants a certificate of ours (`tls { cert FILE; key FILE }` of the origin)";
    case SSL_AD_PROTOCOL_VERSION:
        return ": it takes none of the versions that we offer";
    case SSL_AD_HANDSHAKE_FAILURE:
        return ": it has no cipher suite or signature in common with us, or wants a certificate of "
               "ours";
    case SSL_AD_UNRECOGNIZED_NAME:
        return ": it does not know the name that it was asked for (`tls { name NAME }` of the "
               "origin)";
    default:
        return is_about_us(alert) ? ": it does not take the certificate of ours" : "";
    }
}

static void note_alert(int alert, struct tls_peer_failure *failure)
{
    struct failure_text t = text_begin(failure, kind_of_alert(alert));
    writer_format(&t.w, "the server ended the handshake with the alert \"%s\"%s",
                  SSL_alert_desc_string_long(alert), advice_for(alert));
    text_end(&t);
}

static void note_library(unsigned long error, struct tls_peer_failure *failure)
{
    int alert = alert_of(error);
    if (alert >= 0) {
        note_alert(alert, failure);
        return;
    }
    enum tls_peer_failure_kind kind = TLS_FAILURE_HANDSHAKE;
    const char *what = "the handshake with the server failed";
    switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_BAD_RECORD_TYPE:
        kind = TLS_FAILURE_PROTOCOL;
        what = "what the server sent is not TLS; does it speak TLS on this port?";
        break;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
        kind = TLS_FAILURE_PROTOCOL;
        what = "the server has chosen a version of TLS that is not allowed";
        break;
    case SSL_R_WRONG_CIPHER_RETURNED:
    case SSL_R_UNKNOWN_CIPHER_RETURNED:
        kind = TLS_FAILURE_PROTOCOL;
        what = "the server has chosen a cipher suite that was not offered";
        break;
    default:
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            kind = TLS_FAILURE_OURS;
    }
    const char *reason = ERR_reason_error_string(error);
    struct failure_text t = text_begin(failure, kind);
    writer_format(&t.w, "%s (%s)", what, reason ? reason : "no further reason");
    text_end(&t);
}

static void say_closed(struct tls_peer_failure *failure)
{
    say(failure, TLS_FAILURE_CLOSED,
        "the server closed the connection in the middle of the TLS handshake");
}

/* The verdict over the certificate comes first: it is what the library then fails for. */
static void explain(int result, unsigned long error, struct tls_peer_failure *failure)
{
    if (failure->kind != TLS_FAILURE_NONE)
        return;
    switch (result) {
    case -ECANCELED:
        return;
    case -ETIMEDOUT:
        say(failure, TLS_FAILURE_TIMEOUT,
            "the TLS handshake was not over within `timeout connect`");
        return;
    case -EPROTO:
        if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
            say_closed(failure);
        else
            note_library(error, failure);
        return;
    case -ENOMEM:
    case -ENOBUFS:
        say(failure, TLS_FAILURE_OURS, "out of memory");
        return;
    default:
        say_closed(failure);
    }
}

void tls_client_settle(SSL *ssl, int result, unsigned long error, struct tls_peer_failure *failure)
{
    if (result != 0)
        explain(result, error, failure);
    SSL_SESSION **place = SSL_get_ex_data(ssl, session_index);
    if (result != 0 && place) { /* a session that did not help is not offered again */
        SSL_SESSION_free(*place);
        *place = NULL;
    }
    SSL_set_ex_data(ssl, failure_index, NULL);
}

struct connecting {
    const struct tls_peer *peer;
    struct tls_peer_failure *failure;
};

static int prepare(SSL *ssl, void *argument)
{
    const struct connecting *c = argument;
    return tls_client_prepare(ssl, c->peer, c->failure);
}

int tls_connect(struct socket *s, struct tls_client *client, const struct tls_peer *peer,
                int64_t deadline_ms, struct tls_peer_failure *ret_failure)
{
    struct connecting c = { peer, ret_failure };
    struct tls_begin how = {
        .context = client->context, .prepare = prepare, .argument = &c, .deadline_ms = deadline_ms
    };
    struct tls_failure failure;
    ret_failure->kind = TLS_FAILURE_NONE;
    int result = tls_begin(s, &how, &failure);
    SSL *ssl = tls_ssl(s);
    if (ssl)
        tls_client_settle(ssl, result, failure.error, ret_failure);
    else
        say(ret_failure, TLS_FAILURE_OURS, "out of memory");
    return result;
}

bool tls_client_was_refused(const struct socket *s, struct tls_peer_failure *ret)
{
    SSL *ssl = tls_ssl(s);
    uint8_t alert = tls_alert_of(s);
    if (!ssl || (!is_about_us(alert) && !SSL_get_ex_data(ssl, asked_index)))
        return false;
    if (is_about_us(alert))
        note_alert(alert, ret);
    else
        say(ret, TLS_FAILURE_OWN,
            SSL_get_certificate(ssl)
                ? "the server asked for a certificate of ours, and then closed the connection"
                : "the server asked for a certificate of ours, got none, and closed the connection "
                  "(`tls { cert FILE; key FILE }` of the origin)");
    return true;
}
