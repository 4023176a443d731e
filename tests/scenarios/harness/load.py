"""Continuous load of raw clients, to see what an operation costs those who are being served.

Each client checks every answer. A kept connection may be ended by the other side only after an
answer that said so (`Connection: close`); everything else is a failure, none is tried again."""

import threading

from .client import Client, request
from .message import read_response
from .stream import Ended

BODY = bytes(i % 251 for i in range(3000))


def echo(got, connection):
    """What the origin of a load answers: the method, the target and the body it was sent."""
    from .origin import response

    return response(b"%s %s %s" % (got.method.encode(), got.target.encode(), got.body))


class Load:
    """A context in which `clients` of each kind go on: gets and posts on kept connections, news on
    a new connection each time. `answers` counts what was served well, `failures` has the rest."""

    def __init__(self, address, gets=2, posts=1, news=1, host="example.test"):
        self.address, self.host = address, host
        self.lock = threading.Lock()
        self.answers, self.announced = 0, 0
        self.failures = []
        self.stopping = threading.Event()
        kinds = ["GET"] * gets + ["POST"] * posts + ["NEW"] * news
        self.threads = [
            threading.Thread(target=self._run, args=(kind, number), daemon=True)
            for number, kind in enumerate(kinds)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_answers(len(self.threads))
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def wait_answers(self, more):
        """Until `more` further answers have come (or something failed): the service goes on."""
        from .deadline import eventually

        until = self.answers + more
        eventually(lambda: self.answers >= until or self.failures, f"{more} more answers")

    def assert_no_failure(self):
        assert not self.failures, f"{len(self.failures)} of {self.answers}: {self.failures[:5]}"

    def _run(self, kind, number):
        client, served = None, 0
        while not self.stopping.is_set():
            try:
                if client is None:
                    client, served = Client(self.address), 0
                ends = self._exchange(client, kind, f"/{kind}/{number}/{self.answers}")
                served += 1
                if ends or kind == "NEW":
                    client.close()
                    client = None
            except (Ended, OSError, AssertionError) as problem:
                text = f"{kind}, answer {served + 1} of a connection: {problem!r}"
                with self.lock:
                    self.failures.append(text)
                if client:
                    client.close()
                client = None
        if client:
            client.close()

    def _exchange(self, client, kind, path):
        """One request; true when the answer announced the end."""
        body = BODY if kind == "POST" else None
        method = "POST" if kind == "POST" else "GET"
        client.received = b""  # nobody reads it here, and it would only grow
        client.send(request(path, self.host, method, body=body))
        answer = read_response(client, method)
        expected = b"%s %s %s" % (method.encode(), path.encode(), body or b"")
        assert answer.status == 200, answer.head
        assert answer.body == expected, f"another body: {answer.body[:80]!r}"
        ends = (answer.get("connection") or "").lower() == "close"
        with self.lock:
            self.answers += 1
            self.announced += ends
        return ends
