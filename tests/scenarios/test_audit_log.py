"""`log audit`: records of what the WAF saw and said, chosen and cut as ModSecurity's directives say."""

import gzip
import json
import os
import signal

import pytest
from harness import processes
from harness.client import request
from harness.deadline import eventually
from harness.origin import response

SECRET = "Geheimnis7Xyz"
RULES = """
SecComponentSignature "OWN/1.0"
SecAction "id:100,phase:1,pass,nolog,setvar:tx.quiet=1"
SecRule ARGS|REQUEST_COOKIES "@rx (?i)attack" "id:201,phase:2,pass,log,t:none,t:urlDecodeUni,t:lowercase,\\
    msg:'an attack',severity:'CRITICAL',tag:'attack-sqli',tag:'OWASP_CRS',setvar:'tx.anomaly_score=+5'"
SecRule ARGS:mode "@streq quiet" "id:202,phase:2,pass,log,noauditlog,msg:'not for the audit log'"
SecRule ARGS:mode "@streq only" "id:203,phase:2,pass,nolog,auditlog,msg:'for the audit log only'"
SecRule ARGS:mode "@streq off" "id:204,phase:1,pass,nolog,ctl:auditEngine=Off"
SecRule ARGS:mode "@streq on" "id:205,phase:1,pass,nolog,ctl:auditEngine=On"
SecRule ARGS:mode "@streq fewer" "id:206,phase:1,pass,nolog,ctl:auditLogParts=-BCF"
SecRule ARGS:mode "@streq deny" "id:207,phase:1,deny,status:403,log,noauditlog,msg:'silent'"
SecRule TX:ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:299,phase:2,deny,status:403,log,msg:'score'"
"""
SITE = """\
log audit json to @directory/audit.json
site a.test {
  to @origin
  waf balanced { rules @rules }
  route /shadow/* { waf mode shadow }
  route /off/* { waf off }
}
"""


def answer(got, connection):
    if got.target.startswith("/missing"):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    if got.target.startswith("/broken"):
        return b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
    if got.target.startswith("/inside"):
        return response(b"ok", fields=["Server: inner/1", "X-Gone: 1", "X-Kept: 2", "Connection: X-Hop", "X-Hop: 3"])
    return (f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: sid={SECRET}; Path=/; HttpOnly\r\n"
            f"Location: /next?token={SECRET}\r\nContent-Length: 2\r\n\r\nok").encode()


@pytest.fixture
def make(gate, origin, tmp_path):
    """A proxy with these rules, and its audit log."""
    origin.serve(answer)

    def made(more="", config=SITE):
        rules = tmp_path / "own.conf"
        rules.write_text(more + RULES)
        proxy = gate(config, origin=origin, rules=rules)
        return proxy, type(proxy.requests_log)(f"{proxy.directory}/audit.json")

    return made


def ask(proxy, target, status=None, **options):
    """The id of the exchange."""
    proxy.requests_log.skip()
    with proxy.client() as client:
        client.send(request(target, host="a.test", **options))
        got = client.response()
    assert status is None or got.status == status, got.raw
    return proxy.requests_log.wait(1)[0]["id"]


