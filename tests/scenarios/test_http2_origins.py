"""Origins that speak HTTP/2: what goes over one connection, what goes out again, how bodies flow."""

import os
import time

import pytest
from harness import http2
from harness.client import Client, request
from harness.http2 import block, data, headers, rst_stream, window_update
from harness.deadline import eventually
from harness.http2_origin import Http2Origin
from harness.origin import response
from harness.stream import Ended
from harness.websocket import KEY, TEXT, accept_of, agreement, frame, handshake, read_frame

SITE = "site * { to h2://@origin }\n"
BIG = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def h2_origin():
    origin = Http2Origin()
    yield origin
    origin.close()


def reason_of(gate, path):
    record = gate.requests_log.wait_for(lambda r: r["uri"] == path)
    return record["status"], record.get("reason")


def ask(client, path="/", method="GET", fields=(), body=None):
    client.send(request(path, method=method, fields=fields, body=body))
    return client


# --- Messages --------------------------------------------------------------------------------------


def test_a_request_becomes_a_list_of_fields_and_the_response_comes_back(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(b"GET /a/b?c=d HTTP/1.1\r\nHost: App.Example:81\r\nX-Thing: One\r\nCookie: a=b; c=d\r\n"
                    b"Connection: x-drop\r\nX-Drop: 1\r\nTE: trailers\r\n\r\n")
        connection = h2_origin.accept()
        number, got = connection.request()
        assert got.fields[:4] == [(":method", "GET"), (":scheme", "http"),
                                  (":authority", "app.example:81"), (":path", "/a/b?c=d")]
        names = [name for name, _ in got.fields]
        assert got.get("x-thing") == "One" and got.get("cookie") == "a=b; c=d"
        assert not {"connection", "x-drop", "host", "te", "transfer-encoding", "content-length"} & set(names)
        assert all(name == name.lower() for name in names)
        connection.respond(number, b"hello",
                           fields=[("content-length", "5"), ("server", "secret"), ("x-a", "b")])
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.get("x-a") == "b" and not answer.all("server")


def test_rules_see_the_fields_of_the_response_and_its_status(gate, h2_origin, tmp_path):
    own = tmp_path / "own.conf"
    own.write_text('SecRule RESPONSE_HEADERS_NAMES "@rx ^:|^(?:server|x-a)$" "id:1,phase:3,pass,log"\n'
                   'SecRule RESPONSE_STATUS "@eq 201" "id:2,phase:3,pass,log"\n')
    g = gate("site * { to h2://@origin; waf balanced { rules @own } }\n", origin=h2_origin, own=own)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number, b"hello", status=201, fields=[("server", "secret"), ("x-a", "b")])
        assert client.response().status == 201
    record, = g.security_log.wait(1)
    assert [(rule["id"], rule["target"]) for rule in record["waf"]["rules"]] == [
        (1, "RESPONSE_HEADERS_NAMES:server"), (1, "RESPONSE_HEADERS_NAMES:x-a"), (2, "RESPONSE_STATUS")]


@pytest.mark.parametrize("method, body, length", [("POST", b"hello", "5"), ("POST", b"", "0"), ("PUT", None, "0"),
                                                  ("DELETE", None, None)])
def test_a_request_says_its_length(gate, h2_origin, method, body, length):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, method=method, body=body)
        connection = h2_origin.accept()
        number, got = connection.request()
        assert (got.get("content-length"), got.body) == (length, body or b"")
        connection.respond(number)
        assert client.response(method).status == 200


