"""Bytes that nobody thought of: the cases of the tables, changed at random, with fixed seeds. What
reaches the origin is strict and unambiguous, and a second parser finds the same requests in what the
client sent; what reaches the client is one strict response or cut short; the gate goes on serving,
and nothing is left behind. PORTCULLIS_MUTATIONS says how many are tried in each direction,
PORTCULLIS_MUTATIONS_FROM where the seeds begin."""

import os
import posixpath
import random
import re
import select
import urllib.parse

import pytest
from cases import expectations, fields, framing, hosts, methods, responses, targets
from harness.deadline import Deadline, eventually
from harness.origin import response
from harness.processes import descriptor_count
from harness.stream import Ended
from reference import is_subsequence, requests_in
from runner import Bench

COUNT = int(os.environ.get("PORTCULLIS_MUTATIONS", "1500"))
FIRST = int(os.environ.get("PORTCULLIS_MUTATIONS_FROM", "0"))
REQUESTS = [case for module in (framing, targets, hosts, methods, fields, expectations)
            for case in module.CASES if len(case.sent) < 4000]
RESPONSES = [case for case in responses.CASES if len(case.sent) < 4000]
PIECES = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"%", b"%2f", b"%00", b"..", b"//", b"0", b"-1", b"ffffffff",
          b"\r\n\r\n", b"0\r\n\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b.test\r\n", b"\xff", b"\x7f",
          b"Connection: close\r\n", b" HTTP/1.1\r\n", b"GET / ", b"Expect: 100-continue\r\n", b"A" * 300]


def mutated(rng, cases):
    """A case with one to four changes of the kinds that break parsers; every second one is of the
    cases that go through."""
    good = [case for case in cases if not case.reason]
    data = bytearray(rng.choice(rng.choice((good, cases))).sent)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(9)
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
        elif kind == 5:
            data = bytearray(bytes(data[:at]) + bytes(data[at:]).swapcase())
        elif kind < 8:
            data = bytearray(with_another_line(rng, bytes(data), cases))
        else:
            other = rng.choice(cases).sent
            data[at:at] = other[: rng.randrange(len(other) + 1)]
    return bytes(data)


def with_another_line(rng, data, cases):
    """One line is taken out, doubled, or followed by one of another case."""
    lines = data.split(b"\r\n")
    at = rng.randrange(len(lines))
    line = rng.choice(rng.choice(cases).sent.split(b"\r\n"))
    lines[at : at + 1] = rng.choice(([], [lines[at]] * 2, [lines[at], line], [line, lines[at]]))
    return b"\r\n".join(lines)


@pytest.fixture
def bench():
    bench = Bench()
    bench.failed = True
    (bench.worker,) = bench.gate.workers()
    bench.descriptors = descriptor_count(bench.worker)
    yield bench
    bench.close()


class Player:
    """An origin that answers every strict request, and now and then keeps its connection."""

    def __init__(self, bench):
        self.listener = bench.origin.listener
        self.accept = bench.origin.accept
        self.connections = []
        self.got = []

    def serve_until_the_end_of(self, client):
        """A request that is cut off before its end is none; one that is malformed fails the test."""
        deadline = Deadline()
        while not client.ended:
            watched = [self.listener, client.socket, *(c.socket for c in self.connections)]
            ready, _, _ = select.select(watched, [], [], deadline.left("an end"))
            if self.listener in ready:
                self.connections.append(self.accept())
            for connection in [c for c in self.connections if c.socket in ready]:
                self.answer(connection)
            if client.socket in ready:
                client.fill(deadline, "an end")

    def answer(self, connection):
        try:
            got = connection.request()
            self.got.append((got.method.encode(), got.body))
            assert not connection.buffer, f"bytes behind a request: {connection.buffer!r}"
            keeps = len(self.got) % 3
            connection.send(response(b"ok", fields=() if keeps else ["Connection: close"]))
            if keeps:
                return
        except (Ended, BrokenPipeError, ConnectionResetError):
            pass
        self.connections.remove(connection)
        connection.close()

    def close(self):
        for connection in self.connections:
            connection.close()


