"""HTTP/2 as a protocol: frames, streams, windows, settings and compressed fields; each case by the
letter of the RFC, against one gate."""

import pytest
from cases.h2 import control, frames, hpack, streams
from h2_bench import Bench, ServingOrigin, play

FAMILIES = {"frames": frames.CASES, "streams": streams.CASES, "control": control.CASES, "hpack": hpack.CASES}
CASES = [(family, case) for family, cases in FAMILIES.items() for case in cases]


@pytest.fixture(scope="module")
def bench():
    made = Bench(ServingOrigin().serve())
    yield made
    made.close()


@pytest.mark.parametrize("family, case", CASES, ids=[f"{f}: {c.name}" for f, c in CASES])
def test_protocol(bench, family, case):
    play(bench, case)
