"""HTTP/2 clients that make work instead of asking for something. Each is told to calm down and is cut
off after a number of frames that does not depend on time, with one record in the security log; its
origin requests are few; and a good client beside it gets every answer."""

import threading

import pytest
from harness.deadline import eventually
from harness.floods import FLOODS, MAY_BREAK, stream
from harness.gate import Gate
from harness.http2 import INITIAL_WINDOW_SIZE, PREFACE, Http2Client, request, settings
from harness.origin import Origin, response
from harness.processes import anonymous_bytes
from harness.stream import Ended

CONFIG = """\
listen 127.0.0.1:0 h2c
workers 1
log requests json to @directory/requests.log
log security json to @directory/security.log
limits { connections-per-client 64; buffered 32M }
timeout { header 3s; send 3s; idle 30s; connect 5s }
site * { to @origin; route = /public { respond 200 "public" } }
"""
LARGE = bytes(1 << 20)
# With which error it ends. What breaks the rules of the protocol, or has more streams open than it may
# before our resets have gone, may be told that instead.
CALM = {"ENHANCE_YOUR_CALM"}
BROKEN = {"PROTOCOL_ERROR", "FLOW_CONTROL_ERROR"}


class GoodClient:
    """Asks again and again on a connection of its own, from an address of its own."""

    def __init__(self, address):
        self.address, self.answers, self.failure = address, 0, None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        while not self.stopping.is_set() and self.failure is None:
            with Http2Client(self.address) as client:
                try:
                    while not self.stopping.is_set() and not client.goaways:  # a new one when it is told to
                        self.ask(client)
                except Exception as error:  # told by assert_served()
                    self.failure = f"{error!r} after {self.answers} answers: {client.story()}"

    def ask(self, client):
        for path, body in (("/good", b"good"), ("/public", b"public")):
            message = client.get(path)
            assert (message.status, message.body, message.reset) == (200, body, None), client.story()
            client.forget()
            self.answers += 1

    def assert_served(self, more):
        until = self.answers + more
        eventually(lambda: self.answers >= until or self.failure, f"{more} more answers")
        assert self.failure is None, self.failure


def answer(got, connection):
    if got.target == "/wait":  # until the gate gives up
        connection.recv_all()
        raise Ended("FIN", b"")
    return response(LARGE if got.target == "/large" else b"good")


@pytest.fixture(scope="module")
def served():
    origin = Origin().serve(answer)
    gate = Gate(CONFIG, {"origin": origin}, bare=True, environment={"ASAN_OPTIONS": "quarantine_size_mb=4"})
    gate.start()
    failed = True
    try:
        yield gate, origin
        failed = False
    finally:
        gate.close(failed)
        origin.close()


def records_of(gate, source):
    """Of the connection's end, not of the requests that it refused before."""
    ends = ("h2.abuse-", "h2.protocol-error")
    return [r for r in gate.security_log.records() if r["client"] == source and r["reason"].startswith(ends)]


def pour(client, unit, count):
    """Sends units until the gate has ended the connection; how many it took at most."""
    for i in range(0, count, 50):
        client.send_as_far_as_taken(b"".join(unit(n) for n in range(i, min(i + 50, count))))
        if client.has_ended_so_far():
            return i + 50
    client.read_to_end()
    return count


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends(served, name):
    gate, origin = served
    begin, unit, most = FLOODS[name]
    source = f"127.0.2.{list(FLOODS).index(name) + 1}"
    before = len(origin.connections)
    worker = gate.workers()[0]
    memory = anonymous_bytes(worker)
    with GoodClient(gate.address) as good, Http2Client(gate.address, source=source) as bad:
        good.assert_served(4)
        bad.send(begin)
        pour(bad, unit, 4 * most)
        bad.read_to_end()
        assert {code for _, code, _ in bad.goaways} <= CALM | (BROKEN if name in MAY_BREAK else set()), bad.story()
        assert bad.goaways and len(bad.frames) < most, (len(bad.frames), bad.story())
        good.assert_served(20)
    eventually(lambda: records_of(gate, source), "a record")
    assert len(records_of(gate, source)) == 1, records_of(gate, source)
    assert "|" in records_of(gate, source)[0]["h2"]  # what to know the program by
    assert gate.workers()[0] == worker
    assert anonymous_bytes(worker) - memory < 48 << 20
    assert len(origin.connections) - before <= 300  # of both clients


def test_streams_whose_windows_stay_shut_hold_up_nobody_and_end(served):
    """Each asks for a megabyte and takes nothing: what waits is bounded, and `timeout send` ends it."""
    gate, _ = served
    streams = [stream(i) for i in range(90)]
    with GoodClient(gate.address) as good, Http2Client(
        gate.address, source="127.0.3.1", preface=PREFACE + settings((INITIAL_WINDOW_SIZE, 0)), gives_window=False
    ) as bad:
        bad.send(*[request(n, path="/large") for n in streams])
        bad.read_until(lambda: all(bad.stream(n).fields or bad.stream(n).reset for n in streams), "heads")
        good.assert_served(20)
        assert gate.metrics().get("portcullis_buffered_bytes") <= 32 << 20
        bad.read_until(lambda: all(bad.stream(n).reset for n in streams), "the end of the streams")
        assert not any(bad.stream(n).body for n in streams)
        good.assert_served(20)
    eventually(lambda: gate.metrics().get("portcullis_buffered_bytes") == 0, "nothing left of it")
