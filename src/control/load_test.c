/* From text to the structures that the proxy reads. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/load_text_test.h"
#include "proxy/origin_tls.h"
#include "proxy/router.h"
#include "shared/log_ring.h"

static void load(const char *text)
{
    load_slice(slice_from(text));
    for (uint32_t i = 0; i < diagnostics.count; i++)
        fail_msg("%s: %.*s", text, SLICE_ARGUMENTS(diagnostics.items[i].message));
}

/* Exactly one diagnostic, with this code. */
static void assert_one(const char *text, enum diagnostic_code code)
{
    load_slice(slice_from(text));
    if (diagnostics.count != 1 || diagnostics.items[0].code != code)
        fail_msg("%s: %u diagnostics, first %u: %.*s", text, diagnostics.count,
                 diagnostics.count ? diagnostics.items[0].code : 0,
                 diagnostics.count ? (int)diagnostics.items[0].message.len : 0,
                 diagnostics.count ? diagnostics.items[0].message.ptr : "");
}

static const struct site *site_of(const char *host, uint32_t listener)
{
    return configuration_find_site(c, slice_from(host), listener);
}

static const struct route *route_of(const char *host, const char *path)
{
    struct fields none = { 0 };
    struct routing_question q = {
        .method = METHOD_GET, .method_text = SLICE("GET"), .path = slice_from(path), .fields = &none
    };
    return router_find(site_of(host, 0), &q);
}

#define BLOCK(route, slot) ((route)->blocks[slot])

static const struct timeout_settings *timeouts(const char *host, const char *path)
{
    return BLOCK(route_of(host, path), FEATURE_TIMEOUT);
}

TEST(a_small_file_becomes_a_configuration)
{
    load("listen 127.0.0.1:8080 [::1]:8081 proxy-protocol\nsite a.test { to 127.0.0.1:3000 }");
    assert_int_equal(c->listen_count, 2);
    assert_int_equal(address_port(&c->listens[1].address), 8081);
    assert_true(c->listens[1].proxy_protocol);
    assert_int_equal(c->site_count, 1);
    assert_int_equal(c->sites[0].route_count, 1);
    const struct target_settings *t = BLOCK(&c->sites[0].routes[0], FEATURE_TARGET);
    assert_slice_equal(t->origin->name, SLICE("127.0.0.1:3000"));
    assert_int_equal(address_port(&t->origin->servers[0].address), 3000);
    assert_int_equal(c->server_count, 1);
    assert_slice_equal(c->sites[0].where, SLICE("command line:2:1"));
    assert_slice_equal(c->logs[LOG_REQUESTS].path, SLICE("stdout"));
}

TEST(settings_of_the_program_are_taken_over)
{
    load("listen :80\nworkers 3\nuser www-data\ndrain 10m\nmetrics on 127.0.0.1:9464\n"
         "admin on unix:/run/x.sock\nlog requests combined to /var/log/r.log\nlog security off\n"
         "trust proxies 10.0.0.0/8 192.0.2.1\nlimits { head 32K; connections 500; "
         "connections-per-client 5; fibers 64; buffered 1M; body 2M }\nsite * { respond 200 }");
    assert_int_equal(c->workers, 3);
    assert_slice_equal(c->user, SLICE("www-data"));
    assert_int_equal(c->drain_ms, 600000);
    assert_int_equal(address_port(&c->metrics_address), 9464);
    assert_true(c->admin_address.length > 0);
    assert_int_equal(c->logs[LOG_REQUESTS].format, LOG_FORMAT_COMBINED);
    assert_slice_equal(c->logs[LOG_REQUESTS].path, SLICE("/var/log/r.log"));
    assert_false(c->logs[LOG_SECURITY].is_on);
    assert_false(c->logs[LOG_RULES].is_on);
    assert_int_equal(c->limits.head_bytes_max, 32768);
    assert_int_equal(c->limits.connections_max, 500);
    assert_int_equal(c->limits.fibers_max, 64);
    const struct limits_settings *limits = c->defaults[FEATURE_LIMITS];
    assert_int_equal(limits->body_bytes_max, 2u << 20);
    struct ip ip;
    assert_int_equal(ip_parse(SLICE("10.1.2.3"), &ip), 0);
    assert_non_null(network_set_find(&c->trusted, ip));
}

TEST(hosts_are_chosen_exactly_then_by_the_longest_wildcard)
{
    load("listen :1 :2\nsite a.test { respond 200 }\nsite *.a.test { respond 201 }\n"
         "site *.b.a.test { respond 202 }\nsite * { respond 203 }\nsite ONE.test two.test { "
         "respond 204 }");
    assert_slice_equal(site_of("a.test", 0)->name, SLICE("a.test"));
    assert_slice_equal(site_of("x.a.test", 1)->name, SLICE("*.a.test"));
    assert_slice_equal(site_of("x.y.a.test", 0)->name, SLICE("*.a.test"));
    assert_slice_equal(site_of("x.b.a.test", 0)->name, SLICE("*.b.a.test"));
    assert_slice_equal(site_of("other.test", 0)->name, SLICE("*"));
    assert_slice_equal(site_of("one.test", 0)->name, SLICE("one.test"));
    assert_ptr_equal(site_of("two.test", 0), site_of("one.test", 0));
}

