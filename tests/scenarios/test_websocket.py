"""WebSocket: the handshake is checked on both sides, then bytes pass both ways until both have
ended."""

import signal
import threading

import pytest
from harness import websocket
from harness.stream import FIN, Ended
from harness.websocket import BINARY, CLOSE, TEXT, agreement, frame, handshake, read_frame

SITE = "site * { to @origin }"


def open_tunnel(g, origin, client=None, **options):
    client = client or g.client()
    client.send(handshake(**options))
    connection = origin.accept()
    connection.request_head()
    connection.send(agreement())
    assert client.response().status == 101
    return client, connection


# --- The handshake ---------------------------------------------------------------------------------


def test_a_handshake_reaches_both_sides_as_it_must(gate, origin):
    g = gate("site * { to @origin; headers { set X-Ours yes } }", origin=origin)
    with g.client() as client:
        client.send(
            handshake(
                "/chat?room=1",
                fields=[
                    "Sec-WebSocket-Protocol: chat, superchat",
                    "Sec-WebSocket-Extensions: permessage-deflate",
                    "Origin: http://example.test",
                    "Cookie: a=b",
                ],
            )
        )
        connection = origin.accept()
        got = connection.request_head()
        assert (got.method, got.target, got.get("host")) == ("GET", "/chat?room=1", "example.test")
        assert (got.get("connection"), got.get("upgrade")) == ("Upgrade", "websocket")
        assert got.get("sec-websocket-key") == websocket.KEY
        assert got.get("sec-websocket-version") == "13"
        assert got.get("sec-websocket-protocol") == "chat, superchat"
        assert got.get("sec-websocket-extensions") == "permessage-deflate"
        assert got.get("origin") == "http://example.test"
        assert got.get("x-forwarded-for") == "127.0.0.1"
        assert not got.all("content-length") and not got.all("transfer-encoding")
        connection.send(
            agreement(
                fields=[
                    "Sec-WebSocket-Protocol: chat",
                    "Server: hidden/1",
                    "Via: 1.1 inside",
                    "X-Request-Id: theirs",
                    "Content-Length: 0",
                ]
            )
        )
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (101, "Upgrade")
        assert answer.get("upgrade") == "websocket"
        assert answer.get("sec-websocket-accept") == websocket.accept_of()
        assert answer.get("sec-websocket-protocol") == "chat"
        assert answer.get("x-request-id") == got.get("x-request-id")
        assert answer.get("x-ours") == "yes"
        for name in ("server", "via", "content-length", "transfer-encoding"):
            assert not answer.all(name), name


BAD_HANDSHAKES = [
    # what replaces what in a good handshake, status
    (f"Sec-WebSocket-Key: {websocket.KEY}\r\n", "", 400),
    (websocket.KEY, "dGhlIHNhbXBsZSBub25jZQ", 400),
    (websocket.KEY, "dGhlIHNhbXBsZSBub25jZQ==A", 400),
    (websocket.KEY, "!GhlIHNhbXBsZSBub25jZQ==", 400),
    (websocket.KEY, "", 400),
    ("Sec-WebSocket-Version: 13\r\n", "", 400),
    ("Version: 13", "Version: 8", 426),
    ("Version: 13", "Version: 13, 8", 426),
    ("Version: 13", "Version: 013", 426),
    ("GET ", "POST ", 400),
    ("Upgrade: websocket", "Upgrade: websocket, h2c", 400),
    ("Host: example.test", "Host: example.test\r\nContent-Length: 1", 400),
    ("Host: example.test", f"Host: example.test\r\nSec-WebSocket-Key: {websocket.KEY}", 400),
]


def test_bad_handshakes_of_clients_are_refused(gate, origin):
    g = gate(SITE, origin=origin)
    good = handshake().decode()
    for old, new, status in BAD_HANDSHAKES:
        assert old in good, old
        with g.client() as client:
            client.send(good.replace(old, new).encode())
            answer = client.response()
            assert answer.status == status, (old, new)
            if status == 426:
                assert answer.get("upgrade") == "websocket"
                assert answer.get("sec-websocket-version") == "13"
            client.finish().assert_ended(FIN)
    assert origin.has_no_connection()
    reasons = {r["reason"] for r in g.security_log.wait(len(BAD_HANDSHAKES))}
    assert reasons == {"websocket.handshake", "websocket.version"}


NO_UPGRADES = [
    "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n\r\n",  # Connection does not name it
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"
    "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: TLS/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
]


