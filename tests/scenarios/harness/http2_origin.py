"""A scripted origin server that speaks HTTP/2 with prior knowledge: every frame is the test's own."""

from .deadline import Deadline
from .http2 import INITIAL_WINDOW_SIZE, PREFACE, WINDOW_UPDATE, Http2, block, data, headers, settings
from .origin import Origin
from .stream import Ended


class Http2OriginConnection(Http2):
    """One connection that the proxy made. Streams are told apart by the order of their heads."""

    def __init__(self, sock, **how):
        super().__init__(sock, **how)
        self.given = set()
        self.sent = {}  # bytes of bodies, by stream

    def begin(self, *pairs):
        """Takes the preface and says our SETTINGS."""
        deadline = Deadline()
        while len(self.buffer) < len(PREFACE):
            if not self.fill(deadline, "the connection preface"):
                raise Ended(self.ended, self.buffer)
        assert self.take(len(PREFACE)) == PREFACE
        self.send(settings(*pairs))
        return self

    def window(self, number):
        """How many bytes of a body may be sent on the stream now."""
        stream = self.peer_settings.get(INITIAL_WINDOW_SIZE, 65535)
        return min(self.granted(number) + stream - self.sent.get(number, 0),
                   self.granted(0) + 65535 - sum(self.sent.values()))

    def granted(self, number):
        return sum(int.from_bytes(f.payload, "big") for f in self.frames
                   if f.kind == WINDOW_UPDATE and f.stream == number)

    def send_data(self, number, payload, end=True):
        self.sent[number] = self.sent.get(number, 0) + len(payload)
        pieces = [payload[at : at + 16384] for at in range(0, len(payload), 16384)] or [b""]
        for piece in pieces[:-1]:
            self.send(data(number, piece, end=False))
        self.send(data(number, pieces[-1], end))

    def request_head(self):
        """The number of the next stream whose head has come."""

        def fresh():
            return [n for n, m in self.streams.items() if m.fields is not None and n not in self.given]

        number = min(self.read_until(fresh, "the head of a request"))
        self.given.add(number)
        return number

    def request(self):
        """The next request, to its end: its stream's number and what came."""
        number = self.request_head()
        self.response(number)
        return number, self.stream(number)

    def head(self, number, status=200, fields=(), end=False):
        self.send(headers(number, block((":status", str(status)), *fields), end=end))

    def respond(self, number, body=b"ok", status=200, fields=(), trailers=None):
        self.head(number, status, fields, end=not body and trailers is None)
        if body:
            self.send_data(number, body, end=trailers is None)
        if trailers is not None:
            self.send(headers(number, block(*trailers)))


class Http2Origin(Origin):
    def accept(self, *pairs, **how):
        """The next connection of the proxy, its preface taken. `pairs`: our SETTINGS."""
        return self.go_on(super().accept(), **how).begin(*pairs)

    def go_on(self, plain, **how):
        """A connection of which something has been read already."""
        connection = Http2OriginConnection(plain.socket, **how)
        connection.buffer = plain.buffer
        with self.lock:
            self.connections[-1] = connection
        return connection

    def accept_plain(self):
        """The next connection, whatever it speaks."""
        return super().accept()
