"""The exchange as the client sees it: versions, kept connections, pipelining, every split of the
bytes, expectations, interim responses, responses without a body."""

import os
import threading

import pytest
from harness.client import request
from harness.deadline import eventually
from harness.origin import response
from harness.stream import FIN, RESET, Ended

SITE = "limits { connections-per-client 2000 }\nsite * { to @origin }"


def connection_words(answer):
    return answer.get("connection")


# --- Versions and kept connections -----------------------------------------------------------------

KEEPING = [
    # request line's version, Connection of the request, Connection of the response, kept?
    ("1.1", None, None, True),
    ("1.1", "keep-alive", None, True),
    ("1.1", "close", "close", False),
    ("1.1", "Close", "close", False),
    ("1.1", "keep-alive, close", "close", False),
    ("1.0", None, "close", False),
    ("1.0", "keep-alive", "keep-alive", True),
    ("1.0", "Keep-Alive", "keep-alive", True),
    ("1.0", "keep-alive, close", "close", False),
]


def test_connections_are_kept_by_the_rules_of_the_clients_version(gate, origin):
    origin.serve()
    g = gate(SITE, origin=origin)
    for version, says, answers, kept in KEEPING:
        head = f"GET / HTTP/{version}\r\nHost: a.test\r\n"
        head += f"Connection: {says}\r\n" if says else ""
        told = (version, says)
        with g.client() as client:
            client.send(head.encode() + b"\r\n")
            answer = client.response()
            assert (answer.status, answer.body) == (200, b"ok"), told
            assert connection_words(answer) == answers, told
            if not kept:
                client.assert_ended(FIN)
                continue
            assert client.get("/again").body == b"ok", told
    # whatever the client's version, the origin is spoken to in 1.1 and its connection is kept
    assert all(r.start_line.endswith(b" HTTP/1.1") for r in origin.requests)
    assert not any(r.all("connection") for r in origin.requests)
    assert len(origin.connections) == 1


def test_http_1_0_without_host_reaches_the_site_of_every_host(gate, origin):
    origin.serve()
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.response().status == 200
        client.assert_ended(FIN)
    (got,) = origin.requests
    assert got.get("host") == origin.address
    assert got.get("x-forwarded-host") is None


def test_the_host_for_a_unix_origin_is_one(gate, origins):
    g = gate("site * { to unix:@directory/origin }", start=False)
    origin = origins(path=f"{g.directory}/origin").serve()
    os.chmod(f"{g.directory}/origin", 0o777)
    g.start()
    with g.client() as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.response().status == 200
    assert origin.requests[0].get("host") == "localhost"


def test_a_closed_origin_connection_does_not_close_the_clients(gate, origin):
    origin.serve(lambda got, connection: response(fields=["Connection: close"]))
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for _ in range(3):
            assert connection_words(client.get()) is None
    assert len(origin.connections) == 3


# --- Pipelining and splits -------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order(gate, origin):
    origin.serve(lambda got, connection: response(got.target.encode() + b" " + got.body))
    g = gate(SITE, origin=origin)
    chunked = (
        b"POST /%d HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ignored=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: dropped\r\n\r\n"
    )
    requests, expected = [], []
    for i in range(60):
        kind = i % 3
        if kind == 0:
            requests.append(request(f"/{i}"))
        elif kind == 1:
            requests.append(request(f"/{i}", method="POST", body=b"%d" % i * 50) + b"\r\n")
        else:
            requests.append(chunked % i)
        expected.append(b"/%d " % i + (b"", b"%d" % i * 50, b"abcde")[kind])
    with g.client() as client:
        client.send(b"".join(requests))
        assert [client.response().body for _ in requests] == expected
    # one read holds them all, or each stands on a boundary of its own
    with g.client() as client:
        client.send(b"".join(requests).replace(b"\r\n\r\nGET", b"\r\n\r\n\r\nGET"))
        client.finish()
        bodies = []
        while not client.ended and len(bodies) < len(requests):
            bodies.append(client.response().body)
        assert bodies == expected
        client.assert_ended(FIN)
    assert not any(r.all("x-trailer") or r.all("trailer") for r in origin.requests)


def test_a_pipelined_request_behind_a_close_is_not_served(gate, origin):
    origin.serve()
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(request("/1", fields=["Connection: close"]) + request("/2"))
        assert client.response().status == 200
        client.assert_ended(FIN)
    assert [r.target for r in origin.requests] == ["/1"]


