"""Origins of HTTP/2 that break its rules, or try to: their client is told 502 (or what has begun is
broken off), the log says why, the connection goes, and the gate serves on."""

import struct

import pytest
from harness import http2
from harness.client import request
from harness.http2 import block, continuation, data, frame, headers, literal, ping, settings, window_update
from harness.http2_origin import Http2Origin
from harness.stream import Ended

SITE = "site * { to h2://@origin; timeout { head 4s } }\n"
OK = (":status", "200")


@pytest.fixture
def h2_origin():
    origin = Http2Origin()
    yield origin
    origin.close()


def head(*fields, end=True):
    return lambda n: headers(n, block(*fields), end=end)


def reset_of(connection, number):
    connection.read_until(lambda: connection.stream(number).reset or connection.goaways)
    return connection.stream(number).reset


# --- One message is malformed ----------------------------------------------------------------------

MALFORMED = {
    "no status": (head(("x", "a")), "h2"),
    "an empty list": (head(), "h2"),
    "status behind a field": (head(("x", "a"), OK), "h2"),
    "two statuses": (head(OK, OK), "h2"),
    "a pseudo-field of requests": (head(OK, (":path", "/")), "h2"),
    "an unknown pseudo-field": (head(OK, (":x", "/")), "h2"),
    "a status of two digits": (head((":status", "20")), "h2"),
    "a status of four digits": (head((":status", "2000")), "h2"),
    "a status with a sign": (head((":status", "+20")), "h2"),
    "a status with a phrase": (head((":status", "200 OK")), "h2"),
    "status 600": (head((":status", "600")), "h2.status"),
    "status 000": (head((":status", "000")), "h2.status"),
    "status 101": (head((":status", "101"), end=False), "h2"),
    "an upper-case name": (head(OK, ("X-A", "a")), "h2"),
    "an empty name": (head(OK, ("", "a")), "h2"),
    "a space in a name": (head(OK, ("a b", "a")), "h2.field-name"),
    "a colon in a name": (head(OK, ("a:b", "a")), "h2.field-name"),
    "a CR in a name": (head(OK, ("a\r", "a")), "h2.field-name"),
    "a CR LF in a value": (head(OK, ("x", "a\r\nset-cookie: b=c")), "h2.field-value"),
    "a LF in a value": (head(OK, ("x", "a\nb")), "h2.field-value"),
    "a NUL in a value": (head(OK, ("x", "a\0b")), "h2.field-value"),
    "a space before a value": (head(OK, ("x", " a")), "h2.field-value"),
    "a space behind a value": (head(OK, ("x", "a ")), "h2.field-value"),
    "a tab before a value": (head(OK, ("x", "\ta")), "h2.field-value"),
    "connection": (head(OK, ("connection", "close")), "h2"),
    "keep-alive": (head(OK, ("keep-alive", "timeout=5")), "h2"),
    "proxy-connection": (head(OK, ("proxy-connection", "close")), "h2"),
    "transfer-encoding": (head(OK, ("transfer-encoding", "chunked"), end=False), "h2"),
    "upgrade": (head(OK, ("upgrade", "h2c")), "h2"),
    "te": (head(OK, ("te", "trailers")), "h2"),
    "te with another word": (head(OK, ("te", "gzip")), "h2"),
    "two lengths": (head(OK, ("content-length", "5"), ("content-length", "6"), end=False), "h"),
    "a length with a sign": (head(OK, ("content-length", "+5"), end=False), "h"),
    "a list of lengths": (head(OK, ("content-length", "5, 5"), end=False), "h"),
    "a length that is too large": (head(OK, ("content-length", "18446744073709551616"), end=False), "h"),
    "a length and no body": (head(OK, ("content-length", "5")), "h2"),
    "204 with a length": (head((":status", "204"), ("content-length", "5")), "h"),
    "an interim response that ends": (head((":status", "103")), "h2"),
    "an interim response with a length": (head((":status", "103"), ("content-length", "5"), end=False), "h"),
}


