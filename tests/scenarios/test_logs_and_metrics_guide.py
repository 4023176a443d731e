"""What docs/guide/logs-and-metrics.md says is true: its tables name every member and metric there is,
and its commands do what they should. PORTCULLIS_EXPECT=write writes the table of metrics anew."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from harness import websocket
from harness.certificates import Authority
from harness.client import Client, request
from harness.deadline import eventually
from harness.gate import ROOT
from harness.tls import Http2TlsClient, TlsClient, context

PAGE = pathlib.Path(ROOT) / "docs" / "guide" / "logs-and-metrics.md"


def section(heading):
    text = PAGE.read_text()
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def members_of(heading):
    return set(re.findall(r"^\| `(\w+)` \|", section(heading), re.MULTILINE))


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def tool(name):
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed here (tools/install-packages test)")
    return found


@pytest.fixture
def busy(gate, origin, tmp_path):
    """A gate that has met everything that the logs can tell."""

    def play(got, connection):
        return websocket.agreement() if got.target == "/ws" else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    origin.serve(play)
    how = context()
    rules = tmp_path / "own.conf"
    rules.write_text('SecRequestBodyAccess On\nSecRule ARGS "@streq bad" "id:1,phase:1,deny,status:403,msg:\'bad\'"\n')
    proxy = gate(
        "log audit json to @directory/audit.json\nlisten 127.0.0.1:0 tls\nlimits { connections-per-client 3 }\ntrust proxies 127.0.0.2\norigin app { server @origin }\n"
        "site tls.test { to app; tls @pair }\nsite example.test { to app; tls off; waf off; route /d/* { deny all }; route = /nobody { to 127.0.0.1:1 }; "
        "route /rules/* { waf balanced { rules @rules } }; "
        "route /unjudged { waf balanced mode shadow { rules @rules; body 1K } } }",
        rules=rules, origin=origin, pair=Authority(tmp_path).issue("tls.test"),
    )
    session = None
    for _ in range(2):
        with TlsClient(proxy.addresses()[1], how, "tls.test", session=session) as client:
            assert client.get("/", host="tls.test").status == 200
            session = client.socket.session
    with Http2TlsClient(proxy.addresses()[1], context(alpn=["h2"]), "tls.test") as client:
        assert client.get("/", authority="tls.test").status == 200
    fields = ["User-Agent: a", "Referer: http://r.test/"]
    with proxy.client() as client:
        for path in ("/a/../b", "/d/x", "/nobody", "/", "/rules/?q=bad"):
            client.get(path, fields=fields)
    with proxy.client(source="127.0.0.2") as client:
        client.get("/d/y", fields=[*fields, "X-Forwarded-For: 192.0.2.1"])
    with proxy.client() as client:
        client.send(b"\x16\x03\x01\r\n\r\n").recv_all()
    eventually(lambda: proxy.metrics().get("portcullis_connections_open") == 0, "nobody left")
    held = [proxy.client() for _ in range(3)]
    for client in held:
        client.get("/")
    with proxy.client() as client:
        assert client.response().status == 429
    for client in held:
        client.close()
    proxy.requests_log.wait_lines(13)
    proxy.security_log.wait_lines(5)
    return proxy


def test_the_tables_name_every_member_of_the_logs(busy):
    requests = set().union(*busy.requests_log.records())
    assert requests == members_of("The request log")
    security = set().union(*busy.security_log.records())
    own = members_of("The security log")
    assert own <= security <= own | members_of("The request log")


def describe(metrics):
    """The rows of the table, as they should read."""
    rows = []
    for family, kind in metrics.kinds.items():
        labels = set()
        for name, found in metrics.samples:
            if metrics._family_of(name) == family:
                labels |= {label for label, _ in found} - {"le"}
        names = ", ".join(f"`{label}`" for label in sorted(labels))
        rows.append(f"| `{family}` | {kind} | {names} | {metrics.helps[family]} |")
    return sorted(rows)


def test_the_table_names_every_metric(busy):
    with busy.client() as client:
        client.send(request("/unjudged", method="POST", body=b"a=" + b"x" * 2000, fields=["Content-Type: application/x-www-form-urlencoded"]))
        assert client.response().status == 200
    busy.security_log.wait_lines(6)
    rows = describe(busy.metrics())
    text = PAGE.read_text()
    start = text.index("| metric | type | labels | meaning |\n|---|---|---|---|\n")
    start = text.index("|---|---|---|---|\n", start) + len("|---|---|---|---|\n")
    end = text.index("\n\n", start)
    if os.environ.get("PORTCULLIS_EXPECT") == "write":
        PAGE.write_text(text[:start] + "\n".join(rows) + text[end:])
    else:
        assert text[start:end].splitlines() == rows


def test_every_jq_command_works(busy):
    tool("jq")
    commands = [line for block in blocks("sh") for line in block.splitlines() if "jq " in line]
    assert len(commands) >= 8
    told = {}
    for command in commands:
        command = command.replace("/var/log/portcullis/requests.json", busy.requests_log.path)
        command = command.replace("/var/log/portcullis/security.json", busy.security_log.path)
        command = command.replace("/var/log/portcullis/audit.json", f"{busy.directory}/audit.json")
        if command.startswith("portcullis status"):
            command = command.replace("portcullis status --json", "cat status.json")
            with open(f"{busy.directory}/status.json", "w") as file:
                json.dump(busy.status(), file)
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, cwd=busy.directory, timeout=30
        )
        assert done.returncode == 0 and done.stderr == "", (command, done.stderr)
        told[command.split("'")[1] if "'" in command else command] = done.stdout
    assert any("upstream.connect" in text for text in told.values())
    assert re.search(r"\b2 access\.deny$", told[".reason"], re.MULTILINE)
    assert any(text.endswith("\twaf.rule\t1\n") for text in told.values())


def fail2ban(log, *filter_words):
    done = subprocess.run(
        [tool("fail2ban-regex"), "--print-all-matched", log, *filter_words],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_filter_for_fail2ban_finds_refusals_and_the_right_address(busy, tmp_path):
    tool("fail2ban-regex")
    definition, jail, _ = blocks("ini")
    path = tmp_path / "portcullis.conf"
    path.write_text(definition)
    lying = b'GET /d/x?","client":"192.0.2.66" HTTP/1.1\r\nHost: example.test\r\n'
    lying += b'User-Agent: "client":"192.0.2.66"\r\n\r\n'
    with busy.client() as client:
        client.send(lying).recv_all()
    with busy.client() as client:
        client.get("/d/x", fields=['User-Agent: ","client":"192.0.2.66"'])
        client.get("/rules/?%22,%22client%22:%22192.0.2.66%22=bad")
    busy.security_log.wait_lines(8)
    told = fail2ban(busy.security_log.path, str(path))
    assert "Lines: 8 lines, 0 ignored, 8 matched, 0 missed" in told, told
    verbose = subprocess.run(
        [tool("fail2ban-regex"), "-o", "<ip>", busy.security_log.path, str(path)],
        capture_output=True, text=True, timeout=60,
    )
    assert sorted(set(verbose.stdout.split())) == ["127.0.0.1", "192.0.2.1"]
    assert "logpath  = /var/log/portcullis/security.json" in jail


@pytest.fixture
def combined(gate, origin):
    origin.serve(lambda got, connection: b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
    proxy = gate("log requests combined to @directory/access.log\nsite example.test { to @origin }",
                 origin=origin)
    for head in (
        request("/phpmyadmin/index.php", fields=['User-Agent: "quoted" \\ \xe9']),
        request("/?token=secret&a=b", fields=["Referer: http://r.test/?password=x"]),
        b"\x16\x03\x01\x02\r\n\r\n",
        request("/x", method="POST", body=b"abc"),
        request("/y", host="other.test"),
    ):
        with proxy.client() as client:
            client.send(head).response()
    log = type(proxy.requests_log)(f"{proxy.directory}/access.log")
    log.wait_lines(5)
    return log


def test_goaccess_reads_every_line(combined, tmp_path):
    (command,) = (l for b in blocks("sh") for l in b.splitlines() if l.startswith("goaccess"))
    out = tmp_path / "report.json"
    words = command.replace("/var/log/portcullis/access.log", combined.path).split()
    words = [tool("goaccess"), *words[1:-1], str(out), "--no-global-config"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    general = json.loads(out.read_text())["general"]
    assert (general["valid_requests"], general["failed_requests"]) == (5, 0)


def test_the_filters_that_fail2ban_has_for_nginx_read_it(combined):
    told = fail2ban(combined.path, "nginx-bad-request")
    assert "Lines: 5 lines, 0 ignored, 1 matched" in told, told
    told = fail2ban(combined.path, "nginx-botsearch")
    assert "Lines: 5 lines, 0 ignored, 1 matched" in told and "phpmyadmin" in told, told


RULES_OF_LINES = """
SecDefaultAction "phase:1,pass,log"
SecRule ARGS|REQUEST_COOKIES|REQUEST_HEADERS "@contains bad" "id:1,phase:1,pass,msg:'bad \\'thing\\'',\\
    logdata:'found %{MATCHED_VAR} in %{MATCHED_VAR_NAME}'"
