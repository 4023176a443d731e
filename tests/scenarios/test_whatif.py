"""`whatif FILE`: what a changed configuration would decide otherwise about the exchanges that are kept. Where it says that something
would change, the gate is reloaded and asked the same again: it does."""

import gzip
import json
import pathlib
import subprocess

import pytest
from harness.client import Client, request
from harness.deadline import SECONDS, eventually
from harness.gate import binary_path
from harness.origin import response

RULES = """
SecRule ARGS|REQUEST_COOKIES|REQUEST_HEADERS:X-Odd "@rx (?i)attack" "id:201,phase:2,pass,log,t:none,t:urlDecodeUni,t:lowercase,\\
    msg:'an attack',severity:'CRITICAL',tag:'attack-sqli',setvar:'tx.anomaly_score=+5'"
SecRule TX:PARANOIA_LEVEL "@ge 2" "id:202,phase:2,pass,log,msg:'odd',tag:'attack-xss',chain"
    SecRule ARGS "@rx odd" "t:none,setvar:'tx.anomaly_score=+5'"
SecResponseBodyAccess On
SecResponseBodyMimeType text/html
SecRule RESPONSE_HEADERS:X-Leak "@rx ." "id:301,phase:3,deny,log,status:403,msg:'a leak',tag:'attack-disclosure'"
SecRule RESPONSE_STATUS "@ge 500" "id:302,phase:3,pass,log,msg:'a fault',tag:'attack-disclosure',setvar:'tx.outbound_anomaly_score=+4'"
SecRule RESPONSE_BODY "@contains ORA-" "id:401,phase:4,pass,log,msg:'a database',tag:'attack-disclosure',setvar:'tx.outbound_anomaly_score=+4'"
SecRule TX:OUTBOUND_ANOMALY_SCORE "@ge %{tx.outbound_anomaly_score_threshold}" "id:499,phase:4,deny,status:403,msg:'score'"
SecRule TX:ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:299,phase:2,deny,status:403,msg:'score'"
"""
SITE = """\
site a.test {
  to @origin
  waf balanced { rules @rules }
  route /off/* { waf off }
  route /shadow/* { waf mode shadow }
  route /closed/* { deny all }
}
"""
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
CLASSES = ("newly_refused", "newly_let_through", "answered_otherwise", "newly_in_shadow", "no_longer_in_shadow")


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)
    return path


def answer(got, connection):
    """/leak, /fault, /cookie and /html, in any order in one path."""
    has = {word: word.encode() in got.head for word in ("leak", "fault", "cookie", "html", "ORA-")}
    fields = [field for word, field in (("leak", "X-Leak: 1"), ("cookie", "Set-Cookie: sid=attack1; Path=/"), ("html", "Content-Type: text/html"))
              if has[word]]
    said = response(b"ORA-1" if has["ORA-"] else b"hello", status="500 Oh" if has["fault"] else "200 OK", fields=fields)
    return said.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if got.method == "HEAD" else said


@pytest.fixture
def g(gate, origin, rules):
    origin.serve(answer)
    return gate(SITE, origin=origin, rules=rules)


def ask(g, target, status=None, **options):
    """The id of the exchange."""
    g.requests_log.skip()
    with g.client() as client:
        client.send(request(target, host="a.test", **options))
        got = client.response(options.get("method", "GET"))
    assert status is None or got.status == status, got.raw
    return g.requests_log.wait(1)[0]["id"]


def changed(g, *pairs, append=""):
    """The running configuration with a change, in a file of its own."""
    text = pathlib.Path(g.config_path).read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = pathlib.Path(g.directory) / "new.conf"
    path.write_text(text + append)
    return path


def whatif(g, file, *options, check=0):
    return json.loads(g.command("whatif", str(file), "--json", *options, check=check).stdout)


def text(g, file, *options, check=0):
    return g.command("whatif", str(file), *options, check=check).stdout


def counts(told):
    return {name: told[name]["count"] for name in CLASSES if told[name]["count"]}


def doubts(told):
    return {doubt["why"]: doubt["count"] for doubt in told["doubts"]}


