"""What happens where the room for judging ends: enforced, it is refused; in shadow it goes on, and is told as not judged."""

import json
import os
import subprocess

import pytest
from harness.client import request
from harness.deadline import eventually
from harness.gate import binary_path
from harness.origin import response

RULES = """
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/html
SecRule REQUEST_HEADERS:Content-Type "@beginsWith application/json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule ARGS "@contains attack" "id:201,phase:2,deny,msg:'an attack'"
SecRule RESPONSE_BODY "@contains ORA-00933" "id:401,phase:4,deny,status:500,msg:'a leak'"
"""
SITE = """
limits { held @held; body 40M }
site * {
  to @origin
  waf balanced { rules @rules; body 16M; response 16M }
  route /shadow/* { waf mode shadow }
  route /small/* { waf { body 4K } }
  route /small/shadow/* { waf mode shadow { body 4K } }
}
"""


@pytest.fixture
def make(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)

    def start(held="4M", page=None):
        origin.serve(lambda got, connection: response(got.body if page is None else page, fields=["Content-Type: text/html"]))
        return gate(SITE, origin=origin, rules=path, held=held)

    return start


def chunked(body, size=70_000):
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def post(path, body, is_chunked, kind="application/json"):
    fields = ["Content-Type: " + kind]
    if not is_chunked:
        return request(path, method="POST", body=body, fields=fields)
    return request(path, method="POST", fields=[*fields, "Transfer-Encoding: chunked"]) + chunked(body)


def unjudged(g):
    return g.security_log.wait_for(lambda r: r.get("waf", {}).get("unjudged"))["waf"]


LARGE = json.dumps({"a": ["x" * 1000] * 6000}).encode()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_in_shadow_a_body_that_there_is_no_room_for_goes_on_as_it_is(make, origin, is_chunked):
    g = make()
    with g.client() as client:
        client.send(post("/shadow/", LARGE, is_chunked))
        answer = client.response()
        assert (answer.status, answer.body == LARGE) == (200, True)
        record = unjudged(g)
        assert (record["verdict"], record["unjudged"], record["rules"]) == ("unjudged", "limits.held", [])
        client.send(request("/shadow/?q=1"))
        assert client.response().status == 200, "and the connection goes on"
    assert g.metrics().get("portcullis_waf_unjudged_total", site="*") == 1
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0, "all of it given back")
    assert g.metrics().get("portcullis_buffered_bytes") == 0


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_enforced_it_is_refused_and_never_reaches_the_origin(make, origin, is_chunked):
    g = make()
    with g.client() as client:
        client.send(post("/", LARGE, is_chunked))
        assert client.response().status == 503
    record = g.security_log.wait(1)[0]
    assert (record["reason"], record["status"]) == ("limits.held", 503)
    assert origin.has_no_connection()
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0, "all of it given back")


@pytest.mark.parametrize("path, status", [("/shadow/", 200), ("/", 503)])
def test_a_response_that_there_is_no_room_for(make, origin, path, status):
    page = b"<p>" * 3_000_000
    g = make(page=page)
    with g.client() as client:
        answer = client.get(path)
        assert answer.status == status
        if status == 200:
            assert answer.body == page
            assert unjudged(g)["unjudged"] == "limits.held"
        else:
            assert g.security_log.wait(1)[0]["reason"] == "limits.held"


