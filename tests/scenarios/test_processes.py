"""What dies is replaced, and nobody else notices; what stands still is worked around."""

import signal

import pytest
from harness import processes, websocket
from harness.client import request
from harness.deadline import eventually
from harness.load import Load, echo

CONFIG = "site example.test { to @origin }"
THREE = "workers 3\n" + CONFIG


def replaced(gate, pid, count):
    """The workers, once there are `count` again and `pid` is none of them."""

    def look():
        pids = gate.workers()
        return len(pids) == count and pid not in pids and pids

    return eventually(look, "the worker to be replaced")


def clients_by_worker(gate, count):
    """Kept connections until every worker has some: {pid: [client, …]}."""
    found = {}
    while len(found) < count:
        client = gate.client()
        answer = client.get()
        assert answer.status == 200
        identity = answer.get("x-request-id")
        record = gate.requests_log.wait_for(lambda r: r["id"] == identity)
        found.setdefault(record["worker"], []).append(client)
    return found


# --- Workers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_that_ends_is_replaced_and_the_others_go_on(gate, origin, number):
    origin.serve(echo)
    gate = gate(THREE, origin=origin)
    gate.expected_reports = number == signal.SIGSEGV  # of the sanitizer, about the signal
    clients = clients_by_worker(gate, 3)
    victim = next(iter(clients))
    gate.kill(victim, number)
    if number == signal.SIGTERM:  # it drains: what it has is served first
        for client in clients[victim]:
            eventually(lambda: client.get().get("connection") == "close", "the word to end")
    eventually(lambda: not processes.is_alive(victim), "the worker to end")
    replaced(gate, victim, 3)
    for client in clients.pop(victim):
        client.recv_all()
    others = [client for kept in clients.values() for client in kept]
    for client in others:
        answer = client.get()
        assert (answer.status, answer.get("connection")) == (200, None)
    for _ in range(30):
        with gate.client() as client:
            assert client.get().status == 200
    assert gate.generations() == [1]


def test_a_worker_killed_under_load_costs_its_own_connections_only(gate, origin):
    origin.serve(echo)
    gate = gate(THREE, origin=origin)
    clients = clients_by_worker(gate, 3)
    victim = next(iter(clients))
    survivors = [c for pid, kept in clients.items() if pid != victim for c in kept]
    gate.kill(victim)
    for _ in range(20):
        for client in survivors:
            assert client.get().status == 200
    for _ in range(30):  # sockets are kept: nobody is refused, not even for a moment
        with gate.client() as client:
            assert client.get().status == 200


def test_what_a_dead_worker_had_counted_is_cleared(gate, origin):
    gate = gate("limits { connections-per-client 4 }\n" + CONFIG, origin=origin)
    (worker,) = gate.workers()
    clients = [gate.client() for _ in range(4)]
    clients[0].send(request("/in-flight"))
    origin.accept().request()
    eventually(lambda: gate.metrics().sum("portcullis_connections_open") == 4, "four connections")
    gate.kill(worker)
    replaced(gate, worker, 1)
    for client in clients:
        client.recv_all()
    metrics = gate.metrics()
    assert metrics.sum("portcullis_connections_open") == 0
    assert metrics.sum("portcullis_origin_in_flight") == 0
    origin.serve(echo)
    again = [gate.client() for _ in range(4)]
    for client in again:
        assert client.get().status == 200, "its clients are counted from nothing"


def test_workers_that_die_too_often_make_place_for_a_fresh_generation(gate, origin):
    origin.serve(echo)
    gate = gate("workers 2\n" + CONFIG, origin=origin)
    workers = gate.workers()
    for _ in range(3):
        victim = workers[0]
        gate.kill(victim)
        workers = replaced(gate, victim, 2)
    assert gate.generations() == [1]
    with gate.client() as kept:
        assert kept.get("/kept").status == 200
        served = gate.requests_log.wait_for(lambda r: r["uri"] == "/kept")["worker"]
        gate.kill(next(pid for pid in workers if pid != served))
        eventually(lambda: gate.generations("current") == [2], "a fresh generation")
        eventually(lambda: kept.get().get("connection") == "close", "the word to end")
    gate.wait_stderr("its workers die too often; a fresh generation starts")
    gate.wait_generations(1)
    for _ in range(10):
        with gate.client() as client:
            assert client.get().status == 200


def test_a_stopped_worker_is_worked_around_and_comes_back(gate, origin):
    origin.serve(echo)
    gate = gate(THREE, origin=origin)
    clients = clients_by_worker(gate, 3)
    victim = next(iter(clients))
    (held, *_) = clients[victim]
    gate.kill(victim, signal.SIGSTOP)
    held.send(request("/held"))
    for _ in range(60):  # a third of them is queued at its socket
        with gate.client() as client:
            assert client.get().status == 200
    assert held.has_nothing_now()
    gate.kill(victim, signal.SIGCONT)
    assert held.response().body == b"GET /held "
    gate.requests_log.skip()

    def serves_again():
        with gate.client() as client:
            assert client.get().status == 200
        return any(r["worker"] == victim for r in gate.requests_log.records())

    eventually(serves_again, "the worker to accept again")


