"""docs/conformance.md and README.md say how many cases there are; this keeps it true."""

import pathlib
import re

from cases import responses, waits
from test_h2_messages import FAMILIES as MESSAGES
from test_h2_protocol import FAMILIES as PROTOCOL
from test_requests import FAMILIES

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT, README = ROOT / "docs" / "conformance.md", ROOT / "README.md"


def test_the_document_counts_the_cases():
    counts = {family: len(cases) for family, cases in FAMILIES.items()}
    counts |= {family: len(cases) for family, cases in [*PROTOCOL.items(), *MESSAGES.items()]}
    counts["waits"] = len(waits.CASES)
    counts["responses"] = len(responses.CASES)
    counts["together"] = sum(counts.values())
    assert f"[{counts['together']} cases]" in README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) +\| +([0-9,]+) \|", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert {name: int(number.replace(",", "")) for name, number in rows} == counts


def test_no_two_cases_have_the_same_name():
    for cases in [*FAMILIES.values(), *PROTOCOL.values(), *MESSAGES.values(), waits.CASES, responses.CASES]:
        names = [case.name for case in cases]
        assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
