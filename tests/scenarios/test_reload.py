"""A reload loses nothing: what is in flight, what is kept, what waits to be accepted."""

import os
import signal
import socket
import subprocess

import pytest
from harness import processes, websocket
from harness.client import Client, request
from harness.deadline import SECONDS, eventually
from harness.load import Load, echo

CONFIG = "timeout { header 60s }\nsite example.test { to @origin }"  # a busy machine reloads for seconds
GET = request("/")


# --- Under load -----------------------------------------------------------------------------------


def test_reloads_under_load_lose_nothing(gate, origin):
    """PORTCULLIS_TEST_RELOADS raises the number; the default is for every day."""
    origin.serve(echo)
    gate = gate("workers 2\n" + CONFIG, origin=origin)
    supervisor = gate.process.pid
    with Load(gate.address) as load:
        for i in range(int(os.environ.get("PORTCULLIS_TEST_RELOADS", "20"))):
            gate.reload()
            load.wait_answers(4)
            if i == 4:
                gate.wait_generations(1)
                descriptors = processes.descriptor_count(supervisor)
                memory = processes.anonymous_bytes(supervisor)
    load.assert_no_failure()
    assert load.announced >= 20, "kept connections are told to end"
    gate.wait_generations(1)
    assert processes.descriptor_count(supervisor) == descriptors
    assert processes.anonymous_bytes(supervisor) < memory + (1 << 20)
    assert len(gate.members()) == 7, \
        "supervisor, keyholder, generation, two workers, logger, observer"


def test_everything_in_progress_survives_several_reloads(gate, origin):
    gate = gate(CONFIG, origin=origin)
    clients = [gate.client() for _ in range(6)]
    download, upload, tunnel, idle, silent, slow = clients
    download.send(request("/download"))
    from_download = origin.accept()
    from_download.request()
    from_download.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", b"d" * 100000)
    assert download.response_head().status == 200
    upload.send(b"POST /upload HTTP/1.1\r\nHost: example.test\r\nContent-Length: 200000\r\n\r\n")
    upload.send(b"u" * 100000)
    from_upload = origin.accept()
    from_upload.request_head()
    tunnel.send(websocket.handshake())
    from_tunnel = origin.accept()
    from_tunnel.request_head()
    from_tunnel.send(websocket.agreement())
    assert tunnel.response_head().status == 101
    idle.send(request("/idle"))
    from_idle, _ = origin.exchange()
    assert idle.response().status == 200
    slow.send(b"GET /slow HTTP/1.1\r\nHost: exa")
    eventually(lambda: gate.status()["workers"][0]["connections"] == 6, "six connections")

    for number in (2, 3, 4):
        gate.reload()
        tunnel.send(websocket.frame(b"ping %d" % number, masked=True))
        assert websocket.read_frame(from_tunnel)[1] == b"ping %d" % number
        from_tunnel.send(websocket.frame(b"pong %d" % number))
        assert websocket.read_frame(tunnel)[1] == b"pong %d" % number
    eventually(lambda: gate.generations("draining") == [1], "those without connections to end")
    assert gate.generations("current") == [4]
    for client in (idle, silent):
        assert client.has_nothing_now(), "closed without a word"

    from_download.send(b"d" * 100000)
    assert download.recv_exactly(200000) == b"d" * 200000
    upload.send(b"u" * 100000)
    assert from_upload.recv_exactly(200000) == b"u" * 200000
    from_upload.respond()
    answers = [upload.response()]
    slow.send(b"mple.test\r\n\r\n")
    idle.send(request("/idle/2"))
    silent.send(request("/silent"))
    for _ in range(3):
        connection = origin.accept()
        connection.request()
        connection.respond()
    answers += [slow.response(), idle.response(), silent.response()]
    for answer in answers:
        assert (answer.status, answer.get("connection")) == (200, "close")
    for client in (upload, slow, idle, silent):
        client.assert_ended()
    download.send(request("/download/2"))
    origin.exchange()
    assert download.response().get("connection") == "close"
    download.assert_ended()
    assert gate.generations("draining") == [1]
    from_tunnel.close()
    tunnel.assert_ended()
    tunnel.close()
    gate.wait_generations(1)
    records = gate.requests_log.wait(8)
    assert {r["generation"] for r in records} == {1}


