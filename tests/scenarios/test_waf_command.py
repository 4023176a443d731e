"""`portcullis waf test`: requests from files through rules, without a running program."""

import json
import os
import re
import stat
import subprocess

import pytest
from harness.gate import binary_path

RULES = """\
SecRuleEngine On
SecRequestBodyAccess On
SecRule ARGS:q "@rx evil" "id:1,phase:2,deny,log,msg:'Evil in %{MATCHED_VAR_NAME}',severity:CRITICAL"
SecRule TX:level "@ge 2" "id:2,phase:2,pass,log,msg:'Level %{tx.level}'"
SecRule TX:DETECTION_PARANOIA_LEVEL "@eq 3" "id:3,phase:1,pass,log,msg:'Paranoid'"
SecRule RESPONSE_STATUS "@eq 500" "id:4,phase:3,deny,status:502,log,msg:'Broken'"
SecRule REMOTE_ADDR "@ipMatch 192.0.2.0/24" "id:5,phase:1,pass,log,msg:'Known'"
"""

CLEAN = "GET /?q=good HTTP/1.1\r\nHost: example.test\r\n\r\n"
EVIL = "GET /?q=evil HTTP/1.1\r\nHost: example.test\r\n\r\n"


def run(*arguments):
    return subprocess.run(
        [binary_path(), "waf", "test", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.fixture
def files(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        return path

    write("rules.conf", RULES)
    return write


def test_a_request_that_passes_and_one_that_is_refused(files, tmp_path):
    rules = tmp_path / "rules.conf"
    clean, evil = files("clean", CLEAN), files("evil", EVIL)
    done = run("--rules", rules, clean)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{clean}: pass\n", "")
    done = run("--rules", rules, clean, evil)
    assert done.returncode == 1
    first, second, line = done.stdout.splitlines()
    assert first == f"{clean}: pass"
    assert second == f"{evil}: deny 403 by rule 1 in phase 2"
    assert "ModSecurity: Access denied with code 403 (phase 2)." in line
    assert '[id "1"] [msg "Evil in ARGS:q"] [severity "CRITICAL"]' in line


def test_repetitions_tell_what_a_request_costs(files, tmp_path):
    rules = tmp_path / "rules.conf"
    clean, evil = files("clean", CLEAN), files("evil", EVIL)
    done = run("--rules", rules, "--repeat", "3", clean, evil)
    first, second, line = done.stdout.splitlines()
    assert re.fullmatch(rf"{clean}: pass in \d+ us, of which \d+ us at a stretch", first)
    assert re.fullmatch(rf"{evil}: deny 403 by rule 1 in phase 2 in \d+ us, of which \d+ us at a stretch", second)
    assert line.count("ModSecurity: ") == 1  # the repetitions are not told
    small, large = files("small", CLEAN), files("large", CLEAN.replace("good", "good" * 20000))
    done = run("--rules", rules, "--json", "--repeat", "5", small, large)
    for found in map(json.loads, done.stdout.splitlines()):
        assert found["cpu_us"] >= found["step_us"] >= 0
    assert "cpu_us" not in run("--rules", rules, "--json", clean).stdout
    for value in "0", "1000001", "x":
        done = run("--rules", rules, "--repeat", value, clean)
        assert done.returncode == 2
        assert "--repeat is a number from 1 to 1000000" in done.stderr


def test_variables_the_client_and_the_response_are_given(files, tmp_path):
    rules, clean = tmp_path / "rules.conf", files("clean", CLEAN)
    broken = files("broken", "HTTP/1.1 500 Oh\r\n\r\n")

    def ids(*options):
        done = run("--rules", rules, "--json", *options, clean)
        result = json.loads(done.stdout)["result"]
        return done.returncode, [match["id"] for match in result["matches"]]

    assert ids() == (0, [])
    assert ids("--set", "tx.level=2") == (0, [2])
    assert ids("--paranoia", "3") == (0, [3])
    assert ids("--client", "192.0.2.7") == (0, [5])
    assert ids("--response", broken) == (1, [4])


def test_a_list_names_requests_and_their_responses(files, tmp_path):
    clean, evil = files("clean", CLEAN), files("evil", EVIL)
    broken = files("broken", "HTTP/1.1 500 Oh\r\n\r\n")
    names = files("list", f"{clean}\n{evil}\n{clean}\t{broken}\n")
    done = run("--rules", tmp_path / "rules.conf", "--json", "--from", names)
    assert done.returncode == 1
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["result"]["decision"].get("rule") for r in results] == [None, 1, 4]
    assert [len(r["log"]) for r in results] == [0, 1, 1]


def test_a_folder_of_rules_is_read_in_the_order_of_names(files, tmp_path):
    files("rules/2.conf", 'SecRule TX:x "@eq 1" "id:2,phase:1,deny,log"\n')
    files("rules/1.conf", 'SecRuleEngine On\nSecAction "id:1,phase:1,pass,nolog,setvar:tx.x=1"\n')
    files("rules/ignored.txt", "nonsense\n")
    done = run("--rules", tmp_path / "rules", files("clean", CLEAN))
    assert (done.returncode, "deny 403 by rule 2" in done.stdout) == (1, True)


def test_rules_with_errors_are_told_with_their_place(files, tmp_path):
    wrong = files("wrong.conf", 'SecRule ARGS "@rxx a" "id:1,phase:1,pass"\n')
    done = run("--rules", wrong, files("clean", CLEAN))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"{wrong}:1:") and "rxx" in done.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "a file with a request"),
        (["--rules", "x"], "a file with a request"),
        (["--rules", "x", "--paranoia", "5", "y"], "from 1 to 4"),
        (["--rules", "x", "--set", "tx.a", "y"], "NAME=VALUE"),
        (["--rules", "x", "--client", "somebody", "y"], "--client is an IP address"),
    ],
)
def test_what_is_missing_is_said(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2 and words in done.stderr


def test_a_file_that_is_not_there(tmp_path, files):
    done = run("--rules", tmp_path / "rules.conf", tmp_path / "nowhere")
    assert done.returncode == 2 and f"cannot read '{tmp_path}/nowhere'" in done.stderr
    done = run("--rules", tmp_path / "nowhere", files("clean", CLEAN))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'portcullis: --rules: there is no file "{tmp_path}/nowhere"\n'


def test_without_rules_it_is_those_of_the_program_that_judge(files):
    evil = files("evil", "GET /?q=1%27+or+1=1--+- HTTP/1.1\r\nHost: example.test\r\n\r\n")
    done, named = run(evil), run("--rules", "builtin", evil)
    assert (done.returncode, done.stdout, done.stderr) == (1, named.stdout, "")


def test_what_the_proxy_refuses_before_any_rule_is_told(files, tmp_path):
    bare = files("bare", "GET /?q=good HTTP/1.1\nHost: example.test\n\n")
    done = run("--rules", tmp_path / "rules.conf", bare)
    assert done.stdout.splitlines() == [f"{bare}: pass", "  (the proxy refuses it before any rule: 400 h1.bare-lf)"]


def test_what_cannot_be_judged_is_not_said_to_pass(files):
    done = run("--rules", "builtin", files("empty", ""))
    assert (done.returncode, done.stdout) == (2, "") and "empty' holds no request" in done.stderr
    done = run("--rules", "builtin", "--response", files("odd", "odd\r\n\r\n"), files("clean", CLEAN))
    assert (done.returncode, done.stdout) == (2, "") and "or '" in done.stderr and "odd' no response" in done.stderr


def waf_rules(*arguments):
    return subprocess.run([binary_path(), "waf", "rules", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_the_rules_of_the_program_can_be_read_and_are_what_judges(files, tmp_path):
    done = waf_rules()
    assert (done.returncode, done.stderr) == (0, "")
    own = tmp_path / "printed.conf"
    own.write_text(done.stdout)
    evil = files("evil", "GET /?q=1%27+or+1=1--+- HTTP/1.1\r\nHost: example.test\r\n\r\n")
    for rules in ("builtin", own):
        judged = run("--rules", rules, evil)
        assert (judged.returncode, judged.stderr) == (1, "")
        assert '[id "8103001"]' in judged.stdout
        assert run("--rules", rules, files("clean", CLEAN)).returncode == 0


def test_one_rule_is_shown_with_its_comment_and_place():
    done = waf_rules("8103005", "8000003")
    assert done.returncode == 0
    assert re.match(r"# builtin/sql\.conf:\d+\n# .*\nSecRule ARGS", done.stdout, re.DOTALL)
    assert '"id:8000003,' in done.stdout and "id:8103004" not in done.stdout and "id:8000002" not in done.stdout
    assert (waf_rules("1").returncode, waf_rules("1").stderr) == (1, "portcullis: no rule 1 is part of the program\n")
    assert waf_rules("all").returncode == 2


@pytest.mark.parametrize("text", [
    None,
    "Include {pipe}\n",
    "Include {folder}/*.conf\n",
    "SecUnicodeMapFile {pipe} 20127\n",
    'SecRule ARGS "@pmFromFile pipe.conf" "id:1,phase:2,deny"\n',
    'SecRule REMOTE_ADDR "@ipMatchFromFile {pipe}" "id:1,phase:2,deny"\n',
    "SecGeoLookupDb pipe.conf\n",
])
@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_a_pipe_in_place_of_a_file_of_rules_is_told_and_nobody_waits(tmp_path, text, kind):
    """None: the file of rules itself."""
    folder = tmp_path / "rules"
    folder.mkdir()
    pipe, rules = folder / "pipe.conf", folder / "own.rules"
    os.mknod(pipe, 0o600 | kind)
    if text is None:
        rules = pipe
    else:
        rules.write_text(text.format(pipe=pipe, folder=folder))
    config = tmp_path / "portcullis.conf"
    config.write_text(f"listen 127.0.0.1:0\nsite * {{ respond 200; waf balanced {{ rules {rules} }} }}\n")
    done = subprocess.run([binary_path(), "check", config], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    told = done.stdout + done.stderr
    kind_told = "it is a pipe, not a file" if kind == stat.S_IFIFO else "it is a socket, not a file"
    assert kind_told in told and "pipe.conf" in told
    judged = run("--rules", rules, tmp_path / "none")
    assert judged.returncode == 2 and kind_told in judged.stderr


def test_rules_that_set_the_level_themselves_are_told_by_check(tmp_path):
    rules = tmp_path / "own.conf"
    config = tmp_path / "portcullis.conf"
    config.write_text(f"listen 127.0.0.1:0\nsite * {{ respond 200; waf strict {{ rules {rules} }} }}\n")
    rules.write_text(RULES + """\
SecAction "id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1,setvar:tx.detection_paranoia_level=3"
SecAction "id:900110,phase:1,pass,nolog,setvar:tx.inbound_anomaly_score_threshold=7,setvar:tx.outbound_anomaly_score_threshold=6"
SecRule &TX:blocking_paranoia_level "@eq 0" "id:901120,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1"
""")
    done = subprocess.run([binary_path(), "check", config], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0 and told.count("warning[W0707]") == 3
    for line in (
        f"{rules}:8: rule 900000 sets tx.blocking_paranoia_level to 1: neither the level of `waf` nor `paranoia` has an effect",
        f"{rules}:9: rule 900110 sets tx.inbound_anomaly_score_threshold to 7: neither the level of `waf` nor `threshold` has an effect",
        "= help: take it out there, and write here, in `waf`:  paranoia 1\n",
        "= help: take it out there, and write here, in `waf`:  threshold 7\n",
        "= help: take it out there, and write here, in `waf`:  threshold N response 6\n",
    ):
        assert line in told, told


def test_what_has_no_effect_in_rules_is_told_by_check(tmp_path):
    rules = tmp_path / "own.conf"
    config = tmp_path / "portcullis.conf"
    config.write_text(f"listen 127.0.0.1:0\nsite * {{ respond 200; waf balanced {{ rules {rules} }} }}\n")

    def check():
        return subprocess.run([binary_path(), "check", config], capture_output=True, text=True, check=False)

    rules.write_text(RULES + "SecRuleRemoveById 942999\n")
    done = check()
    assert done.returncode == 0 and "1 warning" in done.stdout
    assert f'warning[W0707]: {rules}:8:19: no rule before this one has the id "942999": nothing is removed' in done.stdout + done.stderr
    rules.write_text(RULES + "SecRuleRemoveById 5\n")
    done = check()
    assert done.returncode == 0 and "0 warnings" in done.stdout
    rules.write_text(RULES + 'SecAction "id:98,phase:1,pass,nolog,skipAfter:END_LOGIN"\nSecMarker END-LOGIN\n')
    done = check()
    assert done.returncode == 0 and done.stderr.count("warning[W0707]") == 1
    assert f'{rules}:8:1: rule 98: no marker "END_LOGIN" follows: skipAfter ends the phase; did you mean END-LOGIN?' in done.stderr
    masking = 'SecAction "id:99,phase:1,pass,nolog,sanitiseArg:%s,sanitiseRequestHeader:%s,sanitiseResponseHeader:%s"\n'
    rules.write_text(RULES + masking % ("new_password", "X-Api-Key", "Set-Cookie"))
    assert "0 warnings" in check().stdout
    rules.write_text(RULES + masking % ("card", "X-Card", "Set-Cookie2"))
    told = check().stderr
    assert told.count("warning[W0707]") == 3
    assert f"{rules}:8:49: sanitiseArg has no effect here: records mask what stands under names of secrets (password, token, api_key)" in told
    assert 'and "card" is no such name; where no request may be kept, write `recent off`' in told
