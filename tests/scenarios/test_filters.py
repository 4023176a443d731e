"""The filters: access, redirects and texts, edits of fields, and the pages of refusals."""

import json
import re

from harness.client import request
from harness.origin import response
from harness.stream import FIN

# --- Whoever refuses, nothing reaches the origin ---------------------------------------------------

REFUSING = """
trust proxies 127.0.0.1
list bad ip 192.0.2.0/24
limits { body 100B; target 256B; line 512B; fields 20; head 4K }
site a.test {
  to @origin
  slashes refuse
  route /deny-all/* { deny all }
  route /deny-ip { deny ip 203.0.113.0/24 }
  route /deny-list { deny list bad }
  route /deny-method { deny method POST }
  route /allow-method { allow method GET }
  route /redirect { redirect /elsewhere }
  route /respond { respond 410 gone }
  route /teapot { respond 418 }
  route /long { redirect "/{header.X-Long}{header.X-Long}" }
  route /body { limits { body 3B } }
}
site b.test { route /only { to @origin } }
"""
FROM = "X-Forwarded-For: %s"
REFUSALS = [
    # what is asked (a head without its end, or a path with fields), status, reason
    ("GET /deny-all/x HTTP/1.1\r\nHost: a.test", 403, "access.deny"),
    ("GET /deny-ip HTTP/1.1\r\nHost: a.test\r\n" + FROM % "203.0.113.5", 403, "access.deny"),
    ("GET /deny-list HTTP/1.1\r\nHost: a.test\r\n" + FROM % "192.0.2.5", 403, "access.deny"),
    ("POST /deny-method HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1", 405, "access.method"),
    ("PURGE /allow-method HTTP/1.1\r\nHost: a.test", 405, "access.method"),
    ("GET /redirect HTTP/1.1\r\nHost: a.test", 302, None),
    ("GET /respond HTTP/1.1\r\nHost: a.test", 410, None),
    ("GET /teapot HTTP/1.1\r\nHost: a.test", 418, None),
    ("PUT /body HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4", 413, "limits.body"),
    ("GET /x HTTP/1.1\r\nHost: b.test", 404, "route.nothing"),
    ("GET /x HTTP/1.1\r\nHost: c.test", 421, "site.unknown"),
    ("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80", 405, "method.connect"),
    ("TRACE / HTTP/1.1\r\nHost: a.test", 405, "method.trace"),
    ("GET /a%2fb HTTP/1.1\r\nHost: a.test", 400, None),
    ("GET /a%00b HTTP/1.1\r\nHost: a.test", 400, None),
    ("GET /" + "a" * 256 + " HTTP/1.1\r\nHost: a.test", 414, "h1.target-length"),
    ("GET / HTTP/1.1\r\nHost: a.test\r\nX: " + "a" * 600, 431, "h1.line-length"),
    ("GET / HTTP/1.1\r\nHost: a.test" + "\r\nX: a" * 20, 431, "h1.field-count"),
    ("GET / HTTP/1.1", 400, "h1.host"),
    ("GET / HTTP/1.1\r\nHost: a.test\r\nExpect: x", 417, "h1.expect"),
    ("GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip", 501, "h1.transfer-encoding"),
    ("GET / HTTP/2.0\r\nHost: a.test", 505, "h1.version"),
    ("POST / HTTP/1.0\r\nHost: a.test", 411, "h1.length-required"),
    ("GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: upgrade"
     "\r\nSec-WebSocket-Version: 7", 426, "websocket.version"),
]


def test_whoever_refuses_no_byte_reaches_the_origin(gate, origin):
    g = gate(REFUSING, origin=origin)
    for head, status, reason in REFUSALS:
        g.requests_log.skip()
        g.security_log.skip()
        with g.client() as client:
            client.send(head.encode() + b"\r\n\r\n")
            answer = client.response(head.split()[0])
            assert answer.status == status, head
            record = g.requests_log.wait(1)[0]
            assert record["status"] == status
            assert "origin" not in record
            if reason:
                assert record["reason"] == reason, head
            if record.get("reason"):
                security = g.security_log.wait(1)
                assert [(r["reason"], r["id"]) for r in security] == [(record["reason"], record["id"])]
                assert security[0]["status"] == status
                assert record["id"].encode() in answer.body
        assert origin.has_no_connection(), head


# --- Access ----------------------------------------------------------------------------------------

