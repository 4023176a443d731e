"""Which site and which route a request reaches, and in which form it reaches the origin."""

from harness.client import Client
from harness.origin import response
from harness.stream import FIN

# Every answer names what served it.
SITES = """
site a.test { respond 200 exact }
site *.a.test { respond 200 wildcard }
site *.b.a.test x.c.a.test { respond 200 longer }
site www.b.a.test { respond 200 deep }
site 192.0.2.1 { respond 200 v4 }
site [2001:db8::1] { respond 200 v6 }
site xn--bcher-kva.test { respond 200 punycode }
"""
HOSTS = [
    ("a.test", "exact"),
    ("A.TEST", "exact"),
    ("a.test.", "exact"),
    ("a.test:8080", "exact"),
    ("a.test.:80", "exact"),
    ("x.a.test", "wildcard"),
    ("y.x.a.test", "wildcard"),
    ("b.a.test", "wildcard"),
    ("x.b.a.test", "longer"),
    ("y.x.b.a.test", "longer"),
    ("X.C.a.test", "longer"),
    ("y.x.c.a.test", "wildcard"),
    ("WWW.b.A.test", "deep"),
    ("192.0.2.1", "v4"),
    ("192.0.2.1:80", "v4"),
    ("[2001:db8::1]", "v6"),
    ("[2001:DB8:0:0::0001]:81", "v6"),
    ("XN--Bcher-kva.test", "punycode"),
    ("test", None),
    ("aa.test", None),
    ("a.test.evil.test", None),
    ("192.0.2.2", None),
    ("[2001:db8::2]", None),
]


def test_the_site_is_chosen_by_host(gate):
    g = gate(SITES)
    for host, site in HOSTS:
        with g.client() as client:
            answer = client.get("/", host=host)
            if site:
                assert (answer.status, answer.body) == (200, site.encode()), host
                assert client.get("/", host=host).status == 200
                continue
            assert (answer.status, answer.get("connection")) == (421, "close"), host
            client.assert_ended(FIN)
    with g.client() as client:
        assert client.get("/", host="").status == 400
    with g.client() as client:  # the authority of an absolute target is the host
        client.send(b"GET http://X.a.test/ HTTP/1.1\r\nHost: x.A.test\r\n\r\n")
        assert client.response().body == b"wildcard"
        client.send(b"GET http://foreign.test/ HTTP/1.1\r\nHost: foreign.test\r\n\r\n")
        assert client.response().status == 421
    reasons = [r["reason"] for r in g.security_log.wait(7)]
    assert sorted(set(reasons)) == ["h1.host", "site.unknown"]


def test_a_site_of_every_host_takes_what_no_other_does(gate):
    g = gate(SITES + "site * { respond 200 any }")
    with g.client() as client:
        for host, site in HOSTS:
            expected = (site or "any").encode()
            assert client.get("/", host=host).body == expected, host
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.response().body == b"any"


def test_listeners_have_their_own_sites(gate):
    g = gate(
        """
        listen 127.0.0.1:0 127.0.0.2:0 127.0.0.3:0
        site a.test { on 127.0.0.1:0; respond 200 first }
        site a.test { on 127.0.0.2:0; respond 200 second }
        site * { on 127.0.0.2:0; respond 200 any }
        """,
        options={"bare": True},
    )
    first, second, third = g.addresses()
    for address, host, body in (
        (first, "a.test", b"first"),
        (first, "b.test", None),
        (second, "a.test", b"second"),
        (second, "b.test", b"any"),
        (third, "a.test", None),
    ):
        with Client(address) as client:
            answer = client.get("/", host=host)
            assert (answer.status == 421) if body is None else answer.body == body