HEAD_TO_SPLIT = (
    b"POST /a/./b?q=%20 HTTP/1.1\r\nHost: A.test:80\r\nX-One: 1\r\n"
    b"Content-Length: 3\r\nConnection: keep-alive\r\n\r\nxyz"
)
CHUNKED_TO_SPLIT = (
    b"POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n00b;e=\"f\"\r\nhello world\r\n0\r\nX-T: v\r\n\r\n"
)


@pytest.mark.parametrize(
    "whole,path,body",
    [
        (HEAD_TO_SPLIT, "/a/b?q=%20", b"xyz"),
        (CHUNKED_TO_SPLIT, "/c", b"ahello world"),
    ],
    ids=["length", "chunked"],
)
def test_a_request_may_be_split_at_every_byte(gate, origin, whole, path, body):
    origin.serve(lambda got, connection: response(got.target.encode() + b" " + got.body))
    g = gate(SITE, origin=origin)
    clients = [g.client() for _ in range(1, len(whole))]
    control = g.client()
    try:
        for at, client in enumerate(clients, 1):
            client.send(whole[:at])
        # the one worker has read all of this once it has answered somebody who came later
        assert control.get("/control").status == 200
        for at, client in enumerate(clients, 1):
            client.send(whole[at:])
        for at, client in enumerate(clients, 1):
            answer = client.response("POST")
            assert answer.body == path.encode() + b" " + body, at
    finally:
        for client in [*clients, control]:
            client.close()
    seen = [r for r in origin.requests if r.target != "/control"]
    assert len(seen) == len(clients)
    assert {(r.target, r.body, r.framing) for r in seen} == {
        (path, body, "chunked" if whole is CHUNKED_TO_SPLIT else "length")
    }
    assert not any(r.all("x-t") for r in seen)


def test_a_request_may_come_byte_by_byte(gate, origin):
    origin.serve(lambda got, connection: response(got.body))
    g = gate(SITE, origin=origin)
    with g.client() as client, g.client() as control:
        for whole in (HEAD_TO_SPLIT, CHUNKED_TO_SPLIT):
            for i in range(len(whole)):
                client.send(whole[i : i + 1])
                if i % 16 == 0:
                    control.get("/control")
            assert client.response("POST").body in (b"xyz", b"ahello world")


RESPONSES_TO_SPLIT = {
    "length": response(b"hello", fields=["X-One: 1", "Server: hidden/1"]),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;a=b\r\nhe\r\n003\r\nllo\r\n0\r\nX-T: v\r\n\r\n"
    ),
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    + response(b"hello"),
}


@pytest.mark.parametrize("kind", RESPONSES_TO_SPLIT)
def test_a_response_may_be_split_at_every_byte(gate, origin, kind):
    whole = RESPONSES_TO_SPLIT[kind]
    half_sent, go = threading.Semaphore(0), threading.Event()

    def answer(got, connection):
        if got.target == "/control":
            return response()
        at = int(got.target[1:])
        connection.send(whole[:at])
        half_sent.release()
        assert go.wait(60)
        return whole[at:]

    origin.serve(answer)
    g = gate(SITE, origin=origin)
    clients = [g.client() for _ in range(1, len(whole))]
    control = g.client()
    try:
        for at, client in enumerate(clients, 1):
            client.send(request(f"/{at}"))
        for _ in clients:
            assert half_sent.acquire(timeout=60)
        assert control.get("/control").status == 200
        go.set()
        for at, client in enumerate(clients, 1):
            answer = client.response()
            assert (answer.status, answer.body) == (200, b"hello"), at
            assert not answer.all("x-t") and not answer.all("server"), at
            assert [m.status for m in answer.interim] == ([103] if kind == "interim" else []), at
    finally:
        go.set()
        for client in [*clients, control]:
            client.close()


def test_an_interim_head_that_is_kept_in_a_full_buffer_is_relayed_whole(gate, origin):
    """Its first half waits in a buffer twice as large; the second half and a part of the final head
    fill it to the last byte."""
    hint = "</style.css>; rel=preload; title=" + "a" * 9900
    interim = f"HTTP/1.1 103 Early Hints\r\nLink: {hint}\r\nLink: {hint}\r\n\r\n".encode()
    whole = interim + response(b"hello", fields=["X-Padding: " + "p" * 9000])
    half = 12000
    assert len(interim) > half and len(interim) < 2 * half < len(whole) - 100
    go = threading.Event()

    def answer(got, connection):
        if got.target == "/control":
            return response()
        connection.send(whole[:half])
        assert go.wait(60)
        return whole[half:]

    origin.serve(answer)
    g = gate(SITE, origin=origin)
    with g.client() as client, g.client() as control:
        client.send(request("/"))
        eventually(lambda: origin.requests, "the request")
        for _ in range(3):  # what the first half was is read by now
            assert control.get("/control").status == 200
        go.set()
        got = client.response()
        assert (got.status, got.body) == (200, b"hello")
        assert [m.all("link") for m in got.interim] == [[hint.encode()] * 2]


