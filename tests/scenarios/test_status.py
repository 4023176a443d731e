"""`portcullis status`: complete and true, as text and as JSON."""

import os
import re
import signal
import subprocess

import pytest
from harness import websocket
from harness.client import request
from harness.deadline import Deadline, eventually
from harness.gate import binary_path
from harness.origin import response
from harness.stream import Ended


def play(got, connection):
    if got.target == "/ws":
        connection.send(websocket.agreement())
        connection.fill(Deadline(), "the end of the tunnel")
        raise Ended("FIN", b"")
    return response()


@pytest.fixture
def serving(gate, origin):
    origin.serve(play)
    return gate(
        "listen 127.0.0.1:0\nworkers 2\nmetrics on 127.0.0.1:0\n"
        "log requests json to @directory/requests.log\n"
        "log security json to @directory/security.log\n"
        "origin app { server @origin }\n"
        "site example.test { to app; route = /denied { deny all } }",
        options={"bare": True},
        origin=origin,
    )


def test_it_is_complete(serving, origin):
    with serving.client() as client:
        for path in ("/", "/denied", "/"):
            client.get(path)
        serving.requests_log.wait_lines(3)
        serving.security_log.wait_lines(1)
        status = eventually(
            lambda: (s := serving.status())["log"]["files"][0]["written"] == 3 and s, "the log"
        )
    told = subprocess.run([binary_path(), "version"], capture_output=True, text=True, check=True)
    version = told.stdout.split()[1]
    assert status["version"] == version
    assert status["pid"] == serving.process.pid
    assert 0 <= status["uptime_s"] < 600
    assert status["configuration"] == serving.config_path
    assert status["state_folder"] == serving.state
    assert {status["logger_pid"], status["observer_pid"]} < set(serving.members())
    assert status["descriptor_limit"] >= 256
    (generation,) = status["generations"]
    assert generation["state"] == "current" and generation["number"] == 1
    assert generation["pid"] in serving.members() and generation["workers"] == 2
    assert generation["connections"] == 1 and generation["age_s"] >= 0
    traffic, metrics = status["listeners"]
    assert traffic["use"] == "traffic" and traffic["sockets"] == 2
    assert traffic["configured"] == "127.0.0.1:0" and traffic["address"] != "127.0.0.1:0"
    assert metrics["use"] == "metrics" and metrics["sockets"] == 1
    workers = status["workers"]
    assert [w["index"] for w in workers] == [0, 1]
    assert {w["pid"] for w in workers} < set(serving.members())
    assert {w["generation"] for w in workers} == {1}
    assert [sum(w[name] for w in workers) for name in ("connections", "idle", "requests")] == [1, 1, 3]
    assert status["connections"] == {
        "open": 1, "idle": 1, "tunnels": 0, "accepted": 1, "refused": 0,
    }
    assert status["origin_connections"] == {"open": 1, "idle": 1}
    assert status["servers"] == [
        {
            "server": f"app/{origin}", "in_flight": 0, "idle": 1, "requests": 2, "connects": 1,
            "connect_failures": 0, "reused": 1, "failures": 0,
        }
    ]
    log = status["log"]
    assert log["exchanges"] == 3
    assert log["requests"] == {"offered": 3, "dropped": 0}
    assert log["security"] == {"offered": 1, "dropped": 0}
    assert log["rules"] == {"offered": 0, "dropped": 0}
    assert [(f["path"], f["written"], f["lost"]) for f in log["files"]] == [
        (serving.requests_log.path, 3, 0), (serving.security_log.path, 1, 0),
    ]
    assert log["files"][0]["bytes"] == os.path.getsize(serving.requests_log.path)


def test_a_server_is_named_before_its_first_request(serving, origin):
    (server,) = serving.status()["servers"]
    assert server["server"] == f"app/{origin}" and server["requests"] == 0


