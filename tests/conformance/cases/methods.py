"""The request line: method, spaces, version (RFC 9112 §3), and line ends (§2.2)."""

from . import get, lines, passes, post, reached, refused

TARGET, METHOD, VERSION = "h1.target", "h1.method", "h1.version"


def line(name, text, status, reason, rfc="9112 §3"):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return refused(name, rfc, data + b"\r\nHost: a.test\r\n\r\n", status, reason)


METHODS = [
    *[passes(f"{method}", "9110 §9.3", get(method=method), reached(f"{method} /"))
      for method in ["DELETE", "OPTIONS", "PROPFIND", "PURGE", "get", "X!#$%&'*+-.^_`|~1"]],
    *[passes(f"{method} says that it has no body", "9110 §8.6", get(method=method),
             reached(f"{method} /", framing=["Content-Length: 0"])) for method in ["PUT", "PATCH"]],
    refused("CONNECT to a host", "9110 §9.3.6", lines("CONNECT a.test:443 HTTP/1.1", "Host: a.test:443"), 405,
            "method.connect"),
    refused("CONNECT with a path", "9110 §9.3.6", get(method="CONNECT"), 405, "method.connect"),
    refused("what stands behind CONNECT is no request", "9110 §9.3.6",
            lines("CONNECT a.test:443 HTTP/1.1", "Host: a.test:443") + get(target="/tunnelled"), 405, "method.connect"),
    refused("TRACE", "9110 §9.3.8", get(method="TRACE"), 405, "method.trace", keeps=True),
    line("no method", " / HTTP/1.1", 400, METHOD), line("an empty line first and then nothing good", "\x01 / HTTP/1.1", 400, METHOD),
    line("a method with a slash", "GE/T / HTTP/1.1", 400, METHOD), line("a method with a colon", "GET: / HTTP/1.1", 400, METHOD),
    line("a method with a quote", 'G"ET / HTTP/1.1', 400, METHOD), line("a method with a NUL", b"G\0ET / HTTP/1.1", 400, METHOD),
    line("a method in UTF-8", b"G\xc3\xa4T / HTTP/1.1", 400, METHOD), line("a method in brackets", "(GET) / HTTP/1.1", 400, METHOD),
    passes("HTTP/1.0", "9112 §2.3", get(version="1.0"), reached(), keeps=False),
]

