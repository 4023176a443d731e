"""The head of a request: pseudo-fields, names, values, what belongs to a connection of HTTP/1, who is
asked for what, and what HTTP/1 would read as something else (RFC 9113 §8.2 and §8.3)."""

from .. import HOST, reached
from . import malformed, message, passes, raw, refused, told

M, S, A, P = (":method", "GET"), (":scheme", "http"), (":authority", HOST), (":path", "/")
SMUGGLED = "x\r\nX-Smuggled: y"
REQUEST = "x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"

PSEUDO = told("h2.pseudo-field", [
    passes("the four pseudo-fields", "9113 §8.3.1", raw(M, S, A, P), reached()),
    passes("in another order", "9113 §8.3.1", raw(P, A, S, M), reached()),
    passes("host in place of :authority", "9113 §8.3.1", raw(M, S, P, ("host", HOST)), reached()),
    passes(":authority and the same host", "9113 §8.3.1", raw(M, S, A, P, ("host", HOST)), reached()),
    passes(":authority and the same host in other letters", "9113 §8.3.1", raw(M, S, A, P, ("host", "A.TEST")), reached()),
    malformed("no :method", "9113 §8.3.1", raw(S, A, P)),
    malformed("no :scheme", "9113 §8.3.1", raw(M, A, P)),
    malformed("no :path", "9113 §8.3.1", raw(M, S, A)),
    malformed("no :authority and no host", "9113 §8.3.1", raw(M, S, P), reason="h1.host"),
    malformed("no pseudo-field", "9113 §8.3", raw(("host", HOST), ("x", "y"))),
    malformed("two :method", "9113 §8.3", raw(M, S, A, P, M)),
    malformed("two :method that differ", "9113 §8.3", raw(M, (":method", "POST"), S, A, P)),
    malformed("two :scheme", "9113 §8.3", raw(M, S, S, A, P)),
    malformed("two :authority", "9113 §8.3", raw(M, S, A, A, P)),
    malformed("two :authority that differ", "9113 §8.3", raw(M, S, A, (":authority", "b.test"), P)),
    malformed("two :path", "9113 §8.3", raw(M, S, A, P, P)),
    malformed("two :path that differ", "9113 §8.3", raw(M, S, A, P, (":path", "/secret/x"))),
    malformed("a pseudo-field behind a field", "9113 §8.3", raw(M, S, A, ("x", "y"), P)),
    malformed("all pseudo-fields behind a field", "9113 §8.3", raw(("x", "y"), M, S, A, P)),
    malformed("an unknown pseudo-field", "9113 §8.3", raw(M, S, A, P, (":foo", "bar"))),
    malformed("a pseudo-field of responses", "9113 §8.3", raw(M, S, A, P, (":status", "200"))),
    malformed(":protocol without CONNECT", "8441 §4", raw(M, S, A, P, (":protocol", "websocket"))),
    malformed("a pseudo-field in capitals", "9113 §8.3", raw((":Method", "GET"), S, A, P)),
    malformed("a pseudo-field with a space", "9113 §8.3", raw((":method ", "GET"), S, A, P)),
    malformed("a pseudo-field of a colon", "9113 §8.3", raw(M, S, A, P, (":", "x"))),
    malformed("a pseudo-field with two colons", "9113 §8.3", raw(M, S, A, P, ("::path", "/x"))),
    malformed("host and :authority that differ", "9113 §8.3.1", raw(M, S, A, P, ("host", "b.test")), reason="h1.host-differs"),
    malformed("host and :authority with another port", "9113 §8.3.1", raw(M, S, A, P, ("host", "a.test:81")), reason="h1.host-differs"),
    malformed("two hosts", "9112 §3.2", raw(M, S, P, ("host", HOST), ("host", HOST)), reason="h1.host"),
    malformed("two hosts behind :authority", "9112 §3.2", raw(M, S, A, P, ("host", HOST), ("host", HOST)), reason="h1.host"),
    malformed("an empty host behind :authority", "9112 §3.2", raw(M, S, A, P, ("host", "")), reason="h1.host-differs"),
])

