"""Rules that change and workers that die while requests are judged: each request is judged by the rules of one generation from its head to its
end, none fails because of a reload, and a worker that dies takes only its own with it."""

import signal
import threading

import pytest
from harness.client import request
from harness.deadline import eventually
from harness.origin import response
from harness.stream import Ended

# Each phase says by which rules it was judged; a request that two generations had judged would have two numbers.
RULES = """
SecRequestBodyAccess On
SecAction "id:1,phase:1,pass,nolog,setvar:tx.first={number},initcol:global=all,setvar:global.seen=+1"
SecRule REQUEST_URI "@beginsWith /seen" "id:2,phase:1,redirect:'/%{{global.seen}}'"
SecAction "id:3,phase:2,redirect:'/%{{tx.first}}.{number}.%{{args.q}}'"
"""
SITE = 'workers @workers\nsite * { to @origin; limits { body-rate off }; waf balanced { rules @rules } }\n'
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture
def start(gate, origin, tmp_path):
    path = tmp_path / "own.conf"
    origin.serve(lambda got, connection: response(b"not judged"))

    def write(number):
        path.write_text(RULES.format(number=number))

    def make(workers):
        write(0)
        return gate(SITE, origin=origin, rules=path, workers=workers), write

    return make


def judged_by(location):
    first, second, rest = location[1:].split(".", 2)
    assert first == second, f"two generations have judged it: {location}"
    return int(first), rest


def ask(g, q):
    with g.client() as client:
        client.send(request("/", method="POST", body=f"q={q}".encode(), fields=[FORM]))
        return client.response()


def test_a_reload_under_load_fails_no_request_and_mixes_no_rules(start):
    g, write = start(2)
    ended, failures, seen = threading.Event(), [], set()

    def load(name):
        number = 0
        try:
            while not ended.is_set():
                number += 1
                answer = ask(g, f"{name}{number}")
                assert answer.status == 302, answer.raw
                generation, rest = judged_by(answer.get("location"))
                assert rest == f"{name}{number}"
                seen.add(generation)
        except Exception as failure:  # told below, in the test's own thread
            failures.append(failure)

    address = g.address  # before the threads ask for it
    threads = [threading.Thread(target=load, args=(name,)) for name in "ab"]
    with g.client() as slow:  # its body is under way all the time
        slow.send(request("/", method="POST", fields=[FORM, "Content-Length: 6"]) + b"q=")
        for thread in threads:
            thread.start()
        for number in range(1, 4):
            eventually(lambda number=number: failures or number - 1 in seen, f"requests judged by rules {number - 1}")
            write(number)
            g.reload()
        eventually(lambda: failures or 3 in seen, "requests judged by the last rules")
        ended.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        slow.send(b"slow")
        assert judged_by(slow.response().get("location")) == (0, "slow"), address
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_a_worker_that_dies_takes_only_what_it_was_judging(start, number):
    g, _ = start(1)
    g.expected_reports = True
    assert judged_by(ask(g, "before").get("location")) == (0, "before")
    (worker,) = g.workers()
    with g.client() as client:
        client.send(request("/", method="POST", fields=[FORM, "Expect: 100-continue", "Content-Length: 1000"]))
        assert client.response_head().status == 100, "it has been judged as far as its head, and its body is being held"
        g.kill(worker, number)
        with pytest.raises((Ended, ConnectionError)):
            client.recv_exactly(1)
    eventually(lambda: any(pid != worker for pid in g.workers()), "another worker")
    assert judged_by(ask(g, "behind").get("location")) == (0, "behind")
    with g.client() as client:
        client.send(request("/seen"))
        assert client.response().get("location") == "/4", "what rules keep has outlived it, that of the one that died too"
    assert g.metrics().get("portcullis_held_bytes") == 0 and g.metrics().get("portcullis_buffered_bytes") == 0