LINES = [
    line("two spaces behind the method", "GET  / HTTP/1.1", 400, TARGET), line("two spaces before the version", "GET /  HTTP/1.1", 400, VERSION),
    line("a tab behind the method", "GET\t/ HTTP/1.1", 400, METHOD), line("a tab before the version", "GET /\tHTTP/1.1", 400, TARGET),
    line("a space at the end", "GET / HTTP/1.1 ", 400, VERSION), line("a space in front", " GET / HTTP/1.1", 400, METHOD),
    line("a space in the target", "GET /a b HTTP/1.1", 400, VERSION), line("no version (HTTP/0.9)", "GET /", 400, TARGET),
    line("no target", "GET HTTP/1.1", 400, TARGET), line("a method alone", "GET", 400, METHOD), line("a vertical tab", "GET\x0b/ HTTP/1.1", 400, METHOD),
    *[line(f"version {version}", f"GET / {version}", status, VERSION, "9112 §2.3")
      for version, status in [
          ("HTTP/2.0", 505), ("HTTP/3.0", 505), ("HTTP/0.9", 505), ("HTTP/1.2", 505), ("HTTP/1.9", 505), ("HTTP/9.9", 505),
          ("HTTP/1", 400), ("HTTP/1.", 400), ("HTTP/1.10", 400), ("HTTP/01.1", 400), ("HTTP/1.01", 400), ("http/1.1", 400),
          ("HTTP/1,1", 400), ("HTTP 1.1", 400), ("HTTP/1.1x", 400), ("HTTPS/1.1", 400), ("HTTP/+1.1", 400), ("ICAP/1.0", 400),
          ("HTTP/1.\xb2", 400), ("HTTP//1.1", 400), ("HTTP/1 .1", 400),
      ]],
    refused("the preface of HTTP/2", "9113 §3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, VERSION),
    refused("a TLS greeting", "9112 §2.2", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, METHOD),
    passes("one empty line in front", "9112 §2.2", b"\r\n" + get(), reached()),
    passes("two empty lines in front", "9112 §2.2", b"\r\n\r\n" + get(), reached()),
    passes("many empty lines in front", "9112 §2.2", b"\r\n" * 50 + get(), reached()),
    refused("a CR in front", "9112 §2.2", b"\r" + get(), 400, "h1.bare-cr"),
    refused("a CR CR LF in front", "9112 §2.2", b"\r\r\n" + get(), 400, "h1.bare-cr"),
    refused("a space and an empty line in front", "9112 §2.2", b" \r\n" + get(), 400, METHOD),
    refused("a bare LF in front", "9112 §2.2", b"\n" + get(), 400, "h1.bare-lf"),
    refused("the request line ends with LF", "9112 §2.2", b"GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400, "h1.bare-lf"),
    refused("a field line ends with LF", "9112 §2.2", b"GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400, "h1.bare-lf"),
    refused("the head ends with LF", "9112 §2.2", b"GET / HTTP/1.1\r\nHost: a.test\r\n\n", 400, "h1.bare-lf"),
    refused("everything ends with LF", "9112 §2.2", b"GET / HTTP/1.1\nHost: a.test\n\n", 400, "h1.bare-lf"),
    refused("a bare CR in the request line", "9112 §2.2", b"GET / HTTP/1.1\rX: y\r\nHost: a.test\r\n\r\n", 400, "h1.bare-cr"),
    refused("a bare CR ends a field line", "9112 §2.2", b"GET / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n", 400, "h1.bare-cr"),
    refused("CR CR LF", "9112 §2.2", b"GET / HTTP/1.1\r\r\nHost: a.test\r\n\r\n", 400, "h1.bare-cr"),
]

PIPELINES = [
    passes("two requests in one packet", "9112 §9.3.2", get(target="/1") + get(target="/2"), (reached("GET /1"), reached("GET /2"))),
    passes("an empty line between them", "9112 §2.2", get(target="/1") + b"\r\n" + get(target="/2"), (reached("GET /1"), reached("GET /2"))),
    passes("behind a body", "9112 §9.3.2", post("Content-Length: 3", body=b"abc", target="/1") + get(target="/2"),
           (reached("POST /1", framing=["Content-Length: 3"], body="abc"), reached("GET /2"))),
    passes("behind Connection: close nothing is served", "9112 §9.6", get("Connection: close") + get(target="/2"), reached(), keeps=False),
    passes("behind an HTTP/1.0 request nothing is served", "9112 §9.3", get(version="1.0") + get(target="/2"), reached(), keeps=False),
    refused("behind a refused request nothing is served", "9112 §9.3.2", get("Content-Length: 1", "Content-Length: 2") + get(target="/2"),
            400, "h1.content-length"),
    refused("behind a refused target nothing is served", "9112 §9.3.2", get(target="/%00") + get(target="/2"), 400, "uri.nul"),
    refused("behind a body too large nothing is served", "9110 §15.5.14", post("Content-Length: 99999999999") + get(target="/2"), 413, "limits.body"),
]

PIPELINES += [
    passes("a request served, then one refused", "9112 §9.3.2", get(target="/1") + get(" x") + get(target="/3"), reached("GET /1"),
           status=(200, 400), reason="h1.obs-fold"),
    passes("a body served, then rubbish behind it", "9112 §9.3.2", post("Content-Length: 3", body=b"abcXYZ\r\n\r\n") + get(target="/3"),
           reached("POST /", framing=["Content-Length: 3"], body="abc"), status=(200, 400), reason=METHOD),
    passes("behind a denied request the next is served", "9112 §9.3.2", get(target="/secret") + get(target="/2"), reached("GET /2"),
           status=(403, 200), reason="access.deny", keeps=True),
    passes("denied, served and refused", "9112 §9.3.2", get(target="/1") + get(target="/secret") + get(target="/%2f") + get(target="/4"),
           reached("GET /1"), status=(200, 403, 400), reason=("access.deny", "uri.encoded-slash")),
    passes("ten requests", "9112 §9.3.2", b"".join(get(target=f"/{i}") for i in range(10)),
           tuple(reached(f"GET /{i}") for i in range(10))),
]

CASES = METHODS + LINES + PIPELINES
