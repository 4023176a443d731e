"""A client of raw bytes."""

import socket

from .deadline import SECONDS
from .message import read_response, read_response_head
from .stream import Stream


def parse_address(text):
    """What socket.connect wants for "host:port", "[v6]:port" or "unix:/path", with the family."""
    if text.startswith("unix:"):
        return socket.AF_UNIX, text[len("unix:") :]
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


class Client(Stream):
    def __init__(self, address, source=None, receive_buffer=None):
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
        super().__init__(sock)

    def response(self, method="GET"):
        return read_response(self, method)

    def response_head(self):
        """The next head, an interim one too; its body stays unread."""
        return read_response_head(self)

    def get(self, path="/", host="example.test", method="GET", fields=(), body=None):
        """One plain exchange on this connection."""
        self.send(request(path, host, method, fields, body))
        return self.response(method)


def request(path="/", host="example.test", method="GET", fields=(), body=None):
    """The bytes of a plain HTTP/1.1 request; `fields` are whole lines without their end."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
