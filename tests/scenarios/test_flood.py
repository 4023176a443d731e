"""Many bad clients at once, from a few addresses, and one good client beside them that gets every
answer."""

import threading

from harness.client import Client, request
from harness.deadline import eventually
from harness.origin import response

LARGE = b"x" * (4 << 20)


class Attack:
    """A thread that keeps `count` connections in a bad state: what is ended is made anew."""

    def __init__(self, address, source, count, begin, drip=b""):
        self.address, self.source, self.count = address, source, count
        self.begin, self.drip = begin, drip
        self.made, self.stopping = 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(timeout=60)

    def open(self):
        client = Client(self.address, source=self.source, receive_buffer=4096)
        self.made += 1
        client.send(self.begin)
        return client

    def run(self):
        clients = []
        while not self.stopping.wait(0.02):
            kept = []
            for client in clients:
                try:
                    if self.drip:
                        client.socket.send(self.drip)
                    if not self.ended(client):
                        kept.append(client)
                        continue
                except OSError:
                    pass
                client.close()
            clients = kept
            try:
                while len(clients) < self.count and not self.stopping.is_set():
                    clients.append(self.open())
            except OSError:
                pass
        for client in clients:
            client.close()

    def ended(self, client):
        """Whether it was refused or hung up on. Who does not read finds out by its time."""
        if b"/large" in self.begin:
            return False
        return not client.has_nothing_now()


BEGINNINGS = {
    "127.0.0.2": ("heads that never end", b"GET /attack HTTP/1.1\r\nX-Slow: ", b"s"),
    "127.0.0.3": (
        "bodies that never end",
        b"POST /attack HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n",
        b"b",
    ),
    "127.0.0.4": ("connections that say nothing", b"", b""),
    "127.0.0.5": ("answers that nobody reads", request("/large"), b""),
    "127.0.0.6": ("requests that are malformed", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b""),
}


def test_a_good_client_gets_every_answer_in_a_flood(gate, origin):
    origin.serve(lambda got, connection: response(LARGE if got.target == "/large" else b"good"))
    g = gate(
        """workers 2
        limits { connections 240; connections-per-client 60; buffered 16M }
        timeout { header 2s; send 2s; idle 60s; connect 5s }
        site * { to @origin }
        """,
        origin=origin,
    )
    attacks = [
        Attack(g.address, source, 70, begin, drip)
        for source, (_, begin, drip) in BEGINNINGS.items()
    ]
    try:
        for attack in attacks:
            attack.__enter__()
        eventually(lambda: all(a.made >= 70 for a in attacks), "the flood has come")
        eventually(lambda: len(g.security_log.lines()) > 200, "it is being refused")
        kept = g.client()
        for i in range(150):
            answer = kept.get(f"/kept/{i}")
            assert (answer.status, answer.body) == (200, b"good"), i
            with g.client() as client:
                answer = client.get(f"/new/{i}", method=("GET", "POST")[i % 2], body=b"once")
                assert (answer.status, answer.body) == (200, b"good"), i
    finally:
        for attack in attacks:
            attack.__exit__()
    kept.close()
    good = [r for r in origin.requests if r.target.startswith(("/new/", "/kept/"))]
    assert len(good) == 300
    assert not any(r["client"] == "127.0.0.1" for r in g.security_log.records())
    reasons = {r["reason"] for r in g.security_log.records()}
    assert {"limits.connections-per-client", "h1.space-before-colon"} <= reasons, reasons

    def is_quiet():
        metrics = g.metrics()
        names = ("connections_open", "fibers", "buffered_bytes")
        return all(metrics.get(f"portcullis_{name}") == 0 for name in names)

    eventually(is_quiet, "everything of the flood has gone")
