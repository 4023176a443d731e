"""@rbl: lists in the DNS, asked outside the workers while the request waits; what fails is no match."""

import json
import os
import subprocess
import threading
import urllib.parse

import pytest
from harness import nameserver
from harness.client import Client, request
from harness.deadline import eventually
from harness.gate import binary_path
from harness.nameserver import NameServer
from harness.processes import command_line

RULES = """
SecHttpBlKey abcdefghijkl
SecRule REMOTE_ADDR "@rbl ban.test" "id:1,phase:1,deny,status:403,log,msg:'on the list'"
SecRule REQUEST_HEADERS:X-Address "@rbl list.test" "id:2,phase:1,capture,redirect:'/%{tx.0}'"
SecRule REQUEST_HEADERS:X-Bot "@rbl dnsbl.httpbl.org" "id:3,phase:1,capture,redirect:'/%{tx.0}'"
SecRule REQUEST_HEADERS:X-Twice "@rbl one.test" "id:4,phase:1,pass,nolog"
SecRule REQUEST_HEADERS:X-Twice "@rbl two.test" "id:5,phase:1,pass,nolog"
SecRule REQUEST_HEADERS:X-Last "@rbl last.test" "id:6,phase:5,pass,log"
"""
SITE = """\
workers @workers
listen 127.0.0.1:0 [::1]:0
resolver @dns
site * {
  respond 200 "public"
  waf balanced { rules @rules }
}
"""
LISTED = "77.2.0.192.list.test"


@pytest.fixture
def dns():
    with NameServer({LISTED: ["127.0.0.2"]}, ttl=600) as server:
        yield server


@pytest.fixture
def start(gate, dns, tmp_path):
    def make(workers=1):
        rules = tmp_path / "own.conf"
        rules.write_text(RULES)
        return gate(SITE, rules=rules, dns=dns, workers=workers)

    return make


def ask(g, address="192.0.2.77", field="X-Address", where=None):
    """What the list says, or None."""
    with Client(where or g.address) as client:
        client.send(request(fields=[f"{field}: {address}"]))
        answer = client.response()
    return urllib.parse.unquote(answer.get("location") or "/")[1:] or None if answer.status == 302 else answer.status


def times(dns, name):
    return dns.asked.count((name, nameserver.A))


def succeeded(name):
    return f"RBL lookup of {name} succeeded at REQUEST_HEADERS:X-Address."


def observers(g):
    return [pid for pid in g.members() if "observer" in command_line(pid)]


def test_what_is_listed_matches_and_is_asked_for_once(start, dns):
    g = start(workers=2)
    for _ in range(6):
        assert ask(g) == succeeded(LISTED)
    for _ in range(6):
        assert ask(g, "192.0.2.78") == 200
    assert times(dns, LISTED) == times(dns, "78.2.0.192.list.test") == 1
    assert times(dns, "1.0.0.127.ban.test") == 1
    assert {kind for _, kind in dns.asked} == {nameserver.A}


def test_what_was_found_outlives_a_reload_and_the_observer(start, dns):
    g = start()
    assert ask(g) == succeeded(LISTED)
    g.reload()
    assert ask(g) == succeeded(LISTED)
    before = observers(g)
    for pid in before:
        g.kill(pid)
    eventually(lambda: observers(g) and observers(g) != before, "another observer")
    assert ask(g) == succeeded(LISTED)
    assert times(dns, LISTED) == 1
    dns.names["79.2.0.192.list.test"] = ["127.0.0.2"]  # the new one is asked for what is new
    eventually(lambda: ask(g, "192.0.2.79") == succeeded("79.2.0.192.list.test"), "an answer")


def test_clients_of_ipv6_are_asked_for_by_their_nibbles(start, dns):
    name = ".".join("1" + "0" * 31) + ".ban.test"
    dns.names[name] = ["127.0.0.2"]
    g = start()
    loopback6 = [a for a in g.addresses() if a.startswith("[")][0]
    assert ask(g, where=loopback6) == 403
    record = g.security_log.wait_for(lambda r: r["status"] == 403)
    assert record["waf"]["rules"][0]["id"] == 1
    assert times(dns, name) == 1
    assert ask(g, "2001:db8::1") == 200
    assert times(dns, ".".join("1" + "0" * 23 + "8bd01002") + ".list.test") == 1