@pytest.fixture(scope="module")
def shared():
    """One program for all malformed heads: it serves on after each."""
    from harness.gate import Gate

    origin = Http2Origin()
    instance = Gate(SITE, {"origin": origin})
    instance.start()
    yield instance, origin
    instance.close(False)
    origin.close()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_is_refused(shared, name):
    g, origin = shared
    answer, reason = MALFORMED[name]
    path = "/" + name.replace(" ", "-")
    with g.client() as client:
        client.send(request(path))
        connection = origin.accept()
        number, _ = connection.request()
        connection.send(answer(number))
        got = client.response()
        assert got.status == 502 and b"set-cookie" not in got.head
    record = g.requests_log.wait_for(lambda r: r["uri"] == path)
    assert record["reason"].startswith(reason) or record["reason"] == "upstream.http2", record
    assert connection.read_to_end()  # it is not used again


# --- The connection breaks the rules ---------------------------------------------------------------

BROKEN = {
    "an answer of HTTP/1": lambda n: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a pushed stream": lambda n: frame(http2.PUSH_PROMISE, http2.END_HEADERS, n,
                                       struct.pack(">I", 2) + block(*http2.request_fields())),
    "DATA before its head": lambda n: data(n, b"x"),
    "DATA on no stream": lambda n: data(0, b"x"),
    "HEADERS on no stream": lambda n: headers(0, block(OK)),
    "HEADERS on a stream of ours": lambda n: headers(2, block(OK)),
    "a block that does not decode": lambda n: headers(n, b"\xff\xff\xff\xff\xff\xff"),
    "an index that is not there": lambda n: headers(n, http2.indexed(4000)),
    "a table larger than ours": lambda n: headers(n, http2.table_size(1 << 20) + block(OK)),
    "a frame that is too large": lambda n: data(n, bytes(20_000)),
    "a frame that claims 16 MiB": lambda n: frame(http2.DATA, 0, n, b"", length=(1 << 24) - 1),
    "another frame inside a block": lambda n: headers(n, block(OK), end_headers=False) + ping(),
    "CONTINUATION without a block": lambda n: continuation(n, block(OK)),
    "a window that overflows": lambda n: window_update(0, 0x7FFFFFFF) * 2,
    "a window update of nothing": lambda n: window_update(0, 0),
    "SETTINGS of a wrong size": lambda n: frame(http2.SETTINGS, 0, 0, b"12345"),
    "SETTINGS on a stream": lambda n: frame(http2.SETTINGS, 0, n, b""),
    "an initial window that is too large": lambda n: settings((http2.INITIAL_WINDOW_SIZE, 0x80000000)),
    "a frame size that is too small": lambda n: settings((http2.MAX_FRAME_SIZE, 100)),
    "a PING of a wrong size": lambda n: frame(http2.PING, 0, 0, b"1234"),
    "RST_STREAM of an idle stream": lambda n: http2.rst_stream(n + 100, 8),
    "padding longer than its frame": lambda n: frame(http2.DATA, http2.PADDED, n, b"\xff" + b"x"),
    "push switched on": lambda n: settings((http2.ENABLE_PUSH, 1)),
    "more than the window": lambda n: headers(n, block(OK), end=False) + b"".join(
        data(n, bytes(16384), end=False) for _ in range(600)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_connection_that_breaks_the_rules_is_closed(gate, h2_origin, name):
    g = gate(SITE, origin=h2_origin)
    with g.client(receive_buffer=4096) as client:
        client.send(request("/broken"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.send_as_far_as_taken(BROKEN[name](number))
        assert connection.read_to_end()
        if name == "more than the window":
            with pytest.raises(Ended):
                client.response()
        else:
            assert client.response().status == 502
        record = g.requests_log.wait_for(lambda r: r["uri"] == "/broken")
        assert record["reason"].startswith("upstream."), record
    with g.client() as client:
        client.send(request("/after"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200


def test_a_server_of_http1_is_told_apart_in_the_log(gate, origin):
    g = gate("site * { to h2://@origin }", origin=origin)
    with g.client() as client:
        client.send(request("/"))
        connection = origin.accept()
        connection.recv_until(b"SM\r\n\r\n")  # and the request with it
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert client.response().status == 502
    record = g.requests_log.wait()[0]
    assert record["reason"] == "upstream.http2"


# --- Floods ----------------------------------------------------------------------------------------

FLOODS = {
    "PING": lambda n: ping() * 1000,
    "SETTINGS": lambda n: settings() * 1000,
    "empty DATA": lambda n: data(n, b"", end=False) * 1000,
    "WINDOW_UPDATE": lambda n: window_update(n, 1) * 1000,
    "PRIORITY": lambda n: http2.priority(n, 99) * 1000,
    "acknowledgements": lambda n: settings(ack=True) * 1000,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(gate, h2_origin, name):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(request("/flood"))
        connection = h2_origin.accept(acknowledges=False)
        number, _ = connection.request()
        if name == "empty DATA":
            connection.head(number)
        piece = FLOODS[name](number)
        sent = sum(connection.send_as_far_as_taken(piece) for _ in range(20))
        assert connection.read_to_end() and sent
        if name == "empty DATA":
            with pytest.raises(Ended):
                client.response()
        else:
            assert client.response().status == 502
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/flood")
    assert record["reason"].startswith("upstream."), record


def test_a_flood_on_an_idle_connection_ends_it(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(request("/"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200
        for _ in range(20):
            connection.send_as_far_as_taken(frame(0x77, 0, number, b"") * 1000)
        assert connection.read_to_end()


def test_a_head_that_never_ends_is_cut(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(request("/endless"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.send(headers(number, block(OK), end_headers=False))
        for _ in range(200):
            connection.send_as_far_as_taken(continuation(number, literal("x", "y" * 1000), end_headers=False))
        assert client.response().status == 502
        assert connection.read_to_end()


@pytest.mark.parametrize("fields", [[("x", "y" * 60_000)], [("x", "y" * 900)] * 99, [("x", "y")] * 300])
def test_a_head_over_the_limits_is_refused(gate, h2_origin, fields):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(request("/large"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        whole = block(OK, *fields)
        pieces = [whole[at : at + 16000] for at in range(0, len(whole), 16000)]
        connection.send(headers(number, pieces[0], end_headers=len(pieces) == 1))
        for piece in pieces[1:]:
            connection.send_as_far_as_taken(continuation(number, piece, end_headers=piece is pieces[-1]))
        assert client.response().status == 502
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/large")
    assert record["reason"] in ("upstream.head-length", "h2.head-length", "h2.field-length", "upstream.http2")


def test_a_table_that_unpacks_to_much_more_is_bounded(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(request("/bomb"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        bomb = http2.indexed_literal("x", "y" * 4000) + http2.indexed(62) * 10_000
        connection.send_as_far_as_taken(headers(number, block(OK) + bomb))
        assert client.response().status == 502
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/bomb")
    assert record["reason"] == "upstream.head-length"


def test_interim_responses_without_end_are_cut(gate, h2_origin):
    g = gate(SITE, origin=h2_origin)
    with g.client() as client:
        client.send(request("/interim"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.send_as_far_as_taken(headers(number, block((":status", "100")), end=False) * 1000)
        assert client.response().status == 502
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/interim")
    assert record["reason"] == "upstream.interim"


def test_an_origin_that_never_answers_costs_its_time_only(gate, h2_origin):
    g = gate("site * { to h2://@origin; timeout { head 200ms } }", origin=h2_origin)
    with g.client() as client:
        client.send(request("/silent"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        assert client.response().status == 504
        assert reset_of(connection, number) == "CANCEL"
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/silent")
    assert record["reason"] == "upstream.head-timeout"


def test_a_body_that_stops_is_broken_off(gate, h2_origin):
    g = gate("site * { to h2://@origin; timeout { idle 200ms } }", origin=h2_origin)
    with g.client() as client:
        client.send(request("/stops"))
        connection = h2_origin.accept()
        number, _ = connection.request()
        connection.head(number)
        connection.send(data(number, b"begin", end=False))
        with pytest.raises(Ended):
            client.response()
        assert reset_of(connection, number) == "CANCEL"
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/stops")
    assert record["reason"] == "upstream.idle"