# --- Expect ----------------------------------------------------------------------------------------


def test_a_client_that_waits_for_100_gets_it(gate, origin):
    g = gate(SITE, origin=origin)
    for framing, body in (
        ("Content-Length: 5", b"hello"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ):
        with g.client() as client:
            client.send(request("/", method="POST", fields=["Expect: 100-Continue", framing]))
            connection = origin.accept()
            head = connection.request_head()
            assert not head.all("expect")
            assert client.response_head().head == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(body)
            assert connection.recv_exactly(len(body)) == body
            # the origin's own 100 is not passed on a second time
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.respond(b"done", fields=["Connection: close"])
            answer = client.response("POST")
            assert (answer.status, answer.body, answer.interim) == (200, b"done", [])
            assert client.get("/next", method="TRACE").status == 405  # the connection goes on


def test_no_100_when_the_body_is_there_already(gate, origin):
    origin.serve(lambda got, connection: response(got.body))
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(request("/", method="POST", fields=["Expect: 100-continue"], body=b"here"))
        answer = client.response("POST")
        assert (answer.body, answer.interim) == (b"here", [])
        client.send(request("/", fields=["Expect: 100-continue"]))  # no body: nothing to wait for
        answer = client.response()
        assert (answer.status, answer.interim) == (200, [])
        # HTTP/1.0 knows no interim response
        client.send(
            b"POST / HTTP/1.0\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
            b"ab",
        )
        answer = client.response("POST")
        assert (answer.body, answer.interim) == (b"ab", [])


EXPECTING_REFUSALS = [
    ("/long", "Content-Length: 6", 413, "limits.body"),
    ("/closed", "Content-Length: 2", 403, "access.deny"),
    ("/gone", "Content-Length: 2", 410, None),
    ("/", "Content-Length: 2\r\nTransfer-Encoding: chunked", 400, "h1.two-lengths"),
]


def test_who_expects_100_is_refused_before_the_body(gate, origin):
    g = gate(
        """
        site * {
          to @origin
          route /long { limits { body 5B } }
          route /closed { deny all }
          route /gone { respond 410 "gone" }
        }
        """,
        origin=origin,
    )
    for path, framing, status, reason in EXPECTING_REFUSALS:
        with g.client() as client:
            client.send(request(path, method="PUT", fields=["Expect: 100-continue", framing]))
            answer = client.response("PUT")
            assert (answer.status, answer.interim) == (status, []), path
            # whether the body still comes is not known: the connection cannot go on
            assert connection_words(answer) == "close", path
            client.finish().assert_ended(FIN)
        record = g.requests_log.wait_for(lambda r, path=path: r["uri"] == path)
        assert (record["status"], record.get("reason")) == (status, reason)
        g.requests_log.skip()
    assert origin.has_no_connection()


def test_the_origins_answer_without_100_reaches_who_expects_it(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(
            request("/", method="POST", fields=["Expect: 100-continue", "Content-Length: 5"])
        )
        connection = origin.accept()
        connection.request_head()
        connection.respond(b"no", status="401 Unauthorized", fields=["Connection: close"])
        connection.close()
        answer = client.response("POST")
        assert (answer.status, answer.body) == (401, b"no")
        assert connection_words(answer) == "close"
        client.finish().assert_ended(FIN)


def test_other_expectations_are_refused(gate, origin):
    g = gate(SITE, origin=origin)
    for value in ("200-ok", "100-continue, x", ""):
        with g.client() as client:
            answer = client.get("/", method="PUT", fields=[f"Expect: {value}"], body=b"x")
            assert answer.status == 417, value
    assert origin.has_no_connection()


# --- Interim responses -----------------------------------------------------------------------------

HINT = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nServer: hidden/1\r\n"
    b"X-Powered-By: hidden\r\nVia: 1.1 inside\r\nX-Request-Id: origins\r\nContent-Length: 0\r\n"
    b"Connection: X-Hop\r\nX-Hop: 1\r\n\r\n"
)
OTHERS = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n"


def test_early_hints_go_on_and_other_interim_responses_do_not(gate, origin):
    origin.serve(lambda got, connection: OTHERS + HINT + OTHERS + HINT + response(b"final"))
    g = gate(SITE, origin=origin)
    with g.client() as client:
        answer = client.get()
        assert answer.body == b"final"
        expected = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        assert [m.head for m in answer.interim] == [expected] * 2
        client.send(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
        answer = client.response()
        assert (answer.body, answer.interim) == (b"final", [])
    # the hint is there while the origin still thinks
    assert origin.connections[0].has_nothing_now()


def test_an_early_hint_does_not_wait_for_the_final_response(gate, origin):
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(request())
        connection = origin.accept()
        connection.request()
        connection.send(HINT)
        assert client.response_head().status == 103
        connection.respond(b"later")
        assert client.response().body == b"later"


def test_interim_responses_are_bounded(gate, origin):
    origin.serve(lambda got, connection: HINT * int(got.target[1:]) + response(b"final"))
    g = gate(SITE, origin=origin)
    with g.client() as client:
        assert len(client.get("/16").interim) == 16
        assert client.get("/17").status == 502
        client.get("/1")
    record = g.requests_log.wait_for(lambda r: r["uri"] == "/17")
    assert (record["status"], record["reason"]) == (502, "upstream.interim")


# --- Responses without a body ----------------------------------------------------------------------

BODILESS = [
    # method, what the origin sends, status, Content-Length for the client, body
    ("HEAD", response(b"", fields=["Content-Length: 1234"], length=False), 200, "1234", b""),
    ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, None, b""),
    ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200, None, b""),
    ("HEAD", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, "7", b""),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, None, b""),
    ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, None, b""),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 7\r\n\r\n", 304, "7", b""),
    ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, None, b""),
    ("GET", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, "0", b""),
    ("GET", response(b""), 200, "0", b""),
    ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, None, b""),
    ("GET", b"HTTP/1.1 299 Fine\r\nContent-Length: 1\r\n\r\nx", 299, "1", b"x"),
]


