#include "control/vocabulary.h"

#include "control/load_acme.h"
#include "filters/options.h"

const struct directive_table *const vocabulary_tables[] = {
    &listen_options,
    &site_options,
    &route_options,
    &target_options,
    &origin_options,
    &origin_tls_options,
    &answer_options,
    &access_options,
    &auth_options,
    &acme_options,
    &headers_options,
    &timeout_options,
    &limits_options,
    &tls_options,
    &waf_options,
    &program_options,
    NULL,
};

const char *const vocabulary_later[] = {
    "balance", "bots",          "breaker", "cache",   "check",   "cluster", "errors",
    "geo",     "limit",         "mask",    "mode",    "modules", "plugin",  "retry",
    "root",    "secret-header", "sticky",  "storage", "test",    NULL,
};

const struct habit vocabulary_habits[] = {
    /* nginx */
    { "server", "nginx's server block is 'site NAME { ... }' here" },
    { "server_name", "nginx's server_name is 'site NAME { ... }' here" },
    { "location", "nginx's location is 'route /path/* { ... }' here" },
    { "proxy_pass", "nginx's proxy_pass is 'to' here" },
    { "upstream", "nginx's upstream is 'origin NAME { ... }' here" },
    { "add_header",
      "nginx's add_header is 'headers { set NAME VALUE }' here, and it is inherited" },
    { "proxy_set_header",
      "nginx's proxy_set_header is 'headers { request { set NAME VALUE } }' here; Host and "
      "X-Forwarded-* need nothing" },
    { "proxy_hide_header", "nginx's proxy_hide_header is 'headers { remove NAME }' here" },
    { "client_max_body_size", "nginx's client_max_body_size is 'limits { body 10M }' here" },
    { "proxy_read_timeout", "nginx's proxy_read_timeout is 'timeout { head 30s; idle 60s }' here" },
    { "proxy_connect_timeout", "nginx's proxy_connect_timeout is 'timeout connect 5s' here" },
    { "proxy_send_timeout", "nginx's proxy_send_timeout is 'timeout send 30s' here" },
    { "keepalive_timeout", "nginx's keepalive_timeout is 'timeout idle 60s' in 'defaults' here" },
    { "return", "nginx's return is 'redirect URL status 301' or 'respond STATUS TEXT' here" },
    { "rewrite",
      "nginx's rewrite to another place is 'redirect' here; 'to NAME path /prefix' puts a "
      "prefix before the path" },
    { "access_log", "nginx's access_log is 'log requests json to /path' here" },
    { "error_log",
      "the program's own messages go to standard error; 'log security' records refusals" },
    { "worker_processes", "nginx's worker_processes is 'workers' here" },
    { "worker_connections", "nginx's worker_connections is 'limits { connections 20000 }' here" },
    { "set_real_ip_from", "nginx's set_real_ip_from is 'trust proxies' here" },
    { "ssl_certificate", "nginx's ssl_certificate and its key are 'tls CERT.pem KEY.pem' here" },
    { "ssl_certificate_key",
      "nginx's ssl_certificate and its key are 'tls CERT.pem KEY.pem' here" },
    { "ssl_protocols", "nginx's ssl_protocols is 'tls { min 1.2 }' here; 1.2 and 1.3 are spoken" },
    { "ssl_ciphers", "nginx's ssl_ciphers is 'tls { ciphers ... }' here" },
    { "ssl_client_certificate", "nginx's ssl_client_certificate is 'auth mtls CA.pem' here" },
    { "ssl_verify_client", "nginx's ssl_verify_client is 'auth mtls CA.pem [optional]' here" },
    { "ssl_crl", "nginx's ssl_crl is 'auth mtls CA.pem { crl FILE }' here" },
    { "ssl_stapling", "answers of OCSP are stapled by themselves" },
    { "ssl_session_cache", "sessions are resumed by tickets, whose keys change by themselves" },
    { "ssl_session_tickets", "sessions are resumed by tickets, whose keys change by themselves" },
    { "ssl_early_data", "nginx's ssl_early_data is 'tls { early-data on }' here" },
    { "proxy_ssl_verify",
      "an origin written with https:// is verified; 'tls { ... }' of an 'origin' says how" },
    { "proxy_ssl_trusted_certificate",
      "nginx's proxy_ssl_trusted_certificate is 'tls { ca FILE }' of an 'origin' here" },
    { "proxy_ssl_name", "nginx's proxy_ssl_name is 'tls { name NAME }' of an 'origin' here" },
    { "grpc_pass", "nginx's grpc_pass is 'to grpc://ADDRESS' here" },
    { "websocket", "WebSocket passes by itself: nothing is needed" },
    { "http2", "clients choose HTTP/2 over TLS by themselves; without TLS 'listen ADDRESS h2c'" },
    { "gzip", "compression is not built yet in this version" },
    { "http", "no such block is needed: sites stand at the top level" },
    { "events", "no such block is needed" },
    { "pid", "the PID file is in the state directory: portcullis run --state DIR" },
    /* ModSecurity's connectors, Coraza's */
    { "modsecurity", "the WAF is on where nothing is written; 'waf off' in a 'route' or 'site'" },
    { "modsecurity_rules_file", "ModSecurity's rules are read by 'waf balanced { rules FILE }'" },
    { "modsecurity_rules", "rules stand in files: 'waf balanced { rules FILE }'" },
    { "coraza_waf", "Coraza's rules are read by 'waf balanced { rules crs }', or by files" },
    { "SecRuleEngine",
      "'waf mode shadow' is DetectionOnly, 'waf off' is Off; On where nothing is written" },
    { "SecRule", "rules stand in files: 'waf balanced { rules FILE }'" },
    { "SecAction", "rules stand in files: 'waf balanced { rules FILE }'" },
    { "Include",
      "rules stand in files: 'waf balanced { rules FILE }'; configuration: 'include FILE'" },
    { "SecRuleRemoveById", "ModSecurity's SecRuleRemoveById is 'waf { exclude rule ID }' here" },
    { "SecRuleRemoveByTag",
      "ModSecurity's SecRuleRemoveByTag is 'waf { exclude attack CLASS }' here" },
    { "SecRuleUpdateTargetById",
      "ModSecurity's SecRuleUpdateTargetById is 'waf { exclude rule ID arg NAME }' here" },
    /* HAProxy */
    { "frontend", "HAProxy's frontend is 'listen' and 'site NAME { ... }' here" },
    { "backend", "HAProxy's backend is 'origin NAME { ... }' here" },
    { "bind", "HAProxy's bind is 'listen' here" },
    { "default_backend", "HAProxy's default_backend is 'to' here" },
    { "use_backend", "HAProxy's use_backend is 'route ... { to NAME }' here" },
    { "maxconn", "HAProxy's maxconn is 'limits { connections 20000 }', or 'max' of a server" },
    { "global", "no such block is needed: settings stand at the top level or in 'defaults'" },
    /* Caddy */
    { "reverse_proxy", "Caddy's reverse_proxy is 'to' here" },
    { "handle", "Caddy's handle is 'route' here" },
    { "header", "it is 'headers { set NAME VALUE }'; as a condition 'when header NAME VALUE'" },
    { "redir", "Caddy's redir is 'redirect' here" },
    { "encode", "compression is not built yet in this version" },
    { "file_server", "this is a proxy: it serves no files in this version" },
    { NULL, NULL },
};

int vocabulary_open(struct schema *s, struct arena *a)
{
    *s = (struct schema){ .tables = vocabulary_tables,
                          .later = vocabulary_later,
                          .habits = vocabulary_habits };
    return schema_open(s, a);
}