TEST(sites_may_share_a_host_on_different_listeners)
{
    load("listen :1 :2\nsite a.test { on :1; respond 200 }\nsite a.test { on :2; respond 201 }\n"
         "site :3 { respond 202 }");
    assert_ptr_equal(site_of("a.test", 0), &c->sites[0]);
    assert_ptr_equal(site_of("a.test", 1), &c->sites[1]);
    assert_int_equal(c->listen_count, 3);
    assert_ptr_equal(site_of("whatever", 2), &c->sites[2]);
    assert_null(site_of("whatever", 0));
    assert_one("listen :1 :2\nsite a.test { on :1; respond 200 }\nsite a.test { respond 201 }",
               E0405);
    assert_one("listen :1\nsite a.test { respond 200 }\nsite A.test. { respond 201 }", E0405);
    assert_one("listen :1\nsite a.test { on :2; respond 200 }", E0414);
}

TEST(settings_are_inherited_and_the_nearer_wins)
{
    load("listen :1\ndefaults { timeout { connect 1s; head 2s; send 3s } }\n"
         "policy p { timeout { head 20s; send 30s } }\n"
         "site a.test { use p; timeout send 300s; respond 200; route /x { timeout idle 7s } }\n"
         "site b.test { respond 200 }");
    const struct timeout_settings *t = timeouts("a.test", "/x");
    assert_int_equal(t->connect_ms, 1000);
    assert_int_equal(t->head_ms, 20000);
    assert_int_equal(t->send_ms, 300000);
    assert_int_equal(t->idle_ms, 7000);
    assert_int_equal(t->tunnel_ms, 7000);
    t = timeouts("a.test", "/");
    assert_int_equal(t->idle_ms, 60000);
    assert_int_equal(t->tunnel_ms, 3600000);
    assert_int_equal(timeouts("b.test", "/")->head_ms, 2000);
}

TEST(what_nobody_changes_is_shared)
{
    load("listen :1\npolicy p { headers hardened }\nsite a.test { use p; respond 200; route /x { "
         "limits body 1M } }\nsite b.test { use p; respond 200 }");
    const struct route *a = route_of("a.test", "/"), *x = route_of("a.test", "/x"),
                       *b = route_of("b.test", "/");
    assert_ptr_equal(BLOCK(a, FEATURE_HEADERS), BLOCK(b, FEATURE_HEADERS));
    assert_ptr_equal(BLOCK(a, FEATURE_HEADERS), BLOCK(x, FEATURE_HEADERS));
    assert_ptr_equal(BLOCK(a, FEATURE_TIMEOUT), c->defaults[FEATURE_TIMEOUT]);
    assert_ptr_not_equal(BLOCK(a, FEATURE_LIMITS), BLOCK(x, FEATURE_LIMITS));
}

TEST(headers_accumulate_and_their_order_does_not_depend_on_the_text)
{
    load("listen :1\ndefaults { headers { set A 1 } }\n"
         "site a.test { headers { add D 4; set C 3; remove B; request { set R {client.ip} } }\n"
         " headers hardened; respond 200 }");
    const struct headers_settings *h = BLOCK(route_of("a.test", "/"), FEATURE_HEADERS);
    assert_slice_equal(h->response[0].name, SLICE("A"));
    uint32_t last = h->response_count - 1;
    assert_int_equal(h->response[last].kind, HEADER_ADD);
    assert_slice_equal(h->response[last - 1].name, SLICE("C"));
    assert_slice_equal(h->response[last - 2].name, SLICE("B"));
    assert_slice_equal(h->response[1].name, SLICE("X-Content-Type-Options"));
    assert_int_equal(h->request_count, 1);
    assert_int_equal(h->request[0].value.parts[0].variable, TEMPLATE_CLIENT_IP);
    const struct headers_settings *defaults = c->defaults[FEATURE_HEADERS];
    assert_int_equal(defaults->response_count, 1);
}

static bool denies(const char *path, const char *address)
{
    struct ip ip;
    assert_int_equal(ip_parse(slice_from(address), &ip), 0);
    const struct access_settings *a = BLOCK(route_of("a.test", path), FEATURE_ACCESS);
    const struct network_entry *e = network_set_find(&a->networks, ip);
    return e && e->denies;
}