def test_a_record_tells_the_whole_exchange(make):
    proxy, log = make()
    body = b"a=1&q=" + bytes([0, 1, 0xff]) + b"\"\\&x=%41TTack"
    id_ = ask(proxy, "/x?r=1", 403, method="POST", body=body,
              fields=["Content-Type: application/x-www-form-urlencoded", "User-Agent: caf\xe9"])
    got, = log.wait(1)
    assert (got["id"], got["client"], got["site"], got["status"], got["reason"]) == (id_, "127.0.0.1", "a.test", 403, "waf.sqli")
    assert got["time"].endswith("Z") and got["local"] == "127.0.0.1" and got["local_port"] == int(proxy.address.rsplit(":", 1)[1])
    assert got["client_port"] > 0 and got["listener"] and got["where"].endswith(".conf:6:1")
    assert got["producer"]["name"] == "portcullis" and got["producer"]["rules"] == "OWN/1.0"
    head = got["request"]["head"]
    assert head.startswith("POST /x?r=1 HTTP/1.1\r\n") and "User-Agent: caf\xe9\r\n" in head and head.endswith("\r\n\r\n")
    assert got["request"]["body"].encode("latin-1") == body and got["request"]["body_bytes"] == len(body)
    assert got["response"]["head"].startswith("HTTP/1.1 403 Forbidden\r\n") and "Cache-Control: no-store\r\n" in got["response"]["head"]
    assert got["response"]["body_bytes"] > 0
    waf = got["waf"]
    assert (waf["verdict"], waf["mode"], waf["score"], waf["threshold"]) == ("refused", "enforce", 5, 5)
    assert [rule["id"] for rule in waf["rules"]] == [201, 299]
    rule = waf["rules"][0]
    assert (rule["msg"], rule["severity"], rule["score"], rule["line"]) == ("an attack", "CRITICAL", 5, 4)
    assert rule["tags"] == ["attack-sqli", "OWASP_CRS"] and rule["file"].endswith("own.conf")
    finding, = rule["findings"]
    assert (finding["target"], finding["value"], finding["matched"]) == ("ARGS:x", "attack", "attack")
    assert proxy.status()["log"]["audit"] == {"offered": 1, "dropped": 0}
    assert json.loads(proxy.command("explain", "--json", id_, check=0).stdout)["id"] == id_


# what is asked · how it ends · the rules of its record; None: there is none
CHOICES = [
    ("/fine", 200, None),
    ("/?q=attack", 403, [201, 299]),
    ("/shadow/?q=attack", 200, [201, 299]),
    ("/off/?q=attack", 200, None),
    ("/?mode=quiet", 200, None),
    ("/?mode=only", 200, [203]),
    ("/?mode=off&q=attack", 403, None),
    ("/?mode=on", 200, []),
    ("/?mode=deny", 403, None),
    ("/missing", 404, None),
    ("/broken", 500, None),
]
AS_RECOMMENDED = 'SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus "^(?:5|4(?!04))"\nSecAuditLogParts ABIJDEFHZ\nSecAuditLogType Serial\nSecAuditLog /var/log/modsec_audit.log\n'


@pytest.mark.parametrize("more, others", [
    ("", {}),
    ("SecAuditEngine Off\n", {target: None for target, _, _ in CHOICES if target != "/?mode=on"}),
    ("SecAuditEngine On\n", {"/fine": [], "/missing": [], "/broken": [], "/?mode=quiet": [], "/?mode=deny": []}),
    (AS_RECOMMENDED, {"/broken": [], "/?mode=deny": []}),
])
def test_which_exchanges_have_a_record_is_as_modsecurity_has_it(make, more, others):
    proxy, log = make(more)
    expected = {}
    for target, status, rules in CHOICES:
        id_ = ask(proxy, target, status)
        rules = others.get(target, rules)
        if rules is not None:
            expected[id_] = rules
    records = log.wait(len(expected)) if expected else []
    assert {record["id"]: [rule["id"] for rule in record["waf"]["rules"]] for record in records} == expected
    assert proxy.status()["log"]["audit"]["offered"] == len(expected)
    for record in records:
        assert record["waf"]["verdict"] in ("refused", "would-refuse", "noticed", "passed")


UPLOAD = (b'--Xy77777777\r\nContent-Disposition: form-data; name="q"\r\n\r\nattack\r\n'
          b'--Xy77777777\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\nCONTENT\x00\xff\r\n--Xy77777777--\r\n')


