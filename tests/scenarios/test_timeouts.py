"""Every limit of `timeout`: who is too slow is told which option was hit, nothing that was cut is
completed for anybody, and those beside it are served. The spans are short; what counts is that the
events come, in their order."""

import os
import socket
import threading

import pytest
from harness import websocket
from harness.client import request
from harness.deadline import SECONDS, eventually
from harness.origin import response
from harness.stream import FIN, RESET, Ended

LARGE = bytes(i % 251 for i in range(1 << 20)) * 16


def record_of(gate, path):
    return gate.requests_log.wait_for(lambda r: r["uri"] == path)


def security(gate, reason):
    return gate.security_log.wait_for(lambda r: r["reason"] == reason)


@pytest.fixture
def good(request):
    """A well-behaved client that goes on beside everything else: each answer is checked."""

    class Good:
        def __init__(self, gate, host="example.test"):
            self.gate, self.host = gate, host
            self.stopping, self.answers, self.problems = threading.Event(), 0, []
            self.thread = threading.Thread(target=self.run, daemon=True)
            self.thread.start()

        def run(self):
            try:
                while not self.stopping.is_set():
                    with self.gate.client() as client:
                        for _ in range(5):
                            assert client.get("/good", host=self.host).status == 200
                            self.answers += 1
            except BaseException as problem:
                self.problems.append(problem)

        def check(self):
            before = self.answers
            eventually(lambda: self.answers > before + 10 or self.problems, "the good one goes on")
            self.stopping.set()
            self.thread.join(timeout=60)
            assert not self.problems, self.problems

    return Good


GOOD = "site good.test { respond 200 good }\n"


# --- header ----------------------------------------------------------------------------------------


def test_slow_heads_end_in_their_time(gate, origin, good):
    """Many clients that send a byte now and then: the time is that of the whole head."""
    g = gate(GOOD + "timeout { header 700ms }\nsite * { to @origin }", origin=origin)
    beside = good(g, "good.test")
    clients = [g.client() for _ in range(60)]
    stopping = threading.Event()

    def drip():
        for byte in b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: " + b"s" * 10000:
            for client in clients:
                try:
                    client.socket.send(bytes([byte]))
                except OSError:
                    pass
            if stopping.wait(0.05):
                return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        for client in clients:
            answer = client.response()
            assert (answer.status, answer.get("connection")) == (408, "close")
    finally:
        stopping.set()
        thread.join()
    for client in clients:
        client.finish()
        client.recv_all()
        client.close()
    beside.check()
    records = [r for r in g.security_log.wait(60) if r["reason"] == "timeout.header"]
    assert len(records) == 60
    assert all(r["status"] == 408 and "`timeout header`" in r["text"] for r in records)
    assert origin.has_no_connection()


def test_who_says_nothing_at_all_is_hung_up_on(gate, origin):
    g = gate("timeout { header 300ms }\nsite * { to @origin }", origin=origin)
    with g.client() as client:
        client.assert_ended(FIN)
    assert g.security_log.records() == []


def test_a_slow_head_on_a_kept_connection_ends_too(gate, origin):
    origin.serve()
    g = gate("timeout { header 300ms }\nsite * { to @origin }", origin=origin)
    with g.client() as client:
        assert client.get().status == 200
        client.send(b"GET /slow HTTP/1.1\r\n")
        assert client.response().status == 408
        client.finish().assert_ended(FIN)
    assert len(origin.requests) == 1


# --- idle ------------------------------------------------------------------------------------------


def test_an_idle_kept_connection_ends_in_its_time(gate, origin):
    origin.serve()
    g = gate("timeout { idle 300ms }\nsite * { to @origin }", origin=origin)
    with g.client() as client:
        for _ in range(3):
            assert client.get().status == 200
        client.assert_ended(FIN)
    assert g.security_log.records() == []
    eventually(lambda: g.metrics().get("portcullis_connections_open") == 0, "no connection")


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_stops_is_refused_and_never_finished(gate, origin, framing):
    g = gate("site * { to @origin; timeout { idle 300ms } }", origin=origin)
    start = b"5\r\nhello\r\n" if "chunked" in framing else b"hello"
    with g.client() as client:
        client.send(request("/stops", method="POST", fields=[framing]) + start)
        connection = origin.accept()
        connection.request_head()
        assert client.response("POST").status == 408
        rest = connection.recv_all()
        assert rest == start
        client.finish()
        client.recv_all()
    record = security(g, "timeout.body")
    assert (record["status"], "`timeout idle`" in record["text"]) == (408, True)