ACCESS = """
trust proxies 127.0.0.1
list office ip 192.0.2.0/24 2001:db8:1::/48
site a.test {
  respond 200
  deny ip 203.0.113.0/24
  route /admin/* { deny all; allow list office; allow ip 203.0.113.7 }
  route /most/* { allow ip 203.0.113.128/25; deny ip 203.0.113.200 2001:db8::/32 }
  route /tie/* { allow ip 203.0.113.0/24 }
  route /own/* { allow ip 198.51.100.1; deny ip 198.51.100.1 }
  route /read/* { allow method GET HEAD PROPFIND }
  route /write/* { deny method GET PURGE }
}
"""
DECISIONS = [
    # method, path, client, status
    ("GET", "/", "198.51.100.1", 200),
    ("GET", "/", "203.0.113.7", 403),
    ("GET", "/admin/", "203.0.113.7", 200),
    ("GET", "/admin/", "203.0.113.8", 403),
    ("GET", "/admin", "198.51.100.1", 403),
    ("GET", "/admin/", "192.0.2.77", 200),
    ("GET", "/admin/", "2001:db8:1:2::3", 200),
    ("GET", "/admin/", "2001:db8:2::3", 403),
    ("GET", "/most/", "203.0.113.129", 200),
    ("GET", "/most/", "203.0.113.200", 403),
    ("GET", "/most/", "203.0.113.1", 403),
    ("GET", "/most/", "2001:db8::1", 403),
    ("GET", "/tie/", "203.0.113.1", 200),  # of equals the nearer block
    ("GET", "/own/", "198.51.100.1", 403),  # in one block deny
    ("GET", "/read/", "198.51.100.1", 200),
    ("HEAD", "/read/", "198.51.100.1", 200),
    ("PROPFIND", "/read/", "198.51.100.1", 200),
    ("POST", "/read/", "198.51.100.1", 405),
    ("propfind", "/read/", "198.51.100.1", 405),
    ("GET", "/write/", "198.51.100.1", 405),
    ("PURGE", "/write/", "198.51.100.1", 405),
    ("POST", "/write/", "198.51.100.1", 200),
    ("OTHER", "/write/", "198.51.100.1", 200),
]
ALLOWED = {
    "/read/": "GET, HEAD, PROPFIND",
    "/write/": "HEAD, POST, PUT, DELETE, OPTIONS, PATCH",
}


def test_access_is_decided_by_the_longest_prefix_and_the_method(gate):
    g = gate(ACCESS)
    with g.client() as client:
        for method, path, who, status in DECISIONS:
            answer = client.get(path, "a.test", method, [FROM % who])
            assert answer.status == status, (method, path, who)
            assert answer.get("allow") == (ALLOWED[path] if status == 405 else None)
        # a refusal that needs no close keeps the connection
        assert not answer.all("connection")
        assert client.get("/", "a.test", "TRACE").get("allow") == (
            "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
        )


# --- Redirects and texts ---------------------------------------------------------------------------

REDIRECTS = """
trust proxies 127.0.0.1
site a.test {
  redirect https://b.test{uri}
  route /301 { redirect /moved status 301 }
  route /307 { redirect /moved status 307 }
  route /308 { redirect https://b.test/x#part status 308 }
  route /same/* { redirect {scheme}://{host}/new{path}?{query} }
  route /all { redirect "/{method}/{client.ip}/{client.port}/{site}/{header.X-A}/{cookie.c}/{request.id}" }
  route /slash/* { redirect "/{header.X-A}" }
  route /query { redirect "/{query}" }
  route /host { redirect //cdn.test{path} }
  route /space { redirect "/a b" }
  route /path/* { redirect {path} }
}
"""
LOCATIONS = [
    # target, fields, status, Location
    ("/a/../b//c?q=1&r=%20", [], 302, "https://b.test/b/c?q=1&r=%20"),
    ("/", [], 302, "https://b.test/"),
    ("//evil.test/x", [], 302, "https://b.test/evil.test/x"),
    ("/@evil.test", [], 302, "https://b.test/@evil.test"),
    ("/301", [], 301, "/moved"),
    ("/307", [], 307, "/moved"),
    ("/308", [], 308, "https://b.test/x#part"),
    ("/same/x?y=z", [], 302, "http://a.test/new/same/x?y=z"),
    ("/same/x", ["X-Forwarded-Proto: https"], 302, "https://a.test/new/same/x?"),
    ("/slash/", ["X-A: x"], 302, "/x"),
    ("/slash/", ["X-A: /evil.test"], 302, "/evil.test"),
    ("/slash/", ["X-A: ///evil.test"], 302, "/evil.test"),
    ("/slash/", ["X-A: \\evil.test"], 302, "/%5Cevil.test"),
    ("/slash/", ["X-A: \t a\tb \"<ü>"], 302, "/a%09b%20%22%3C%FC%3E"),
    ("/query?/evil.test", [], 302, "/evil.test"),
    ("/query?x=%0d%0aSet-Cookie:a", [], 302, "/x=%0d%0aSet-Cookie:a"),
    ("/host", [], 302, "//cdn.test/host"),
    ("/space", [], 302, "/a%20b"),
    ("/path//evil.test", [], 302, "/path/evil.test"),
    ("/%70ath/x%0d%0ay", [], 400, None),
]