def samples(told, name):
    return [sample["id"] for sample in told[name]["samples"]]


def put_in_force(g, file):
    pathlib.Path(g.config_path).write_text(file.read_text())
    g.reload()


def test_a_new_deny_is_told_with_its_line_and_the_paths(g):
    ids = [ask(g, "/admin/a?q=1", 200), ask(g, "/admin/a", 200), ask(g, "/admin/b", 200)]
    ask(g, "/else", 200)
    ask(g, "/admin/a?q=attack", 403)
    new = changed(g, ("route /off/", "route /admin/* { deny ip 127.0.0.0/8 }\n  route /off/"))
    told = whatif(g, new, "--samples", "2", check=1)
    # what the rules refused is refused for another reason
    assert counts(told) == {"newly_refused": 3, "answered_otherwise": 1}
    assert (told["exchanges"], told["same"], told["not_judged"], told["not_reproduced"]) == (5, 1, 0, 0)
    [row] = told["newly_refused"]["rules"]
    assert (row["reason"], row["count"]) == ("access.deny", 3) and row["where"].endswith("new.conf:8:20")
    assert [(row["path"], row["count"]) for row in told["newly_refused"]["paths"]] == [("/admin/a", 2), ("/admin/b", 1)]
    assert samples(told, "newly_refused") == ids[:2]
    shown = text(g, new, check=1)
    for piece in ("       3  newly refused\n", "newly refused: 3\n", "access.deny  `deny` covers the client's address  (", "       2  /admin/a  (a.test)\n",
                  f"    {ids[0]}  GET /admin/a?q=1 HTTP/1.1\n        now  to 127.0.0.1", "        new  403 access.deny: "):
        assert piece in shown, (piece, shown)
    assert f"{ids[0]}" in g.command("explain", ids[0], check=0).stdout
    put_in_force(g, new)
    ask(g, "/admin/b", 403)


def test_an_exclusion_newly_lets_through(g):
    id_ = ask(g, "/blog?body=attack", 403)
    ask(g, "/blog?other=attack", 403)
    new = changed(g, ("rules @rules".replace("@rules", str(g.values["rules"])), f"rules {g.values['rules']}; exclude rule 201 arg body on /blog"))
    told = whatif(g, new)
    assert counts(told) == {"newly_let_through": 1} and told["same"] == 1
    [row] = told["newly_let_through"]["rules"]
    assert (row["rule"], row["text"], row["count"]) == (201, "an attack", 1) and row["where"].endswith("own.conf:2")
    assert samples(told, "newly_let_through") == [id_]
    put_in_force(g, new)
    ask(g, "/blog?body=attack", 200)


def test_a_higher_level_newly_refuses(g):
    id_ = ask(g, "/x?q=odd", 200)
    ask(g, "/off/x?q=odd", 200)
    new = changed(g, ("waf balanced", "waf strict"))
    told = whatif(g, new, check=1)
    assert counts(told) == {"newly_refused": 1} and samples(told, "newly_refused") == [id_]
    assert [(row["rule"], row["text"]) for row in told["newly_refused"]["rules"]] == [(202, "odd")]
    assert "cross-site scripting: rule 202, score 5, refused from 5" in told["newly_refused"]["samples"][0]["after"]
    put_in_force(g, new)
    ask(g, "/x?q=odd", 403)


def test_the_way_out_of_shadow_and_into_it(g):
    ids = [ask(g, "/shadow/?q=attack", 200), ask(g, "/x?q=attack", 403)]
    out = whatif(g, changed(g, ("mode shadow", "mode enforce")), check=1)
    assert counts(out) == {"newly_refused": 1} and samples(out, "newly_refused") == ids[:1]
    into = whatif(g, changed(g, ("waf balanced {", "waf balanced mode shadow {")))
    assert counts(into) == {"newly_let_through": 1} and samples(into, "newly_let_through") == ids[1:]
    stricter = changed(g, ("waf mode shadow", "waf strict mode shadow"))
    ask(g, "/shadow/?q=odd", 200)
    assert counts(whatif(g, stricter)) == {"newly_in_shadow": 1}
    laxer = changed(g, ("waf mode shadow", "waf low mode shadow"))
    assert counts(whatif(g, laxer)) == {"no_longer_in_shadow": 1}


