"""HTTP/2 cases. A case of the protocol (`Strict`) is what a client sends and what must come of it;
one of a message (`Message`) also says the exact bytes that reach an HTTP/1 origin."""

from dataclasses import dataclass, replace

from harness import http2
from harness.http2 import block, headers, request_fields, settings

PREFACE = http2.PREFACE + settings()
PUBLIC = request_fields("/public")  # answered by the gate itself
ORIGIN = request_fields("/")  # answered by the origin


# --- What must come of it ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Closes:
    """A connection error: GOAWAY with this code, and the end. None: the end, without a word of HTTP/2."""

    code: str


@dataclass(frozen=True)
class Resets:
    """A stream error: RST_STREAM with this code; everything else goes on."""

    code: str
    stream: int = 1


@dataclass(frozen=True)
class Answers:
    """A whole response. Everything goes on."""

    status: int = 200
    stream: int = 1
    body: bytes = None  # None: whatever
    resets: tuple = ()  # streams that are reset meanwhile


@dataclass(frozen=True)
class Ignores:
    """Nothing comes of it; everything goes on."""


@dataclass(frozen=True)
class Holds:
    """A question about the connection comes true; everything goes on."""

    what: str
    look: object  # of the connection
    has_room: bool = True  # for one more stream


# --- While it is sent -------------------------------------------------------------------------------


def head_of(stream):
    """Waits for the head of the response on a stream."""
    return lambda client: client.read_until(lambda: client.stream(stream).fields, f"a head on {stream}") and None


def end_of(stream):
    """Waits until a stream is over."""
    return lambda client: client.response(stream) and None


def barrier(client):
    """Waits until everything sent so far has been looked at."""
    client.barrier()


@dataclass(frozen=True)
class Strict:
    name: str
    rfc: str
    steps: tuple  # bytes, or functions of the connection that wait, or give further bytes
    expects: object
    preface: bytes = PREFACE
    gives_window: bool = True
    acknowledges: bool = True


def strict(name, rfc, *steps_and_expects, **more):
    *steps, expects = steps_and_expects
    return Strict(name, rfc, tuple(steps), expects, **more)


def get(stream=1, *fields, base=PUBLIC, end=True, **how):
    """HEADERS of a request that the gate answers itself."""
    return headers(stream, block(*base, *fields), end=end, **how)


def post(stream=1, *fields, base=None):
    """HEADERS of a request for the origin whose body follows."""
    return headers(stream, block(*(base or request_fields("/echo", method="POST")), *fields), end=False)


# --- Messages ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """A request, and what of it reaches an HTTP/1 origin, byte for byte."""

    name: str
    rfc: str
    sent: bytes  # all frames; the request is on stream 1
    reaches: bytes = None  # None: nothing, not even a connection
    status: int = 200  # of the answer; None: none
    reset: str = None  # the code of RST_STREAM
    reason: str = None  # in the security log
    cut: bytes = None  # a request refused while it went out: what the origin's bytes begin with
    ends: str = None  # the code of GOAWAY when the connection ends


def encoded(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def message(*fields, body=None, trailers=None, **pseudo):
    """The frames of a request: `body` in one DATA frame or in several; `fields` as (name, value)."""
    pieces = [] if body is None else [body] if isinstance(body, (bytes, str)) else list(body)
    sent = headers(1, block(*request_fields(**pseudo), *fields), end=not pieces and trailers is None)
    for i, piece in enumerate(pieces):
        sent += http2.data(1, encoded(piece), end=i + 1 == len(pieces) and trailers is None)
    return sent + (b"" if trailers is None else headers(1, block(*trailers)))


def raw(*fields, end=True):
    """HEADERS of exactly these fields."""
    return headers(1, block(*fields), end=end)


def passes(name, rfc, sent, reaches, **more):
    return Message(name, rfc, sent, reaches, **more)


def malformed(name, rfc, sent, **more):
    """RFC 9113 §8.1.1: a stream error of type PROTOCOL_ERROR; nobody else hears of it."""
    return Message(name, rfc, sent, status=None, reset="PROTOCOL_ERROR", **more)


def told(reason, cases):
    """The reason of those that are malformed and have none of their own."""
    return [replace(case, reason=reason) if case.reset and not case.reason else case for case in cases]


def refused(name, rfc, sent, status, reason, **more):
    """Understood, and answered with a refusal."""
    return Message(name, rfc, sent, status=status, reason=reason, **more)
