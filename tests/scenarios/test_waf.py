"""The rules engine in the proxy: what is refused and why, what is held and what is not, what the logs tell. The rules are a few
lines of SecLang of their own; those of the Core Rule Set are run by tests/crs."""

import gzip
import json
import os
import re
import subprocess
import threading

import pytest
from harness import http2
from harness.client import request
from harness.deadline import SECONDS, eventually
from harness.gate import binary_path
from harness.http2 import Http2Client
from harness.origin import response
from harness.websocket import TEXT, agreement, frame, handshake, read_frame

RULES = """
SecDefaultAction "phase:1,pass,log"
SecDefaultAction "phase:2,pass,log"
SecRule REQUEST_HEADERS:X-Early "@streq stop" "id:101,phase:1,deny,status:418,msg:'early'"
SecRule REQUEST_HEADERS:X-Away "@streq go" "id:102,phase:1,redirect:https://elsewhere.test/%{request_method}"
SecRule REQUEST_HEADERS:X-Cut "@streq now" "id:103,phase:1,drop"
SecRule ARGS|ARGS_NAMES "@rx (?i)attack(s?)" "id:201,phase:2,pass,capture,t:none,t:urlDecodeUni,\\
    msg:'an attack in %{matched_var_name}',logdata:'found %{tx.0}',severity:'CRITICAL',tag:'attack-sqli',\\
    setvar:'tx.anomaly_score=+%{tx.weight}'"
SecRule FILES "@endsWith .php" "id:202,phase:2,deny,msg:'a script is uploaded',tag:'attack-injection-php'"
SecRule REQUEST_BODY "@contains rawbad" "id:203,phase:2,deny,msg:'raw'"
SecRule TX:ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:299,phase:2,deny,status:403,\\
    msg:'score %{tx.anomaly_score}'"
SecRule RESPONSE_HEADERS:X-Leak "@rx ." "id:301,phase:3,deny,status:502,msg:'a leak in a field',tag:'attack-disclosure'"
SecRule RESPONSE_BODY "@contains ORA-00933" "id:401,phase:4,deny,status:500,msg:'a leak',tag:'attack-disclosure'"
SecRule REQUEST_URI "@contains watch" "id:501,phase:5,pass,log,msg:'seen at the end'"
SecAction "id:100,phase:1,pass,nolog,setvar:tx.weight=5"
"""
SITE = """
limits { body 20M }
site * {
  to @origin
  waf balanced { rules @rules }
  route /shadow/* { waf balanced mode shadow }
  route /off/* { waf off }
  route /low/* { waf low }
  route /quiet/* { waf balanced { shadow 201 } }
  route /excluded/* { waf balanced { exclude rule 201 arg q because "it is a test" } }
  route /class/* { waf balanced { exclude attack sqli on /class/here } }
  route /small/* { waf balanced { body 2K } }
  route /deaf/* { waf balanced { response off } }
}
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)
    return path


def form(path, body, fields=()):
    return request(path, method="POST", body=body,
                   fields=["Content-Type: application/x-www-form-urlencoded", *fields])


def multipart(path, parts):
    body = b"".join(b"--aRealBoundary7Y\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
    return request(path, method="POST", body=body + b"--aRealBoundary7Y--\r\n", fields=["Content-Type: multipart/form-data; boundary=aRealBoundary7Y"])


def json_body(path, value, fields=()):
    return request(path, method="POST", body=json.dumps(value).encode(), fields=["Content-Type: application/json", *fields])


REFUSED = [  # what is sent, status, reason, the rules that are named
    (request("/?q=1", fields=["X-Early: stop"]), 418, "waf.rule", [101]),
    (request("/?q=attack"), 403, "waf.sqli", [201, 299]),
    (request("/?attack=1"), 403, "waf.sqli", [201, 299]),
    (request("/?q=%2561ttack"), 403, "waf.sqli", [201, 299]),
    (form("/", b"a=1&b=an+ATTACK"), 403, "waf.sqli", [201, 299]),
    (json_body("/", {"deep": [{"er": "attack"}]}), 403, "waf.sqli", [201, 299]),
    (multipart("/", [(b'name="a"', b"attack")]), 403, "waf.sqli", [201, 299]),
    (multipart("/", [(b'name="a"; filename="x.php"', b"<?")]), 403, "waf.php", [202]),
    (json_body("/", {}, ["Content-Encoding: br"]), 400, "waf.protocol", [8000011]),
    (request("/", method="POST", body=b"{", fields=["Content-Type: application/json"]), 400, "waf.protocol", [8000011]),
    (request("/", method="POST", body=b"x rawbad", fields=["Content-Type: text/plain"]), 403, "waf.rule", [203]),
    (request("/", method="POST", body=b"x rawbad", fields=["Content-Type: application/grpc"]), 403, "waf.rule", [203]),
    (form("/small/", b"a=" + b"x" * 3000), 413, "waf.body", None),
    (request("/low/?q=attack&r=attack"), 403, "waf.sqli", [201, 299]),
    (request("/excluded/?r=attack"), 403, "waf.sqli", [201, 299]),
    (request("/class/there?q=attack"), 403, "waf.sqli", [201, 299]),
]


def test_what_rules_refuse_never_reaches_the_origin(gate, origin, rules):
    g = gate(SITE, origin=origin, rules=rules)
    for sent, status, reason, ids in REFUSED:
        g.security_log.skip()
        with g.client() as client:
            client.send(sent)
            assert client.response().status == status, sent
        record = g.security_log.wait(1)[0]
        assert (record["reason"], record["status"]) == (reason, status), sent
        if ids is not None:
            assert {rule["id"] for rule in record["waf"]["rules"]} == set(ids), record
            assert record["waf"]["verdict"] == "refused"
    assert origin.has_no_connection()


CLASSES = {  # tags of the Core Rule Set, and the reason
    "attack-rce": "waf.rce", "attack-sqli": "waf.sqli", "attack-xss": "waf.xss", "attack-lfi": "waf.lfi", "attack-rfi": "waf.rfi",
    "attack-injection-php": "waf.php", "attack-injection-java": "waf.java", "attack-injection-generic": "waf.injection",
    "attack-ssrf": "waf.injection", "attack-ssti": "waf.injection", "attack-fixation": "waf.fixation", "attack-dos": "waf.dos",
    "attack-reputation-scanner": "waf.scanner", "attack-reputation-crawler": "waf.scanner", "attack-reputation-scripting": "waf.scanner",
    "attack-reputation-ip": "waf.reputation", "attack-disclosure": "waf.leak", "attack-multipart-header": "waf.protocol",
    "attack-protocol": "waf.protocol", "attack-generic": "waf.protocol", "of-nobody": "waf.rule",
}


def test_the_reason_is_the_class_of_the_attack(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    path.write_text("".join(f'SecRule ARGS:is "@streq {tag}" "id:{number},phase:1,deny,log,tag:{tag}"\n' for number, tag in enumerate(CLASSES, 1)))
    g = gate("site * { to @origin; waf balanced { rules @rules } }", origin=origin, rules=path)
    with g.client() as client:
        for tag in CLASSES:
            assert client.get(f"/?is={tag}").status == 403, tag
    assert {record["uri"].partition("=")[2]: record["reason"] for record in g.security_log.wait(len(CLASSES))} == CLASSES


def test_a_rule_that_decides_by_itself_is_the_reason_whatever_others_have_added_to_a_score(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    path.write_text("""
SecRule ARGS:a "@rx ." "id:1,phase:1,pass,log,tag:attack-xss,setvar:tx.anomaly_score=+3"
SecRule ARGS:b "@rx ." "id:2,phase:1,deny,log,tag:attack-lfi"
SecRule ARGS:c "@rx ." "id:3,phase:1,deny,log"
SecRule TX:anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:4,phase:2,deny,log"
""")
    g = gate("site * { to @origin; waf balanced { rules @rules; threshold 3 } }", origin=origin, rules=path)
    broken = request("/?a=1", method="POST", body=b"{", fields=["Content-Type: application/json"])
    for sent, status, reason, text in (
        (request("/?a=1"), 403, "waf.xss", "cross-site scripting: rule 1, score 3, refused from 3"),
        (request("/?a=1&b=1"), 403, "waf.lfi", "access to files of the server: rule 2"),
        (request("/?a=1&c=1"), 403, "waf.rule", "a rule matched: rule 3"),
        (broken, 400, "waf.protocol", "a violation of the protocol: rule 8000011"),
    ):
        g.security_log.skip()
        with g.client() as client:
            client.send(sent)
            assert client.response().status == status
        record = g.security_log.wait(1)[0]
        assert (record["reason"], record["text"]) == (reason, text)
        assert 1 in {rule["id"] for rule in record["waf"]["rules"]}


PASSED = [
    request("/?q=attic"),
    request("/off/?q=attack", fields=["X-Early: stop"]),
    request("/low/?q=attack"),
    request("/shadow/?q=attack", fields=["X-Early: stop"]),
    request("/quiet/?q=attack"),
    request("/excluded/?q=attack"),
    request("/class/here?q=attack"),
    form("/", b"a=1&b=2"),
    json_body("/", {"a": [1, 2, {"b": None}]}),
    multipart("/", [(b'name="a"; filename="x.txt"', b"attack"), (b'name="b"', b"1")]),
    form("/shadow/", b"a=" + b"x" * 2_000_000),
]


def test_what_passes_arrives_as_it_was_sent(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"<" + got.body + b">"))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        for sent in PASSED:
            client.send(sent)
            answer = client.response()
            assert answer.status == 200, sent
            assert answer.body == b"<" + sent.partition(b"\r\n\r\n")[2] + b">"
    assert len(g.requests_log.wait(len(PASSED))) == len(PASSED)


def test_rules_that_have_no_room_in_a_record_are_named_by_their_ids(gate, origin, tmp_path):
    path = tmp_path / "many.conf"
    path.write_text("".join(f'SecRule ARGS:q "@streq x" "id:{i},phase:2,pass,log,msg:\'rule {i}\'"\n' for i in range(1001, 1121)))
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate("site * { to @origin; waf balanced { rules @rules } }", origin=origin, rules=path)
    with g.client() as client:
        client.send(request("/?q=x"))
        assert client.response().status == 200
    waf = g.security_log.wait(1)[0]["waf"]
    assert [rule["id"] for rule in waf["rules"]] == list(range(1001, 1033))
    assert waf["more"] == list(range(1033, 1121))
    assert "unnamed" not in waf


def test_the_limit_that_rules_have_for_bodies_is_named(gate, origin, rules):
    rules.write_text(RULES + "SecRequestBodyLimit 64\n")
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        client.send(json_body("/long", {"text": "lorem " * 20}))
        assert client.response().status == 413
    record = g.security_log.wait(1)[0]
    assert (record["reason"], record["status"]) == ("waf.body", 413)
    assert "SecRequestBodyLimit" in record["text"] and "rule 0" not in record["text"], record


def test_others_are_answered_while_a_large_body_is_judged(gate, origin, rules):
    """All go through one worker: what asks later reaches the origin before the body does."""
    came = []

    def answer(got, connection):
        came.append(got.target)
        return response(b"ok")

    origin.serve(answer)
    slow = "".join(f'SecRule ARGS "@rx a{i}b+c" "id:{i},phase:2,pass,nolog"\n' for i in range(2001, 2401))
    rules.write_text(RULES + slow)
    g = gate("workers 1\n" + SITE.replace("rules @rules }", "rules @rules; body 16M; budget 60s }", 1), origin=origin, rules=rules)
    values = [f"a{i % 400 + 2001}bb of many words" for i in range(4500)]
    with g.client() as poster:
        poster.send(json_body("/large", {"text": " ".join(f"a{i % 400 + 2001}bb lorem" for i in range(100_000)), "values": values}))
        for i in range(3):
            with g.client() as other:
                other.send(request(f"/other/{i}"))
                assert other.response().status == 200
        assert poster.response().status == 200
    assert came == ["/other/0", "/other/1", "/other/2", "/large"]


def test_the_record_says_what_matched_where_and_why(gate, origin, rules):
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        client.send(request("/?password=1&comment=many%20attacks%20here"))
        assert client.response().status == 403
    record = g.security_log.wait(1)[0]
    waf = record["waf"]
    assert (waf["score"], waf["threshold"]) == (5, 5)
    found = waf["rules"][0]
    assert found["id"] == 201 and found["score"] == 5
    assert found["target"].upper() == "ARGS:COMMENT"
    assert found["matched"] == "attacks"
    assert found["msg"] == "an attack in ARGS:comment"
    assert found["tags"] == ["attack-sqli"]
    assert record["text"].startswith("SQL injection: rule 201")
    assert g.requests_log.wait(1)[0]["waf_us"] >= 0


def test_secrets_are_not_shown_as_matches(gate, origin, rules):
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        client.send(request("/?password=myattackword"))
        assert client.response().status == 403
    text = json.dumps(g.security_log.wait(1)[0])
    assert "myattack" not in text and '"matched": "***"' in text


def test_shadow_tells_what_would_have_been_refused(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        assert client.get("/shadow/?q=attack").status == 200
        record = g.security_log.wait(1)[0]
        assert record["waf"]["verdict"] == "would-refuse"
        assert "reason" not in record
        g.security_log.skip()
        assert client.get("/quiet/?q=attack").status == 200
        record = g.security_log.wait(1)[0]
        assert record["waf"]["verdict"] == "noticed"
        assert record["waf"]["rules"][0]["shadow"] is True


def decisions(g):
    m = g.metrics()
    return {tuple(dict(labels)[name] for name in ("rule", "mode", "verdict")): value
            for (name, labels), value in m.samples.items() if name == "portcullis_waf_decisions_total"}


def test_the_metrics_count_by_rule_mode_and_verdict_over_reloads(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate(SITE, origin=origin, rules=rules)
    sent = ["/?q=attack&r=attack&attacks=1", "/?q=attack", "/low/?q=attack", "/quiet/?q=attack", "/shadow/?q=attack", "/watch", "/off/?q=attack", "/"]
    with g.client() as client:
        for path in sent:
            client.get(path)
    g.requests_log.wait_lines(len(sent))
    expected = {
        ("201", "enforce", "refused"): 2, ("299", "enforce", "refused"): 2,  # once for each request, however often it matches
        ("201", "enforce", "noticed"): 1,
        ("201", "shadow", "noticed"): 1,
        ("201", "shadow", "would-refuse"): 1, ("299", "shadow", "would-refuse"): 1,
        ("501", "enforce", "noticed"): 1,
    }
    assert decisions(g) == expected
    m = g.metrics()
    assert m.get("portcullis_waf_judged_total", site="*") == len(sent) - 1
    records = g.requests_log.records()
    assert m.get("portcullis_waf_seconds_total", site="*") == pytest.approx(sum(r.get("waf_us", 0) for r in records) / 1e6, abs=1e-5)
    g.reload(SITE, origin=origin, rules=rules)
    with g.client() as client:
        client.get("/watch")
    g.requests_log.wait_lines(len(sent) + 1)
    expected["501", "enforce", "noticed"] = 2
    assert decisions(g) == expected


def test_a_rule_redirects_and_another_one_drops(gate, origin, rules):
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        answer = client.get("/", fields=["X-Away: go"])
        assert (answer.status, answer.get("Location")) == (302, "https://elsewhere.test/GET")
    with g.client() as client:
        client.send(request("/", fields=["X-Cut: now"]))
        client.assert_ended()
    record = g.security_log.wait_for(lambda r: r.get("reason") == "waf.rule")
    assert (record["status"], record["waf"]["verdict"]) == (0, "refused")
    assert [rule["id"] for rule in record["waf"]["rules"]] == [103]
    assert origin.has_no_connection()


def test_what_a_client_writes_into_a_location_stays_within_it(gate, origin, rules):
    rules.write_text("SecRule ARGS:to \"@rx .\" \"id:1,phase:1,redirect:'https://elsewhere.test/%{ARGS.to}'\"\n")
    g = gate("listen 127.0.0.1:0 h2c\n" + SITE, origin=origin, rules=rules)
    wanted = "https://elsewhere.test/a%0D%0AX-Evil:%20b%00%C3%BC"
    with g.client() as client, Http2Client(g.addresses()[1]) as second:
        for _ in range(2):  # by the same worker
            answer = client.get("/?to=a%0d%0aX-Evil:%20b%00%c3%bc")
            assert (answer.status, answer.get("Location"), answer.get("X-Evil")) == (302, wanted, None)
        assert second.get("/?to=a%0d%0aX-Evil:%20b%00%c3%bc").get("location") == wanted
        assert client.get("/?to=" + "x" * 7000).status == 302
    rules.write_text(rules.read_text().replace("phase:1", "phase:2"))
    g.reload()
    form = ["Content-Type: application/x-www-form-urlencoded"]
    with g.client() as client, Http2Client(g.addresses()[1]) as second:  # of 64 KiB nothing would come in HTTP/2
        client.send(request("/", method="POST", fields=form, body=b"to=" + b"x" * 100_000))
        assert client.response().status == 403
        second.send(http2.request(1, ("content-type", "application/x-www-form-urlencoded"), method="POST", end=False) + http2.data(1, b"to=" + b"%ff" * 5000))
        assert second.response(1).status == 403


LEAKS = [
    ("text/html", b"<p>ORA-00933: SQL command", 500),
    ("text/plain; charset=utf-8", b"x" * 300_000 + b"ORA-00933", 500),
    ("image/png", b"ORA-00933", 200),
    ("text/html", b"x" * 600_000 + b"ORA-00933", 200),  # behind what is looked at
]


@pytest.mark.parametrize("kind, body, status", LEAKS, ids=["html", "long text", "picture", "behind"])
def test_a_leak_is_refused_before_its_first_byte_goes(gate, origin, rules, kind, body, status):
    origin.serve(lambda got, connection: response(body, fields=[f"Content-Type: {kind}"]))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        answer = client.get("/")
        assert answer.status == status
        if status == 200:
            assert answer.body == body
        else:
            assert b"ORA-" not in answer.body
            assert g.security_log.wait(1)[0]["reason"] == "waf.leak"
    with g.client() as client:
        answer = client.get("/deaf/")
        assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("path, kind, status", [("/", "application/json", 200), ("/types/", "application/json; a=b", 500),
                                                ("/types/", "text/html", 200), ("/types/more/", "Application/JSON", 500)])
def test_the_types_that_are_looked_into_are_those_of_the_configuration(gate, origin, rules, path, kind, status):
    origin.serve(lambda got, connection: response(b'{"error":"ORA-00933"}', fields=[f"Content-Type: {kind}"]))
    g = gate(SITE.replace("route /deaf/*", "route /types/* { waf { response 64K application/json } }\n"
                          "  route /types/more/* { waf { response 32K text/html application/json } }\n  route /deaf/*"),
             origin=origin, rules=rules)
    with g.client() as client:
        assert client.get(path).status == status


def test_an_answer_in_a_coding_that_is_none_is_looked_at_as_it_came(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"<p>ORA-00933", fields=["Content-Type: text/html", "Content-Encoding: utf-8"]))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        assert client.get("/").status == 500


@pytest.mark.parametrize("first, second", [("identity", "gzip"), ("gzip", "identity")])
def test_a_second_coding_of_an_answer_hides_nothing(gate, origin, rules, first, second):
    origin.serve(lambda got, connection: response(gzip.compress(b"<p>ORA-00933"), fields=[
        "Content-Type: text/html", f"Content-Encoding: {first}", f"Content-Encoding: {second}"]))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        assert client.get("/").status == 500


SAID = {  # what would be a stream, if only it were one
    "a handshake": request("/", fields=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
    "a call": request("/", method="POST", body=b"a=1", fields=["Content-Type: application/grpc"]),
}


@pytest.mark.parametrize("said", SAID)
def test_no_word_of_a_client_keeps_an_answer_from_being_looked_at(gate, origin, rules, said):
    origin.serve(lambda got, connection: response(b"<p>ORA-00933: SQL command", fields=["Content-Type: text/html"]))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        client.send(SAID[said])
        assert client.response().status == 500
    assert g.security_log.wait(1)[0]["reason"] == "waf.leak"


@pytest.mark.parametrize("servers", ["@origin h2://127.0.0.1:1", "h2://127.0.0.1:1 @origin"])
def test_a_call_is_looked_at_where_one_server_takes_none(gate, origin, rules, servers):
    """To that one it would be a word in front of everything."""
    g = gate("origin app { server %s }\n" % servers + SITE.replace("to @origin", "to app"), origin=origin, rules=rules)
    with g.client() as client:
        client.send(request("/", method="POST", body=b"x rawbad", fields=["Content-Type: application/grpc"]))
        assert client.response().status == 403
    assert origin.has_no_connection()


@pytest.mark.parametrize("status", [500, 200])
def test_rules_of_the_last_phase_see_the_body_of_a_response(gate, origin, tmp_path, status):
    body = b"x" * 300_000 + b"ORA-00933"
    origin.serve(lambda got, connection: response(body, fields=["Content-Type: text/html"]))
    own = tmp_path / "own.conf"
    own.write_text('SecResponseBodyAccess On\nSecResponseBodyMimeType text/html\n'
                   f'SecRule RESPONSE_BODY "@contains ORA-" "id:401,phase:4,{"deny" if status == 500 else "pass"},status:500,log"\n'
                   'SecRule RESPONSE_BODY "@rx ORA-0+933$" "id:501,phase:5,pass,log"\n'
                   'SecRule DURATION "@lt 0" "id:502,phase:5,pass,log"\n')  # which runs behind the last byte
    g = gate("site * { to @origin; waf balanced { rules @own } }\n", origin=origin, own=own)
    with g.client() as client:
        assert client.get("/").status == status
    record, = g.security_log.wait(1)
    assert [rule["id"] for rule in record["waf"]["rules"]] == [401, 501]


def test_a_compressed_response_is_looked_into_and_sent_as_it_came(gate, origin, rules):
    texts = {"/good": b"fine" * 1000, "/bad": b"ORA-00933" * 10}

    def answer(got, connection):
        return response(gzip.compress(texts[got.target]), fields=["Content-Type: text/html", "Content-Encoding: gzip"])

    origin.serve(answer)
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        assert gzip.decompress(client.get("/good").body) == texts["/good"]
        assert client.get("/bad").status == 500


def test_a_field_of_the_response_is_judged(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"ok", fields=["X-Leak: 1"]))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        assert client.get("/").status == 502


def test_compressed_requests_are_looked_into_and_sent_as_they_came(gate, origin, rules):
    origin.serve(lambda got, connection: response(got.body))
    g = gate(SITE, origin=origin, rules=rules)
    good, bad = gzip.compress(b"a=1"), gzip.compress(b"a=attack")
    with g.client() as client:
        client.send(form("/", good, ["Content-Encoding: gzip"]))
        assert client.response().body == good
        client.send(form("/", bad, ["Content-Encoding: gzip"]))
        assert client.response().status == 403
    bomb = gzip.compress(b"a=" + b"x" * 30_000_000)
    with g.client() as client:
        client.send(form("/", bomb, ["Content-Encoding: gzip"]))
        assert client.response().status == 400


def test_large_uploads_pass_whole_and_hold_nobody_up(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"%d" % len(got.body)))
    g = gate(SITE, origin=origin, rules=rules)
    data = os.urandom(5_000_000)
    with g.client() as client:
        client.send(multipart("/", [(b'name="f"; filename="a.bin"', data)]))
        assert int(client.response().body) > 5_000_000
        client.send(request("/", method="POST", fields=["Expect: 100-continue", "Content-Type: application/json"], body=None)
                    .replace(b"\r\n\r\n", b"\r\nContent-Length: 7\r\n\r\n"))
        assert client.response_head().status == 100
        client.send(b'{"a":1}')
        assert client.response().body == b"7"


def test_a_chunked_body_is_held_and_sent_on(gate, origin, rules):
    origin.serve(lambda got, connection: response(got.body))
    g = gate(SITE, origin=origin, rules=rules)
    head = request("/", method="POST", fields=["Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded"])
    with g.client() as client:
        client.send(head + b"3\r\na=1\r\n")
        client.send(b"4\r\n&b=2\r\n0\r\n\r\n")
        assert client.response().body == b"a=1&b=2"
        client.send(head + b"3\r\na=a\r\n")
        client.send(b"5\r\nttack\r\n0\r\n\r\n")
        assert client.response().status == 403


def test_rules_are_read_anew_by_a_reload_and_bad_ones_change_nothing(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        assert client.get("/?q=fresh").status == 200
    rules.write_text(RULES + 'SecRule ARGS "@frobnicate x" "id:7,phase:2,deny"\n')
    result = g.command("reload", check=None)
    assert result.returncode != 0
    assert "own.conf:" in result.stderr and "frobnicate" in result.stderr
    with g.client() as client:
        assert client.get("/?q=fresh").status == 200
    rules.write_text("# being written\n")
    assert "there is no SecRule or SecAction in these files" in g.command("reload", check=None).stderr
    with g.client() as client:
        assert client.get("/?q=attack").status == 403
    rules.write_text(RULES + 'SecRule ARGS "@streq fresh" "id:7,phase:2,deny"\n')
    g.reload()
    with g.client() as client:
        assert client.get("/?q=fresh").status == 403


def test_an_exclusion_that_has_expired_is_told_and_has_no_effect(gate, origin, rules):
    g = gate("site * { to @origin; waf balanced { rules @rules; exclude rule 201 until 2021-01-01 } }", origin=origin, rules=rules)
    with g.client() as client:
        assert client.get("/?q=attack").status == 403
    done = subprocess.run([binary_path(), "check", g.config_path], capture_output=True, text=True, check=True)
    assert "W0706" in done.stdout + done.stderr
    told = g.reload().stdout
    assert told.startswith("the new configuration is in force\nwarning[W0706]"), told


def test_the_command_tells_what_the_gate_says_before_any_rule(tmp_path, rules):
    cases = [(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, ""), (b"GET / HTTP/1.1\r\nHost: a\r\nX: \r1\r\n\r\n", 400, "h1.bare-cr"),
             (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "uri.nul"), (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method.trace"),
             (b"GET / HTTP/1.1\r\nHost: a\r\n", 400, "client.closed"), (b"GET /?\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400, None)]
    for number, (text, status, reason) in enumerate(cases):
        path = tmp_path / f"{number}"
        path.write_bytes(text)
        done = subprocess.run([binary_path(), "waf", "test", "--json", "--rules", rules, path], capture_output=True, text=True,
                              check=False)
        said = json.loads(done.stdout)["gate"]
        assert said["status"] == status, text
        assert reason is None or said["reason"] == reason, text


# --- Other protocols ---------------------------------------------------------------------------------

H2 = """
listen 127.0.0.1:0 h2c
workers 1
log requests json to @directory/requests.log
log security json to @directory/security.log
limits { body 20M }
site a.test { to @origin; waf balanced { rules @rules } }
"""


def curl(g, *arguments, input=None):
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--max-time", "60", "-w", "\n%{http_code}", "-H", "Host: a.test",
                           *arguments, f"http://{g.address}/"], input=input, capture_output=True, check=True)
    body, _, status = done.stdout.rpartition(b"\n")
    return body, int(status)


def test_streams_of_http2_are_held_and_judged_alike(gate, origin, rules):
    origin.serve(lambda got, connection: response(got.body))
    g = gate(H2, origin=origin, rules=rules, options={"bare": True})
    assert curl(g, "--data", "a=fine") == (b"a=fine", 200)
    assert curl(g, "--data", "a=attack")[1] == 403
    assert g.security_log.wait(1)[0]["reason"] == "waf.sqli"
    large = json.dumps({"a": ["x" * 1000] * 900}).encode()
    assert curl(g, "--data-binary", "@-", "-H", "Content-Type: application/json", input=large) == (large, 200)
    bad = large.replace(b"xxxx]", b"xxxx") + b","
    assert curl(g, "--data-binary", "@-", "-H", "Content-Type: application/json", input=bad)[1] == 400


def test_rules_see_the_host_of_http2(gate, origin, tmp_path):
    rules = tmp_path / "own.conf"
    rules.write_text("""SecRule &REQUEST_HEADERS:Host "@eq 0" "id:1,phase:1,deny,log,status:400,msg:'no host'"