def test_another_answer_and_another_place_are_told(g):
    ids = [ask(g, "/old", 200), ask(g, "/far", 200)]
    told = whatif(g, changed(g, ("route /off/", "route = /old { redirect /new }\n  route = /far { to 127.0.0.1:9 }\n  route /off/")))
    assert counts(told) == {"answered_otherwise": 2} and samples(told, "answered_otherwise") == ids
    [first, second] = told["answered_otherwise"]["samples"]
    assert first["after"] == "redirect 302 /new"
    assert second["after"] == "to 127.0.0.1:9"


def test_bodies_are_judged_as_far_as_they_are_kept(g):
    put_back = ask(g, "/form", 403, method="POST", body=b"a=attack", fields=[FORM])
    plain = ask(g, "/form", 200, method="POST", body=b"a=odd", fields=[FORM])
    deep = ask(g, "/form", 200, method="POST", body=b'{"a":{"b":["odd"]}}', fields=[JSON])
    ask(g, "/form", 200, method="POST", body=b"a=" + b"y" * 30000 + b"&b=odd", fields=[FORM])  # kept in part
    ask(g, "/form", 200, method="POST", body=gzip.compress(b"a=odd"), fields=[FORM, "Content-Encoding: gzip"])  # not kept
    ask(g, "/off/form", 200, method="POST", body=b"a=odd", fields=[FORM])  # nobody has looked
    told = whatif(g, changed(g, ("waf balanced", "waf strict")), check=1)
    assert samples(told, "newly_refused") == [plain, deep]
    assert told["same"] == 2 and doubts(told) == {"body-cut": 1, "body-missing": 1}
    told = whatif(g, changed(g, ("route /off/* { waf off }", "")))
    assert counts(told) == {} and doubts(told) == {"body-cut": 1, "body-missing": 2}
    # what is refused before anybody looks at the body needs none: what was decided is known
    told = whatif(g, changed(g, ("route /off/", "route = /form { deny all }\n  route /off/")), "--samples", "9", check=1)
    assert (told["newly_refused"]["count"], told["answered_otherwise"]["count"], doubts(told)) == (4, 1, {})
    assert samples(told, "answered_otherwise") == [put_back]


def test_nothing_is_claimed_of_masked_values(g):
    ask(g, "/?token=odd", 200)
    ask(g, "/?password=attack", 403)  # refused for what is masked
    ask(g, "/?q=odd", 200, fields=["Cookie: sid=1"])
    told = whatif(g, changed(g, ("waf balanced", "waf strict")), check=1)
    assert counts(told) == {"newly_refused": 1} and doubts(told) == {"masked": 1}
    assert (told["same"], told["with_masked_values"], told["not_reproduced"]) == (1, 2, 1)
    assert told["newly_refused"]["samples"][0]["has_masked_values"]
    shown = text(g, changed(g, ("waf balanced", "waf strict")), check=1)
    assert "What rules would say of some responses is not known" in shown
    assert "2 of those judged have masked values" in shown and "        some values are masked\n" in shown
    # where rules look at what stands for the value, nothing is said
    g.values["rules"].write_text(RULES)
    other = pathlib.Path(g.directory) / "other.conf"
    other.write_text(RULES + 'SecRule REQUEST_COOKIES "!@rx ^[0-9]+$" "id:203,phase:2,deny,log,msg:\'no number\'"\n')
    told = whatif(g, changed(g, (str(g.values["rules"]), str(other))))
    assert counts(told) == {} and doubts(told) == {"masked": 1, "masked-finding": 1}
    # where the rules stay as they are it does not matter what they look at
    told = whatif(g, changed(g, ("route /off/", "route /x/* { deny all }\n  route /off/")))
    assert counts(told) == {} and told["with_masked_values"] == 0 and not told["responses_not_judged"]


