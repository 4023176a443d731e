"""What the cases of the conformance suite are made of: data only, no network.

A request case says what a client sends and either what reaches the origin, byte for byte, or with
which status and reason it is refused and that nothing reaches the origin. A response case says what
the origin sends and what reaches the client, byte for byte, how the connections end, and why.
Every case names the section of the RFC that it is about."""

from dataclasses import dataclass

HOST = "a.test"


def lines(*parts):
    """Whole lines with their CRLF, and the empty line that ends a head."""
    return b"".join(encode(part) + b"\r\n" for part in parts) + b"\r\n"


def encode(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def get(*fields, target="/", host=HOST, version="1.1", method="GET"):
    """The head of a plain request with these further fields."""
    return lines(f"{method} {target} HTTP/{version}", f"Host: {host}", *fields)


def post(*fields, body=b"", target="/", version="1.1", method="POST"):
    return get(*fields, target=target, version=version, method=method) + encode(body)


def reached(line="GET /", fields=(), framing=(), body=b"", host=HOST, last=()):
    """The bytes that the origin sees: the request written anew, with what the gate adds. The request
    id differs each time; in its place stands ID."""
    quoted = f'"{host}"' if ":" in host else host
    return lines(
        f"{line} HTTP/1.1",
        f"Host: {host}",
        *fields,
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Proto: http",
        f"X-Forwarded-Host: {host}",
        f"Forwarded: for=127.0.0.1;host={quoted};proto=http",
        "X-Real-IP: 127.0.0.1",
        "X-Request-ID: ID",
        *framing,
        *last,
    ) + encode(body)


def chunked(*chunks):
    """A body as the gate frames it: a chunk per piece, no extensions, no trailers."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in map(encode, chunks))
    return body + b"0\r\n\r\n"


CHUNKED = ("Transfer-Encoding: chunked",)


@dataclass(frozen=True)
class Request:
    name: str
    rfc: str
    sent: bytes
    reaches: bytes = None  # what the origin sees; a tuple for several; None: nothing
    status: int = 200  # of the answer; a tuple for several; None: there is none
    reason: str = None  # of a refusal, in the security log
    keeps: bool = None  # whether the client's connection goes on; None: kept if and only if answered
    half_closes: bool = False  # the client ends its side behind what it sent
    cut: bytes = None  # a request that was refused while it went out: what the origin's bytes begin with

    @property
    def reaching(self):
        """The bytes of each request that reaches the origin."""
        if self.reaches is None:
            return []
        return list(self.reaches) if isinstance(self.reaches, tuple) else [self.reaches]

    @property
    def statuses(self):
        if self.status is None:
            return []
        if isinstance(self.status, tuple):
            return list(self.status)
        return [200] * (len(self.reaching) - 1) + [self.status]

    @property
    def reasons(self):
        if isinstance(self.reason, tuple):
            return list(self.reason)
        return [self.reason] if self.reason and self.statuses else []

    @property
    def goes_on(self):
        """Whether another request is served on the client's connection."""
        return self.keeps if self.keeps is not None else self.reason is None


@dataclass(frozen=True)
class Response:
    name: str
    rfc: str
    sent: bytes  # by the origin
    arrives: bytes = None  # what the client gets; None: our own page for `status`
    status: int = 502
    reason: str = None  # in the request log
    reused: bool = False  # whether the origin's connection serves the next request
    ends: str = "FIN"  # how the client's connection ends: FIN, or RST for what is cut short
    method: str = "GET"
    fields: tuple = ()  # further fields of the client's request
    version: str = "1.1"
    closes: bool = False  # the origin ends its connection behind what it sent
    late: bytes = None  # what the origin sends when the exchange is over

    @property
    def reasons(self):
        return [self.reason] if self.reason else []


def refused(name, rfc, sent, status, reason, **more):
    return Request(name, rfc, encode(sent), None, status, reason, **more)


def answered(name, rfc, sent, status, reason=None, **more):
    """Answered by the gate itself: nothing reaches the origin, whatever the status."""
    return Request(name, rfc, encode(sent), None, status, reason, **more)


def passes(name, rfc, sent, reaches, **more):
    return Request(name, rfc, encode(sent), reaches, **more)
