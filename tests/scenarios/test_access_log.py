"""The request log: one valid JSON object per exchange, whatever became of it."""

import json
import random
import re
import signal

import pytest
from harness import websocket
from harness.client import request
from harness.deadline import Deadline, eventually
from harness.origin import response
from harness.stream import Ended

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}\Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
LINE_BYTES_MAX = 16384


def play_origin(got, connection):
    """What the path asks for."""
    behaviour = got.target.split("/")[1]
    if behaviour in ("silent", "patient"):
        connection.fill(Deadline(), "the proxy's end")
        raise Ended("FIN", b"")
    if behaviour == "close":
        raise Ended("FIN", b"")
    if behaviour == "rubbish":
        return b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"
    if behaviour == "cut":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.")
        raise Ended("FIN", b"")
    if behaviour == "endless":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        connection.send_as_far_as_taken(b"x" * 100_000_000)
        raise Ended("FIN", b"")
    if behaviour == "empty":
        return response(b"", "204 No Content", length=False)
    if behaviour == "chunked":
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    if behaviour == "ws":
        connection.send(websocket.agreement())
        opcode, payload, _ = websocket.read_frame(connection)
        connection.send(websocket.frame(payload, opcode))
        raise Ended("FIN", b"")
    return response(b"hello")


ROUTES = """
timeout { header 500ms; head 500ms; connect 5s }
limits { body 100B }
site example.test {
    to @origin
    route = /denied { deny all }
    route = /moved { redirect /new }
    route = /said { respond 418 "no coffee" }
    route = /nobody { to 127.0.0.1:1 }
    route /silent/* { to @origin; timeout head 500ms }
    route = /patient/silent { to @origin; timeout head 60s }
    route = /put { to @origin; limits body 10M }
}
"""


@pytest.fixture
def serving(gate, origin):
    origin.serve(play_origin)
    return gate(ROUTES, origin=origin)


# --- The members -----------------------------------------------------------------------------------


def test_a_record_tells_all_of_a_plain_exchange(serving, origin):
    with serving.client(source="127.0.0.9") as client:
        head = request("/a/../b?c=d", fields=["User-Agent: probe/1", "Referer: http://r.test/x"])
        client.send(head)
        first = client.response()
        client.get("/b")
    one, two = serving.requests_log.wait(2)
    assert TIME.match(one.pop("time")) and ULID.match(one["id"])
    assert one.pop("id") == first.get("x-request-id")
    spans = {name: one.pop(name) for name in list(one) if name.endswith("_s")}
    assert set(spans) == {"duration_s", "receive_s", "connect_s", "head_s", "body_s"}
    parts = sum(spans[name] for name in spans if name != "duration_s")
    assert 0 <= parts <= spans["duration_s"] + 1e-5
    assert one == {
        "client": "127.0.0.9",
        "method": "GET",
        "host": "example.test",
        "uri": "/a/../b?c=d",
        "path": "/b",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes_in": len(head),
        "bytes_out": len(first.raw),
        "server": str(origin),
        "attempts": 1,
        "reused": False,
        "site": "example.test",
        "agent": "probe/1",
        "referer": "http://r.test/x",
        "generation": 1,
        "worker": serving.workers()[0],
    }
    assert two["reused"] is True and "agent" not in two and "path" not in two
    assert two["generation"] == 1 and "reason" not in two


def test_the_id_is_the_same_for_client_origin_log_and_error_page(serving, origin):
    with serving.client() as client:
        answer = client.get("/x")
        refused = client.get("/denied", fields=["Accept: application/json"])
        page = client.get("/denied", fields=["Accept: text/html"])
    ids = [record["id"] for record in serving.requests_log.wait(3)]
    assert ids[0] == answer.get("x-request-id") == origin.requests[0].get("x-request-id")
    assert ids[1] == refused.get("x-request-id") == json.loads(refused.body)["request_id"]
    assert ids[2] == page.get("x-request-id") and ids[2].encode() in page.body
    assert len(set(ids)) == 3
    assert [record["id"] for record in serving.security_log.wait(2)] == ids[1:]


def test_the_client_behind_a_trusted_proxy_is_told_apart_from_the_peer(gate, origin):
    origin.serve(play_origin)
    proxy = gate("trust proxies 127.0.0.1\nsite example.test { to @origin }", origin=origin)
    with proxy.client() as client:
        client.get("/", fields=["X-Forwarded-For: 2001:db8::7", "X-Request-Id: from-the-edge.1"])
    (record,) = proxy.requests_log.wait(1)
    assert record["client"] == "2001:db8::7" and record["peer"] == "127.0.0.1"
    assert record["id"] == "from-the-edge.1" == origin.requests[0].get("x-request-id")


