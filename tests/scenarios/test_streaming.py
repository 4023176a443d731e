"""Bytes that flow: both ways at once, early answers, half-closed and lost clients, events, slow
readers, and bodies of any size within constant memory."""

import fcntl
import os
import signal
import socket
import termios
import threading

import pytest
from harness.client import Client, request
from harness.deadline import Deadline, eventually
from harness.processes import resident_bytes
from harness.stream import FIN, Ended

SITE = """
limits { body 1G }
site * { to @origin }
"""
CHUNKED = "Transfer-Encoding: chunked"
MEBI = 1 << 20


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def read_chunk(stream):
    size = int(stream.recv_until(b"\r\n"), 16)
    data = stream.recv_exactly(size)
    assert stream.recv_exactly(2) == b"\r\n"
    return data


def open_upload(client, origin, fields=(CHUNKED,), path="/up"):
    """A POST whose body has not begun; the origin's side with the head read."""
    client.send(request(path, method="POST", fields=fields))
    connection = origin.accept()
    connection.request_head()
    return connection


# --- Both ways at once -----------------------------------------------------------------------------


def test_a_request_body_goes_on_while_the_response_comes(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        connection = open_upload(client, origin)
        client.send(chunk(b"one"))
        assert read_chunk(connection) == b"one"
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        head = client.response_head()
        assert head.get("transfer-encoding") == "chunked"
        for i in range(20):  # each piece is there before the next one is sent
            client.send(chunk(b"ping %d" % i))
            assert read_chunk(connection) == b"ping %d" % i
            connection.send(chunk(b"pong %d" % i))
            assert read_chunk(client) == b"pong %d" % i
        client.send(b"0\r\n\r\n")
        assert connection.recv_exactly(5) == b"0\r\n\r\n"
        connection.send(b"0\r\n\r\n")
        assert client.recv_exactly(5) == b"0\r\n\r\n"
        # it was an early answer: the connection was announced to end, and ends well
        assert head.get("connection") == "close"
        client.assert_ended(FIN)
    record = g.requests_log.wait(1)[0]
    assert (record["status"], record.get("reason")) == (200, None)


def test_an_echo_of_many_megabytes_does_not_lock_up(gate, origin):
    g = gate(SITE, origin=origin)
    size = 12 * MEBI
    block = bytes(range(256)) * 256
    with g.client() as client:
        connection = open_upload(client, origin, [f"Content-Length: {size}"])
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)

        def play_echo():
            left = size
            while left:
                data = connection.socket.recv(65536)
                connection.socket.sendall(data)
                left -= len(data)

        connection.socket.settimeout(60)
        client.socket.settimeout(60)
        player = threading.Thread(target=play_echo)
        sender = threading.Thread(
            target=lambda: [client.socket.sendall(block) for _ in range(size // len(block))]
        )
        player.start()
        sender.start()
        client.response_head()
        assert_bytes(client, size, block)
        sender.join(60)
        player.join(60)
        client.assert_ended(FIN)


def assert_bytes(stream, size, block):
    """Reads `size` bytes that repeat `block`, keeping none of them."""
    at, view = 0, bytearray(256 * 1024)
    data = stream.take(min(size, len(stream.buffer)))
    doubled = block * (len(view) // len(block) + 2)
    while True:
        start = at % len(block)
        assert data == doubled[start : start + len(data)], f"not what was sent, near byte {at}"
        at += len(data)
        if at == size:
            return
        stream.socket.settimeout(Deadline().left())
        got = stream.socket.recv_into(view, min(len(view), size - at))
        if got == 0:
            raise Ended(FIN, b"")
        data = bytes(view[:got])


# --- Early answers ---------------------------------------------------------------------------------


def test_an_early_answer_of_the_origin_is_readable_although_the_client_goes_on(gate, origin):
    g = gate(SITE, origin=origin)
    for closes in (True, False):
        with g.client() as client:
            connection = open_upload(client, origin, [f"Content-Length: {200 * MEBI}"])
            client.send(b"x" * 100_000)
            connection.recv_exactly(1)
            connection.respond(b"too much", status="413 Content Too Large")
            if closes:
                connection.close()  # with bytes unread: the origin resets
            sent = client.send_as_far_as_taken(b"y" * 4 * MEBI)
            assert sent == 4 * MEBI, closes
            answer = client.response("POST")
            assert (answer.status, answer.body) == (413, b"too much"), closes
            assert answer.get("connection") == "close"
            client.finish().assert_ended(FIN)
            if not closes:
                with pytest.raises(Ended):  # what the origin has of the body is never finished
                    connection.recv_exactly(200 * MEBI)
    assert [r["status"] for r in g.requests_log.wait(2)] == [413, 413]


def test_our_own_early_refusal_is_readable_although_the_client_goes_on(gate, origin):
    g = gate(
        """
        limits { body 1K }
        site * { to @origin; route /closed { deny all; limits { body 1G } } }
        """,
        origin=origin,
    )
    cases = [
        ("/", [f"Content-Length: {200 * MEBI}"], b"", 413),
        ("/closed", [f"Content-Length: {200 * MEBI}"], b"", 403),
        ("/closed", [CHUNKED], b"10000\r\n", 403),
        ("/", ["Content-Length: 5", CHUNKED], b"", 400),
        ("/a b", ["Content-Length: 5"], b"", 400),
    ]
    for path, fields, begin, status in cases:
        with g.client() as client:
            client.send(request(path, method="POST", fields=fields), begin)
            assert client.send_as_far_as_taken(b"y" * 4 * MEBI) == 4 * MEBI, path
            answer = client.response("POST")
            assert answer.status == status, path
            client.finish().assert_ended(FIN)
    assert origin.has_no_connection()


def test_a_chunked_body_that_grows_too_long_is_cut_for_the_origin(gate, origin):
    g = gate("limits { body 100K }\nsite * { to @origin }", origin=origin)
    with g.client() as client:
        connection = open_upload(client, origin)
        client.send(chunk(b"x" * 60_000))
        assert read_chunk(connection)
        client.send(chunk(b"y" * 60_000), b"0\r\n\r\n")
        answer = client.response("POST")
        assert answer.status == 413
        client.finish().assert_ended(FIN)
        with pytest.raises(Ended) as cut:
            while True:
                connection.recv_exactly(1)
        assert b"0\r\n\r\n" not in connection.received, cut.value
    assert g.security_log.wait(1)[0]["reason"] == "limits.body"


def test_an_answer_survives_a_client_that_stops_its_body(gate, origin):
    """The client sees an error coming, stops sending and half-closes: it still gets all of it."""
    g = gate(SITE, origin=origin)
    with g.client() as client:
        connection = open_upload(client, origin, ["Content-Length: 1000"])
        client.send(b"x" * 10)
        connection.recv_exactly(10)
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 10\r\n\r\nfirst")
        assert client.response_head().status == 413
        assert client.recv_exactly(5) == b"first"
        client.finish()
        with pytest.raises(Ended):
            connection.recv_exactly(1)  # the end of the body that never comes is passed on
        connection.send(b"later")
        assert client.recv_exactly(5) == b"later"
        client.assert_ended(FIN)


# --- Half-closed clients ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_half_closes_gets_its_answer(gate, origin, version):
    g = gate(SITE, origin=origin)
    head = f"GET / HTTP/{version}\r\nHost: a.test\r\n\r\n".encode()
    with g.client() as together, g.client() as apart:
        together.send(head).finish()
        first = origin.accept()
        first.request()
        apart.send(head)
        second = origin.accept()
        second.request()
        apart.finish()
        if version == "1.1":  # who seems to have gone is asked, and is there
            for client in (together, apart):
                assert client.response_head().status == 100
        for client, connection in ((together, first), (apart, second)):
            connection.respond(b"still there")
            assert client.response().body == b"still there"
            client.assert_ended(FIN)
    assert [r["status"] for r in g.requests_log.wait(2)] == [200, 200]


def test_a_half_close_in_the_middle_of_a_response_changes_nothing(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client, g.client() as other:
        client.send(request())
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        assert client.response_head().status == 200
        assert client.recv_exactly(5) == b"first"
        client.finish()
        # one that waits for its head and half-closed later has been asked: this one never will be
        other.send(request()).finish()
        assert other.response_head().status == 100
        connection.send(b"later")
        assert client.recv_exactly(5) == b"later"
        client.assert_ended(FIN)


def waiting_bytes(sock):
    count = bytearray(4)
    fcntl.ioctl(sock, termios.FIONREAD, count)
    return int.from_bytes(count, "little")


def test_a_client_is_not_asked_whether_it_is_there_inside_its_response(gate, origins):
    """An early answer waits for its reader; meanwhile the request's body ends, then the client
    half-closes. Unix sockets hold little: the first response fills what the second would need."""
    config = "listen unix:@directory/front\nsite * { to unix:@directory/origin }"
    g = gate(config, start=False)
    origin = origins(path=f"{g.directory}/origin")
    os.chmod(f"{g.directory}/origin", 0o777)
    g.start()
    first, second = b"f" * 150_000, b"s" * 150_000
    front = f"unix:{g.directory}/front"
    with Client(front) as client, Client(front) as other:
        client.send(request("/first"))
        connection, _ = origin.exchange(body=first)
        g.requests_log.wait(1)
        unread = waiting_bytes(client.socket)
        assert unread > len(first)
        client.send(request("/up", method="POST", fields=(CHUNKED,)), chunk(b"one"))
        connection.request_head()
        assert read_chunk(connection) == b"one"
        workers = g.workers()
        for pid in workers:
            g.kill(pid, signal.SIGSTOP)  # so that all of this is found at once
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(second) + 5)
        connection.send(head, second)
        for pid in workers:
            g.kill(pid, signal.SIGCONT)
        eventually(lambda: waiting_bytes(client.socket) > unread, "the second response to begin")
        client.send(b"0\r\n\r\n")
        assert connection.recv_exactly(5) == b"0\r\n\r\n"
        assert client.response().body == first
        assert client.response_head().status == 200
        assert client.recv_exactly(len(second)) == second
        client.finish()
        other.send(request()).finish()  # would be asked later than the first
        assert other.response_head().status == 100
        connection.send(b"later")
        assert client.recv_exactly(5) == b"later"
        client.assert_ended(FIN)


# --- Clients that are gone -------------------------------------------------------------------------


def assert_cancelled(g, reasons=("client.gone",), status=499):
    record = g.requests_log.wait(1)[0]
    assert record["status"] == status and record["reason"] in reasons, record
    g.requests_log.skip()


def test_a_client_that_is_gone_cancels_the_wait_for_a_head(gate, origin):
    g = gate(SITE, origin=origin)
    for how in ("reset", "close", "close at once"):
        client = g.client()
        client.send(request())
        if how == "close at once":
            client.close()
        connection = origin.accept()
        connection.request()
        client.reset() if how == "reset" else client.close()
        connection.assert_ended()
        assert_cancelled(g)
    # with a body that has gone to the origin whole
    client = g.client()
    connection = open_upload(client, origin, ["Content-Length: 3"])
    client.send(b"abc")
    assert connection.recv_exactly(3) == b"abc"
    client.close()
    connection.assert_ended()
    assert_cancelled(g)


def test_a_client_that_is_gone_leaves_the_queue(gate, origin):
    g = gate(
        "origin app { server @origin max 1; queue 5 for 1m }\nsite * { to app }", origin=origin
    )
    with g.client() as first:
        first.send(request("/first"))
        connection = origin.accept()
        connection.request()
        for how in ("reset", "close"):
            client = g.client()
            client.send(request("/queued"))
            client.reset() if how == "reset" else client.close()
            assert_cancelled(g)
        connection.respond(b"1")
        assert first.response().body == b"1"
        assert origin.has_no_connection()


def test_a_client_that_is_gone_ends_a_connect(gate):
    # a listener whose queue is full: the loopback then drops further connections
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    address = full.getsockname()
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    g = gate("timeout connect 5m\nsite * { to 127.0.0.1:@port }", port=address[1])
    for how in ("reset", "close"):
        client = g.client()
        client.send(request())
        client.reset() if how == "reset" else client.close()
        assert_cancelled(g)
    for filler in [*fillers, full]:
        filler.close()


def test_a_client_that_goes_away_in_its_body_cuts_the_origins_request(gate, origin):
    g = gate(SITE, origin=origin)
    for fields, sent in (([CHUNKED], chunk(b"abc")), (["Content-Length: 10"], b"abc")):
        for how in ("reset", "close"):
            client = g.client()
            connection = open_upload(client, origin, fields)
            client.send(sent)
            assert connection.recv_exactly(len(sent)) == sent
            client.reset() if how == "reset" else client.close()
            connection.assert_ended()
            assert_cancelled(g, ("client.closed", "client.gone"))


def test_a_client_that_goes_away_in_the_response_ends_the_origins(gate, origin):
    g = gate(SITE, origin=origin)
    for how in ("reset", "close"):
        client = g.client()
        client.send(request())
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"event"))
        client.response_head()
        assert read_chunk(client) == b"event"
        client.reset() if how == "reset" else client.close()
        if how == "close":  # only the next event can tell a close from a half-close
            connection.send(chunk(b"event"))
        connection.assert_ended()
        assert_cancelled(g, ("client.closed", "client.gone"), 200)


# --- Events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_events_are_not_held_back(gate, origin, framing, version):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(f"GET /events HTTP/{version}\r\nHost: a.test\r\n\r\n".encode())
        connection = origin.accept()
        connection.request()
        field = b"Transfer-Encoding: chunked\r\n" if framing == "chunked" else b""
        connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + field + b"\r\n"
        )
        head = client.response_head()  # before the first event
        assert head.all("transfer-encoding") == ([b"chunked"] if version == "1.1" else [])
        for i in range(50):
            event = b"data: %d\n\n" % i
            connection.send(chunk(event) if framing == "chunked" else event)
            got = read_chunk(client) if version == "1.1" else client.recv_exactly(len(event))
            assert got == event
        if framing == "chunked":
            connection.send(b"0\r\n\r\n")
        connection.close()
        if version == "1.1":
            assert client.recv_exactly(5) == b"0\r\n\r\n"
        else:
            client.assert_ended(FIN)


