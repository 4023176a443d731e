"""The harness itself: that it sees what it is there to see. The program under test is a relay."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading

import hpack
import pytest
from harness import certificates, http2, ports, records, tls, websocket
from harness.client import Client, request
from harness.deadline import Deadline, eventually
from harness.gate import Gate, replace_names
from harness.message import read_request, read_response
from harness.metrics import Metrics
from harness.origin import Origin, response
from harness.program import Program
from harness.stream import FIN, RESET, Ended, Stream

RELAY = os.path.join(os.path.dirname(records.__file__), "relay.py")
BARE = {"bare": True}


@pytest.fixture
def relay(gate, monkeypatch):
    monkeypatch.setenv("PORTCULLIS_BINARY", RELAY)
    return lambda config, **values: gate(config, options=BARE, **values)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with Stream(ours) as one, Stream(theirs) as other:
        yield one, other


def test_an_exchange_reaches_both_sides_byte_for_byte(relay, origin):
    gate = relay("to @origin", origin=origin)
    with gate.client() as client:
        client.send(b"POST /a HTTP/1.1\r\n", b"Host: x\r\nContent-Length: 2\r\n\r\n", b"hi")
        connection = origin.accept()
        got = connection.request()
        assert (got.method, got.target, got.body) == ("POST", "/a", b"hi")
        assert connection.received == got.raw
        connection.respond(b"yes", fields=["X-A: b"])
        answer = client.response()
        assert (answer.status, answer.body, answer.get("x-a")) == (200, b"yes", "b")
        assert client.received == answer.raw
        connection.close()
        client.assert_ended()


def test_serve_answers_many(relay, origin):
    origin.serve(lambda got, connection: response(got.target.encode()))
    gate = relay("to @origin", origin=origin)
    for i in range(3):
        with gate.client() as client:
            assert client.get(f"/{i}").body == b"/%d" % i
            assert client.get("/again").body == b"/again"
    assert [r.target for r in origin.requests].count("/again") == 3


def test_a_wrong_exit_status_is_seen(relay, origin):
    gate = relay("to @origin\nexit 3", origin=origin)
    with pytest.raises(AssertionError, match="exit 3"):
        gate.stop()


def test_a_sanitizer_report_is_seen(relay, origin):
    gate = relay("to @origin\nreport", origin=origin)
    with pytest.raises(AssertionError, match="a report in its log"):
        gate.stop()
    gate.expected_reports = True


def test_a_process_left_behind_is_seen_and_ended(relay, origin, monkeypatch):
    gate = relay("to @origin\norphan", origin=origin)
    monkeypatch.setattr("harness.gate.eventually", lambda *a: eventually(*a, seconds=0.2))
    with pytest.raises(TimeoutError, match="no process of it left"):
        gate.stop()
    assert len(gate.kill_left_overs()) == 1
    eventually(lambda: not gate.members(), "all gone")


def test_a_program_that_ends_at_once_is_told_with_its_log(gate, monkeypatch):
    monkeypatch.setenv("PORTCULLIS_BINARY", RELAY)
    with pytest.raises(AssertionError, match="(?s)it ended at once.*KeyError"):
        gate("nothing here", options=BARE)


def test_a_missing_program_is_a_failure_and_not_a_skip(monkeypatch):
    monkeypatch.setenv("PORTCULLIS_BINARY", "/nonexistent/portcullis")
    gate = Gate("", bare=True)
    with pytest.raises(FileNotFoundError):
        gate.spawn()
    gate.close()


def test_fin_and_reset_are_told_apart():
    for how in (FIN, RESET):
        server = Origin()
        with Client(server.address) as client:
            peer = server.accept()
            peer.send(b"bye")
            peer.reset() if how == RESET else peer.close()
            try:
                assert client.recv_all() in (b"bye", b"")
            finally:
                server.close()
            assert client.ended == how
            with pytest.raises(AssertionError):
                client.assert_ended(FIN if how == RESET else RESET)


def test_bytes_before_the_end_are_not_overlooked(pair):
    ours, theirs = pair
    theirs.send(b"left over")
    theirs.close()
    with pytest.raises(AssertionError, match="left over"):
        ours.assert_ended()


def test_half_close_leaves_the_other_direction(pair):
    ours, theirs = pair
    ours.send(b"question").finish()
    assert theirs.recv_all() == b"question"
    theirs.send(b"answer").close()
    assert ours.recv_all() == b"answer"


def test_waits_end(pair):
    ours, _ = pair
    with pytest.raises(TimeoutError):
        ours.recv_until(b"\n", seconds=0.05)
    with pytest.raises(TimeoutError):
        eventually(lambda: False, "never", seconds=0.05)
    with pytest.raises(TimeoutError):
        Deadline(0).left()
    assert ours.has_nothing_now()


def test_a_connection_nobody_accepted_is_seen(origin):
    assert origin.has_no_connection()
    with Client(origin.address):
        assert not origin.has_no_connection()


def test_failures_of_an_origin_handler_are_not_lost():
    server = Origin().serve(lambda got, connection: 1 / 0)
    with Client(server.address) as client:
        client.send(request())
        client.recv_all()
    with pytest.raises(ZeroDivisionError):
        server.close()


GOOD_HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        GOOD_HEAD + b"Content-Length : 0\r\n\r\n",
        GOOD_HEAD + b"Content-Length: 00\r\n\r\n",
        GOOD_HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        GOOD_HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GOOD_HEAD + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        GOOD_HEAD + b"A: b\0\r\nContent-Length: 0\r\n\r\n",
        GOOD_HEAD + b"A: b \r\nContent-Length: 0\r\n\r\n",
        GOOD_HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n",
        GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)
def test_the_strict_reader_refuses(pair, data):
    ours, theirs = pair
    theirs.send(data).close()
    with pytest.raises(AssertionError):
        read_response(ours)


@pytest.mark.parametrize(
    "data",
    [
        GOOD_HEAD + b"Content-Length: 5\r\n\r\nfour",
        GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        GOOD_HEAD + b"Content-Le",
    ],
)
def test_the_strict_reader_sees_a_cut_message(pair, data):
    ours, theirs = pair
    theirs.send(data).close()
    with pytest.raises(Ended):
        read_response(ours)


def test_the_strict_reader_reads_every_framing(pair):
    ours, theirs = pair
    theirs.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", response(b"abc"))
    answer = read_response(ours)
    assert (answer.body, answer.framing, answer.interim[0].status) == (b"abc", "length", 103)
    theirs.send(GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n")
    theirs.send(b"0\r\n\r\n")
    answer = read_response(ours)
    assert (answer.body, answer.framing) == (b"abc0123456789", "chunked")
    assert answer.body_raw == b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
    theirs.send(GOOD_HEAD + b"Content-Length: 9\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n")
    assert read_response(ours, "HEAD").body == b""
    assert read_response(ours).status == 304
    theirs.send(GOOD_HEAD + b"\r\nuntil the end").close()
    answer = read_response(ours)
    assert (answer.body, answer.framing) == (b"until the end", "close")


def test_the_strict_reader_reads_requests(pair):
    ours, theirs = pair
    theirs.send(request("/a", method="PUT", body=b"xyz"), request("/b"))
    assert read_request(ours).body == b"xyz"
    assert read_request(ours).target == "/b"
    theirs.send(b"GET /a b HTTP/1.1\r\n\r\n")
    with pytest.raises(AssertionError):
        read_request(ours)


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_websocket_frames_come_back(pair, size):
    ours, theirs = pair
    payload = bytes(i % 251 for i in range(size))
    for masked in (False, True):
        theirs.send(websocket.frame(payload, masked=masked))
        assert websocket.read_frame(ours) == (websocket.BINARY, payload, True)


def test_websocket_accept_is_the_example_of_the_rfc():
    assert websocket.accept_of() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_log_records_are_read_as_they_grow(tmp_path):
    log = records.Log(tmp_path / "log")
    assert log.records() == []
    with open(log.path, "ab", buffering=0) as file:
        file.write(b'{"a": 1}\n{"a": 2}\n{"a"')
        assert log.wait(2) == [{"a": 1}, {"a": 2}]
        log.skip()
        file.write(b": 3}\n")
    log.offset -= 4
    assert log.wait_for(lambda r: r["a"] == 3) == {"a": 3}
    with pytest.raises(AssertionError):
        records.parse_record(b'{"a": 1, "a": 2}')


METRICS = """\
# HELP a_total All of them.
# TYPE a_total counter
a_total{site="x",kind="\\"q\\\\"} 3
a_total{site="y"} 4
# HELP t Time.
# TYPE t histogram
t_bucket{le="0.1"} 1
t_bucket{le="+Inf"} 2
t_sum 0.5
t_count 2
"""


def test_metrics_are_read():
    metrics = Metrics(METRICS)
    assert metrics.get("a_total", site="y") == 4
    assert metrics.sum("a_total") == 7
    assert metrics.kinds == {"a_total": "counter", "t": "histogram"}


@pytest.mark.parametrize(
    "old,new",
    [
        ("t_count 2", "t_count 3"),
        ('le="0.1"} 1', 'le="0.1"} 5'),
        ("t_sum 0.5\n", ""),
        ("# TYPE a_total counter\n", ""),
        ("# HELP t Time.\n", ""),
        ('{site="y"}', '{site="x",kind="\\"q\\\\"}'),
        ('site="y"', "site=y"),
        ("t_count 2\n", "t_count 2"),
        ("t_count 2\n", "t_count 2\na_total 1\n"),
    ],
)
def test_bad_metrics_are_seen(old, new):
    assert METRICS.replace(old, new) != METRICS
    with pytest.raises((AssertionError, KeyError)):
        Metrics(METRICS.replace(old, new))


def test_names_in_a_configuration_are_replaced():
    assert replace_names("to @origin { x }", {"origin": "1.2.3.4:5"}) == "to 1.2.3.4:5 { x }"
    with pytest.raises(KeyError):
        replace_names("to @orign", {"origin": "x"})


def test_header_blocks_by_hand_are_those_of_the_rfc():
    decoded = hpack.Decoder()
    assert http2.integer(10, 5) == b"\x0a" and http2.integer(1337, 5) == b"\x1f\x9a\x0a"  # RFC 7541 C.1
    block = http2.block(http2.indexed(2), http2.literal("a", "b"), http2.indexed_literal("c", "d" * 200),
                        http2.indexed(62), http2.table_size(0))
    assert decoded.decode(block[:-1], raw=True)[1:] == [(b"a", b"b"), (b"c", b"d" * 200), (b"c", b"d" * 200)]


def test_an_http2_connection_keeps_what_it_was_sent(pair):
    client, server = (http2.Http2(stream.socket) for stream in pair)
    server.send(http2.settings((http2.INITIAL_WINDOW_SIZE, 10)), http2.ping(),
                http2.headers(1, http2.block((":status", "103")), end=False),
                http2.headers(1, http2.block((":status", "200")), end=False, pad=3)[:20])
    client.read_until(lambda: client.stream(1).interim, "the interim response")
    rest = http2.headers(1, http2.block((":status", "200")), end=False, pad=3)[20:]
    server.send(rest, http2.data(1, b"abc", end=False, pad=9), http2.headers(1, http2.block(("t", "v"))),
                http2.rst_stream(3, 11), http2.goaway(5, 1, b"why"))
    server.finish()
    message = client.response()
    assert (message.status, message.body, message.trailers) == (200, b"abc", [("t", "v")])
    assert client.read_to_end() == FIN
    assert client.peer_settings == {http2.INITIAL_WINDOW_SIZE: 10}
    assert client.stream(3).reset == "ENHANCE_YOUR_CALM"
    assert client.goaways == [(5, "PROTOCOL_ERROR", b"why")]
    server.read_until(lambda: server.settings_acks and server.pings, "the answers")
    server.read_until(lambda: [f for f in server.frames if f.kind == http2.WINDOW_UPDATE][1:], "the windows")


def test_certificates_and_tls_of_the_harness_fit_together(tmp_path):
    root = certificates.Authority(tmp_path)
    pair = certificates.Authority(tmp_path, "intermediate", root).issue("a.test", kind="rsa")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate_path, pair.key_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def serve():
            with contextlib.suppress(OSError):
                for _ in range(2):
                    with server.wrap_socket(listener.accept()[0], server_side=True) as one:
                        one.recv(1000)
                        one.send(response(b"x"))

        thread = threading.Thread(target=serve)
        thread.start()
        with tls.TlsClient(address, tls.context(root)) as client:
            assert client.get().body == b"x"
        with tls.RecordClient(address) as client:
            client.send(tls.record(tls.HANDSHAKE, tls.client_hello()))
            assert client.outcome() == "hello"
        thread.join()


# --- Ports and other programs -----------------------------------------------------------------------

RESERVES = "from harness.ports import reserve_port; print(reserve_port(), flush=True); input()"


def test_a_reserved_port_is_nobodys_else_until_its_process_ends(monkeypatch):
    few = [ports.reserve_port() for _ in range(3)]
    with open(ports.RANGE) as file:
        low, high = map(int, file.read().split())
    assert len(set(few)) == 3 and not any(low <= port <= high for port in few)
    path = os.path.dirname(os.path.dirname(ports.__file__))
    with subprocess.Popen([sys.executable, "-c", RESERVES], cwd=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as other:
        theirs = int(other.stdout.readline())
        monkeypatch.setattr(ports, "_candidates", lambda: [*few, theirs])
        with pytest.raises(OSError, match="no port is unused"):
            ports.reserve_port()
        other.communicate("\n")
    assert ports.reserve_port() == theirs


def test_a_port_that_is_taken_is_not_reserved(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as by_udp:
        by_udp.bind(("127.0.0.1", 0))
        both = [taken.getsockname()[1], by_udp.getsockname()[1]]
        monkeypatch.setattr(ports, "_candidates", lambda: both)
        with pytest.raises(OSError, match="no port is unused"):
            ports.reserve_port()


def test_a_program_that_ends_at_once_is_told_with_what_it_said():
    with pytest.raises(AssertionError, match="(?s)/bin/sh ended with 7:.*no such thing"):
        Program(["/bin/sh", "-c", "echo no such thing >&2; exit 7"]).wait_listening(ports.reserve_port())