def test_a_chunked_upload_is_data_without_a_length(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        connection = h2_origin.accept()
        number = connection.request_head()
        stream = connection.stream(number)
        assert stream.get("content-length") is None and stream.get("transfer-encoding") is None
        connection.read_until(lambda: stream.body == b"abc")
        assert not stream.ended
        client.send(b"2\r\nde\r\n0\r\nX-Trailer: dropped\r\n\r\n")
        connection.response(number)
        assert (stream.body, stream.trailers) == (b"abcde", None)
        connection.respond(number)
        assert client.response("POST").body == b"ok"


@pytest.mark.parametrize("fields, framing", [([], "chunked"), ([("content-length", "1048576")], "length")])
def test_large_bodies_flow_both_ways(gate, h2_origin, fields, framing):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, method="POST", body=BIG)
        connection = h2_origin.accept()
        number, got = connection.request()
        assert got.body == BIG
        connection.head(number, fields=fields)
        sent = 0
        while sent < len(BIG):  # no more than the windows let through
            room = connection.window(number)
            if not room:
                connection.read_frame()
                continue
            piece = BIG[sent : sent + min(room, 16384)]
            sent += len(piece)
            connection.send_data(number, piece, end=sent == len(BIG))
        answer = client.response("POST")
        assert answer.body == BIG and answer.framing == framing


@pytest.mark.parametrize("status, fields, method", [(204, [], "GET"), (304, [("content-length", "9")], "GET"),
                                                    (200, [("content-length", "9")], "HEAD"), (200, [], "GET")])
def test_responses_without_a_body(gate, h2_origin, status, fields, method):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        for _ in range(2):
            ask(client, method=method)
            connection = h2_origin.connections[0] if h2_origin.connections else h2_origin.accept()
            number, _ = connection.request()
            connection.head(number, status, fields, end=True)
            answer = client.response(method)
            assert (answer.status, answer.body) == (status, b"")


def test_a_body_that_head_has_not_is_never_passed_on(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, method="HEAD")
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.send(headers(number, block((":status", "200")), end=False) + data(number, b"smuggled"))
        assert client.response("HEAD").status == 200
        ask(client, "/next")
        number, _ = connection.request()
        connection.respond(number, b"next")
        assert client.response().body == b"next"


