"""Every limit of `limits`: what stands exactly at it passes, one beyond is refused with its status
and a record that names the option, nothing of it reaches the origin, and the rest is served."""

import os
import signal
import threading

import pytest
from harness import network
from harness.client import Client, request
from harness.deadline import eventually
from harness.origin import response
from harness.stream import FIN, Ended

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def refused(gate, reason, count=1):
    """The security records with this reason, once there are `count` of them."""

    def look():
        found = [r for r in gate.security_log.records() if r["reason"] == reason]
        return found if len(found) >= count else None

    found = eventually(look, f"{count} records of {reason}")
    assert len(found) == count, found
    return found


def assert_served(gate, origin, path="/after"):
    """Somebody new is served, and it is the first that the origin hears of since."""
    with gate.client() as client:
        assert client.get(path).status == 200
    assert origin.requests[-1].target == path


# --- What a head may be ----------------------------------------------------------------------------

HEAD_LIMITS = "limits { head 2K; fields 12; line 1K; target 512B }\nsite * { to @origin }"


def head_of(size, line=b"GET / HTTP/1.1"):
    """A head of exactly `size` bytes, in fields of less than 1 KiB."""
    head = line + b"\r\nHost: a.test\r\n"
    while size - len(head) - 2 > 1000:
        head += b"X-Fill: " + b"f" * 500 + b"\r\n"
    rest = size - len(head) - 2
    assert rest > 10
    return head + b"X-Last: " + b"l" * (rest - 10) + b"\r\n\r\n"


def field_of(size):
    """A request with one field line of exactly `size` bytes, without its end."""
    return b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Line: " + b"v" * (size - 8) + b"\r\n\r\n"


def target_of(size):
    return b"GET /" + b"t" * (size - 1) + b" HTTP/1.1\r\nHost: a.test\r\n\r\n"


def fields_of(count):
    more = b"".join(b"X-%d: v\r\n" % i for i in range(count - 1))
    return b"GET / HTTP/1.1\r\nHost: a.test\r\n" + more + b"\r\n"


HEADS = [
    # what is at the limit, one beyond, status, reason, the option that its text names
    (head_of(2048), head_of(2049), 431, "h1.head-length", "limits head"),
    (field_of(1024), field_of(1025), 431, "h1.line-length", "limits line"),
    (target_of(512), target_of(513), 414, "h1.target-length", "limits target"),
    (fields_of(12), fields_of(13), 431, "h1.field-count", "limits fields"),
]


@pytest.mark.parametrize("at,beyond,status,reason,option", HEADS, ids=[h[3] for h in HEADS])
def test_a_head_may_be_as_large_as_its_limit(gate, origin, at, beyond, status, reason, option):
    origin.serve()
    g = gate(HEAD_LIMITS, origin=origin)
    with g.client() as client:
        client.send(at)
        assert client.response().status == 200
        client.send(at[:100], at[100:])  # in two pieces, and on a kept connection
        assert client.response().status == 200
        client.send(beyond)
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (status, "close")
        client.finish().assert_ended(FIN)
    with g.client() as client:
        client.send(beyond[:-1], beyond[-1:])
        assert client.response().status == status
    for record in refused(g, reason, 2):
        assert (record["status"], record["fault"]) == (status, "client")
        assert f"`{option}`" in record["text"]
    assert len(origin.requests) == 2
    assert_served(g, origin)