def test_two_stopped_workers_leave_the_third_to_serve(gate, origin):
    origin.serve(echo)
    gate = gate(THREE, origin=origin)
    stopped = gate.workers()[:2]
    for pid in stopped:
        gate.kill(pid, signal.SIGSTOP)
    for _ in range(30):
        with gate.client() as client:
            assert client.get().status == 200
    for pid in stopped:
        gate.kill(pid, signal.SIGCONT)


def test_identifiers_of_all_workers_differ(gate, origin):
    """Each has random state of its own after the fork."""
    origin.serve(echo)
    gate = gate(THREE, origin=origin)
    clients_by_worker(gate, 3)
    records = gate.requests_log.wait(3)
    chance = [r["id"][10:] for r in records]  # behind the time
    assert len({r["worker"] for r in records}) == 3
    assert len(set(chance)) == len(chance)


# --- The others -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pc-logger", "pc-observer"])
def test_a_helper_that_is_killed_is_started_again(gate, origin, name):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    address = gate.address
    with Load(address) as load:
        for _ in range(2):
            (helper,) = eventually(lambda: gate.members(name), name)
            gate.kill(helper)
            load.wait_answers(20)
            eventually(lambda: gate.members(name) not in ([], [helper]), f"another {name}")
        eventually(lambda: gate.command("status").returncode == 0, "the observer to answer")
        load.wait_answers(10)
    load.assert_no_failure()
    with gate.client() as client:
        identity = client.get("/last").get("x-request-id")
    gate.requests_log.wait_for(lambda r: r["id"] == identity)
    if name == "pc-observer":
        assert len(gate.requests_log.wait(load.answers + 1)) == load.answers + 1
    gate.reload()


def test_a_generation_whose_process_dies_is_followed_by_a_fresh_one(gate, origin):
    origin.serve(echo)
    gate = gate(THREE, origin=origin)
    with Load(gate.address) as load:
        for number in (2, 3):
            (generation,) = gate.members("pc-generation")
            gate.kill(generation)
            eventually(lambda: gate.generations("current") == [number], "a fresh generation")
            load.wait_answers(10)
    load.assert_no_failure()
    gate.wait_generations(1)
    eventually(lambda: len(gate.members("pc-worker")) == 3, "the old workers to drain")


def test_workers_without_their_generation_finish_what_they_have(gate, origin):
    gate = gate(CONFIG, origin=origin)
    with gate.client() as tunnel:
        tunnel.send(websocket.handshake())
        connection = origin.accept()
        connection.request_head()
        connection.send(websocket.agreement())
        assert tunnel.response_head().status == 101
        gate.kill(gate.members("pc-generation")[0])
        eventually(lambda: gate.generations("current") == [2], "a fresh generation")
        assert gate.generations("orphaned") == [1]
        gate.reload()
        tunnel.send(websocket.frame(b"still here", masked=True))
        assert websocket.read_frame(connection)[1] == b"still here"
        eventually(lambda: gate.generations() == [1, 3], "only the newest and the orphan")
        connection.close()
        tunnel.assert_ended()
    gate.wait_generations(1)
    gate.wait_stderr("the last worker of generation 1 has ended")


def test_a_broken_configuration_is_not_needed_to_serve_on(gate, origin):
    """The generation dies while the file is broken: its workers serve until it is mended."""
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    with gate.client() as client:
        assert client.get().status == 200
    gate.write_config("nonsense")
    gate.kill(gate.members("pc-generation")[0])
    gate.wait_stderr("(?s)is not in force, the old one goes on:.*nonsense")
    for _ in range(3):
        with gate.client() as client:
            assert client.get().status == 200
    gate.write_config(CONFIG)
    eventually(lambda: gate.generations("current"), "the mended one to be tried")
    gate.wait_generations(1)
    with gate.client() as client:
        assert client.get().status == 200


def test_the_memory_of_rules_is_not_the_supervisors(gate, origin, tmp_path):
    rules = tmp_path / "many.conf"
    rules.write_text("".join(
        f'SecRule ARGS "@rx (?i)word{i}[a-f]+(?:one|two|three{i})" "id:{i},phase:2,deny,msg:\'{i}\'"\n' for i in range(1, 2001)
    ))
    without = gate("site * { waf off; to @origin }", origin=origin)
    judged = gate("site * { waf balanced { rules @rules }; to @origin }", origin=origin, rules=rules)

    def grown(member):
        (with_rules,), (without_rules,) = judged.members(member), without.members(member)
        return processes.anonymous_bytes(with_rules) - processes.anonymous_bytes(without_rules)

    assert grown("pc-generation") > 2 << 20, "they do take memory"
    assert processes.anonymous_bytes(judged.process.pid) - processes.anonymous_bytes(without.process.pid) < 1 << 19
