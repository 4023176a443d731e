"""HTTP/2 by hand: frames as bytes, and a connection that keeps every frame it was sent. Nothing here
checks what it sends, so that a test can send anything. Names and values are written as literals
without Huffman coding; what arrives is decoded by the distribution's python3-hpack."""

import socket
import struct
from dataclasses import dataclass, field

import hpack

from .client import parse_address
from .deadline import SECONDS, Deadline
from .stream import Ended, Stream

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16  # RFC 9218

END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8

ERRORS = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
          "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
          "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED")


def error_name(code):
    return ERRORS[code] if code < len(ERRORS) else hex(code)


# --- Frames -----------------------------------------------------------------------------------------


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """`length`: what the head claims when that is not the truth."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs, ack=False):
    return frame(SETTINGS, ACK if ack else 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(payload=b"12345678", ack=False):
    return frame(PING, ACK if ack else 0, 0, payload)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst_stream(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last=0, code=0, text=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + text)


def dependency(on, weight=15, exclusive=False):
    """The five bytes of a priority; `weight` as on the wire, one less than what it means."""
    return struct.pack(">IB", on | (0x80000000 if exclusive else 0), weight)


def priority(stream, on=0, weight=15, exclusive=False):
    return frame(PRIORITY, 0, stream, dependency(on, weight, exclusive))


def data(stream, payload=b"", end=True, pad=None):
    flags = END_STREAM if end else 0
    if pad is not None:
        flags, payload = flags | PADDED, bytes([pad]) + payload + bytes(pad)
    return frame(DATA, flags, stream, payload)


def headers(stream, block, end=True, end_headers=True, pad=None, priority=None):
    """`priority`: the five bytes of dependency()."""
    flags = (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0)
    if priority is not None:
        flags, block = flags | WITH_PRIORITY, priority + block
    if pad is not None:
        flags, block = flags | PADDED, bytes([pad]) + block + bytes(pad)
    return frame(HEADERS, flags, stream, block)


def continuation(stream, block, end_headers=True):
    return frame(CONTINUATION, END_HEADERS if end_headers else 0, stream, block)


# --- Header blocks ----------------------------------------------------------------------------------


def encode(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def integer(value, prefix, first=0):
    """RFC 7541 §5.1; `first`: the bits in front of the prefix."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def string(text):
    text = encode(text)
    return integer(len(text), 7) + text


def literal(name, value):
    """RFC 7541 §6.2.2: without indexing, a new name."""
    return b"\x00" + string(name) + string(value)


def indexed_literal(name, value):
    """RFC 7541 §6.2.1: it enters the dynamic table."""
    return b"\x40" + string(name) + string(value)


def indexed(index):
    """RFC 7541 §6.1."""
    return integer(index, 7, 0x80)


def table_size(size):
    """RFC 7541 §6.3."""
    return integer(size, 5, 0x20)


def block(*fields):
    """Fields as (name, value), or as bytes that are written already."""
    return b"".join(f if isinstance(f, bytes) else literal(*f) for f in fields)


def request_fields(path="/", method="GET", authority="a.test", scheme="http"):
    return ((":method", method), (":scheme", scheme), (":authority", authority), (":path", path))


def request(stream=1, *fields, end=True, **pseudo):
    """HEADERS of a plain request with these further fields."""
    return headers(stream, block(*request_fields(**pseudo), *fields), end=end)


# --- Connections ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


@dataclass
class Message:
    """What came on one stream."""

    interim: list = field(default_factory=list)  # heads of 1xx
    fields: list = None  # (name, value) of the head
    body: bytes = b""
    trailers: list = None
    ended: bool = False  # END_STREAM
    reset: str = None  # the name of the code of RST_STREAM

    @property
    def status(self):
        return int(self.get(":status")) if self.fields is not None else None

    @property
    def is_over(self):
        return self.ended or self.reset is not None

    def get(self, name):
        return next((value for key, value in self.fields or () if key == name), None)


