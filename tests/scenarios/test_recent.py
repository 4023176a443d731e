"""Recent exchanges: what is kept of them, what is masked, `explain ID` and `exclude ID`."""

import json
import pathlib
import re
import socket
import subprocess

import pytest
from harness import memory, processes
from harness.client import Client, request
from harness.deadline import SECONDS, eventually
from harness.gate import binary_path
from harness.origin import response

RULES = """
SecRule ARGS|REQUEST_COOKIES|REQUEST_HEADERS:X-Odd "@rx (?i)attack" "id:201,phase:2,pass,log,t:none,t:urlDecodeUni,t:lowercase,\\
    msg:'an attack',severity:'CRITICAL',tag:'attack-sqli',setvar:'tx.anomaly_score=+5'"
SecRule ARGS "@rx chained" "id:202,phase:2,pass,log,chain,msg:'a chain'"
    SecRule MATCHED_VAR "@rx ." "t:none"
SecRule REQUEST_URI|QUERY_STRING|REQUEST_BODY "@rx watch|password|token" "id:203,phase:2,pass,log,msg:'seen'"
SecRule TX:ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:299,phase:2,deny,status:403,msg:'score'"
"""
SITE = """\
site a.test {
  to @origin
  waf balanced { rules @rules }
  route /own/* {
    waf balanced  # as strict as elsewhere
  }
  route /shadow/* { waf mode shadow }
}
"""
SECRET = "Geheimnis7Xyz"


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)
    return path


@pytest.fixture
def g(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"hello"))
    return gate(SITE, origin=origin, rules=rules)


def ask(g, target, status=None, **options):
    """The id of the exchange."""
    g.requests_log.skip()
    with g.client() as client:
        client.send(request(target, host="a.test", **options))
        answer = client.response()
    assert status is None or answer.status == status, answer.raw
    return g.requests_log.wait(1)[0]["id"]


def admin(g, path):
    with Client(f"unix:{g.state}/admin.sock") as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return client.response()


def exchange(g, id_):
    answer = admin(g, f"/exchanges/{id_}")
    assert answer.status == 200, answer.raw
    return json.loads(answer.body)


def test_an_exchange_is_told_whole(g):
    got = exchange(g, ask(g, "/x?q=%2561TTack&r=1", 403, fields=["X-Plain: caf\xe9"]))
    assert got["request"]["head"].startswith("GET /x?q=%2561TTack&r=1 HTTP/1.1\r\n")
    assert "X-Plain: caf\xe9\r\n" in got["request"]["head"]
    assert (got["status"], got["reason"], got["site"]) == (403, "waf.sqli", "a.test")
    assert got["where"].startswith("portcullis.conf:") or "/portcullis.conf:" in got["where"]
    assert got["times_us"]["end"] >= got["times_us"]["received"] >= 0
    rule = got["waf"]["rules"][0]
    assert (rule["id"], rule["score"], got["waf"]["threshold"]) == (201, 5, 5)
    assert rule["file"].endswith("own.conf") and rule["line"] == 2
    finding = rule["findings"][0]
    assert finding["target"] == "ARGS:q"
    assert (finding["raw"], finding["value"], finding["matched"]) == ("%61TTack", "attack", "attack")
    assert finding["transforms"] == ["urlDecodeUni", "lowercase"]


LEAKING = """
SecRule RESPONSE_HEADERS:X-Leak "@rx ." "id:301,phase:3,deny,status:502,log,msg:'a leak',tag:'attack-disclosure'"
"""