METHODS = told("h1.method", [
    *[passes(f"the method {method}", "9110 §9", message(method=method), reached(f"{method} /"))
      for method in ("HEAD", "OPTIONS", "DELETE", "PROPFIND", "M-SEARCH", "get", "X!#$%&'*+-.^_`|~9")],
    malformed("an empty method", "9110 §9.1", message(method=""), reason="h2.pseudo-field"),
    *[malformed(f"the method {method!r}", "9110 §9.1", message(method=method))
      for method in (" GET", "GET ", "GE T", "GET\t", "G(T", "G/T", "G:T", '"GET"', "GET\r\nX: y", "GET / HTTP/1.1\r\nHost: b.test\r\n\r\nGET", "G\0T",
                     "G\x7fT", "G\xc9T", "GET\n", "GET /secret/x HTTP/1.1\r\n")],
    refused("TRACE", "9110 §9.3.8", message(method="TRACE"), 405, "method.trace"),
    malformed("CONNECT as HTTP/1 has it, with a path", "9113 §8.5", message(method="CONNECT"), reason="h2.pseudo-field"),
    refused("CONNECT to somewhere", "9113 §8.5", raw((":method", "CONNECT"), (":authority", "b.test:443")), 405, "method.connect"),
    malformed("CONNECT without :authority", "9113 §8.5", raw((":method", "CONNECT")), reason="h1.host"),
    malformed("CONNECT with a scheme", "9113 §8.5", raw((":method", "CONNECT"), S, A), reason="h2.pseudo-field"),
])

SCHEMES = told("h2.pseudo-field", [
    passes("the scheme in capitals", "3986 §3.1", message(scheme="HTTP"), reached()),
    refused("https without TLS", "9110 §7.4", message(scheme="https"), 421, "h1.scheme-differs"),
    malformed("an empty scheme", "9113 §8.3.1", message(scheme="")),
    *[refused(f"the scheme {scheme!r}", "9113 §8.3.1", message(scheme=scheme), 400, "uri.scheme")
      for scheme in ("http ", " http", "ht tp", "http:", "http://a.test/secret/x?", "http\r\nX: y", "1http", "ht\0tp", "http/", "\xe4")],
    refused("the scheme ftp", "9110 §4.2", message(scheme="ftp"), 400, "uri.scheme"),
])

PATHS = told("h1.target", [
    passes("a path and a query", "9113 §8.3.1", message(path="/a/b?c=d&e=%20f"), reached("GET /a/b?c=d&e=%20f")),
    passes("asterisk with OPTIONS", "9113 §8.3.1", message(path="*", method="OPTIONS"), reached("OPTIONS *")),
    passes("a path that looks like a URI", "9113 §8.3.1", message(path="/http://b.test/"), reached("GET /http:/b.test/")),
    malformed("an empty path", "9113 §8.3.1", message(path=""), reason="h2.pseudo-field"),
    malformed("asterisk with GET", "9113 §8.3.1", message(path="*"), reason="uri.asterisk"),
    malformed("a path without its slash", "9113 §8.3.1", message(path="x"), reason="uri.target"),
    malformed("an absolute URI", "9113 §8.3.1", message(path="http://a.test/"), reason="uri.target"),
    malformed("an absolute URI of another host", "9113 §8.3.1", message(path="http://b.test/"), reason="uri.target"),
    malformed("a query alone", "9113 §8.3.1", message(path="?x"), reason="uri.target"),
    *[malformed(f"the path {path!r}", "9113 §8.3.1", message(path=path))
      for path in (" /", "/ ", "/a b", "/a\tb", "/a#b", "/#", "/a\\b", "/a\0b", "/a\x7fb", "/\xc3\xa4", "/<x>", "/{x}", '/"', "/a|b", "/a^b", "/a`b",
                   "/a\r\nb", "/a\nb", "/a\rb", "/ HTTP/1.1\r\nX-Smuggled: y", "/ HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
                   "/?a b", "/?a#b", "/?a\r\nX: y")],
    *[refused(f"the path {path}", "3986 §6.2.2", message(path=path), 403, "access.deny")
      for path in ("/secret/x", "/secret", "/%73ecret/x", "//secret/x", "/./secret/x", "/a/../secret/x", "/a/%2e%2e/secret/x", "/secret/../secret/x", "/secret//")],
    *[refused(f"the path {path}", "3986 §6.2.2", message(path=path), 400, reason)
      for path, reason in (("/../secret/x", "uri.above-root"), ("/secret%2fx", "uri.encoded-slash"), ("/a%5c..%5csecret", "uri.backslash"), ("/a%00", "uri.nul"),
                           ("/a%zz", "uri.escape"), ("/%252e%252e/x", "uri.double-encoding"), ("/a%c0%afb", "uri.overlong"), ("/secret;x/y", "uri.two-routes"),
                           ("/a/..;/secret/x", "uri.dot-parameters"))],
])

