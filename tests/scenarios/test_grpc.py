"""gRPC through the gate: trailers, both directions at once, deadlines, cancellation, refusals in its
own words; frames by hand on both sides, then the distribution's own client and server."""

import threading
from concurrent import futures

import grpc
import pytest
from harness import http2
from harness.client import request
from harness.http2 import Http2Client, data, headers, rst_stream
from harness.http2_origin import Http2Origin

CONFIG = "listen 127.0.0.1:0 h2c\nsite * { to grpc://@origin }\n"
MESSAGE = b"\0\0\0\0\5hello"
OK_TRAILERS = [("grpc-status", "0"), ("grpc-message", ""), ("x-custom", "kept"), ("server", "hidden")]


@pytest.fixture
def h2_origin():
    origin = Http2Origin()
    yield origin
    origin.close()


@pytest.fixture
def start(gate, h2_origin):
    """The program and a client of it: start(config)."""
    made = []

    def make(config=CONFIG, **values):
        g = gate(config, **{"origin": h2_origin, **values})
        made.append(Http2Client(g.addresses()[1]))
        return g, made[-1]

    yield make
    for client in made:
        client.close()


def call(client, path="/pkg.Service/Method", fields=(), end=True, content_type="application/grpc", body=MESSAGE):
    """Begins a call; the number of its stream."""
    number, client.next_stream = client.next_stream, client.next_stream + 2
    client.send(http2.request(number, ("content-type", content_type), ("te", "trailers"), *fields, path=path,
                              method="POST", end=False))
    if body:
        client.send(data(number, body, end=end))
    return number


def answer_head(connection, number):
    connection.head(number, fields=[("content-type", "application/grpc")])


# --- Calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["grpc", "h2"])
def test_a_call_keeps_its_fields_and_trailers(start, h2_origin, scheme):
    g, client = start(CONFIG.replace("grpc://", scheme + "://"))
    number = call(client, fields=[("grpc-timeout", "10S"), ("grpc-encoding", "gzip"), ("x-meta-bin", "AAA")])
    connection = h2_origin.accept()
    at, got = connection.request()
    assert got.body == MESSAGE and got.get("te") == "trailers" and got.get("content-type") == "application/grpc"
    assert got.get("grpc-timeout") == "10S" and got.get("grpc-encoding") == "gzip" and got.get("x-meta-bin") == "AAA"
    answer_head(connection, at)
    connection.send(data(at, MESSAGE, end=False), headers(at, http2.block(*OK_TRAILERS)))
    answer = client.response(number)
    assert (answer.status, answer.body, answer.reset) == (200, MESSAGE, None)
    assert answer.trailers == [("grpc-status", "0"), ("grpc-message", ""), ("x-custom", "kept")]
    record = g.requests_log.wait()[0]
    assert record["status"] == 200


def test_an_answer_of_trailers_alone_is_one(start, h2_origin):
    _, client = start()
    number = call(client)
    connection = h2_origin.accept()
    at, _ = connection.request()
    connection.head(at, fields=[("content-type", "application/grpc"), ("grpc-status", "5"),
                                ("grpc-message", "not%20found")], end=True)
    answer = client.response(number)
    assert (answer.status, answer.get("grpc-status"), answer.get("grpc-message")) == (200, "5", "not%20found")


def test_both_directions_flow_at_once(start, h2_origin):
    _, client = start()
    number = call(client, body=None)
    connection = h2_origin.accept()
    at = connection.request_head()
    answer_head(connection, at)
    client.read_until(lambda: client.stream(number).fields)
    for turn in range(5):
        up, down = b"up%d" % turn, b"down%d" % turn
        client.send(data(number, up, end=False))
        connection.read_until(lambda: connection.stream(at).body.endswith(up))
        connection.send(data(at, down, end=False))
        client.read_until(lambda: client.stream(number).body.endswith(down))
    assert not connection.stream(at).ended and not client.stream(number).ended
    client.send(data(number, b"", end=True))
    connection.response(at)
    connection.send(headers(at, http2.block(("grpc-status", "0"))))
    assert client.response(number).trailers == [("grpc-status", "0")]


def test_the_answer_may_end_before_the_request(start, h2_origin):
    _, client = start()
    number = call(client, body=MESSAGE, end=False)
    connection = h2_origin.accept()
    at = connection.request_head()
    connection.read_until(lambda: connection.stream(at).body)
    connection.respond(at, MESSAGE, fields=[("content-type", "application/grpc")], trailers=[("grpc-status", "8")])
    answer = client.response(number)
    assert answer.trailers == [("grpc-status", "8")]


def test_a_call_may_stay_silent_for_longer_than_other_requests(start, h2_origin):
    config = ("listen 127.0.0.1:0 h2c\ntimeout { head 300ms }\n"
              "site * { to grpc://@origin; route /plain { to h2://@origin } }\n")
    _, client = start(config)
    number = call(client)
    connection = h2_origin.accept()
    at, _ = connection.request()
    assert client.get("/plain").status == 504  # so long has passed
    answer_head(connection, at)
    connection.send(headers(at, http2.block(("grpc-status", "0"))))
    assert client.response(number).trailers == [("grpc-status", "0")]