def test_project_honey_pot_is_asked_with_the_key_which_is_told_to_nobody(start, dns):
    dns.names["abcdefghijkl.77.2.0.192.dnsbl.httpbl.org"] = ["127.3.47.5"]
    g = start()
    told = ask(g, field="X-Bot")
    assert told == (
        "RBL lookup of 77.2.0.192.dnsbl.httpbl.org succeeded at REQUEST_HEADERS:X-Bot. Suspicious "
        "comment spammer IP: 3 days since last activity, threat score 47"
    )
    dns.mode = nameserver.server_failure
    assert ask(g, "192.0.2.78", field="X-Bot") == 200
    g.wait_stderr("whether 78.2.0.192.dnsbl.httpbl.org is listed is not known")
    assert "abcdefghijkl" not in g.stderr()


def test_what_is_no_address_of_a_list_matches_nothing_and_is_said(start, dns):
    g = start()
    dns.names["1.2.0.192.list.test"] = ["127.255.255.254"]
    dns.names["2.2.0.192.list.test"] = ["192.0.2.99"]
    dns.names["3.2.0.192.list.test"] = ["192.0.2.99", "127.0.0.4"]
    assert ask(g, "192.0.2.1") == 200
    g.wait_stderr("1.2.0.192.list.test is listed is not known, .*answers 127.255.255.254, which is its refusal")
    assert ask(g, "192.0.2.2") == 200
    assert ask(g, "192.0.2.3") == succeeded("3.2.0.192.list.test")


def test_what_is_no_name_is_not_asked_for(start, dns):
    g = start()
    for value in ("", "a..b", "a b", "192.0.2.1:80", "x" * 64, "a" * 62 + "." + "b." * 100, "\\000"):
        assert ask(g, value) == 200
    dns.names["bad.example.list.test"] = ["127.0.0.2"]
    assert ask(g, "Bad.Example") == succeeded("bad.example.list.test")
    assert {name for name, _ in dns.asked if name.endswith("list.test")} == {"bad.example.list.test"}


def test_a_silent_server_is_no_match_and_its_late_answer_counts_for_the_next(start, dns):
    g = start()
    assert ask(g) == succeeded(LISTED)
    dns.mode = "silent"
    assert ask(g, "192.0.2.78") == 200
    g.wait_stderr("whether 78.2.0.192.list.test is listed is not known, so it matches nothing: ")
    eventually(lambda: times(dns, "78.2.0.192.list.test") >= 2, "a second try")
    assert ask(g) == succeeded(LISTED)  # what is known needs nobody
    assert ask(g, field="X-Twice") == 200  # both lists wait no longer than one does
    dns.mode = "well"
    dns.names["79.2.0.192.list.test"] = ["127.0.0.2"]
    assert ask(g, "192.0.2.79") == succeeded("79.2.0.192.list.test")


def test_others_are_served_while_one_waits(start, dns):
    g = start()
    assert ask(g, "192.0.2.1") == 200  # the client's own address is known from now on
    dns.mode = "silent"
    before = len(dns.asked)
    with g.client() as waiting, g.client() as other:
        waiting.send(request(fields=["X-Address: 192.0.2.78"]))
        eventually(lambda: len(dns.asked) > before, "it is asked")
        assert other.get().status == 200
        dns.mode = "well"
        dns.names["78.2.0.192.list.test"] = ["127.0.0.2"]
        assert waiting.response().status in (200, 302)  # the second try may come in time


@pytest.mark.parametrize("mode", [nameserver.server_failure, nameserver.rubbish, nameserver.truncated,
                                  nameserver.counts_that_lie, nameserver.compression_loop,
                                  *nameserver.forged("127.0.0.2")])
def test_bad_answers_are_no_match(start, dns, mode):
    g = start()
    before = observers(g)
    dns.mode = mode
    assert ask(g, "192.0.2.78") == 200
    if mode is not nameserver.compression_loop:  # which is well-formed, and has no address
        g.wait_stderr("is listed is not known")
    assert observers(g) == before
    dns.mode = "well"
    dns.names["79.2.0.192.list.test"] = ["127.0.0.2"]
    assert ask(g, "192.0.2.79") == succeeded("79.2.0.192.list.test")