MASKED = [
    (FORM, b"password=geheim&q=odd"),
    (JSON, b'{"password":"geheim","q":"odd"}'),
    (JSON, b'{"pin": 1234, "token" : null , "key":true,"q":"odd"}'),
    ("Content-Type: multipart/form-data; boundary=Xy77777777",
     b'--Xy77777777\r\nContent-Disposition: form-data; name="password"\r\n\r\ngeheim\r\n'
     b'--Xy77777777\r\nContent-Disposition: form-data; name="q"\r\n\r\nodd\r\n--Xy77777777--\r\n'),
]


def test_bodies_with_masked_values_can_still_be_read(g):
    ids = [ask(g, "/b", 200, method="POST", body=body, fields=[kind]) for kind, body in MASKED]
    told = whatif(g, changed(g, ("waf balanced", "waf strict")), "--samples", "9", check=1)
    assert samples(told, "newly_refused") == ids and told["not_judged"] == 0


def with_rules(g, old, new):
    """A configuration whose rules differ."""
    assert old in RULES
    other = pathlib.Path(g.directory) / "other.conf"
    other.write_text(RULES.replace(old, new))
    return changed(g, (str(g.values["rules"]), str(other)))


def test_the_head_of_a_response_is_judged(g):
    ids = [ask(g, "/leak", 403), ask(g, "/fault", 403), ask(g, "/fine", 200)]
    told = whatif(g, changed(g, ("route /off/", "route /x/* { deny all }\n  route /off/")))
    assert (counts(told), told["same"], told["not_judged"]) == ({}, 3, 0)
    told = whatif(g, changed(g, ("waf balanced", "waf strict")))
    assert (counts(told), told["same"], told["not_judged"], told["responses_not_judged"]) == ({}, 3, 0, False)
    # a rule of phase 3 alone, and one that phase 4 acts upon
    out = changed(g, ("waf balanced {", "waf balanced { exclude rule 301; exclude rule 302;"))
    told = whatif(g, out)
    assert counts(told) == {"newly_let_through": 2} and samples(told, "newly_let_through") == ids[:2]
    assert [(row["rule"], row["text"]) for row in told["newly_let_through"]["rules"]] == [(301, "a leak"), (302, "a fault")]
    [first, second] = told["newly_let_through"]["samples"]
    assert first["before"] == "403 waf.leak: a leak of data in the response: rule 301" and first["after"].startswith("to 127.0.0.1")
    assert "rule 302, score 4, refused from 4" in second["before"]
    put_in_force(g, out)
    ask(g, "/leak", 200)
    ask(g, "/fault", 500)


def test_a_rule_for_responses_newly_refuses(g):
    ids = [ask(g, "/cookie", 200), ask(g, "/x", 200), ask(g, "/shadow/cookie", 200), ask(g, "/cookie?q=attack", 403)]
    new = with_rules(g, 'SecRule RESPONSE_STATUS "@ge 500"', 'SecRule RESPONSE_STATUS "@eq 200"')
    told = whatif(g, new, check=1)
    assert counts(told) == {"newly_refused": 2, "newly_in_shadow": 1} and told["same"] == 1
    assert samples(told, "newly_refused") == ids[:2] and told["newly_refused"]["samples"][0]["has_masked_values"]
    assert [row["rule"] for row in told["newly_refused"]["rules"]] == [302]
    shadowed = told["newly_in_shadow"]["samples"][0]["after"]
    assert shadowed.startswith("to 127.0.0.1") and ", in shadow would refuse: " in shadowed and "rule 302" in shadowed
    put_in_force(g, new)
    ask(g, "/x", 403)
    ask(g, "/off/x", 200)


def test_a_rule_for_responses_redirects(g):
    id_ = ask(g, "/leak", 403)
    told = whatif(g, with_rules(g, "phase:3,deny,log,status:403", "phase:3,redirect:https://a.test/sorry,log"))
    assert samples(told, "answered_otherwise") == [id_]
    assert told["answered_otherwise"]["samples"][0]["after"] == "302 redirect"


