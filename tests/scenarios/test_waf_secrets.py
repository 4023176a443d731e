"""What rules say of a request never tells its secrets, in no log, no kept exchange and under no other name; and of an attack in an
ordinary value it still tells what matched."""

import base64
import json
import pathlib

import pytest
from harness import memory, processes
from harness.client import Client, request
from harness.deadline import eventually
from harness.origin import response

SECRET = "Geheimnis7Xyz"
RULES = """
SecAuditEngine On
SecAuditLogParts ABCDEFHIJZ
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "@beginsWith application/json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@contains xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecAction "id:3,phase:1,pass,nolog,setvar:tx.copied=%{args.password},setvar:tx.cookie=%{request_cookies.sid},setenv:copy=%{args.password}"
SecRule ARGS|REQUEST_COOKIES|REQUEST_HEADERS|XML:/* "@rx (?i)(.*attack.*)" "id:201,phase:2,pass,log,capture,\\
    msg:'seen %{MATCHED_VAR} in %{MATCHED_VAR_NAME}',logdata:'found %{TX.1} of %{MATCHED_VAR}',tag:'attack-sqli',tag:'attack-%{MATCHED_VAR}',tag:'of %{MATCHED_VAR_NAME}'"
SecRule ARGS|REQUEST_COOKIES "@rx attack" "id:202,phase:2,pass,log,chain,msg:'chained %{MATCHED_VAR}',logdata:'%{MATCHED_VAR}'"
    SecRule MATCHED_VARS|MATCHED_VAR "@rx ." "t:none,setvar:tx.last=%{MATCHED_VAR}"
SecRule TX:COPIED|TX:COOKIE|TX:LAST|ENV:copy "@rx ." "id:203,phase:2,pass,log,msg:'copy %{MATCHED_VAR} %{tx.copied}',logdata:'%{tx.cookie} %{env.copy}'"
SecRule REQUEST_URI|QUERY_STRING|REQUEST_LINE|REQUEST_BODY "@rx (?:password|token).*" "id:204,phase:2,pass,log,capture,\\
    msg:'whole %{tx.0}',logdata:'%{REQUEST_URI} %{REQUEST_BODY} %{QUERY_STRING}'"
SecRule ARGS:ordinary "@rx attack" "id:205,phase:2,pass,log,msg:'ordinary',logdata:'%{args.password} %{request_headers.authorization} %{request_cookies.sid} %{args.ordinary}',tag:'attack-%{args.password}'"
SecRule ARGS:password "@streq %{tx.copied}" "id:206,phase:2,pass,log,msg:'argument of the operator'"
SecRule REQUEST_HEADERS_NAMES "@rx ^x-odd$" "id:209,phase:2,pass,log,capture,t:lowercase,setvar:tx.field_%{tx.0}=/%{tx.0}/,chain,\\
    msg:'field %{MATCHED_VAR}'"
    SecRule TX:/^field_/ "@within /x-odd/" "t:none"
SecRule ARGS:leave "@streq yes" "id:207,phase:2,redirect:'https://elsewhere.test/?a=%{args.ordinary}&password=%{args.password}&c=%{request_cookies.sid}'"
SecRule ARGS:away "@streq yes" "id:208,phase:2,redirect:'https://elsewhere.test%{request_uri}'"
"""
SITE = """
log rules modsecurity to @directory/rules.log
log audit json to @directory/audit.log
site * { to @origin; waf balanced { rules @rules } }
"""