def test_redirects_go_where_the_configuration_says(gate):
    g = gate(REDIRECTS)
    with g.client() as client:
        for target, fields, status, location in LOCATIONS:
            data = request(target, "a.test", fields=fields)
            client.send(data)
            answer = client.response()
            assert answer.status == status, target
            assert answer.get("location") == location, (target, fields)
            if status == 400:
                break
            assert answer.body == b"" and answer.get("content-length") == "0"
        else:
            raise AssertionError("the last case was not reached")
    with g.client() as client:
        fields = ["X-A: v", "Cookie: b=1; c=2"]
        answer = client.get("/all", "a.test", "PATCH", fields)
        assert answer.get("location") == (
            f"/PATCH/127.0.0.1/{client.local_port}/a.test/v/2/{answer.get('x-request-id')}"
        )
        answer = client.get("*", "a.test", "OPTIONS")
        assert answer.get("location") == "https://b.test/*"


def test_texts_are_answered_with_their_status(gate):
    g = gate(
        """
        site a.test {
          respond 404 "no {path} on {host}"
          route /empty { respond 200 }
          route /204 { respond 204 }
          route /205 { respond 205 }
          route /304 { respond 304 }
          route /brace { respond 503 "\\{path} {query}" }
        }
        """
    )
    with g.client() as client:
        for method in ("GET", "POST", "HEAD"):
            answer = client.get("/x?y", "a.test", method)
            text = b"no /x on a.test"
            assert answer.status == 404
            assert answer.get("content-type") == "text/plain; charset=utf-8"
            assert answer.get("content-length") == str(len(text))
            assert answer.body == (b"" if method == "HEAD" else text)
        for path, length in (("/empty", "0"), ("/205", "0"), ("/204", None), ("/304", None)):
            answer = client.get(path, "a.test")
            assert (answer.get("content-length"), answer.get("content-type")) == (length, None)
        assert client.get("/brace?q=1", "a.test").body == b"{path} q=1"
        # a body that has come is passed over, and the connection goes on
        client.send(request("/", "a.test", "POST", body=b"x" * 5000) + request("/empty", "a.test"))
        assert [client.response().status for _ in range(2)] == [404, 200]
    with g.client() as client:  # one that is still coming ends it
        client.send(request("/", "a.test", "POST", ["Content-Length: 5"]))
        assert client.response().get("connection") == "close"
        client.finish().assert_ended(FIN)


# --- Edits of fields -------------------------------------------------------------------------------


def test_fields_are_set_added_and_removed_both_ways(gate, origin):
    origin.serve(
        lambda got, connection: response(
            fields=["X-Set: theirs", "x-set: again", "X-Add: theirs", "X-Gone: 1", "x-gone: 2"]
        )
    )
    g = gate(
        """
        site a.test {
          to @origin
          headers {
            set X-Set "ours {client.ip}"
            add X-Add ours
            remove X-Gone
            set X-Reflected {header.X-Said}
            request {
              set Host inside.test
              set X-Set "{method} {path}"
              add X-Add ours
              remove X-Gone
              remove User-Agent
              set X-Forwarded-Proto https
              set X-Cookie {cookie.a}
            }
          }
          route /local { respond 200 }
        }
        """,
        origin=origin,
    )
    fields = ["X-Set: 1", "x-SET: 2", "X-Add: 1", "X-Gone: 1", "User-Agent: me", "Cookie: z=1; a=b"]
    with g.client() as client:
        answer = client.get("/p", "a.test", fields=[*fields, "X-Said: a\tb"])
        got = origin.requests[-1]
        assert got.get("host") == "inside.test"
        assert got.all("x-set") == [b"GET /p"]
        assert got.all("x-add") == [b"1", b"ours"]
        assert not got.all("x-gone") and not got.all("user-agent")
        assert got.get("x-forwarded-proto") == "https"
        assert got.get("x-forwarded-host") == "a.test"
        assert got.get("x-cookie") == "b"
        for answer in (answer, client.get("/local", "a.test", fields=["X-Said: a\tb"])):
            assert answer.all("x-set") == [b"ours 127.0.0.1"]
            assert answer.all("x-add")[-1] == b"ours"
            assert not answer.all("x-gone")
            assert answer.get("x-reflected") == "a\tb"
        # a value that does not fit: a page goes without it, and keeps the other edits
        long = "X-Said: " + "a" * 9000
        answer = client.get("/local", "a.test", fields=[long])
        assert answer.status == 200 and not answer.all("x-reflected")
        assert answer.all("x-set") == [b"ours 127.0.0.1"]
        assert client.get("/p", "a.test", fields=[long]).status == 500
    assert g.requests_log.wait_for(lambda r: r["status"] == 500)["reason"] == "headers.value"


