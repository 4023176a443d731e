"""What the gate does not wait for, and whom it does not serve: 408, 421, 404 (RFC 9110 §15.5). These
cases have a gate of their own, with short times and without a site for every host."""

from . import get, lines, passes, post, reached, refused

LATE = "timeout.header"

TIMES = [
    refused("half a method", "9110 §15.5.9", b"GE", 408, LATE),
    refused("half a request line", "9110 §15.5.9", b"GET / HT", 408, LATE),
    refused("a request line alone", "9110 §15.5.9", b"GET / HTTP/1.1\r\n", 408, LATE),
    refused("half a field", "9110 §15.5.9", b"GET / HTTP/1.1\r\nHost: a.t", 408, LATE),
    refused("all but the last line", "9110 §15.5.9", b"GET / HTTP/1.1\r\nHost: a.test\r\n", 408, LATE),
    refused("all but the last byte", "9110 §15.5.9", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r", 408, LATE),
    passes("a request, then half of another", "9110 §15.5.9", get(target="/1") + b"GET", reached("GET /1"),
           status=(200, 408), reason=LATE),
    refused("a body that stops", "9110 §15.5.9", post("Content-Length: 10", body="abc"), 408, "timeout.body",
            cut=reached("POST /", framing=["Content-Length: 10"], body="abc")),
    refused("a body that never begins", "9110 §15.5.9", post("Content-Length: 10"), 408, "timeout.body",
            cut=reached("POST /", framing=["Content-Length: 10"])),
    refused("chunks that stop", "9110 §15.5.9", post("Transfer-Encoding: chunked", body="3\r\nabc\r\n"), 408,
            "timeout.body", cut=reached("POST /", framing=["Transfer-Encoding: chunked"], body="3\r\nabc\r\n")),
    refused("half a request, and the client ends", "9112 §8", b"GET / HTTP/1.1\r\nHost: a", None, None,
            half_closes=True, keeps=False),
    refused("nothing, and the client ends", "9112 §8", b"", None, None, half_closes=True, keeps=False),
]

UNKNOWN = [
    refused(f"Host {host}", "9110 §15.5.20", get(host=host), 421, "site.unknown")
    for host in ["b.test", "a.test.b", "xa.test", "x.a.test", "wild.test", "127.0.0.1", "localhost", "[::1]"]
] + [
    refused("absolute form of a foreign host", "9110 §15.5.20", get(target="http://b.test/", host="b.test"), 421,
            "site.unknown"),
    refused("no Host in HTTP/1.0", "9110 §15.5.20", lines("GET / HTTP/1.0"), 421, "site.unknown"),
    refused("a foreign host and a body", "9110 §15.5.20",
            lines("POST / HTTP/1.1", "Host: b.test", "Content-Length: 3") + b"abc", 421, "site.unknown"),
    refused("what stands behind a foreign host is no request", "9110 §15.5.20",
            get(host="b.test") + get(target="/smuggled"), 421, "site.unknown"),
    refused("a route that leads nowhere", "9110 §15.5.5", get(host="empty.test"), 404, "route.nothing", keeps=True),
    refused("a route that leads nowhere, and a body", "9110 §15.5.5",
            lines("POST / HTTP/1.1", "Host: empty.test", "Content-Length: 3") + b"abc", 404, "route.nothing", keeps=True),
]

CASES = TIMES + UNKNOWN