def test_a_dead_server_is_no_match_and_another_counts_from_the_reload_on(start, dns):
    g = start()
    dns.__exit__()
    assert ask(g, "192.0.2.78") == 200
    g.wait_stderr("is listed is not known")
    with NameServer({LISTED: ["127.0.0.2"]}) as other:
        g.reload(SITE, dns=other)
        eventually(lambda: ask(g) == succeeded(LISTED), "the other server's answer")


def test_a_flood_of_questions_is_bounded_and_each_is_answered(start, dns):
    """More clients than may wait at the same time, all with addresses of their own, and nobody answers."""
    g = start(workers=2)
    sources = [f"127.0.0.{i}" for i in range(1, 7)]
    for source in sources:
        with g.client(source=source) as client:
            assert client.get().status == 200
    dns.mode = "silent"
    clients = [g.client(source=sources[i % 6]) for i in range(600)]
    for i, client in enumerate(clients):
        client.send(request(fields=[f"X-Address: 198.51.{i // 250}.{i % 250}"]))
    statuses = {client.response().status for client in clients}
    for client in clients:
        client.close()
    assert statuses == {200}
    assert len(g.stderr().splitlines()) < 50
    dns.mode = "well"
    eventually(lambda: ask(g) == succeeded(LISTED), "all is well again")


def test_many_clients_that_ask_the_same_ask_once(start, dns):
    g = start(workers=2)
    assert ask(g, "192.0.2.1") == 200
    told = []
    threads = [threading.Thread(target=lambda: told.append(ask(g))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert told == [succeeded(LISTED)] * 40
    assert times(dns, LISTED) == 1


def test_the_last_phase_asks_nobody(start, dns):
    g = start()
    assert ask(g, field="X-Last") == 200
    g.requests_log.wait(1)
    assert ask(g, "192.0.2.1") == 200
    assert not [name for name, _ in dns.asked if name.endswith("last.test")]


def test_dry_runs_ask_nobody_and_say_so(start, dns, tmp_path):
    g = start()

    def run(*arguments):
        done = subprocess.run([binary_path(), *arguments], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    explain = ["explain", "http://localhost/", "-c", g.config_path, "--from", "127.0.0.1", "-H", "X-Address: 192.0.2.77"]
    assert "(lists in the DNS are not asked here: nothing is on them)" in run(*explain)
    steps = json.loads(run(*explain, "--json"))["steps"]
    assert [s["lists_not_asked"] for s in steps if s["stage"] == "waf"] == [True]
    (tmp_path / "request").write_bytes(request(fields=["X-Address: 192.0.2.77"]))
    test = ["waf", "test", "--rules", str(tmp_path / "own.conf"), str(tmp_path / "request")]
    assert "(lists in the DNS are not asked here: nothing is on them)" in run(*test)
    assert json.loads(run(*test, "--json"))["lists_not_asked"] is True
    assert not dns.asked

    assert ask(g) == succeeded(LISTED)
    changed = os.path.join(g.directory, "changed.conf")
    (tmp_path / "other.conf").write_text(RULES.replace("ban.test", "other.test"))
    with open(g.config_path) as file, open(changed, "w") as out:
        out.write(file.read().replace("own.conf", "other.conf"))
    before = len(dns.asked)
    assert "Lists in the DNS are not asked here" in g.command("whatif", changed).stdout
    assert len(dns.asked) == before


@pytest.mark.parametrize("line,told", [
    ('SecRule REMOTE_ADDR "@rbl http://list.test/" "id:1,phase:1,deny"', '@rbl wants the name of a list, such as list.example.org, found "http://list.test/"'),
    ("SecHttpBlKey not.a.key", "SecHttpBlKey needs the key of Project Honey Pot"),
])
def test_what_is_no_list_and_no_key_is_an_error(start, gate, tmp_path, line, told):
    g = start()
    (tmp_path / "own.conf").write_text(line + "\n")
    assert told in g.command("reload", check=1).stderr