def test_the_head_of_the_response_is_kept_as_rules_have_seen_it(gate, origin, rules):
    rules.write_text(RULES + LEAKING)
    said = ["Server: inner/1.2", f"Set-Cookie: sid={SECRET}; Path=/", "X-Odd: caf\xe9", f"Location: /next?token={SECRET}&a=1", "Connection: X-Hop", "X-Hop: 1"]

    def answer(got, connection):
        return response(b"hello", status="404 Gone Away", fields=said + (["X-Leak: 1"] if got.target == "/leak" else []))

    origin.serve(answer)
    g = gate("defaults { headers { set X-Ours 1; remove X-Odd } }\n" + SITE + "site off.test { to @origin; waf off }\n", origin=origin, rules=rules)
    for path, status, more in (("/x", 404, ""), ("/leak", 502, "X-Leak: 1\r\n")):
        id_ = ask(g, path, status)
        kept = exchange(g, id_)["origin_response"]
        masked = "\r\n".join(said).replace(SECRET, "x" * len(SECRET))
        assert kept == {"head": f"HTTP/1.1 404 Not Found\r\n{masked}\r\n{more}Content-Length: 5\r\n\r\n", "masked": ["cookie sid", "arg token"]}
        shown = g.command("explain", id_, check=0).stdout
        assert "  response     HTTP/1.1 404 Not Found\n" in shown and "  masked       cookie sid, arg token\n" in shown
    with g.client() as client:
        assert client.get("/x", host="off.test").status == 404
    off = g.requests_log.wait_for(lambda r: r.get("site") == "off.test")["id"]
    assert "origin_response" not in exchange(g, off)
    assert "origin_response" not in exchange(g, ask(g, "/x?q=attack", 403))


def test_a_page_of_ours_has_room_behind_the_fields_of_the_origin(gate, origin, rules):
    rules.write_text(RULES + LEAKING)
    many = [f"X-{i}: {'y' * 200}" for i in range(98)]
    origin.serve(lambda got, connection: response(b"hello", fields=["X-Leak: 1", *many]))
    g = gate("limits { fields 100 }\ndefaults { headers { set X-Ours 1; remove X-1 } }\n" + SITE, origin=origin, rules=rules)
    with g.client() as client:
        answer = client.get("/", host="a.test")
    assert answer.status == 502 and answer.get("X-Ours") == "1" and answer.get("Cache-Control") == "no-store"
    assert not {"X-Leak", "X-0"} & set(answer.names)
    kept = exchange(g, g.requests_log.wait(1)[0]["id"])["origin_response"]
    assert kept["head_is_cut"] and kept["head"].startswith("HTTP/1.1 200 OK\r\nX-Leak: 1\r\nX-0: yyy")


def test_a_body_is_kept_as_far_as_rules_have_held_it(g):
    body = b"a=1&text=" + b"y" * 30000
    got = exchange(g, ask(g, "/form", 200, method="POST", body=body, fields=["Content-Type: application/x-www-form-urlencoded"]))
    kept = got["request"]
    assert kept["body"].startswith("a=1&text=yyy") and 8000 < len(kept["body"]) < 13000
    assert (kept["body_bytes"], kept["body_is_cut"]) == (len(body), True)


BODIES = [
    ("application/x-www-form-urlencoded", f"user=me&password={SECRET}&x=1", "x=1"),
    ("application/x-www-form-urlencoded", f"user=me&pass%77ord={SECRET}", "user=me"),
    ("application/json", f'{{"user":"me","password":"{SECRET}\\"{SECRET}","x":1}}', '"x":1'),
    ("application/json", f'{{"token": {{"a": "{SECRET}"}}}}', '"token"'),
    ("application/json", f'{{"pass\\u0077ord":"{SECRET}"}}', "pass"),
    ("text/plain", f"my password is {SECRET}", "my password"),
    ("application/xml", f"<a><password>{SECRET}</password></a>", "<password"),
    ("multipart/form-data; boundary=Xy77777777",
     f'--Xy77777777\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n'
     '--Xy77777777\r\nContent-Disposition: form-data; name="b"\r\n\r\nvisible\r\n--Xy77777777--\r\n', "visible"),
]


def segment_bytes(g):
    """The memory of all kept exchanges, as it is."""
    (path,) = [path for path, target in processes.files(g.process.pid).items() if "portcullis-recent" in target]
    return path