@pytest.mark.parametrize("parts, has", [
    ("ABCFHZ", "request body files response waf producer"),
    ("AZ", ""),
    ("ABZ", "request"),
    ("ABIJDEFHZ", "request body response waf producer"),
    ("ACZ", "body files"),
    ("afz", "response"),
    ("AKZ", "waf"),
])
def test_a_record_has_the_parts_that_the_rules_name(make, parts, has):
    proxy, log = make(f"SecAuditLogParts {parts}\n")
    ask(proxy, "/x", 403, method="POST", body=UPLOAD, fields=["Content-Type: multipart/form-data; boundary=Xy77777777"])
    got, = log.wait(1)
    told = got.get("request", {})
    body = told.get("body", "")
    found = {"request": bool(told.get("head")), "body": "attack" in body and "a.bin" in body, "files": "CONTENT" in body,
             "response": "response" in got, "waf": "waf" in got, "producer": "producer" in got}
    assert {name for name, is_there in found.items() if is_there} == set(has.split())
    assert got["status"] == 403 and got["reason"] == "waf.sqli"
    assert body == "" or "Xy77777777--" in body and "body_is_cut" not in told


def test_the_head_of_the_response_is_what_the_client_got(make):
    proxy, log = make("SecAuditEngine On\n", SITE.replace("  to @origin\n", "  to @origin\n  headers { set X-Ours yes; remove X-Gone }\n"))
    with proxy.client() as client:
        got = client.get("/inside", host="a.test")
    record, = log.wait(1)
    lines = [f"{name.decode()}: {value.decode()}" for name, value in got.fields if name != b"Content-Length"]
    assert record["response"]["head"] == "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""])
    assert "X-Kept: 2" in lines and "X-Ours: yes" in lines and not {"Server", "X-Gone", "X-Hop"} & set(got.names)


INSPECTED = """SecAuditEngine On
SecAuditLogParts ABEFHZ
SecResponseBodyAccess On
SecResponseBodyMimeType text/html application/json text/plain
SecRule RESPONSE_BODY "@contains ORA-" "id:401,phase:4,deny,status:500,log,msg:'a leak',tag:'attack-disclosure'"
"""
BINARY = bytes(range(256))


def page(got, connection):
    """What the path asks for."""
    name, _, at = got.target[1:].partition("?")
    kind = {"picture": "image/png", "json": "application/json"}.get(name, "text/html; charset=utf-8")
    body, more = {
        "page": (b"<p>caf\xc3\xa9 \"x\"</p>", []), "leak": (b"ORA-00933", []), "picture": (BINARY, []), "binary": (BINARY * 4, []), "empty": (b"", []),
        "zip": (gzip.compress(b"<p>packed</p>"), ["Content-Encoding: gzip"]), "json": (f'{{"a":"b","token":"{SECRET}","n":[1]}}'.encode(), []),
        "cut": (b"y" * int(at if name == "cut" else 0) + f'<input value="{SECRET}" class="{"z" * 1000}" name="csrf_token">'.encode() + b"y" * 100_000, []),
        "form": (f'<h1>Log in</h1><input value="{SECRET}" name="csrf_token"> {SECRET}'.encode(), []), "long": (b"y" * 300_000, []),
    }[name]
    return response(body, fields=[f"Content-Type: {kind}", f"Set-Cookie: sid={SECRET}", *more])


@pytest.fixture
def inspected(gate, origin, tmp_path):
    origin.serve(page)

    def made(more="", config=SITE):
        rules = tmp_path / "own.conf"
        rules.write_text(INSPECTED + more + RULES)
        proxy = gate(config, origin=origin, rules=rules)
        return proxy, type(proxy.requests_log)(f"{proxy.directory}/audit.json")

    return made


def test_the_body_of_a_response_is_recorded_as_rules_have_looked_at_it(inspected):
    proxy, log = inspected()
    bodies = {"/page": b"<p>caf\xc3\xa9 \"x\"</p>", "/leak": b"ORA-00933", "/picture": None, "/binary": BINARY * 4, "/empty": None, "/zip": b"<p>packed</p>"}
    ids = {ask(proxy, target, 500 if target == "/leak" else 200): target for target in bodies}
    ids[ask(proxy, "/page?q=attack", 403)] = "/refused"
    for record in log.wait(len(ids)):
        body = bodies.get(ids[record["id"]])
        if body is None:
            assert "origin_response" not in record, record
            continue
        told = record["origin_response"]
        assert told == {"body": body.decode("latin-1"), "body_bytes": len(body), "masked": []}
    leak = next(record for record in records_of(log) if ids[record["id"]] == "/leak")
    assert leak["response"]["head"].startswith("HTTP/1.1 500 ") and leak["response"]["body_bytes"] > 100, "of our page"


