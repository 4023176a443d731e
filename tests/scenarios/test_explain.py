"""`explain` tells what the running program does: each URL of the table is explained and then sent,
and site, route, decision, reason and what reaches the origin are the same."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.client import request
from harness.gate import binary_path
from harness.origin import response

CONFIG = """
origin app { server @origin }
list friends ip 127.0.0.2
policy public { deny ip 127.0.0.66; headers { set X-Policy yes } }
site a.test *.a.test {
  use public
  to app
  route /api/* { to app path /v1 }
  route = /api/exact { to app path /exact }
  route /old /older { redirect https://{host}{uri} status 308 }
  route /moved/* { redirect /new }
  route = /coffee { respond 418 "no coffee" }
  route *.php { respond 404 }
  route ~ `^/u[0-9]+$` { respond 410 }
  route /friends/* { allow list friends; deny all }
  route /read { allow method GET HEAD }
  route /write { deny method GET }
  route /beta { respond 200 beta; when header X-Beta yes }
  route /beta { respond 200 cookie; when cookie beta; priority 2 }
  route /beta { respond 200 query; when query v 2; priority 3 }
  route /beta { respond 200 address; when ip 127.0.0.3; priority 4 }
  route /beta { respond 200 purge; when method PURGE; priority 5 }
  route /under { respond 200; when header X_Under yes }
  route /small { limits { body 10B } }
}
site keep.test { to app; slashes keep }
site decode.test { to app; slashes decode }
site "[::1]" 192.0.2.1 { respond 200 }
site *.test { respond 203 }
"""

# (URL, {method, from, fields}).
CASES = [
    ("http://a.test/", {}),
    ("http://a.test", {}),
    ("http://a.test?q=1", {}),
    ("http://A.TEST./x", {}),
    ("http://sub.a.test/", {}),
    ("http://b.test/", {}),
    ("http://b.test.evil/", {}),
    ("http://[::1]/", {}),
    ("http://[0:0::1]/", {}),
    ("http://192.0.2.1/", {}),
    ("http://192.0.2.2/", {}),
    ("http://a.test/api", {}),
    ("http://a.test/api/", {}),
    ("http://a.test/apis", {}),
    ("http://a.test/api/exact", {}),
    ("http://a.test/api/%65xact", {}),
    ("http://a.test/api//x/../exact?a=%20b", {}),
    ("http://a.test/old", {}),
    ("http://a.test/older?x", {}),
    ("http://a.test/old/", {}),
    ("http://a.test/moved/a/b", {}),
    ("http://a.test/coffee", {"method": "POST"}),
    ("http://a.test/x/y.php", {}),
    ("http://a.test/x/y.php/", {}),
    ("http://a.test/u12", {}),
    ("http://a.test/u12x", {}),
    ("http://a.test/friends/", {}),
    ("http://a.test/friends/", {"from": "127.0.0.2"}),
    ("http://a.test/", {"from": "127.0.0.66"}),
    ("http://a.test/friends", {"from": "127.0.0.66"}),
    ("http://a.test/read", {}),
    ("http://a.test/read", {"method": "POST"}),
    ("http://a.test/read", {"method": "BREW"}),
    ("http://a.test/write", {}),
    ("http://a.test/write", {"method": "PUT"}),
    ("http://a.test/", {"method": "TRACE"}),
    ("http://a.test/", {"method": "PURGE"}),
    ("http://a.test/beta", {}),
    ("http://a.test/beta", {"fields": ["X-Beta: yes"]}),
    ("http://a.test/beta", {"fields": ["X-Beta: no"]}),
    ("http://a.test/beta", {"fields": ["X-Beta: yes", "Connection: x-beta"]}),
    ("http://a.test/beta", {"fields": ["Cookie: a=b; beta=1"]}),
    ("http://a.test/beta", {"fields": ["X-Beta: yes", "Cookie: beta="]}),
    ("http://a.test/beta?a&v=2", {}),
    ("http://a.test/beta?v=3", {}),
    ("http://a.test/beta", {"from": "127.0.0.3"}),
    ("http://a.test/beta", {"method": "PURGE"}),
    ("http://a.test/under", {"fields": ["X_Under: yes"]}),
    ("http://a.test/small", {"method": "POST", "fields": ["Content-Length: 11"]}),
    ("http://a.test/a/../../b", {}),
    ("http://a.test/a%2fb", {}),
    ("http://keep.test/a%2fb", {}),
    ("http://keep.test/a%2f..%2fb", {}),
    ("http://decode.test/a%2fb%5c..", {}),
    ("http://a.test/%zz", {}),
    ("http://a.test/?%zz", {}),
    ("http://a.test/%00", {}),
    ("http://a.test/a;b/..;/c", {}),
    ("http://a.test/friends;x/y", {}),
    ("http://a.test/x;y/z", {}),
    ("http://a.test/%252e", {}),
    ("http://a.test/[x]", {}),
    ("http://a.test/a|b", {}),
    ("http://a.test/" + "x" * 9000, {}),
    ("http://a.test/", {"fields": ["Connection: Host"]}),
    ("http://a.test/", {"fields": ["Expect: the-unexpected"]}),
    ("http://a.test/", {"fields": ["Content-Length: 1", "Transfer-Encoding: chunked"]}),
    ("http://a.test/", {"fields": ["Upgrade: websocket", "Connection: upgrade"]}),
]


def explained(g, url, options):
    arguments = ["--json", "-c", g.config_path, "--from", options.get("from", "127.0.0.1")]
    arguments += ["--method", options.get("method", "GET")]
    for line in options.get("fields", []):
        arguments += ["--header", line]
    done = subprocess.run(
        [binary_path(), "explain", url, *arguments], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), url
    return json.loads(done.stdout)


def sent(g, url, options):
    """The record of the exchange that the URL becomes."""
    host, _, path = url.removeprefix("http://").partition("/")
    host, mark, query = host.partition("?")
    path = "/" + mark + query if mark else "/" + path
    method = options.get("method", "GET")
    with g.client(source=options.get("from")) as client:
        client.send(request(path, host, method, options.get("fields", [])))
        return client.response(method)


@pytest.fixture
def asked(gate, origin):
    got = []

    def play(message, connection):
        got.append(f"{message.method} {message.target}")
        return response(b"origin")

    origin.serve(play)
    return gate(CONFIG, origin=origin.address), got


def test_explain_says_what_the_running_program_does(asked):
    g, got = asked
    with ThreadPoolExecutor(2) as pool:
        explanations = list(pool.map(lambda case: explained(g, *case), CASES))
    answers = []
    for case in CASES:
        got.clear()
        answers.append((sent(g, *case).status, list(got)))
    records = g.requests_log.wait(len(CASES))
    assert len(records) == len(CASES)
    for (url, options), told, (status, reached), record in zip(
        CASES, explanations, answers, records
    ):
        case = f"{options} {url[:100]}: {told} {record}"
        stages = {step["stage"]: step["verdict"] for step in told["steps"]}
        assert status == (told["status"] or 200), case
        assert reached == ([stages["sent"]] if "sent" in stages else []), case
        if told["status"] >= 400 and told["reason"] != "respond":
            assert record["reason"] == told["reason"], case
        else:
            assert "reason" not in record, case
        site = stages.get("site", "no site").startswith("no site")
        assert record.get("site") == (None if site else stages["site"]), case
        route = stages.get("route", "* (the site itself)").split("  when ")[0]
        assert record.get("route", "* (the site itself)") == route, case
    reasons = {told["reason"] for told in explanations}
    assert len(reasons) > 15  # the table reaches most decisions
