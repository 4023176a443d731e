"""What the gate does not wait for, and whom it does not serve."""

import pytest
from cases import waits
from judge import assert_answered, assert_reached, play

CONFIG = """\
timeout { header 500ms; idle 500ms }
site a.test *.wild.test {
  to @origin
  route = /public { respond 200 "public" }
}
site empty.test { route /x/* { to @origin } }
"""
CASES = waits.CASES


@pytest.fixture(scope="module")
def outcomes():
    return play(CASES, CONFIG)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_wait(outcomes, case):
    assert_reached(case, outcomes[id(case)])
    assert_answered(case, outcomes[id(case)])
