"""What origins answer: as hostile as a request, judged by the same rules (RFC 9112 §4, §6, §7).
What is malformed is answered with a page of our own; what is cut short is never completed."""

from . import Response, encode, lines


def ok(*fields, body=b"", status="200 OK", version="1.1"):
    return lines(f"HTTP/{version} {status}", *fields) + encode(body)


def arrives(*fields, body=b"", status="200 OK", framing=(), date=True, close=True):
    """What the client gets: the head written anew, our Date when the origin gave none."""
    last = ["Connection: close"] if close else []
    ours = ["Date: DATE"] if date else []
    return lines(f"HTTP/1.1 {status}", *fields, *ours, "X-Request-ID: ID", *framing, *last) + encode(body)


def good(name, rfc, sent, arriving, **more):
    return Response(name, rfc, sent, arriving, status=int(arriving.split(b" ")[1]), **more)


def broken(name, rfc, sent, reason, **more):
    return Response(name, rfc, encode(sent), None, 502, reason, **more)


def cut(name, rfc, sent, begins, reason, status=200, **more):
    """The client has seen the beginning; then its connection is reset."""
    return Response(name, rfc, encode(sent), begins, status, reason, ends="RST", **more)


def cl(n):
    return [f"Content-Length: {n}"]


CHUNKED = ["Transfer-Encoding: chunked"]