ANSWERS_THAT_STOP = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "close": b"HTTP/1.1 200 OK\r\n\r\nhello",
}


@pytest.mark.parametrize("where", ["site", "origin"])
@pytest.mark.parametrize("kind", ANSWERS_THAT_STOP)
def test_a_response_that_stops_is_cut_and_not_completed(gate, origin, kind, where):
    text = {
        "site": "site * { to app; timeout { idle 300ms } }\norigin app { server @origin }",
        "origin": "site * { to app }\norigin app { server @origin; timeout { idle 300ms } }",
    }[where]
    g = gate(text, origin=origin)
    with g.client() as client:
        client.send(request("/stops"))
        connection = origin.accept()
        connection.request()
        connection.send(ANSWERS_THAT_STOP[kind])
        assert client.response_head().status == 200
        with pytest.raises(Ended) as end:
            while True:
                client.recv_some()
        assert end.value.how == RESET
        assert client.received.endswith(b"hello" if kind == "length" else b"hello\r\n")
        connection.recv_all()
        assert connection.ended  # it is not used again
    record = record_of(g, "/stops")
    assert (record["status"], record["reason"], record["fault"]) == (200, "upstream.idle", "upstream")


# --- head ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["site", "origin"])
def test_an_origin_that_does_not_answer_is_given_up(gate, origin, good, where):
    text = {
        "site": "site * { to app; timeout { head 300ms } }\norigin app { server @origin }",
        "origin": "site * { to app }\norigin app { server @origin; timeout { head 300ms } }",
    }[where]
    g = gate(GOOD + text, origin=origin)
    beside = good(g, "good.test")
    for sent in (b"", b"HTTP/1.1 200 OK\r\nX-Half:"):
        with g.client() as client:
            client.send(request("/slow", method="POST", body=b"once"))
            connection = origin.accept()
            assert connection.request().body == b"once"
            connection.send(sent)
            answer = client.response("POST")
            assert (answer.status, answer.get("connection")) == (504, None)
            connection.recv_all()
            assert connection.ended
            assert origin.has_no_connection()  # nobody asks a slow origin twice
            assert client.get(host="good.test").status == 200
    record = record_of(g, "/slow")
    assert (record["reason"], record["fault"]) == ("upstream.head-timeout", "upstream")
    beside.check()


def test_the_time_of_the_head_begins_behind_the_body(gate, origin):
    """A long upload is not a slow origin."""
    g = gate("site * { to @origin; timeout { head 500ms } }", origin=origin)
    with g.client() as client:
        client.send(request("/", method="POST", fields=["Content-Length: 12"]))
        connection = origin.accept()
        connection.request_head()
        pause = threading.Event()
        for i in range(12):  # three times as long as the head may take
            client.send(b"x")
            connection.recv_exactly(1)
            pause.wait(0.12)
        connection.respond(b"done")
        assert client.response("POST").body == b"done"


# --- send ------------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_is_cut(gate, origin, good):
    origin.serve(lambda got, connection: response(LARGE if got.target == "/large" else b"small"))
    g = gate("site * { to @origin; timeout { send 400ms } }", origin=origin)
    beside = good(g)
    with g.client(receive_buffer=4096) as client:
        client.send(request("/large"))
        record = record_of(g, "/large")
        assert (record["reason"], record["fault"]) == ("timeout.send", "client")
        assert record["bytes_out"] < len(LARGE)
        with pytest.raises(Ended) as end:
            client.response()
        assert end.value.how == RESET
    beside.check()