def test_nothing_is_claimed_of_masked_values_of_a_response(g):
    ask(g, "/cookie", 200)
    told = whatif(g, with_rules(g, "RESPONSE_HEADERS:X-Leak", "RESPONSE_HEADERS:Set-Cookie"))
    assert (counts(told), doubts(told)) == ({}, {"masked-finding": 1})


def test_what_rules_say_of_the_body_of_a_response_is_not_guessed(g):
    ids = [ask(g, "/html/fault", 403), ask(g, "/html/ORA-", 403), ask(g, "/html/fine", 200), ask(g, "/html/leak", 403)]
    told = whatif(g, changed(g, ("route /off/", "route /x/* { deny all }\n  route /off/")))
    assert (counts(told), told["same"], told["not_judged"], told["responses_not_judged"]) == ({}, 4, 0, False)
    told = whatif(g, changed(g, ("waf balanced", "waf strict")))
    assert (counts(told), doubts(told), told["same"], told["responses_not_judged"]) == ({}, {"response": 2}, 2, True)
    assert "rules found something in the response" in text(g, changed(g, ("waf balanced", "waf strict")))
    # where bodies are not looked at, or nothing is, it is all there: what was decided then is in the record
    blind = changed(g, ("waf balanced {", "waf balanced { response off;"))
    told = whatif(g, blind)
    assert (counts(told), doubts(told)) == ({"newly_let_through": 1}, {}) and samples(told, "newly_let_through") == ids[1:2]
    assert [row["reason"] for row in told["newly_let_through"]["rules"]] == ["waf.leak"]
    assert told["newly_let_through"]["samples"][0]["before"] == "403 waf.leak"
    off = changed(g, ("route /off/", "route /html/* { waf off }\n  route /off/"))
    assert samples(whatif(g, off), "newly_let_through") == [ids[0], ids[1], ids[3]]
    told = whatif(g, changed(g, ("route /off/", "route /html/* { deny all }\n  route /off/")), check=1)
    assert counts(told) == {"newly_refused": 1, "answered_otherwise": 3}, "three were refused before, for another reason"
    put_in_force(g, changed(g, ("waf balanced {", "waf balanced { response off;")))
    ask(g, "/html/ORA-", 200)
    ask(g, "/html/fault", 403)


def test_a_response_without_a_body_is_judged_whole(g):
    id_ = ask(g, "/html/fault", 403, method="HEAD")
    told = whatif(g, changed(g, ("waf balanced {", "waf balanced { exclude rule 302;")))
    assert (counts(told), doubts(told)) == ({"newly_let_through": 1}, {}) and samples(told, "newly_let_through") == [id_]


def test_a_response_that_was_not_kept_is_no_verdict(g):
    ask(g, "/off/leak", 200)
    told = whatif(g, changed(g, ("route /off/* { waf off }", "")))
    assert (counts(told), told["same"], told["responses_not_judged"]) == ({}, 1, True)


def test_a_certificate_that_is_newly_wanted_is_not_taken_for_shown(gate, origin, rules, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "key.pem",
                    "-out", tmp_path / "cert.pem", "-days", "30", "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test"], check=True,
                   capture_output=True)
    origin.serve(answer)
    config = "site a.test { tls @cert @key; to @origin; route /in/* { deny all } }\n"
    g = gate(config, origin=origin, cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    ask(g, "/x", 200)
    told = whatif(g, changed(g, ("deny all }", "deny all }; auth mtls " + str(tmp_path / "cert.pem"))))
    assert doubts(told) == {"certificate": 1} and counts(told) == {}


def test_streams_of_http2_are_judged_alike(gate, origin, rules):
    origin.serve(answer)
    g = gate("listen 127.0.0.1:0 h2c\n" + SITE, origin=origin, rules=rules)
    address = g.addresses()[1]

    def curl(target, status, *arguments):
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--max-time", str(SECONDS), "-o", "/dev/null", "-w", "%{http_code}", "-H",
                               "Host: a.test", *arguments, f"http://{address}{target}"], capture_output=True, text=True, check=True)
        assert done.stdout == str(status)

    curl("/x?q=odd", 200)
    curl("/x?q=attack", 403)
    curl("/form", 200, "--data", "a=odd")
    curl("/form", 200, "--data", "a=fine")
    curl("/off/form", 200, "--data", "a=odd")
    assert len(g.requests_log.wait(5)) == 5
    told = whatif(g, changed(g, ("waf balanced", "waf strict")), check=1)
    assert (counts(told), told["same"], told["not_judged"]) == ({"newly_refused": 2}, 3, 0)
    told = whatif(g, changed(g, ("route /off/* { waf off }", "")))
    assert doubts(told) == {"body-missing": 1}
    assert told["same"] == 4


