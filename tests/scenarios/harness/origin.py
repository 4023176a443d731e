"""A scripted origin server. A test either takes its connections one by one with accept() and plays
the origin itself, or lets serve() answer every request on threads of its own. Every connection
keeps what it received, byte for byte."""

import socket
import threading

from .deadline import SECONDS, Deadline
from .message import read_request, read_request_head
from .stream import Ended, Stream


def response(body=b"ok", status="200 OK", fields=(), length=True):
    """The bytes of a plain response; `fields` are whole lines without their end."""
    lines = [f"HTTP/1.1 {status}", *fields]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class OriginConnection(Stream):
    """One connection that the proxy made."""

    def request(self):
        """The next request, read strictly to its end."""
        return read_request(self)

    def request_head(self):
        return read_request_head(self)

    def respond(self, body=b"ok", status="200 OK", fields=(), length=True):
        return self.send(response(body, status, fields, length))


class Origin:
    def __init__(self, host="127.0.0.1", path=None, backlog=4096, port=0, tls=None):
        self.tls = tls  # an ssl.SSLContext; the handshake takes place with the first bytes read
        family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(path or (host, port))
        self.listener.listen(backlog)
        if path:
            self.address = f"unix:{path}"
        else:
            self.port = self.listener.getsockname()[1]
            self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.connections = []
        self.requests = []  # that serve() answered, in the order of their arrival
        self.failures = []  # of the handlers of serve()
        self.lock = threading.Lock()
        self.threads = []
        self.closing = False

    def __str__(self):
        return self.address

    def connection_of(self, peer):
        if self.tls:
            peer = self.tls.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
        return OriginConnection(peer)

    # --- One by one -----------------------------------------------------------------------------

    def accept(self, seconds=None):
        deadline = Deadline(seconds)
        self.listener.settimeout(deadline.left("an origin connection"))
        try:
            peer, _ = self.listener.accept()
        except TimeoutError:
            raise TimeoutError(f"no origin connection within {deadline.seconds:g} s") from None
        connection = self.connection_of(peer)
        with self.lock:
            self.connections.append(connection)
        return connection

    def has_no_connection(self):
        """True when nobody has connected who was not accepted yet. A connection made before the
        proxy's answer was seen is visible here: the loopback completes it at once."""
        self.listener.setblocking(False)
        try:
            peer, _ = self.listener.accept()
        except BlockingIOError:
            return True
        connection = OriginConnection(peer)
        with self.lock:
            self.connections.append(connection)
        return False

    def exchange(self, **answer):
        """Takes a connection, reads one request, answers it; both are returned."""
        connection = self.accept()
        got = connection.request()
        connection.respond(**answer)
        return connection, got

    # --- On its own -----------------------------------------------------------------------------

    def serve(self, answer=None):
        """Answers every request until close(). `answer(request, connection)` gives the bytes to
        send, or None when it has sent them itself; Ended and OSError in it end the connection."""
        answer = answer or (lambda request, connection: response())
        thread = threading.Thread(target=self._accept_all, args=(answer,), daemon=True)
        self.threads.append(thread)
        thread.start()
        return self

    def _accept_all(self, answer):
        self.listener.settimeout(0.1)
        while not self.closing:
            try:
                peer, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            peer.settimeout(SECONDS)
            connection = self.connection_of(peer)
            thread = threading.Thread(target=self._answer_all, args=(connection, answer))
            thread.daemon = True
            with self.lock:
                self.connections.append(connection)
                self.threads.append(thread)
            thread.start()

    def _answer_all(self, connection, answer):
        try:
            while not self.closing:
                self._wait_for_bytes(connection)
                got = connection.request()
                with self.lock:
                    self.requests.append(got)
                data = answer(got, connection)
                if data is not None:
                    connection.send(data)
        except (Ended, OSError):
            pass
        except Exception as error:  # told by close()
            self.failures.append(error)
        finally:
            connection.close()

    def _wait_for_bytes(self, connection):
        """An idle connection may stay idle for as long as the test lasts."""
        connection.received = b""  # a busy origin does not keep everything
        while not connection.buffer and not self.closing:
            try:
                if not connection.fill(Deadline(0.2), "a request"):
                    raise Ended(connection.ended, b"")
            except TimeoutError:
                continue

    # --- The end --------------------------------------------------------------------------------

    def stop_listening(self):
        """Further connections are refused; those that exist go on."""
        self.listener.close()

    def close(self):
        self.closing = True
        self.listener.close()
        for connection in list(self.connections):
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in list(self.threads):
            thread.join(timeout=SECONDS)
        for connection in list(self.connections):
            connection.close()
        if self.failures:
            raise self.failures[0]
