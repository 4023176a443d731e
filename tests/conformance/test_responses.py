"""What origins answer: written anew for the client, byte for byte, or replaced by a page of our own
that shows nothing of it; what is cut short is never completed."""

import pytest
from cases import responses
from reference import chunks_of
from runner import Bench, masked

CASES = responses.CASES


def play(cases, **how):
    """Every case, one after the other, through one gate."""
    bench = Bench()
    bench.failed = True  # until everything went well
    try:
        played = [bench.play_response(case, number, **how) for number, case in enumerate(cases)]
        bench.find_reasons(bench.gate.requests_log, cases, played)
        bench.failed = False
    finally:
        bench.close()
    return dict(zip(map(id, cases), played))


def assert_arrived(case, outcome, as_it_is=lambda data: data):
    told = f"{case.name} (RFC {case.rfc})\nsent {case.sent[:300]!r}\ngot {outcome}"
    got = masked(outcome.client)
    assert outcome.error is None, told
    if case.ends == "RST":  # a reset may take the last bytes with it, but never adds any
        assert case.arrives.startswith(got), told
    elif case.arrives is not None:
        assert as_it_is(got) == as_it_is(case.arrives), told
    else:
        assert outcome.statuses == [case.status], told
        assert b"If you ask about it" in got, told  # our page, and nothing of the origin's
        assert b"HTTP/1.1" not in got[8:], told
    assert outcome.reasons == case.reasons, told
    assert outcome.ended == case.ends, told
    assert outcome.reused == case.reused, told


@pytest.fixture(scope="module")
def outcomes():
    return play(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_response(outcomes, case):
    assert_arrived(case, outcomes[id(case)])


def test_responses_are_judged_alike_in_pieces_of_one_byte():
    """However the bytes are cut into packets, but for bodies that break while they are on their way."""
    cases = [case for case in CASES if len(case.sent) < 1000 and case.ends == "FIN"
             and case.reason != "upstream.chunk"]
    outcomes = play(cases, piece=1)
    for case in cases:
        assert_arrived(case, outcomes[id(case)], without_chunks)


def without_chunks(data):
    """Where the chunks end follows the packets."""
    head, is_chunked, rest = data.partition(b"Transfer-Encoding: chunked\r\n")
    last, _, body = rest.partition(b"\r\n\r\n")
    return (head, last, *chunks_of(body)) if is_chunked else data