def test_early_hints_go_on_and_other_interim_responses_end_here(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.head(number, 100)
        connection.head(number, 103, [("link", "</a.css>; rel=preload"), ("server", "hidden")])
        connection.head(number, 199)
        connection.respond(number)
        answer = client.response()
        assert [(i.status, i.get("link"), i.all("server")) for i in answer.interim] == [
            (103, "</a.css>; rel=preload", [])]
        assert answer.body == b"ok"


def test_trailers_mean_nothing_outside_grpc(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number, trailers=[("x-checksum", "1"), ("set-cookie", "a=b")])
        answer = client.response()
        assert answer.body == b"ok" and not answer.all("x-checksum") and not answer.all("set-cookie")


# --- Connections -----------------------------------------------------------------------------------


def test_requests_share_a_connection(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    clients = [ask(g.client(), f"/{i}") for i in range(3)]
    connection = h2_origin.accept()
    numbers = {connection.stream(n).get(":path"): n for n, _ in (connection.request() for _ in range(3))}
    assert sorted(numbers.values()) == [1, 3, 5]
    for i in (2, 0, 1):
        connection.respond(numbers[f"/{i}"], b"%d" % i)
        assert clients[i].response().body == b"%d" % i
    ask(clients[0], "/again")
    number, _ = connection.request()
    connection.respond(number, b"again")
    assert clients[0].response().body == b"again"
    assert h2_origin.has_no_connection()
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/again")
    assert record["status"] == 200
    for client in clients:
        client.close()


def test_more_connections_are_opened_when_the_streams_of_one_are_used_up(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as first, g.client() as second, g.client() as third:
        ask(first, "/1")
        one = h2_origin.accept((http2.MAX_CONCURRENT_STREAMS, 1))
        number, _ = one.request()
        one.barrier()  # our SETTINGS have been read
        ask(second, "/2")
        two = h2_origin.accept((http2.MAX_CONCURRENT_STREAMS, 1))
        other, _ = two.request()
        two.respond(other, b"two")
        assert second.response().body == b"two"
        ask(third, "/3")
        other, _ = two.request()
        two.respond(other, b"three")
        assert third.response().body == b"three"
        one.respond(number, b"one")
        assert first.response().body == b"one"


def test_max_counts_requests_not_connections(gate, h2_origin):
    g = gate("origin app { server h2://@origin max 1 }\nsite * { to app }", origin=h2_origin)
    with g.client() as first, g.client() as second:
        ask(first, "/1")
        connection = h2_origin.accept()
        number, _ = connection.request()
        ask(second, "/2")
        connection.barrier()
        connection.respond(number, b"one")
        assert first.response().body == b"one"
        number, got = connection.request()
        assert got.get(":path") == "/2"
        connection.respond(number, b"two")
        assert second.response().body == b"two"


def test_an_old_connection_is_asked_whether_it_is_there(gate, h2_origin):
    g = gate("site * { to h2://@origin; timeout { connect 1s } }", origin=h2_origin)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200
        time.sleep(2.1)  # what is tested: so long after its last use
        ask(client, "/old", "POST", body=b"x")
        connection.read_until(lambda: [f for f in connection.frames if f.kind == http2.PING])
        number, got = connection.request()
        assert got.get(":path") == "/old"
        connection.respond(number)
        assert client.response("POST").status == 200
        time.sleep(2.1)
        connection.acknowledges = False  # it is not there any more, and nothing says so
        ask(client, "/new", "POST", body=b"x")
        fresh = h2_origin.accept()
        number, got = fresh.request()
        assert got.get(":path") == "/new"
        fresh.respond(number)
        assert client.response("POST").status == 200


def test_an_idle_connection_is_closed_after_its_time(gate, h2_origin):
    g = gate("origin app { server h2://@origin; keep-alive 4 for 200ms }\nsite * { to app }", origin=h2_origin)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200
        assert connection.read_to_end()


def test_a_connection_that_tells_of_one_client_serves_no_other(gate, h2_origin):
    g = gate("origin app { server h2://@origin; proxy-protocol v1 }\nsite * { to app }", origin=h2_origin)
    with g.client() as client:
        for _ in range(2):
            ask(client)
            plain = h2_origin.accept_plain()
            assert plain.recv_until(b"\r\n").startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 %d " % client.local_port)
            connection = h2_origin.go_on(plain).begin()
            number, _ = connection.request()
            connection.respond(number)
            assert client.response().status == 200
            assert connection.read_to_end()


def test_http1_and_http2_mix_within_one_origin(gate, h2_origin, origin):
    g = gate("origin app { server h2://@h2 @h1 }\nsite * { to app }", h2=h2_origin, h1=origin)
    origin.serve(lambda got, connection: response(b"one"))
    with g.client() as client:  # the round robin begins with the first
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number, b"two")
        assert client.response().body == b"two"
        assert client.get().body == b"one"
        ask(client)
        number, _ = connection.request()
        connection.respond(number, b"two")
        assert client.response().body == b"two"


def test_a_connection_over_a_unix_socket(gate):
    g = gate("site * { to h2://unix:@directory/app }", start=False)
    origin = Http2Origin(path=f"{g.directory}/app")
    os.chmod(f"{g.directory}/app", 0o777)
    g.start()
    with g.client() as client:
        ask(client)
        connection = origin.accept()
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().body == b"ok"
    origin.close()


def test_a_reload_lets_streams_finish_and_closes_their_connection(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        g.reload()
        connection.respond(number, b"old")
        assert client.response().body == b"old"
        assert connection.read_to_end()
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number, b"new")
        assert client.response().body == b"new"


# --- What goes out again ---------------------------------------------------------------------------


@pytest.mark.parametrize("method, body", [("GET", None), ("POST", b"hello")])
def test_a_refused_stream_goes_out_again_on_a_new_connection(gate, h2_origin, method, body):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, method=method, body=body)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.send(rst_stream(number, http2.ERRORS.index("REFUSED_STREAM")))
        again = h2_origin.accept()
        number, got = again.request()
        assert got.body == (body or b"")
        again.respond(number, b"again")
        assert client.response(method).body == b"again"


@pytest.mark.parametrize("method, body", [("GET", None), ("POST", b"hello")])
def test_what_a_goaway_says_was_not_processed_goes_out_again(gate, h2_origin, method, body):
    g = gate(SITE, origin=h2_origin)
    with g.client() as first, g.client() as second:
        ask(first, "/first")
        connection = h2_origin.accept()
        number, _ = connection.request()
        ask(second, "/second", method, body=body)
        connection.request()
        connection.send(http2.goaway(last=number))
        again = h2_origin.accept()
        other, got = again.request()
        assert (got.get(":path"), got.body) == ("/second", body or b"")
        again.respond(other, b"again")
        assert second.response(method).body == b"again"
        connection.respond(number, b"the first is still served")
        assert first.response().body == b"the first is still served"
        assert connection.read_to_end()


def test_a_second_refusal_is_final(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, "/twice")
        for _ in range(2):
            connection = h2_origin.accept()
            number, _ = connection.request()
            connection.send(rst_stream(number, http2.ERRORS.index("REFUSED_STREAM")))
        assert client.response().status == 502
        assert reason_of(g, "/twice") == (502, "upstream.closed")


@pytest.mark.parametrize("code", ["INTERNAL_ERROR", "CANCEL", "NO_ERROR"])
def test_another_reset_is_an_answer(gate, h2_origin, code):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, "/reset")
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.send(rst_stream(number, http2.ERRORS.index(code)))
        assert client.response().status == 502
        assert reason_of(g, "/reset") == (502, "upstream.reset")
        ask(client, "/after")
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200