EVERYTHING = [
    ("/x", {}), ("/x?q=attack", {}), ("/x?q=%2561ttack", {}), ("/off/?q=attack", {}), ("/shadow/?q=attack", {}), ("/closed/", {}), ("/%2fx", {}),
    ("/x?token=attack", {}), ("/x?password=1", {"fields": ["Cookie: a=attack"]}), ("/leak", {}), ("/x", {"method": "PURGE"}),
    ("/form", {"method": "POST", "body": b"a=attack", "fields": [FORM]}), ("/form", {"method": "POST", "body": b"{broken", "fields": [JSON]}),
    ("/form", {"method": "POST", "body": b"a=" + b"y" * 30000, "fields": [FORM]}),
    ("/form", {"method": "POST", "body": gzip.compress(b"a=attack"), "fields": [FORM, "Content-Encoding: gzip"]}),
    ("/x", {"fields": ["X-Odd: attack", "Referer: http://u:p@h/?sid=1"]}), ("/x", {"fields": ["Authorization: Basic eDp5"]}),
    ("/fault", {}), ("/html/fault", {}), ("/html/ORA-", {}), ("/html/leak", {}), ("/html", {}), ("/shadow/fault", {}), ("/cookie/fault", {}),
    ("/html/fault", {"method": "HEAD"}),
]


