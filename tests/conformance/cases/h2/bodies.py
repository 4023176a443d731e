"""Bodies: content-length against DATA, trailers, what looks like chunks or like another request, bodies
that are too large, and switching protocols (RFC 9113 §8.1, RFC 8441)."""

from .. import CHUNKED, chunked, reached
from . import malformed, message, passes, refused, told

SMUGGLED = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
NEXT = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"


def post(*fields, **more):
    return message(*fields, method="POST", **more)


def with_length(body, length=None, fields=()):
    length = len(body) if length is None else length
    return reached("POST /", fields, framing=[f"Content-Length: {length}"], body=body)


def with_chunks(*chunks, line="POST /"):
    return reached(line, framing=CHUNKED, body=chunked(*chunks))


def length(value, body="abc"):
    return post(("content-length", value), body=body)


LENGTHS = told("h2.content-length", [
    passes("a body as long as it says", "9113 §8.1.1", length("3"), with_length("abc")),
    passes("a body in several frames", "9113 §8.1.1", length("6", ["abc", "", "de", "f"]), with_length("abcdef")),
    passes("a body that ends in an empty frame", "9113 §8.1.1", length("3", ["abc", ""]), with_length("abc")),
    passes("no body of length 0", "9113 §8.1.1", post(("content-length", "0")), with_length("")),
    passes("an empty frame of length 0", "9113 §8.1.1", length("0", ""), with_length("")),
    passes("a body without a length", "9113 §8.1", post(body="abc"), with_chunks("abc")),
    passes("an empty body without a length", "9113 §8.1", post(body=""), with_chunks()),
    passes("no body at all", "9113 §8.1", post(), reached("POST /", framing=["Content-Length: 0"])),
    passes("GET with a body", "9110 §9.3.1", message(("content-length", "3"), body="abc"), reached("GET /", framing=["Content-Length: 3"], body="abc")),
    passes("GET with a body without a length", "9110 §9.3.1", message(body="abc"), with_chunks("abc", line="GET /")),
    passes("GET of length 0", "9110 §8.6", message(("content-length", "0")), reached("GET /", framing=["Content-Length: 0"])),
    malformed("a length and no body", "9113 §8.1.1", post(("content-length", "3"))),
    malformed("a length and an empty body", "9113 §8.1.1", length("3", ""), cut=b"POST / HTTP/1.1\r\n"),
    malformed("a body shorter than it says", "9113 §8.1.1", length("4"), cut=b"POST / HTTP/1.1\r\n"),
    malformed("a body shorter than it says, in two frames", "9113 §8.1.1", length("9", ["abc", "def"]), cut=b"POST / HTTP/1.1\r\n"),
    malformed("a body longer than it says", "9113 §8.1.1", length("2"), cut=b"POST / HTTP/1.1\r\n"),
    malformed("a body longer than it says, in a second frame", "9113 §8.1.1", length("3", ["abc", "d"]), cut=b"POST / HTTP/1.1\r\n"),
    malformed("a body of length 0", "9113 §8.1.1", length("0", "a"), cut=b"POST / HTTP/1.1\r\n"),
    malformed("a request behind the length", "9113 §8.1.1", length("3", "abc" + NEXT), cut=b"POST / HTTP/1.1\r\n"),
    malformed("trailers before the length is reached", "9113 §8.1.1", post(("content-length", "4"), body="abc", trailers=[("x", "y")]),
              cut=b"POST / HTTP/1.1\r\n"),
    malformed("GET with a length and no body", "9113 §8.1.1", message(("content-length", "3"))),
    *[malformed(f"content-length {value!r}", "9110 §8.6", length(value), reason="h1.content-length")
      for value in ("", "+3", "-3", "3,3", "3, 3", "3;x", "0x3", "3.0", "3e0", "three", "18446744073709551619", "99999999999999999999999", "\xb3")],
    passes("content-length twice, the same", "9110 §8.6", post(("content-length", "3"), ("content-length", "3"), body="abc"), with_length("abc")),
    malformed("content-length with a line end", "9113 §8.2.1", length("3\r\nX: y"), reason="h2.field-value"),
    malformed("content-length twice, not the same", "9110 §8.6", post(("content-length", "3"), ("content-length", "4"), body="abc"), reason="h1.content-length"),
    passes("content-length with zeros in front", "9110 §8.6", length("003"), with_length("abc")),
])