# --- Always one ------------------------------------------------------------------------------------


def in_flight(serving):
    return serving.metrics().sum("portcullis_origin_in_flight")


def plain(serving, client):
    assert client.get("/").status == 200


def head_only(serving, client):
    assert client.get("/", method="HEAD").status == 200


def without_content(serving, client):
    assert client.get("/empty/").status == 204


def chunked(serving, client):
    assert client.get("/chunked/").body == b"hello"


def redirected(serving, client):
    assert client.get("/moved").status == 302


def answered(serving, client):
    assert client.get("/said").status == 418


def denied(serving, client):
    assert client.get("/denied").status == 403


def unknown_host(serving, client):
    assert client.get("/", host="other.test").status == 421


def malformed(serving, client):
    client.send(b"GET / HTTP/1.1\r\nHost : example.test\r\n\r\n")
    assert client.response().status == 400


def not_http(serving, client):
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert client.response().status == 400


def future_version(serving, client):
    client.send(b"GET / HTTP/2.0\r\nHost: example.test\r\n\r\n")
    assert client.response().status == 505


def connect(serving, client):
    client.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
    assert client.response().status == 405


def half_a_head(serving, client):
    client.send(b"GET /half HTTP/1.1\r\nHost: exam")
    assert client.response().status == 408


def half_a_head_and_gone(serving, client):
    client.send(b"GET /half HTTP/1.1\r\nHost: exam").close()


def gone_while_the_origin_thinks(serving, client):
    client.send(request("/patient/silent"))
    eventually(lambda: in_flight(serving) == 1, "a wait")
    client.reset()


def gone_while_downloading(serving, client):
    client.send(request("/endless/"))
    client.recv_exactly(1000)
    client.reset()


def nobody_there(serving, client):
    assert client.get("/nobody").status == 502


def origin_silent(serving, client):
    assert client.get("/silent/").status == 504


def origin_closes(serving, client):
    assert client.get("/close/").status == 502


def origin_speaks_rubbish(serving, client):
    assert client.get("/rubbish/").status == 502


def origin_cuts_off(serving, client):
    client.send(request("/cut/"))
    with pytest.raises(Ended):
        client.response()


def body_too_large(serving, client):
    client.send(request("/", method="POST", body=b"x" * 101))
    assert client.response().status == 413


def gone_while_uploading(serving, client):
    client.send(b"PUT /put HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1000\r\n\r\nhalf")
    eventually(lambda: in_flight(serving) == 1, "a start")
    client.reset()


def tunnel(serving, client):
    client.send(websocket.handshake())
    assert client.response().status == 101
    client.send(websocket.frame(b"hello", masked=True))
    assert websocket.read_frame(client)[1] == b"hello"
    client.assert_ended()


def nothing_but_an_empty_line(serving, client):
    client.send(b"\r\n")
    client.finish()
    client.assert_ended()


def nothing_at_all(serving, client):
    client.close()


# Whichever notices first: the watch on the connection, or the next write.
GONE = ("client.gone", "client.closed")
WAYS = [  # what is done, the status, the reason, whose fault
    (plain, 200, None, None),
    (head_only, 200, None, None),
    (without_content, 204, None, None),
    (chunked, 200, None, None),
    (redirected, 302, None, None),
    (answered, 418, None, None),
    (denied, 403, "access.deny", "policy"),
    (unknown_host, 421, "site.unknown", "policy"),
    (malformed, 400, "h1.space-before-colon", "client"),
    (not_http, 400, "h1.method", "client"),
    (future_version, 505, "h1.version", "client"),
    (connect, 405, "method.connect", "policy"),
    (half_a_head, 408, "timeout.header", "client"),
    (half_a_head_and_gone, 499, "client.closed", "client"),
    (gone_while_the_origin_thinks, 499, "client.gone", "client"),
    (gone_while_downloading, 200, GONE, "client"),
    (nobody_there, 502, "upstream.connect", "upstream"),
    (origin_silent, 504, "upstream.head-timeout", "upstream"),
    (origin_closes, 502, "upstream.closed", "upstream"),
    (origin_speaks_rubbish, 502, "h1.bare-lf", "upstream"),
    (origin_cuts_off, 200, "upstream.truncated", "upstream"),
    (body_too_large, 413, "limits.body", "client"),
    (gone_while_uploading, 499, GONE, "client"),
    (tunnel, 101, None, None),
    (nothing_but_an_empty_line, None, None, None),
    (nothing_at_all, None, None, None),
]