SecRule REQUEST_HEADERS:X-Probe "@streq 1" "id:2,phase:1,deny,log,status:418,msg:'seen',chain"
    SecRule REQUEST_HEADERS:Host "@streq a.test"
""")
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate(H2, origin=origin, rules=rules, options={"bare": True})
    assert curl(g) == (b"ok", 200)
    g.requests_log.skip()
    assert curl(g, "-H", "X-Probe: 1")[1] == 418
    id_ = g.requests_log.wait(1)[0]["id"]
    told = subprocess.run([binary_path(), "explain", id_, "--json", "--state", g.state], capture_output=True, text=True, timeout=60)
    assert "\r\nHost: a.test\r\n" in json.loads(told.stdout)["request"]["head"]


def test_a_client_that_goes_while_its_body_is_held_leaves_nothing(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate(SITE, origin=origin, rules=rules)
    head = request("/", method="POST", fields=["Content-Length: 300000", "Content-Type: application/json"])
    for _ in range(5):
        with g.client() as client:
            client.send(head + b'{"a":"' + b"x" * 200_000)
            client.reset()
    records = g.requests_log.wait(5)
    assert {record["reason"] for record in records} == {"client.closed"}
    with g.client() as client:
        assert client.get("/").status == 200
    assert g.metrics().get("portcullis_buffered_bytes") == 0


def test_websockets_and_events_are_not_held(gate, origin, rules):
    g = gate(SITE, origin=origin, rules=rules)
    with g.client() as client:
        client.send(handshake())
        connection = origin.accept()
        connection.request_head()
        connection.send(agreement())
        assert client.response().status == 101
        client.send(frame(b"attack", TEXT, masked=True))
        assert read_frame(connection)[1] == b"attack"
    with g.client() as client:
        client.send(request("/events"))
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert client.response_head().status == 200
        client.recv_until(b"data: 1\n\n")


# --- The Core Rule Set ---------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.isdir("/usr/share/modsecurity-crs/rules"), reason="the package modsecurity-crs is not installed")
@pytest.mark.parametrize("folder", ["", "/usr/share/modsecurity-crs/"])
def test_the_core_rule_set_of_the_distribution_is_found_and_names_what_matched(gate, origin, folder):
    origin.serve(lambda got, connection: response(b"ok"))
    g = gate(f"site * {{ to @origin; waf balanced {{ rules crs {folder} }} }}", origin=origin)
    usual = ["User-Agent: Mozilla/5.0", "Accept: */*"]
    cases = [("/?id=1%27%20or%201=1--", "waf.sqli", 942100), ("/?f=../../../../etc/passwd", "waf.lfi", 930120),
             ("/?q=%3Cscript%3Ealert(1)%3C/script%3E", "waf.xss", 941100), ("/?x=;cat%20/etc/passwd", "waf.rce", 932160)]
    for path, reason, rule in cases:
        g.security_log.skip()
        with g.client() as client:
            assert client.get(path, fields=usual).status == 403, path
        record = g.security_log.wait(1)[0]
        ids = [r["id"] for r in record["waf"]["rules"]]
        assert record["reason"] == reason, record
        assert rule in ids
        assert all(r.get("msg") for r in record["waf"]["rules"]), record
        assert re.search(r": rule 9[34]\d{4}\b", record["text"]), record["text"]
    with g.client() as client:
        for path in ("/", "/?name=O%27Reilly&q=select+your+size", "/search?q=union+station&sort=asc"):
            assert client.get(path, fields=usual).status == 200, path


SETUP_RULES = ('SecRule &TX:crs_setup_version "@eq 0" "id:901001,phase:1,deny,status:500,log,msg:\'no setup\'"\n'
               'SecRule ARGS:q "@contains attack" "id:201,phase:2,deny,status:403,msg:\'an attack\'"\n')
SETUP = 'SecAction "id:900990,phase:1,pass,nolog,setvar:tx.crs_setup_version=4280"\n'


def core_rule_set(tmp_path, files):
    (tmp_path / "crs" / "rules").mkdir(parents=True)
    for name, text in {"rules/REQUEST-901-INITIALIZATION.conf": SETUP_RULES, **files}.items():
        (tmp_path / "crs" / name).write_text(text)
    return tmp_path / "crs"


@pytest.mark.parametrize("files", [{}, {"crs-setup.conf": "# all of it commented out\n"}], ids=["none", "empty"])
@pytest.mark.parametrize("named", ["crs {}", "{}/rules/*.conf"])
def test_a_core_rule_set_without_its_settings_is_an_error(tmp_path, files, named):
    folder = core_rule_set(tmp_path, files)
    done = subprocess.run([binary_path(), "check", "-"], capture_output=True, text=True, timeout=SECONDS,
                          input=f"listen :8080\nsite * {{ respond 200; waf balanced {{ rules {named.format(folder)} }} }}\n")
    assert done.returncode == 1
    assert "nothing sets tx.crs_setup_version" in done.stderr and "rule 901001" in done.stderr
    assert (f"looked for in {folder}, then crs-setup.conf.example" in done.stderr) == named.startswith("crs")


@pytest.mark.parametrize("name", ["crs-setup.conf", "crs-setup.conf.example", "rules/A-own.conf"])
def test_the_settings_of_a_core_rule_set_may_stand_anywhere_in_it(gate, origin, tmp_path, name):
    origin.serve(lambda got, connection: response(b"ok"))
    folder = core_rule_set(tmp_path, {name: SETUP})
    g = gate(f"site * {{ to @origin; waf balanced {{ rules crs {folder} }} }}", origin=origin)
    with g.client() as client:
        assert client.get("/").status == 200
        assert client.get("/?q=attack").status == 403


def test_no_client_can_keep_its_record_out_of_the_log(gate, origin, rules):
    many = "".join(f'SecRule ARGS:q "@contains attack" "id:{4294960000 + i},phase:2,pass,log"\n' for i in range(120))
    rules.write_text(RULES.replace("SecRule FILES", many + "SecRule FILES", 1))
    g = gate("limits { line 16K; target 8K }\n" + SITE.replace("limits { body 20M }", ""), origin=origin, rules=rules)
    arguments = "&".join(f"{i}{'%01' * 30}=" + "%01" * 40 + "attack" + "%01" * 20 for i in range(16)) + "&q=attack"
    with g.client() as client:
        client.send(request("/" + "x%22" * 300 + "?" + arguments, fields=["User-Agent: " + '\\"' * 2000]))
        assert client.response().status == 403
    record = g.security_log.wait(1)[0]
    assert record["reason"] == "waf.sqli"
    waf = record["waf"]
    told = [*dict.fromkeys(rule["id"] for rule in waf["rules"]), *waf["more"]]
    assert len(waf["more"]) == 100 and len(set(told)) + waf["unnamed"] == 122
    assert {201, *range(4294960000, 4294960098)} <= set(told)


def test_what_holds_secrets_is_not_shown_whole(gate, origin, tmp_path):
    own = tmp_path / "whole.conf"
    own.write_text('SecRule REQUEST_URI "@contains trouble" "id:1,phase:1,deny,msg:\'uri\'"\n'
                   'SecRule REQUEST_COOKIES:session "@contains odd" "id:2,phase:1,deny,msg:\'cookie\'"\n')
    g = gate("site * { to @origin; waf balanced { rules @own } }", origin=origin, own=own)
    for sent in (request("/trouble?password=hunter2"), request("/", fields=["Cookie: session=odd-hunter2"])):
        g.security_log.skip()
        with g.client() as client:
            client.send(sent)
            assert client.response().status == 403
        assert "hunter2" not in json.dumps(g.security_log.wait(1)[0])


# --- Memory of all together ----------------------------------------------------------------------------

HELD = """
limits { held 48M; body 20M }
site * {
  to @origin
  waf balanced { rules @rules }
  route /shadow/* { waf balanced mode shadow }
}
"""


def large_json(path):
    return json_body(path, {f"k{i}": "%41" * 300 for i in range(900)})


def test_what_the_rules_make_of_all_requests_together_is_bounded(gate, origin, rules):
    answer = threading.Event()

    def slowly(got, connection):  # the rules' memory is in use until the response
        if got.target == "/":
            answer.wait(SECONDS)
        return response(b"ok")

    origin.serve(slowly)
    g = gate(HELD, origin=origin, rules=rules)
    try:
        clients = [g.client().send(large_json("/")) for _ in range(30)]
        eventually(lambda: len(origin.requests) + len(g.security_log.records()) == 30, "each of them held or refused")
        records = g.security_log.records()
        assert {(record["reason"], record["status"]) for record in records} == {("limits.held", 503)}
        assert 3 <= len(records) <= 27
        assert 24 << 20 < g.metrics().get("portcullis_held_bytes") <= 48 << 20
        with g.client() as client:
            assert client.get("/little?q=1").status == 200, "who wants little is served all the same"
            client.send(large_json("/shadow/"))
            assert client.response().status == 200, "what only watches refuses nothing"
    finally:
        answer.set()
    assert sorted(client.response().status for client in clients) == [200] * (30 - len(records)) + [503] * len(records)
    for client in clients:
        client.close()
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0, "all of it given back")
    with g.client() as client:
        client.send(large_json("/large"))
        assert client.response().status == 200
