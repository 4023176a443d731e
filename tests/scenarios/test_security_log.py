"""The security log: one record per refusal, with its reason and its place in the configuration."""

import pytest
from harness.client import request
from harness.deadline import eventually
from harness.origin import response

CONFIG = """\
limits { body 100B }
timeout { header 500ms }
list bad ip 127.0.0.66
policy public {
    deny list bad
}
site example.test {
    use public
    to @origin
    deny ip 127.0.0.9
    route /admin/* {
        allow ip 127.0.0.2
        deny all
    }
    route = /read {
        allow method GET
    }
    route = /nothing {
        when header X-Never 1
        respond 200 "never"
    }
}
site bare.test {
    respond 200 "bare"
    route /void/* { limits body 1B }
}
"""


def place(proxy, text):
    """Where a line of the configuration stands: FILE:LINE:COLUMN."""
    with open(proxy.config_path) as file:
        for number, line in enumerate(file, 1):
            if line.strip() == text:
                return f"{proxy.config_path}:{number}:{len(line) - len(line.lstrip()) + 1}"
    raise AssertionError(f"{text!r} is not in the configuration")


ROUTE = "site example.test {"
CASES = [  # client, request, status, reason, fault, the statement that is named
    ("127.0.0.9", request("/"), 403, "access.deny", "policy", "deny ip 127.0.0.9"),
    ("127.0.0.66", request("/"), 403, "access.deny", "policy", "deny list bad"),
    ("127.0.0.3", request("/admin/"), 403, "access.deny", "policy", "deny all"),
    ("127.0.0.1", request("/read", method="PUT"), 405, "access.method", "policy", "allow method GET"),
    ("127.0.0.1", request("/", host="x.test"), 421, "site.unknown", "policy", None),
    ("127.0.0.1", request("/", method="POST", body=b"x" * 101), 413, "limits.body", "client", ROUTE),
    ("127.0.0.1", b"GET / HTTP/1.1\r\n\r\n", 400, "h1.host", "client", None),
    ("127.0.0.1", request("/%00"), 400, "uri.nul", "client", None),
    ("127.0.0.1", b"GET / HTTP/1.1\r\nHost: exam", 408, "timeout.header", "client", None),
    ("127.0.0.1", request("/", method="TRACE"), 405, "method.trace", "policy", None),
]


@pytest.fixture
def guarded(gate, origin):
    origin.serve()
    return gate(CONFIG, origin=origin)


def test_every_refusal_has_one_record_with_reason_and_place(guarded, origin):
    for source, head, status, *_ in CASES:
        with guarded.client(source=source) as client:
            client.send(head)
            answer = client.response()
            assert answer.status == status, head
    records = guarded.security_log.wait(len(CASES))
    by_id = {r["id"]: r for r in guarded.requests_log.wait(len(CASES))}
    for (source, _, status, reason, fault, statement), record in zip(CASES, records):
        told = [record[name] for name in ("client", "status", "reason", "fault")]
        assert told == [source, status, reason, fault]
        where = statement and place(guarded, statement)
        assert record.get("where") == where, record
        assert record["text"] and record["generation"] == 1
        assert record["worker"] in guarded.workers()
        logged = by_id[record["id"]]
        for name in set(record) - {"text", "where"}:
            assert logged[name] == record[name], name
    guarded.stop()
    assert len(guarded.security_log.records()) == len(CASES)
    assert origin.requests == []


def test_nothing_that_is_no_refusal_is_in_it(guarded, origin, gate):
    with guarded.client() as client:
        assert client.get("/").status == 200
        assert client.get("/admin/", host="bare.test").status == 200
        assert client.get("/missing").status == 200
    with guarded.client() as client:
        client.send(request("/")).close()  # a client that goes away
    with guarded.client() as client:
        client.send(b"GET / HT").close()
    other = gate("site example.test { to 127.0.0.1:1 }")
    with other.client() as client:
        assert client.get("/").status == 502  # an origin's failure
    guarded.requests_log.wait(5)
    other.requests_log.wait(1)
    for proxy in (guarded, other):
        proxy.stop()
        assert proxy.security_log.records() == []