def multipart(path, parts):
    body = b"".join(b"--aRealBoundary7Y\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
    return request(path, method="POST", body=body + b"--aRealBoundary7Y--\r\n", fields=["Content-Type: multipart/form-data; boundary=aRealBoundary7Y"])


def test_fields_of_a_multipart_body_obey_its_limit_and_files_do_not_count(make, origin):
    g = make("64M")
    file, field = (b'name="f"; filename="a.bin"', os.urandom(100_000)), (b'name="a"', b"x" * 5000)
    for path, parts, status in [
        ("/small/", [file, (b'name="a"', b"x" * 2000)], 200),
        ("/small/", [file, field], 413),
        ("/", [file, field], 200),
        ("/small/", [(b'name="a"', b"x" * 1000)] * 5, 413),
        ("/small/shadow/", [file, field], 200),
    ]:
        with g.client() as client:
            client.send(multipart(path, parts))
            assert client.response().status == status, (path, len(parts))
    assert {(r["reason"], r["status"]) for r in g.security_log.wait(3) if "reason" in r} == {("waf.body", 413)}
    assert unjudged(g)["unjudged"] == "waf.body"


@pytest.mark.parametrize("action, status", [("Reject", 500), ("ProcessPartial", 200)])
def test_a_response_that_is_longer_than_the_rules_say_is_refused_where_they_say_so(make, tmp_path, action, status):
    (tmp_path / "own.conf").write_text(f"{RULES}SecResponseBodyLimit 1000\nSecResponseBodyLimitAction {action}\n")
    g = make(page=b"x" * 2000)
    with g.client() as client:
        assert client.get("/").status == status
    if status == 500:
        record = g.security_log.wait(1)[0]
        assert (record["reason"], record["text"]) == ("waf.body", "the response body is longer than `SecResponseBodyLimit` of the rules")
        told = subprocess.run([binary_path(), "help", record["reason"]], capture_output=True, text=True, check=True).stdout
        assert "500" in told and "a response" in told and "SecResponseBodyLimitAction" in told


def test_in_shadow_the_beginning_of_a_body_that_is_too_long_is_judged(make):
    g = make("64M")
    body = b"a=attack&b=" + b"x" * 10_000
    with g.client() as client:
        client.send(post("/small/shadow/", body, False, "application/x-www-form-urlencoded"))
        assert client.response().body == body
    record = unjudged(g)
    assert (record["verdict"], record["unjudged"], [r["id"] for r in record["rules"]]) == ("would-refuse", "waf.body", [201])


def test_explain_tells_what_was_not_judged(make):
    g = make()
    with g.client() as client:
        client.send(post("/shadow/", LARGE, False))
        assert client.response().status == 200
    told = g.command("explain", g.requests_log.wait(1)[0]["id"], check=0).stdout
    assert "unjudged, shadow" in told and "not judged   limits.held" in told


def test_of_a_budget_that_is_spent_the_rule_that_was_at_work_is_told(gate, origin, tmp_path):
    origin.serve(lambda got, connection: response(b"passed"))
    path = tmp_path / "own.conf"
    # 4 KiB become 2 MiB: more steps than a millisecond has, on any processor.
    path.write_text(f'SecRule ARGS "@rx z" "id:7,phase:1,deny,log{",t:hexEncode" * 9}"\n')
    g = gate("""
site * {
  to @origin
  waf balanced { rules @rules; budget 1ms }
  route /pass { waf { budget 1ms then pass } }
  route /shadow { waf mode shadow }
}""", origin=origin, rules=path)
    for target, status in (("/", 403), ("/pass", 200), ("/shadow", 200)):
        g.security_log.skip()
        with g.client() as client:
            assert client.get(f"{target}?q={'a' * (4000 + len(target))}").status == status, target
        record = g.security_log.wait(1)[0]
        if status == 403:
            assert record["reason"] == "waf.budget" and record["text"].endswith("; rule 7 was at work")
            continue
        assert [record["waf"][name] for name in ("verdict", "unjudged", "spent_by")] == ["unjudged", "waf.budget", 7]
        told = subprocess.run([binary_path(), "explain", record["id"], "--state", g.state], capture_output=True, text=True, check=True).stdout
        assert "  not judged   waf.budget\n  spent by     rule 7\n" in told


def test_of_a_budget_that_is_spent_it_is_told_on_what(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)
    g = gate("site * { to @origin; waf balanced { rules @rules; body 4M; budget 1ms } }", origin=origin, rules=path)
    with g.client() as client:
        client.send(post("/", json.dumps({"a": ["x"] * 400_000}).encode(), False))
        assert client.response().status == 403
    record = g.security_log.wait(1)[0]
    assert (record["reason"], record["text"]) == ("waf.budget", "judging took more than `budget` allows; a body was being read")
