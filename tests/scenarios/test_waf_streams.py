"""What streams goes on streaming before the rules, those of our own and the Core Rule Set: nothing is held that is not inspected, nothing is
kept beyond its time, and whoever goes away in the middle leaves nothing."""

import gzip
import os
import threading

import pytest
from harness import http2
from harness.client import request
from harness.deadline import Deadline, eventually
from harness.http2 import Http2Client, data, headers
from harness.http2_origin import Http2Origin
from harness.origin import response
from harness.stream import Ended
from harness.websocket import TEXT, agreement, frame, handshake, read_frame

PACKAGE = "/usr/share/modsecurity-crs"
USUAL = ["User-Agent: Mozilla/5.0", "Accept: */*"]
SITE = """
listen 127.0.0.1:0 h2c
limits { held 8M; buffered 16M; body 4G }
site * {
  to @origin
  waf balanced { rules @rules }
  route /up { waf { exclude rule 920420 because "any type may come" } }
  route /brief/* { waf { response 512K within 50ms } }
  route /patient/* { waf { response 512K within 1h } }
  route = /moved { redirect /here }
  route = /own { respond 200 "own" }
}
site nothing.test { route = /own { respond 200 } }
"""
LARGE = 200 << 20  # many times of what may be held


def crs():
    folder = os.environ.get("PORTCULLIS_CRS", "")
    if folder:
        return "crs " + folder.split(":")[-1]
    return "crs" if os.path.isdir(PACKAGE) else None


RULES = [pytest.param("builtin", id="builtin"),
         pytest.param(crs(), id="crs", marks=pytest.mark.skipif(not crs(), reason=f"no Core Rule Set in PORTCULLIS_CRS or {PACKAGE}"))]


@pytest.fixture(params=RULES)
def g(gate, origin, request):
    return gate(SITE, origin=origin, rules=request.param)


def nothing_is_left(g):
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0 and g.metrics().get("portcullis_buffered_bytes") == 0, "all of it given back")


def take_away(stream, count):
    """Reads so many bytes and keeps none."""
    stream.received = b""
    left = count - len(stream.buffer)
    stream.buffer = b""
    memory = bytearray(1 << 20)
    while left > 0:
        got = stream.socket.recv_into(memory)
        assert got, f"the stream ended {left} bytes early"
        left -= got
    assert left == 0


def send_zeros(stream, count):
    block = bytes(1 << 20)
    for _ in range(count >> 20):
        stream.socket.sendall(block)


def in_thread(call, *arguments):
    thread = threading.Thread(target=call, args=arguments, daemon=True)
    thread.start()
    return thread


def test_uploads_and_downloads_of_what_is_no_text_stream(g, origin):
    with g.client() as client:
        client.send(request("/up", method="POST", fields=[*USUAL, "Content-Type: application/octet-stream", f"Content-Length: {LARGE}"]))
        sending = in_thread(send_zeros, client, LARGE)
        connection = origin.accept()
        connection.request_head()
        take_away(connection, LARGE)
        sending.join()
        connection.respond(b"taken")
        assert client.response().body == b"taken"
        client.send(request("/down", fields=USUAL))
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % LARGE)
        sending = in_thread(send_zeros, connection, LARGE)
        assert client.response_head().status == 200
        take_away(client, LARGE)
        sending.join()
    nothing_is_left(g)


def test_events_come_one_by_one(g, origin):
    with g.client() as client:
        client.send(request("/events", fields=["User-Agent: a", "Accept: text/event-stream"]))
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.response_head().status == 200
        for number in range(5):
            connection.send(b"9\r\ndata: %d\n\n\r\n" % number)
            client.recv_until(b"data: %d\n\n" % number)
        connection.send(b"0\r\n\r\n")
        client.recv_until(b"0\r\n\r\n")


def test_a_page_that_comes_bit_by_bit_is_not_held_for_ever(g, origin):
    with g.client() as client:
        client.send(request("/brief/page", fields=USUAL))
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert client.response_head().status == 200
        client.recv_until(b"first")  # the origin goes on only now
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        client.recv_until(b"0\r\n\r\n")
        client.send(request("/brief/page", fields=USUAL))
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\nabc")
        client.response_head()
        connection.reset()
        with pytest.raises(Ended):
            client.recv_exactly(6)
    nothing_is_left(g)


