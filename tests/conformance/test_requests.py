"""What clients send: refused with a status and a reason, or written anew for the origin, byte for
byte."""

import pytest
from cases import expectations, fields, framing, hosts, methods, targets
from runner import Bench

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
    """Every case has been played, one after the other, through one gate."""
    bench = Bench()
    bench.failed = True  # until everything went well
    try:
        played = [bench.play_request(case) for _, case in CASES]
        bench.find_reasons(bench.gate.security_log, [case for _, case in CASES], played)
        bench.failed = False
    finally:
        bench.close()
    return {id(case): outcome for (_, case), outcome in zip(CASES, played)}


@pytest.mark.parametrize("family, case", CASES, ids=[f"{f}: {c.name}" for f, c in CASES])
def test_request(outcomes, family, case):
    outcome = outcomes[id(case)]
    told = f"{case.name} (RFC {case.rfc})\nsent {case.sent[:300]!r}\ngot {outcome}"
    assert outcome.origin == case.reaching, told
    assert [b.startswith(case.cut or b"?") for b in outcome.cut] == ([True] if case.cut else []), told
    assert outcome.status == case.status, told
    assert outcome.reason == case.reason, told
    assert outcome.error is None, told
    is_answered = case.reason is None
    keeps = is_answered if case.keeps is None else case.keeps
    assert outcome.client.endswith(b"public") == keeps, told
    if case.reason and not keeps:
        assert outcome.ended == "FIN", told  # never a reset: the client must be able to read it