AUTHORITIES = told("h1.host", [
    passes("an authority in capitals", "9113 §8.3.1", message(authority="A.Test"), reached()),
    passes("an authority with a port", "9113 §8.3.1", message(authority="a.test:8080"), reached(host="a.test:8080")),
    malformed("an empty authority", "9113 §8.3.1", message(authority=""), reason="h2.pseudo-field"),
    *[malformed(f"the authority {authority!r}", "9113 §8.3.1", message(authority=authority))
      for authority in (" a.test", "a.test ", "a.test b.test", "u@a.test", "u:p@a.test", "a.test/x", "a.test?x", "a.test#x", "a.test\\x", "a.test:", "a.test:x",
                        "a.test:0", "a.test:65536", "a.test:80:80", "a.test, b.test", "a.test\r\nX: y", "a.test\0", "a.test\t", "http://a.test", "[::1", "::1",
                        "[a.test]", "a..test", ".a.test", "a%2etest", "\xe4.test", "a.test HTTP/1.1\r\nX: y", "2130706433", "1.2.3")],
    *[malformed(f"the host {host!r} without :authority", "9112 §3.2", raw(M, S, P, ("host", host)))
      for host in ("", "u@a.test", "a.test/x", "a.test:x", "a.test, b.test", "a_test:99999")],
])

NAMES = told("h2.field-name", [
    passes("a name of our own", "9113 §8.2", message(("x-custom", "v")), reached(fields=["x-custom: v"])),
    passes("every byte of a token", "9110 §5.6.2", message(("!#$%&'*+-.^`|~0", "v")), reached(fields=["!#$%&'*+-.^`|~0: v"])),
    passes("underscore names are dropped", "9110 §5.1", message(("x_custom", "v"), ("content_length", "5"), ("a", "b")), reached(fields=["a: b"])),
    *[malformed(f"the name {name!r}", "9113 §8.2.1", message((name, "v")))
      for name in ("", "X-Custom", "x-Custom", "Content-Length", "x custom", " x", "x ", "x\t", "x:", "x:y", "x\ry", "x\ny", "x\0y", "x\r\ny: z\r\nw", "x(", "x,", "x/", "x;",
                   "x=", "x@", "x[", "x{", 'x"', "x\\", "x\x7f", "x\x80", "\xc3\xa4", "transfer-encoding ", "content-length:", "host\0")],
])

VALUES = told("h2.field-value", [
    passes("an empty value", "9113 §8.2.1", message(("x", "")), reached(fields=["x: "])),
    passes("a tab inside a value", "9113 §8.2.1", message(("x", "a\tb")), reached(fields=["x: a\tb"])),
    passes("obs-text stays as it is", "9110 §5.5", message(("x", "\xc3\xa4\xff")), reached(fields=[b"x: \xc3\xa4\xff"])),
    passes("a colon in front", "9110 §5.5", message(("x", ": y")), reached(fields=["x: : y"])),
    passes("the same field twice stays twice", "9110 §5.3", message(("x", "1"), ("y", "2"), ("x", "3")), reached(fields=["x: 1", "y: 2", "x: 3"])),
    *[malformed(f"the value {value!r}", "9113 §8.2.1", message(("x", value)))
      for value in (" v", "v ", "\tv", "v\t", " ", "\t", "a\rb", "a\nb", "a\r\nb", "a\0b", "\0", "v\r", "v\n", "\nv", "\rv", SMUGGLED, REQUEST, "a\r\n b")],
    *[malformed(f"byte {byte:#04x} in a value", "9110 §5.5", message(("x", b"a" + bytes([byte]) + b"b"))) for byte in (1, 8, 11, 12, 27, 31, 127)],
    malformed("a line end in a cookie", "9113 §8.2.1", message(("cookie", SMUGGLED))),
    malformed("a line end in user-agent", "9113 §8.2.1", message(("user-agent", REQUEST))),
    malformed("a space at the end of content-length", "9113 §8.2.1", message(("content-length", "3 "), method="POST", body="abc")),
])

