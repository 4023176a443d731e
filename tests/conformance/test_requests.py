"""What clients send: refused with a status and a reason, or written anew for the origin, byte for
byte."""

import pytest
from cases import expectations, fields, framing, hosts, methods, targets
from judge import assert_answered, assert_reached, assert_reached_alike, play

FAMILIES = {
    "framing": framing.CASES,
    "targets": targets.CASES,
    "hosts": hosts.CASES,
    "fields": fields.CASES,
    "methods": methods.CASES,
    "expectations": expectations.CASES,
}
CASES = [(family, case) for family, cases in FAMILIES.items() for case in cases]


@pytest.fixture(scope="module")
def outcomes():
    return play([case for _, case in CASES])


@pytest.mark.parametrize("family, case", CASES, ids=[f"{f}: {c.name}" for f, c in CASES])
def test_request(outcomes, family, case):
    assert_reached(case, outcomes[id(case)])
    assert_answered(case, outcomes[id(case)])


def test_requests_are_judged_alike_in_pieces_of_one_byte():
    """However the bytes are cut into packets: the same judgement, the same requests for the origin."""
    cases = [case for _, case in CASES if len(case.sent) < 1000 and not skips_a_body(case)]
    outcomes = play(cases, piece=1)
    for case in cases:
        assert_reached_alike(case, outcomes[id(case)])
        assert_answered(case, outcomes[id(case)])


def skips_a_body(case):
    """Answered by the gate before the body has all come, such a request ends the connection."""
    return case.reaches is None and case.goes_on and bool(case.sent.partition(b"\r\n\r\n")[2])
