"""Fields: names, values, lines, limits; what is the connection's own; what a client may not say of
itself (RFC 9110 §5 and §7.6.1, RFC 9112 §5)."""

from . import get, lines, passes, reached, refused


def field(sent, *seen, name=None, rfc="9110 §5.5"):
    return passes(name or f"{sent!r}", rfc, get(sent), reached(fields=seen))


def bad(name, line, reason, rfc="9110 §5.5", status=400):
    return refused(name, rfc, get(line), status, reason)


NAMES = [
    field("X-Custom: v", "X-Custom: v", name="a name of our own", rfc="9110 §5.1"),
    field("x-CUSTOM: v", "x-CUSTOM: v", name="a name keeps its letters", rfc="9110 §5.1"),
    field("!#$%&'*+-.^`|~0: v", "!#$%&'*+-.^`|~0: v", name="every byte of a token but the underscore", rfc="9110 §5.6.2"),
    passes("underscore names are dropped", "9110 §5.1", get("X_Custom: v", "Accept_Encoding: x", "A: b"), reached(fields=["A: b"])),
    bad("an empty name", ": v", "h1.field-name", "9110 §5.1"), bad("a line without colon", "X-Custom", "h1.field-name", "9112 §5"),
    bad("a space in a name", "X Custom: v", "h1.space-before-colon", "9112 §5.1"), bad("a tab before the colon", "X\t: v", "h1.space-before-colon", "9112 §5.1"),
    *[bad(f"{byte!r} in a name", b"X" + byte + b"Y: v", "h1.field-name", "9110 §5.1")
      for byte in [b"(", b")", b",", b"/", b";", b"<", b"=", b">", b"?", b"@", b"[", b"]", b"\\", b"{", b"}", b'"', b"\0", b"\x7f", b"\x80", b"\xc3\xa4"]],
]

VALUES = [
    field("X: ", "X: ", name="an empty value"), field("X:v", "X: v", name="no space behind the colon"),
    field("X: \t v w \t", "X: v w", name="white space around a value"), field("X: a\tb", "X: a\tb", name="a tab inside a value"),
    field("X: a  b", "X: a  b", name="two spaces inside a value"), field("X: :", "X: :", name="a colon"),
    field(b"X: \xc3\xa4\xff", b"X: \xc3\xa4\xff", name="obs-text stays as it is"), field('X: "a, b"; c=\\', 'X: "a, b"; c=\\', name="quotes and backslashes"),
    passes("the same field twice stays twice", "9110 §5.3", get("X: 1", "Y: 2", "X: 3"), reached(fields=["X: 1", "Y: 2", "X: 3"])),
    passes("cookies on two lines", "6265 §5.4", get("Cookie: a=1", "Cookie: b=2"), reached(fields=["Cookie: a=1", "Cookie: b=2"])),
    *[bad(f"byte {byte:#04x} in a value", b"X: a" + bytes([byte]) + b"b", reason)
      for byte, reason in [(0, "h1.nul"), (1, "h1.control"), (7, "h1.control"), (8, "h1.control"), (11, "h1.control"), (12, "h1.control"),
                           (13, "h1.bare-cr"), (14, "h1.control"), (27, "h1.control"), (31, "h1.control"), (127, "h1.control")]],
    refused("a folded line", "9112 §5.2", get("X: a", " b"), 400, "h1.obs-fold"), refused("a line folded with a tab", "9112 §5.2", get("X: a", "\tb"), 400, "h1.obs-fold"),
    refused("white space before the first field", "9112 §2.2", lines("GET / HTTP/1.1", " Host: a.test"), 400, "h1.obs-fold"),
    refused("a line of a space", "9112 §5.2", get(" "), 400, "h1.obs-fold"),
]

SIZES = [
    passes("a hundred fields", "9110 §5.4", get(*[f"X{i}: v" for i in range(99)]), reached(fields=[f"X{i}: v" for i in range(99)])),
    refused("one field more", "9110 §15.5.1", get(*[f"X{i}: v" for i in range(100)]), 431, "h1.field-count"),
    refused("a thousand equal lines", "9110 §5.4", get(*["X: v"] * 1000), 431, "h1.field-count"),
    passes("a line of 16 KB", "9110 §5.4", get("X: " + "a" * 16381), reached(fields=["X: " + "a" * 16381])),
    refused("a longer line", "9110 §5.4", get("X: " + "a" * 16382), 431, "h1.line-length"),
    refused("a head longer than 64 KB", "9110 §5.4", get(*["X: " + "a" * 16000] * 5), 431, "h1.head-length"),
    refused("a field line without end", "9110 §5.4", b"GET / HTTP/1.1\r\nX: " + b"a" * 70000, 431, "h1.head-length"),
]