TEST(access_accumulates_and_the_nearer_block_wins)
{
    load("listen :1\nlist bad ip 198.51.100.0/24 2001:db8::/32\n"
         "site a.test { respond 200; deny list bad\n"
         "  route /in/* { allow ip 192.0.2.0/24; deny all }\n"
         "  route /open { allow list bad }\n"
         "  route /tie { allow ip 10.0.0.0/8; deny ip 10.0.0.0/8 }\n"
         "  route /post { allow method POST PURGE; deny method TRACE } }");
    assert_false(denies("/", "192.0.2.1"));
    assert_true(denies("/", "198.51.100.7"));
    assert_true(denies("/", "2001:db8::1"));
    assert_false(denies("/in/x", "192.0.2.1"));
    assert_true(denies("/in/x", "203.0.113.1"));
    assert_true(denies("/in/x", "2001:db9::1"));
    assert_false(denies("/open", "198.51.100.7"));
    assert_true(denies("/tie", "10.1.1.1"));
    const struct access_settings *a = BLOCK(route_of("a.test", "/post"), FEATURE_ACCESS);
    assert_int_equal(a->methods_allowed, 1u << METHOD_POST);
    assert_int_equal(a->methods_denied, 1u << METHOD_TRACE);
    assert_slice_equal(a->other_methods_allowed.items[0], SLICE("PURGE"));
}

TEST(an_allow_without_a_deny_is_a_warning)
{
    assert_one("listen :1\nsite a.test { respond 200; allow ip 10.0.0.0/8 }", W0704);
    assert_one("listen :1\nsite a.test { respond 200; route /x /y/* *.z { allow all } }", W0704);
    load("listen :1\nsite a.test { respond 200; allow ip 10.0.0.0/8; route /x { deny all } }");
    load("listen :1\nsite a.test { respond 200; allow method GET }");
}

TEST(an_address_is_one_origin_wherever_it_is_written)
{
    load("listen :1\nsite a.test { to 127.0.0.1:9; route /x { to 127.0.0.1:9 path /v1/ } }\n"
         "site b.test { to app.internal:80 }\nsite c.test { to http://127.0.0.1:9 }\n"
         "site d.test { to unix:/run/app.sock }\nsite e.test { to [::1]:81 }");
    const struct target_settings *a = BLOCK(route_of("a.test", "/"), FEATURE_TARGET),
                                 *x = BLOCK(route_of("a.test", "/x"), FEATURE_TARGET),
                                 *b = BLOCK(route_of("b.test", "/"), FEATURE_TARGET),
                                 *d = BLOCK(route_of("d.test", "/"), FEATURE_TARGET);
    assert_ptr_equal(a->origin, x->origin);
    assert_slice_equal(x->prefix, SLICE("/v1"));
    assert_true(b->origin->servers[0].is_name);
    assert_slice_equal(b->origin->servers[0].host, SLICE("app.internal"));
    assert_int_equal(b->origin->servers[0].name_slot, -1);
    assert_int_equal(d->origin->servers[0].address.any.sa_family, AF_UNIX);
    assert_int_equal(c->origin_count, 5);
}

TEST(origins_with_the_same_settings_of_tls_share_one_context)
{
    load("listen :1\nsite a.test { to https://app.internal; route /x { to https://10.0.0.1:8443 } "
         "}\n"
         "origin o { server https://10.0.0.1; tls { name o.test; min 1.3 } }\n"
         "origin p { server https://10.0.0.2 10.0.0.3:80; tls { name 192.0.2.1; min 1.3 } }\n"
         "site b.test { to o; route /p { to p } }");
    const struct target_settings *a = BLOCK(route_of("a.test", "/"), FEATURE_TARGET),
                                 *x = BLOCK(route_of("a.test", "/x"), FEATURE_TARGET);
    const struct origin *o = &c->origins[0], *p = &c->origins[1];
    assert_int_equal(a->origin->servers[0].port, 443);
    assert_true(a->origin->servers[0].is_tls);
    assert_ptr_equal(a->origin->tls->client, x->origin->tls->client);
    assert_ptr_equal(o->tls->client, p->tls->client);
    assert_ptr_not_equal(a->origin->tls->client, o->tls->client);
    assert_slice_equal(o->tls->name, SLICE("o.test"));
    assert_false(ip_is_none(p->tls->ip));
    assert_false(p->servers[1].is_tls);
}

TEST(origins_have_servers_and_limits_of_their_own)
{
    load("listen :1\norigin o { server 10.0.0.1:1 10.0.0.2:2 weight 3 max 7; server 10.0.0.3:3\n"
         " queue 5 for 2s; keep-alive 6; proxy-protocol v2; timeout head 2m }\n"
         "origin p { server 10.0.0.4:4; keep-alive 9 for 1m }\nsite a.test { to o; route /p { to p "
         "} }");
    const struct origin *o = &c->origins[0], *p = &c->origins[1];
    assert_int_equal(o->server_count, 3);
    assert_int_equal(o->servers[1].weight, 3);
    assert_int_equal(o->servers[1].max, 7);
    assert_int_equal(o->servers[2].weight, 1);
    assert_int_equal(o->servers[2].index, 2);
    assert_int_equal(p->servers[0].index, 3);
    assert_int_equal(o->queue_max, 5);
    assert_int_equal(o->queue_ms, 2000);
    assert_int_equal(o->idle_max, 6);
    assert_int_equal(o->idle_ms, 60000);
    assert_int_equal(o->proxy_protocol, PROXY_PROTOCOL_V2);
    assert_int_equal(o->timeout->head_ms, 120000);
    assert_int_equal(o->timeout->connect_ms, 0);
    assert_int_equal(p->idle_ms, 60000);
    assert_null(p->timeout);
}