CONNECTION = told("h2.connection-field", [
    *[malformed(f"the field {name}: {value}", "9113 §8.2.2", message((name, value)))
      for name, value in (("connection", "close"), ("connection", "keep-alive"), ("connection", "x-mine"), ("keep-alive", "timeout=5"),
                          ("proxy-connection", "keep-alive"), ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("transfer-encoding", "gzip"),
                          ("upgrade", "websocket"), ("upgrade", "h2c"), ("te", "gzip"), ("te", "trailers, gzip"), ("te", "trailers;q=0.5"), ("te", ""), ("te", "chunked"))],
    malformed("transfer-encoding with a body", "9113 §8.2.2", message(("transfer-encoding", "chunked"), method="POST", body="3\r\nabc\r\n0\r\n\r\n")),
    malformed("transfer-encoding and content-length", "9113 §8.2.2", message(("transfer-encoding", "chunked"), ("content-length", "3"), method="POST", body="abc")),
    passes("te: trailers ends here", "9113 §8.2.2", message(("te", "trailers")), reached()),
    malformed("http2-settings", "9113 §8.2.2", message(("http2-settings", "AAMAAABkAAQAAP__"))),
    passes("trailer ends here", "9110 §6.6.2", message(("trailer", "x")), reached()),
    passes("proxy ends here", "9110 §5.1", message(("proxy", "http://evil.test")), reached()),
    passes("proxy-authorization ends here", "9110 §11.7.2", message(("proxy-authorization", "Basic eDp5")), reached()),
])

IDENTITY = [
    passes(f"the client's {name} is dropped", "7239 §8", message((name, value), ("a", "b")), reached(fields=["a: b"]))
    for name, value in (("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.test"), ("forwarded", "for=203.0.113.9"),
                        ("x-real-ip", "203.0.113.9"), ("x-request-id", "mine"), ("x-original-url", "/secret/x"), ("x-rewrite-url", "/secret/x"),
                        ("true-client-ip", "203.0.113.9"), ("x-forwarded-anything", "x"))
]

COOKIES = told("h2.field-value", [
    passes("one cookie", "9113 §8.2.3", message(("cookie", "a=1; b=2")), reached(fields=["Cookie: a=1; b=2"])),
    passes("crumbs become one field", "9113 §8.2.3", message(("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")), reached(fields=["Cookie: a=1; b=2; c=3"])),
    passes("crumbs between other fields", "9113 §8.2.3", message(("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")), reached(fields=["x: y", "Cookie: a=1; b=2"])),
    passes("crumbs of several cookies", "9113 §8.2.3", message(("cookie", "a=1; b=2"), ("cookie", "c=3")), reached(fields=["Cookie: a=1; b=2; c=3"])),
    malformed("a crumb with a space at its end", "9113 §8.2.1", message(("cookie", "a=1 "), ("cookie", "b=2"))),
    malformed("a crumb with a line end", "9113 §8.2.1", message(("cookie", "a=1"), ("cookie", "b\r\nX: y"))),
])

SIZES = [
    passes("a hundred fields", "9110 §5.4", message(*[(f"x{i}", "v") for i in range(100)]), reached(fields=[f"x{i}: v" for i in range(100)])),
    refused("one field more", "9110 §15.5.1", message(*[(f"x{i}", "v") for i in range(101)]), 431, "h2.field-count"),
    passes("a value of 12 KB", "9110 §5.4", message(("x", "a" * 12000)), reached(fields=["x: " + "a" * 12000])),
]

EXPECTATIONS = [
    passes("100-continue with its body at once", "9110 §10.1.1", message(("expect", "100-continue"), ("content-length", "3"), method="POST", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("100-continue without a body means nothing", "9110 §10.1.1", message(("expect", "100-continue")), reached()),
    *[refused(f"expect: {value}", "9110 §10.1.1", message(("expect", value), ("content-length", "3"), method="POST", body="abc"), 417, "h1.expect")
      for value in ("x", "200-ok", "100-continue, x")],
]

CASES = PSEUDO + METHODS + SCHEMES + PATHS + AUTHORITIES + NAMES + VALUES + CONNECTION + IDENTITY + COOKIES + SIZES + EXPECTATIONS
