"""Origins: how a server is chosen, what happens when it fails, how connections to it are kept, and
how `max` and the queue hold."""

import os
import signal
import socket
import threading

import pytest
from harness.client import request
from harness.deadline import SECONDS, Deadline, eventually
from harness.origin import OriginConnection, response
from harness.ports import reserve_port
from harness.stream import FIN, Ended

APP = "site * { to app }\n"


def reason_of(gate, path):
    record = gate.requests_log.wait_for(lambda r: r["uri"] == path)
    return record["status"], record.get("reason")


def named(letter):
    return lambda got, connection: response(letter)


def closed_port():
    """An address that refuses connections."""
    return f"127.0.0.1:{reserve_port()}"


class Blackhole:
    """A server whose backlog is full: it neither takes nor refuses a connection."""

    def __init__(self, path=None):
        family = socket.AF_UNIX if path else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(path or ("127.0.0.1", 0))
        self.listener.listen(0)
        self.fillers, self.connections = [], []
        for _ in range(4):
            filler = socket.socket(family, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)
        self.address = f"unix:{path}" if path else "127.0.0.1:%d" % self.listener.getsockname()[1]

    def __str__(self):
        return self.address

    def open(self):
        """Those who filled the backlog go."""
        self.listener.settimeout(SECONDS)
        for filler in self.fillers:
            filler.close()

    def connection(self):
        """The next one from somebody who says something."""
        while True:
            peer, _ = self.listener.accept()
            self.connections.append(OriginConnection(peer))
            try:
                self.connections[-1].fill(Deadline(), "a request")
            except OSError:
                continue
            if not self.connections[-1].ended:
                return self.connections[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [*self.fillers, self.listener, *self.connections]:
            sock.close()


# --- Choosing --------------------------------------------------------------------------------------


def test_weights_are_kept_exactly_and_smoothly(gate, origins):
    a, b, c = (origins().serve(named(letter)) for letter in (b"a", b"b", b"c"))
    g = gate(
        APP + "origin app { server @a weight 5; server @b; server @c weight 1 }", a=a, b=b, c=c
    )
    with g.client() as client:
        order = b"".join(client.get().body for _ in range(21))
    assert order == b"aabacaa" * 3


def test_a_server_that_refuses_is_passed_over(gate, origins):
    b = origins().serve(named(b"b"))
    g = gate(APP + "origin app { server @dead @b }", dead=closed_port(), b=b)
    with g.client() as client:
        for i in range(10):
            answer = client.get(f"/{i}", method=("GET", "POST")[i % 2], body=b"once")
            assert (answer.status, answer.body) == (200, b"b")
    assert len(b.requests) == 10
    metrics = g.metrics()
    assert metrics.sum("portcullis_origin_connect_failures_total") == 5
    assert metrics.sum("portcullis_origin_in_flight") == 0


def test_when_all_servers_refuse_the_client_is_told(gate):
    g = gate(
        APP + "origin app { server @one @two @three }",
        **{name: closed_port() for name in ("one", "two", "three")},
    )
    with g.client() as client:
        assert client.get("/a").status == 502
        assert client.get("/b").status == 502  # the client's connection goes on
    assert reason_of(g, "/a") == (502, "upstream.connect")
    record = g.requests_log.records()[0]
    assert (record["attempts"], record["fault"]) == (3, "upstream")
    assert g.metrics().sum("portcullis_origin_connect_failures_total") == 6


def test_a_server_that_does_not_answer_the_connect_is_passed_over_in_its_time(gate, origins):
    b = origins().serve(named(b"b"))
    with Blackhole() as hole:
        g = gate(
            APP + "origin app { server @hole weight 1000; server @b; timeout { connect 150ms } }\n"
            "site lone.test { to @hole; timeout { connect 150ms } }",
            hole=hole,
            b=b,
        )
        with g.client() as client:
            assert client.get().body == b"b"
            assert client.get("/lone", host="lone.test").status == 504
        assert reason_of(g, "/lone") == (504, "upstream.connect-timeout")


def test_an_origin_may_be_a_unix_socket(gate, origins):
    g = gate(
        "site * { to unix:@directory/app }\nsite none.test { to unix:@directory/none }", start=False
    )
    origin = origins(path=f"{g.directory}/app").serve(named(b"unix"))
    os.chmod(f"{g.directory}/app", 0o777)
    g.start()
    with g.client() as client:
        assert client.get().body == client.get().body == b"unix"
        assert client.get("/none", host="none.test").status == 502
    assert len(origin.connections) == 1
    assert reason_of(g, "/none") == (502, "upstream.connect")


def test_a_unix_socket_with_a_full_backlog_is_waited_for(gate):
    """Such a socket refuses at once where TCP would let the client wait."""
    g = gate(
        "site * { to unix:@directory/hole }\n"
        "site short.test { to unix:@directory/hole; timeout { connect 100ms } }",
        start=False,
    )
    with Blackhole(f"{g.directory}/hole") as hole:
        os.chmod(f"{g.directory}/hole", 0o777)
        g.start()
        with g.client() as client, g.client() as other:
            client.send(request("/waits"))
            assert other.get("/short", host="short.test").status == 504
            hole.open()
            assert hole.connection().request().target == "/waits"
            hole.connections[-1].respond(b"late")
            assert client.response().body == b"late"
        assert reason_of(g, "/short") == (504, "upstream.connect-timeout")


def test_an_origin_may_have_an_ipv6_address(gate, origins):
    origin = origins(host="::1").serve(named(b"six"))
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.response().body == b"six"
    assert origin.requests[0].get("host") == f"[::1]:{origin.port}"


# --- Connections that are kept ---------------------------------------------------------------------


def at_once(gate, count, origin, path="/at-once"):
    """`count` requests in flight at the same time; all are answered then."""
    clients = [gate.client() for _ in range(count)]
    connections = []
    for client in clients:
        client.send(request(path))
        connections.append(origin.accept())
        connections[-1].request()
    return clients, connections


def idle(gate):
    return gate.metrics().get("portcullis_origin_connections_idle")


def test_the_connection_used_last_is_used_first(gate, origin):
    g = gate("site * { to @origin }", origin=origin)
    clients, connections = at_once(g, 3, origin)
    for i in (2, 0, 1):
        connections[i].respond()
        assert clients[i].response().status == 200
        eventually(lambda: idle(g) >= 1, "a connection in the pool")
    eventually(lambda: idle(g) == 3, "three connections in the pool")
    for _ in range(3):
        clients[0].send(request("/again"))
        assert connections[1].request().target == "/again"
        connections[1].respond()
        assert clients[0].response().status == 200
    assert connections[0].has_nothing_now() and connections[2].has_nothing_now()
    for client in clients:
        client.close()


def test_no_more_connections_are_kept_than_asked_for(gate, origin):
    g = gate(APP + "origin app { server @origin; keep-alive 2 for 60s }", origin=origin)
    clients, connections = at_once(g, 4, origin)
    for client, connection in zip(clients, connections):
        connection.respond()
        assert client.response().status == 200
    connections[2].assert_ended(FIN)
    connections[3].assert_ended(FIN)
    assert connections[0].has_nothing_now() and connections[1].has_nothing_now()
    assert idle(g) == 2
    for client in clients:
        client.close()


def test_none_is_kept_when_none_is_wanted(gate, origin):
    origin.serve()
    g = gate(APP + "origin app { server @origin; keep-alive 0 }", origin=origin)
    with g.client() as client:
        for _ in range(3):
            assert client.get().status == 200
    assert len(origin.connections) == 3


def test_a_kept_connection_ends_in_its_time(gate, origin):
    g = gate(APP + "origin app { server @origin; keep-alive 8 for 100ms }", origin=origin)
    with g.client() as client:
        client.send(request())
        connection, _ = origin.exchange()
        assert client.response().status == 200
        connection.assert_ended(FIN)
        assert idle(g) == 0
        client.send(request())
        origin.exchange()
        assert client.response().status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_the_origin_has_closed_is_not_used(gate, origin, method):
    """The end is there before the next request: nobody has to try again."""
    origin.serve()
    g = gate("site * { to @origin }", origin=origin)
    body = b"once" if method == "POST" else None
    with g.client() as client:
        for i in range(40):
            assert client.get(f"/{i}", method=method, body=body).status == 200
            with origin.lock:
                kept = origin.connections[-1]
            kept.socket.shutdown(socket.SHUT_WR)
    assert [r.target for r in origin.requests] == [f"/{i}" for i in range(40)]
    metrics = g.metrics()
    assert metrics.get("portcullis_origin_retries_total") == 0
    assert metrics.sum("portcullis_origin_failures_total") == 0


def test_what_is_left_over_behind_a_response_is_nobodys(gate, origin):
    forged = response(b"forged")
    origin.serve(lambda got, connection: response(b"real") + (forged if "evil" in got.target else b""))
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        for path in ("/evil/1", "/2", "/evil/3", "/4"):
            assert client.get(path).body == b"real"
            assert client.has_nothing_now()
        for method in ("HEAD", "POST"):
            answer = client.get("/evil/" + method, method=method, body=b"" if method == "POST" else None)
            assert answer.body == (b"" if method == "HEAD" else b"real")
    # each connection on which something was left over has served nothing else behind it
    assert len(origin.connections) == 4


def test_a_kept_connection_that_speaks_unasked_is_dropped(gate, origin):
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        client.send(request())
        connection, _ = origin.exchange()
        assert client.response().status == 200
        connection.send(response(b"forged"))
        client.send(request("/next"))
        assert origin.exchange(body=b"real")[1].target == "/next"
        assert client.response().body == b"real"
        connection.recv_all()
        assert connection.ended


# --- Connections that die --------------------------------------------------------------------------


def end_with(connection, how):
    connection.reset() if how == "reset" else connection.close()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_request_that_a_kept_connection_swallowed_goes_out_again_if_it_may(gate, origin, how):
    g = gate("site * { to @origin }", origin=origin)
    cases = [
        # method, body, split, again?
        ("GET", None, False, True),
        ("HEAD", None, False, True),
        ("DELETE", None, False, True),
        ("OPTIONS", None, False, True),
        ("PUT", b"whole", False, True),
        ("GET", b"a body", False, True),
        ("PUT", b"in two parts", True, False),  # its first part is gone
        ("POST", b"never twice", False, False),
        ("POST", b"", False, False),
        ("PATCH", b"never twice", False, False),
        ("MAGIC", None, False, False),
    ]
    for number, (method, body, split, again) in enumerate(cases):
        path, told = f"/{number}", (method, body, split)
        with g.client() as client:
            client.send(request("/first"))
            kept, _ = origin.exchange()
            assert client.response().status == 200
            whole = request(path, method=method, body=body)
            client.send(whole[:-5] if split else whole)
            if split:
                kept.recv_until(b"\r\n\r\n")
                client.send(whole[-5:])
                kept.recv_until(body)
            else:
                assert kept.request().target == path, told
            end_with(kept, how)
            if again:
                fresh = origin.accept()
                got = fresh.request()
                assert (got.method, got.target, got.body) == (method, path, body or b""), told
                fresh.respond(b"" if method == "HEAD" else b"second")
                assert client.response(method).status == 200, told
                fresh.close()
            else:
                assert client.response(method).status == 502, told
                assert origin.has_no_connection(), told
        record = g.requests_log.wait_for(lambda r, path=path: r["uri"] == path)
        assert record["attempts"] == (2 if again else 1), told
        assert record.get("reason") == (None if again else "upstream.closed"), told
        eventually(lambda: idle(g) == 0, "no connection kept")
    retries = sum(case[3] for case in cases)
    assert g.metrics().get("portcullis_origin_retries_total") == retries


def test_there_is_one_second_attempt_and_no_third(gate, origin):
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        client.send(request("/first"))
        kept, _ = origin.exchange()
        assert client.response().status == 200
        client.send(request("/second"))
        kept.request()
        kept.close()
        fresh = origin.accept()
        fresh.request()
        fresh.close()
        assert client.response().status == 502
    assert origin.has_no_connection()
    assert reason_of(g, "/second") == (502, "upstream.closed")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("when", ["accepted", "received", "half a head"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_fresh_connection_that_dies_is_told(gate, origin, how, when, method):
    """The server may have done what it was asked for."""
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        client.send(request("/x", method=method, body=b"once" if method == "POST" else None))
        connection = origin.accept()
        if when != "accepted":
            connection.request()
        if when == "half a head":
            connection.send(b"HTTP/1.1 200 OK\r\nX-Half: ")
        end_with(connection, how)
        assert client.response().status == 502
        assert origin.has_no_connection()
        client.send(request("/next"))
        origin.exchange()
        assert client.response().status == 200
    # one that ends before it was found to be there has not been one
    reasons = ("upstream.closed", "upstream.connect")[: 2 if when == "accepted" else 1]
    status, reason = reason_of(g, "/x")
    assert status == 502 and reason in reasons


def test_half_an_answer_on_a_kept_connection_is_not_asked_for_again(gate, origin):
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        client.send(request("/first"))
        kept, _ = origin.exchange()
        assert client.response().status == 200
        client.send(request("/x"))
        kept.request()
        kept.send(b"HTTP/1.1 200")
        kept.close()
        assert client.response().status == 502
    assert origin.has_no_connection()


def test_no_post_is_ever_seen_twice(gate, origin):
    """Origins that die at every moment, under load on two workers."""

    def answer(got, connection):
        number = int(got.target.rpartition("/")[2])
        if number % 7 == 3:
            raise Ended("the origin dies", b"")
        if number % 7 == 5:
            connection.reset()
            raise Ended("the origin is reset", b"")
        data = response(got.body, fields=["Connection: close"] if number % 5 == 0 else [])
        if number % 11 == 1:  # closes without having said so
            connection.send(data)
            raise Ended("the origin closes", b"")
        return data

    origin.serve(answer)
    g = gate("workers 2\nsite * { to @origin }", origin=origin)
    statuses, lock = {}, threading.Lock()

    def come(start):
        with g.client() as client:
            for number in range(start, start + 70):
                method = "POST" if number % 2 else "GET"
                body = b"%d" % number if number % 2 else None
                answer = client.get(f"/{method}/{number}", method=method, body=body)
                with lock:
                    statuses[number] = answer.status
                assert answer.status in (200, 502)
                assert answer.status != 200 or answer.body == (body or b"")

    threads = [threading.Thread(target=come, args=(70 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 280
    posts = [r.target for r in origin.requests if r.method == "POST"]
    assert len(posts) == len(set(posts))
    for number, status in statuses.items():
        if number % 7 in (3, 5):
            assert status == 502, number
        elif number % 2 == 0:
            assert status == 200, number
        else:  # one may have met the end of a connection that was not announced
            assert status == 200 or f"/POST/{number}" not in posts, number
    assert list(statuses.values()).count(200) > 150


# --- max and the queue -----------------------------------------------------------------------------


class Busy:
    """An origin that holds every request until it is let go, and knows how many it held at once."""

    def __init__(self, origin):
        self.lock = threading.Lock()
        self.now, self.most = 0, 0
        self.go = threading.Semaphore(0)
        self.seen = []
        origin.serve(self.answer)

    def answer(self, got, connection):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.seen.append(got.target)
        self.go.acquire(timeout=60)
        with self.lock:
            self.now -= 1
        return response(got.target.encode())

    def wait_held(self, count):
        eventually(lambda: self.now == count, f"{count} requests at the origin")


@pytest.mark.parametrize("workers", [1, 2])
def test_max_is_exact(gate, origin, workers):
    busy = Busy(origin)
    g = gate(
        f"workers {workers}\n" + APP + "origin app { server @origin max 3; queue 100 for 60s }",
        origin=origin,
    )
    clients = [g.client() for _ in range(24)]
    for i, client in enumerate(clients):
        client.send(request(f"/{i}"))
    busy.wait_held(3)
    for gone in range(1, 25):  # each makes room for exactly one
        busy.go.release()
        eventually(lambda: len(busy.seen) == min(3 + gone, 24), "the next request")
    for i, client in enumerate(clients):
        assert client.response().body == b"/%d" % i
        client.close()
    assert busy.most == 3
    eventually(lambda: g.metrics().sum("portcullis_origin_in_flight") == 0, "no place taken")


def test_max_is_exact_when_everything_comes_and_goes_at_once(gate, origin):
    lock, now, most = threading.Lock(), [0], [0]

    def answer(got, connection):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1
        return response()

    origin.serve(answer)
    g = gate(
        "workers 2\n" + APP + "origin app { server @origin max 2; queue 1000 for 60s }",
        origin=origin,
    )

    def come():
        with g.client() as client:
            for _ in range(25):
                assert client.get().status == 200

    problems = []

    def run():
        try:
            come()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    assert most[0] <= 2
    assert len(origin.requests) == 200


CONTROL = "site control.test { respond 200 control }\n"


def test_the_queue_is_first_come_first_served(gate, origin):
    busy = Busy(origin)
    g = gate(APP + CONTROL + "origin app { server @origin max 1; queue 20 for 60s }", origin=origin)
    control = g.client()
    clients = []
    for i in range(12):
        clients.append(g.client().send(request(f"/{i}")))
        for _ in range(2):  # the worker has taken it, and has looked around meanwhile
            assert control.get(host="control.test").status == 200
    for client in clients:
        busy.wait_held(1)
        busy.go.release()
        assert client.response().status == 200
    assert busy.seen == [f"/{i}" for i in range(12)]
    for client in [*clients, control]:
        client.close()


def test_a_full_queue_refuses_at_once(gate, origin):
    busy = Busy(origin)
    g = gate(APP + CONTROL + "origin app { server @origin max 1; queue 2 for 60s }", origin=origin)
    control = g.client()
    clients = []
    for i in range(3):
        clients.append(g.client().send(request(f"/{i}")))
        assert control.get(host="control.test").status == 200
    with g.client() as extra:
        assert extra.get("/extra").status == 503
        assert extra.get("/extra").status == 503  # it may stay
    record = g.security_log.wait_for(lambda r: r["reason"] == "origin.queue-full")
    assert (record["status"], record["uri"]) == (503, "/extra")
    clients[1].close()  # one leaves the queue: its place is free
    eventually(lambda: len(g.requests_log.records()) >= 3 + 3, "the one that left")
    clients[1] = g.client().send(request("/late"))
    assert control.get(host="control.test").status == 200
    for i in (0, 2, 1):
        busy.wait_held(1)
        busy.go.release()
        assert clients[i].response().status == 200
    assert busy.seen == ["/0", "/2", "/late"]
    for client in [*clients, control]:
        client.close()


def test_who_waits_too_long_in_the_queue_is_refused(gate, origin):
    busy = Busy(origin)
    g = gate(APP + "origin app { server @origin max 1; queue 5 for 100ms }", origin=origin)
    with g.client() as first, g.client() as second:
        first.send(request("/first"))
        busy.wait_held(1)
        assert second.get("/second").status == 503
        busy.go.release()
        assert first.response().status == 200
        busy.go.release()
        assert second.get("/third").status == 200
    record = g.security_log.wait_for(lambda r: r["reason"] == "origin.queue-timeout")
    assert (record["status"], record["uri"]) == (503, "/second")
    assert busy.seen == ["/first", "/third"]


def test_a_queue_of_none_refuses_what_finds_no_place(gate, origin):
    busy = Busy(origin)
    g = gate(APP + "origin app { server @origin max 1; queue 0 }", origin=origin)
    with g.client() as first, g.client() as second:
        first.send(request("/first"))
        busy.wait_held(1)
        assert second.get("/second").status == 503
        busy.go.release()
        assert first.response().status == 200
    assert reason_of(g, "/second") == (503, "origin.queue-full")


def test_a_server_at_its_max_is_passed_over(gate, origins):
    one, two = origins(), origins()
    a, b = Busy(one), Busy(two)
    g = gate(
        APP + "origin app { server @one max 1; server @two max 2; queue 5 for 60s }",
        one=one,
        two=two,
    )
    clients = [g.client().send(request(f"/{i}")) for i in range(3)]
    a.wait_held(1)
    b.wait_held(2)
    for busy in (a, b, b):
        busy.go.release()
    for client in clients:
        assert client.response().status == 200
        client.close()


def test_a_dead_server_beside_a_full_one_is_waited_out(gate, origin):
    """The place at the living server is waited for, as if it were the only one."""
    busy = Busy(origin)
    g = gate(
        APP + "origin app { server @dead; server @origin max 1; queue 5 for 60s }",
        dead=closed_port(),
        origin=origin,
    )
    with g.client() as first, g.client() as second:
        first.send(request("/first"))
        busy.wait_held(1)
        second.send(request("/second"))
        eventually(
            lambda: g.metrics().sum("portcullis_origin_connect_failures_total") >= 1, "a failure"
        )
        busy.go.release()
        assert first.response().status == 200
        busy.go.release()
        assert second.response().status == 200


def test_the_places_of_a_dead_worker_are_free_again(gate, origin):
    busy = Busy(origin)
    g = gate(
        "workers 2\n" + APP + "origin app { server @origin max 4; queue 50 for 60s }",
        origin=origin,
    )
    g.expected_reports = True
    clients = [g.client().send(request(f"/{i}")) for i in range(4)]
    busy.wait_held(4)
    for pid in g.workers():
        os.kill(pid, signal.SIGKILL)
    for client in clients:
        client.recv_all()
        client.close()
    eventually(lambda: g.metrics().sum("portcullis_origin_in_flight") == 0, "no place taken")
    for _ in range(8):
        busy.go.release()
    for i in range(4):
        with g.client() as client:
            assert client.get(f"/new/{i}").status == 200