def test_responses_without_a_body_leave_both_connections_in_step(gate, origin):
    origin.serve(lambda got, connection: BODILESS[int(got.target[1:])][1])
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for i, (method, _, status, length, body) in enumerate(BODILESS):
            answer = client.get(f"/{i}", method=method)
            assert (answer.status, answer.body) == (status, body), i
            assert answer.get("content-length") == length, i
            if method == "HEAD":
                assert not answer.all("transfer-encoding")
    assert len(origin.connections) == 1


def test_every_response_says_when_and_under_which_id(gate, origin):
    said = "Date: Tue, 15 Nov 1994 08:12:31 GMT"
    origin.serve(
        lambda got, connection: response(fields=[said] if got.target == "/dated" else [])
    )
    g = gate(SITE, origin=origin)
    with g.client() as client:
        one, two, dated = client.get(), client.get(), client.get("/dated")
    assert one.get("date").endswith(" GMT") and one.get("date") != said[6:]
    assert dated.get("date") == said[6:]
    ids = [a.get("x-request-id") for a in (one, two, dated)]
    assert len(set(ids)) == 3
    assert ids == [r.get("x-request-id") for r in origin.requests]
    assert ids == [r["id"] for r in g.requests_log.wait(3)]


# --- Time ------------------------------------------------------------------------------------------


def test_an_origins_time_limits_go_before_the_routes_one_by_one(gate, origin):
    g = gate(
        """
        origin quick { server @origin; timeout { head 300ms; idle 300ms } }
        origin plain { server @origin; timeout connect 1s }
        site * {
          timeout { head 1h; idle 1h }
          route /quick/* { to quick }
          route /plain/* { to plain; timeout { head 300ms; idle 300ms } }
        }
        """,
        origin=origin,
    )
    for path in ("/quick/", "/plain/"):
        with g.client() as client:  # no head comes
            client.send(request(path + "head"))
            connection = origin.accept()
            connection.request()
            assert client.response().status == 504
            connection.assert_ended()
        with g.client() as client:  # the body stops
            client.send(request(path + "body"))
            connection = origin.accept()
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            with pytest.raises(Ended) as cut:
                client.response()
            assert (cut.value.how, cut.value.rest) == (RESET, b"half")
            connection.assert_ended()
    reasons = [r["reason"] for r in g.requests_log.wait(4)]
    assert reasons == ["upstream.head-timeout", "upstream.idle"] * 2