# --- The end of calls ------------------------------------------------------------------------------


def test_a_deadline_ends_a_call_on_both_sides(start, h2_origin):
    g, client = start()
    number = call(client, fields=[("grpc-timeout", "200m")])
    connection = h2_origin.accept()
    at, got = connection.request()
    assert got.get("grpc-timeout") == "200m"
    answer = client.response(number)
    assert (answer.status, answer.get("grpc-status"), answer.body) == (200, "4", b"")
    assert answer.get("content-type") == "application/grpc"
    connection.read_until(lambda: connection.stream(at).reset)
    assert connection.stream(at).reset == "CANCEL"
    assert g.requests_log.wait()[0]["reason"] == "grpc.deadline"


def test_a_deadline_in_the_middle_of_an_answer_breaks_it_off(start, h2_origin):
    g, client = start()
    number = call(client, fields=[("grpc-timeout", "300m")])
    connection = h2_origin.accept()
    at, _ = connection.request()
    answer_head(connection, at)
    connection.send(data(at, MESSAGE, end=False))
    answer = client.response(number)
    assert answer.reset and not answer.ended
    assert connection.response(at) and g.requests_log.wait()[0]["reason"] == "grpc.deadline"


@pytest.mark.parametrize("value", ["", "5", "S", "123456789S", "1s", "-1S", "1.5S"])
def test_a_deadline_that_is_none_is_refused(start, h2_origin, value):
    g, client = start()
    answer = client.response(call(client, fields=[("grpc-timeout", value)]))
    assert (answer.status, answer.get("grpc-status")) == (200, "13")
    assert g.requests_log.wait()[0]["reason"] == "grpc.timeout" and h2_origin.has_no_connection()


def test_a_client_that_cancels_cancels_at_the_origin(start, h2_origin):
    _, client = start()
    number = call(client, end=False)
    connection = h2_origin.accept()
    at = connection.request_head()
    answer_head(connection, at)
    client.read_until(lambda: client.stream(number).fields)
    client.send(rst_stream(number, http2.ERRORS.index("CANCEL")))
    connection.read_until(lambda: connection.stream(at).reset)
    assert connection.stream(at).reset == "CANCEL"


def test_an_origin_that_cancels_breaks_the_answer_off(start, h2_origin):
    _, client = start()
    number = call(client)
    connection = h2_origin.accept()
    at, _ = connection.request()
    answer_head(connection, at)
    connection.send(data(at, MESSAGE, end=False), rst_stream(at, http2.ERRORS.index("INTERNAL_ERROR")))
    answer = client.response(number)
    assert answer.reset and not answer.ended


@pytest.mark.parametrize("trailers", [[("Grpc-Status", "0")], [(":status", "200")], [("x", " a")],
                                      [("connection", "close")], [("x", "a\nb")]])
def test_malformed_trailers_are_never_passed_on(start, h2_origin, trailers):
    _, client = start()
    number = call(client)
    connection = h2_origin.accept()
    at, _ = connection.request()
    answer_head(connection, at)
    connection.send(data(at, MESSAGE, end=False), headers(at, http2.block(*trailers)))
    answer = client.response(number)
    assert answer.reset and answer.trailers is None


# --- Refusals --------------------------------------------------------------------------------------

REFUSALS = [
    ("to grpc://@origin; deny all", "7", "access.deny"),
    ("to grpc://127.0.0.1:1", "14", "upstream.connect"),
    ("to grpc://@origin; limits { body 3B }", "8", "limits.body"),
]


@pytest.mark.parametrize("statements, status, reason", REFUSALS)
def test_a_refusal_is_told_in_words_of_grpc(start, statements, status, reason):
    g, client = start("listen 127.0.0.1:0 h2c\nsite * { %s }\n" % statements)
    number = call(client, fields=[("content-length", "10")])
    answer = client.response(number)
    assert (answer.status, answer.get("grpc-status"), answer.body) == (200, status, b"")
    assert answer.get("content-type") == "application/grpc" and answer.trailers is None
    record = g.requests_log.wait()[0]
    assert record["reason"] == reason and record["id"] in answer.get("grpc-message")


@pytest.mark.parametrize("content_type", ["application/grpc-web", "application/json", "application/grpcx"])
def test_who_speaks_no_grpc_gets_ordinary_pages(start, content_type):
    _, client = start("listen 127.0.0.1:0 h2c\nsite * { respond 200; deny all }\n")
    answer = client.response(call(client, content_type=content_type))
    assert answer.status == 403 and answer.get("grpc-status") is None


def test_a_client_of_http1_gets_ordinary_pages(gate):
    g = gate("site * { respond 200; deny all }")
    with g.client() as client:
        client.send(request("/", method="POST", fields=["Content-Type: application/grpc"], body=b""))
        assert client.response("POST").status == 403


# --- Other protocols on either side ----------------------------------------------------------------


