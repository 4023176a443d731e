"""What origins answer: written anew for the client, byte for byte, or replaced by a page of our own
that shows nothing of it; what is cut short is never completed."""

import pytest
from cases import responses
from runner import Bench, masked

CASES = responses.CASES


@pytest.fixture(scope="module")
def outcomes():
    """Every case has been played, one after the other, through one gate."""
    bench = Bench()
    bench.failed = True  # until everything went well
    try:
        played = [bench.play_response(case, number) for number, case in enumerate(CASES)]
        bench.find_reasons(bench.gate.requests_log, CASES, played)
        bench.failed = False
    finally:
        bench.close()
    return dict(zip(map(id, CASES), played))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_response(outcomes, case):
    outcome = outcomes[id(case)]
    told = f"{case.name} (RFC {case.rfc})\nsent {case.sent[:300]!r}\ngot {outcome}"
    got = masked(outcome.client)
    assert outcome.error is None, told
    if case.ends == "RST":  # a reset may take the last bytes with it, but never adds any
        assert case.arrives.startswith(got), told
    elif case.arrives is not None:
        assert got == case.arrives, told
    else:
        assert outcome.statuses == [case.status], told
        assert b"If you ask about it" in got, told  # our page, and nothing of the origin's
        assert b"HTTP/1.1" not in got[8:], told
    assert outcome.reasons == case.reasons, told
    assert outcome.ended == case.ends, told
    assert outcome.reused == case.reused, told
