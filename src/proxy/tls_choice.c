#include "proxy/tls_choice.h"

#include <errno.h>
#include <stdio.h>

#include "proxy/connection.h"
#include "proxy/crowd.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/refusal.h"
#include "proxy/tls_proof.h"
#include "wire/ja4.h"

/* The names of RFC 7301 §6, each behind its length: some clients of HTTP/1.0 offer only theirs. */
#define ALPN_HTTP1 "\x08http/1.1\x08http/1.0"

#define SECURITY_TEXT_MAX 320u
#define NAME_SHOWN_MAX    150u

static const struct failure no_proof = {
    .whose = FAULT_CLIENT,
    .status = 421,
    .reason = "tls.no-proof",
    .text = "somebody asked for the proof of a certificate authority (acme-tls/1) that is not due"
};
static const struct failure not_tls = { .whose = FAULT_CLIENT,
                                        .status = 400,
                                        .reason = "tls.malformed",
                                        .text = "what came is no TLS, or its first message "
                                                "(ClientHello) is malformed" };
static const struct failure too_slow = { .whose = FAULT_CLIENT,
                                         .status = 408,
                                         .reason = "tls.timeout",
                                         .text = "the handshake was not over within `timeout "
                                                 "header`" };

/* The name in its canonical form: lower case, without the dot at the end. */
static void write_name(struct tls_choice *choice, slice name)
{
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len > sizeof choice->name_memory)
        name.len = 0;
    for (size_t i = 0; i < name.len; i++)
        choice->name_memory[i] = ascii_lower(name.ptr[i]);
    choice->server_name = slice_of(choice->name_memory, name.len);
}

/* A client of https://192.0.2.1 sends no name (RFC 6066 §3): the address it connected to, as
 * canonical hosts are. */
static slice local_host(struct connection *c, char *memory, size_t room)
{
    struct writer w = writer_over(memory, room);
    struct ip ip = connection_local_ip(c);
    if (ip_is_none(ip))
        return slice_of(NULL, 0);
    ip_write(&w, ip);
    return writer_slice(&w);
}

/* The site of the name (`site *` has every name, and none); when it has no TLS, the one with the
 * default certificate. */
static const struct site *find_site(struct connection *c, slice name)
{
    const struct configuration *configuration = gate.configuration;
    char memory[64];
    if (name.len == 0)
        name = local_host(c, memory, sizeof memory);
    const struct site *site = configuration_find_site(configuration, name, c->listen);
    if (site && site->tls.identity)
        return site;
    site = configuration->tls_default;
    return site && (site->listener_mask & (1ull << c->listen)) ? site : NULL;
}

/* One connection at a time: read at once. */
static const struct failure *describe_unknown(slice name)
{
    static char text[SECURITY_TEXT_MAX];
    static const struct failure unknown_name = {
        .whose = FAULT_CLIENT, .status = 421, .reason = "tls.unknown-name", .text = text
    };
    if (name.len)
        (void)snprintf(text, sizeof text,
                       "the client asked for '%.*s', a name of no site with TLS, and no site has "
                       "the default certificate",
                       SLICE_ARGUMENTS(slice_first(name, NAME_SHOWN_MAX)));
    else
        (void)snprintf(text, sizeof text,
                       "the client asked for no name, and no site with TLS has this address or "
                       "the default certificate");
    return &unknown_name;
}

/* Why there is none, in its certifier's words. One connection at a time: read at once. */
static const struct failure *describe_lack(const struct certificate_set *set)
{
    static char text[SECURITY_TEXT_MAX];
    static const struct failure no_certificate = {
        .whose = FAULT_OURS, .status = 503, .reason = "tls.no-certificate", .text = text
    };
    (void)snprintf(text, sizeof text, "there is no certificate for %.*s yet%s%s",
                   (int)(set->name.len < 100 ? set->name.len : 100), set->name.ptr,
                   set->why_none ? ": " : "", set->why_none ? set->why_none : "");
    return &no_certificate;
}

static int refuse(struct connection *c, struct tls_choice *choice, const struct failure *why,
                  uint8_t alert)
{
    choice->alert = alert;
    filters_connection_refused(why, c->peer);
    return -EREMOTEIO;
}

