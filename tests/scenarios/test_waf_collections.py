"""What rules keep over requests (initcol, setvar:ip.x): by all workers, over reloads and crashes, for each site its own."""

import contextlib
import glob
import os
import threading

import pytest
from harness.client import request
from harness.deadline import eventually
from harness.origin import response
from harness.stream import Ended

COUNTING = """
SecAction "id:1,phase:1,pass,nolog,initcol:ip=%{remote_addr},initcol:global=all"
SecRule REQUEST_URI "@beginsWith /count" "id:2,phase:1,pass,nolog,setvar:ip.seen=+1,setvar:global.seen=+1"
SecRule REQUEST_URI "@beginsWith /note" "id:3,phase:1,pass,nolog,setvar:ip.note=%{args.text}"
SecRule REQUEST_URI "@beginsWith /brief" "id:4,phase:1,pass,nolog,setvar:ip.brief=1,expirevar:ip.brief=%{args.seconds}"
SecRule REQUEST_URI "@beginsWith /tell" "id:9,phase:1,redirect:'/%{ip.seen}.%{global.seen}.%{ip.note}.%{ip.brief}'"
"""
CONFIG = """\
workers @workers
site a.test b.test {
  respond 200 "public"
  waf balanced { rules @rules }
}
site c.test {
  respond 200 "public"
  waf balanced { rules @rules }
}
"""
CRS = "/usr/share/modsecurity-crs"


@pytest.fixture
def counting(gate, tmp_path):
    def make(rules=COUNTING, workers=1):
        path = tmp_path / "own.conf"
        path.write_text(rules)
        return gate(CONFIG, rules=path, workers=workers)

    return make


def get(g, path, host="a.test", **options):
    with g.client(**options) as client:
        client.send(request(path, host=host))
        return client.response()


def told(g, **options):
    """What is kept: the address's count, that of all, a note, and what is kept for a while."""
    return get(g, "/tell", **options).get("location")


def test_no_count_of_several_workers_is_lost(counting):
    g = counting(workers=2)
    each, clients = 40, 6
    failures = []

    def count(source):
        try:
            with g.client(source=source) as client:
                for _ in range(each):
                    client.send(request("/count", host="a.test"))
                    assert client.response().status == 200
        except Exception as failure:  # told below, in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=count, args=(f"127.0.6.{1 + i % 2}",)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {told(g, source="127.0.6.1") for _ in range(4)} == {f"/{each * clients // 2}.{each * clients}.."}
    assert told(g, source="127.0.6.3") == f"/.{each * clients}.."


def test_what_is_kept_outlives_reloads_and_workers_that_are_killed(counting):
    g = counting(workers=2)
    get(g, "/note?text=hello")
    for expected in range(1, 4):
        get(g, "/count")
        assert told(g) == f"/{expected}.{expected}.hello."
        if expected == 1:
            g.reload()
        else:
            before = g.workers()
            g.kill(before[0])
            eventually(lambda: before[0] not in g.workers() and len(g.workers()) == 2, "another worker")


def test_sites_do_not_share_what_their_rules_keep(counting):
    g = counting()
    get(g, "/count", host="a.test")
    get(g, "/count", host="b.test")  # another name of the same site
    get(g, "/count", host="c.test")
    assert [told(g, host=host) for host in ("a.test", "b.test", "c.test")] == ["/2.2..", "/2.2..", "/1.1.."]


def test_sites_share_it_where_the_rules_name_their_application(counting):
    g = counting("SecWebAppId all\n" + COUNTING)
    for host in ("a.test", "c.test"):
        get(g, "/count", host=host)
    assert [told(g, host=host) for host in ("a.test", "c.test")] == ["/2.2..", "/2.2.."]


def test_a_variable_ends_at_its_time(counting):
    g = counting()
    get(g, "/brief?seconds=1")
    get(g, "/count")
    eventually(lambda: told(g) == "/1.1..", "the variable to end")
    get(g, "/brief?seconds=1000")
    assert told(g) == "/1.1..1"


@pytest.mark.skipif(not os.path.isdir(CRS), reason=f"no Core Rule Set in {CRS}")
def test_the_core_rule_set_bans_an_address_after_its_bursts(gate, origin, tmp_path):
    """Two bursts of more than ten requests, then the ban: 912120 and its like of version 3."""
    if not glob.glob(f"{CRS}/rules/REQUEST-912-DOS-PROTECTION.conf"):
        pytest.skip(f"the rules in {CRS} have no protection against denial of service")
    origin.serve(lambda got, connection: response(b"page"))
    settings = tmp_path / "settings.conf"
    settings.write_text('SecAction "id:900700,phase:1,nolog,pass,t:none,setvar:tx.dos_burst_time_slice=60,'
                        'setvar:tx.dos_counter_threshold=10,setvar:tx.dos_block_timeout=600,setvar:tx.crs_setup_version=334,'
                        'setvar:tx.static_extensions=/.jpg/"')
    files = " ".join(f"{CRS}/rules/REQUEST-{name}.conf" for name in ("901-INITIALIZATION", "912-DOS-PROTECTION"))
    g = gate(f"workers 2\nsite * {{\n to @origin\n waf balanced {{ rules @settings {files} }}\n}}\n", origin=origin, settings=settings)

    def ask(source, count, path="/page.html"):
        """How many of so many requests on one connection were answered: the ban cuts it. What counts runs after each response."""
        answered = 0
        g.requests_log.skip()
        with g.client(source=source) as client, contextlib.suppress(Ended, ConnectionError):
            for _ in range(count):
                client.send(request(path, fields=["User-Agent: one"]))
                answered += client.response().status == 200
        g.requests_log.wait(answered)
        return answered

    assert ask("127.0.7.1", 30, "/picture.jpg") == 30, "static files are not counted"
    assert ask("127.0.7.1", 5) == 5
    assert ask("127.0.7.1", 25) == 15, "the second burst ends with the twentieth"
    assert ask("127.0.7.2", 1) == 1, "another address"
    g.reload()
    assert ask("127.0.7.1", 1) == 0, "and after a reload"
    record = g.security_log.wait_for(lambda r: r.get("reason") == "waf.dos")
    assert record["client"] == "127.0.7.1"
    assert 912120 in [rule["id"] for rule in record["waf"]["rules"]]
    assert "Denial of Service" in record["waf"]["rules"][0]["msg"]
