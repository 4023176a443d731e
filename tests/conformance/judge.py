"""What has to hold of a request case when it has been played."""

from reference import requests_in
from runner import CONFIG, Bench

# What is found out only when a part of the request may already be on its way.
IN_BODY = {"h1.chunk", "limits.body", "timeout.body"}


def play(cases, config=CONFIG, **how):
    """Every case, one after the other, through one gate."""
    bench = Bench(config)
    bench.failed = True  # until everything went well
    try:
        played = [bench.play_request(case, **how) for case in cases]
        bench.find_reasons(bench.gate.security_log, cases, played)
        bench.failed = False
    finally:
        bench.close()
    return dict(zip(map(id, cases), played))


def tell(case, outcome):
    return f"{case.name} (RFC {case.rfc})\nsent {case.sent[:300]!r}\ngot {outcome}"


def assert_answered(case, outcome):
    """The status, one record for each reason, and how the client's connection goes on."""
    told = tell(case, outcome)
    assert outcome.error is None, told
    assert outcome.statuses == case.statuses + [200] * case.goes_on, told
    assert outcome.reasons == case.reasons, told
    if case.goes_on:
        assert outcome.client.endswith(b"public"), told
    if case.reasons:
        assert outcome.ended == "FIN", told  # never a reset: the client must be able to read it


def assert_reached(case, outcome):
    """What the origin got, byte for byte; of what was refused nothing, not even a connection."""
    told = tell(case, outcome)
    assert outcome.origin == case.reaching, told
    if case.cut:
        assert len(outcome.cut) == 1 and outcome.cut[0].startswith(case.cut), told
    elif case.reason in IN_BODY:
        assert all(cut == b"" for cut in outcome.cut), told
    else:
        assert outcome.cut == [], told


def assert_reached_alike(case, outcome):
    """The same, but for where the chunks of a body end: that follows the packets."""
    told = tell(case, outcome)
    assert list(map(head_of, outcome.origin)) == list(map(head_of, case.reaching)), told
    assert list(map(requests_in, outcome.origin)) == list(map(requests_in, case.reaching)), told
    assert outcome.cut == [] or case.reason in IN_BODY, told


def head_of(data):
    return data[: data.index(b"\r\n\r\n")]
