"""Bytes that nobody thought of: the cases of the tables, changed at random, with fixed seeds. Whatever
reaches the origin is one strict, unambiguous request; the gate goes on serving, and nothing is left
behind. PORTCULLIS_MUTATIONS says how many are tried in each direction."""

import os
import random
import select

import pytest
from cases import expectations, fields, framing, hosts, methods, responses, targets
from harness.deadline import Deadline, eventually
from harness.stream import Ended
from runner import Bench

COUNT = int(os.environ.get("PORTCULLIS_MUTATIONS", "600"))
REQUESTS = [case.sent for module in (framing, targets, hosts, methods, fields, expectations)
            for case in module.CASES if len(case.sent) < 4000]
RESPONSES = [case.sent for case in responses.CASES if len(case.sent) < 4000]
PIECES = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"%", b"%2f", b"%00", b"..", b"//", b"0", b"-1", b"ffffffff",
          b"\r\n\r\n", b"0\r\n\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b.test\r\n", b"\xff", b"\x7f",
          b"Connection: close\r\n", b" HTTP/1.1\r\n", b"GET / ", b"Expect: 100-continue\r\n", b"A" * 300]


def mutated(rng, data):
    """One to four changes of the kinds that break parsers."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data[at:at] = rng.choice(PIECES)
        elif kind == 1:
            del data[at : at + rng.randint(1, 8)]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            data[at:at] = data[at : at + rng.randint(1, 40)]
        elif kind == 4:
            data = data[: max(at, 1)]
        else:
            other = rng.choice(REQUESTS)
            data[at:at] = other[: rng.randrange(len(other) + 1)]
    return bytes(data)


@pytest.fixture
def bench():
    bench = Bench()
    bench.failed = True
    yield bench
    bench.close()


def serve_strictly(bench, client):
    """Answers whatever reaches the origin until the client's connection has ended. A request that is
    cut off before its end is no request; one that is malformed fails the test."""
    deadline = Deadline()
    while not client.ended:
        ready, _, _ = select.select([bench.origin.listener, client.socket], [], [], deadline.left("an end"))
        if bench.origin.listener in ready:
            connection = bench.origin.accept()
            try:
                connection.request()
                connection.respond(b"ok", fields=["Connection: close"])
                assert connection.recv_all() == b"", "bytes behind the request"
            except (Ended, BrokenPipeError, ConnectionResetError):
                pass
            finally:
                connection.close()
        elif client.socket in ready:
            client.fill(deadline, "an end")


def assert_all_is_well(bench):
    with bench.gate.client() as client:
        assert client.get("/public", host="a.test").body == b"public"
    eventually(lambda: bench.gate.status()["connections"]["open"] == 0, "no connection left")
    bench.failed = False


def test_changed_requests_reach_the_origin_unambiguous_or_not_at_all(bench):
    for seed in range(COUNT):
        rng = random.Random(seed)
        data = mutated(rng, rng.choice(REQUESTS))
        with bench.gate.client() as client:
            client.send_as_far_as_taken(data)
            client.finish()
            try:
                serve_strictly(bench, client)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {data!r}: {error}") from error
    assert_all_is_well(bench)


def test_changed_responses_never_spoil_the_next_exchange(bench):
    for seed in range(COUNT):
        rng = random.Random(seed)
        data = mutated(rng, rng.choice(RESPONSES))
        told = f"seed {seed}, {data!r}"
        with bench.gate.client() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            connection = bench.origin.accept()
            connection.request()
            connection.send_as_far_as_taken(data)
            connection.finish()
            client.recv_all()
            heads = client.received.count(b"X-Request-ID: ")
            assert heads <= 1, f"{told}: {heads} responses in {client.received!r}"
            connection.close()
        with bench.gate.client() as client:  # it has a connection of its own
            client.send(b"GET /y HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            connection = bench.origin.accept()
            connection.request()
            connection.respond(b"mine", fields=["Connection: close"])
            assert client.response().body == b"mine", told
            connection.close()
    assert_all_is_well(bench)