def test_every_way_an_exchange_can_end_has_exactly_one_record(serving):
    expected, refusals = [], []
    for act, status, reason, fault in WAYS:
        with serving.client() as client:
            act(serving, client)
        if status is None:
            continue
        expected.append((act.__name__, status, reason, fault))
        if fault in ("client", "policy") and status != 499 and act is not gone_while_downloading:
            refusals.append((status, reason, fault))
        serving.requests_log.wait_lines(len(expected))
        record = serving.requests_log.records()[-1]
        told = (act.__name__, record["status"], record.get("reason"), record.get("fault"))
        if reason is GONE and told[2] in GONE:
            told = (*told[:2], GONE, told[3])
        assert told == expected[-1]
        assert ("line" in record) == (act in (half_a_head, half_a_head_and_gone, not_http)), record
        assert (record["receive_s"] is None) == act.__name__.startswith("half"), record
    metrics = serving.metrics()
    serving.stop()
    records = serving.requests_log.records()
    assert len(records) == len(expected), records[len(expected) :]
    assert metrics.get("portcullis_exchanges_total") == len(expected)
    assert len({record["id"] for record in records}) == len(records)
    security = serving.security_log.records()
    assert [(r["status"], r["reason"], r["fault"]) for r in security] == refusals


def test_pipelined_requests_have_a_record_each(serving):
    with serving.client() as client:
        client.send(request("/1") + request("/2", method="HEAD") + request("/3"))
        assert [client.response(m).status for m in ("GET", "HEAD", "GET")] == [200] * 3
    records = serving.requests_log.wait(3)
    assert [r["uri"] for r in records] == ["/1", "/2", "/3"]
    sizes = [len(request("/1")), len(request("/2", method="HEAD")), len(request("/3"))]
    assert [r["bytes_in"] for r in records] == sizes


def test_bodies_are_in_the_byte_counts(serving):
    body = b"x" * 70
    with serving.client() as client:
        sent = request("/up", method="POST", body=body)
        client.send(sent)
        first = client.response()
        sent_chunked = (
            b"POST /up HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n"
        )
        client.send(sent_chunked)
        second = client.response()
    records = serving.requests_log.wait(2)
    assert [r["bytes_in"] for r in records] == [len(sent), len(sent_chunked)]
    assert [r["bytes_out"] for r in records] == [len(first.raw), len(second.raw)]


def test_what_is_cut_off_by_the_end_of_the_program_is_logged_too(serving):
    with serving.client() as client, serving.client() as idle:
        idle.get("/")
        client.send(request("/patient/silent"))
        eventually(lambda: in_flight(serving) == 1, "it")
        serving.send_signal(signal.SIGINT)
        assert client.response().status == 503
        serving.wait_end()
    records = serving.requests_log.records()
    assert [(r["status"], r.get("reason"), r.get("fault")) for r in records] == [
        (200, None, None),
        (503, "worker.ending", "ours"),
    ]


# --- Whatever the bytes are ------------------------------------------------------------------------


def decode(data):
    """Bytes as the log shows them: valid UTF-8 as it is, any other byte as the character of that
    number."""
    out = []
    while data:
        try:
            out.append(data.decode())
            break
        except UnicodeDecodeError as error:
            out.append(data[: error.start].decode())
            out.append(data[error.start : error.start + 1].decode("latin-1"))
            data = data[error.start + 1 :]
    return "".join(out)


def random_value(chance):
    """A field value that the parser lets through."""
    kind = chance.random()
    length = chance.choice([1, 5, 60, 120])  # short enough never to be cut
    if kind < 0.4:
        data = bytes(chance.choice(b'"\\/\t {}<>&%azAZ09') for _ in range(length))
    elif kind < 0.7:
        data = bytes(chance.choice(range(0x80, 0x100)) for _ in range(length))
    else:
        data = "".join(chance.choice("aé€𝄞\u2028\u00ff") for _ in range(length)).encode()
        data = data[: chance.randint(1, len(data))]
    return data.strip(b" \t") or b"-"


def test_fields_of_any_bytes_come_out_of_the_json_as_they_went_in(serving):
    chance = random.Random(20261124)
    values = [random_value(chance) for _ in range(200)]
    with serving.client() as client:
        for value in values:
            client.send(b"GET / HTTP/1.1\r\nHost: example.test\r\nUser-Agent: " + value + b"\r\n\r\n")
            assert client.response().status == 200
    records = serving.requests_log.wait(len(values))
    for value, record in zip(values, records):
        assert record["agent"] == decode(value), value


def test_heads_of_any_bytes_have_one_valid_line_each(serving):
    chance = random.Random(20261125)
    heads = []
    for index in range(150):
        rubbish = bytes(chance.choice(range(256)) for _ in range(chance.choice([1, 20, 300, 3000])))
        start = chance.choice([b"", b"GET ", b"GET /?token=", b"GET / HTTP/1.1\r\nUser-Agent: "])
        heads.append(start + rubbish.replace(b"\n", b"") + b" end\r\n\r\n")
    for head in heads:
        with serving.client() as client:
            client.send(head)
            assert client.response().status in (400, 505)
    records = serving.requests_log.wait(len(heads))
    assert len(records) == len(heads) == len(serving.security_log.wait(len(heads)))
    assert serving.metrics().get("portcullis_exchanges_total") == len(heads)
    assert all(r["fault"] == "client" and r["status"] in (400, 505) for r in records)


