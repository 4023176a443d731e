"""HTTP/2 requests in front of an origin that speaks HTTP/1: refused, or written anew, byte for byte.
What HTTP/1 would read as something else never gets there."""

import re

import pytest
from cases import fields, hosts, targets
from cases.h2 import bodies, heads, message, switching
from h2_bench import Bench, judge_message, play_message
from harness.deadline import eventually
from harness.origin import Origin
from judge import head_of
from reference import requests_in

FAMILIES = {"heads": heads.CASES, "bodies": bodies.CASES, "switching": switching.CASES}
CASES = [(family, case) for family, cases in FAMILIES.items() for case in cases]


@pytest.fixture(scope="module")
def bench():
    made = Bench(Origin())
    yield made
    made.close()


@pytest.mark.parametrize("family, case", CASES, ids=[f"{f}: {c.name}" for f, c in CASES])
def test_message(bench, family, case):
    judge_message(case, play_message(bench, case.sent))


def test_each_refusal_has_one_record_that_says_why():
    made = Bench(Origin())
    refused = [case for _, case in CASES if case.reason]
    try:
        for case in refused:
            play_message(made, case.sent)
        records = eventually(lambda: len(made.gate.security_log.lines()) >= len(refused) and made.gate.security_log.records(),
                             "the records")
        told = [(case.name, record["reason"]) for case, record in zip(refused, records)]
        assert told == [(case.name, case.reason) for case in refused]
        assert len(records) == len(refused)
    finally:
        made.close()


def is_clear(request):
    """What an origin has of it is no more than one request, and it can see where that ends."""
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
    return len(body) <= int(length.group(1)) if length else not body.endswith(b"0\r\n\r\n")


def test_messages_are_judged_alike_in_pieces_of_one_byte(bench):
    """However the frames are cut into packets: the same judgement, and the same requests. Whose fault is
    in its body may have begun at the origin by then, which never has more than was announced."""
    for _, case in CASES:
        if len(case.sent) > 1000:
            continue
        outcome = play_message(bench, case.sent, piece=1)
        told = f"{case.name} (RFC {case.rfc}): {outcome}"
        reset = outcome.message.reset
        assert (outcome.message.status, None if reset == "NO_ERROR" else reset) == (case.status, case.reset), told
        if not case.reaches and outcome.origin:
            assert all(map(is_clear, outcome.origin)), told
            continue
        assert list(map(head_of, outcome.origin)) == ([head_of(case.reaches)] if case.reaches else []), told
        assert list(map(requests_in, outcome.origin)) == ([requests_in(case.reaches)] if case.reaches else []), told


def translated(case):
    """A GET of HTTP/1.1 as the frames of the same request; None: it has no such form."""
    head, end, rest = case.sent.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ", 1)
    fields = [line.partition(b":")[::2] for line in lines]
    target = words[-1].removesuffix(b" HTTP/1.1")
    hosts = [value.strip(b" \t") for name, value in fields if name == b"Host"]
    rest_fields = [(name.lower(), value.strip(b" \t")) for name, value in fields if name != b"Host"]
    plain = words[0] == b"GET" and first.endswith(b" HTTP/1.1") and target[:1] in b"/*?" and end and not rest
    if not plain or len(hosts) != 1 or any(b":" not in line or line[:1] in b" \t" for line in lines):
        return None
    if isinstance(case.reaches, tuple) or any(name in CONNECTIONS for name, _ in rest_fields):
        return None
    if len(rest_fields) == 100 or len(head) > 16000:  # Host would be one too many; more than one frame
        return None
    return message(*rest_fields, path=target, authority=hosts[0])


CONNECTIONS = (b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"te", b"transfer-encoding", b"http2-settings",
               b"content-length", b"expect", b"cookie")  # what means something else there
TRANSLATED = [(case, translated(case)) for family in (targets, hosts, fields) for case in family.CASES]
TRANSLATED = [(case, sent) for case, sent in TRANSLATED if sent]


def lower_names(request):
    """The head of a request with the names of its fields in small letters."""
    first, *lines = head_of(request).split(b"\r\n")
    return [first, *[name.lower() + b":" + value for name, _, value in (line.partition(b":") for line in lines)]]


def test_requests_of_http_1_are_judged_alike_in_http_2(bench):
    """What a client of HTTP/1 may not ask for, one of HTTP/2 may not either; what it may ask for
    reaches the origin as the same bytes."""
    assert len(TRANSLATED) > 300
    for case, sent in TRANSLATED:
        outcome = play_message(bench, sent)
        told = f"{case.name} (RFC {case.rfc}): {outcome}"
        assert outcome.error is None and outcome.ended is None, told
        if case.reaches is None and case.status != 200:
            refused = outcome.message.reset == "PROTOCOL_ERROR" or outcome.message.status == case.status
            assert refused and outcome.origin == outcome.cut == [], told
        elif case.reaches is not None:
            assert [lower_names(got) for got in outcome.origin] == [lower_names(case.reaches)], told