@pytest.fixture
def g(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    path.write_text(RULES)
    origin.serve(lambda got, connection: response(b"hello"))
    return gate(SITE, origin=origin, rules=path)


def encoded(value):
    return base64.b64encode(value.encode()).decode()


SENT = {
    "an argument": (f"/?password={SECRET}+attack", {}),
    "one of several": (f"/?ordinary=attack&password={SECRET}", {}),
    "a cookie": ("/", {"fields": [f"Cookie: sid={SECRET}attack; other=attack{SECRET}"]}),
    "credentials": ("/?ordinary=attack", {"fields": [f"Authorization: Bearer {SECRET}attack", f"Cookie: sid={SECRET}"]}),
    "a field": ("/", {"fields": [f"X-Api-Key: attack{SECRET}"]}),
    "a form": ("/", {"method": "POST", "body": f"ordinary=attack&password=attack{SECRET}".encode(),
                     "fields": ["Content-Type: application/x-www-form-urlencoded"]}),
    "JSON": ("/", {"method": "POST", "body": json.dumps({"a": {"token": f"{SECRET} attack"}, "q": "attack"}).encode(),
                   "fields": ["Content-Type: application/json"]}),
    "a list in JSON": ("/", {"method": "POST", "body": json.dumps({"api_key": [f"{SECRET} attack"], "q": "attack"}).encode(),
                             "fields": ["Content-Type: application/json"]}),
    "an object in JSON": ("/", {"method": "POST", "body": json.dumps({"password": {"v": f"{SECRET} attack"}}).encode(),
                                "fields": ["Content-Type: application/json"]}),
    "a password twice": ("/", {"method": "POST", "body": f"pass[pass1]=attack{SECRET}&password_confirmation=attack{SECRET}".encode(),
                               "fields": ["Content-Type: application/x-www-form-urlencoded"]}),
    "the page before": ("/", {"fields": [f"Referer: https://h.test/?token={SECRET}%20attack&b=attack"]}),
    "Base64 in the page before": ("/", {"fields": ["Referer: https://h.test/?token=" + encoded(json.dumps({"b": f"{SECRET} attack"}))]}),
    "JSON in an argument": (f"/?ordinary=%7B%22password%22:%22{SECRET}%22,%22b%22:%22attack%22%7D", {}),
    "XML": ("/", {"method": "POST", "body": f"<a><password>{SECRET}</password><b>attack</b></a>".encode(), "fields": ["Content-Type: text/xml"]}),
    "multipart": ("/", {"method": "POST", "fields": ["Content-Type: multipart/form-data; boundary=Xy77777777"],
                        "body": (f'--Xy77777777\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}attack\r\n'
                                 '--Xy77777777--\r\n').encode()}),
    "JSON in Base64": ("/?ordinary=" + encoded(json.dumps({"password": f"{SECRET} attack", "b": "an attack too"})), {}),
    "a form in Base64": ("/?ordinary=" + encoded(f"a=attack&password={SECRET}"), {}),
    "a URL": (f"/?ordinary=attack&next=https%3A%2F%2Fattack%3A{SECRET}%40h.test%2Fattack", {}),
    "a URL in JSON": ("/", {"method": "POST", "body": json.dumps({"a": f"https://u:{SECRET}@attack.test"}).replace("/", "\\/").encode(),
                            "fields": ["Content-Type: application/json"]}),
    "a URL in a field": ("/", {"fields": [f"X-Next: see https://u:{SECRET}@attack.test/"]}),
    "a redirect": (f"/?leave=yes&ordinary=1&password={SECRET}", {"fields": [f"Cookie: sid={SECRET}"]}),
    "a redirect to the same": (f"/?away=yes&access_token={SECRET}", {}),
}


def rules_log(g, wanted):
    path = pathlib.Path(g.directory, "rules.log")
    return eventually(lambda: wanted in path.read_text() and path.read_text(), f"{wanted} in the log of rules")


def everything(g):
    """All that was written about the requests, and the memory of kept exchanges."""
    for name in ("requests.log", "security.log", "rules.log", "audit.log", "stderr"):
        yield name, pathlib.Path(g.directory, name).read_bytes()
    for path, target in processes.files(g.process.pid).items():
        if "portcullis-recent" in target:
            yield "kept exchanges", b"".join(memory.data_of(path))


def needles():
    yield SECRET.encode()
    yield SECRET.lower().encode()
    for before in range(3):  # Base64 of it, wherever it stands
        text = base64.b64encode(b"x" * before + SECRET.encode() + b"xx")
        yield text[4:16]


def test_no_secret_is_in_any_log(g):
    for what, (target, options) in SENT.items():
        with g.client() as client:
            client.send(request(target, **options))
            assert client.response().status in (200, 302), what
    g.requests_log.wait_lines(len(SENT))
    rules_log(g, '[id "208"]')
    texts = dict(everything(g))
    assert set(texts) == {"requests.log", "security.log", "rules.log", "audit.log", "stderr", "kept exchanges"}
    for name in ("requests.log", "security.log", "audit.log", "kept exchanges"):
        assert b"ordinary" in texts[name], "it is the right text"
    assert texts["rules.log"].count(b"ModSecurity") > len(SENT)
    for name, text in texts.items():
        for needle in needles():
            at = text.find(needle)
            assert at < 0, (name, text[max(0, at - 300) : at + 40])


def test_an_attack_in_an_ordinary_value_is_told(g):
    with g.client() as client:
        client.send(request("/?ordinary=an+attack'--&x=1", fields=["Cookie: a=1"]))
        assert client.response().status == 200
    rules = {rule["id"]: rule for rule in g.security_log.wait(1)[0]["waf"]["rules"]}
    assert rules[201]["matched"] == "an attack'--" and rules[201]["msg"] == "seen an attack'-- in ARGS:ordinary"
    assert rules[202]["matched"] == "a" and rules[202]["msg"] == "chained an attack'--"
    assert rules[205]["matched"] == "attack" and rules[205]["msg"] == "ordinary"
    text = rules_log(g, '[id "205"]')
    assert '[data "found an attack\'-- of an attack\'--"]' in text
    tags = ["attack-sqli", "attack-an attack'--", "of ARGS:ordinary"]
    assert "".join(f' [tag "{tag}"]' for tag in tags) in text and rules[201]["tags"] == tags[:2]
    with Client(f"unix:{g.state}/admin.sock") as client:
        client.send(f"GET /exchanges/{g.requests_log.wait(1)[0]['id']} HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n".encode())
        kept = json.loads(client.response().body)
    rule = next(rule for rule in kept["waf"]["rules"] if rule["id"] == 201)
    assert rule["tags"] == tags
    finding = rule["findings"][0]
    assert (finding["raw"], finding["matched"]) == ("an attack'--",) * 2


def test_a_copy_that_its_own_name_tells_is_told(g):
    with g.client() as client:
        client.send(request("/", fields=["X-Odd: 1"]))
        assert client.response().status == 200
    rules = {rule["id"]: rule for rule in g.security_log.wait(1)[0]["waf"]["rules"]}
    assert (rules[209]["target"], rules[209]["matched"], rules[209]["msg"]) == ("TX:field_x-odd", "/x-odd/", "field /x-odd/")


def test_a_location_is_told_without_its_secrets(g):
    with g.client() as client:
        client.send(request(f"/?away=yes&access_token={SECRET}&b=2"))
        assert client.response().get("location") == f"https://elsewhere.test/?away=yes&access_token={SECRET}&b=2", "the client gets it whole"
    text = rules_log(g, "redirection")
    assert "redirection to https://elsewhere.test%{request_uri}" in text