ROUTES = r"""
site a.test {
  respond 200 site
  route / { respond 200 root }
  route = /exact { respond 200 exact }
  route /exact/* { respond 200 below }
  route /api/* { respond 200 api }
  route /api/v1/* /v1/* { respond 200 v1 }
  route *.css *.min.js { respond 200 style }
  route ~ `^/u/[0-9]+$` { respond 200 number }
  route ~ `^/u/` priority 1 { respond 200 letters; when method POST }
  route *.forced priority 5 { respond 200 forced }

  route /when/* { respond 200 plain }
  route /when/* { when method PUT DELETE; respond 200 method }
  route /when/h { when header X-Kind a b; respond 200 header }
  route /when/h { when header X-Kind a; when header X-More; respond 200 more }
  route /when/n { when not header X-Kind; respond 200 absent }
  route /when/q { when query debug 1; respond 200 query }
  route /when/q2 { when query debug; respond 200 query-there }
  route /when/c { when cookie beta yes; respond 200 cookie }
  route /when/i { when ip 127.0.0.0/8; respond 200 local }
  route /when/ni { when not ip 127.0.0.0/8; respond 200 foreign }
}
"""
PATHS = [
    # method, target, fields, which route
    ("GET", "/", [], "root"),
    ("GET", "/other", [], "site"),
    ("GET", "/exact", [], "exact"),
    ("GET", "/exact/", [], "below"),
    ("GET", "/exact/x", [], "below"),
    ("GET", "/exactly", [], "site"),
    ("GET", "/api", [], "api"),
    ("GET", "/api/v2", [], "api"),
    ("GET", "/api/v1", [], "v1"),
    ("GET", "/api/v1/x.css", [], "v1"),  # a prefix before an extension
    ("GET", "/v1/", [], "v1"),
    ("GET", "/x.css", [], "style"),
    ("GET", "/a/b.min.js", [], "style"),
    ("GET", "/x.css/", [], "site"),
    ("GET", "/x.CSS", [], "site"),
    ("GET", "/u/17", [], "number"),
    ("POST", "/u/17", [], "letters"),
    ("GET", "/u/x", [], "site"),
    ("GET", "/api/v1/x.forced", [], "forced"),
    # one canonical form decides
    ("GET", "/api/../exact", [], "exact"),
    ("GET", "/%65xact", [], "exact"),
    ("GET", "//exact", [], "exact"),
    ("GET", "/./api/./v1/..", [], "api"),
    ("GET", "/x/%2e%2e/api", [], "api"),
    ("GET", "/api/%2e%2e/exact?q=/../", [], "exact"),
    # conditions
    ("GET", "/when/x", [], "plain"),
    ("PUT", "/when/x", [], "method"),
    ("DELETE", "/when/x", [], "method"),
    ("GET", "/when/h", [], "plain"),
    ("GET", "/when/h", ["x-kind: b"], "header"),
    ("GET", "/when/h", ["X-Kind: A"], "plain"),
    ("GET", "/when/h", ["X-Kind: c", "X-Kind: b"], "header"),
    ("GET", "/when/h", ["X-Kind: a", "X-More:"], "more"),
    ("GET", "/when/n", [], "absent"),
    ("GET", "/when/n", ["X-Kind: a"], "plain"),
    ("GET", "/when/q", [], "plain"),
    ("GET", "/when/q?debug=1", [], "query"),
    ("GET", "/when/q?a=b&debug=1", [], "query"),
    ("GET", "/when/q?debug=2", [], "plain"),
    ("GET", "/when/q?xdebug=1", [], "plain"),
    ("GET", "/when/q2?debug", [], "query-there"),
    ("GET", "/when/c", ["Cookie: a=b; beta=yes"], "cookie"),
    ("GET", "/when/c", ["Cookie: a=b", "Cookie: beta=yes"], "cookie"),
    ("GET", "/when/c", ["Cookie: abeta=yes; beta=no"], "plain"),
    ("GET", "/when/i", [], "local"),
    ("GET", "/when/ni", [], "plain"),
]


def test_the_most_specific_route_is_chosen(gate):
    g = gate(ROUTES)
    with g.client() as client:
        for method, target, fields, route in PATHS:
            answer = client.get(target, host="a.test", method=method, fields=fields)
            assert (answer.status, answer.body) == (200, route.encode()), (method, target, fields)


