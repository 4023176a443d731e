"""The regression tests of the OWASP Core Rule Set, all of them, through the rules engine at paranoia level 4. They are read where
PORTCULLIS_CRS_TESTS says: folders with tests/regression/tests and, but for the distribution's version, rules beside it."""

import os
import pathlib
import re
import subprocess

import pytest
from harness.gate import binary_path

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = [pathlib.Path(f) for f in os.environ.get("PORTCULLIS_CRS_TESTS", "").split(":") if f]
DISTRIBUTION = pathlib.Path("/usr/share/modsecurity-crs")
VARIABLES = ["arg_length=400", "arg_name_length=100", "max_num_args=255", "combined_file_sizes=65535"]
OF_VERSION = {3: ["total_arg_length=64000", "max_file_size=1048576", "crs_validate_utf8_encoding=1"],
              4: ["total_arg_length=6400", "max_file_size=64100"]}


def arguments(folder):
    """The rules that a folder's tests are of, and the settings under which their own CI runs them."""
    if (folder / "rules").is_dir():
        rules, version = [folder / "crs-setup.conf.example", folder / "rules"], 4
    else:
        rules, version = ["/etc/modsecurity/crs/crs-setup.conf", DISTRIBUTION / "rules"], 3
    for path in rules:
        yield from ("--rules", str(path))
    for variable in VARIABLES + OF_VERSION[version]:
        yield from ("--set", f"tx.{variable}")


@pytest.mark.skipif(not FOLDERS, reason="PORTCULLIS_CRS_TESTS names no folder with tests of the Core Rule Set")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_regression_test_passes(folder):
    command = [ROOT / "tools" / "crs-tests", "--binary", binary_path(), "--tests", folder / "tests/regression/tests",
               *arguments(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed, of = map(int, re.search(r"(\d+) of (\d+) passed", done.stdout).groups())
    assert passed == of > 2000