@pytest.mark.parametrize("method, again", [("GET", True), ("POST", False)])
def test_a_connection_that_dies_repeats_what_may_be_done_twice(gate, h2_origin, method, again):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200
        ask(client, "/second", method, body=b"x" if method == "POST" else None)
        connection.request()
        connection.close()
        if again:
            other = h2_origin.accept()
            number, _ = other.request()
            other.respond(number, b"again")
        assert client.response(method).status == (200 if again else 502)
        assert again or h2_origin.has_no_connection()


# --- Flow ------------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_holds_up_no_other(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client(receive_buffer=4096) as slow, g.client() as quick:
        ask(slow, "/slow")
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.head(number)
        while connection.window(number) > 0:  # as much as it lets through
            connection.send_data(number, bytes(min(connection.window(number), 16384)), end=False)
        ask(quick, "/quick")
        other, _ = connection.request()
        connection.respond(other, bytes(100_000))
        assert quick.response().body == bytes(100_000)


def test_an_upload_waits_for_the_windows_of_the_origin(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, method="POST", body=bytes(30_000))
        connection = h2_origin.accept((http2.INITIAL_WINDOW_SIZE, 1000), gives_window=False)
        number = connection.request_head()
        stream = connection.stream(number)
        while not stream.ended:
            connection.read_until(lambda: len(stream.body) % 1000 == 0 and stream.body or stream.ended)
            connection.send(window_update(number, 1000), window_update(0, 1000))
            connection.read_frame()
        assert stream.body == bytes(30_000)
        connection.respond(number)
        assert client.response("POST").status == 200


def test_windows_that_never_open_are_the_origin_s_fault(gate, h2_origin):
    g = gate("site * { to h2://@origin; timeout { send 300ms; head 600ms } }", origin=h2_origin)
    with g.client() as client:
        ask(client, "/stalled", method="POST", body=bytes(300_000))
        connection = h2_origin.accept((http2.INITIAL_WINDOW_SIZE, 1000), gives_window=False)
        number = connection.request_head()
        answer = client.response("POST")
        assert answer.status == 504
        assert reason_of(g, "/stalled") == (504, "upstream.send-timeout")
        connection.read_until(lambda: connection.stream(number).reset)
        assert connection.stream(number).reset == "CANCEL" and not connection.stream(number).ended