def test_a_head_without_end_is_cut_at_the_limit(gate, origin):
    """What was sent behind the limit is not read as a part of anything."""
    origin.serve()
    g = gate(HEAD_LIMITS, origin=origin)
    for start in (b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: y\r\n" * 400, b"G" * 4000):
        with g.client() as client:
            client.send(start)
            assert client.response().status == (431 if b"\n" in start else 414)
            client.finish().assert_ended(FIN)
    assert_served(g, origin)


def test_a_response_head_may_be_as_large_as_the_limit(gate, origin):
    def answer(got, connection):
        size = int(got.target[1:])
        return head_of(size - 19, b"HTTP/1.1 200 OK")[:-2] + b"Content-Length: 0\r\n\r\n"

    origin.serve(answer)
    g = gate(HEAD_LIMITS, origin=origin)
    with g.client() as client:
        assert client.get("/2048").status == 200
        assert client.get("/2049").status == 502
        assert client.get("/2048").status == 200
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/2049")
    assert (record["reason"], record["fault"]) == ("upstream.head-length", "upstream")


# --- Bodies ----------------------------------------------------------------------------------------

BODIES = [
    # framing, body on the wire of `size` bytes
    ("length", lambda size: (f"Content-Length: {size}", b"b" * size)),
    (
        "chunked",
        lambda size: ("Transfer-Encoding: chunked", b"%x\r\n" % size + b"b" * size + b"\r\n0\r\n\r\n"),
    ),
    (
        "small chunks",
        lambda size: ("Transfer-Encoding: chunked", b"1\r\nb\r\n" * size + b"0\r\n\r\n"),
    ),
]


@pytest.mark.parametrize("make", [b[1] for b in BODIES], ids=[b[0] for b in BODIES])
def test_a_body_may_be_as_long_as_its_limit(gate, origin, make):
    origin.serve(lambda got, connection: response(b"%d" % len(got.body)))
    g = gate(
        """
        site * {
          to @origin
          limits { body 1000B }
          route /more { limits { body 2000B } }
          route /none { limits { body 0B } }
        }
        """,
        origin=origin,
    )
    for path, limit in (("/", 1000), ("/more", 2000)):
        with g.client() as client:
            fields, body = make(limit)
            client.send(request(path, method="POST", fields=[fields]) + body)
            assert client.response("POST").body == b"%d" % limit
            fields, body = make(limit + 1)
            client.send(request(path, method="POST", fields=[fields]), body)
            assert client.response("POST").status == 413
            client.finish()
            client.recv_all()
            assert client.ended == FIN
    for record in refused(g, "limits.body", 2):
        assert (record["status"], "`limits body`" in record["text"]) == (413, True)
    assert all(len(r.body) in (1000, 2000) for r in origin.requests)
    assert len(origin.requests) == 2
    assert_served(g, origin)


def test_a_body_that_is_cut_is_not_completed_for_the_origin(gate, origin):
    g = gate("site * { to @origin; limits { body 1000B } }", origin=origin)
    with g.client() as client:
        client.send(request("/", method="POST", fields=["Transfer-Encoding: chunked"]))
        client.send(b"3e8\r\n" + b"b" * 1000 + b"\r\n")
        connection = origin.accept()
        connection.recv_until(b"b" * 1000)
        client.send(b"1\r\nb\r\n0\r\n\r\n")
        assert client.response("POST").status == 413
        rest = connection.recv_all()
        assert b"0\r\n" not in rest, rest


# --- Connections -----------------------------------------------------------------------------------


def open_connections(gate):
    return gate.metrics().get("portcullis_connections_open")


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_are_counted_over_all_workers(gate, origin, workers):
    origin.serve()
    g = gate(
        f"workers {workers}\nlimits {{ connections 8; connections-per-client 8 }}\n"
        "site * { to @origin }",
        origin=origin,
    )
    clients = [g.client() for _ in range(8)]
    for client in clients:
        assert client.get().status == 200
    for _ in range(5):
        with g.client() as extra:
            answer = extra.response()
            assert (answer.status, answer.get("connection")) == (503, "close")
            extra.assert_ended(FIN)
    for record in refused(g, "limits.connections", 5):
        assert (record["status"], record["fault"]) == (503, "policy")
        assert record["client"] == "127.0.0.1" and "`limits connections`" in record["text"]
    for client in clients:  # those that were there are served
        assert client.get("/kept").status == 200
    assert len(clients) == open_connections(g)
    assert g.metrics().get("portcullis_connections_refused_limit_total") == 5
    clients.pop().close()
    eventually(lambda: open_connections(g) == 7, "the place of the one that left")
    clients.append(g.client())
    assert clients[-1].get().status == 200
    for client in clients:
        client.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_of_one_client_are_counted_over_all_workers(gate, origin, workers):
    origin.serve()
    g = gate(
        f"workers {workers}\nlimits {{ connections-per-client 4 }}\nsite * {{ to @origin }}",
        origin=origin,
    )
    clients = [g.client(source="127.0.0.2") for _ in range(4)]
    for client in clients:
        assert client.get().status == 200
    for _ in range(4):
        with g.client(source="127.0.0.2") as extra:
            assert extra.response().status == 429
            extra.assert_ended(FIN)
    for source in ("127.0.0.1", "127.0.0.3"):
        with g.client(source=source) as other:
            assert other.get().status == 200
    for record in refused(g, "limits.connections-per-client", 4):
        assert (record["status"], record["client"]) == (429, "127.0.0.2")
        assert "`limits connections-per-client`" in record["text"]
    for client in clients:
        assert client.get("/kept").status == 200
    clients.pop().close()
    eventually(lambda: open_connections(g) == 3, "the place of the one that left")
    clients.append(g.client(source="127.0.0.2"))
    assert clients[-1].get().status == 200
    for client in clients:
        client.close()


def test_at_the_limit_a_heavier_client_gives_way(gate, origin):
    """Who holds many connections without a request makes room for who has fewer; a connection that
    is being served is never ended for that."""
    origin.serve()
    g = gate(
        "limits { connections 8; connections-per-client 8 }\ntimeout { header 60s }\n"
        "site * { to @origin }",
        origin=origin,
    )
    kept = g.client(source="127.0.0.3")
    assert kept.get().status == 200
    hoard = [g.client(source="127.0.0.2") for _ in range(5)]
    heads = [g.client(source="127.0.0.2").send(b"GET / HTTP/1.1\r\n") for _ in range(2)]
    eventually(lambda: open_connections(g) == 8, "a full house")
    others = []
    for i in range(3, 6):
        others.append(g.client(source=f"127.0.0.{i}"))
        assert others[-1].get(f"/{i}").status == 200
        assert open_connections(g) <= 8
    assert {r["client"] for r in refused(g, "limits.connections", 3)} == {"127.0.0.2"}
    ended = 0
    for client in [*hoard, *heads]:
        try:
            ended += client.get("/hoard").status == 503
        except (Ended, BrokenPipeError, ConnectionResetError):
            ended += 1
    assert ended == 3
    # nobody is heavier than this one: it is refused itself
    with g.client(source="127.0.0.2") as extra:
        assert extra.response().status == 503
    assert kept.get().status == 200
    for client in [kept, *hoard, *heads, *others]:
        client.close()


def test_a_refusal_is_readable_although_the_request_came_at_once(gate, origin):
    """Closing with unread bytes would reset the connection, and some systems then forget what
    they had received."""
    g = gate("limits { connections-per-client 1 }\nsite * { respond 200 ok }")
    with g.client() as first:
        assert first.get().status == 200
        os.kill(g.workers()[0], signal.SIGSTOP)
        try:
            extra = g.client()
            extra.send(request())
        finally:
            os.kill(g.workers()[0], signal.SIGCONT)
        with extra:
            assert extra.response().status == 429
            extra.assert_ended(FIN)


def test_the_count_is_exact_when_many_come_at_once(gate, origin):
    origin.serve()
    g = gate(
        "workers 2\nlimits { connections-per-client 20 }\nsite * { to @origin }", origin=origin
    )
    clients, lock = [], threading.Lock()

    def come():
        for _ in range(10):
            client = g.client(source="127.0.0.2")
            with lock:
                clients.append(client)

    threads = [threading.Thread(target=come) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = []
    for client in clients:
        try:
            client.send(request())
        except (BrokenPipeError, ConnectionResetError):
            pass  # the refusal is there all the same
        statuses.append(client.response().status)
    assert sorted(statuses) == [200] * 20 + [429] * 40
    for client in clients:
        client.close()


def test_the_connections_of_a_dead_worker_are_forgotten(gate, origin):
    origin.serve()
    g = gate(
        "workers 2\nlimits { connections-per-client 6; connections 6 }\nsite * { to @origin }",
        origin=origin,
    )
    g.expected_reports = True  # a killed worker is told in the log
    clients = [g.client(source="127.0.0.2") for _ in range(6)]
    for client in clients:
        assert client.get().status == 200
    with g.client(source="127.0.0.2") as extra:
        assert extra.response().status in (429, 503)
    victim = g.workers()[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in g.workers() and len(g.workers()) == 2, "another worker")
    left = []
    for client in clients:
        try:
            assert client.get("/still").status == 200
            left.append(client)
        except (Ended, BrokenPipeError):
            client.close()
    eventually(lambda: open_connections(g) == len(left), "the count without the dead worker's")
    while len(left) < 6:
        left.append(g.client(source="127.0.0.2"))
        assert left[-1].get("/new").status == 200
    with g.client(source="127.0.0.2") as extra:
        assert extra.response().status in (429, 503)
    for client in left:
        client.close()


@network.own_network
def test_ipv6_clients_are_counted_by_their_64(gate, origin):
    network.add_addresses("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3", "2001:db8:0:2::1")
    g = gate(
        "listen [::]:0\nlimits { connections-per-client 2 }\nsite * { respond 200 ok }",
    )
    port = g.addresses()[1].rpartition(":")[2]

    def come(source):
        return Client(f"[2001:db8:0:2::1]:{port}", source=source)

    with come("2001:db8:0:1::1") as one, come("2001:db8:0:1:ffff::2") as two:
        assert (one.get().status, two.get().status) == (200, 200)
        for source in ("2001:db8:0:1::3", "2001:db8:0:1::1"):
            with come(source) as three:
                assert three.response().status == 429
        with come("2001:db8:0:2::1") as other:
            assert other.get().status == 200
        assert one.get().status == 200
    assert {r["client"] for r in refused(g, "limits.connections-per-client", 2)} == {
        "2001:db8:0:1::3",
        "2001:db8:0:1::1",
    }


def test_behind_a_proxy_the_named_client_is_counted(gate, origin):
    origin.serve()
    g = gate(
        """
        listen 127.0.0.2:0 proxy-protocol
        trust proxies 127.0.0.1
        limits { connections-per-client 2 }
        site * { to @origin }
        """,
        origin=origin,
    )
    plain, proxied = g.addresses()

    def named(client):
        header = f"PROXY TCP4 {client} 192.0.2.1 1000 80\r\n".encode()
        return Client(proxied).send(header + request())

    clients = [named(c) for c in ("192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.9")]
    for client in clients:
        assert client.response().status == 200
    with named("192.0.2.7") as extra:
        assert extra.response().status == 429
        extra.assert_ended(FIN)
    (record,) = refused(g, "limits.connections-per-client")
    assert record["client"] == "192.0.2.7"
    # a trusted proxy itself stands for many
    more = [Client(plain) for _ in range(5)]
    for client in more:
        assert client.get().status == 200
    for client in [*clients, *more]:
        client.close()


def test_a_connection_serves_as_many_requests_as_its_limit(gate, origin):
    origin.serve(lambda got, connection: response(got.target.encode()))
    g = gate("limits { requests-per-connection 3 }\nsite * { to @origin }", origin=origin)
    with g.client() as client:
        client.send(b"".join(request(f"/{i}") for i in range(1, 5)))
        answers = [client.response() for _ in range(3)]
        assert [a.body for a in answers] == [b"/1", b"/2", b"/3"]
        assert [a.get("connection") for a in answers] == [None, None, "close"]
        client.recv_all()
        assert client.received.count(b"HTTP/1.1") == 3
    assert [r.target for r in origin.requests] == ["/1", "/2", "/3"]
    assert g.security_log.records() == []  # announced, not refused
    assert_served(g, origin)


# --- What one worker holds -------------------------------------------------------------------------


def test_fibers_are_bounded_and_come_back(gate, origin):
    g = gate("limits { fibers 16 }\nsite * { to @origin }", origin=origin)
    clients = [g.client() for _ in range(16)]
    origins = []
    for i, client in enumerate(clients):
        client.send(request(f"/{i}"))
        origins.append(origin.accept())
        origins[-1].request()
    idle = g.client()
    extra = g.client()
    extra.send(request("/extra"))
    answer = extra.response()
    assert (answer.status, answer.get("connection")) == (503, "close")
    extra.assert_ended(FIN)
    (record,) = refused(g, "limits.fibers")
    assert (record["status"], "`limits fibers`" in record["text"]) == (503, True)
    assert origin.has_no_connection()
    for i, (client, connection) in enumerate(zip(clients, origins)):
        connection.respond(b"%d" % i)
        assert client.response().body == b"%d" % i
    origin.serve()
    for connection in origins:
        connection.close()
    assert idle.get().status == 200  # no restart was needed
    assert clients[0].get().status == 200
    for client in [*clients, idle, extra]:
        client.close()
    eventually(lambda: g.metrics().get("portcullis_fibers") == 0, "no fiber")


def test_an_upload_that_finds_no_fiber_is_refused(gate, origin):
    g = gate("limits { fibers 16 }\nsite * { to @origin }", origin=origin)
    waiting = [g.client() for _ in range(15)]
    for i, client in enumerate(waiting):
        client.send(request(f"/{i}"))
        origin.accept().request()
    with g.client() as client:
        client.send(request("/up", method="POST", fields=["Content-Length: 10"]), b"12345")
        assert client.response("POST").status == 503
    record = refused(g, "limits.fibers")[0]
    assert record["uri"] == "/up"
    for client, connection in zip(waiting, origin.connections):
        connection.respond()
        assert client.response().status == 200
        client.close()


def test_an_idle_connection_holds_neither_fiber_nor_buffer(gate, origin):
    origin.serve()
    g = gate("site * { to @origin }", origin=origin)
    clients = [g.client() for _ in range(100)]
    for client in clients:
        assert client.get().status == 200
    eventually(lambda: g.metrics().get("portcullis_connections_idle") == 100, "all are parked")
    assert held(g) == 0
    assert g.metrics().get("portcullis_fibers") == 0
    for client in clients:
        client.close()


def held(gate):
    return gate.metrics().get("portcullis_buffered_bytes")


def test_buffered_bytes_are_bounded_and_come_back(gate, origin):
    """Slow heads hold a buffer each. At 1 MiB the newest is refused; who is there goes on."""
    origin.serve()
    g = gate(
        """
        limits { buffered 1M; connections-per-client 200 }
        timeout { header 60s }
        site * { to @origin }
        """,
        origin=origin,
    )
    kept = g.client()
    assert kept.get().status == 200
    holders = [g.client().send(b"GET / HTTP/1.1\r\nHost: a.test\r\n") for _ in range(64)]
    eventually(lambda: held(g) == 1 << 20, "64 buffers in use")
    for client in (kept, g.client()):
        client.send(request("/refused"))
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (503, "close")
        client.assert_ended(FIN)
        client.close()
    for record in refused(g, "limits.buffered", 2):
        assert (record["status"], "`limits buffered`" in record["text"]) == (503, True)
    assert not origin.requests[1:]
    for holder in holders:
        holder.send(b"\r\n")
        assert holder.response().status == 200
    assert_served(g, origin)
    for holder in holders:
        holder.close()
    eventually(lambda: held(g) == 0, "no buffer in use")


def test_at_the_bound_of_buffered_bytes_the_heaviest_are_cut(gate, origin):
    """Who does not read makes us hold what the kernel does not take. Who wants little is served."""
    body = b"x" * (8 << 20)

    def answer(got, connection):
        return response(body if got.target == "/large" else b"small")

    origin.serve(answer)
    g = gate(
        "limits { buffered 1M; connections-per-client 200 }\nsite * { to @origin }", origin=origin
    )

    def cut():
        return [r for r in g.requests_log.records() if r.get("reason") == "limits.buffered"]

    readers = [g.client(receive_buffer=4096) for _ in range(100)]
    for reader in readers:
        reader.send(request("/large"))
    eventually(cut, "somebody is cut")
    for _ in range(20):
        with g.client() as client:
            assert client.get("/small").body == b"small"
    assert 1 << 19 < held(g) <= 1 << 20
    assert len(cut()) < 100
    assert all(r["status"] == 200 and r["bytes_out"] < len(body) for r in cut())
    for reader in readers:
        reader.reset()
    eventually(lambda: held(g) == 0, "no buffer in use")
    assert_served(g, origin)