def test_the_running_configuration_makes_no_difference_to_itself(g):
    for target, options in EVERYTHING:
        ask(g, target, **options)
    with g.client() as client:
        client.send(b"GET /x\x01y HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert client.response().status == 400
    g.requests_log.wait(2)
    told = whatif(g, g.config_path)
    assert (counts(told), told["exchanges"]) == ({}, len(EVERYTHING) + 1)
    assert (told["with_masked_values"], told["of_another_configuration"]) == (0, 0)
    assert doubts(told) == {"body-cut": 1, "body-missing": 1, "masked": 2}, told
    assert "No difference in what could be judged." in text(g, g.config_path)
    assert counts(whatif(g, changed(g))) == {}


CHANGES = [
    ("waf balanced", "waf strict"), ("waf balanced", "waf low"), ("waf balanced", "waf balanced mode shadow"), ("mode shadow", "mode enforce"),
    ("route /off/* { waf off }", ""), ("waf balanced {", "deny method PURGE; waf balanced {"), ("route /closed/* { deny all }", "limits { body 100B }"),
    ("route /off/", "route /x { when header x-odd attack; respond 204 }\n  route /off/"),
    ("route /off/", "route = /x { when cookie a attack; deny all }\n  route /off/"), ("waf balanced {", "waf balanced { inspect off; threshold 20;"),
    ("waf balanced {", "waf balanced { exclude rule 301;"), ("waf balanced {", "waf balanced { exclude rule 302;"),
    ("waf balanced {", "waf balanced { response off;"), ("waf balanced {", "waf balanced { threshold 5 response 9;"),
    ("route /off/", "route /html/* { waf off }\n  route /off/"),
]


def kept(g):
    with Client(f"unix:{g.state}/admin.sock") as client:
        client.send(b"GET /exchanges HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return [json.loads(line) for line in client.response().body.splitlines()]


def ask_everything(g):
    """The ids, and whether each was refused."""
    before = {record["id"] for record in kept(g)}
    for number, (target, options) in enumerate(EVERYTHING):
        options = {**options, "fields": [*options.get("fields", ()), f"X-Number: {number}."]}
        with g.client() as client:
            client.send(request(target, host="a.test", **options))
            client.response(options.get("method", "GET"))
    eventually(lambda: len(kept(g)) == len(before) + len(EVERYTHING), "all to be kept")
    new = [record for record in kept(g) if record["id"] not in before]
    found = [next(record for record in new if f"X-Number: {number}." in record["request"]["head"]) for number in range(len(EVERYTHING))]
    return [record["id"] for record in found], ["reason" in record for record in found]


def test_what_is_told_is_what_comes(g):
    base = pathlib.Path(g.config_path).read_text()
    ids, before = ask_everything(g)
    judged = differs = 0
    for old, new in CHANGES:
        told = whatif(g, changed(g, (old.replace("/x {", "= /x {"), new.replace("route /x {", "route = /x {"))), "--samples", "1000",
                      check=None)
        pathlib.Path(g.config_path).write_text((pathlib.Path(g.directory) / "new.conf").read_text())
        g.reload()
        _, after = ask_everything(g)
        unknown = {sample["id"] for doubt in told["doubts"] for sample in doubt["samples"]}
        for id_, was, is_, asked in zip(ids, before, after, EVERYTHING):
            if id_ in unknown:
                continue
            said = "refused" if id_ in samples(told, "newly_refused") else "passed" if id_ in samples(told, "newly_let_through") else "same"
            came = "same" if was == is_ else "refused" if is_ else "passed"
            assert said == came, (new, asked, told)
            judged += 1
            differs += said != "same"
        pathlib.Path(g.config_path).write_text(base)
        g.reload()
    assert judged > 8 * len(CHANGES) and differs > 15, (judged, differs)


# --- Which exchanges, and compared with what -------------------------------------------------------


def test_an_empty_record_says_so(g):
    told = whatif(g, changed(g))
    assert (told["exchanges"], counts(told)) == (0, {})
    assert "Nothing is kept, so nothing can be said." in text(g, changed(g))


def test_since_when(g):
    ask(g, "/x", 200)
    assert whatif(g, changed(g), "--since", "1h")["exchanges"] == 1
    assert whatif(g, changed(g), "--since", "0s")["exchanges"] == 0


def test_all_workers_are_asked(gate, origin, rules):
    origin.serve(answer)
    g = gate("workers 3\n" + SITE, origin=origin, rules=rules)
    for i in range(60):
        with g.client() as client:
            assert client.get(f"/{i}", host="a.test").status == 200
    eventually(lambda: len(kept(g)) == 60, "all to be kept")
    assert len({record["worker"] for record in kept(g)}) > 1, "else it is no test"
    assert whatif(g, changed(g))["exchanges"] == 60


def test_a_broken_file_is_told_as_check_tells_it(g):
    ask(g, "/x", 200)
    new = changed(g, ("waf balanced", "waf balancde"))
    checked = subprocess.run([binary_path(), "check", new], capture_output=True, text=True, timeout=SECONDS, env=g.command_environment())
    told = g.command("whatif", str(new))
    assert (told.returncode, told.stdout) == (2, "") and told.stderr == checked.stderr and "balancde" in told.stderr
    g.values["rules"].with_name("bad.conf").write_text("SecRule NONSENSE\n")
    new = changed(g, ("own.conf", "bad.conf"))
    assert "bad.conf:1:1" in g.command("whatif", str(new), check=2).stderr


def test_a_running_configuration_that_has_changed_meanwhile_is_no_measure(g):
    ask(g, "/x", 200)
    path = pathlib.Path(g.config_path)
    old = pathlib.Path(g.directory) / "old.conf"
    old.write_text(path.read_text())
    path.write_text(path.read_text().replace("route /closed/", "route /x { deny all }\n  route /closed/").replace("/x {", "= /x {"))
    done = g.command("whatif", g.config_path, check=2)
    assert "is not what the running program has loaded" in done.stderr and done.stdout == ""
    assert counts(whatif(g, g.config_path, "-c", str(old), check=1)) == {"newly_refused": 1}
    g.reload()
    ask(g, "/x", 403)
    told = whatif(g, g.config_path)
    assert (counts(told), told["of_another_configuration"], told["not_judged"]) == ({}, 1, 0)
    assert "were decided by another configuration" in text(g, g.config_path)
    # a rule that has changed on the disk counts as well
    g.values["rules"].write_text(RULES + "# changed\n")
    assert "is not what the running program has loaded" in g.command("whatif", str(old), check=2).stderr


def test_what_is_no_configuration_of_a_file(gate, origin, rules, tmp_path):
    done = subprocess.run([binary_path(), "whatif", "none.conf", "--state", tmp_path], capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path)
    assert done.returncode == 2 and "none.conf" in done.stderr
    conf = tmp_path / "a.conf"
    conf.write_text("listen 127.0.0.1:0\nsite a.test { respond 200 x }\n")
    done = subprocess.run([binary_path(), "whatif", conf, "--state", tmp_path], capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (3, "") and "nothing is running here" in done.stderr
    for arguments, words in [((), "whatif takes one file"), ((conf, conf), "whatif takes one file"), ((conf, "--since", "soon"), "--since wants"),
                             ((conf, "--samples", "x"), "--samples is a number"), ((conf, "--since", "1h", "--from", "x"), "are alternatives")]:
        done = subprocess.run([binary_path(), "whatif", *arguments, "--state", tmp_path], capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 2 and words in done.stderr, done


def test_exchanges_from_a_file(g, tmp_path):
    ids = [ask(g, "/x?q=odd", 200), ask(g, "/y?q=odd", 200)]
    with Client(f"unix:{g.state}/admin.sock") as client:
        client.send(b"GET /exchanges HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        lines = client.response().body
    one = g.command("explain", ids[0], "--json", check=0).stdout
    new = changed(g, ("waf balanced", "waf strict"))
    kept = tmp_path / "kept"
    for content, exchanges, refused, unread in [(lines, 2, 2, 0), (one.encode(), 1, 1, 0), (one.encode() + b"nonsense\n" + lines, 4, 3, 1),
                                                (b'{"id":"x","client":"1","request":{}}\n', 1, 0, 1)]:
        kept.write_bytes(content)
        done = subprocess.run([binary_path(), "whatif", new, "-c", g.config_path, "--from", kept, "--json", "--state", tmp_path],
                              capture_output=True, text=True, timeout=SECONDS)
        told = json.loads(done.stdout)
        assert (told["exchanges"], told["newly_refused"]["count"]) == (exchanges, refused) and done.returncode == (1 if refused else 0)
        assert doubts(told) == ({"unreadable": unread} if unread else {})


def test_requests_from_a_folder(g, tmp_path):
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "1-get").write_bytes(request("/x?q=odd", host="a.test"))
    (folder / "2-post").write_bytes(request("/x", host="a.test", method="POST", body=b"a=odd", fields=[FORM]))
    (folder / "3-chunks").write_bytes(request("/x", host="a.test", method="POST", fields=[FORM, "Transfer-Encoding: chunked"])
                                      + b"4\r\na=od\r\n1\r\nd\r\n0\r\n\r\n")
    (folder / "4-fine").write_bytes(request("/x", host="a.test"))
    (folder / "5-other").write_bytes(b"GET / HTTP/1.1\r\n\r\n")
    told = whatif(g, changed(g, ("waf balanced", "waf strict")), "--requests", str(folder), check=1)
    assert (counts(told), told["same"], told["exchanges"]) == ({"newly_refused": 3}, 2, 5)
    assert [name.rpartition("/")[2] for name in samples(told, "newly_refused")] == ["1-get", "2-post", "3-chunks"]
    done = g.command("whatif", str(changed(g)), "--requests", str(tmp_path / "none"), check=2)
    assert "--requests wants a folder with files in it" in done.stderr


def test_a_listener_that_is_gone_is_no_verdict(g):
    ask(g, "/x", 200)
    told = whatif(g, changed(g, ("listen 127.0.0.1:0", "listen 127.0.0.2:0")))
    assert doubts(told) == {"listener": 1} and counts(told) == {}