def test_an_upload_that_is_broken_off_is_never_finished(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    client = g.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
    connection = h2_origin.accept()
    number = connection.request_head()
    connection.read_until(lambda: connection.stream(number).body == b"half")
    client.close()
    connection.read_until(lambda: connection.stream(number).reset)
    assert connection.stream(number).reset == "CANCEL" and not connection.stream(number).ended


def test_a_client_that_goes_away_cancels_its_stream(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    client = ask(g.client(), "/gone")
    connection = h2_origin.accept()
    number, _ = connection.request()
    client.reset()
    connection.read_until(lambda: connection.stream(number).reset)
    assert connection.stream(number).reset == "CANCEL"
    with g.client() as other:  # the connection goes on
        ask(other, "/after")
        number, _ = connection.request()
        connection.respond(number)
        assert other.response().status == 200


def test_an_answer_may_come_before_the_upload_has_ended(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin")
        connection = h2_origin.accept()
        number = connection.request_head()
        connection.respond(number, b"no", 403, [("content-length", "2")])
        connection.send(rst_stream(number, 0))
        answer = client.response("POST")
        assert (answer.status, answer.body) == (403, b"no")


@pytest.mark.parametrize("pieces, reasons", [
    (lambda n: data(n, b"too short"), ("upstream.body", "upstream.truncated")),
    (lambda n: data(n, b"much too long"), ("upstream.body", "upstream.truncated")),
    (lambda n: data(n, b"half", end=False) + rst_stream(n, 2), ("upstream.truncated",)),
])
def test_a_body_that_is_not_what_was_announced_is_never_completed(gate, h2_origin, pieces, reasons):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        ask(client, "/length")
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.head(number, fields=[("content-length", "10")])
        head = client.response_head()
        assert head.status == 200
        connection.send(pieces(number))
        with pytest.raises(Ended):
            client.recv_exactly(11)
        record = g.requests_log.wait_for(lambda r: r["uri"] == "/length")
        assert record["reason"] in reasons


def test_what_waits_counts_under_the_limit_of_buffers(gate, h2_origin):
    # clients on a Unix socket: little of what they do not read is in the kernel
    g = gate("listen unix:@directory/front\nlimits { buffered 2M }\n" + SITE, origin=h2_origin)
    slow = [ask(Client(f"unix:{g.directory}/front"), f"/{i}") for i in range(12)]
    connection = h2_origin.accept()
    numbers = [connection.request()[0] for _ in slow]
    piece = bytes(16384)
    for number in numbers:
        connection.head(number)
    while not any(connection.stream(n).reset for n in numbers):  # together they cannot take what each could
        open_ones = [n for n in numbers if connection.window(n) >= len(piece)]
        for number in open_ones:
            connection.send_data(number, piece, end=False)
        if not open_ones:
            connection.read_frame()
    assert {connection.stream(n).reset for n in numbers} == {None, "ENHANCE_YOUR_CALM"}
    for client in slow:
        client.close()
    eventually(lambda: len(g.requests_log.records()) == 12, "all have ended")
    with g.client() as client:  # and then there is room again
        ask(client, "/after")
        number, _ = connection.request()
        connection.respond(number, bytes(100_000))
        assert client.response().body == bytes(100_000)


# --- WebSocket -------------------------------------------------------------------------------------


def test_a_websocket_goes_over_a_stream_where_the_origin_takes_it(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(handshake("/chat", fields=["Sec-WebSocket-Protocol: chat"]))
        connection = h2_origin.accept((http2.ENABLE_CONNECT_PROTOCOL, 1))
        number = connection.request_head()
        got = connection.stream(number)
        assert dict(got.fields)[":method"] == "CONNECT" and got.get(":protocol") == "websocket"
        assert (got.get(":path"), got.get(":scheme")) == ("/chat", "http")
        assert got.get("sec-websocket-version") == "13" and got.get("sec-websocket-protocol") == "chat"
        assert got.get("sec-websocket-key") is None and got.get("upgrade") is None
        connection.head(number, fields=[("sec-websocket-protocol", "chat")])
        answer = client.response()
        assert answer.status == 101 and answer.get("sec-websocket-accept") == accept_of(KEY)
        assert answer.get("sec-websocket-protocol") == "chat"
        client.send(frame(b"up", TEXT, masked=True))
        connection.read_until(lambda: len(got.body) >= 8)
        connection.send(data(number, frame(b"down", TEXT), end=False))
        assert read_frame(client)[1] == b"down"
        connection.send(data(number, b"", end=True))
        client.finish()
        connection.read_until(lambda: got.is_over)
        client.recv_all()


def test_a_websocket_uses_http1_where_the_origin_takes_none_over_http2(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(handshake())
        h2_origin.accept()
        plain = h2_origin.accept_plain()
        assert plain.request_head().get("upgrade") == "websocket"
        plain.send(agreement())
        assert client.response().status == 101
        plain.send(frame(b"down", TEXT))
        assert read_frame(client)[1] == b"down"


def test_a_websocket_that_is_no_tunnel_is_none(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(handshake("/bad"))
        connection = h2_origin.accept((http2.ENABLE_CONNECT_PROTOCOL, 1))
        number = connection.request_head()
        connection.head(number, end=True)
        assert client.response().status == 502
        assert reason_of(g, "/bad") == (502, "websocket.accept")


def test_an_origin_may_refuse_a_websocket(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(handshake())
        connection = h2_origin.accept((http2.ENABLE_CONNECT_PROTOCOL, 1))
        number = connection.request_head()
        connection.respond(number, b"no", 403)
        answer = client.response()
        assert (answer.status, answer.body) == (403, b"no")


def test_a_websocket_of_http2_meets_origins_of_both_kinds(gate, h2_origin, origin):
    g = gate("listen 127.0.0.1:0 h2c\nsite * { to h2://@two; route /one { to @one } }", two=h2_origin, one=origin)

    def connect(client, path):
        number, client.next_stream = client.next_stream, client.next_stream + 2
        client.send(headers(number, block((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                                          (":authority", "a.test"), (":path", path),
                                          ("sec-websocket-version", "13")), end=False))
        return number

    with http2.Http2Client(g.addresses()[1]) as client:
        number = connect(client, "/two")
        connection = h2_origin.accept((http2.ENABLE_CONNECT_PROTOCOL, 1))
        at = connection.request_head()
        assert connection.stream(at).get("sec-websocket-key") is None
        connection.head(at)
        connection.send(data(at, b"down", end=False))
        client.read_until(lambda: client.stream(number).body == b"down")
        assert client.stream(number).status == 200 and client.stream(number).get("sec-websocket-accept") is None
        client.send(data(number, b"up", end=False))
        connection.read_until(lambda: connection.stream(at).body == b"up")
        client.send(rst_stream(number))
        connection.read_until(lambda: connection.stream(at).is_over)

        number = connect(client, "/one")
        plain = origin.accept()
        got = plain.request_head()
        plain.send(agreement(got.get("sec-websocket-key")) + b"down")
        client.read_until(lambda: client.stream(number).body == b"down")
        client.send(data(number, b"up", end=False))
        assert plain.recv_exactly(2) == b"up"


def test_connections_are_counted(gate, h2_origin):
    g = gate("origin app { server h2://@origin; keep-alive 4 for 300ms }\nsite * { to app }", origin=h2_origin)

    def counted():
        metrics = g.metrics()
        return [int(metrics.sum(f"portcullis_origin_connections_{what}")) for what in ("open", "idle")]

    with g.client() as client:
        ask(client)
        connection = h2_origin.accept()
        number, _ = connection.request()
        eventually(lambda: counted() == [1, 0], "one that is used")
        connection.respond(number)
        assert client.response().status == 200
        eventually(lambda: counted() in ([1, 1], [0, 0]), "one that is idle, for a while")
        assert connection.read_to_end()
        eventually(lambda: counted() == [0, 0], "none")