def test_a_kept_connection_that_was_promised_is_not_closed_by_a_drain(gate, origin):
    gate = gate(CONFIG, origin=origin)
    with gate.client() as client:
        client.send(b"GET /long HTTP/1.1\r\nHost: example.test\r\n\r\n")
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        assert b"Connection" not in client.recv_until(b"\r\n\r\n")
        assert client.recv_exactly(5) == b"hello"
        gate.reload()
        connection.send(b"world")
        assert client.recv_exactly(5) == b"world"
        client.send(b"GET /next HTTP/1.1\r\nHost: example.test\r\n\r\n")
        origin.exchange()
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (200, "close")
        client.assert_ended()


def test_connections_in_the_accept_queue_are_taken_by_the_new_generation(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    (worker,) = gate.workers()
    gate.kill(worker, signal.SIGSTOP)
    clients = [gate.client() for _ in range(20)]
    for i, client in enumerate(clients):
        client.send(request(f"/{i}"))
    gate.reload()
    for i, client in enumerate(clients):
        assert client.response().body == b"GET /%d " % i
    gate.kill(worker, signal.SIGCONT)
    gate.wait_generations(1)
    assert {r["generation"] for r in gate.requests_log.wait(20)} == {2}


@pytest.mark.parametrize("command", ["reload", "upgrade"])
def test_it_is_said_to_be_in_force_when_the_old_workers_accept_nothing(gate, origin, command):
    """So whoever connects then meets the new configuration."""
    origin.serve(echo)
    gate = gate("workers 2\n" + CONFIG, origin=origin)
    before = gate.workers()
    gate.kill(before[0], signal.SIGSTOP)
    process = gate.start_command(command)
    gate.wait_stderr("generation 2 serves with 2 workers")
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.5)
    gate.kill(before[0], signal.SIGCONT)
    assert process.communicate(timeout=SECONDS)[1] == "" and process.returncode == 0
    assert not any(map(processes.listens, before))


# --- The end of a drain ---------------------------------------------------------------------------


def open_tunnel(gate, origin):
    client = gate.client()
    client.send(websocket.handshake())
    connection = origin.accept()
    connection.request_head()
    connection.send(websocket.agreement())
    assert client.response_head().status == 101
    return client


def test_what_outlasts_drain_is_told_logged_and_closed(gate, origin):
    gate = gate("drain 1s\n" + CONFIG, origin=origin)
    tunnel = open_tunnel(gate, origin)
    waiting, download, idle = gate.client(), gate.client(), gate.client()
    waiting.send(request("/waiting"))
    origin.accept().request()
    download.send(request("/download"))
    connection = origin.accept()
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    download.recv_until(b"half")
    idle.send(request("/idle"))
    origin.exchange()
    idle.response()
    gate.reload()
    gate.wait_generations(1)
    answer = waiting.response()
    assert (answer.status, answer.get("connection")) == (503, "close")
    waiting.assert_ended()
    download.recv_all()
    assert download.ended == "RST", "what is truncated does not look complete"
    tunnel.recv_all()
    idle.assert_ended()
    gate.wait_stderr(r"generation 1 closes its last connections: `drain` is over")
    gate.wait_stderr(r"4 connections are closed before they have ended")
    reasons = {r["uri"]: r.get("reason") for r in gate.requests_log.wait(4)}
    assert reasons["/waiting"] == reasons["/download"] == "worker.ending", reasons