# --- Any size, constant memory ---------------------------------------------------------------------

BLOCK = bytes(i * 7 % 251 for i in range(64 * 1024))
LARGE = 96 * MEBI
GROWTH_MAX = 24 * MEBI  # of a worker, ASan's own bookkeeping included


class Watch:
    """How much one worker grows, and how many bytes the gate says it holds."""

    def __init__(self, g):
        (self.pid,) = g.workers()
        self.begin = resident_bytes(self.pid)

    def assert_small(self):
        grown = resident_bytes(self.pid) - self.begin
        assert grown < GROWTH_MAX, f"the worker grew by {grown >> 10} KiB"


def send_blocks(sock, size):
    sock.settimeout(120)
    for _ in range(size // len(BLOCK)):
        sock.sendall(BLOCK)


def serve_large(got, connection):
    if got.target == "/chunked":
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.socket.settimeout(120)
        for _ in range(LARGE // len(BLOCK)):
            connection.socket.sendall(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK))
        return b"0\r\n\r\n"
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    send_blocks(connection.socket, LARGE)
    return None


def test_large_downloads_take_constant_memory(gate, origin):
    origin.serve(serve_large)
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.get("/x", method="TRACE")
    watch = Watch(g)
    with g.client() as client:
        client.send(request("/length"))
        assert client.response_head().get("content-length") == str(LARGE)
        assert_bytes(client, LARGE, BLOCK)
        watch.assert_small()
        client.send(request("/length"))  # the connection goes on
        assert client.response_head().status == 200
    with g.client() as client:  # of unknown length, to a client of HTTP/1.0
        client.send(b"GET /chunked HTTP/1.0\r\nHost: a.test\r\n\r\n")
        assert client.response_head().all("content-length") == []
        assert_bytes(client, LARGE, BLOCK)
        client.assert_ended(FIN)
    watch.assert_small()


def test_large_uploads_take_constant_memory(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.get("/x", method="TRACE")
    watch = Watch(g)
    with g.client() as client:
        connection = open_upload(client, origin, [f"Content-Length: {LARGE}"])
        sender = threading.Thread(target=send_blocks, args=(client.socket, LARGE))
        sender.start()
        assert_bytes(connection, LARGE, BLOCK)
        sender.join(60)
        watch.assert_small()
        connection.respond(b"all of it")
        answer = client.response("POST")
        assert (answer.body, answer.get("connection")) == (b"all of it", None)


def test_slow_readers_hold_back_the_origin(gate, origin):
    """Nobody reads: what is under way is bounded, and all of it comes when reading begins."""
    origin.serve(serve_large)
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.get("/x", method="TRACE")
    watch = Watch(g)
    clients = [g.client(receive_buffer=4096) for _ in range(12)]
    try:
        for client in clients:
            client.send(request("/length"))
            client.response_head()
        # all of them stand still: what a worker holds no longer grows
        steady(lambda: g.metrics().get("portcullis_buffered_bytes"))
        assert g.metrics().get("portcullis_buffered_bytes") < len(clients) * MEBI
        watch.assert_small()
        clients[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MEBI)
        assert_bytes(clients[0], LARGE, BLOCK)
    finally:
        for client in clients:
            client.reset()
    with g.client() as client:
        assert client.get("/x", method="TRACE").status == 405
    eventually(lambda: g.metrics().get("portcullis_buffered_bytes") == 0, "buffers given back")


def steady(look, times=5):
    """Until `look()` gives the same value several times in a row."""
    seen = []

    def is_steady():
        seen.append(look())
        return len(seen) >= times and len(set(seen[-times:])) == 1

    eventually(is_steady, "a steady value")


# --- Large heads -----------------------------------------------------------------------------------


def head_of(first_line, size):
    """A head of exactly `size` bytes: lines of up to 16,000."""
    lines, have = [first_line], len(first_line) + 4
    while have < size:
        room = min(size - have, 16_000)
        if 0 < size - have - room < 20:
            room -= 20
        lines.append(b"X-%d: " % len(lines) + b"v" * (room - 2 - len(b"X-%d: " % len(lines))))
        have += room
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    assert len(head) == size
    return head


def test_heads_may_be_as_large_as_the_limit_and_no_larger(gate, origin):
    limit = 64 * 1024
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 2"
    origin.serve(lambda got, connection: head_of(first, int(got.target[1:])) + b"ok")
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for size in (16_384, 16_385, limit - 1, limit):
            client.send(head_of(b"GET /100 HTTP/1.1\r\nHost: a.test", size))
            assert client.response().body == b"ok"
            got = origin.requests[-1]
            assert sum(len(v) for n, v in got.fields if n[:2] == b"X-") > size - 600
            answer = client.get(f"/{size}")
            assert (answer.status, answer.body) == (200, b"ok"), size
            assert sum(len(v) for n, v in answer.fields if n[:2] == b"X-") > size - 600
        assert client.get(f"/{limit + 1}").status == 502
        client.send(head_of(b"GET /100 HTTP/1.1\r\nHost: a.test", limit + 1))
        assert client.response().status == 431
    reasons = [r.get("reason") for r in g.requests_log.wait(10)]
    assert reasons == [None] * 8 + ["upstream.head-length", "h1.head-length"]
