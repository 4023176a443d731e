"""The regression tests of the OWASP Core Rule Set, all of them, at paranoia level 4, through the rules engine and through the running
program. They are read where
PORTCULLIS_CRS_TESTS says: folders with tests/regression/tests and, but for the distribution's version, rules beside it. And plugins,
of a rule set of our own that lies as it does."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from harness.gate import binary_path
from harness.origin import response

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "crs"))
import crs_tests  # noqa: E402
import through_proxy  # noqa: E402
from through_proxy import Outcome  # noqa: E402

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


def run(folder, *options):
    command = [ROOT / "tools" / "crs-tests", "--binary", binary_path(), "--tests", folder / "tests/regression/tests",
               *arguments(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assert_all_pass(done):
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed, of = map(int, re.search(r"(\d+) of (\d+) passed", done.stdout).groups())
    assert passed == of > 2000


def refused(folder):
    """The list of those that the program does not pass as they are written."""
    return ROOT / "tests" / "crs" / f"refused-{folder.name.lstrip('v')}.txt"


with_tests = pytest.mark.skipif(not FOLDERS, reason="PORTCULLIS_CRS_TESTS names no folder with tests of the Core Rule Set")
each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@with_tests
@each_folder
def test_every_regression_test_passes(folder):
    assert_all_pass(run(folder))


@with_tests
@each_folder
def test_every_regression_test_passes_when_its_values_are_known_from_before(folder):
    assert_all_pass(run(folder, "--remember"))


@with_tests
@each_folder
def test_every_regression_test_passes_through_the_program(folder):
    assert_all_pass(run(folder, "--through-proxy", refused(folder)))


REFUSED = Outcome(status=400, reason="h1.method")
JUDGED = Outcome(status=200, was_judged=True, would_refuse=True, ids={942100}, log='[id "942100"]')
ON_THE_LIST = [  # what became of it, what the list says, the rule that the test wants, what is wrong
    (REFUSED, ("400", "h1.method"), 942100, []),
    (REFUSED, None, 942100, ["refused with 400 h1.method, but the list says nothing"]),
    (REFUSED, ("400", "h1.target"), 942100, ["refused with 400 h1.method, but the list says 400 h1.target"]),
    (Outcome(), ("0", "-"), 942100, []),
    (JUDGED, None, 942100, []),
    (JUDGED, None, 942999, ["rule 942999 did not match"]),
    (JUDGED, ("400", "h1.method"), 942100, ["judged by the rules, but the list says 400 h1.method"]),
    (JUDGED, ("log", "data"), 942100, ["passes, but the list says log data"]),
    (JUDGED, ("log", "data"), 942999, []),
    (JUDGED, ("inspect", "types"), 942100, ["passes, but the list says inspect types"]),
    (JUDGED, ("inspect", "types"), 942999, []),
    (REFUSED, ("inspect", "types"), 942100, ["refused with 400 h1.method, but the list says inspect types"]),
]


@pytest.mark.parametrize("outcome, pinned, rule, wrong", ON_THE_LIST)
def test_a_list_of_refusals_that_is_not_exact_is_a_failure(outcome, pinned, rule, wrong):
    test = crs_tests.Test(("file", 1), "942100-1", b"", b"", {"log": {"expect_ids": [rule]}})
    assert through_proxy.faults(test, outcome, pinned) == wrong


@pytest.mark.parametrize("line", ["920100-2 400", "920100-2 four h1.method", "920100-1 400 h1.method\n920100-1 400 h1.method"])
def test_a_line_that_names_no_refusal_is_told(tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_text(f"# why\n\n{line}\n")
    with pytest.raises(ValueError, match=r"list\.txt:\d+: expected TEST STATUS REASON"):
        through_proxy.exceptions(path)


def test_the_lists_of_the_project_can_be_read():
    for version, count in ("3.3.4", 78), ("4.28.0", 132):
        assert len(through_proxy.exceptions(ROOT / "tests" / "crs" / f"refused-{version}.txt")) == count


def own_rules(folder, files):
    """A rule set as the Core Rule Set lies in its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def step(number, name):
    return f'SecAction "id:{number},phase:1,pass,nolog,setvar:\'tx.steps=%{{tx.steps}}-{name}\'"\n'


PLUGIN = {
    "crs-setup.conf.example": step(1, "setup") + 'SecAction "id:2,phase:1,pass,nolog,setvar:tx.crs_setup_version=4280"\n',
    "rules/REQUEST-901-INITIALIZATION.conf": step(901001, "rules"),
    "rules/REQUEST-942-ATTACK.conf": 'SecRule ARGS "@rx attack" "id:942100,phase:2,deny,status:403,msg:\'attack\',tag:\'attack-sqli\'"\n',
    "plugins/made-up-config.conf": step(9500010, "config") + 'SecAction "id:9500011,phase:1,pass,nolog,setvar:tx.made_up_enabled=1"\n',
    "plugins/made-up-before.conf": step(9500100, "before")
    + 'SecRule TX:made_up_enabled "@eq 0" "id:9500101,phase:1,pass,nolog,ctl:ruleRemoveById=9500102-9500199"\n'
      'SecRule REQUEST_FILENAME "@streq /editor" "id:9500102,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=attack-sqli;ARGS:text"\n',
    "plugins/made-up-after.conf": step(9500200, "after")
    + 'SecRuleUpdateTargetById 942100 "!ARGS:note"\n'
      'SecRule TX:steps "!@streq -setup-config-before-rules-after" "id:9500201,phase:1,deny,status:500,msg:\'%{tx.steps}\'"\n',
    "plugins/empty-config.conf": "", "plugins/README.md": "no rules",
}


def test_plugins_are_read_in_their_documented_order(gate, origin, tmp_path):
    own_rules(tmp_path, PLUGIN)
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate("site * { to @origin; waf balanced { rules crs @folder } }", origin=origin, folder=tmp_path)
    with g.client() as client:
        for target, status in (("/", 200), ("/?text=attack", 403), ("/editor?text=attack", 200), ("/editor?other=attack", 403), ("/?note=attack", 200)):
            assert client.get(target).status == status, target


@pytest.mark.parametrize("line, told", [
    ('SecRuleScript made-up.lua "id:9500103,phase:1"', "made-up-before.conf:4:1: SecRuleScript does not exist here: there is no Lua"),
    ('SecRule FILES "@inspectFile made-up.lua" "id:9500103,phase:2"', "made-up-before.conf:4:17: the operator @inspectFile does not exist here: rules run no programs"),
    ('SecAction "id:9500103,phase:1,pass,exec:/made-up.lua"', "made-up-before.conf:4:36: the action exec does not exist here: rules run no programs"),
])
def test_lua_of_a_plugin_is_refused_by_name(tmp_path, line, told):
    own_rules(tmp_path, {**PLUGIN, "plugins/made-up-before.conf": PLUGIN["plugins/made-up-before.conf"] + line + "\n"})
    config = tmp_path / "portcullis.conf"
    config.write_text(f"listen 127.0.0.1:0\nsite * {{ respond 200 ok; waf balanced {{ rules crs {tmp_path} }} }}\n")
    done = subprocess.run([binary_path(), "check", config], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and told in done.stdout + done.stderr, done.stdout + done.stderr