def records_of(log):
    with open(log.path) as file:
        return [json.loads(line) for line in file]


def test_no_secret_is_in_the_body_of_a_response(inspected):
    proxy, log = inspected()
    ask(proxy, "/json", 200)
    ask(proxy, "/form", 200)
    of_json, of_form = [record["origin_response"] for record in log.wait(2)]
    with open(log.path, "rb") as file:
        assert SECRET.encode() not in file.read()
    assert json.loads(of_json["body"]) == {"a": "b", "token": "x" * len(SECRET), "n": [1]} and of_json["masked"] == ["json token"]
    assert of_form["body"].startswith("<h1>Log in</h1><xxx") and set(of_form["body"][16:]) == {"x"} and of_form["masked"] == ["body csrf_token"]


def test_a_name_behind_what_there_is_room_for_masks_what_is_before_it(inspected):
    proxy, log = inspected(config=SITE.replace("audit.json", "audit.json record 16K"))
    ask(proxy, "/long", 200)
    room = len(log.wait(1)[0]["origin_response"]["body"])
    ask(proxy, f"/cut?{room - 100}", 200)
    told = log.wait(2)[1]["origin_response"]
    assert told["body"][:room - 93] == "y" * (room - 100) + "<" + "x" * 6 and told["body_is_cut"] and told["masked"] == ["body csrf_token"]


@pytest.mark.parametrize("more, seen", [("", 300_000), ("SecResponseBodyLimit 1000\nSecResponseBodyLimitAction ProcessPartial\n", 1000)])
def test_the_body_of_a_response_has_what_the_record_has_room_for(inspected, more, seen):
    proxy, log = inspected(more + "SecAuditLogParts ABCEFHZ\n", SITE.replace("audit.json", "audit.json record 16K"))
    ask(proxy, "/long", 200, method="POST", body=b"q=" + b"z" * 20_000, fields=["Content-Type: text/plain"])
    record, = log.wait(1)
    told, asked = record["origin_response"], record["request"]
    assert told["body_bytes"] == seen and set(told["body"]) == {"y"}
    assert told.get("body_is_cut", False) == (seen > 1000) and len(told["body"]) >= min(seen, 1000)
    assert asked["body_is_cut"] and len(asked["body"]) >= 1000 and asked["head"].endswith("\r\n\r\n")
    with open(log.path, "rb") as file:
        assert len(file.read()) <= 16 << 10


def test_a_rule_may_add_the_body_of_a_response(inspected):
    proxy, log = inspected('SecAuditLogParts ABHZ\nSecRule ARGS:mode "@streq whole" "id:208,phase:1,pass,nolog,ctl:auditLogParts=+E"\n')
    ask(proxy, "/page", 200)
    ask(proxy, "/page?mode=whole")
    assert [("origin_response" in record, "response" in record) for record in log.wait(2)] == [(False, False), (True, False)]


def test_a_rule_may_take_parts_away(make):
    proxy, log = make()
    ask(proxy, "/?mode=fewer&q=attack", 403)
    got, = log.wait(1)
    assert "request" not in got and "response" not in got and got["waf"]["verdict"] == "refused"