class Http2(Stream):
    """Either side of a connection. It acknowledges SETTINGS and PING and gives back the windows of
    what it was sent, unless that is switched off."""

    def __init__(self, sock, acknowledges=True, gives_window=True):
        super().__init__(sock)
        self.acknowledges = acknowledges
        self.gives_window = gives_window
        self.decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self.frames = []  # all that came
        self.streams = {}
        self.peer_settings = {}
        self.settings_acks = 0
        self.pings = []  # payloads of acknowledged ones
        self.goaways = []  # (last stream, name of the code, text)
        self.open_block = None  # a block that goes on in CONTINUATION
        self.barriers = 0

    def stream(self, number):
        return self.streams.setdefault(number, Message())

    # --- Receiving ------------------------------------------------------------------------------

    def has_frame(self):
        """Whether a whole frame waits to be read."""
        return len(self.buffer) >= 9 and len(self.buffer) >= 9 + int.from_bytes(self.buffer[:3], "big")

    def read_frame(self, deadline=None):
        """The next frame, noted and answered."""
        deadline = deadline or Deadline()
        while not self.has_frame():
            if not self.fill(deadline, "a frame"):
                raise Ended(self.ended, self.buffer)
        head = self.take(9)
        kind, flags, number = struct.unpack(">BBI", head[3:])
        got = Frame(kind, flags, number & 0x7FFFFFFF, self.take(int.from_bytes(head[:3], "big")))
        self.frames.append(got)
        self._note(got)
        return got

    def read_until(self, look, what="something on the connection"):
        """Reads until look() gives something true; that is returned. Ended when it is over first."""
        deadline = Deadline()
        while not (found := look()):
            try:
                self.read_frame(deadline)
            except TimeoutError:
                raise TimeoutError(f"{what}: got {self.story()}") from None
        return found

    def read_to_end(self):
        """Everything until the peer ends the connection; how it did."""
        deadline = Deadline()
        try:
            while True:
                self.read_frame(deadline)
        except Ended:
            return self.ended

    def has_ended_so_far(self):
        """Reads what is there without waiting for more; whether the peer has ended the connection or
        has said that it will."""
        try:
            while self.has_frame() or not self.has_nothing_now() and self.fill(Deadline(), "what is there"):
                while self.has_frame():
                    self.read_frame()
        except Ended:
            pass
        return bool(self.ended or self.goaways)

    def forget(self):
        """What came on streams that are over."""
        self.frames, self.received = [], b""
        self.streams = {number: message for number, message in self.streams.items() if not message.is_over}

    def response(self, number=1):
        """The whole message of a stream, whatever becomes of it."""
        self.read_until(lambda: self.stream(number).is_over, f"the end of stream {number}")
        return self.stream(number)

    def barrier(self):
        """Sends a PING and waits for it: then every frame sent before has been looked at."""
        self.barriers += 1
        payload = b"bar" + self.barriers.to_bytes(5, "big")
        self.send(ping(payload))
        self.read_until(lambda: payload in self.pings, "the answer to a PING")

    def story(self):
        """What came, for messages."""
        names = {number: name for name, number in list(globals().items())
                 if name in ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING",
                             "GOAWAY", "WINDOW_UPDATE", "CONTINUATION")}
        told = []
        for got in self.frames[-12:]:
            code = ""
            if got.kind in (RST_STREAM, GOAWAY):
                code = " " + error_name(int.from_bytes(got.payload[-4:] if got.kind == RST_STREAM
                                                       else got.payload[4:8], "big"))
            told.append(f"{names.get(got.kind, got.kind)}({got.stream}){code}")
        return " ".join(told + [self.ended or "open"])

    # --- What frames mean -----------------------------------------------------------------------

    def _note(self, got):
        note = {DATA: self._note_data, HEADERS: self._note_headers, CONTINUATION: self._note_block,
                RST_STREAM: self._note_reset, SETTINGS: self._note_settings, PING: self._note_ping,
                GOAWAY: self._note_goaway, PUSH_PROMISE: self._note_push}.get(got.kind)
        if note:
            note(got)

    @staticmethod
    def _unpadded(got):
        if not got.flags & PADDED:
            return got.payload
        assert got.payload[0] < len(got.payload), "padding that is longer than its frame"
        return got.payload[1 : len(got.payload) - got.payload[0]]

    def _note_data(self, got):
        message = self.stream(got.stream)
        message.body += self._unpadded(got)
        message.ended = bool(got.flags & END_STREAM)
        if self.gives_window and got.payload:
            self._answer(window_update(0, len(got.payload)))
            if not message.ended:
                self._answer(window_update(got.stream, len(got.payload)))

    def _note_headers(self, got):
        payload = self._unpadded(got)
        if got.flags & WITH_PRIORITY:
            payload = payload[5:]
        self.open_block = (got, b"")
        self._note_block(Frame(CONTINUATION, got.flags, got.stream, payload))

    def _note_block(self, got):
        begun, so_far = self.open_block
        assert begun.stream == got.stream, "CONTINUATION of another stream"
        self.open_block = (begun, so_far + got.payload)
        if not got.flags & END_HEADERS:
            return
        fields = [(_text(name), _text(value)) for name, value in
                  self.decoder.decode(self.open_block[1], raw=True)]
        self.open_block = None
        self._note_fields(self.stream(begun.stream), fields, bool(begun.flags & END_STREAM))

    @staticmethod
    def _note_fields(message, fields, ends):
        if message.fields is not None:
            message.trailers = fields
        elif dict(fields).get(":status", "").startswith("1"):
            message.interim.append(fields)
        else:
            message.fields = fields
        message.ended = ends

    def _note_reset(self, got):
        self.stream(got.stream).reset = error_name(int.from_bytes(got.payload, "big"))

    def _note_settings(self, got):
        if got.flags & ACK:
            self.settings_acks += 1
            return
        for at in range(0, len(got.payload), 6):
            key, value = struct.unpack(">HI", got.payload[at : at + 6])
            self.peer_settings[key] = value
        self._answer(settings(ack=True))

    def _note_ping(self, got):
        if got.flags & ACK:
            self.pings.append(got.payload)
        else:
            self._answer(ping(got.payload, ack=True))

    def _note_goaway(self, got):
        last, code = struct.unpack(">II", got.payload[:8])
        self.goaways.append((last, error_name(code), got.payload[8:]))

    def _note_push(self, got):
        raise AssertionError("a pushed stream")

    def _answer(self, data):
        """What the peer asked for; it may have gone away meanwhile."""
        if self.acknowledges:
            self.send_as_far_as_taken(data)


class Http2Client(Http2):
    """Connects with prior knowledge and sends the preface."""

    def __init__(self, address, preface=PREFACE + settings(), source=None, receive_buffer=None, **how):
        family, to = parse_address(address)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(SECONDS)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                sock.bind((source, 0))
            sock.connect(to)
        except BaseException:
            sock.close()
            raise
        super().__init__(sock, **how)
        self.next_stream = 1
        self.send(preface)

    def get(self, path="/", *fields, **pseudo):
        """One plain exchange on a new stream."""
        number, self.next_stream = self.next_stream, self.next_stream + 2
        self.send(request(number, *fields, path=path, **pseudo))
        return self.response(number)


def _text(value):
    return bytes(value).decode("latin-1")