WORDS = [
    passes("a body that looks like chunks", "9112 §7.1", length("5", "0\r\n\r\n"), with_length("0\r\n\r\n")),
    passes("a body that looks like the end and another request", "9112 §7.1", length(str(len(SMUGGLED)), SMUGGLED), with_length(SMUGGLED)),
    passes("the same without a length", "9112 §7.1", post(body=SMUGGLED), with_chunks(SMUGGLED)),
    passes("a body that looks like another request", "9112 §11.2", length(str(len(NEXT)), NEXT), with_length(NEXT)),
    passes("the same in frames", "9112 §11.2", length(str(len(NEXT)), [NEXT[:7], NEXT[7:]]), with_length(NEXT)),
    passes("GET with a body that looks like another request", "9112 §11.2", message(("content-length", str(len(NEXT))), body=NEXT),
           reached("GET /", framing=[f"Content-Length: {len(NEXT)}"], body=NEXT)),
    passes("HEAD with a body that looks like another request", "9112 §11.2", message(("content-length", str(len(NEXT))), body=NEXT, method="HEAD"),
           reached("HEAD /", framing=[f"Content-Length: {len(NEXT)}"], body=NEXT)),
    passes("line ends alone", "9112 §2.2", length("4", "\r\n\r\n"), with_length("\r\n\r\n")),
    passes("NUL and other bytes", "9110 §6.4", length("4", b"\0\xff\r\n"), with_length("\0\xff\r\n")),
]

TRAILERS = told("h2.trailers", [
    passes("trailers are dropped", "9110 §6.5", post(body="abc", trailers=[("x", "y")]), with_chunks("abc")),
    passes("trailers behind a length", "9110 §6.5", post(("content-length", "3"), body="abc", trailers=[("x", "y")]), with_length("abc")),
    passes("trailers that would change the framing are dropped", "9110 §6.5.1", post(body="abc", trailers=[("content-length", "9")]), with_chunks("abc")),
    passes("trailers that would change the host are dropped", "9110 §6.5.1", post(body="abc", trailers=[("host", "b.test")]), with_chunks("abc")),
    passes("trailers that would change the client are dropped", "9110 §6.5.1", post(body="abc", trailers=[("x-forwarded-for", "1.2.3.4")]), with_chunks("abc")),
    *[malformed(f"the trailer {name!r}: {value!r}", "9113 §8.2.1", post(body="abc", trailers=[(name, value)]), cut=b"POST / HTTP/1.1\r\n")
      for name, value in ((":path", "/x"), (":status", "200"), ("X", "y"), ("x y", "z"), ("x", "a\r\nb"), ("x", "a\0b"), ("", "x"), ("x\r\ny", "z"),
                          ("transfer-encoding", "chunked"), ("connection", "close"), ("x", " y"))],
])

TOO_LARGE = [
    refused("a body that says it is too large", "9110 §15.5.14", message(("content-length", "11"), method="POST", authority="small.test", body="a" * 11), 413, "limits.body"),
    refused("a body that turns out to be too large", "9110 §15.5.14", message(method="POST", authority="small.test", body="a" * 11), 413, "limits.body",
            cut=b"POST / HTTP/1.1\r\n"),
    passes("a body that is just not too large", "9110 §15.5.14", message(("content-length", "10"), method="POST", authority="small.test", body="a" * 10),
           reached("POST /", host="small.test", framing=["Content-Length: 10"], body="a" * 10)),
]

CASES = LENGTHS + WORDS + TRAILERS + TOO_LARGE