def test_more_draining_generations_than_allowed_end_the_oldest(gate, origin):
    gate = gate("drain 1h generations 2\n" + CONFIG, origin=origin)
    tunnels = []
    for _ in range(3):
        tunnels.append(open_tunnel(gate, origin))
        gate.reload()
    tunnels[0].recv_all()
    gate.wait_generations(3)
    assert gate.generations() == [2, 3, 4]
    gate.wait_stderr("generation 1 closes its last connections: more generations are draining")
    for tunnel in tunnels[1:]:
        assert tunnel.has_nothing_now()


def test_when_worker_slots_run_out_the_oldest_makes_place(gate, origin):
    """There are 256 slots; a worker that is gone gives its own back only with its generation."""
    gate = gate("workers 100\n" + CONFIG, origin=origin)
    first = open_tunnel(gate, origin)
    gate.reload()
    second = open_tunnel(gate, origin)
    gate.reload()
    first.recv_all()
    eventually(lambda: gate.generations() == [2, 3], "the oldest to end")
    gate.wait_stderr("generation 1 closes its last connections: its worker slots are needed")
    assert second.has_nothing_now()
    gate.reload("workers 1\n" + CONFIG)
    assert second.has_nothing_now()


# --- What does not come into force ----------------------------------------------------------------


def assert_refused(gate, done, text):
    """`reload` or `upgrade` said no, with the words of the program log, and nothing changed."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert text in done.stderr, done.stderr
    for line in done.stderr.splitlines():
        assert line in gate.stderr(), f"not in the program log: {line}"
    status = gate.status()
    assert [(g["number"], g["state"]) for g in status["generations"]] == [(1, "current")]
    assert status["last_reload"]["ok"] is False
    assert text in status["last_reload"]["text"]


@pytest.mark.parametrize("case", ["errors", "missing", "unreadable listener"])
def test_a_configuration_that_does_not_load_changes_nothing(gate, origin, case):
    origin.serve(echo)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    gate = gate(CONFIG, origin=origin)
    with Load(gate.address) as load:
        if case == "missing":
            os.unlink(gate.config_path)
            done = gate.command("reload")
            text = "cannot read"
        elif case == "errors":
            done = gate.reload(CONFIG + "\nwrokers 3\nlimits { body lots }", check=1)
            text = "did you mean 'workers'"
            assert "E0402" in done.stderr or "body" in done.stderr, "all errors at once"
        else:
            done = gate.reload(f"listen 127.0.0.1:{port}\n" + CONFIG, check=1)
            text = f"cannot listen on 127.0.0.1:{port}: the address is already in use"
        eventually(lambda: len(gate.generations()) == 1, "the refused one to end")
        assert_refused(gate, done, text)
        load.wait_answers(10)
    load.assert_no_failure()
    taken.close()
    gate.reload(CONFIG)
    assert gate.status()["last_reload"]["ok"] is True


def test_a_refused_reload_keeps_the_listeners_of_the_one_in_force(gate, origin):
    """The refused configuration had another set of addresses."""
    origin.serve(echo)
    gate = gate("listen 127.0.0.1:0\n" + CONFIG, origin=origin)
    first, second = gate.addresses()
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    preamble = f"workers 1\nlisten {first}\nlisten 127.0.0.1:{port}\n"
    gate.bare = True
    gate.reload(preamble + CONFIG, check=1)
    eventually(lambda: len(gate.generations()) == 1, "the refused one to end")
    assert gate.addresses() == [first, second]
    taken.close()
    for address in (first, second):
        with Client(address) as client:
            assert client.get().status == 200
    gate.reload(preamble.replace(f"listen 127.0.0.1:{port}", f"listen {second}") + CONFIG, check=1)


# --- Workers and listeners ------------------------------------------------------------------------


def test_the_number_of_workers_changes_under_load(gate, origin):
    origin.serve(echo)
    gate = gate("workers 1\n" + CONFIG, origin=origin)
    with Load(gate.address, gets=1, news=3) as load:
        for count, sockets in ((3, 3), (1, 3), (2, 3), (1, 3)):
            gate.reload(f"workers {count}\n" + CONFIG)
            status = gate.status()
            assert status["listeners"][0]["sockets"] == sockets, "once bound, kept"
            assert len([w for w in status["workers"] if w["generation"] > 0]) >= count
            load.wait_answers(60)
    load.assert_no_failure()
    with_three_sockets = [gate.client() for _ in range(30)]
    for client in with_three_sockets:
        assert client.get().status == 200
        client.close()


def test_listeners_come_and_go(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    first = gate.address
    path = os.path.join(gate.directory, "gate.sock")
    gate.reload(f"listen 127.0.0.1:0\nlisten unix:{path}\n" + CONFIG)
    addresses = gate.addresses()
    assert addresses[0] == first, "port 0 is chosen once"
    assert addresses[2] == f"unix:{path}" and addresses[1] != first
    with Load(f"unix:{path}") as load:
        for _ in range(3):
            gate.reload()
            load.wait_answers(4)
        assert gate.addresses() == addresses
    load.assert_no_failure()
    kept = Client(addresses[1])
    assert kept.get().status == 200
    gate.reload(CONFIG)
    assert gate.addresses() == [first]
    assert kept.get().get("connection") == "close", "what was accepted there is served"
    eventually(lambda: refuses(addresses[1]), "the port to be closed")
    assert not os.path.exists(path)
    with Client(first) as client:
        assert client.get().status == 200
    gate.reload(f"listen unix:{path}\n" + CONFIG)
    with Client(f"unix:{path}") as client:
        assert client.get().status == 200


def refuses(address):
    try:
        Client(address).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_removed_listener_serves_its_queue_and_then_refuses(gate, origin):
    """Also while the old generation goes on: nobody may connect to where nobody accepts."""
    origin.serve(echo)
    gate = gate("listen 127.0.0.1:0\n" + CONFIG, origin=origin)
    first, second = gate.addresses()
    stays = Client(first)
    assert stays.get().status == 200
    (worker,) = gate.workers()
    gate.kill(worker, signal.SIGSTOP)
    queued = [Client(second) for _ in range(10)]
    for client in queued:
        client.send(GET)
    gate.reload(CONFIG)
    gate.kill(worker, signal.SIGCONT)
    for client in queued:
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (200, "close")
    eventually(lambda: refuses(second), "the port to be closed")
    assert gate.generations("draining") == [1]
    assert stays.get().get("connection") == "close"


def test_two_listeners_with_port_0_are_two(gate, origin):
    gate = gate("listen 127.0.0.1:0\nlisten 127.0.0.1:0\n" + CONFIG, origin=origin)
    addresses = gate.addresses()
    assert len(set(addresses)) == 3
    gate.reload()
    assert gate.addresses() == addresses


def test_an_address_without_a_host_takes_both_families(gate, origin):
    origin.serve(echo)
    gate = gate("listen :0\n" + CONFIG, origin=origin)
    port = gate.addresses()[1].rpartition(":")[2]
    for host, peer in (("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")):
        with Client(f"{host}:{port}") as client:
            assert client.get(f"/{peer}").status == 200
        record = gate.requests_log.wait_for(lambda r: r["uri"] == f"/{peer}")
        assert record["client"] == peer


def test_another_instance_is_told_whose_address_and_directory_it_wants(gate, origin):
    first = gate(CONFIG, origin=origin)
    second = gate(
        f"listen {first.address}\nlog requests off\nlog security off\n" + CONFIG,
        start=False,
        options={"bare": True},
        origin=origin,
    )
    second.spawn().wait_end(status=1)
    assert f"cannot listen on {first.address}: the address is already in use" in second.stderr()
    second.write_config("listen 127.0.0.1:0\n" + CONFIG)
    second.state = first.state
    second.spawn().wait_end(status=1)
    assert "another Portcullis already runs with the state directory" in second.stderr()
    with first.client() as client:
        client.send(GET)
        origin.exchange()
        assert client.response().status == 200
