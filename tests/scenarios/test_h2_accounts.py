"""What clients of HTTP/2 have left to spend belongs to their address: over all connections and workers, and
also after a reload."""

import contextlib

from harness.http2 import Http2Client, ping
from harness.stream import Ended

CONFIG = """\
listen 127.0.0.1:0 h2c
workers 3
limits { h2-budget 500 }  # what follows costs each connection 495
site * { respond 200 "public" }
"""


def word_for(address, source):
    """What becomes of a connection that has sent nothing that costs: an answer, told to calm down, or reset."""
    try:
        with Http2Client(address, source=source) as client:
            with contextlib.suppress(Ended, OSError):
                client.send_as_far_as_taken(ping())
                client.read_until(lambda: client.goaways or client.pings, "a word")
            if client.pings:
                return "served"
            return client.goaways[0][1] if client.goaways else "reset"
    except OSError:
        return "reset"


def is_turned_away(address, source):
    return word_for(address, source) in ("ENHANCE_YOUR_CALM", "reset")


def test_one_account_for_all_workers_and_generations(gate):
    g = gate(CONFIG)
    address, bad = g.addresses()[1], "127.0.5.1"
    with contextlib.ExitStack() as stack:
        floods = [stack.enter_context(Http2Client(address, source=bad)) for _ in range(12)]
        for pings in (120, 121):  # the last one shows that there was no GOAWAY behind the answers
            for client in floods:
                client.send_as_far_as_taken(ping() * (pings - len(client.pings)))
            for client in floods:
                with contextlib.suppress(Ended, OSError):
                    client.read_until(lambda: client.goaways or len(client.pings) >= pings, "the end")
        assert sum(bool(client.goaways) for client in floods) >= 6, "it has four accounts, and what seconds give"
    assert all(is_turned_away(address, bad) for _ in range(9)), "in every worker"
    g.reload()
    assert all(is_turned_away(address, bad) for _ in range(9)), "and in the next generation"
    with Http2Client(address, source="127.0.5.2") as good:
        assert good.get("/").body == b"public"
    record = g.security_log.wait_for(lambda r: r["reason"] == "h2.abuse-address")
    assert record["client"] == bad


def test_an_address_that_does_not_calm_down_is_shunned(gate):
    g = gate(CONFIG.replace("h2-budget 500", "h2-budget 5000").replace("workers 3", "workers 1"))
    address, bad = g.addresses()[1], "127.0.5.1"
    for _ in range(5):  # four accounts, and what seconds give
        with Http2Client(address, source=bad) as flood, contextlib.suppress(Ended, OSError):
            flood.send_as_far_as_taken(ping() * 1300)
            flood.read_until(lambda: flood.goaways, "the end")
    words = [word_for(address, bad) for _ in range(40)]
    told = words.index("reset")
    assert words[0] == "ENHANCE_YOUR_CALM" and set(words[:told]) == {"ENHANCE_YOUR_CALM"}, words
    assert 4 <= told <= 20, words
    assert words.count("ENHANCE_YOUR_CALM") < 25, "only as often as time forgives"
    assert word_for(address, "127.0.5.2") == "served"
    g.security_log.wait_for(lambda r: r["reason"] == "h2.abuse-shunned" and r["client"] == bad)
    assert len([r for r in g.security_log.records() if r["reason"] == "h2.abuse-shunned"]) < 10, "not one a connection"