def test_the_text_for_people_says_the_same(serving):
    with serving.client() as client:
        client.get("/")
        serving.requests_log.wait_lines(1)
        status, text = serving.status(), serving.command("status", check=0).stdout
    assert f"version {status['version']}" in text.splitlines()
    assert f"configuration {serving.config_path}" in text.splitlines()
    for worker in status["workers"]:
        line = f"pid {worker['pid']}  slot {worker['slot']}  index {worker['index']}  generation 1"
        assert line in text
    for listener in status["listeners"]:
        assert f"address {listener['address']}" in text
    assert re.search(r"number 1  state current  pid \d+  age_s \d+  workers 2  connections 1", text)
    assert f"path {serving.requests_log.path}  written 1  lost 0" in text
    assert all(word not in text for word in ('"', "{", "}"))


def test_a_draining_generation_is_shown_with_its_connections_and_age(serving):
    with serving.client() as client:
        client.send(websocket.handshake())
        assert client.response().status == 101
        serving.reload()
        status = eventually(
            lambda: len((s := serving.status())["generations"]) == 2 and s, "both generations"
        )
        old, new = sorted(status["generations"], key=lambda g: g["number"])
        assert (old["state"], new["state"]) == ("draining", "current")
        assert old["connections"] == 1 and new["connections"] == 0
        assert 0 <= old["draining_s"] <= old["age_s"] and "draining_s" not in new
        assert status["connections"]["tunnels"] == 1
        assert {w["generation"] for w in status["workers"]} == {1, 2}
        assert sum(w["connections"] for w in status["workers"] if w["generation"] == 1) == 1
        (server,) = status["servers"]
        assert server["in_flight"] == 1
    eventually(lambda: len(serving.status()["generations"]) == 1, "the end of the old one")
    assert {w["generation"] for w in serving.status()["workers"]} == {2}


def test_a_server_that_the_configuration_no_longer_has_is_gone(serving, origins):
    other = origins().serve()
    serving.reload(
        "listen 127.0.0.1:0\nworkers 2\nlog requests json to @directory/requests.log\n"
        "site example.test { to @other }",
        other=other,
    )
    eventually(lambda: len(serving.status()["generations"]) == 1, "one generation")
    assert [s["server"] for s in serving.status()["servers"]] == [f"{other}/{other}"]


def test_what_a_reload_came_to_is_told(serving):
    assert serving.status()["last_reload"]["ok"] is True
    serving.reload("site example.test { nonsense }", check=1)
    last = serving.status()["last_reload"]
    assert last["ok"] is False and "nonsense" in last["text"]


def test_a_worker_that_was_replaced_is_shown_as_such(serving):
    victim = serving.status()["workers"][0]
    os.kill(victim["pid"], signal.SIGKILL)

    def replaced():
        worker = serving.status()["workers"][0]
        return worker["pid"] != victim["pid"] and worker["restarts"] == 1 and worker

    worker = eventually(replaced, "a new worker")
    assert worker["index"] == victim["index"] and worker["generation"] == 1


def test_it_answers_while_the_program_ends(serving):
    with serving.client() as client:
        client.send(websocket.handshake())
        client.response()
        serving.send_signal(signal.SIGTERM)
        eventually(lambda: serving.status()["generations"][0]["state"] == "draining", "the drain")
        assert serving.status()["connections"]["tunnels"] == 1


def test_hundreds_of_servers_and_many_workers_fit(gate):
    servers = " ".join(f"127.0.0.{i}:1" for i in range(1, 65))
    text = "".join(
        f"origin o{i} {{ server {servers} }}\nsite s{i}.test {{ to o{i} }}\n" for i in range(12)
    )
    proxy = gate(f"listen 127.0.0.1:0\nworkers 16\n{text}", options={"bare": True})
    status = proxy.status()
    assert len(status["servers"]) == 12 * 64
    assert len(status["workers"]) == 16


def test_without_a_running_program_it_says_so_with_3(serving):
    serving.stop()
    for arguments in (["status"], ["status", "--json"]):
        done = serving.command(*arguments, check=3)
        assert done.stdout == "" and "nothing is running here" in done.stderr
