"""What the WAF looks at beyond the rules' own targets: Base64, header fields that no standard knows, bodies of any type."""

import base64
import gzip
import json
import pathlib

import pytest
from harness.client import request
from harness.origin import response

RULES = """
SecRule ARGS|REQUEST_COOKIES "@detectSQLi" "id:1,phase:2,deny,log,capture,t:none,msg:'SQL injection',tag:'attack-sqli'"
SecRule ARGS|XML:/* "@contains forbidden" "id:2,phase:2,deny,log,t:none,msg:'forbidden'"
"""
SITE = """
site * {
  to @origin
  waf balanced { rules @rules }
  route /excluded/* { waf balanced {
    exclude rule 1 arg q because "it is a test"
    exclude attack sqli header x-filter because "it is a test"
  } }
  route /base64/* { waf balanced { inspect base64 } }
  route /headers/* { waf balanced { inspect headers } }
  route /off/* { waf balanced { inspect off } }
}
"""
ATTACK = "1' OR '1'='1' -- "


@pytest.fixture
def g(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)
    origin.serve(lambda got, connection: response(b"passed"))
    return gate(SITE, origin=origin, rules=path)


def encoded(text=ATTACK, padded=True):
    found = base64.b64encode(text.encode()).decode()
    return found if padded else found.rstrip("=")


