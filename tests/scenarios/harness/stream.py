"""The bytes of one connection, either side."""

import errno
import socket
import struct

from .deadline import Deadline

FIN = "FIN"
RESET = "RST"


class Ended(Exception):
    """The peer ended the connection before what was waited for had come."""

    def __init__(self, how, rest):
        super().__init__(f"the connection ended ({how}) with {rest!r} left over")
        self.how = how
        self.rest = rest


class Stream:
    """A connected socket with a buffer. `received` keeps every byte in order of arrival."""

    def __init__(self, sock):
        self.socket = sock
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.received = b""
        self.ended = None  # FIN or RESET once seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def local_port(self):
        return self.socket.getsockname()[1]

    # --- Sending --------------------------------------------------------------------------------

    def send(self, *pieces):
        """Sends each piece with a call of its own; returns self."""
        deadline = Deadline()
        for piece in pieces:
            view = memoryview(piece)
            while view:
                self.socket.settimeout(deadline.left("sending"))
                view = view[self.socket.send(view) :]
        return self

    def send_as_far_as_taken(self, data):
        """Sends until everything is gone or the peer has ended; how many bytes went."""
        sent, deadline = 0, Deadline()
        view = memoryview(data)
        try:
            while sent < len(data):
                self.socket.settimeout(deadline.left("sending"))
                sent += self.socket.send(view[sent : sent + 65536])
        except (BrokenPipeError, ConnectionResetError):
            pass
        return sent

    def finish(self):
        """Half-close: FIN after what was sent; reading goes on."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST."""
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # --- Receiving ------------------------------------------------------------------------------

    def fill(self, deadline, what):
        """Waits for more bytes; False at the end of the stream (self.ended says how)."""
        if self.ended:
            return False
        self.socket.settimeout(deadline.left(f"{what} (so far {self.buffer[-200:]!r})"))
        try:
            data = self.socket.recv(262144)
        except ConnectionResetError:
            self.ended = RESET
            return False
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.ENOTCONN):
                self.ended = RESET
                return False
            if isinstance(error, TimeoutError):
                deadline.left(f"{what} (so far {self.buffer[-200:]!r})")
                raise TimeoutError(f"{what}: so far {self.buffer[-200:]!r}") from None
            raise
        if not data:
            self.ended = FIN
            return False
        self.buffer += data
        self.received += data
        return True

    def take(self, count):
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def recv_until(self, marker, seconds=None):
        """Bytes up to and with the marker."""
        deadline = Deadline(seconds)
        searched = 0
        while True:
            at = self.buffer.find(marker, searched)
            if at >= 0:
                return self.take(at + len(marker))
            searched = max(0, len(self.buffer) - len(marker) + 1)
            if not self.fill(deadline, f"waiting for {marker!r}"):
                raise Ended(self.ended, self.buffer)

    def recv_exactly(self, count, seconds=None):
        deadline = Deadline(seconds)
        parts, have = [], 0
        while True:
            if self.buffer:
                part = self.take(count - have)
                parts.append(part)
                have += len(part)
            if have == count:
                return b"".join(parts)
            if not self.fill(deadline, f"waiting for {count} bytes"):
                raise Ended(self.ended, b"".join(parts))

    def recv_some(self, seconds=None):
        """What is there, at least one byte."""
        if not self.buffer and not self.fill(Deadline(seconds), "waiting for bytes"):
            raise Ended(self.ended, b"")
        return self.take(len(self.buffer))

    def recv_all(self, seconds=None):
        """Everything until the end of the stream."""
        deadline = Deadline(seconds)
        while self.fill(deadline, "waiting for the end"):
            pass
        return self.take(len(self.buffer))

    def has_nothing_now(self):
        """True when neither bytes nor an end have arrived so far."""
        if self.buffer or self.ended:
            return False
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(1, socket.MSG_PEEK) and False
        except BlockingIOError:
            return True
        except ConnectionResetError:
            self.ended = RESET
            return False

    # --- How it ended ---------------------------------------------------------------------------

    def assert_ended(self, how=None):
        """The peer sent nothing more and ended the connection, one way or in the way given."""
        rest = self.recv_all()
        assert rest == b"", f"left over before the end: {rest!r}"
        if how:
            assert self.ended == how, f"ended by {self.ended}, not {how}"
