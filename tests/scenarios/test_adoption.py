"""A supervisor that is killed is nobody's end: workers go on, and the next one adopts them."""

import signal

from harness import processes, websocket
from harness.client import request
from harness.deadline import eventually
from harness.load import Load, echo

CONFIG = "workers 2\nsite example.test { to @origin }"


def kill_supervisor(gate):
    gate.kill(gate.process.pid)
    gate.process.wait()


def test_workers_go_on_without_a_supervisor_and_are_adopted(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    workers = gate.workers()
    address = gate.address
    with Load(address) as load:
        kill_supervisor(gate)
        load.wait_answers(20)
        eventually(lambda: gate.command("status").returncode == 3, "nobody to answer")
        gate.start()
        gate.wait_generations(1)
        load.wait_answers(20)
        assert gate.addresses() == [address], "port 0 is not chosen anew"
        assert gate.generations() == [2]
        assert not set(workers) & set(gate.workers())
        gate.reload()
        load.wait_answers(20)
        gate.send_signal(signal.SIGHUP)
        eventually(lambda: gate.generations("current") == [4], "a reload by signal")
    load.assert_no_failure()
    gate.wait_stderr("adopted generation 1 with 2 workers")
    records = gate.requests_log.wait(load.answers)
    assert len(records) == load.answers, "the log goes on without a gap"
    counted = gate.metrics().sum("portcullis_requests_total")
    assert counted == load.answers, "and so do the counters"
    gate.stop()


def test_more_than_one_generation_is_adopted(gate, origin):
    gate = gate(CONFIG, origin=origin)
    tunnel = gate.client()
    tunnel.send(websocket.handshake())
    connection = origin.accept()
    connection.request_head()
    connection.send(websocket.agreement())
    assert tunnel.response_head().status == 101
    gate.reload()
    assert gate.generations() == [1, 2]
    kill_supervisor(gate)
    gate.start()
    eventually(lambda: gate.generations() == [1, 3], "the adopted ones")
    assert gate.generations("draining") == [1]
    tunnel.send(websocket.frame(b"still here", masked=True))
    assert websocket.read_frame(connection)[1] == b"still here"
    connection.close()
    tunnel.assert_ended()
    tunnel.close()
    gate.wait_generations(1)


def test_a_supervisor_that_adopted_can_be_followed_by_another(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    with Load(gate.address) as load:
        for _ in range(3):
            kill_supervisor(gate)
            load.wait_answers(5)
            gate.start()
            load.wait_answers(5)
    load.assert_no_failure()
    gate.wait_generations(1)
    assert gate.generations() == [4]


def test_a_worker_that_dies_without_a_supervisor_is_replaced(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    victim, other = gate.workers()
    address = gate.address
    kill_supervisor(gate)
    gate.kill(victim)
    eventually(lambda: len(set(gate.members("pc-worker")) - {victim, other}) == 1, "another")
    for _ in range(20):
        with gate.client() as client:
            assert client.get().status == 200
    gate.start()
    assert gate.addresses() == [address]


def test_stopping_ends_what_was_adopted(gate, origin):
    """Also a generation that was draining when its supervisor died."""
    gate = gate(CONFIG, origin=origin)
    client = gate.client()
    client.send(request("/slow"))
    connection = origin.accept()
    connection.request()
    gate.reload()
    kill_supervisor(gate)
    gate.start()
    gate.send_signal(signal.SIGTERM)
    eventually(lambda: "STOPPING=1" in gate.notifications.all(), "the stop")
    connection.respond(b"in time")
    assert client.response().body == b"in time"
    gate.wait_end()


def test_what_cannot_be_adopted_is_said(gate, origin):
    gate = gate(CONFIG, origin=origin)
    (generation,) = gate.members("pc-generation")
    kill_supervisor(gate)
    gate.kill(generation, signal.SIGSTOP)
    gate.spawn().process.wait(timeout=20)
    assert gate.process.returncode == 1
    gate.wait_stderr("workers of a supervisor that died still serve .* cannot be adopted")
    gate.kill(generation, signal.SIGCONT)
    gate.start()
    gate.wait_stderr("adopted generation 1")
    assert processes.is_alive(gate.process.pid)