def test_what_was_held_is_judged_when_its_time_is_over(gate, origin, tmp_path):
    own = tmp_path / "own.conf"
    own.write_text('SecResponseBodyAccess On\nSecResponseBodyMimeType text/html\nSecRule RESPONSE_BODY "@contains leak" "id:1,phase:4,deny,status:500"\n')
    g = gate(SITE, origin=origin, rules=own)
    for path, pieces, status in [("/brief/", [b"a leak"], 500), ("/patient/", [b"a ", b"le", b"ak"], 500)]:
        with g.client() as client:
            client.send(request(path))
            connection = origin.accept()
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in pieces:
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            if path == "/patient/":
                connection.send(b"0\r\n\r\n")
            assert client.response().status == status, path
            connection.close()


def test_of_a_compressed_response_the_beginning_is_judged_however_long_it_is(gate, origin, tmp_path):
    own = tmp_path / "own.conf"
    own.write_text('SecResponseBodyAccess On\nSecResponseBodyMimeType text/html\nSecRule RESPONSE_BODY "@contains leak" "id:1,phase:4,deny,status:500"\n')
    g = gate("site * { to @origin; waf balanced { rules @rules; response 64K within 1h } }", origin=origin, rules=own)
    noise = os.urandom(100_000).hex().encode()
    pages = {"/long": b"a leak" + b" " * 300_000, "/cut": b"a leak" + noise, "/fine": b"fine" + noise, "/behind": noise + b"leak"}

    def answer(got, connection):
        return response(gzip.compress(pages[got.target]), fields=["Content-Type: text/html", "Content-Encoding: gzip"])

    origin.serve(answer)
    with g.client() as client:
        for path, status in [("/long", 500), ("/cut", 500), ("/fine", 200), ("/behind", 200)]:
            got = client.get(path)
            assert got.status == status, path
            if status == 200:
                assert gzip.decompress(got.body) == pages[path]
            elif got.get("connection") == "close":
                client.close()
                client = g.client()
        client.close()


FORMS = """
listen 127.0.0.1:0
limits { held 64M; body 32M }
site * {
  to @origin
  waf balanced { rules @rules; budget 20ms }
}
"""


@pytest.mark.parametrize("content", [b"\0", b"\n", b"\r\n", b"a -- b, and what more such a line has\n"])
@pytest.mark.parametrize("rules", RULES)
def test_files_in_forms_have_time_for_each_of_their_bytes(gate, origin, rules, content):
    g = gate(FORMS, origin=origin, rules=rules)
    begins = b'--xYz\r\nContent-Disposition: form-data; name="a"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
    body = begins + content * ((16 << 20) // len(content)) + b"\r\n--xYz--\r\n"  # more than 20 ms worth of steps
    with g.client() as client:
        fields = [*USUAL, "Content-Type: multipart/form-data; boundary=xYz", f"Content-Length: {len(body)}"]
        client.send(request("/", method="POST", fields=fields))
        sending = in_thread(client.socket.sendall, body)
        connection = origin.accept()
        connection.request_head()
        take_away(connection, len(body))
        sending.join()
        connection.respond(b"taken")
        assert client.response().body == b"taken"
    assert not g.security_log.lines()
    nothing_is_left(g)


def test_websockets_pass_both_ways(g, origin):
    with g.client() as client:
        client.send(handshake(fields=["User-Agent: a"]))
        connection = origin.accept()
        connection.request_head()
        connection.send(agreement())
        assert client.response().status == 101
        client.send(frame(b"<script>alert(1)</script>", TEXT, masked=True))
        assert read_frame(connection)[1] == b"<script>alert(1)</script>"
        connection.send(frame(b"union select 1,2 from users", TEXT))
        assert read_frame(client)[1] == b"union select 1,2 from users"


FIELDS = [("user-agent", "Mozilla/5.0"), ("accept", "*/*")]


def connect(client, path):
    number, client.next_stream = client.next_stream, client.next_stream + 2
    client.send(headers(number, http2.block((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                                            (":authority", "a.test"), (":path", path), ("sec-websocket-version", "13"), *FIELDS), end=False))
    return number


def test_websockets_over_http2_pass_both_ways(g, origin):
    with Http2Client(g.addresses()[1]) as client:
        assert client.response(connect(client, "/ws?" + ATTACK)).status == 403
        number = connect(client, "/ws?room=1")
        connection = origin.accept()
        got = connection.request_head()
        connection.send(agreement(got.get("sec-websocket-key")))
        client.read_until(lambda: client.stream(number).fields)
        assert client.stream(number).status == 200
        up, down = frame(b"<script>alert(1)</script>", TEXT, masked=True), frame(b"union select 1,2 from users", TEXT)
        for turn in range(1, 4):
            client.send(data(number, up, end=False))
            assert read_frame(connection)[1] == b"<script>alert(1)</script>"
            connection.send(down)
            client.read_until(lambda turn=turn: client.stream(number).body == down * turn)
    assert [r["reason"] for r in g.security_log.wait(1)] == ["waf.sqli"]


RESPONSES = [  # method, what the origin says, status, body
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3000000\r\n\r\n" + b"<p>long</p>\n" * 250_000, 200, b"<p>long</p>\n" * 250_000),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\nto the end", 200, b"to the end"),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", 200, b""),
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n", 200, b""),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Type: text/html\r\nETag: \"a\"\r\n\r\n", 304, b""),
    ("GET", b"HTTP/1.1 204 No Content\r\nContent-Type: text/html\r\n\r\n", 204, b""),
]