def test_an_origin_that_does_not_read_is_given_up(gate, origin, good):
    g = gate(
        GOOD + "site * { to app; limits { body 100M } }\n"
        "origin app { server @origin; timeout { send 400ms; head 400ms } }",
        origin=origin,
    )
    beside = good(g, "good.test")
    with g.client() as client:
        client.send(request("/up", method="POST", fields=[f"Content-Length: {len(LARGE)}"]))
        connection = origin.accept()
        sender = threading.Thread(target=client.send_as_far_as_taken, args=(LARGE,), daemon=True)
        sender.start()
        answer = client.response("POST")
        assert answer.status == 504
        connection.close()
        client.socket.shutdown(2)
        sender.join(timeout=60)
    record = record_of(g, "/up")
    assert (record["reason"], record["fault"]) == ("upstream.send-timeout", "upstream")
    beside.check()


def test_an_origin_that_takes_no_more_and_says_nothing_is_given_up(gate, origins):
    """It has ended its side for reading, and does not answer either."""
    g = gate("site * { to unix:@directory/app; timeout { head 400ms } }", start=False)
    origin = origins(path=f"{g.directory}/app")
    os.chmod(f"{g.directory}/app", 0o777)
    g.start()
    with g.client() as client:
        client.send(request("/up", method="POST", fields=["Content-Length: 10000000"]))
        connection = origin.accept()
        connection.request_head()
        connection.socket.shutdown(socket.SHUT_RD)
        connection.send(b"HTTP/1.1 ")
        sender = threading.Thread(
            target=client.send_as_far_as_taken, args=(LARGE[:10000000],), daemon=True
        )
        sender.start()
        assert client.response("POST").status == 504
        client.socket.shutdown(2)
        sender.join(timeout=60)
    assert record_of(g, "/up")["reason"] == "upstream.head-timeout"


# --- total -----------------------------------------------------------------------------------------


def test_an_exchange_as_a_whole_has_its_time(gate, origin):
    """Whatever it waits for when the time is over, the log says which option was hit."""
    g = gate(
        """
        site * {
          to @origin
          timeout { total 400ms }
          route /long/* { timeout { total 1h } }
        }
        site busy.test { to app; timeout { total 400ms } }
        origin app { server @origin max 1; queue 5 for 60s }
        """,
        origin=origin,
    )
    with g.client() as client:
        client.send(request("/head"))
        one = origin.accept()
        one.request()
        assert client.response().status == 504
    with g.client() as client:
        client.send(request("/response"))
        two = origin.accept()
        two.request()
        two.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        stopping = threading.Event()

        def drip():
            try:
                while not stopping.wait(0.05):
                    two.send(b"1\r\nx\r\n")
            except OSError:
                pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(Ended) as end:
            client.response()
        assert end.value.how == RESET
        stopping.set()
        thread.join()
    with g.client() as client:
        client.send(request("/request", method="POST", fields=["Content-Length: 100000"]))
        three = origin.accept()
        for _ in range(100000):
            try:
                client.socket.send(b"x")
            except OSError:
                break
            if not client.has_nothing_now():
                break
            threading.Event().wait(0.02)
        assert client.response("POST").status == 408
        body = three.recv_all()
        assert len(body.partition(b"\r\n\r\n")[2]) < 100000
    with g.client() as client:  # a route may have more
        client.send(request("/long/x"))
        four = origin.accept()
        four.request()
        threading.Event().wait(0.5)
        four.respond()
        assert client.response().status == 200
    with g.client() as client, g.client() as waiting:
        client.send(request("/first", host="busy.test"))
        five = origin.accept()
        five.request()
        waiting.send(request("/queue", host="busy.test"))
        assert waiting.response().status == 504
        assert client.response().status == 504
    for path in ("/head", "/response", "/request", "/queue"):
        record = record_of(g, path)
        assert record["reason"] == "timeout.total", record
        assert record["fault"] == ("client" if path == "/request" else "upstream")
    assert "`timeout total`" in security(g, "timeout.total")["text"]


