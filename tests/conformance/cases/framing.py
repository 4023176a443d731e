"""How long a request is: Content-Length, Transfer-Encoding, chunks (RFC 9112 §6 and §7)."""

from . import CHUNKED, answered, chunked, get, lines, passes, post, reached, refused

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
BOTH = "h1.two-lengths"
TE = "h1.transfer-encoding"
CL = "h1.content-length"
CHUNK = "h1.chunk"


def te(value, body=b"0\r\n\r\n", *more):
    return post(f"Transfer-Encoding: {value}", *more, body=body)


def cl(value, body=b"abc"):
    return post(f"Content-Length: {value}", body=body)


LENGTHS = [
    passes("a length", "9112 §6.2", cl("3"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("no body", "9112 §6.3", cl("0", b""), reached("POST /", framing=["Content-Length: 0"])),
    passes("POST without length or coding has no body", "9110 §8.6", post(),
           reached("POST /", framing=["Content-Length: 0"])),
    passes("GET with a body", "9110 §9.3.1", get("Content-Length: 3") + b"abc",
           reached("GET /", framing=["Content-Length: 3"], body="abc")),
    passes("the same length twice becomes one", "9110 §8.6",
           post("Content-Length: 3", "Content-Length: 3", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("leading zeros are still that number", "9110 §8.6", cl("0003"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("white space around the value", "9110 §5.5", post("Content-Length: \t 3 \t", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("a body that looks like a request is a body", "9112 §6.3",
           post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
           reached("POST /", framing=[f"Content-Length: {len(SMUGGLED)}"], body=SMUGGLED)),
    refused("two different lengths", "9112 §6.3",
            post("Content-Length: 3", "Content-Length: 4", body="abcd"), 400, CL),
    refused("the same length with another spelling", "9110 §8.6",
            post("Content-Length: 3", "Content-Length: 03", body="abc"), 400, CL),
    refused("three lengths, the last one different", "9112 §6.3",
            post("Content-Length: 3", "Content-Length: 3", "Content-Length: 0", body="abc"), 400, CL),
    refused("a list of equal lengths", "9110 §8.6", cl("3, 3"), 400, CL),
    refused("a list of different lengths", "9110 §8.6", cl("3, 4"), 400, CL),
    *[refused(f"length {name}", "9110 §8.6", cl(value, body=SMUGGLED), 400, CL)
      for name, value in [
          ("empty", ""), ("with plus", "+3"), ("with minus", "-3"), ("minus zero", "-0"),
          ("hexadecimal", "0x3"), ("hexadecimal digits", "1a"), ("with fraction", "3.0"),
          ("with exponent", "3e0"), ("with underscore", "1_0"), ("with a word", "3 bytes"),
          ("with two numbers", "3 4"), ("with a comma in front", ",3"), ("with a comma behind", "3,"),
          ("quoted", '"3"'), ("with semicolon", "3;a=b"), ("of 2^63", "9223372036854775808"),
          ("of 2^64 + 3", "18446744073709551619"), ("of forty digits", "1" * 40),
          ("in other digits", "\xb2"), ("a hundred zeros and 3", "0" * 100 + "3x"),
      ]],
    passes("a hundred zeros and 3", "9110 §8.6", cl("0" * 100 + "3"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    refused("a length with a vertical tab", "9110 §5.5", cl("\x0b3"), 400, "h1.control"),
    refused("a length with a NUL", "9110 §5.5", cl("3\0"), 400, "h1.nul"),
    refused("a length with a CR", "9112 §2.2", cl("3\r"), 400, "h1.bare-cr"),
    refused("a space between the length and its colon", "9112 §5.1", post("Content-Length : 3", body="abc"), 400,
            "h1.space-before-colon"),
    passes("a field whose name only looks like it", "9110 §5.1",
           post("Content-Lengt: 3", "X-Content-Length: 3"),
           reached("POST /", fields=["Content-Lengt: 3", "X-Content-Length: 3"],
                   framing=["Content-Length: 0"])),
    passes("an underscore name that aliases the length is dropped", "9110 §5.1",
           post("Content_Length: 30", "Content-Length: 3", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    refused("HTTP/1.0 POST without a length", "9110 §15.5.12", post(version="1.0"), 411,
            "h1.length-required"),
    refused("HTTP/1.0 PUT without a length", "9110 §15.5.12", post(version="1.0", method="PUT"), 411,
            "h1.length-required"),
    refused("HTTP/1.0 PATCH without a length", "9110 §15.5.12", post(version="1.0", method="PATCH"), 411,
            "h1.length-required"),
    passes("HTTP/1.0 DELETE without a length has no body", "9112 §6.3", post(version="1.0", method="DELETE"),
           reached("DELETE /"), keeps=False),
    passes("HEAD with a body", "9110 §9.3.2", get("Content-Length: 3", method="HEAD") + b"abc",
           reached("HEAD /", framing=["Content-Length: 3"], body="abc")),
    passes("DELETE with chunks", "9110 §9.3.5", get("Transfer-Encoding: chunked", method="DELETE") +
           b"3\r\nabc\r\n0\r\n\r\n", reached("DELETE /", framing=CHUNKED, body=chunked("abc"))),
    passes("HTTP/1.0 POST with a length", "9112 §6.3",
           post("Content-Length: 3", body="abc", version="1.0"),
           reached("POST /", framing=["Content-Length: 3"], body="abc"), keeps=False),
]

TOGETHER = [
    refused(f"length and coding, {name}", "9112 §6.1", sent, 400, BOTH)
    for name, sent in [
        ("length first", post("Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED)),
        ("coding first", post("Transfer-Encoding: chunked", "Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED)),
        ("length 0", post("Content-Length: 0", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
        ("in a GET", get("Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
        ("lower case", post("content-length: 4", "transfer-encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED)),
        ("both twice", post("Content-Length: 4", "Transfer-Encoding: chunked", "Content-Length: 4", body=b"0\r\n\r\n")),
    ]
]

CODINGS = [
    passes("chunked", "9112 §7.1", te("chunked", b"3\r\nabc\r\n0\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("abc"))),
    passes("an empty chunked body", "9112 §7.1", te("chunked"),
           reached("POST /", framing=CHUNKED, body=chunked())),
    passes("the coding's name in other letters", "9112 §7", te("cHuNkEd"),
           reached("POST /", framing=CHUNKED, body=chunked())),
    passes("white space around the coding", "9110 §5.5", te(" \tchunked\t "),
           reached("POST /", framing=CHUNKED, body=chunked())),
    *[refused(f"coding {value!r} is not known", "9112 §6.1", te(value, SMUGGLED), 501, TE)
      for value in ["gzip", "deflate", "compress", "br", "x-chunked", "chunkedd", "cow"]],
    *[refused(f"coding {name}", "9112 §6.1", te(value, b"0\r\n\r\n" + SMUGGLED), 400, TE)
      for name, value in [
          ("empty", ""), ("identity", "identity"), ("twice in a list", "chunked, chunked"),
          ("gzip, chunked", "gzip, chunked"), ("chunked, gzip", "chunked, gzip"),
          ("chunked, identity", "chunked, identity"), ("identity, chunked", "identity, chunked"),
          ("with a comma in front", ",chunked"), ("with a comma behind", "chunked,"),
          ("with a parameter", "chunked;q=1"), ("with an empty parameter", "chunked;"),
          ("quoted", '"chunked"'), ("in single quotes with space", "'chunked' x"),
          ("with a space inside", "chun ked"), ("with a tab inside", "chun\tked"),
          ("with obs-text", "chunked\xa0"), ("with obs-text in front", "\xefchunked"),
          ("with a colon", "chunked:"), ("with a slash", "chunked/1"),
          ("with brackets", "(chunked)"),
      ]],
    refused("the coding on two lines", "9112 §6.1",
            post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, TE),
    refused("two codings on two lines", "9112 §6.1",
            post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=b"0\r\n\r\n" + SMUGGLED), 400, TE),
    refused("two codings, chunked last", "9112 §6.1",
            post("Transfer-Encoding: x", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, TE),
    refused("the coding folded", "9112 §5.2",
            post("Transfer-Encoding:", " chunked", body=b"0\r\n\r\n" + SMUGGLED), 400, "h1.obs-fold"),
    refused("the coding with a vertical tab", "9110 §5.5", te("\x0bchunked"), 400, "h1.control"),
    refused("the coding with a NUL", "9110 §5.5", te("chunked\0"), 400, "h1.nul"),
    refused("the coding with a bare CR", "9112 §2.2", te("chunked\r"), 400, "h1.bare-cr"),
    refused("the coding behind a bare LF", "9112 §2.2",
            b"POST / HTTP/1.1\r\nHost: a.test\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            "h1.bare-lf"),
    refused("a space between the coding and its colon", "9112 §5.1", post("Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
            400, "h1.space-before-colon"),
    refused("a space before the name", "9112 §5.1",
            b"POST / HTTP/1.1\r\nHost: a.test\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            "h1.obs-fold"),
    refused("a name with a stray byte", "9110 §5.1", post("Transfer-Encoding\xa0: chunked", body=b"0\r\n\r\n"),
            400, "h1.field-name"),
    passes("an underscore name that aliases the coding is dropped", "9110 §5.1",
           post("Transfer_Encoding: chunked", "Content-Length: 3", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    refused("chunked in HTTP/1.0", "9112 §6.1",
            post("Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED, version="1.0"), 400, TE),
    passes("TE is the connection's own", "9110 §10.1.4", get("TE: trailers", "Connection: TE"),
           reached()),
]

CHUNKS = [
    passes("several chunks", "9112 §7.1", te("chunked", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("abc", "de"))),
    passes("sizes in upper and lower case", "9112 §7.1",
           te("chunked", b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("0123456789", "0123456789"))),
    passes("leading zeros", "9112 §7.1", te("chunked", b"0003\r\nabc\r\n000\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("abc"))),
    passes("an extension is dropped", "9112 §7.1.1", te("chunked", b"3;a=b\r\nabc\r\n0;c\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("abc"))),
    passes("a quoted extension is dropped", "9112 §7.1.1", te("chunked", b'3;a="b;c"\r\nabc\r\n0\r\n\r\n'),
           reached("POST /", framing=CHUNKED, body=chunked("abc"))),
    passes("trailers are dropped", "9112 §7.1.2", te("chunked", b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("abc"))),
    passes("a trailer that would be a length is dropped", "9110 §6.5.1",
           te("chunked", b"3\r\nabc\r\n0\r\nContent-Length: 100\r\nTransfer-Encoding: x\r\nHost: b\r\n\r\n"),
           reached("POST /", framing=CHUNKED, body=chunked("abc"))),
    *[refused(f"chunk size {name}", "9112 §7.1", te("chunked", body), 400, CHUNK)
      for name, body in [
          ("missing", b"\r\nabc\r\n0\r\n\r\n"), ("with 0x", b"0x3\r\nabc\r\n0\r\n\r\n"),
          ("with plus", b"+3\r\nabc\r\n0\r\n\r\n"), ("with minus", b"-3\r\nabc\r\n0\r\n\r\n"),
          ("with a space in front", b" 3\r\nabc\r\n0\r\n\r\n"),
          ("with a letter", b"g\r\nabc\r\n0\r\n\r\n"), ("with underscore", b"1_0\r\nabc\r\n0\r\n\r\n"),
          ("of 17 digits", b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
          ("of 2^63", b"8000000000000000\r\nabc\r\n0\r\n\r\n"),
          ("of 2^64 - 1", b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
          ("with a NUL", b"3\0\r\nabc\r\n0\r\n\r\n"), ("with a dot", b"3.0\r\nabc\r\n0\r\n\r\n"),
          ("of a hundred zeros and three", b"0" * 100 + b"3\r\nabc\r\n0\r\n\r\n"),
      ]],
    *[refused(f"chunk with {name}", "9112 §7.1", te("chunked", body), 400, CHUNK)
      for name, body in [
          ("a bare LF behind the size", b"3\nabc\r\n0\r\n\r\n"),
          ("a bare CR behind the size", b"3\rabc\r\n0\r\n\r\n"),
          ("a bare LF behind the data", b"3\r\nabc\n0\r\n\r\n"),
          ("nothing behind the data", b"3\r\nabc0\r\n\r\n"),
          ("more data than its size", b"3\r\nabcd\r\n0\r\n\r\n"),
          ("less data than its size", b"4\r\nabc\r\n0\r\n\r\n"),
          ("a bare LF behind the last size", b"3\r\nabc\r\n0\n\r\n"),
          ("a bare LF at the end", b"3\r\nabc\r\n0\r\n\n"),
          ("a bare LF in an extension", b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
          ("a bare CR in an extension", b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
          ("a NUL in an extension", b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
          ("an extension without semicolon", b"3 a=b\r\nabc\r\n0\r\n\r\n"),
          ("a bare LF in the trailers", b"3\r\nabc\r\n0\r\nA: b\n\r\n"),
          ("a folded trailer", b"3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n"),
          ("a trailer without colon", b"3\r\nabc\r\n0\r\nA\r\n\r\n"),
          ("a trailer with a NUL", b"3\r\nabc\r\n0\r\nA: \0\r\n\r\n"),
      ]],
    refused("an extension of 20 KB", "9112 §7.1.1",
            te("chunked", b"3;" + b"a" * 20000 + b"\r\nabc\r\n0\r\n\r\n"), 400, CHUNK,
            cut=reached("POST /", framing=CHUNKED)),
    refused("a kilobyte of extensions at each byte", "9112 §7.1.1",
            te("chunked", (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 200 + b"0\r\n\r\n"), 400, CHUNK,
            cut=reached("POST /", framing=CHUNKED, body="1\r\nx\r\n")),
    passes("chunks, then another request", "9112 §9.3.2",
           te("chunked", b"3\r\nabc\r\n0\r\n\r\n") + get(target="/two"),
           (reached("POST /", framing=CHUNKED, body=chunked("abc")), reached("GET /two"))),
    passes("a length, then another request", "9112 §9.3.2", cl("3") + get(target="/two"),
           (reached("POST /", framing=["Content-Length: 3"], body="abc"), reached("GET /two"))),
]

SMALL = [
    passes("a body as long as the limit", "9110 §15.5.14",
           lines("POST / HTTP/1.1", "Host: small.test", "Content-Length: 10") + b"0123456789",
           reached("POST /", framing=["Content-Length: 10"], body="0123456789", host="small.test")),
    refused("a body one byte longer", "9110 §15.5.14",
            lines("POST / HTTP/1.1", "Host: small.test", "Content-Length: 11") + b"0123456789a", 413,
            "limits.body", keeps=True),
    refused("a body that is only announced", "9110 §15.5.14",
            lines("POST / HTTP/1.1", "Host: small.test", "Content-Length: 9223372036854775807"), 413,
            "limits.body"),
    refused("a body announced to one who waits for 100 gets 413 instead", "9110 §10.1.1",
            lines("POST / HTTP/1.1", "Host: small.test", "Content-Length: 11", "Expect: 100-continue"),
            413, "limits.body"),
    passes("chunks as long as the limit", "9110 §15.5.14",
           lines("POST / HTTP/1.1", "Host: small.test", "Transfer-Encoding: chunked") +
           b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
           reached("POST /", framing=CHUNKED, body=chunked("01234", "56789"), host="small.test")),
    refused("chunks one byte longer", "9110 §15.5.14",
            lines("POST / HTTP/1.1", "Host: small.test", "Transfer-Encoding: chunked") +
            b"5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n", 413, "limits.body"),
    refused("a chunk of 2^60 - 1 bytes", "9110 §15.5.14",
            lines("POST / HTTP/1.1", "Host: small.test", "Transfer-Encoding: chunked") +
            b"fffffffffffffff\r\n0123456789abcdef", 413, "limits.body"),
]

# What the gate answers itself: the body of such a request is skipped, never read as another one.
DENY = "access.deny"
SKIPPED = [
    answered("the body of a denied request is no request", "9112 §9.3",
             post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, target="/secret/x"), 403, DENY, keeps=True),
    answered("the chunks of a denied request are no request", "9112 §9.3",
             post("Transfer-Encoding: chunked", target="/secret/x",
                  body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)), 403, DENY, keeps=True),
    answered("the trailers of a denied request are no request", "9112 §9.3",
             post("Transfer-Encoding: chunked", target="/secret/x", body=b"0\r\nA: b\r\n\r\n"), 403, DENY, keeps=True),
    answered("malformed chunks of a denied request end the connection", "9112 §9.3",
             post("Transfer-Encoding: chunked", target="/secret/x", body=b"x\r\n\r\n" + SMUGGLED), 403, DENY),
    answered("a denied request whose body has not all come ends the connection", "9112 §9.3",
             post("Content-Length: 1000000", target="/secret/x", body=SMUGGLED), 403, DENY),
    answered("a denied request whose body waits for 100 ends the connection", "9110 §10.1.1",
             post("Content-Length: 3", "Expect: 100-continue", target="/secret/x"), 403, DENY),
    answered("the body of a request with a ready answer is no request", "9112 §9.3",
             post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, target="/public"), 200),
    answered("the chunks of a request with a ready answer are no request", "9112 §9.3",
             post("Transfer-Encoding: chunked", target="/public",
                  body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)), 200),
    answered("malformed chunks of a request with a ready answer end the connection", "9112 §9.3",
             post("Transfer-Encoding: chunked", target="/public", body=b"0\n\r\n" + SMUGGLED), 200, keeps=False),
    answered("TRACE with a body", "9110 §9.3.8",
             post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, method="TRACE"), 405, "method.trace", keeps=True),
]

CASES = LENGTHS + TOGETHER + CODINGS + CHUNKS + SMALL + SKIPPED