def test_responses_of_every_framing_pass_as_they_are(g, origin):
    for method, said, status, body in RESPONSES:
        with g.client() as client:
            client.send(request("/patient/", method=method, fields=USUAL))
            connection = origin.accept()
            connection.request()
            sending = in_thread(connection.send, said)
            if b"close" in said:
                sending.join()
                connection.close()
            got = client.response(method)
            assert (got.status, got.body == body) == (status, True), (method, said[:100])
            sending.join()
            connection.close()
    nothing_is_left(g)


CUT = [  # errors: pages that are none are not held by the rules of our own
       b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n<html>",
       b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n",
       b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\nzz\r\n"]


def test_an_origin_that_dies_while_its_response_is_held_is_a_bad_gateway(g, origin):
    for said in CUT:
        with g.client() as client:
            client.send(request("/patient/", fields=USUAL))
            connection = origin.accept()
            connection.request()
            connection.send(said)
            connection.close()
            got = client.response()
            assert got.status == 502 and b"<html><" not in got.body, said
    nothing_is_left(g)


def test_clients_that_go_away_leave_nothing(g, origin):
    form = request("/", method="POST", fields=[*USUAL, "Content-Type: application/x-www-form-urlencoded", "Content-Length: 300000"])
    for part in (b"", b"a=1", b"a=" + b"x" * 200_000):
        with g.client() as client:
            client.send(form + part)
            client.reset()
    with g.client() as client:  # and one whose response is held
        client.send(request("/patient/", fields=USUAL))
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        client.reset()
    connection.assert_ended()
    g.requests_log.wait(4)
    nothing_is_left(g)


def test_a_refusal_of_the_head_comes_instead_of_100_continue(gate, origin, tmp_path):
    own = tmp_path / "own.conf"
    own.write_text('SecRequestBodyAccess On\nSecRule REQUEST_HEADERS:X-Early "@streq stop" "id:1,phase:1,deny,status:403"\n')
    g = gate(SITE, origin=origin, rules=own)
    fields = ["Expect: 100-continue", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3"]
    with g.client() as client:
        client.send(request("/", method="POST", fields=[*fields, "X-Early: stop"]))
        got = client.response()
        assert (got.status, got.interim) == (403, [])
    with g.client() as client:
        client.send(request("/own", method="POST", fields=fields))
        got = client.response()
        assert (got.status, got.interim) == (200, [])
    with g.client() as client:
        client.send(request("/", method="POST", fields=fields))
        assert client.response_head().status == 100
        client.send(b"a=1")
        connection = origin.accept()
        assert connection.request().body == b"a=1"
        connection.respond(b"ok")
        assert client.response().body == b"ok"


# --- Where nothing is forwarded ------------------------------------------------------------------------

FORM = "Content-Type: application/x-www-form-urlencoded"
ATTACK = "q=%27%20union%20select%20name,password%20from%20users--%20-"
OWN = [("/own", "a.test", 200), ("/moved", "a.test", 302), ("/", "nothing.test", 404)]


@pytest.mark.parametrize("path,host,status", OWN)
def test_what_the_configuration_answers_waits_for_no_body(g, path, host, status):
    with g.client() as client:
        client.send(request(path, host=host, method="POST", fields=[*USUAL, FORM, "Content-Length: 1000000"]), b"a=1&b=")
        got = client.response()
        assert (got.status, got.get("connection")) == (status, "close")
        client.send(b"2" * 1000)  # an upload that goes on does no harm
        client.finish()
        client.assert_ended()
    with g.client() as client:  # all of it has come: the connection goes on
        for _ in range(2):
            client.send(request(path, host=host, method="POST", fields=[*USUAL, FORM], body=b"a=1"))
            got = client.response()
            assert (got.status, got.get("connection")) == (status, None)
    assert not any("waf" in record for record in g.security_log.records())
    nothing_is_left(g)


@pytest.mark.parametrize("path,host,status", OWN)
def test_what_the_configuration_answers_waits_for_no_body_in_http2(g, path, host, status):
    with Http2Client(g.addresses()[1]) as client:
        for number in (1, 3):
            client.send(http2.request(number, *FIELDS, ("content-type", "application/x-www-form-urlencoded"), ("content-length", "1000000"),
                                      path=path, authority=host, method="POST", end=False))
            client.send(data(number, b"a=1&b=", end=False))
            answer = client.response(number)
            assert answer.status == status
            client.read_until(lambda number=number: client.stream(number).reset == "NO_ERROR", "a word to send no more")
        client.barrier()
    nothing_is_left(g)


def test_its_heads_and_queries_are_judged_all_the_same(g):
    for path, host, _ in OWN:
        with g.client() as client:
            client.send(request(f"{path}?{ATTACK}", host=host, method="POST", fields=[*USUAL, FORM, "Content-Length: 1000000"]))
            assert client.response().status == 403
    assert [r["reason"] for r in g.security_log.wait(len(OWN))] == ["waf.sqli"] * len(OWN)


# --- gRPC --------------------------------------------------------------------------------------------

MESSAGE = b"\0\0\0\0\5hello"
GRPC = """
listen 127.0.0.1:0 h2c
site * { to @scheme://@origin; waf balanced { rules @rules } }
"""


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("scheme", ["grpc", "h2"])
def test_calls_of_grpc_stream_both_ways_and_keep_their_trailers(gate, rules, scheme):
    origin = Http2Origin()
    try:
        g = gate(GRPC, origin=origin, rules=rules, scheme=scheme)
        client = Http2Client(g.addresses()[1])
        for number in (1, 3):
            client.send(http2.request(number, ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "grpc-c/1"),
                                      path="/pkg.Service/Method", method="POST", end=False))
            client.send(data(number, MESSAGE, end=False))
            connection = origin.accept() if number == 1 else connection
            at = connection.request_head()
            connection.head(at, fields=[("content-type", "application/grpc")])
            for _ in range(3):
                connection.send(data(at, MESSAGE, end=False))
                had = len(client.stream(number).body or b"")
                client.read_until(lambda had=had, number=number: len(client.stream(number).body or b"") > had, "a message")
                client.send(data(number, MESSAGE, end=False))
                connection.read_until(lambda at=at: connection.stream(at).body, "a message of the client")
            client.send(data(number, b"", end=True))
            connection.send(headers(at, http2.block(("grpc-status", "0"), ("grpc-message", "fine"))))
            answer = client.response(number)
            assert (answer.status, answer.body, answer.reset) == (200, MESSAGE * 3, None)
            assert answer.trailers == [("grpc-status", "0"), ("grpc-message", "fine")]
        client.close()
    finally:
        origin.close()