def test_a_reader_that_takes_a_little_now_and_then_ends_with_the_total(gate, origin):
    origin.serve(lambda got, connection: response(LARGE))
    g = gate("site * { to @origin; timeout { total 600ms; send 60s } }", origin=origin)
    with g.client(receive_buffer=4096) as client:
        client.send(request("/large"))
        client.socket.settimeout(SECONDS)
        with pytest.raises(ConnectionResetError):
            while client.socket.recv(64):
                threading.Event().wait(0.01)
    assert record_of(g, "/large")["reason"] == "timeout.total"


# --- tunnels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [True, False])
def test_an_idle_tunnel_ends_when_idle_is_written(gate, origin, written):
    """Not written, a tunnel has an hour, whatever the total is."""
    idle = "idle 1500ms; " if written else ""
    g = gate(f"site * {{ to @origin; timeout {{ {idle}total 300ms }} }}", origin=origin)
    with g.client() as client:
        client.send(websocket.handshake())
        connection = origin.accept()
        connection.request()
        connection.send(websocket.agreement())
        assert client.response_head().status == 101
        pause = threading.Event()
        for _ in range(6):  # longer than the total
            pause.wait(0.1)
            connection.send(b"tick")
            assert client.recv_exactly(4) == b"tick"
        if written:
            client.recv_all()
            connection.recv_all()
            assert client.ended and connection.ended
        else:
            client.send(b"tock")
            assert connection.recv_exactly(4) == b"tock"
        connection.close()
    eventually(lambda: g.metrics().get("portcullis_tunnels_open") == 0, "no tunnel")


# --- body-rate -------------------------------------------------------------------------------------


def test_slow_bodies_end_by_their_rate(gate, origin, good):
    """From its tenth second on an upload must have come at the rate: one that drips does not, nor one
    that has stopped; one that is fast enough does, and one that its origin holds back."""
    g = gate(
        GOOD + "site * { to @origin; limits { body-rate 1K/s; body 100M }\n"
        "timeout { idle 60s; send 60s; head 60s } }",
        origin=origin,
    )
    beside = good(g, "good.test")
    size = 32 << 20
    names = ("drips", "stopped", "steady", "held back")
    clients, connections = {}, {}
    for name in names:
        client = clients[name] = g.client()
        length = size if name == "held back" else 100000
        path = "/" + name.replace(" ", "-")
        client.send(request(path, method="POST", fields=[f"Content-Length: {length}"]))
        connections[name] = origin.accept()
        connections[name].request_head()
    stopping = threading.Event()

    def send():
        clients["stopped"].send(b"s" * 900)
        sent, more = 0, True
        while not stopping.wait(0.25):
            for name, piece in (("drips", b"d"), ("steady", b"f" * 1000)):
                if name == "steady" and sent + 1000 > 99000:
                    continue
                sent += 1000 * (name == "steady")
                try:
                    clients[name].socket.send(piece)
                except OSError:
                    pass

    def push():
        clients["held back"].send_as_far_as_taken(b"h" * size)

    threads = [threading.Thread(target=f, daemon=True) for f in (send, push)]
    for thread in threads:
        thread.start()
    for name in ("drips", "stopped"):
        answer = clients[name].response("POST")
        assert (answer.status, answer.get("connection")) == (408, "close"), name
    eventually(lambda: len(g.security_log.records()) == 2, "two refusals")
    for record in g.security_log.records():
        assert (record["reason"], record["status"]) == ("limits.body-rate", 408)
        assert "`limits body-rate`" in record["text"]
    # what the origin has held back for all that time goes on when it reads
    assert connections["held back"].recv_exactly(size) == b"h" * size
    connections["held back"].respond(b"all of it")
    assert clients["held back"].response("POST").body == b"all of it"
    stopping.set()
    for thread in threads:
        thread.join()
    assert clients["steady"].has_nothing_now()
    for name in ("drips", "stopped"):
        assert len(connections[name].recv_all()) < 100000
    beside.check()
    for client in clients.values():
        client.close()