PLAIN = [
    good("a length", "9112 §6.2", ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
    good("no body", "9112 §6.2", ok("Content-Length: 0"), arrives(framing=cl(0)), reused=True),
    good("chunked", "9112 §7.1", ok(*CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), arrives(framing=CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), reused=True),
    good("chunked, its size in capitals with zeros", "9112 §7.1", ok(*CHUNKED, body="0A\r\n0123456789\r\n00\r\n\r\n"),
         arrives(framing=CHUNKED, body="a\r\n0123456789\r\n0\r\n\r\n"), reused=True),
    good("chunk extensions are dropped", "9112 §7.1.1", ok(*CHUNKED, body='2;a="b"\r\nok\r\n0;c\r\n\r\n'),
         arrives(framing=CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), reused=True),
    good("trailers are dropped", "9112 §7.1.2", ok(*CHUNKED, body="2\r\nok\r\n0\r\nSet-Cookie: a=b\r\nContent-Length: 7\r\n\r\n"),
         arrives(framing=CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), reused=True),
    good("until the connection ends", "9112 §6.3", ok(body="ok"), arrives(framing=CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), closes=True),
    good("nothing until the connection ends", "9112 §6.3", ok(), arrives(framing=CHUNKED, body="0\r\n\r\n"), closes=True),
    good("Connection: close of the origin", "9112 §9.6", ok("Content-Length: 2", "Connection: close", body="ok"), arrives(framing=cl(2), body="ok")),
    good("an HTTP/1.0 origin", "9112 §9.3", ok("Content-Length: 2", body="ok", version="1.0"), arrives(framing=cl(2), body="ok")),
    good("an HTTP/1.0 origin that keeps alive", "9112 §9.3", ok("Content-Length: 2", "Connection: keep-alive", body="ok", version="1.0"),
         arrives(framing=cl(2), body="ok"), reused=True),
    good("no reason phrase", "9112 §4", ok("Content-Length: 0", status="200 "), arrives(framing=cl(0)), reused=True),
    good("no space behind the status", "9112 §4", ok("Content-Length: 0", status="200"), arrives(framing=cl(0)), reused=True),
    good("another reason phrase is ours again", "9112 §4", ok("Content-Length: 0", status="200 Wonderful"), arrives(framing=cl(0)), reused=True),
    good("an unknown status", "9110 §15", ok("Content-Length: 0", status="299 X"), arrives(framing=cl(0), status="299 Unknown"), reused=True),
    good("status 599", "9110 §15", ok("Content-Length: 0", status="599 X"), arrives(framing=cl(0), status="599 Unknown"), reused=True),
    good("the origin's Date stays", "9110 §6.6.1", ok("Date: Sun, 06 Nov 1994 08:49:37 GMT", "Content-Length: 0"),
         arrives("Date: DATE", framing=cl(0), date=False), reused=True),
    good("fields keep their order and letters", "9110 §5.3", ok("b: 1", "A: 2", "B: 3", "Content-Length: 0"),
         arrives("b: 1", "A: 2", "B: 3", framing=cl(0)), reused=True),
    good("cookies stay apart", "6265 §3", ok("Set-Cookie: a=1", "Set-Cookie: b=2", "Content-Length: 0"),
         arrives("Set-Cookie: a=1", "Set-Cookie: b=2", framing=cl(0)), reused=True),
    good("obs-text stays as it is", "9110 §5.5", ok(b"X: \xc3\xa4", "Content-Length: 0"), arrives(b"X: \xc3\xa4", framing=cl(0)), reused=True),
    good("underscore names go on to the client", "9110 §5.1", ok("x_custom: v", "Content-Length: 0"), arrives("x_custom: v", framing=cl(0)), reused=True),
    good("an empty value", "9110 §5.5", ok("X:", "Content-Length: 0"), arrives("X: ", framing=cl(0)), reused=True),
    good("white space around a value", "9110 §5.5", ok("X: \t v \t", "Content-Length:  0 "), arrives("X: v", framing=cl(0)), reused=True),
    good("a length with zeros in front", "9110 §8.6", ok("Content-Length: 002", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
    good("close and keep-alive", "9112 §9.6", ok("Content-Length: 2", "Connection: keep-alive, close", body="ok"), arrives(framing=cl(2), body="ok")),
    good("100 chunks", "9112 §7.1", ok(*CHUNKED, body="1\r\nx\r\n" * 100 + "0\r\n\r\n"), arrives(framing=CHUNKED, body="1\r\nx\r\n" * 100 + "0\r\n\r\n"),
         reused=True),
    good("the same length twice", "9110 §8.6", ok("Content-Length: 2", "Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
]

BODILESS = [
    good("HEAD with a length", "9110 §9.3.2", ok("Content-Length: 1234"), arrives(framing=cl(1234)), method="HEAD", reused=True),
    good("HEAD without a length", "9110 §9.3.2", ok(), arrives(), method="HEAD", reused=True),
    good("HEAD with chunked", "9110 §9.3.2", ok(*CHUNKED), arrives(), method="HEAD", reused=True),
    good("304 with a length", "9110 §15.4.5", ok("Content-Length: 9", "ETag: \"x\"", status="304 Not Modified"),
         arrives('ETag: "x"', status="304 Not Modified", framing=cl(9)), reused=True),
    good("304 without one", "9110 §15.4.5", ok(status="304 Not Modified"), arrives(status="304 Not Modified"), reused=True),
    good("204", "9110 §15.3.5", ok(status="204 No Content"), arrives(status="204 No Content"), reused=True),
    good("204 with length 0", "9110 §8.6", ok("Content-Length: 0", status="204 No Content"), arrives(status="204 No Content"), reused=True),
    good("205 with length 0", "9110 §15.3.6", ok("Content-Length: 0", status="205 Reset Content"),
         arrives(status="205 Reset Content", framing=cl(0)), reused=True),
    broken("204 with a length", "9110 §8.6", ok("Content-Length: 2", status="204 No Content", body="ok"), "h1.body-forbidden"),
    broken("204 with chunked", "9112 §6.1", ok(*CHUNKED, status="204 No Content", body="0\r\n\r\n"), "h1.body-forbidden"),
    good("a body behind HEAD ends that connection", "9112 §6.3", ok("Content-Length: 2", body="ok"), arrives(framing=cl(2)), method="HEAD"),
    good("chunks behind HEAD end that connection", "9112 §6.3", ok(*CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), arrives(), method="HEAD"),
    good("304 with chunked", "9110 §15.4.5", ok(*CHUNKED, status="304 Not Modified"), arrives(status="304 Not Modified"), reused=True),
    good("bytes that come when all is over end that connection", "9112 §9.3", ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"),
         late=ok("Content-Length: 4", body="evil")),
    good("one byte that comes when all is over ends that connection", "9112 §9.3", ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"),
         late=b"H"),
    good("an empty line that comes when all is over ends that connection", "9112 §9.3", ok(*CHUNKED, body="0\r\n\r\n"),
         arrives(framing=CHUNKED, body="0\r\n\r\n"), late=b"\r\n"),
    good("a response behind 204 that comes late ends that connection", "9112 §9.3", ok(status="204 No Content"), arrives(status="204 No Content"),
         late=ok("Content-Length: 4", body="evil")),
    good("the body of HEAD that comes late ends that connection", "9112 §9.3", ok("Content-Length: 4"), arrives(framing=cl(4)), method="HEAD", late=b"evil"),
    good("408 that comes when all is over ends that connection", "9110 §15.5.9", ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"),
         late=ok("Content-Length: 0", "Connection: close", status="408 Request Timeout")),
    good("a body behind 304 ends that connection", "9112 §6.3", ok("Content-Length: 2", status="304 Not Modified", body="ok"),
         arrives(status="304 Not Modified", framing=cl(2))),
    good("a second response behind 204 ends that connection", "9112 §6.3", ok(status="204 No Content") + ok("Content-Length: 4", body="evil"),
         arrives(status="204 No Content")),
    good("a second response behind a length ends that connection", "9112 §6.3",
         ok("Content-Length: 2", body="ok") + ok("Content-Length: 4", body="evil"), arrives(framing=cl(2), body="ok")),
    good("a second response behind the last chunk ends that connection", "9112 §7.1",
         ok(*CHUNKED, body="2\r\nok\r\n0\r\n\r\n") + ok("Content-Length: 4", body="evil"), arrives(framing=CHUNKED, body="2\r\nok\r\n0\r\n\r\n")),
    good("a single byte too many ends that connection", "9112 §6.3", ok("Content-Length: 2", body="okX"), arrives(framing=cl(2), body="ok")),
    good("an empty line too many ends that connection", "9112 §6.3", ok("Content-Length: 2", body="ok\r\n"), arrives(framing=cl(2), body="ok")),
]

HIDDEN = [
    good(f"{name} is removed", "9110 §10.2.4", ok(f"{name}: x", "Content-Length: 0"), arrives(framing=cl(0)), reused=True)
    for name in ["Server", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version", "X-Runtime", "X-Generator", "X-Backend-Server", "Via",
                 "Keep-Alive", "Proxy-Connection", "Trailer", "Upgrade", "Proxy-Authenticate", "X-Request-ID", "TE"]
] + [
    good("what Connection names ends here", "9110 §7.6.1", ok("Connection: X-Mine", "X-Mine: 1", "Content-Length: 0"), arrives(framing=cl(0)), reused=True),
    broken("Connection names Set-Cookie", "9110 §7.6.1", ok("Connection: Set-Cookie", "Set-Cookie: a=b", "Content-Length: 0"), "h1.connection"),
    broken("Connection names Content-Length", "9110 §7.6.1", ok("Connection: Content-Length", "Content-Length: 2", body="ok"), "h1.connection"),
    broken("Connection names Location", "9110 §7.6.1", ok("Connection: Location", "Location: /x", "Content-Length: 0", status="302 Found"), "h1.connection"),
    broken("Connection is no list of tokens", "9110 §7.6.1", ok("Connection: a b", "Content-Length: 0"), "h1.connection"),
    broken("Connection names Content-Type", "9110 §7.6.1", ok("Connection: Content-Type", "Content-Type: text/html", "Content-Length: 0"), "h1.connection"),
]

STATUS_LINES = [
    broken(f"status line {line!r}", "9112 §4", encode(line) + b"\r\nContent-Length: 2\r\n\r\nok", reason)
    for line, reason in [
        ("ICY 200 OK", "h1.status-line"), ("HTTP/1.1200 OK", "h1.status-line"), ("HTTP/1.1  200 OK", "h1.status"), ("HTTP/1.1 20 OK", "h1.status"),
        ("HTTP/1.1 2000 OK", "h1.status"), ("HTTP/1.1 2x0 OK", "h1.status"), ("HTTP/1.1 099 X", "h1.status"), ("HTTP/1.1 600 X", "h1.status"),
        ("HTTP/1.1 999 X", "h1.status"), ("HTTP/1.1 000 X", "h1.status"), ("HTTP/1.1 -20 X", "h1.status"), ("HTTP/1.1 +20 X", "h1.status"),
        ("HTTP/1.1\t200\tOK", "h1.status-line"), ("HTTP/1.1 200\tOK", "h1.status"), ("http/1.1 200 OK", "h1.version"), ("HTTP/2.0 200 OK", "h1.version"),
        ("HTTP/1.2 200 OK", "h1.version"), ("HTTP/0.9 200 OK", "h1.version"), ("HTTP/1.10 200 OK", "h1.status-line"), ("HTTPS/1.1 200", "h1.status-line"),
        ("200 OK", "h1.status-line"), ("", "h1.status-line"), (" HTTP/1.1 200 OK", "h1.status-line"), ("HTTP/1.1 200 O\x00K", "h1.status-line"),
        ("HTTP/1.1 200 O\x1bK", "h1.status-line"), ("<html>hello world</html>", "h1.status-line"), ("SSH-2.0-OpenSSH_9.2p1", "h1.status-line"),
    ]
]

FRAMING = [
    broken("length and coding", "9112 §6.1", ok("Content-Length: 2", *CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), "h1.two-lengths"),
    broken("coding and length", "9112 §6.1", ok(*CHUNKED, "Content-Length: 2", body="2\r\nok\r\n0\r\n\r\n"), "h1.two-lengths"),
    broken("two lengths", "9110 §8.6", ok("Content-Length: 2", "Content-Length: 3", body="oko"), "h1.content-length"),
    broken("the same length with another spelling", "9110 §8.6", ok("Content-Length: 2", "Content-Length: 02", body="ok"), "h1.content-length"),
    broken("a length with a NUL", "9110 §5.5", ok("Content-Length: 2\0", body="ok"), "h1.nul"),
    broken("the coding with a vertical tab", "9110 §5.5", ok("Transfer-Encoding: \x0bchunked", body="0\r\n\r\n"), "h1.control"),
    broken("a folded coding", "9112 §5.2", ok("Transfer-Encoding:", " chunked", body="0\r\n\r\n"), "h1.obs-fold"),
    broken("a coding behind a space before the colon", "9112 §5.1", ok("Transfer-Encoding : chunked", body="0\r\n\r\n"), "h1.space-before-colon"),
    broken("half a status line", "9112 §8", b"HTTP/1.1 2", "upstream.closed", closes=True),
    broken("a head without its empty line", "9112 §8", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "upstream.closed", closes=True),
    broken("an endless line", "9110 §5.4", b"HTTP/1.1 200 " + b"x" * 70000, "upstream.head-length"),
    *[broken(f"length {value!r}", "9110 §8.6", ok(f"Content-Length: {value}", body="ok"), "h1.content-length")
      for value in ["", "+2", "-2", "0x2", "2.0", "2, 2", "2 2", "two", "99999999999999999999", "2;x"]],
    *[broken(f"coding {value!r}", "9112 §6.1", ok(f"Transfer-Encoding: {value}", body="2\r\nok\r\n0\r\n\r\n"), "h1.transfer-encoding")
      for value in ["", "gzip", "gzip, chunked", "chunked, chunked", "identity", "chunked, identity", "xchunked", "chunked;a=b", '"chunked"', "chun ked"]],
    broken("the coding twice", "9112 §6.1", ok(*CHUNKED, *CHUNKED, body="0\r\n\r\n"), "h1.transfer-encoding"),
    broken("chunked in HTTP/1.0", "9112 §6.1", ok(*CHUNKED, body="0\r\n\r\n", version="1.0"), "h1.transfer-encoding"),
    broken("a bare LF in the head", "9112 §2.2", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", "h1.bare-lf"),
    broken("a field line with LF", "9112 §2.2", b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok", "h1.bare-lf"),
    broken("a head of LF alone", "9112 §2.2", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "h1.bare-lf"),
    broken("a bare CR in a value", "9112 §2.2", ok(b"A: b\rSet-Cookie: x=y", "Content-Length: 2", body="ok"), "h1.bare-cr"),
    broken("a folded line", "9112 §5.2", ok("A: b", " c", "Content-Length: 2", body="ok"), "h1.obs-fold"),
    broken("white space before the first field", "9112 §2.2", ok(" A: b", "Content-Length: 2", body="ok"), "h1.obs-fold"),
    broken("a space before the colon", "9112 §5.1", ok("A : b", "Content-Length: 2", body="ok"), "h1.space-before-colon"),
    broken("a NUL in a value", "9110 §5.5", ok("A: b\0c", "Content-Length: 2", body="ok"), "h1.nul"),
    broken("a control in a value", "9110 §5.5", ok("A: b\x01c", "Content-Length: 2", body="ok"), "h1.control"),
    broken("an empty name", "9110 §5.1", ok(": b", "Content-Length: 2", body="ok"), "h1.field-name"),
    broken("a name that is no token", "9110 §5.1", ok("A(B): c", "Content-Length: 2", body="ok"), "h1.field-name"),
    broken("a line without colon", "9112 §5", ok("garbage", "Content-Length: 2", body="ok"), "h1.field-name"),
    broken("a hundred and one fields", "9110 §5.4", ok(*["A: b"] * 100, "Content-Length: 2", body="ok"), "h1.field-count"),
    broken("a line of more than 16 KB", "9110 §5.4", ok("A: " + "b" * 17000, "Content-Length: 2", body="ok"), "h1.line-length"),
    broken("a head of more than 64 KB", "9110 §5.4", ok(*["A: " + "b" * 16000] * 5, "Content-Length: 2", body="ok"), "upstream.head-length"),
    broken("half a head", "9112 §8", b"HTTP/1.1 200 OK\r\nContent-Le", "upstream.closed", closes=True),
    broken("nothing", "9112 §8", b"", "upstream.closed", closes=True),
]

SWITCHES = [
    broken("101 that nobody asked for", "9110 §15.2.2", ok("Connection: Upgrade", "Upgrade: websocket", status="101 Switching Protocols"), "h1.switch"),
    broken("101 without fields", "9110 §15.2.2", ok(status="101 Switching Protocols"), "h1.switch"),
    good("103 goes to the client", "8297 §2", ok("Link: </a.css>; rel=preload", status="103 Early Hints") + ok("Content-Length: 2", body="ok"),
         lines("HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload") + arrives(framing=cl(2), body="ok"), reused=True),
    good("103 shows nothing of the origin", "8297 §2",
         ok("Server: x", "Connection: X-Mine", "X-Mine: 1", "Keep-Alive: x", "Link: <a>", status="103 Early Hints") + ok("Content-Length: 2", body="ok"),
         lines("HTTP/1.1 103 Early Hints", "Link: <a>") + arrives(framing=cl(2), body="ok"), reused=True),
    broken("103 with a bare LF", "9112 §2.2", b"HTTP/1.1 103 Early Hints\nLink: <a>\r\n\r\n" + ok("Content-Length: 2", body="ok"), "h1.bare-lf"),
    broken("103 and then nothing good", "9112 §4", ok(status="102 Processing") + b"rubbish\r\n\r\n", "h1.status-line"),
    good("199 ends here", "9110 §15.2", ok(status="199 X") + ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
    broken("101 that nobody asked for, behind 100", "9110 §15.2.2", ok(status="100 Continue") + ok("Connection: Upgrade", "Upgrade: websocket",
           status="101 Switching Protocols"), "h1.switch"),
    good("100 that nobody waits for ends here", "9110 §15.2.1", ok(status="100 Continue") + ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
    good("102 ends here", "9110 §15.2", ok(status="102 Processing") + ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
    good("sixteen interim responses", "9110 §15.2", ok(status="102 Processing") * 16 + ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), reused=True),
    broken("a flood of interim responses", "9110 §15.2", ok(status="102 Processing") * 5000 + ok("Content-Length: 2", body="ok"), "upstream.interim"),
    broken("an interim response with a length", "9110 §8.6", ok("Content-Length: 2", status="102 Processing", body="ok") + ok("Content-Length: 2", body="ok"), "h1.body-forbidden"),
    broken("101 with a wrong accept value", "6455 §4.1", ok("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
           status="101 Switching Protocols"), "websocket.accept",
           fields=("Connection: close, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")),
    broken("101 to another protocol", "6455 §4.1", ok("Connection: Upgrade", "Upgrade: h2c", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
           status="101 Switching Protocols"), "websocket.accept",
           fields=("Connection: close, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")),
]

CUT = [
    cut("a length that is not reached", "9112 §8", ok("Content-Length: 10", body="short"), arrives(framing=cl(10), body="short"), "upstream.truncated", closes=True),
    cut("no last chunk", "9112 §8", ok(*CHUNKED, body="5\r\nshort\r\n"), arrives(framing=CHUNKED, body="5\r\nshort\r\n"), "upstream.truncated", closes=True),
    cut("half a chunk", "9112 §8", ok(*CHUNKED, body="a\r\nshort"), arrives(framing=CHUNKED, body="5\r\nshort\r\n"), "upstream.truncated", closes=True),
    cut("a chunk of 2^60 - 1 bytes", "9112 §7.1", ok(*CHUNKED, body="fffffffffffffff\r\nshort"), arrives(framing=CHUNKED, body="5\r\nshort\r\n"),
        "upstream.truncated", closes=True),
    cut("half a trailer", "9112 §8", ok(*CHUNKED, body="2\r\nok\r\n0\r\nX: y\r\n"), arrives(framing=CHUNKED, body="2\r\nok\r\n"), "upstream.truncated", closes=True),
    cut("half the end of the last chunk", "9112 §8", ok(*CHUNKED, body="2\r\nok\r\n0\r\n"), arrives(framing=CHUNKED, body="2\r\nok\r\n"), "upstream.truncated", closes=True),
] + [
    Response(f"chunk with {name}", "9112 §7.1", ok(*CHUNKED, body=body), None, 502, "upstream.chunk")
    for name, body in [
        ("a size that is none", "x\r\nok\r\n0\r\n\r\n"), ("an empty size", "\r\nok\r\n0\r\n\r\n"), ("a sign", "+2\r\nok\r\n0\r\n\r\n"), ("0x", "0x2\r\nok\r\n0\r\n\r\n"),
        ("a bare LF behind the size", "2\nok\r\n0\r\n\r\n"), ("a space in front", " 2\r\nok\r\n0\r\n\r\n"), ("seventeen digits", "1" * 17 + "\r\nok\r\n0\r\n\r\n"),
        ("a bare LF behind the data", "2\r\nok\n0\r\n\r\n"), ("too much data", "2\r\noks\r\n0\r\n\r\n"), ("too little data", "3\r\nok\r\n0\r\n\r\n"),
        ("a bare CR in an extension", "2;a\rb\r\nok\r\n0\r\n\r\n"), ("a bare LF at the end", "2\r\nok\r\n0\r\n\n"), ("a folded trailer", "2\r\nok\r\n0\r\nA: b\r\n c\r\n\r\n"),
    ]
]

OLD = [
    good("chunked for an HTTP/1.0 client is plain", "9112 §6.1", ok(*CHUNKED, body="2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"), arrives(body="ok!"), version="1.0", reused=True),
    good("until the end for an HTTP/1.0 client", "9112 §6.3", ok(body="ok"), arrives(body="ok"), version="1.0", closes=True),
    good("a length for an HTTP/1.0 client", "9112 §6.2", ok("Content-Length: 2", body="ok"), arrives(framing=cl(2), body="ok"), version="1.0", reused=True),
    good("103 is nothing for an HTTP/1.0 client", "9110 §15.2", ok(status="103 Early Hints") + ok("Content-Length: 2", body="ok"),
         arrives(framing=cl(2), body="ok"), version="1.0", reused=True),
    cut("a cut chunked body for an HTTP/1.0 client", "9112 §8", ok(*CHUNKED, body="5\r\nshort\r\n"), arrives(body="short"), "upstream.truncated", version="1.0", closes=True),
]

CASES = PLAIN + BODILESS + HIDDEN + STATUS_LINES + FRAMING + SWITCHES + CUT + OLD