def test_paths_reach_the_origin_in_their_one_form_and_with_their_prefix(gate, origin):
    origin.serve()
    g = gate(
        """
        site a.test {
          to @origin
          route /v1/* { to @origin path /base/ }
          route /v2/* { to @origin path /a%20b/../c }
        }
        """,
        origin=origin,
    )
    cases = [
        ("/a/../b//c/.?x=/../y&z", "/b/c/?x=/../y&z"),
        ("/%41%2d%7e", "/A-~"),
        ("/a%20b?c%20d", "/a%20b?c%20d"),
        ("/%c3%a9", "/%C3%A9"),
        ("/?", "/?"),
        ("/", "/"),
        ("/v1", "/base/v1"),
        ("/v1/x?y", "/base/v1/x?y"),
        ("/v1/../v1/x", "/base/v1/x"),
        ("/v2/x", "/c/v2/x"),
        ("http://a.test/v1/x", "/base/v1/x"),
        ("http://a.test", "/"),
        ("http://a.test?q", "/?q"),
    ]
    with g.client() as client:
        for target, seen in cases:
            assert client.get(target, host="a.test").status == 200, target
            assert origin.requests[-1].target == seen, target
        assert client.get("*", host="a.test", method="OPTIONS").status == 200
        assert origin.requests[-1].start_line == b"OPTIONS * HTTP/1.1"


def test_a_site_without_a_target_for_a_path_answers_404(gate, origin):
    g = gate("site a.test { route /x/* { to @origin } }", origin=origin)
    with g.client() as client:
        answer = client.get("/y", host="a.test")
        assert answer.status == 404
    record = g.security_log.wait(1)[0]
    assert (record["reason"], record["fault"]) == ("route.nothing", "policy")
    assert origin.has_no_connection()


def test_settings_are_inherited_from_defaults_over_policies_to_routes(gate, origin):
    origin.serve(lambda got, connection: response(fields=["X-Origin: 1", "X-Away: 1"]))
    g = gate(
        """
        defaults { headers { set X-From defaults; set X-Default yes }; limits { body 10B } }
        policy strict { deny method DELETE; headers { set X-From policy; remove X-Away } }
        site plain.test { to @origin }
        site used.test {
          use strict
          to @origin
          headers { add X-Site 1 }
          route /in/* {
            headers { set X-From route; request { set X-Told {path} } }
            limits { body 20B }
            allow method DELETE GET POST
          }
        }
        extend site used.test { route /extended { respond 200 extended } }
        """,
        origin=origin,
    )
    with g.client() as client:

        def ask(host, path="/", method="GET", body=None):
            return client.get(path, host, method, body=body)

        plain, used = ask("plain.test"), ask("used.test")
        inner, extended = ask("used.test", "/in/x"), ask("used.test", "/extended")
        assert [a.get("x-from") for a in (plain, used, inner, extended)] == [
            "defaults",
            "policy",
            "route",
            "policy",
        ]
        assert all(a.get("x-default") == "yes" for a in (plain, used, inner, extended))
        assert [len(a.all("x-away")) for a in (plain, used, inner)] == [1, 0, 0]
        assert [len(a.all("x-site")) for a in (plain, used, inner, extended)] == [0, 1, 1, 1]
        assert origin.requests[-1].get("x-told") == "/in/x"
        assert extended.body == b"extended"
        assert ask("plain.test", method="DELETE").status == 200
        assert ask("used.test", method="DELETE").status == 405
        assert ask("used.test", "/in/", "DELETE").status == 405  # a deny of the policy stays
        assert ask("used.test", "/in/", "POST", b"x" * 20).status == 200
    for host, path, size, status in (
        ("plain.test", "/", 10, 200),
        ("plain.test", "/", 11, 413),
        ("used.test", "/x", 11, 413),
        ("used.test", "/in/", 21, 413),
    ):
        with g.client() as client:
            answer = client.get(path, host, "POST", body=b"x" * size)
            assert answer.status == status, (host, path, size)