def url_safe(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token(claims):
    return ".".join([url_safe('{"alg":"HS256","typ":"JWT"}'), url_safe(json.dumps(claims)), "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ"])


def post(path, kind, body):
    fields = [f"Content-Type: {kind}"] if kind else []
    return request(path, method="POST", body=body.encode(), fields=fields)


def form(path, text):
    return post(path, "application/x-www-form-urlencoded", text)


LINES = '{"level":"info","message":"started"}\n{"level":"info","message":"%s"}\n'
REPORT = json.dumps({"csp-report": {"document-uri": "https://www.example.com/", "violated-directive": "img-src",
                                    "blocked-uri": "https://cdn.example.net/a.png", "script-sample": "%s"}})
REFUSED = [  # what is sent, and of which value the record tells
    (form("/", "a=1&q=" + encoded().replace("=", "%3D")), "ARGS:q"),
    (form("/", "a=1&q=" + encoded(padded=False)), "ARGS:q"),
    (request("/?q=" + encoded(padded=False)), "ARGS:q"),
    (request("/", fields=["Cookie: a=b; c=" + encoded().replace("=", "%3D")]), "REQUEST_COOKIES:c"),
    (post("/", "application/json", json.dumps({"a": {"b": encoded()}})), "ARGS:json.a.b"),
    (form("/", "q=" + token({"sub": ATTACK})), "ARGS:q"),
    (form("/", "q=" + encoded(encoded()).replace("=", "%3D")), "ARGS:q"),
    (request("/", fields=["X-Filter: " + ATTACK]), "REQUEST_HEADERS:X-Filter"),
    (request("/", fields=["X-Filter: " + encoded()]), "REQUEST_HEADERS:X-Filter"),
    (request("/", fields=["Referer: https://www.example.com/?q=1%27%20OR%20%271%27=%271%27%20--%20"]), "REQUEST_HEADERS:Referer"),
    (post("/", "text/plain", "a forbidden word"), "ARGS:text"),
    (post("/", "text/plain", r'{"a":"forb\u0069dden"}'), "ARGS:json.a"),
    (post("/", "application/x-own", ATTACK), "ARGS:text"),
    (post("/", None, ATTACK), "ARGS:text"),
    (post("/", "application/x-ndjson", LINES % "forbidden"), "ARGS:json.array_1.message"),
    (post("/", "application/csp-report", REPORT % "forbidden"), "ARGS:json.csp-report.script-sample"),
    (post("/", "application/vnd.own+xml", "<a>forbidden</a>"), "XML:/*"),
    (form("/excluded/", "r=" + encoded(padded=False)), "ARGS:r"),
    (request("/base64/?q=" + encoded(padded=False)), "ARGS:q"),
    (request("/headers/", fields=["X-Filter: " + ATTACK]), "REQUEST_HEADERS:X-Filter"),
]


def test_attacks_are_found_however_they_are_wrapped(g):
    for sent, target in REFUSED:
        g.security_log.skip()
        with g.client() as client:
            client.send(sent)
            assert client.response().status == 403, sent
        assert g.security_log.wait(1)[0]["waf"]["rules"][0]["target"] == target, sent


PASSED = [
    form("/", "q=internationalization&r=dGhlIHF1aWNrIGJyb3duIGZveA%3D%3D&id=550e8400-e29b-41d4-a716-446655440000"),
    form("/", "q=" + token({"sub": "O'Brien", "name": "Conan O'Brien", "iat": 1516239022})),
    form("/", "__VIEWSTATE=" + encoded(padded=False)),
    request("/", fields=["Cookie: session=" + url_safe('{"user_id":1,"next":"/a?b=c"}') + ".ZXhw.tJVA95OrM7E2cBab30RMHrHDcEf"]),
    request("/", fields=["X-Api-Signature: t=1700000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"]),
    request("/", fields=["X-Request-Id: 7d1f03a5-c2b4-4e5f", "X-Forwarded-For: 192.0.2.1, 198.51.100.7", "X-Csrf-Token: aGVsbG8-d29ybGQ_"]),
    request("/", fields=["Referer: https://www.example.com/O'Brien/books?page=2&q=O%27Brien%20%26%20sons"]),
    request("/", fields=["User-Agent: " + ATTACK, "Accept-Language: en-US,en;q=0.5", "Sec-Fetch-Mode: navigate"]),
    post("/", "text/plain", "Dear Mr O'Brien,\nthank you; all is well (so far) -- see you on 1/2.\n"),
    post("/", "text/plain; charset=utf-8", "level=info msg=\"started\" pid=1\n"),
    post("/", "application/x-ndjson", LINES % "done"),
    post("/", "application/csp-report", REPORT % "alert"),
    post("/", "application/octet-stream", "\x01\x02\x03\x04\x05\x06\x07\x08forbidden"),
    form("/excluded/", "q=" + encoded(padded=False)),
    request("/excluded/", fields=["X-Filter: " + encoded()]),
    request("/off/?q=" + encoded(padded=False), fields=["X-Filter: " + ATTACK]),
    request("/base64/", fields=["X-Filter: " + ATTACK]),
    request("/headers/?q=" + encoded(padded=False)),
]


def test_what_only_looks_like_it_passes(g):
    for sent in PASSED:
        with g.client() as client:
            client.send(sent)
            assert client.response().status == 200, sent
    assert len(g.requests_log.wait(len(PASSED))) == len(PASSED)


def test_the_record_says_that_a_value_was_decoded(g):
    with g.client() as client:
        client.send(request("/?q=" + encoded(padded=False)))
        assert client.response().status == 403
    found = g.security_log.wait(1)[0]["waf"]["rules"][0]
    assert (found["target"], found["decoded"]) == ("ARGS:q", "base64")
    g.security_log.skip()
    with g.client() as client:
        client.send(request("/?q=1%27%20OR%20%271%27%3D%271%27%20--%20"))
        assert client.response().status == 403
    assert "decoded" not in g.security_log.wait(1)[0]["waf"]["rules"][0]


CRS = pathlib.Path("/usr/share/modsecurity-crs")
USUAL = ["User-Agent: Mozilla/5.0", "Accept: */*"]
KINDS = [  # types of bodies, and whether the Core Rule Set lets them in without and with a list of its own
    ("text/plain", "hello", 200, 403),
    ("text/plain; charset=utf-8", "hello", 200, 403),
    ("application/csp-report", REPORT % "x", 200, 403),
    ("application/reports+json", "[]", 200, 403),
    ("application/vnd.api+json", "{}", 200, 403),
    ("application/json; odata=verbose", "{}", 200, 200),
    ("application/x-ndjson", LINES % "done", 200, 403),
    ("application/atom+xml", "<a/>", 200, 403),
    ("application/x-own", "hello", 403, 403),
    ("application/json; x=%{#context}", "{}", 403, 403),
]


@pytest.mark.skipif(not (CRS / "rules").is_dir(), reason="the package modsecurity-crs is not installed")
def test_types_that_are_read_are_let_in_unless_the_setup_names_its_own(gate, origin, tmp_path):
    origin.serve(lambda got, connection: response(b"passed"))
    (tmp_path / "rules").symlink_to(CRS / "rules")
    setup = """SecAction "id:900220,phase:1,nolog,pass,t:none,setvar:'tx.allowed_request_content_type=|application/json|'"
SecAction "id:900990,phase:1,nolog,pass,t:none,setvar:tx.crs_setup_version=334"
SecDefaultAction "phase:1,log,auditlog,pass"
SecDefaultAction "phase:2,log,auditlog,pass"
"""
    (tmp_path / "crs-setup.conf").write_text(setup)
    g = gate("""
site default.test { to @origin; waf balanced { rules crs } }
site own.test { to @origin; waf balanced { rules crs @folder } }
""", origin=origin, folder=tmp_path)
    for kind, body, default, own in KINDS:
        for host, status in (("default.test", default), ("own.test", own)):
            with g.client() as client:
                client.send(request("/", host=host, method="POST", body=body.encode(), fields=[*USUAL, f"Content-Type: {kind}"]))
                assert client.response().status == status, (host, kind)


def test_what_came_compressed_is_not_left_out_by_the_core_rule_set(gate, origin, tmp_path):
    path = tmp_path / "as-in-version-4.conf"
    path.write_text("""
SecRule RESPONSE_HEADERS:Content-Encoding "@pm gzip compress deflate br zstd" "id:951010,phase:4,pass,nolog,skipAfter:END"
SecRule RESPONSE_BODY "@contains forbidden" "id:951100,phase:4,deny,log,t:none,msg:'forbidden'"
SecMarker END
""")
    origin.serve(lambda got, connection: response(gzip.compress(b"a forbidden word"), fields=["Content-Type: text/html", "Content-Encoding: gzip"]))
    g = gate("site * { to @origin; waf balanced { rules @rules } }", origin=origin, rules=path)
    with g.client() as client:
        assert client.get("/").status == 403
    assert g.security_log.wait(1)[0]["waf"]["rules"][0]["id"] == 951100