def test_an_origins_failures_are_in_the_request_log_with_their_reason(gate, origin):
    answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", response(b"ok")])
    origin.serve(lambda got, connection: next(answers))
    proxy = gate("site example.test { to @origin }", origin=origin)
    with proxy.client() as client:
        assert client.get("/").status == 502
        assert client.get("/").status == 200
    first, second = proxy.requests_log.wait(2)
    assert (first["reason"], first["fault"]) == ("h1.content-length", "upstream")
    assert "reason" not in second and "fault" not in second


# --- Connections that never had an exchange --------------------------------------------------------


def test_connections_over_a_limit_have_a_record_each(gate):
    proxy = gate(
        "limits { connections-per-client 2; connections 3 }\nsite example.test { respond 200 }"
    )
    held = [proxy.client() for _ in range(2)]
    for client in held:
        client.get("/")
    for _ in range(3):
        with proxy.client() as client:
            assert client.response().status == 429
    held.pop().close()
    eventually(lambda: proxy.metrics().get("portcullis_connections_open") == 1, "room")
    for source in ("127.0.0.6", "127.0.0.7"):  # nobody holds more than another: no one gives way
        held.append(proxy.client(source=source))
        held[-1].get("/")
    with proxy.client(source="127.0.0.8") as client:
        assert client.response().status == 503
    records = proxy.security_log.wait(4)
    assert [(r["reason"], r["status"], r["client"], r["fault"]) for r in records] == [
        ("limits.connections-per-client", 429, "127.0.0.1", "policy")
    ] * 3 + [("limits.connections", 503, "127.0.0.8", "policy")]
    assert all(r["text"] and r["worker"] in proxy.workers() for r in records)
    for client in held:
        client.close()
    metrics = proxy.metrics()
    assert metrics.get("portcullis_refusals_total", reason="limits.connections-per-client") == 3
    assert metrics.get("portcullis_refusals_total", reason="limits.connections") == 1
    assert metrics.get("portcullis_exchanges_total") == 4


@pytest.mark.parametrize(
    "trust, sent, reason, status",
    [
        ("127.0.0.1", b"GET / HTTP/1.1\r\n\r\n", "proxy-protocol.malformed", 0),
        ("127.0.0.1", b"PROXY TCP4 1.2.3.4\r\n", "proxy-protocol.malformed", 0),
        ("192.0.2.1", b"", "proxy-protocol.untrusted", 403),
    ],
)
def test_a_bad_proxy_header_has_a_record(gate, trust, sent, reason, status):
    proxy = gate(
        "listen 127.0.0.1:0 proxy-protocol\nlog requests json to @directory/requests.log\n"
        f"log security json to @directory/security.log\ntrust proxies {trust}\n"
        "site example.test { respond 200 }",
        options={"bare": True},
    )
    with proxy.client() as client:
        client.send(sent)
        client.recv_all()
    (record,) = proxy.security_log.wait(1)
    assert (record["reason"], record["status"], record["client"]) == (reason, status, "127.0.0.1")
    assert proxy.requests_log.records() == []


def test_a_security_log_that_is_off_writes_nothing_and_counts_on(gate):
    proxy = gate(
        "listen 127.0.0.1:0\nlog requests json to @directory/requests.log\nlog security off\n"
        "site example.test { deny all; respond 200 }",
        options={"bare": True},
    )
    with proxy.client() as client:
        assert client.get("/").status == 403
    proxy.requests_log.wait(1)
    count = lambda: proxy.metrics().sum("portcullis_refusals_total", reason="access.deny")
    eventually(lambda: count() == 1, "a count")
    assert proxy.metrics().get("portcullis_log_records_total", log="security") == 0


def test_both_logs_can_share_a_file(gate):
    proxy = gate(
        "listen 127.0.0.1:0\nlog requests json to @directory/all.log\n"
        "log security json to @directory/all.log\nsite example.test { respond 200 }",
        options={"bare": True},
    )
    with proxy.client() as client:
        client.get("/")
        client.get("/", host="other.test")
    log = type(proxy.requests_log)(f"{proxy.directory}/all.log")
    records = log.wait(3)
    assert [("text" in r, r["status"]) for r in records] == [(False, 200), (False, 421), (True, 421)]
    assert records[1]["id"] == records[2]["id"]