HARDENED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "X-Permitted-Cross-Domain-Policies": "none",
}


def test_hardened_sets_what_browsers_should_know_on_every_response(gate, origin):
    origin.serve(lambda got, connection: response(fields=["X-Frame-Options: ALLOWALL"]))
    g = gate(
        """
        site a.test {
          to @origin
          headers hardened { set X-Frame-Options DENY }
          route /respond { respond 200 text }
          route /deny { deny all }
          route /off { headers { remove Referrer-Policy } }
        }
        """,
        origin=origin,
    )
    with g.client() as client:
        for path in ("/", "/respond", "/deny"):
            answer = client.get(path, "a.test")
            for name, value in HARDENED.items():
                assert answer.get(name) == value, (path, name)
        assert not client.get("/off", "a.test").all("referrer-policy")


# --- Pages of refusals -----------------------------------------------------------------------------

ACCEPTS = [
    (None, "html"),
    ("*/*", "html"),
    ("text/html,application/xhtml+xml,*/*;q=0.8", "html"),
    ("application/json", "json"),
    ("application/problem+json", "json"),
    ("application/json;q=0.5, text/html;q=0.4", "json"),
    ("application/json;q=0.4, text/html;q=0.5", "html"),
    ("application/json;q=0", "html"),
    ("text/html, application/json", "html"),
    ("<script>", "html"),
]


def test_pages_tell_the_status_and_the_id_and_nothing_else(gate, origin):
    origin.stop_listening()
    g = gate(
        "site secret-site.test { to @origin; route /deny { deny all } }", origin=origin
    )
    inside = re.compile(
        rb"portcullis|127\.0\.0\.1|secret-site|access\.|upstream|deny|worker|/tmp", re.IGNORECASE
    )
    for path, status, phrase in (
        ("/deny", 403, "Forbidden"),
        ("/<script>alert(1)</script>", 400, "Bad Request"),
        ("/", 502, "Bad Gateway"),
    ):
        for accept, kind in ACCEPTS:
            with g.client() as client:
                fields = [f"Accept: {accept}"] if accept else []
                answer = client.get(path, "secret-site.test", fields=fields)
            told = (path, accept)
            assert answer.status == status, told
            assert answer.get("cache-control") == "no-store"
            assert answer.get("x-content-type-options") == "nosniff"
            page_id = answer.get("x-request-id")
            if kind == "json" and status != 400:  # of a head that was not understood nothing counts
                assert answer.get("content-type") == "application/json", told
                assert json.loads(answer.body) == {
                    "status": status,
                    "error": phrase,
                    "request_id": page_id,
                }
            else:
                assert answer.get("content-type") == "text/html; charset=utf-8", told
                assert "default-src 'none'" in answer.get("content-security-policy")
                assert answer.body.startswith(b"<!doctype html>")
                assert f"{status} {phrase}".encode() in answer.body
                assert answer.body.count(page_id.encode()) == 1
                assert b"<script" not in answer.body
            assert not inside.search(answer.head + answer.body), told
    with g.client() as client:
        full = client.get("/deny", "secret-site.test")
        head = client.get("/deny", "secret-site.test", "HEAD")
        assert head.get("content-length") == full.get("content-length")
        assert head.body == b"" and head.get("content-type") == full.get("content-type")
        client.send(b"GET /deny HTTP/1.0\r\nHost: secret-site.test\r\n\r\n")
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (403, "close")
        client.assert_ended(FIN)


def test_connections_that_get_no_exchange_get_a_page_all_the_same(gate, origin):
    origin.serve()
    g = gate("limits { connections-per-client 2 }\nsite * { to @origin }", origin=origin)
    with g.client() as first, g.client() as second:
        assert first.get().status == second.get().status == 200
        for data in (b"", request(), request(method="POST", body=b"x" * 100_000)):
            with g.client() as client:
                client.send_as_far_as_taken(data)
                answer = client.response()
                assert (answer.status, answer.get("connection")) == (429, "close")
                assert answer.get("cache-control") == "no-store"
                assert answer.body == b"429 Too Many Requests\n"
    assert {r["reason"] for r in g.security_log.wait(3)} == {"limits.connections-per-client"}