TEST(routes_are_sorted_by_specificity)
{
    load("listen :1\nsite a.test {\n respond 200\n route ~ `^/r[0-9]+$` { respond 201 }\n"
         " route *.css *.min.css { respond 202 }\n route /x/* { respond 203 }\n"
         " route /x/y/* { respond 204 }\n route = /x/y/z { respond 205 }\n"
         " route /x/y/z/* { respond 206; when header A }\n route /* priority 0 { respond 207 }\n"
         " route /top.css priority 5 { respond 208 }\n route /both /other/* { respond 209 } }");
    static const struct {
        const char *path;
        uint16_t status;
    } cases[] = { { "/x/y/z", 205 },  { "/x/y/q", 204 },   { "/x", 203 },       { "/x/a.css", 203 },
                  { "/xa.css", 207 }, { "/top.css", 208 }, { "/other/1", 209 }, { "/both", 209 },
                  { "/", 207 },       { "/x/y/z/1", 204 }, { "/r1", 207 } };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct answer_settings *a = BLOCK(route_of("a.test", cases[i].path), FEATURE_ANSWER);
        if (a->status != cases[i].status)
            fail_msg("%s: %u", cases[i].path, a->status);
    }
}

TEST(regular_expressions_and_extensions_serve_what_no_path_does)
{
    load("listen :1\nsite a.test {\n respond 200\n route ~ `^/r[0-9]+$` { respond 201 }\n"
         " route *.css { respond 202 } }");
    const struct answer_settings *a = BLOCK(route_of("a.test", "/r12"), FEATURE_ANSWER);
    assert_int_equal(a->status, 201);
    a = BLOCK(route_of("a.test", "/r12.css"), FEATURE_ANSWER);
    assert_int_equal(a->status, 202);
    a = BLOCK(route_of("a.test", "/r12x"), FEATURE_ANSWER);
    assert_int_equal(a->status, 200);
}

#define SITE(routes) "listen :1\nsite a.test { respond 200\n" routes "\n}"