def test_every_protocol_meets_every_other(gate, h2_origin, origin):
    from harness.origin import response

    origin.serve(lambda got, connection: response(b"one " + got.body))
    g = gate("listen 127.0.0.1:0 h2c\nsite * { to @h1; route /two { to h2://@h2 } }", h1=origin, h2=h2_origin)
    with Http2Client(g.addresses()[1]) as two, g.client() as one:
        two.send(http2.request(1, path="/", method="POST", end=False), data(1, b"from two"))
        assert two.response(1).body == b"one from two"
        two.send(http2.request(3, path="/two", method="POST", end=False), data(3, b"from two"))
        connection = h2_origin.accept()
        at, got = connection.request()
        connection.respond(at, b"two " + got.body)
        assert two.response(3).body == b"two from two"
        one.send(request("/two", method="POST", body=b"from one"))
        at, got = connection.request()
        connection.respond(at, b"two " + got.body)
        assert one.response("POST").body == b"two from one"


# --- The distribution's gRPC -----------------------------------------------------------------------


class Service(grpc.GenericRpcHandler):
    """Bytes in, bytes out: no schema is needed."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.waiting = threading.Event()

    def service(self, details):
        kind = details.method.rpartition("/")[2]
        return {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
        }.get(kind)

    def echo(self, message, context):
        context.set_trailing_metadata((("x-seen", dict(context.invocation_metadata()).get("x-sent", "")),))
        return message

    def count(self, message, context):
        return (b"%d" % i for i in range(int(message)))

    def sum(self, messages, context):
        return b"%d" % sum(int(m) for m in messages)

    def chat(self, messages, context):
        return (b"re: " + m for m in messages)

    def fail(self, message, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "für später")

    def wait(self, message, context):
        context.add_callback(self.cancelled.set)
        self.waiting.set()
        self.cancelled.wait(20)
        return b""


@pytest.fixture
def real(gate):
    """A channel through the program to a server of the distribution's."""
    service = Service()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    g = gate("listen 127.0.0.1:0 h2c\nsite * { to grpc://127.0.0.1:@port; limits { body 64M } }", port=port)
    with grpc.insecure_channel(g.addresses()[1]) as channel:
        yield channel, service
    server.stop(None).wait()


def test_real_calls_of_all_four_kinds(real):
    channel, _ = real
    echo, seen = channel.unary_unary("/s.S/Echo").with_call(b"hello", metadata=(("x-sent", "value"),), timeout=20)
    assert echo == b"hello" and ("x-seen", "value") in [(m.key, m.value) for m in seen.trailing_metadata()]
    large = bytes(range(256)) * 8192  # 2 MiB
    assert channel.unary_unary("/s.S/Echo")(large, timeout=20) == large
    assert [int(m) for m in channel.unary_stream("/s.S/Count")(b"100", timeout=20)] == list(range(100))
    assert channel.stream_unary("/s.S/Sum")(iter([b"%d" % i for i in range(50)]), timeout=20) == b"1225"


def test_a_real_conversation(real):
    channel, _ = real
    turns, ready = [], threading.Semaphore(1)

    def messages():
        for i in range(10):
            ready.acquire()  # each waits for the answer to the one before
            yield b"%d" % i

    for got in channel.stream_stream("/s.S/Chat")(messages(), timeout=20):
        turns.append(got)
        ready.release()
    assert turns == [b"re: %d" % i for i in range(10)]


def test_many_real_calls_at_once(real):
    channel, _ = real
    echo = channel.unary_unary("/s.S/Echo")
    calls = [echo.future(b"%d" % i * 1000, timeout=20) for i in range(64)]
    assert [c.result() for c in calls] == [b"%d" % i * 1000 for i in range(64)]


@pytest.mark.parametrize("method, options, code", [
    ("Fail", {"timeout": 20}, grpc.StatusCode.FAILED_PRECONDITION),
    ("Unknown", {"timeout": 20}, grpc.StatusCode.UNIMPLEMENTED),
    ("Wait", {"timeout": 0.3}, grpc.StatusCode.DEADLINE_EXCEEDED),
])
def test_real_failures_keep_their_status(real, method, options, code):
    channel, service = real
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(f"/s.S/{method}")(b"x", **options)
    assert raised.value.code() == code
    assert method != "Fail" or raised.value.details() == "für später"
    service.cancelled.wait(20 if method == "Wait" else 0)


def test_a_real_cancellation_reaches_the_server(real):
    channel, service = real
    pending = channel.unary_unary("/s.S/Wait").future(b"x", timeout=20)
    assert service.waiting.wait(20)
    pending.cancel()
    assert service.cancelled.wait(20)


def test_a_real_client_understands_refusals(gate):
    g = gate("listen 127.0.0.1:0 h2c\nsite * { to grpc://127.0.0.1:1; route /closed.* { deny all } }".replace(
        "/closed.*", "/closed/*"))
    with grpc.insecure_channel(g.addresses()[1]) as channel:
        for path, code in (("/s.S/Echo", grpc.StatusCode.UNAVAILABLE), ("/closed/Echo", grpc.StatusCode.PERMISSION_DENIED)):
            with pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(path)(b"x", timeout=20)
            assert raised.value.code() == code