SecRule QUERY_STRING "@contains bad" "id:2,phase:1,pass,msg:'in the query',logdata:'%{MATCHED_VAR}'"
SecRule ARGS:end "@streq yes" "id:3,phase:1,deny,status:403,msg:'over'"
SecRule ARGS "@contains quiet" "id:4,phase:1,pass,nolog"
"""


@pytest.fixture
def modsecurity(gate, origin, tmp_path):
    origin.serve(lambda got, connection: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    rules = tmp_path / "lines.conf"
    rules.write_text(RULES_OF_LINES)
    proxy = gate("log rules modsecurity to @directory/lines.log\ntrust proxies 127.0.0.2\n"
                 "site * { to @origin; waf balanced { rules @rules }; route /shadow/* { waf balanced mode shadow { rules @rules } } }",
                 origin=origin, rules=rules)
    return proxy, type(proxy.requests_log)(f"{proxy.directory}/lines.log")


def test_the_lines_of_rules_are_those_of_modsecurity(modsecurity):
    proxy, log = modsecurity
    with proxy.client() as client:
        client.get("/p?q=bad%0a%22here&end=yes&z=quiet")
        client.get("/fine?z=quiet")
    lines = log.wait_lines(3)
    lines = [line.decode() if isinstance(line, bytes) else line for line in lines]
    for line in lines:
        assert re.match(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] \[security2:error\] \[pid \d+\] \[client 127\.0\.0\.1\] ModSecurity: ", line), line
        assert '[uri "/p"]' in line and "[unique_id " in line
    assert "Warning. String match \"bad\" at ARGS:q." in lines[0], lines[0]
    assert '[id "1"] [msg "bad \'thing\'"] [data "found bad\\n\\"here in ARGS:q"]' in lines[0], lines[0]
    assert '[id "2"]' in lines[1] and '[data "***"]' in lines[1]
    assert "Access denied with code 403 (phase 1)." in lines[2] and '[id "3"]' in lines[2]
    assert proxy.status()["log"]["rules"] == {"offered": 3, "dropped": 0}


def test_the_lines_of_rules_tell_no_secrets_and_are_bounded(modsecurity):
    proxy, log = modsecurity
    with proxy.client() as client:
        client.get("/p;jsessionid=hidden1?password=badhidden2", fields=["Cookie: s=badhidden3", "Referer: http://r.test/?token=hidden4&bad",
                                                                       "Authorization: badhidden5"])
        client.get("/?" + "&".join(f"a{i}=bad" for i in range(60)) + "&end=yes")
    proxy.requests_log.wait_lines(2)
    lines = log.wait_lines(6 + 33)
    text = "".join(line.decode() if isinstance(line, bytes) else line for line in lines)
    assert "hidden" not in text and text.count('[data "***"]') >= 6
    assert len(lines) == 6 + 33 and text.count("Access denied") == 1


def test_the_longest_request_does_not_keep_its_lines_out(modsecurity):
    proxy, log = modsecurity
    with proxy.client() as client:
        long = "%01" * 1500
        assert client.get(f"/{'%22' * 600}?{'n' * 300}=bad{long}&end=yes").status == 403
    lines = log.wait_lines(3)
    assert len(lines) == 3
    assert proxy.status()["log"]["rules"] == {"offered": 3, "dropped": 0}


def test_the_filter_that_fail2ban_has_for_modsecurity_reads_them(modsecurity):
    tool("fail2ban-regex")
    proxy, log = modsecurity
    with proxy.client() as client:
        client.get("/?q=bad&end=yes")
        client.get("/shadow/?end=yes")
    with proxy.client(source="127.0.0.2") as client:
        client.get("/?end=yes&q=%5d+%5bclient+192.0.2.66%5d+ModSecurity:+Access+denied+with+code+403", fields=["X-Forwarded-For: 2001:db8::1"])
    log.wait_lines(5)
    told = fail2ban(log.path, "apache-modsecurity")
    assert "Lines: 5 lines, 0 ignored, 2 matched, 3 missed" in told, told
    found = subprocess.run([tool("fail2ban-regex"), "-o", "<ip>", log.path, "apache-modsecurity"], capture_output=True, text=True, timeout=60)
    assert found.stdout.split() == ["127.0.0.1", "2001:db8::1"]


def test_paths_of_the_last_table_answer(busy):
    table = section("Is it well?")
    paths = re.findall(r"^\| `(/\w+)` \|", table, re.MULTILINE)
    assert paths == ["/healthz", "/readyz", "/metrics", "/status"]
    for path in paths:
        with Client(f"unix:{busy.state}/admin.sock") as client:
            assert client.get(path, host="localhost").status == 200
