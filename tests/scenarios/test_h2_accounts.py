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


def is_turned_away(address, source):
    """Told to calm down before it has sent anything that costs."""
    with Http2Client(address, source=source) as client:
        with contextlib.suppress(Ended, OSError):
            client.send_as_far_as_taken(ping())
            client.read_until(lambda: client.goaways or client.pings, "a word")
        return [code for _, code, _ in client.goaways] == ["ENHANCE_YOUR_CALM"]


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