def holds(path, needle):
    return any(needle in part for part in memory.data_of(path))


def test_secrets_are_never_in_the_memory(g):
    ids = [
        ask(g, f"/?token={SECRET}&q=attack", fields=[f"Authorization: Bearer {SECRET}", f"Cookie: sid={SECRET}; b={SECRET}",
                                                     f"X-Api-Key: {SECRET}", f"Referer: http://u:{SECRET}@h/?sid={SECRET}"]),
        ask(g, "/?q=1", fields=[f"Cookie: sid={SECRET}attack"]),
        ask(g, f"/?password={SECRET}attack"),
        ask(g, f"/chain?password={SECRET}chained"),
        ask(g, f"/watch?token={SECRET}&a=b"),
        ask(g, f"/;password={SECRET}?access_token={SECRET}"),
    ]
    for kind, body, _ in BODIES:
        ids.append(ask(g, "/b", method="POST", body=body.encode(), fields=[f"Content-Type: {kind}"]))
    told = [exchange(g, id_) for id_ in ids]
    for (kind, _, visible), got in zip(BODIES, told[-len(BODIES):]):
        assert visible in got["request"]["body"], kind
        assert got["request"]["masked"], kind
    assert "header Authorization" in told[0]["request"]["masked"] and "cookie sid" in told[0]["request"]["masked"]
    segment = segment_bytes(g)
    assert holds(segment, b"/b HTTP/1.1"), "it is the right memory"
    assert not holds(segment, SECRET.encode())


def test_what_is_kept_outlives_a_reload_and_a_worker(g):
    first = ask(g, "/first", 200)
    g.reload()
    second = ask(g, "/second", 200)
    worker = g.workers()[0]
    g.expected_reports = True
    g.kill(worker)
    eventually(lambda: any(pid != worker for pid in g.workers()), "another worker")
    third = ask(g, "/third", 200)
    assert [exchange(g, id_)["request"]["head"].split()[1] for id_ in (first, second, third)] == ["/first", "/second", "/third"]
    lines = [json.loads(line) for line in admin(g, "/exchanges").body.splitlines()]
    assert {first, second, third} <= {line["id"] for line in lines}
    late = admin(g, f"/exchanges?since_ms={exchange(g, third)['time_ms']}").body.splitlines()
    assert [json.loads(line)["id"] for line in late] == [third]


def test_the_oldest_give_way_and_an_id_that_is_gone_says_since_when(g):
    first = ask(g, "/first", 200)
    with g.client() as client:
        for _ in range(400):
            client.send(request("/?fill=" + "f" * 6000, host="a.test"))
            assert client.response().status == 200
    last = ask(g, "/last", 200)
    assert exchange(g, last)["status"] == 200
    answer = admin(g, f"/exchanges/{first}")
    assert answer.status == 404 and b"the oldest that is is of 20" in answer.body


def test_what_is_kept_is_chosen(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"hello"))
    g = gate("recent refused\n" + SITE, origin=origin, rules=rules)
    fine, bad, shadow = ask(g, "/fine", 200), ask(g, "/?q=attack", 403), ask(g, "/shadow/?q=attack", 200)
    assert [admin(g, f"/exchanges/{id_}").status for id_ in (fine, bad, shadow)] == [404, 200, 200]
    g.reload("recent off\n" + SITE)
    assert admin(g, f"/exchanges/{ask(g, '/?q=attack', 403)}").status == 404


