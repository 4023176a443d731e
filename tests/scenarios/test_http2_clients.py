"""Clients of HTTP/2: streams beside each other, what a stream may wait for, how a connection ends."""

import threading

import pytest
from harness import websocket
from harness.deadline import eventually
from harness.http2 import (GOAWAY, INITIAL_WINDOW_SIZE, PING, PREFACE, Http2Client, block, data, headers, ping, request,
                           request_fields, rst_stream, settings, window_update)
from harness.origin import response

CONFIG = """\
listen 127.0.0.1:0 h2c
workers 1
log requests json to @directory/requests.log
log security json to @directory/security.log
site a.test { to @origin; waf off; limits { body 64M }; route = /own { respond 200 "own" } }
"""
ALL_STREAMS = 0x7FFFFFFF


@pytest.fixture
def served(gate, origin):
    def make(config=CONFIG, **how):
        return gate(config, origin=origin, options={"bare": True}, **how)
    return make


def ws_request(stream):
    return headers(stream, block((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                                 (":authority", "a.test"), (":path", "/ws"), ("sec-websocket-version", "13")), end=False)


# --- Streams beside each other ----------------------------------------------------------------------


def test_many_streams_are_served_at_once(served, origin):
    everybody_is_here = threading.Barrier(50)

    def answer(got, connection):
        everybody_is_here.wait(20)
        return response(got.target.encode())

    origin.serve(answer)
    with Http2Client(served().address) as client:
        for i in range(50):
            client.send(request(2 * i + 1, path=f"/{i}"))
        for i in range(50):
            assert client.response(2 * i + 1).body == f"/{i}".encode()


def test_a_response_that_nobody_takes_holds_up_no_other(served, origin):
    origin.serve(lambda got, connection: response(b"x" * (1 << 20) if got.target == "/large" else b"small"))
    preface = PREFACE + settings((INITIAL_WINDOW_SIZE, 1000))
    with Http2Client(served().address, preface=preface, gives_window=False) as client:
        client.send(request(1, path="/large"))
        client.read_until(lambda: len(client.stream(1).body) == 1000)
        for stream in range(3, 43, 2):
            client.send(request(stream, path="/small"))
            assert client.response(stream).body == b"small"
        assert len(client.stream(1).body) == 1000
        client.gives_window = True
        client.send(window_update(0, 1 << 20) + window_update(1, 1 << 20))
        assert len(client.response(1).body) == 1 << 20


def test_an_upload_that_no_origin_takes_holds_up_no_other(served, origin):
    with Http2Client(served().address) as client:
        client.send(headers(1, block(*request_fields("/up", method="POST")), end=False))
        sent = 0
        while sent < 60000:
            client.send(data(1, b"u" * 6000, end=False))
            sent += 6000
        stuck = origin.accept()
        assert stuck.recv_until(b"\r\n\r\n")
        client.send(request(3))
        origin.exchange(body=b"other")
        assert client.response(3).body == b"other"
        client.send(rst_stream(1))
        stuck.recv_all()
        stuck.close()


def test_what_is_urgent_goes_first(served, origin):
    origin.serve(lambda got, connection: response(b"x" * 60000))
    g = served()
    preface = PREFACE + settings((INITIAL_WINDOW_SIZE, 1 << 20))
    with Http2Client(g.address, preface=preface, gives_window=False) as client:
        client.send(request(1, ("priority", "u=6"), path="/a"))
        client.send(request(3, ("priority", "u=5"), path="/b"))
        client.send(request(5, ("priority", "u=0"), path="/c"))

        def received():
            return sum(len(client.stream(n).body) for n in (1, 3, 5))

        # The connection's window is used up by whatever came first: the rest waits in the gate.
        client.read_until(lambda: received() == 65535)
        eventually(lambda: g.metrics().get("portcullis_buffered_bytes") >= 180000 - 65535, "all of the bodies")
        client.send(window_update(0, 60000))
        client.read_until(lambda: received() == 65535 + 60000)
        assert len(client.stream(5).body) == 60000, client.story()


# --- How streams end --------------------------------------------------------------------------------


def test_a_client_that_resets_a_stream_ends_the_request_to_the_origin(served, origin):
    g = served()
    with Http2Client(g.address) as client:
        client.send(request(1, path="/slow"))
        connection = origin.accept()
        connection.recv_until(b"\r\n\r\n")
        client.send(rst_stream(1))
        connection.recv_all()
        connection.close()
        client.next_stream = 3
        assert client.get("/own").body == b"own"
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/slow")
    assert (record["status"], record["reason"], record["protocol"]) == (499, "client.gone", "HTTP/2.0")


def test_a_response_that_is_cut_short_is_reset(served, origin):
    with Http2Client(served().address) as client:
        client.send(request(1))
        connection = origin.accept()
        connection.recv_until(b"\r\n\r\n")
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        connection.close()
        message = client.response(1)
        assert (message.status, message.ended, message.reset) == (200, False, "INTERNAL_ERROR")


def test_an_early_answer_calls_the_rest_of_the_body_off(served):
    with Http2Client(served().address) as client:
        client.send(headers(1, block(*request_fields("/own", method="POST")), end=False))
        client.read_until(lambda: client.stream(1).ended)
        assert client.stream(1).body == b"own"
        client.read_until(lambda: client.stream(1).reset)
        assert client.stream(1).reset == "NO_ERROR"
        client.next_stream = 3
        assert client.get("/own").body == b"own"


def test_a_host_of_another_site_is_misdirected_and_the_connection_goes_on(served):
    with Http2Client(served().address) as client:
        assert client.get(authority="other.test").status == 421
        assert client.get("/own").status == 200


def test_streams_beyond_the_limit_may_be_tried_again(served, origin):
    g = served("limits { streams 2 }\n" + CONFIG)
    with Http2Client(g.address) as client:
        client.send(request(1, path="/wait") + request(3, path="/wait"))
        waiting = [origin.accept(), origin.accept()]
        for connection in waiting:
            connection.recv_until(b"\r\n\r\n")
        client.read_until(lambda: 3 in client.peer_settings)
        assert client.peer_settings[3] == 2
        for connection in waiting:
            connection.send(response(b"done"))
        assert [client.response(n).body for n in (1, 3)] == [b"done", b"done"]
        client.next_stream = 5
        assert client.get("/own").status == 200
        for connection in waiting:
            connection.close()


# --- WebSocket --------------------------------------------------------------------------------------


def test_a_websocket_goes_through_a_stream(served, origin):
    g = served()
    with Http2Client(g.address) as client:
        client.send(ws_request(1) + data(1, b"early", end=False))
        connection = origin.accept()
        head = connection.recv_until(b"\r\n\r\n")
        assert head.startswith(b"GET /ws HTTP/1.1\r\n") and b"Upgrade: websocket" in head
        key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
        connection.send(websocket.agreement(key) + b"hello")
        client.read_until(lambda: client.stream(1).body == b"hello")
        assert client.stream(1).status == 200
        assert client.stream(1).get("sec-websocket-accept") is None
        assert connection.recv_exactly(5) == b"early"
        client.send(data(1, b"frames", end=False))
        assert connection.recv_exactly(6) == b"frames"
        client.send(data(1, b"", end=True))
        connection.recv_all()
        connection.close()
        client.read_until(lambda: client.stream(1).ended)
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/ws")
    assert (record["status"], record.get("reason")) == (101, None)


# --- How connections end ----------------------------------------------------------------------------


def test_a_reload_says_goodbye_in_two_steps(served, origin):
    g = served()
    with Http2Client(g.address) as idle, Http2Client(g.address, acknowledges=False) as busy:
        assert idle.get("/own").status == 200
        busy.send(settings(ack=True) + request(1, path="/slow"))
        connection = origin.accept()
        connection.recv_until(b"\r\n\r\n")
        g.reload()
        idle.read_to_end()
        assert [(last, code) for last, code, _ in idle.goaways] == [(ALL_STREAMS, "NO_ERROR"), (1, "NO_ERROR")]
        assert idle.ended == "FIN"
        busy.read_until(lambda: busy.goaways and any(f.kind == PING for f in busy.frames))
        assert busy.goaways[0][0] == ALL_STREAMS
        # whoever answers the PING has read the GOAWAY
        assert [f.kind for f in busy.frames if f.kind in (GOAWAY, PING)] == [GOAWAY, PING]
        busy.send(request(3, path="/own"))  # it was on its way
        assert busy.response(3).body == b"own"
        connection.send(response(b"late"))
        assert busy.response(1).body == b"late"
        busy.acknowledges = True
        for got in [f for f in busy.frames if f.kind == PING and not f.flags]:
            busy.send(ping(got.payload, ack=True))
        busy.read_to_end()
        assert busy.goaways[-1][:2] == (3, "NO_ERROR")
        connection.close()
    g.wait_generations(1)


def test_a_connection_that_had_its_requests_is_told_to_go(served):
    g = served("limits { requests-per-connection 3 }\n" + CONFIG)
    with Http2Client(g.address) as client:
        for _ in range(3):
            assert client.get("/own").status == 200
        client.read_to_end()
        assert [last for last, _, _ in client.goaways] == [ALL_STREAMS, 5]


def test_an_idle_connection_holds_no_fiber(served):
    g = served()
    clients = [Http2Client(g.address) for _ in range(20)]
    for client in clients:
        assert client.get("/own").status == 200
    eventually(lambda: g.metrics().get("portcullis_connections_idle") == 20, "twenty idle connections")
    assert g.metrics().get("portcullis_http2_connections") == 20
    assert g.metrics().get("portcullis_fibers") == 0
    assert g.metrics().get("portcullis_buffered_bytes") == 0
    for client in clients:
        client.close()


def test_an_idle_connection_ends_in_its_time(served):
    g = served(CONFIG + "timeout idle 1s\n")
    with Http2Client(g.address) as client:
        assert client.get("/own").status == 200
        client.read_to_end()
        assert [code for _, code, _ in client.goaways] == ["NO_ERROR"]


def test_half_a_head_ends_in_its_time(served):
    g = served(CONFIG + "timeout header 1s\n")
    with Http2Client(g.address, acknowledges=False) as client:
        client.send(settings(ack=True) + headers(1, block(*request_fields())[:5], end_headers=False))
        client.read_to_end()
    record = g.security_log.wait_for(lambda r: r["reason"] == "timeout.header")
    assert record["fault"] == "client"


def test_a_client_that_takes_nothing_ends_in_its_time(served, origin):
    origin.serve(lambda got, connection: response(b"x" * 100000))
    g = served(CONFIG + "timeout send 1s\n")
    with Http2Client(g.address, gives_window=False) as client:
        client.send(request(1, path="/large"))
        message = client.response(1)
        assert message.reset == "INTERNAL_ERROR" and len(message.body) == 65535
        client.send(window_update(0, 1 << 20))
        client.next_stream = 3
        assert client.get("/own").status == 200
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/large")
    assert record["reason"] == "timeout.send"


def test_http1_goes_on_beside_it(served):
    g = served()
    with g.client() as client:
        assert client.get("/own", host="a.test").body == b"own"


def test_a_flood_of_resets_ends_and_says_so_once(served, origin):
    g = served()
    with Http2Client(g.address) as client:
        for i in range(0, 4000, 100):
            client.send_as_far_as_taken(b"".join(request(2 * n + 1, path="/own") + rst_stream(2 * n + 1)
                                                 for n in range(i, i + 100)))
        client.read_to_end()
        assert client.goaways[-1][1] == "ENHANCE_YOUR_CALM", client.story()
    g.security_log.wait_for(lambda r: r["reason"] == "h2.abuse-resets")
    assert len([r for r in g.security_log.records() if r["reason"].startswith("h2.abuse")]) == 1
    assert g.metrics().get("portcullis_http2_abuse_total") == 1
    with Http2Client(g.address) as client:
        assert client.get("/own").status == 200