int tls_choose(void *context, const struct client_hello *hello, struct tls_choice *choice)
{
    struct connection *c = context;
    write_name(choice, hello->server_name);
    const struct site *site = find_site(c, choice->server_name);
    if (!site)
        return refuse(c, choice, describe_unknown(choice->server_name),
                      TLS_ALERT_UNRECOGNIZED_NAME);
    if (tls_proof_is_wanted(hello)) {
        choice->owner = site;
        return tls_proof_choose(site, choice) == 0
                   ? 0
                   : refuse(c, choice, &no_proof, TLS_ALERT_NO_APPLICATION_PROTOCOL);
    }
    if (certificate_set_is_empty(&site->tls.identity->set))
        return refuse(c, choice, describe_lack(&site->tls.identity->set),
                      TLS_ALERT_UNRECOGNIZED_NAME);
    if (ja4_write(hello, choice->fingerprint) != 0) /* more suites than any client has */
        choice->fingerprint[0] = '\0';
    choice->owner = site;
    choice->context = site->tls.made->context;
    choice->certificates = &site->tls.identity->set;
    choice->takes_early = hello->has_early_data && site->tls.settings->takes_early;
    choice->alpn =
        site->tls.settings->has_no_http2 ? SLICE(ALPN_HTTP1) : SLICE("\x02h2" ALPN_HTTP1);
    memcpy(choice->session_context, site->tls.session_context, sizeof choice->session_context);
    return 0;
}

/* " for 'a.example'": which site it was that the client did not like, or that did not like it. */
static void write_asked(struct writer *w, const struct connection *c)
{
    const struct tls_facts *facts = tls_facts_of(&c->socket);
    if (!facts || facts->server_name.len == 0)
        return;
    writer_literal(w, " for '");
    writer_slice_add(w, slice_first(facts->server_name, NAME_SHOWN_MAX));
    writer_literal(w, "'");
}

/* The library's words for the log. One connection at a time: read at once. */
static const struct failure *describe(const struct connection *c, const struct tls_failure *failure)
{
    static char text[SECURITY_TEXT_MAX];
    static struct failure described = {
        .whose = FAULT_CLIENT, .status = 400, .reason = "tls.handshake", .text = text
    };
    struct writer w = writer_over(text, sizeof text - 1);
    writer_text(&w, failure->alert_received ? "the client ended the handshake" : "the handshake");
    write_asked(&w, c);
    if (failure->alert_received)
        writer_format(&w, ": %s", SSL_alert_desc_string_long(failure->alert_received));
    else
        writer_format(&w, " failed: %s", failure->text ? failure->text : "unknown");
    text[w.len] = '\0';
    return &described;
}

static void note_failure(struct connection *c, int result, const struct tls_failure *failure)
{
    gate.counters->tls_failures++;
    switch (result) {
    case -EREMOTEIO: /* noted where it was decided */
    case -ECANCELED:
    case -ECONNRESET: /* a look at whether the port is open is no event */
    case -EPIPE:
        return;
    case -ETIMEDOUT:
        filters_connection_ended(&too_slow, c, NULL);
        return;
    case -EBADMSG:
        filters_connection_refused(&not_tls, c->peer);
        return;
    case -EPROTO:
        filters_connection_ended(describe(c, failure), c, NULL);
        return;
    default:
        filters_connection_refused(&crowd_no_memory, c->peer);
    }
}

/* Somebody speaks HTTP where TLS is spoken: told so in the words that he understands. */
static void answer_plain(struct connection *c, int result, bool was_plain)
{
    if (result != -EBADMSG || !was_plain)
        return;
    c->socket.awaits_tls = false;
    refusal_write_bare(&c->socket, not_tls.status);
}

bool tls_secure(struct connection *c)
{
    const struct timeout_settings *timeouts = gate.configuration->defaults[FEATURE_TIMEOUT];
    struct tls_failure failure;
    struct tls_accept how = { .choose = tls_choose,
                              .context = c,
                              .early = c->input,
                              .deadline_ms = c->accepted_ms + timeouts->header_ms };
    bool was_plain = c->input && buffer_length(c->input) &&
                     c->input->memory[c->input->start] >= 'A' &&
                     c->input->memory[c->input->start] <= 'Z';
    c->input = NULL; /* taken over */
    c->merely_waits = true;
    int result = tls_accept(&c->socket, &how, &failure);
    c->merely_waits = false;
    if (result != 0) {
        note_failure(c, result, &failure);
        answer_plain(c, result, was_plain);
        return false;
    }
    c->socket.awaits_tls = false;
    gate.counters->tls_handshakes++;
    gate.counters->tls_resumed += tls_facts_of(&c->socket)->is_resumed;
    /* RFC 8737 §3: closed behind a completed handshake, nothing is exchanged */
    return !tls_proof_was_shown(tls_facts_of(&c->socket));
}