def test_other_upgrades_are_plain_requests(gate, origin):
    origin.serve()
    g = gate(SITE, origin=origin)
    for text in NO_UPGRADES:
        with g.client() as client:
            client.send(text.encode())
            assert client.response().status == 200, text
    assert len(origin.requests) == len(NO_UPGRADES)
    for got in origin.requests:
        for name in ("upgrade", "connection", "http2-settings"):
            assert not got.all(name), got.head


def switched(old=b"", new=b""):
    good = agreement()
    assert old in good
    return good.replace(old, new)


BAD_AGREEMENTS = {
    "another accept": switched(b"Sec-WebSocket-Accept: s3", b"Sec-WebSocket-Accept: S3"),
    "no accept": switched(b"Sec-WebSocket-Accept", b"X-Accept"),
    "two accepts": switched(b"Connection:", b"Sec-WebSocket-Accept: x\r\nConnection:"),
    "no upgrade": switched(b"Upgrade: websocket\r\n", b""),
    "another upgrade": switched(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no connection": switched(b"Connection: Upgrade\r\n", b""),
    "a body": switched(b"Connection:", b"Content-Length: 1\r\nConnection:"),
}


def test_bad_agreements_of_origins_open_no_tunnel(gate, origin):
    origin.serve(lambda got, connection: BAD_AGREEMENTS[got.target[1:].replace("_", " ")])
    g = gate(SITE, origin=origin)
    for name in BAD_AGREEMENTS:
        with g.client() as client:
            client.send(handshake("/" + name.replace(" ", "_")), frame(b"early", masked=True))
            answer = client.response()
            assert answer.status == 502, name
            assert b"early" not in answer.body
    for connection in origin.connections:
        assert b"early" not in connection.received
    for name in BAD_AGREEMENTS:
        uri = "/" + name.replace(" ", "_")
        record = g.requests_log.wait_for(lambda r, uri=uri: r.get("uri") == uri)
        assert record["reason"] in ("websocket.accept", "h1.body-forbidden"), name


def test_a_switch_that_nobody_asked_for_is_refused(gate, origin):
    origin.serve(lambda got, connection: agreement())
    g = gate(SITE, origin=origin)
    with g.client() as client:
        assert client.get().status == 502
    assert g.requests_log.wait(1)[0]["reason"] == "h1.switch"


def test_an_answer_other_than_101_is_an_answer(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for status in ("200 OK", "401 Unauthorized", "426 Upgrade Required"):
            client.send(handshake())
            if not origin.connections:
                connection = origin.accept()
            connection.request_head()
            connection.respond(b"no tunnel", status=status)
            answer = client.response()
            assert (answer.status, answer.body) == (int(status[:3]), b"no tunnel")
            assert not answer.all("connection")
        client.send(handshake())  # and the connection still speaks HTTP
        connection.request_head()
        connection.respond(b"plain")
        assert client.response().body == b"plain"


# --- The tunnel ------------------------------------------------------------------------------------


def test_frames_pass_both_ways(gate, origin):
    g = gate(SITE, origin=origin)
    client, connection = open_tunnel(g, origin)
    for size in (0, 1, 125, 126, 65_535, 65_536, 300_000):
        payload = bytes(i % 251 for i in range(size))
        client.send(frame(payload, masked=True))
        assert read_frame(connection) == (BINARY, payload, True)
        connection.send(frame(payload, TEXT))
        assert read_frame(client) == (TEXT, payload, True)
    assert g.metrics().get("portcullis_tunnels_open") == 1
    client.send(frame(b"\x03\xe8", CLOSE, masked=True))
    assert read_frame(connection)[0] == CLOSE
    connection.send(frame(b"\x03\xe8", CLOSE))
    connection.close()
    assert read_frame(client)[0] == CLOSE
    client.assert_ended(FIN)
    client.close()
    record = g.requests_log.wait(1)[0]
    assert (record["status"], record.get("reason")) == (101, None)
    assert record["bytes_in"] > 400_000 and record["bytes_out"] > 400_000


def test_frames_sent_early_and_right_behind_the_101_are_not_lost(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(handshake() + frame(b"early", masked=True))
        connection = origin.accept()
        connection.request_head()
        assert connection.has_nothing_now()  # nothing passes before the switch
        connection.send(agreement() + frame(b"at once") + frame(b"z" * 100_000))
        assert client.response().status == 101
        assert read_frame(client)[1] == b"at once"
        assert read_frame(client)[1] == b"z" * 100_000
        assert read_frame(connection)[1] == b"early"


@pytest.mark.parametrize("first", ["client", "origin"])
def test_the_end_of_one_side_leaves_the_other(gate, origin, first):
    g = gate(SITE, origin=origin)
    client, connection = open_tunnel(g, origin)
    ending, other = (client, connection) if first == "client" else (connection, client)
    ending.send(b"last words")
    ending.finish()
    assert other.recv_all() == b"last words"
    assert other.ended == FIN
    other.send(b"x" * 200_000)
    assert ending.recv_exactly(200_000) == b"x" * 200_000
    other.close()
    ending.assert_ended(FIN)
    ending.close()
    assert "reason" not in g.requests_log.wait(1)[0]


@pytest.mark.parametrize("first", ["client", "origin"])
def test_a_reset_of_one_side_ends_the_other(gate, origin, first):
    g = gate(SITE, origin=origin)
    client, connection = open_tunnel(g, origin)
    lost, other = (client, connection) if first == "client" else (connection, client)
    lost.reset()
    other.assert_ended()
    other.close()
    assert g.requests_log.wait(1)[0]["status"] == 101


def test_an_idle_tunnel_is_closed_in_its_time(gate, origin):
    g = gate("site * { to @origin; route /ws/* { timeout idle 300ms } }", origin=origin)
    quiet, quiet_end = open_tunnel(g, origin, path="/ws/quiet")
    busy, busy_end = open_tunnel(g, origin, path="/other")
    quiet.assert_ended(FIN)
    quiet_end.assert_ended(FIN)
    record = g.requests_log.wait(1)[0]
    assert (record["uri"], record["status"]) == ("/ws/quiet", 101)
    assert (record["reason"], record["fault"]) == ("tunnel.idle", "client")
    busy.send(b"alive")  # elsewhere the hour of tunnels counts
    assert busy_end.recv_exactly(5) == b"alive"
    for end in (quiet, quiet_end, busy, busy_end):
        end.close()


def test_a_tunnel_is_alive_while_one_direction_is(gate, origin):
    g = gate("site * { to @origin; timeout idle 2s }", origin=origin)
    busy, busy_end = open_tunnel(g, origin)
    quiet, quiet_end = open_tunnel(g, origin)
    beats = 0
    while not quiet.ended:  # for as long as a tunnel without a byte lives, and a little more
        busy_end.send(b"beat")
        assert busy.recv_exactly(4) == b"beat"
        beats += 1
        try:
            quiet.recv_some(seconds=0.05)
        except (TimeoutError, Ended):
            pass
    busy_end.send(b"alive")
    assert busy.recv_exactly(5) == b"alive"
    busy.send(b"both ways")
    assert busy_end.recv_exactly(9) == b"both ways"
    assert beats > 2
    for end in (busy, busy_end, quiet, quiet_end):
        end.close()


def test_large_transfers_pass_both_ways_at_once(gate, origin):
    g = gate(SITE, origin=origin)
    client, connection = open_tunnel(g, origin)
    block, blocks = bytes(i % 251 for i in range(64 * 1024)), 512  # 32 MiB each way

    def send(stream):
        stream.socket.settimeout(60)
        for _ in range(blocks):
            stream.socket.sendall(block)

    def receive(stream):
        view, left = bytearray(len(block)), blocks * len(block)
        stream.socket.settimeout(60)
        while left:
            want = min(left, len(block))
            got = stream.socket.recv_into(view, want)
            assert got, "ended early"
            at = (blocks * len(block) - left) % len(block)
            assert bytes(view[:got]) == (block + block)[at : at + got]
            left -= got
        results.append(stream)

    results = []
    threads = [
        threading.Thread(target=target, args=(stream,))
        for target in (send, receive)
        for stream in (client, connection)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert len(results) == 2
    client.close()
    connection.close()


def test_a_drain_leaves_tunnels_alone_and_a_stop_ends_them(gate, origin):
    g = gate("drain 1h\nsite * { to @origin }", origin=origin)
    client, connection = open_tunnel(g, origin)
    g.reload()
    client.send(b"still open")
    assert connection.recv_exactly(10) == b"still open"
    connection.send(b"both ways")
    assert client.recv_exactly(9) == b"both ways"
    g.send_signal(signal.SIGINT)  # at once
    for end in (client, connection):
        with pytest.raises(Ended):
            end.recv_exactly(1)
        end.close()
    g.wait_end()
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/ws")
    assert (record["status"], record["reason"]) == (101, "worker.ending")
