"""Bodies in every framing and both directions: what comes out is what went in, framed anew; what was
cut short is never completed."""

import socket

import pytest
from harness.client import request
from harness.origin import response
from harness.stream import FIN, RESET, Ended

SITE = "limits { body 10M }\nsite * { to @origin }"
SIZES = [0, 1, 2, 4095, 16_383, 16_384, 16_385, 65_536, 262_143, 262_144, 262_145, 700_000]


def body_of(size):
    return bytes((i * 31 + i // 251) % 256 for i in range(size))


BODY = body_of(SIZES[-1])


def chunked(body, piece):
    """Chunks of `piece` bytes, written in ways that mean the same."""
    parts = []
    for i, at in enumerate(range(0, len(body), piece)):
        data = body[at : at + piece]
        size = (b"%x", b"%X", b"000%x", b"%x;a=b", b'%x;q="x y"')[i % 5] % len(data)
        parts.append(size + b"\r\n" + data + b"\r\n")
    return b"".join(parts) + b"0;last\r\nX-Trailer: dropped\r\nX-Other:\r\n\r\n"


# --- Responses -------------------------------------------------------------------------------------


def framed(body, framing):
    if framing == "length":
        return response(body)
    if framing == "chunked":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
        return head + chunked(body, max(1, len(body) // 7 + 1))
    version = b"1.0" if framing == "close 1.0" else b"1.1"
    return b"HTTP/" + version + b" 200 OK\r\n\r\n" + body


@pytest.mark.parametrize("framing", ["length", "chunked", "close", "close 1.0"])
def test_responses_arrive_whole_in_the_clients_framing(gate, origin, framing):
    def answer(got, connection):
        connection.send(framed(BODY[: int(got.target[1:])], framing))
        if framing.startswith("close"):
            connection.finish()

    origin.serve(answer)
    g = gate(SITE, origin=origin)
    for version in ("1.1", "1.0"):
        for size in SIZES:
            with g.client() as client:
                client.send(
                    f"GET /{size} HTTP/{version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".encode()
                )
                got = client.response()
                assert got.body == BODY[:size], (version, size)
                assert not got.all("trailer") and not got.all("x-trailer")
                known = framing == "length"
                expected = "length" if known else "chunked" if version == "1.1" else "close"
                assert got.framing == expected, (version, size)
                if expected == "close":
                    assert got.get("connection") == "close"
                    client.assert_ended(FIN)
                else:
                    assert got.get("connection") == (None if version == "1.1" else "keep-alive")
                    assert client.has_nothing_now()
    # only an origin that says where its response ends can be asked again on its connection
    answers = 2 * len(SIZES)
    assert len(origin.connections) == (answers if framing.startswith("close") else 1)


def test_a_response_of_many_small_chunks_is_not_held_back_or_multiplied(gate, origin):
    body = BODY[:20_000]
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin.serve(lambda got, connection: head + chunks)
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for _ in range(2):
            assert client.get().body == body


CUTS = [
    # what the origin sends before it ends its connection
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX: y\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf!\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\nhalf\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_response_that_is_cut_short_is_never_completed(gate, origin, version):
    def answer(got, connection):
        connection.send(CUTS[int(got.target[1:])])
        raise Ended(FIN, b"")  # closes

    origin.serve(answer)
    g = gate(SITE, origin=origin)
    for i, cut in enumerate(CUTS):
        with g.client() as client:
            client.send(f"GET /{i} HTTP/{version}\r\nHost: a.test\r\n\r\n".encode())
            try:
                got = client.response()
            except Ended as ended:
                assert ended.how == RESET, (version, cut)
                assert not client.received.endswith(b"\r\n0\r\n\r\n")
            else:  # noticed before a byte had been sent
                assert got.status == 502, (version, cut)
    records = g.requests_log.wait(len(CUTS))
    assert {r["reason"] for r in records} == {"upstream.truncated", "upstream.chunk"}
    assert all(r["fault"] == "upstream" for r in records)


LEFT_OVER = [
    response(b"good") + b"more",
    response(b"good") + response(b"poison"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\nmore",
    b"HTTP/1.1 204 No Content\r\n\r\n" + response(b"poison"),
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nabcde",
]


def test_bytes_behind_a_response_end_the_origins_connection(gate, origin):
    origin.serve(lambda got, connection: LEFT_OVER[int(got.target[1:])])
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for i in range(len(LEFT_OVER)):
            got = client.get(f"/{i}")
            assert got.body in (b"good", b"") and got.status in (200, 204, 304), i
            assert client.has_nothing_now()
        got = client.get("/1", method="HEAD")  # the body that a HEAD has none of
        assert (got.status, got.body) == (200, b"")
        assert client.get("/0").body == b"good"
    assert len(origin.connections) == len(LEFT_OVER) + 2


# --- Requests --------------------------------------------------------------------------------------


def test_requests_arrive_whole_in_their_framing(gate, origin):
    origin.serve(lambda got, connection: response(b"%d" % len(got.body)))
    g = gate(SITE, origin=origin)
    with g.client() as client:
        for size in SIZES:
            body = BODY[:size]
            assert client.get("/", method="POST", body=body).body == b"%d" % size
            assert origin.requests[-1].body == body
            assert origin.requests[-1].framing == "length"
            for piece in (size // 3 + 1, 1 + size // 11):
                client.send(
                    request("/", method="PUT", fields=["Transfer-Encoding: chunked", "Trailer: X"]),
                    chunked(body, piece),
                )
                assert client.response("PUT").body == b"%d" % size
                got = origin.requests[-1]
                assert (got.body, got.framing) == (body, "chunked")
                assert not got.all("trailer") and not got.all("te")
        # HTTP/1.0 says a length; without one, a request that has no body is whole
        client.send(
            b"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc"
        )
        assert client.response("POST").body == b"3"
        for method, length in (("POST", "0"), ("PUT", "0"), ("GET", None), ("DELETE", None)):
            client.get("/", method=method)
            assert origin.requests[-1].get("content-length") == length, method
        assert client.get("/", method="DELETE", body=b"with one").body == b"8"
    assert len(origin.connections) == 1


def test_repeated_equal_lengths_become_one(gate, origin):
    origin.serve()
    g = gate(SITE, origin=origin)
    with g.client() as client:
        client.send(
            request("/", method="POST", fields=["Content-Length: 3", "Content-Length: 3"]), b"abc"
        )
        assert client.response("POST").status == 200
    assert origin.requests[0].all("content-length") == [b"3"]


BROKEN_BODIES = [
    # what comes behind the chunked head; status, reason; and whether the client then half-closes
    (b"3\r\nabc\r\nx\r\n", 400, "h1.chunk", False),
    (b"3\r\nabcd\r\n0\r\n\r\n", 400, "h1.chunk", False),
    (b"3\nabc\r\n0\r\n\r\n", 400, "h1.chunk", False),
    (b"-1\r\n", 400, "h1.chunk", False),
    (b"3;a\x00b\r\nabc\r\n", 400, "h1.chunk", False),
    (b"0\r\nX: a\nb\r\n\r\n", 400, "h1.chunk", False),
    (b"1;" + b"e" * 20_000 + b"\r\na\r\n", 400, "h1.chunk", False),
    (b"3\r\nabc\r\n0\r\n", 0, "client.closed", True),
    (b"3\r\nab", 0, "client.closed", True),
]


def test_a_broken_request_body_is_never_finished_for_the_origin(gate, origin):
    g = gate(SITE, origin=origin)
    for broken, status, reason, ends in BROKEN_BODIES:
        for together in (True, False):
            g.requests_log.skip()
            with g.client() as client:
                head = request("/", method="POST", fields=["Transfer-Encoding: chunked"])
                if together:
                    client.send(head + broken)
                else:
                    client.send(head)
                    connection = origin.accept()
                    connection.request_head()
                    client.send(broken)
                if ends:
                    client.finish()
                if status:
                    assert client.response("POST").status == status, broken
                client.finish() if not ends else None
                client.assert_ended()
                record = g.requests_log.wait(1)[0]
                assert (record.get("reason"), record["fault"]) == (reason, "client"), broken
                if together and origin.has_no_connection():
                    continue  # it was seen before anything had been sent
                seen = origin.connections[-1]
                seen.recv_all()
                assert not seen.received.endswith(b"0\r\n\r\n"), broken


def test_a_kernel_that_takes_little_gets_everything(gate, origin):
    """Small socket buffers at both ends: every send is cut somewhere."""
    origin.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)

    def answer(got, connection):
        connection.send(framed(got.body, "chunked"))

    origin.serve(answer)
    g = gate(SITE, origin=origin)
    with g.client(receive_buffer=2048) as client:
        for size in (100_000, 700_000):
            client.send(request("/", method="POST", body=BODY[:size]))
            assert client.response("POST").body == BODY[:size]