OWN = [
    *[passes(f"{name} ends here", "9110 §7.6.1", get(f"{name}: {value}"), reached())
      for name, value in [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "trailers"), ("Trailer", "X"), ("Upgrade", "foo/1"),
                          ("HTTP2-Settings", "AAMAAABkAAQAAP__"), ("Connection", "keep-alive"), ("Proxy", "http://evil.test"), ("Proxy-Authorization", "Basic eDp5")]],
    passes("what Connection names ends here", "9110 §7.6.1", get("Connection: X-Mine, Keep-Alive", "X-Mine: 1", "X-Other: 2"), reached(fields=["X-Other: 2"])),
    passes("in other letters", "9110 §7.6.1", get("Connection: x-mine", "X-MINE: 1"), reached()),
    passes("named before it comes and after", "9110 §7.6.1", get("X-Mine: 1", "Connection: X-Mine", "X-Mine: 2"), reached()),
    passes("on two Connection lines", "9110 §7.6.1", get("Connection: X-A", "Connection: X-B", "X-A: 1", "X-B: 2", "C: 3"), reached(fields=["C: 3"])),
    passes("empty elements", "9110 §5.6.1", get("Connection: ,, X-A ,", "X-A: 1"), reached()),
    *[refused(f"Connection names {name}", "9110 §7.6.1", get(f"Connection: close, {name}", f"{name}: 1"
                                                             if name not in ("Host", "Content-Length", "Transfer-Encoding") else "A: b"), 400, "h1.connection")
      for name in ["Host", "Cookie", "Authorization", "Content-Length", "Transfer-Encoding", "Content-Type", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
                   "Forwarded", "X-Real-IP", "X-Request-ID", "Set-Cookie", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]],
    passes("Connection: close in a list", "9112 §9.6", get("Connection: keep-alive, Close"), reached(), keeps=False),
    passes("keep-alive of HTTP/1.0", "9112 §9.3", get("Connection: Keep-Alive", version="1.0"), reached(), keeps=True),
    passes("close and keep-alive of HTTP/1.0", "9112 §9.3", get("Connection: close, keep-alive", version="1.0"), reached(),
           keeps=False),
    passes("Connection names itself", "9110 §7.6.1", get("Connection: Connection", "A: b"), reached(fields=["A: b"])),
    refused("Connection is no list of tokens", "9110 §7.6.1", get("Connection: a b"), 400, "h1.connection"),
    refused("Connection with a quoted string", "9110 §7.6.1", get('Connection: "close"'), 400, "h1.connection"),
]

IDENTITY = [
    passes(f"the client's {name} is dropped", "7239 §8", get(f"{name}: {value}", "A: b"), reached(fields=["A: b"]))
    for name, value in [
        ("X-Forwarded-For", "203.0.113.9"), ("x-forwarded-for", "127.0.0.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Port", "443"), ("Forwarded", "for=203.0.113.9"), ("X-Real-IP", "203.0.113.9"), ("X-Request-ID", "mine"),
        ("X-Forwarded-Prefix", "/x"), ("X-Forwarded-Scheme", "https"), ("X-Forwarded-Ssl", "on"), ("x-forwarded-server", "x"),
        ("X-Original-URL", "/secret/x"), ("X-Original-Host", "evil.test"), ("X-Rewrite-URL", "/secret/x"),
        ("X-Client-IP", "203.0.113.9"), ("X-Cluster-Client-IP", "203.0.113.9"), ("Client-IP", "203.0.113.9"),
        ("True-Client-IP", "203.0.113.9"), ("CF-Connecting-IP", "203.0.113.9"),
        ("X_Forwarded_For", "203.0.113.9"), ("X_Real_IP", "203.0.113.9"), ("X-Forwarded_For", "203.0.113.9"),
    ]
]

IDENTITY += [
    passes(f"{name} is nobody's claim", "9110 §5.1", get(f"{name}: v"), reached(fields=[f"{name}: v"]))
    for name in ["X-Forwarded", "X-Forwards-For", "X-Original", "X-Client-IPv6", "Client-IP2", "X-Real-IPs", "Forwarded-For", "XX-Forwarded-For"]
] + [
    passes("a claim on two lines", "7239 §8", get("X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8", "A: b"), reached(fields=["A: b"])),
]

CASES = NAMES + VALUES + SIZES + OWN + IDENTITY