TEST(a_tie_is_an_error_unless_no_request_can_match_both)
{
    static const char *const ties[] = {
        SITE("route /x/* { respond 201 }\nroute /x/* { respond 202 }"),
        SITE("route = /x { respond 201 }\nroute /x { respond 202 }"),
        SITE("route *.a { respond 201 }\nroute *.b *.a { respond 202 }"),
        SITE("route ~ a { respond 201 }\nroute ~ b { respond 202 }"),
        SITE("route /x { when method GET; respond 201 }\nroute /x { when method POST GET; respond "
             "202 }"),
        SITE("route /x { when method GET; respond 201 }\nroute /x { when header A; respond 202 }"),
        SITE("route /x { when not method GET; respond 201 }\nroute /x { when not method POST; "
             "respond 202 }"),
        SITE("route /x { when ip 10.0.0.0/8; respond 201 }\nroute /x { when ip 10.1.0.0/16; "
             "respond 202 }"),
        SITE("route /x/ { respond 201 }\nroute //x/ { respond 202 }"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(ties); i++)
        assert_one(ties[i], E0407);
    static const char *const disjoint[] = {
        SITE("route /x { when method GET; respond 201 }\nroute /x { when method POST; respond 202 "
             "}"),
        SITE(
            "route /x { when header A 1; respond 201 }\nroute /x { when header a 2; respond 202 }"),
        SITE("route /x { when method GET; respond 201 }\nroute /x { when not method GET HEAD; "
             "respond 202 }"),
        SITE("route /x { when ip 10.0.0.0/8; respond 201 }\nroute /x { when ip 192.0.2.0/24; "
             "respond 202 }"),
        SITE("route ~ a { respond 201; priority 1 }\nroute ~ b { respond 202 }"),
        SITE("route /x { when query q; respond 201 }\nroute /x { respond 202 }"),
        SITE("route /x/* { respond 201 }\nroute /y/* { respond 202 }"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(disjoint); i++)
        load(disjoint[i]);
}

TEST(a_route_that_nothing_reaches_is_an_error)
{
    assert_one(SITE("route /* priority 1 { respond 201 }\nroute /api/* { respond 202 }"), E0410);
    assert_one(SITE("route *.css priority 1 { respond 201 }\nroute /a.css { respond 202 }"), E0410);
    load(
        SITE("route /* priority 1 { respond 201; when method GET }\nroute /api/* { respond 202 }"));
    load(SITE("route *.css priority 1 { respond 201 }\nroute /a/* { respond 202 }"));
}

TEST(patterns_that_cannot_be_used_are_refused)
{
    static const char *const patterns[] = {
        SITE("route /x* { respond 201 }"),    SITE("route x/* { respond 201 }"),
        SITE("route /x/*/y { respond 201 }"), SITE("route = /x/* { respond 201 }"),
        SITE("route = x { respond 201 }"),    SITE("route *.a/b { respond 201 }"),
        SITE("route *. { respond 201 }"),     SITE("route /../x { respond 201 }"),
        SITE("route /%00 { respond 201 }"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++)
        assert_one(patterns[i], E0408);
    assert_one(SITE("route ~ `(` { respond 201 }"), E0409);
    assert_one(SITE("route ~ `^/a{3,2}$` { respond 201 }"), E0409);
}

TEST(patterns_are_matched_in_canonical_form)
{
    load(SITE("route /%7Euser/* { respond 201 }"));
    const struct answer_settings *a = BLOCK(route_of("a.test", "/~user/x"), FEATURE_ANSWER);
    assert_int_equal(a->status, 201);
}

TEST(a_site_can_be_extended_from_elsewhere)
{
    load("listen :1\nextend site A.test { route /x { respond 201 } }\nsite a.test { respond 200 }");
    assert_int_equal(c->sites[0].route_count, 2);
    assert_one(
        "listen :1\nsite a.test { respond 200 }\nextend site b.test { route /x { respond 201 } }",
        E0401);
    assert_one("listen :1\nsite a.test { respond 200; route /x { respond 200 } }\n"
               "extend site a.test { route /x { respond 201 } }",
               E0407);
}

TEST(a_route_may_answer_otherwise_than_its_site)
{
    load("listen :1\nsite a.test { redirect https://b.test{uri} status 308; route /x { to "
         "127.0.0.1:9 } }\n"
         "site b.test { to 127.0.0.1:9; route /old { redirect /new } }");
    const struct answer_settings *a = BLOCK(route_of("a.test", "/"), FEATURE_ANSWER);
    assert_int_equal(a->status, 308);
    assert_int_equal(a->text.count, 2);
    a = BLOCK(route_of("a.test", "/x"), FEATURE_ANSWER);
    assert_int_equal(a->kind, ANSWER_NONE);
    a = BLOCK(route_of("b.test", "/old"), FEATURE_ANSWER);
    assert_int_equal(a->status, 302);
}

TEST(what_tls_cannot_mean_is_said)
{
    static const struct {
        const char *text;
        enum diagnostic_code code;
    } cases[] = {
        { "listen :1 tls\nsite a.test { respond 200; tls { ciphers DHE-RSA-AES128-GCM-SHA256 } }",
          E0304 },
        { "listen :1 tls\nsite a.test { respond 200; tls { ciphers ADH-AES128-GCM-SHA256 } }",
          E0304 },
        { "listen :1 tls\nacme\nsite 192.0.2.1 { respond 200; tls auto }", E0416 },
        { "listen :1 tls\nacme\nsite a.example [2001:db8::1] { respond 200; tls auto }", E0416 },
        { "listen :1\nsite a.test { respond 200; tls local }", W0711 },
        { "listen :1 tls\nlisten :2\nsite a.test { respond 200 }\n"
          "site b.test { on :2; respond 200; tls local }",
          W0711 },
        { "listen :1\nacme\nsite a.example { respond 200 }", W0711 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_one(cases[i].text, cases[i].code);
}

TEST(what_is_wrong_is_said_once_and_with_its_code)
{
    static const struct {
        const char *text;
        enum diagnostic_code code;
    } cases[] = {
        { "listen :1\nsite a.test { to backend }", E0401 },
        { "listen :1\nsite a.test { to 127.0.0.1:1/x }", E0402 },
        { "listen :1\nsite a.test { to ftp://127.0.0.1:1 }", E0204 },
        { "listen :1\norigin o { server https://127.0.0.1; tls verify off }\n"
          "site a.test { to o }",
          W0705 },
        { "listen :1\norigin o { server 127.0.0.1:1; tls min 1.3 }\nsite a.test { to o }", E0406 },
        { "listen :1\norigin o { server https://127.0.0.1; tls { verify off; ca system } }\n"
          "site a.test { to o }",
          E0406 },
        { "listen :1\norigin o { server https://127.0.0.1; tls { verify off; pin "
          "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= } }\nsite a.test { to o }",
          E0406 },
        { "listen :1\norigin o { server https://127.0.0.1; tls ca /etc/passwd }\n"
          "site a.test { to o }",
          E0504 },
        { "listen :1\nsite a.test { respond 200 }\nacme { ca /etc/passwd }", E0504 },
        { "listen :1\norigin o { server https://127.0.0.1; tls ca /does/not/exist }\n"
          "site a.test { to o }",
          E0501 },
        { "listen :1\norigin o { server https://127.0.0.1; tls pin sha256/AAAA }\n"
          "site a.test { to o }",
          E0304 },
        { "listen :1\norigin o { server https://127.0.0.1; tls name a.test:1 }\n"
          "site a.test { to o }",
          E0304 },
        { "listen :1\norigin o { server https://127.0.0.1; tls { min 1.3; min 1.3 } }\n"
          "site a.test { to o }",
          E0203 },
        { "listen :1\nsite a.test { to https://unix:/run/x }", E0404 },
        { "listen :1\nsite a.test { to https://127.0.0.1/x }", E0402 },
        { "listen :1\nsite a.test { to 127.0.0.1:99999 }", E0304 },
        { "listen :1\nsite a.test { to 127.0.0.1 }", E0304 },
        { "listen :1\nsite a.test { use p; respond 200 }", E0401 },
        { "listen :1\nsite a.test { deny list l; respond 200 }", E0401 },
        { "listen :1\norigin o { server 127.0.0.1:1 }\norigin o { server 127.0.0.1:2 }\nsite a { "
          "to o }",
          E0403 },
        { "listen :1\npolicy p { }\npolicy p { }\nsite a { use p; respond 200 }", E0403 },
        { "listen :1\nlist l ip 10.0.0.1\nlist l ip 10.0.0.1\nsite a { deny list l; respond 200 }",
          E0403 },
        { "listen :1\norigin o { }\nsite a { to o }", E0404 },
        { "listen :1\nsite a.test { }", E0404 },
        { "listen :1\nsite a.test { route /x { } }", E0404 },
        { "listen :1", E0404 },
        { "site a.test { respond 200 }", E0411 },
        { "listen :1 :1\nsite a.test { respond 200 }", E0412 },
        { "listen :1\nsite a.test { respond 200; redirect /x }", E0406 },
        { "listen :1\nsite a.test { to 127.0.0.1:1; respond 200 }", E0406 },
        { "listen :1\npolicy p { timeout head 1s }\npolicy q { timeout head 2s }\n"
          "site a { use p q; respond 200 }",
          E0406 },
        { "listen :1\nlimits { line 128K }\nsite a { respond 200 }", E0406 },
        { "listen :1\nlimits { body 1M }\ndefaults { limits { body 2M } }\nsite a { respond 200 }",
          E0203 },
        { "listen :1\nsite a.test { respond 200; headers { set A 1; set a 2 } }", E0203 },
        { "listen :1\nsite a.test { respond 200; headers { set Content-Length 1 } }", E0304 },
        { "listen :1\nsite a.test { respond 200; headers { set A {nothing} } }", E0108 },
        { "listen :1\nsite a.test { redirect elsewhere }", E0304 },
        { "listen :1\nsite a.test { redirect {header.Referer} }", E0304 },
        { "listen :1\nsite a.test { redirect {query} }", E0304 },
        { "listen :1\nsite a.test { redirect https://b.test{query} }", E0304 },
        { "listen :1\nsite a.test { redirect https://{cookie.region}.b.test/ }", E0304 },
        { "listen :1\nsite a.test { redirect //{header.X}/ }", E0304 },
        { "listen :1\nsite a.test { redirect {scheme}{uri} }", E0304 },
        { "listen :1\nsite a.test { redirect {scheme}://b.test{query} }", E0304 },
        { "listen :1\nsite a.test { respond 204 text }", E0304 },
        { "listen :1\nsite a.test:80 { respond 200 }", E0304 },
        { "listen :1\nsite http://a.test { respond 200 }", E0304 },
        { "listen :1\nsite \xc3\xa4.test { respond 200 }", E0304 },
        { "listen :1\nsite *.1.2.3.4 { respond 200 }", E0304 },
        { "listen :1\nsite a.test :80 { respond 200 }", E0304 },
        { "listen localhost:1\nsite a.test { respond 200 }", E0304 },
        { "listen 127.0.0.1\nsite a.test { respond 200 }", E0304 },
        { "listen :1\ntrust proxies 0.0.0.0/0\nsite a { respond 200 }", E0602 },
        { "listen :1\ntrust proxies ::/0\nsite a { respond 200 }", E0602 },
        { "listen :1\ntrust proxies 10.0.0.1/8\nsite a { respond 200 }", E0304 },
        { "listen :1\nadmin on :9\nsite a { respond 200 }", E0601 },
        { "listen :1\nmetrics off 127.0.0.1:1\nsite a { respond 200 }", E0304 },
        { "listen :1\nlog requests json to relative\nsite a { respond 200 }", E0304 },
        { "listen :1\nlog security combined\nsite a { respond 200 }", E0304 },
        { "listen :1\nlist l ip /does/not/exist\nsite a { deny list l; respond 200 }", E0501 },
        { "listen :1\nlist l ip nonsense\nsite a { deny list l; respond 200 }", E0304 },
        { "listen :1\norigin spare { server 127.0.0.1:1 }\nsite a { respond 200 }", W0702 },
        { "listen :1\npolicy spare { }\nsite a { respond 200 }", W0702 },
        { "listen :1\nlist spare ip 10.0.0.1\nsite a { respond 200 }", W0702 },
        { "listen :1\nsite a { respond 200; route /x { when method \"G T\"; respond 200 } }",
          E0304 },
        { "listen :1\nsite a { respond 200; route /x { when ip x; respond 200 } }", E0304 },
        { "listen :1\nsite a { respond 200; route /x priority 1 { priority 2; respond 200 } }",
          E0203 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_one(cases[i].text, cases[i].code);
}

TEST(errors_do_not_follow_from_errors)
{
    assert_one("listen :1\norigin backend { server x }\nsite a.test { to backend }", E0304);
    assert_one("listen :1\nsite a.test { too 127.0.0.1:1 }", E0201);
    assert_one("listen x\nsite a.test { respond 200 }", E0304);
    assert_one("listen :1\nsite a_!.test { respond 200 }", E0304);
    assert_one("listen :1\npolicy p { bar }\nsite a { use p; respond 200 }", E0201);
}

static bool has_code(enum diagnostic_code code)
{
    for (uint32_t i = 0; i < diagnostics.count; i++)
        if (diagnostics.items[i].code == code)
            return true;
    return false;
}

TEST(every_code_shows_itself_in_its_example_and_is_gone_when_mended)
{
    for (size_t i = 0; i < code_description_count; i++) {
        const struct code_description *code = &code_descriptions[i];
        /* They need files, or a directive that takes a secret: files_test.c, schema_test.c,
         * scenarios/test_waf_command.py, scenarios/test_keyholder.py,
         * scenarios/test_certificates.py, load_tls_test.c. */
        if (code->code == E0502 || code->code == W0701 || code->code == W0707 ||
            code->code == W0708 || code->code == W0712 || code->code == W0713)
            continue;
        load_slice(slice_from(code->example));
        if (!has_code(code->code))
            fail_msg("%s is not in its example", code->name);
        load_slice(slice_from(code->mended));
        if (diagnostics.count)
            fail_msg("%s: mended, and %.*s", code->name,
                     SLICE_ARGUMENTS(diagnostics.items[0].message));
    }
}

/* --- shared memory --- */

static uint32_t wanted;

static int want_name(UNUSED void *context, slice name)
{
    assert_slice_equal(name, SLICE("app.internal"));
    return (int)wanted++ < 1 ? 7 : -ENOSPC;
}

static uint32_t row_of(UNUSED void *context, slice name)
{
    return (uint32_t)name.len;
}

TEST(names_and_rows_come_from_shared_memory)
{
    static const struct load_hooks hooks = { .want_name = want_name,
                                             .site_row = row_of,
                                             .server_row = row_of };
    struct load_options options = { .text = SLICE("listen :1\nsite a.test { to app.internal:80 }\n"
                                                  "site b.test { to app.internal:81 }"),
                                    .hooks = &hooks };
    forget();
    diagnostics_open(&diagnostics);
    wanted = 0;
    assert_int_equal(configuration_load(&options, &c, &diagnostics), -EINVAL);
    assert_int_equal(diagnostics.errors, 1);
    assert_int_equal(diagnostics.items[0].code, E0305);
    forget();
    diagnostics_open(&diagnostics);
    wanted = 0;
    options.text = SLICE("listen :1\nsite a.test { to app.internal:80 }");
    assert_int_equal(configuration_load(&options, &c, &diagnostics), 0);
    assert_int_equal(c->origins[0].servers[0].name_slot, 7);
    assert_int_equal(c->sites[0].counter_row, 6);
    assert_int_equal(c->origins[0].servers[0].counter_row, 2 * strlen("app.internal:80") + 1);
}

/* --- files --- */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

TEST(files_include_others_and_lists_are_read)
{
    char folder[] = "/tmp/load_test_XXXXXX", path[512];
    assert_non_null(mkdtemp(folder));
    write_file(folder, "main.conf", "include *.inc\nlisten :1\n");
    write_file(folder, "a.inc", "site a.test { to o; deny list bad }\n");
    write_file(folder, "b.inc", "origin o { server ${env:LOAD_TEST_SERVER} }\n");
    char list[600];
    assert_true(snprintf(list, sizeof list, "list bad ip %s/bad.txt\n", folder) < (int)sizeof list);
    write_file(folder, "c.inc", list);
    write_file(folder, "bad.txt", "# bad ones\n198.51.100.0/24 # a\r\n\n2001:db8::/32\n");
    setenv("LOAD_TEST_SERVER", "10.9.8.7:6", 1);
    assert_true(snprintf(path, sizeof path, "%s/main.conf", folder) < (int)sizeof path);
    forget();
    diagnostics_open(&diagnostics);
    struct load_options options = { .path = path };
    assert_int_equal(configuration_load(&options, &c, &diagnostics), 0);
    assert_slice_equal(c->origins[0].servers[0].text, SLICE("10.9.8.7:6"));
    assert_true(denies("/", "198.51.100.1"));
    assert_true(denies("/", "2001:db8::1"));
    write_file(folder, "bad.txt", "198.51.100.0/24\n198.51.100.1/24\n");
    forget();
    diagnostics_open(&diagnostics);
    assert_int_equal(configuration_load(&options, &c, &diagnostics), -EINVAL);
    assert_slice_equal(
        diagnostics.items[0].message,
        slice_from(snprintf(list, sizeof list,
                            "line 2 of '%s/bad.txt' is not a network: 198.51.100.1/24", folder) > 0
                       ? list
                       : ""));
    static const char *const names[] = { "main.conf", "a.inc", "b.inc", "c.inc", "bad.txt" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        assert_true(snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

TEST(a_missing_file_is_an_error)
{
    forget();
    diagnostics_open(&diagnostics);
    struct load_options options = { .path = "/does/not/exist.conf" };
    assert_int_equal(configuration_load(&options, &c, &diagnostics), -EINVAL);
    assert_int_equal(diagnostics.items[0].code, E0501);
}

TEST(a_long_label_is_cut_between_characters)
{
    for (size_t extra = 0; extra < 4; extra++) {
        char text[1024];
        struct writer w = writer_over(text, sizeof text - 1);
        writer_literal(&w, "listen :80\nsite a.test { respond 200; route /b /c");
        for (size_t i = 0; i < extra; i++)
            writer_byte(&w, 'x');
        for (size_t i = 0; i < 200; i++)
            writer_text(&w, "\xc3\xa9");
        writer_literal(&w, " { respond 201 } }\n");
        text[w.len] = '\0';
        load(text);
        assert_int_equal(diagnostics.errors, 0);
        slice label = c->sites[0].routes[0].label;
        assert_true(label.len <= 256 && label.len >= 254);
        assert_true(slice_starts_with(label, SLICE("/b /c")));
        assert_true(slice_ends_with(label, SLICE("\xc3\xa9...")));
    }
}

TEST(ten_thousand_sites_are_found_again)
{
    size_t room = 2u << 20;
    char *text = malloc(room);
    assert_non_null(text);
    struct writer w = writer_over(text, room);
    writer_text(&w,
                "listen :1\norigin app { server 10.0.0.1:80 }\npolicy p { headers hardened }\n");
    for (uint32_t i = 0; i < 10000; i++)
        writer_format(&w,
                      "site s%u.example.com *.s%u.example.com { use p; to app; route /api/* { to "
                      "10.0.%u.%u:80 } }\n",
                      i, i, i / 250, i % 250);
    assert_false(w.overflowed);
    load_slice(writer_slice(&w));
    free(text);
    assert_int_equal(diagnostics.count, 0);
    assert_int_equal(c->site_count, 10000);
    assert_int_equal(c->origin_count, 10001);
    for (uint32_t i = 0; i < 10000; i++) {
        char host[64];
        struct writer h = writer_over(host, sizeof host);
        writer_format(&h, "x.s%u.example.com", i);
        assert_ptr_equal(configuration_find_site(c, writer_slice(&h), 0), &c->sites[i]);
        assert_ptr_equal(configuration_find_site(c, slice_after(writer_slice(&h), 2), 0),
                         &c->sites[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_becomes_a_configuration),
        cmocka_unit_test(settings_of_the_program_are_taken_over),
        cmocka_unit_test(hosts_are_chosen_exactly_then_by_the_longest_wildcard),
        cmocka_unit_test(sites_may_share_a_host_on_different_listeners),
        cmocka_unit_test(settings_are_inherited_and_the_nearer_wins),
        cmocka_unit_test(what_nobody_changes_is_shared),
        cmocka_unit_test(headers_accumulate_and_their_order_does_not_depend_on_the_text),
        cmocka_unit_test(access_accumulates_and_the_nearer_block_wins),
        cmocka_unit_test(an_allow_without_a_deny_is_a_warning),
        cmocka_unit_test(an_address_is_one_origin_wherever_it_is_written),
        cmocka_unit_test(origins_with_the_same_settings_of_tls_share_one_context),
        cmocka_unit_test(origins_have_servers_and_limits_of_their_own),
        cmocka_unit_test(routes_are_sorted_by_specificity),
        cmocka_unit_test(regular_expressions_and_extensions_serve_what_no_path_does),
        cmocka_unit_test(a_tie_is_an_error_unless_no_request_can_match_both),
        cmocka_unit_test(a_route_that_nothing_reaches_is_an_error),
        cmocka_unit_test(patterns_that_cannot_be_used_are_refused),
        cmocka_unit_test(patterns_are_matched_in_canonical_form),
        cmocka_unit_test(a_site_can_be_extended_from_elsewhere),
        cmocka_unit_test(a_route_may_answer_otherwise_than_its_site),
        cmocka_unit_test(what_tls_cannot_mean_is_said),
        cmocka_unit_test(what_is_wrong_is_said_once_and_with_its_code),
        cmocka_unit_test(errors_do_not_follow_from_errors),
        cmocka_unit_test(every_code_shows_itself_in_its_example_and_is_gone_when_mended),
        cmocka_unit_test(names_and_rows_come_from_shared_memory),
        cmocka_unit_test(files_include_others_and_lists_are_read),
        cmocka_unit_test(a_missing_file_is_an_error),
        cmocka_unit_test(a_long_label_is_cut_between_characters),
        cmocka_unit_test(ten_thousand_sites_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