def test_no_secret_is_in_the_file(make):
    proxy, log = make("SecAuditEngine On\n")
    ask(proxy, f"/p;jsessionid={SECRET}?token={SECRET}&q=attack", fields=[
        f"Authorization: Bearer {SECRET}", f"Cookie: sid={SECRET}attack; b={SECRET}", f"X-Api-Key: {SECRET}",
        f"Referer: http://u:{SECRET}@h/?sid={SECRET}"])
    ask(proxy, "/fine", 200)
    kinds = [("application/x-www-form-urlencoded", f"password={SECRET}attack&x=1"), ("application/json", f'{{"password":"{SECRET}attack"}}'),
             ("text/plain", f"the password is {SECRET}"),
             ("multipart/form-data; boundary=Xy77777777",
              f'--Xy77777777\r\nContent-Disposition: form-data; name="password"; filename="x"\r\n\r\n{SECRET}attack\r\n--Xy77777777--\r\n')]
    for kind, body in kinds:
        ask(proxy, "/b", method="POST", body=body.encode(), fields=[f"Content-Type: {kind}"])
    records = log.wait(2 + len(kinds))
    with open(log.path, "rb") as file:
        assert SECRET.encode() not in file.read()
    fine = records[1]["response"]
    assert "Set-Cookie: sid=xxx" in fine["head"] and "; Path=/; HttpOnly\r\n" in fine["head"] and "Location: /next?token=xxx" in fine["head"]
    assert fine["masked"] == ["cookie sid", "arg token"]


def test_a_record_is_bounded_and_no_client_keeps_its_own_out(make):
    proxy, log = make("SecAuditEngine On\n", SITE.replace("audit.json", "audit.json record 16K"))
    hostile = [
        ("/" + "%22" * 600 + "?" + "&".join(f"a{i}=attack%01" for i in range(200)), {}),
        ("/x", {"method": "POST", "body": b"\xff\x00" * 50000 + b"attack", "fields": ["Content-Type: text/plain"]}),
        ("/x?q=attack", {"fields": [f"X-{i}: " + "\xff" * 250 for i in range(60)]}),
        ("/x?" + "&".join(f"password{i}=1" for i in range(300)), {}),
    ]
    for target, options in hostile:
        ask(proxy, target, **options)
    records = log.wait(len(hostile))
    with open(log.path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    assert len(lines) == len(hostile) and max(map(len, lines)) <= 16 << 10
    assert records[0]["waf"]["more"] + len(records[0]["waf"]["rules"]) >= 200 and records[0]["waf"]["rules"]
    assert records[1]["request"]["body_is_cut"] and records[2]["request"]["head_is_cut"]
    assert proxy.status()["log"]["audit"] == {"offered": len(hostile), "dropped": 0}


def test_records_are_in_the_new_file_after_rotation(make):
    proxy, log = make()
    ask(proxy, "/?q=attack", 403)
    log.wait(1)
    os.rename(log.path, f"{log.path}.1")
    proxy.send_signal(signal.SIGUSR1)
    (logger,) = proxy.members("pc-logger")
    eventually(lambda: f"{log.path}.1" not in processes.files(logger).values(), "the logger to have let go of the old file")
    id_ = ask(proxy, "/?q=attack", 403)
    fresh = type(proxy.requests_log)(log.path)
    assert [record["id"] for record in fresh.wait(1)] == [id_]
    with open(f"{log.path}.1") as old:
        assert len(old.readlines()) == 1
    proxy.reload(SITE.replace("log audit json to @directory/audit.json", ""))
    ask(proxy, "/?q=attack", 403)
    assert proxy.status()["log"]["audit"]["offered"] == 2


@pytest.mark.parametrize("line, told", [
    ("log audit json", "a place behind the format"),
    ("log audit combined to /x", "json or off for the audit log"),
    ("log requests json to /x record 32K", "'record' is of the audit log: only its records have a size"),
    ("log audit json to /x record 1K", "16K"),
    ("log audit json to /x record 1M", "64K"),
])
def test_what_cannot_be_is_refused(gate, tmp_path, line, told):
    config = tmp_path / "x.conf"
    config.write_text(f"listen 127.0.0.1:0\n{line}\nsite a.test {{ respond 200 ok }}\n")
    from harness.gate import binary_path
    import subprocess
    found = subprocess.run([binary_path(), "check", str(config)], capture_output=True, text=True, timeout=60)
    assert found.returncode != 0 and told in found.stdout + found.stderr