def test_nobody_is_told_over_tcp(gate, origin, rules):
    g = gate("admin on 127.0.0.1:0\n" + SITE, origin=origin, rules=rules)
    id_ = ask(g, "/?q=attack", 403)
    address = next(a for a in g.addresses() if a != g.address)
    with Client(address) as client:
        client.send(f"GET /exchanges/{id_} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert client.response().status in (403, 404)


def test_malformed_requests_are_kept_too(g):
    g.requests_log.skip()
    with g.client() as client:
        client.send(b"GET /x\x01y HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert client.response().status == 400
    got = exchange(g, g.requests_log.wait(1)[0]["id"])
    assert got["status"] == 400 and got["request"]["head"].startswith("GET /x\x01y")


# --- explain ----------------------------------------------------------------------------------------


def test_explain_tells_the_story_of_one(g):
    id_ = ask(g, "/blog/save?body=%2561ttack", 403)
    told = g.command("explain", id_, check=0).stdout
    for piece in (id_, "request      GET /blog/save?body=%2561ttack HTTP/1.1", "site         a.test", "refused, enforce: score 5, threshold 5",
                  "rule 201     +5  an attack", "own.conf:2", "in  ARGS:body", "came  %61ttack", "decoded by  urlDecodeUni, lowercase", "to  attack",
                  "= 403 waf.sqli:", "exclude rule 201 arg body on /blog/save\n", "exclude rule 201 on /blog/save\n", "exclude rule 201\n",
                  f"portcullis exclude {id_}"):
        assert piece in told, (piece, told)
    assert json.loads(g.command("explain", id_, "--json", check=0).stdout)["id"] == id_


TYPES = """
SecRule REQUEST_HEADERS:Content-Type "@rx ^[^;\\s]+" "id:920420,phase:1,pass,log,msg:'type',t:none,t:lowercase,\\
    setvar:'tx.type=|%{matched_var}|',chain"
    SecRule TX:type "!@within %{tx.allowed_request_content_type}" "t:none,setvar:tx.anomaly_score=+5"
"""


def test_explain_names_the_setting_of_a_rule_that_has_one(g, rules):
    rules.write_text(TYPES + RULES)
    g.reload()
    told = g.command("explain", ask(g, "/up/file", 403, method="POST", fields=["Content-Type: application/octet-stream"], body=b"\1\2"),
                     check=0).stdout
    assert "  exclude rule 920420 on /up/file\n  exclude rule 920420 on /up/*\n  exclude rule 920420\n" \
        "  or in crs-setup.conf: rule 900220, which types of bodies may come\nThe narrow ones" in told
    rules.write_text("SecAction \"id:900220,phase:1,pass,nolog,t:none,"
                     "setvar:'tx.allowed_request_content_type=%{tx.allowed_request_content_type} |application/octet-stream|'\"\n" + TYPES + RULES)
    g.reload()
    for type_, status in (("application/octet-stream", 200), ("text/plain", 200), ("image/png", 403)):
        ask(g, "/up/file", status, method="POST", fields=[f"Content-Type: {type_}"], body=b"\1\2")


def test_explain_says_when_there_is_nothing(g, tmp_path):
    done = g.command("explain", "0" * 26)
    assert done.returncode == 1 and "no such exchange is kept; none is" in done.stderr
    done = subprocess.run([binary_path(), "explain", "0" * 26, "--state", tmp_path], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 3 and "nothing is running here" in done.stderr


# --- exclude ----------------------------------------------------------------------------------------


def exclude(g, id_, *options, check=0):
    return g.command("exclude", id_, "-c", g.config_path, *options, check=check)


def config_of(g):
    return pathlib.Path(g.config_path).read_text()


def test_exclude_lets_this_value_through_and_nothing_else(g):
    before = config_of(g)
    id_ = ask(g, "/blog/save?body=attack", 403)
    shown = exclude(g, id_, "--print").stdout
    assert f'+    exclude rule 201 arg body on /blog/save because {id_}' in shown or "exclude rule 201 arg body on /blog/save" in shown
    assert config_of(g) == before, "--print writes nothing"
    exclude(g, id_, "--yes", "--because", "for today", "--for", "1d")
    assert "already excluded at" in exclude(g, id_, "--print", "--for", "1d").stdout
    assert exclude(g, id_, "--yes", "--because", "editors write about it", "--for", "90d").stdout.endswith("in force\n"), "it is longer"
    assert 'exclude rule 201 arg body on /blog/save because "editors write about it" until 20' in config_of(g)
    ask(g, "/blog/save?body=attack", 200)
    ask(g, "/blog/save?other=attack", 403)
    ask(g, "/blog/other?body=attack", 403)
    assert "already excluded at" in exclude(g, id_, "--yes", "--for", "90d").stdout
    again = exclude(g, id_, "--yes", "--because", "editors write about it", "--for", "90d").stdout
    assert again.endswith("already excluded, in these very words\n")


PLACES = [  # where the request goes, and what is in the configuration afterwards
    ("/?q=attack", "  waf balanced { rules @rules; exclude rule 201 arg q on / because x }\n"),
    ("/own/?q=attack", "    waf balanced {\n      exclude rule 201 arg q on /own/ because x\n    }  # as strict as elsewhere\n"),
]


@pytest.mark.parametrize("target, wanted", PLACES)
def test_exclude_changes_the_nearest_waf_and_no_other_line(g, rules, target, wanted):
    before = config_of(g).splitlines()
    exclude(g, ask(g, target, 403), "--yes", "--because", "x")
    assert wanted.replace("@rules", str(rules)) in config_of(g)
    changed = [line for line in before if line not in config_of(g).splitlines()]
    assert len(changed) <= 1
    ask(g, target, 200)


def test_exclude_writes_a_waf_where_the_site_has_none(gate, origin, rules):
    origin.serve(lambda got, connection: response(b"hello"))
    g = gate("defaults { waf balanced { rules @rules } }\nsite a.test {\n  to @origin\n}\nsite b.test { to @origin }\n", origin=origin, rules=rules)
    exclude(g, ask(g, "/x?q=attack", 403), "--yes", "--because", "x")
    assert "site a.test {\n  to " in config_of(g)
    assert "  waf {\n    exclude rule 201 arg q on /x because x\n  }\n}\n" in config_of(g)
    ask(g, "/x?q=attack", 200)
    with g.client() as client:
        client.send(request("/x?q=attack", host="b.test"))
        assert client.response().status == 403


def test_exclude_changes_the_file_that_the_site_is_in(gate, origin, rules, tmp_path):
    origin.serve(lambda got, connection: response(b"hello"))
    part = tmp_path / "part.conf"
    part.write_text(f"# of the shop\nsite a.test {{ to {origin.address}; waf balanced {{ rules {rules} }} }}\n")
    part.chmod(0o640)
    g = gate("include @part\n", origin=origin, rules=rules, part=part)
    exclude(g, ask(g, "/x?q=attack", 403), "--yes", "--because", "x", "--broad")
    assert part.read_text().startswith("# of the shop\nsite a.test") and "; exclude rule 201 on /x because x }" in part.read_text()
    assert part.stat().st_mode & 0o777 == 0o640
    ask(g, "/x?z=attack", 200)


def test_exclude_finds_the_site_again_where_lines_have_moved(g):
    id_ = ask(g, "/x?q=attack", 403)
    before = config_of(g)
    at = before.index("site a.test")
    pathlib.Path(g.config_path).write_text(before[:at] + before[at:].replace("a.test", "other.test") + before[at:])
    exclude(g, id_, "--yes", "--because", "x")
    text = config_of(g)
    assert text.index("exclude rule 201") > text.index("site a.test") > text.index("site other.test")
    ask(g, "/x?q=attack", 200)
    pathlib.Path(g.config_path).write_text(before.replace("site a.test", "site gone.test"))
    done = exclude(g, id_, "--yes", check=1)
    assert "no route for this exchange any more" in done.stderr and "exclude rule" not in config_of(g)


def test_cookies_and_fields_have_places(g):
    exclude(g, ask(g, "/x", 403, fields=["X-Odd: attack", "Cookie: theme=attack; sid=1"]), "--yes", "--because", "x")
    text = config_of(g)
    assert "exclude rule 201 header X-Odd on /x because x" in text and "exclude rule 201 cookie theme on /x because x" in text
    ask(g, "/x", 200, fields=["X-Odd: attack", "Cookie: theme=attack; sid=1"])


@pytest.mark.parametrize("variable, asked", [
    ("ARGS", {"target": "/?a=attack"}), ("ARGS_NAMES", {"target": "/?attack=1"}), ("ARGS_GET", {"target": "/?a=attack"}),
    ("ARGS_GET_NAMES", {"target": "/?attack=1"}), ("ARGS_POST", {"body": b"a=attack"}), ("ARGS_POST_NAMES", {"body": b"attack=1"}),
    ("REQUEST_HEADERS", {"fields": ["X-Odd: attack"]}), ("REQUEST_HEADERS_NAMES", {"fields": ["X-Attack: 1"]}),
    ("REQUEST_COOKIES", {"fields": ["Cookie: a=attack"]}), ("REQUEST_COOKIES_NAMES", {"fields": ["Cookie: attack=1"]}),
])
def test_what_is_excluded_by_its_place_is_let_through(g, rules, variable, asked):
    rules.write_text(f'SecRule {variable} "@rx (?i)attack" "id:207,phase:2,deny,log"\n')
    g.reload()
    asked = {"target": "/", "method": "POST" if "body" in asked else "GET", **asked}
    if "body" in asked:
        asked["fields"] = ["Content-Type: application/x-www-form-urlencoded"]
    exclude(g, ask(g, status=403, **asked), "--yes", "--because", "x")
    assert f"exclude rule 207 {'arg' if 'ARGS' in variable else 'header' if 'HEADERS' in variable else 'cookie'} " in config_of(g)
    ask(g, status=200, **asked)


def test_an_exclusion_in_an_array_holds_for_all_its_elements(g):
    def sent(*items, status, **more):
        body = json.dumps({"items": [{"note": note} for note in items], **more}).encode()
        return ask(g, "/x", status, method="POST", fields=["Content-Type: application/json"], body=body)

    exclude(g, sent("fine", "attack", status=403), "--yes", "--because", "x")
    assert "exclude rule 201 arg json.items.array_1.note on /x because x" in config_of(g)
    sent(*["attack"] * 12, status=200)
    sent("fine", status=403, other=["attack"])
    sent("fine", status=403, items_array_1="attack")


CHAINS = """
SecRule ARGS|REQUEST_COOKIES "@rx attack" "id:204,phase:2,pass,log,chain,msg:'looked at again'"
    SecRule MATCHED_VARS "@rx a" "setvar:'tx.anomaly_score=+5'"
SecRule ARGS "@rx (attack)" "id:205,phase:2,pass,log,capture,chain,msg:'a capture'"
    SecRule TX:1 "@rx a" "setvar:'tx.anomaly_score=+5'"
SecRule REQUEST_METHOD "@streq GET" "id:206,phase:2,pass,log,chain,msg:'a name'"
    SecRule ARGS_NAMES "@rx attack" "chain"
        SecRule MATCHED_VARS_NAMES "@rx a" "setvar:'tx.anomaly_score=+5'"
"""


def test_what_a_chain_looks_at_again_is_excluded_by_the_name_it_came_in(g, rules):
    rules.write_text(CHAINS + RULES[RULES.index("SecRule TX:ANOMALY_SCORE"):])
    g.reload()
    target = "/x?q=attack&attack=1"
    id_ = ask(g, target, 403, fields=["Cookie: theme=attack"])
    assert "exclude rule 205 arg q on /x\n" in g.command("explain", id_, check=0).stdout
    exclude(g, id_, "--yes", "--because", "x")
    wanted = ["204 arg q", "204 cookie theme", "205 arg q", "206 arg attack"]
    assert all(f"exclude rule {words} on /x because x" in config_of(g) for words in wanted), config_of(g)
    assert config_of(g).count("because x") == len(wanted)
    ask(g, target, 200, fields=["Cookie: theme=attack"])
    ask(g, "/x?other=attack", 403)


def test_a_name_that_needs_quoting_is_read_back(g):
    target = "/x?a%20b%7B%22=attack"
    exclude(g, ask(g, target, 403), "--yes", "--because", "x")
    ask(g, target, 200)
    ask(g, "/x?a=attack", 403)


DECIDERS = """
SecRule ARGS:a "@rx ." "id:1,phase:1,pass,log,setvar:tx.anomaly_score=+3"
SecRule ARGS:b "@rx ." "id:2,phase:1,deny,log"
SecRule ARGS:c "@rx (.)" "id:3,phase:1,deny,log,capture,chain"
  SecRule TX:1 "@rx ."
SecRule ARGS:d "@rx ." "id:4,phase:1,deny,nolog"
SecRule ARGS:e "@rx ." "id:6,phase:1,deny,log"
SecRule TX:anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:5,phase:2,deny,log"
"""


@pytest.mark.parametrize("threshold,mode,target,decider,offered", [
    (3, "", "/x?a=1", None, ["1 arg a"]),
    (3, "", "/x?a=1&b=1", 2, ["2 arg b"]),
    (3, "", "/x?a=1&c=1", 3, ["3 arg c"]),
    (3, "", "/x?a=1&d=1", 4, ["4"]),
    (3, "mode shadow", "/x?a=1&b=1", 2, ["1 arg a", "2 arg b"]),
    (3, "mode shadow", "/x?b=1&e=1", 2, ["2 arg b", "6 arg e"]),
    (9, "mode shadow", "/x?a=1&b=1", 2, ["2 arg b"]),
])
def test_the_rule_that_decided_by_itself_is_offered_and_no_other(gate, origin, rules, threshold, mode, target, decider, offered):
    origin.serve(lambda got, connection: response(b"hello"))
    rules.write_text(DECIDERS)
    g = gate(f"site a.test {{\n  to @origin\n  waf balanced {mode} {{ rules @rules; threshold {threshold} }}\n}}\n", origin=origin, rules=rules)
    id_ = ask(g, target, 200 if mode else 403)
    assert exchange(g, id_)["waf"].get("decided_by") == decider
    assert sorted(re.findall(r"exclude rule (.*?) on /x", exclude(g, id_, "--print").stdout)) == offered
    told = g.command("explain", id_).stdout
    assert (f"  decided by   rule {decider}\n" in told) == (decider is not None)
    assert f"  exclude rule {offered[-1]} on /x\n" in told


def test_a_configuration_with_errors_is_left_alone(g, rules):
    id_ = ask(g, "/x?q=attack", 403)
    before = config_of(g)
    rules.write_text("SecRule NONSENSE\n")
    done = exclude(g, id_, "--yes", check=1)
    assert config_of(g) == before and "own.conf:1:1" in done.stderr


def test_a_change_that_the_running_program_refuses_is_taken_back(g):
    id_ = ask(g, "/x?q=attack", 403)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        before = f"listen 127.0.0.1:{taken.getsockname()[1]}\n" + config_of(g)
        pathlib.Path(g.config_path).write_text(before)
        done = exclude(g, id_, "--yes", check=1)
    assert config_of(g) == before and "is as it was" in done.stderr
    ask(g, "/x?q=attack", 403)


def test_exclude_refuses_what_makes_no_sense(g):
    fine = ask(g, "/fine", 200)
    for arguments, status, words in [
        ((fine, "--yes"), 1, "no rule has contributed"),
        (("0" * 26,), 1, "no such exchange is kept"),
        (("nonsense",), 2, "26 letters and digits"),
        ((fine, "--for", "soon"), 2, "--for wants a number of days"),
        ((ask(g, "/x?q=attack", 403), "--rule", "7"), 1, "none of the rules named with --rule has contributed"),
    ]:
        done = g.command("exclude", *arguments, "-c", g.config_path)
        assert done.returncode == status and words in done.stderr, done
