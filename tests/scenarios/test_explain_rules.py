"""`explain` says what the rules of the WAF would decide: each request of the table is explained and then sent, and status,
reason and the rules that are named are the same."""

import gzip
import json
import subprocess

import pytest
from harness.client import request
from harness.gate import binary_path
from harness.origin import response

RULES = """
SecRule REQUEST_HEADERS:X-Early "@streq stop" "id:101,phase:1,deny,log,status:418,msg:'early'"
SecRule REQUEST_HEADERS:X-Away "@streq go" "id:102,phase:1,log,redirect:https://elsewhere.test/"
SecRule ARGS|ARGS_NAMES "@rx (?i)attack(s?)" "id:201,phase:2,pass,log,capture,t:none,t:urlDecodeUni,\\
    msg:'an attack in %{matched_var_name}',severity:'CRITICAL',tag:'attack-sqli',setvar:'tx.anomaly_score=+5'"
SecRule FILES "@endsWith .php" "id:202,phase:2,deny,log,msg:'a script is uploaded',tag:'attack-injection-php'"
SecRule REQUEST_URI "@contains twice" "id:203,phase:2,pass,log,msg:'twice',tag:'attack-lfi',setvar:'tx.anomaly_score=+3'"
SecRule REQUEST_BODY_LENGTH "@gt 0" "id:204,phase:2,pass,nolog,initcol:ip=%{remote_addr}"
SecRule REMOTE_ADDR "@ipMatch 127.0.0.9" "id:205,phase:1,deny,log,msg:'not you',tag:'attack-reputation-ip'"
SecRule TX:ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:299,phase:2,deny,log,status:403,msg:'score'"
"""
SITE = """
site * {
  to @origin
  waf balanced { rules @rules }
  route /shadow/* { waf mode shadow }
  route /off/* { waf off }
  route /low/* { waf low }
  route /quiet/* { waf { shadow 201 } }
  route /excluded/* { waf { exclude rule 201 arg q because "a test" } }
  route /gone/* { waf { exclude rule 201 arg q because "a test" until 2020-01-01 } }
  route /small/* { waf { body 2K } }
  route /denied/* { deny all }
  route /said/* { respond 200 "attack" }
}
"""
FORM = "application/x-www-form-urlencoded"
MULTIPART = (b'--aRealBoundary7Y\r\nContent-Disposition: form-data; name="f"; filename="x.php"\r\n\r\nhello\r\n'
             b"--aRealBoundary7Y--\r\n")
CASES = [  # path and query, fields, body, status, reason
    ("/?q=1", [], None, 200, None),
    ("/?q=1", ["X-Early: stop"], None, 418, "waf.rule"),
    ("/?q=1", ["X-Away: go"], None, 302, None),
    ("/?q=attack", [], None, 403, "waf.sqli"),
    ("/?q=%2561ttack", [], None, 403, "waf.sqli"),
    ("/?x=%61ttacks&y=twice", [], None, 403, "waf.sqli"),
    ("/twice", [], None, 200, None),
    ("/", [f"Content-Type: {FORM}"], b"a=an+ATTACK", 403, "waf.sqli"),
    ("/", ["Content-Type: application/json"], b'{"deep":[{"er":"attack"}]}', 403, "waf.sqli"),
    ("/", ["Content-Type: multipart/form-data; boundary=aRealBoundary7Y"], MULTIPART, 403, "waf.php"),
    ("/", [f"Content-Type: {FORM}", "Content-Encoding: gzip"], gzip.compress(b"a=attack", mtime=0), 403, "waf.sqli"),
    ("/", ["Content-Type: text/plain"], b"an attack", 403, "waf.sqli"),
    ("/shadow/?q=attack", [], None, 200, None),
    ("/off/?q=attack", [], None, 200, None),
    ("/low/?q=attack", [], None, 200, None),
    ("/quiet/?q=attack", [], None, 200, None),
    ("/excluded/?q=attack", [], None, 200, None),
    ("/excluded/?r=attack", [], None, 403, "waf.sqli"),
    ("/gone/?q=attack", [], None, 403, "waf.sqli"),
    ("/small/", [f"Content-Type: {FORM}"], b"a=" + b"x" * 4000, 413, "waf.body"),
    ("/denied/?q=attack", [], None, 403, "access.deny"),
    ("/said/?q=attack", [], None, 403, "waf.sqli"),
    ("/said/", [], None, 200, None),
    ("/said/", [f"Content-Type: {FORM}"], b"a=attack", 200, None),
]


@pytest.fixture
def g(gate, origin, tmp_path):
    rules = tmp_path / "own.conf"
    rules.write_text(RULES)
    origin.serve(lambda got, connection: response(b"hello"))
    return gate(SITE, origin=origin, rules=rules)


def explain(g, target, fields=(), body=None, *more, folder=None, json_=True):
    arguments = ["--json"] if json_ else []
    for field in fields:
        arguments += ["-H", field]
    if body is not None:
        (folder / "body").write_bytes(body)
        arguments += ["--data", f"@{folder / 'body'}"]
    done = subprocess.run([binary_path(), "explain", f"http://localhost{target}", "-c", g.config_path, "--from", "127.0.0.1", *arguments,
                           *more], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout) if json_ else done.stdout


def rules_of(told):
    return [rule["id"] for step in told["steps"] for rule in step.get("rules", [])]


def test_the_rules_decide_as_they_do_in_the_running_program(g, tmp_path):
    for target, fields, body, status, reason in CASES:
        told = explain(g, target, fields, body, folder=tmp_path)
        g.requests_log.skip()
        with g.client() as client:
            client.send(request(target, method="POST" if body else "GET", fields=fields, body=body or b""))
            answer = client.response()
        record = g.requests_log.wait(1)[0]
        assert (answer.status, record.get("reason")) == (status, reason), target
        assert (told["status"] or 200) == status, (target, told)
        if reason:
            assert told["reason"] == reason, (target, told)
            named = g.security_log.wait_for(lambda told: told["id"] == record["id"]).get("waf", {}).get("rules", [])
            assert rules_of(told) == [rule["id"] for rule in named], (target, told)


def test_what_is_found_is_told_for_people(g):
    told = explain(g, "/?q=attack&r=%1b%5b2J%2561ttack", json_=False)
    assert "waf          SQL injection: rule 201 and 1 more, score 10, refused from 5" in told
    assert "rule 201     +5  an attack in ARGS:q: ARGS:q matched attack" in told
    assert "(what rules keep between requests is empty here)" in told
    assert "\x1b" not in told and told.endswith("= 403 waf.sqli\n")
    assert "would refuse: SQL injection" in explain(g, "/shadow/?q=attack", json_=False)
    assert "passed, score 3, refused from 5" in explain(g, "/twice", json_=False)
    assert "body         not waited for" in explain(g, "/said/", [], None, "--data", "a=attack", json_=False)


def test_a_body_on_the_command_line_is_a_form(g):
    told = explain(g, "/", [], None, "--data", "a=attack")
    assert (told["method"], told["status"], rules_of(told)) == ("POST", 403, [201, 299])


def test_who_asks_counts(g):
    done = subprocess.run([binary_path(), "explain", "http://localhost/", "-c", g.config_path, "--from", "127.0.0.9", "--json"],
                          capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert (told["status"], told["reason"], rules_of(told)) == (403, "waf.reputation", [205])


def test_a_body_that_cannot_be_read_is_said(g, tmp_path):
    done = subprocess.run([binary_path(), "explain", "http://localhost/", "-c", g.config_path, "--data", f"@{tmp_path}/none"],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "portcullis: the file of --data cannot be read; see: portcullis help\n")