@pytest.mark.parametrize("filler", [b"a", b"\xff", b'"', b"\x01"], ids=["a", "ff", "quote", "01"])
@pytest.mark.parametrize("form", ["json", "combined"])
def test_no_client_can_make_its_line_too_long_for_the_log(gate, origin, filler, form):
    origin.serve(play_origin)
    log = f"log requests {form} to @directory/long.log\nlimits {{ target 15K }}\n"
    proxy = gate(log + "site example.test { to @origin }", origin=origin)
    target = filler * 15000 if filler != b"\xff" else b"%ff" * 5000
    sent = [
        b"GET /" + target + b" HTTP/1.1\r\nHost: example.test\r\n",
        b"GET /?token=" + target + b" HTTP/1.1\r\nHost: example.test\r\n",
        filler * 15000 + b" / HTTP/1.1\r\nHost: example.test\r\n",
        b"GET http://" + filler * 8000 + b"/ HTTP/1.1\r\nHost: " + filler * 8000 + b"\r\n",
    ]
    agent = filler if filler != b"\x01" else b"\x80"
    long_fields = b"User-Agent: " + agent * 15000 + b"\r\nReferer: ?a=" + agent * 15000 + b"\r\n\r\n"
    for head in sent:
        with proxy.client() as client:
            client.send_as_far_as_taken(head + long_fields)
            assert client.response().status in (200, 400, 414, 421, 431)
    log = type(proxy.requests_log)(f"{proxy.directory}/long.log")
    lines = log.wait_lines(len(sent))
    assert len(lines) == len(sent)
    assert max(len(line) for line in lines) <= LINE_BYTES_MAX
    metrics = proxy.metrics()
    assert metrics.get("portcullis_exchanges_total") == len(sent)
    if form == "json":
        assert all(record["time"] for record in log.records())
    else:
        assert all(re.match(rb'127\.0\.0\.1 - - \[.*"\Z', line) for line in lines)


# --- Secrets ---------------------------------------------------------------------------------------


def test_no_secret_of_a_request_or_response_is_in_any_log(gate, origin):
    secret = "S3cr3tS3cr3t"

    def answer(got, connection):
        return response(fields=[f"Set-Cookie: session={secret}", f"X-Token: {secret}"])

    origin.serve(answer)
    proxy = gate(
        "log requests combined to @directory/combined.log\n"
        "log security json to @directory/security.log\n"
        "site example.test { to @origin; route = /denied { deny all } }",
        origin=origin,
    )
    fields = [
        f"Authorization: Bearer {secret}",
        f"Cookie: session={secret}",
        f"X-Api-Key: {secret}",
        f"Referer: https://user:{secret}@r.test/x?reset_token={secret}&a=b",
        f"Proxy-Authorization: Basic {secret}",
    ]
    heads = [
        request(f"/ok?password={secret}&a=b", fields=fields),
        request(f"/denied;jsessionid={secret}?user%5Bpassword%5D={secret}", fields=fields),
        request(f"/denied?a=1&X-Amz-Signature={secret}", fields=fields),
        f"GET http://user:{secret}@example.test/?api_key={secret} HTTP/1.1\r\n".encode()
        + b"Host: example.test\r\n\r\n",
        f"GET /?access_token={secret}\r\n\r\n".encode(),
        f"G\x01T /?access_token={secret} HTTP/1.1\r\n\r\n".encode(),
    ]
    for form in ("combined", "json"):
        for head in heads:
            with proxy.client() as client:
                client.send(head)
                client.response()
        proxy.reload(
            "log requests json to @directory/json.log\n"
            "site example.test { to @origin; route = /denied { deny all } }"
        )
    proxy.stop()
    for name, count in (("combined.log", 6), ("json.log", 6), ("security.log", 10)):
        with open(f"{proxy.directory}/{name}", "rb") as file:
            text = file.read()
        assert text.count(b"\n") == count, name
        assert secret.encode() not in text, name
    with open(f"{proxy.directory}/json.log") as file:
        records = [json.loads(line) for line in file]
    assert records[0]["uri"] == "/ok?password=***&a=b"
    assert records[0]["referer"] == "https://***@r.test/x?reset_token=***&a=b"
    assert records[3]["uri"] == "http://***@example.test/?api_key=***"
    assert secret not in proxy.stderr()
