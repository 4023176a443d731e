"""A strict reader of HTTP/1 messages. It was written for the tests alone and shares nothing with
the proxy, so that both do not make the same mistake. What it does not like is an AssertionError."""

import re
from dataclasses import dataclass, field

from .stream import FIN, Ended

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)\Z")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1\Z")
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"): ([\x21-\x7e\x80-\xff]?[\t\x20-\x7e\x80-\xff]*)\Z")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})\r\n\Z")


@dataclass
class Message:
    head: bytes  # as it came, blank line included
    start_line: bytes
    fields: list = field(default_factory=list)  # (name, value) as they came
    body: bytes = b""
    body_raw: bytes = b""  # with chunk framing
    framing: str = "none"  # none, length, chunked, close
    interim: list = field(default_factory=list)  # 1xx messages that came before

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower().encode()]

    def get(self, name, otherwise=None):
        """The only value of a field, as text."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0].decode("latin-1") if values else otherwise

    @property
    def raw(self):
        return self.head + self.body_raw

    @property
    def names(self):
        return [n.decode() for n, _ in self.fields]

    # of a response
    @property
    def status(self):
        return int(STATUS_LINE.match(self.start_line).group(1))

    # of a request
    @property
    def method(self):
        return REQUEST_LINE.match(self.start_line).group(1).decode()

    @property
    def target(self):
        return REQUEST_LINE.match(self.start_line).group(2).decode()


def parse_head(head, start_line):
    """A message without its body; `start_line` is the pattern its first line has to match."""
    assert head.endswith(b"\r\n\r\n"), head
    lines = head[:-4].split(b"\r\n")
    for line in lines:
        assert b"\r" not in line and b"\n" not in line and b"\0" not in line, f"control in {line!r}"
    assert start_line.match(lines[0]), f"bad first line {lines[0]!r}"
    message = Message(head=head, start_line=lines[0])
    for line in lines[1:]:
        match = FIELD_LINE.match(line)
        assert match, f"bad field line {line!r}"
        value = match.group(2)
        assert value == value.rstrip(b" \t"), f"space at the end of {line!r}"
        message.fields.append(match.groups())
    return message


def body_framing(message, no_body, until_close):
    """(kind, length) by RFC 9112 §6.3; refuses what is ambiguous."""
    codings, lengths = message.all("transfer-encoding"), message.all("content-length")
    assert not (codings and lengths), f"both lengths in {message.head!r}"
    assert len(lengths) <= 1 and len(codings) <= 1, message.head
    if codings:
        assert codings == [b"chunked"], codings
    if lengths:
        assert re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]), lengths
    if no_body:
        return "none", 0
    if codings:
        return "chunked", 0
    if lengths:
        return "length", int(lengths[0])
    return ("close", 0) if until_close else ("none", 0)


def read_chunked(stream, message):
    raw, body = [], []
    while True:
        line = stream.recv_until(b"\r\n")
        match = CHUNK_SIZE.match(line)
        assert match, f"bad chunk line {line!r}"
        raw.append(line)
        size = int(match.group(1), 16)
        if size == 0:
            end = stream.recv_exactly(2)
            assert end == b"\r\n", f"trailers or rubbish after the last chunk: {end!r}"
            raw.append(end)
            break
        data = stream.recv_exactly(size)
        end = stream.recv_exactly(2)
        assert end == b"\r\n", f"rubbish after a chunk: {end!r}"
        raw += [data, end]
        body.append(data)
    message.body, message.body_raw = b"".join(body), b"".join(raw)


def read_body(stream, message, kind, length):
    message.framing = kind
    if kind == "length":
        message.body = message.body_raw = stream.recv_exactly(length)
    elif kind == "chunked":
        read_chunked(stream, message)
    elif kind == "close":
        message.body = message.body_raw = stream.recv_all()
        if stream.ended != FIN:
            raise Ended(stream.ended, message.body)
    return message


def read_response_head(stream):
    return parse_head(stream.recv_until(b"\r\n\r\n"), STATUS_LINE)


def read_response(stream, method="GET"):
    """One final response with its interim ones; raises Ended when it is cut short."""
    interim = []
    while True:
        message = read_response_head(stream)
        if message.status >= 200 or message.status == 101:
            break
        interim.append(message)
    message.interim = interim
    bodiless = method == "HEAD" or message.status in (101, 204, 304)
    return read_body(stream, message, *body_framing(message, bodiless, until_close=True))


def read_request_head(stream):
    return parse_head(stream.recv_until(b"\r\n\r\n"), REQUEST_LINE)


def read_request(stream):
    message = read_request_head(stream)
    return read_body(stream, message, *body_framing(message, False, until_close=False))
