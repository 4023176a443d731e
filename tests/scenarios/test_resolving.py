"""Names of origins: resolved outside the workers, again when their time ends; what a name server
does badly leaves what was known."""

import pytest
from harness import nameserver
from harness.deadline import eventually
from harness.nameserver import NameServer
from harness.origin import Origin, response
from harness.ports import reserve_port
from harness.processes import command_line

SITE = "resolver @dns\nsite * { to app.test:@port }"


@pytest.fixture
def servers():
    """Origin servers on one port of several addresses, each answering with its address."""
    made = []

    def make(*addresses):
        port = reserve_port()
        for address in addresses:
            made.append(Origin(host=address, port=port))
        for server, address in zip(made, addresses):
            server.serve(lambda got, connection, a=address: response(a.encode()))
        return port

    yield make
    for server in made:
        server.close()


def answers(gate, count=1):
    """Who answers `count` requests on one connection; None for a 502."""
    with gate.client() as client:
        got = [client.get() for _ in range(count)]
    return [a.body.decode() if a.status == 200 else None for a in got]


def observers(gate):
    return [pid for pid in gate.members() if "observer" in command_line(pid)]


def wait_answer(gate, expected):
    eventually(lambda: answers(gate) == [expected], f"an answer of {expected}")


def test_all_addresses_of_a_name_are_used(gate, servers):
    port = servers("127.0.0.2", "127.0.0.3", "::1")
    with NameServer({"app.test": ["127.0.0.2", "127.0.0.3", "::1"]}) as dns:
        # no connection is kept, so that each request chooses an address
        g = gate(
            "resolver @dns\nsite * { to app }\norigin app { server app.test:@port; keep-alive 0 }",
            dns=dns,
            port=port,
        )
        eventually(lambda: answers(g) != [None], "the first answer")
        assert sorted(answers(g, 12)) == ["127.0.0.2"] * 4 + ["127.0.0.3"] * 4 + ["::1"] * 4
        assert {kind for _, kind in dns.asked} == {nameserver.A, nameserver.AAAA}
        assert {name for name, _ in dns.asked} == {"app.test"}


def test_an_address_that_refuses_is_passed_over(gate, servers):
    port = servers("127.0.0.3")
    with NameServer({"app.test": ["127.0.0.2", "127.0.0.3"]}) as dns:
        g = gate(SITE, dns=dns, port=port)
        wait_answer(g, "127.0.0.3")
        assert answers(g, 6) == ["127.0.0.3"] * 6


def test_a_name_moves_without_a_reload_and_survives_a_dead_server(gate, servers):
    port = servers("127.0.0.2", "127.0.0.3", "127.0.0.4")
    with NameServer({"app.test": ["127.0.0.2"]}) as dns:
        g = gate(
            "resolver @dns\nsite * { to app }\norigin app { server app.test:@port; keep-alive 0 }",
            dns=dns,
            port=port,
        )
        wait_answer(g, "127.0.0.2")
        dns.names["app.test"] = ["127.0.0.3"]
        wait_answer(g, "127.0.0.3")
        # from now on everything is answered badly; the last addresses stay
        for mode in (nameserver.server_failure, "silent"):
            dns.mode = mode
            before = len(dns.asked)
            eventually(lambda: len(dns.asked) > before + 1, "it is asked again")
            assert answers(g, 3) == ["127.0.0.3"] * 3
        g.wait_stderr("app.test cannot be resolved: .*last addresses stay in use")
        dns.mode = "well"
        dns.names["app.test"] = ["127.0.0.4"]
        g.reload()  # which asks again at once
        wait_answer(g, "127.0.0.4")
        g.wait_stderr("app.test resolves again")
        assert g.metrics().get("portcullis_generation") == 2


def test_it_is_ready_before_any_name_is_known(gate, servers):
    port = servers("127.0.0.2")
    with NameServer({}) as dns:
        dns.mode = "silent"
        g = gate(SITE + "\nsite here.test { respond 200 here }", dns=dns, port=port)  # READY=1
        with g.client() as client:
            assert client.get("/unknown").status == 502
            assert client.get(host="here.test").body == b"here"
        record = g.requests_log.wait_for(lambda r: r["uri"] == "/unknown")
        assert (record["reason"], record["fault"]) == ("upstream.name", "upstream")
        dns.mode = "well"
        dns.names["app.test"] = ["127.0.0.2"]
        g.reload()
        wait_answer(g, "127.0.0.2")


def test_a_name_that_does_not_exist_yet_is_asked_for_again(gate, servers):
    port = servers("127.0.0.2")
    with NameServer({}) as dns:
        g = gate(SITE, dns=dns, port=port)
        g.wait_stderr("app.test cannot be resolved: .*it has no address")
        assert answers(g) == [None]
        dns.names["app.test"] = ["127.0.0.2"]
        wait_answer(g, "127.0.0.2")


def test_hostile_answers_are_not_believed(gate, servers):
    port = servers("127.0.0.2", "127.0.0.66")
    other_number, other_question = nameserver.forged("127.0.0.66")
    modes = [
        other_number,
        other_question,
        nameserver.truncated,
        nameserver.counts_that_lie,
        nameserver.compression_loop,
        nameserver.rubbish,
    ]
    with NameServer({"app.test": ["127.0.0.2"]}, ttl=0) as dns:
        g = gate(
            "resolver @dns\nsite * { to app }\norigin app { server app.test:@port; keep-alive 0 }",
            dns=dns,
            port=port,
        )
        wait_answer(g, "127.0.0.2")
        observer = observers(g)
        for mode in modes:
            dns.mode = mode
            before = len(dns.asked)
            g.reload()
            eventually(lambda: len(dns.asked) > before, "it is asked")
            assert answers(g, 2) == ["127.0.0.2"] * 2, mode
        dns.mode = "well"
        g.reload()
        eventually(lambda: dns.asked.count(("app.test", nameserver.A)) > len(modes), "asked well")
        assert answers(g, 3) == ["127.0.0.2"] * 3
        assert observers(g) == observer  # it did not die of any of them


def test_another_name_server_counts_from_the_reload_on(gate, servers):
    port = servers("127.0.0.2", "127.0.0.3")
    with NameServer({"app.test": ["127.0.0.2"]}) as one, NameServer(
        {"app.test": ["127.0.0.3"]}
    ) as two:
        text = "resolver @dns\nsite * { to app }\norigin app { server app.test:@port; keep-alive 0 }"
        g = gate(text, dns=one, port=port)
        wait_answer(g, "127.0.0.2")
        g.reload(text + "\nsite broken {", dns=two, check=1)  # changes nothing
        assert answers(g, 2) == ["127.0.0.2"] * 2
        assert not two.asked
        g.reload(text, dns=two)
        wait_answer(g, "127.0.0.3")


def test_the_hosts_file_counts(gate, servers):
    port = servers("127.0.0.1")
    with NameServer({}) as dns:
        g = gate("resolver @dns\nsite * { to localhost:@port }", dns=dns, port=port)
        wait_answer(g, "127.0.0.1")