def assert_all_is_well(bench):
    with bench.gate.client() as client:
        assert client.get("/public", host="a.test").body == b"public"
    eventually(lambda: bench.gate.status()["connections"]["open"] == 0, "no connection left")
    assert bench.gate.workers() == [bench.worker], "the worker has been replaced"
    eventually(lambda: descriptor_count(bench.worker) <= bench.descriptors, "no descriptor left")
    bench.failed = False


def test_changed_requests_reach_the_origin_unambiguous_or_not_at_all(bench):
    player, reached = Player(bench), 0
    for seed in range(FIRST, FIRST + COUNT):
        rng = random.Random(seed)
        data = mutated(rng, REQUESTS)
        player.got = []
        with bench.gate.client() as client:
            client.send_as_far_as_taken(data)
            client.finish()
            try:
                player.serve_until_the_end_of(client)
                found = requests_in(data)
                assert is_subsequence(player.got, found), f"{player.got}, not among {found}"
                reached += len(player.got)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {data!r}: {error}") from error
    player.close()
    assert reached > COUNT // 20, "the changes leave nothing to look at"
    assert_all_is_well(bench)


def test_changed_responses_reach_the_client_strict_or_cut_short(bench):
    arrived = 0
    for seed in range(FIRST, FIRST + COUNT):
        rng = random.Random(seed)
        data = mutated(rng, RESPONSES)
        try:
            arrived += exchange_with(bench, data)
            exchange_with(bench, response(b"mine", fields=["Connection: close"]), b"mine")
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {data!r}: {error}") from error
    assert arrived > COUNT // 20, "the changes leave nothing to look at"
    assert_all_is_well(bench)


def exchange_with(bench, data, body=None):
    """An exchange whose origin sends these bytes and ends. True: its answer arrived whole."""
    with bench.gate.client() as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        connection = bench.origin.accept()
        connection.request()
        connection.send_as_far_as_taken(data)
        connection.finish()
        try:
            answer = client.response()
            client.assert_ended()
            assert body in (None, answer.body), answer.raw
            return answer.status != 502
        except Ended:
            assert body is None, "cut short"
            return False
        finally:
            connection.close()


SPELLINGS = ["secret", "%73ecret", "secre%74", "%2573ecret", "Secret", "secret;", ";", ";a=b", "%3b", "%253b", "/", "/", "/", "//", ".",
             "..", "%2e", "%2E%2e", ".%2e", "..;", "%252e", "%2f", "%2F", "%5c", "%255c", "%252f", "%c0%af", "%00", "%20", "%25", "a", "x"]


def readings_of(path):
    """Every way to understand a path that servers are known for, alone and one after the other."""
    def decoded(p):
        return urllib.parse.unquote(p, encoding="latin-1")

    def without_parameters(p):
        return re.sub(r";[^/]*", "", p)

    def with_slashes(p):
        return p.replace("\\", "/")

    steps = [without_parameters, decoded, without_parameters, decoded, without_parameters, with_slashes]
    found = {path}
    for step in steps:
        found |= {step(p) for p in found}
    return {posixpath.normpath("/" + p.lstrip("/")) for p in found}


def test_no_spelling_reaches_what_a_rule_closes(bench):
    """/secret/* is denied: what reaches the origin is no spelling of it, whatever reads it there."""
    bench.origin.serve()
    reached = 0
    for seed in range(FIRST, FIRST + COUNT):
        rng = random.Random(seed)
        path = "/" + "".join(rng.choice(SPELLINGS) for _ in range(rng.randint(1, 8)))
        del bench.origin.requests[:]
        with bench.gate.client() as client:
            client.get(path, host="a.test", fields=["Connection: close"])
        for got in bench.origin.requests:
            reached += 1
            slips = [r for r in readings_of(got.target) if r == "/secret" or r.startswith("/secret/")]
            assert not slips, f"seed {seed}: {path} reached the origin as {got.target}"
    assert reached > COUNT // 20, "too few spellings reach the origin"
    bench.failed = False
