"""The admin interface: who may do what where, and that nobody can keep the others out."""

import os
import signal
import socket
import stat
import subprocess
import sys

import pytest
from harness import websocket
from harness.client import Client, request
from harness.deadline import Deadline, eventually
from harness.metrics import Metrics
from harness.stream import Ended

CONFIG = """\
listen 127.0.0.1:0
metrics on 127.0.0.1:0
admin on 127.0.0.1:0
log requests json to @directory/requests.log
site example.test { respond 200 "ok" }
"""


@pytest.fixture
def proxy(gate):
    return gate(CONFIG, options={"bare": True})


def door(proxy, use):
    if use == "socket":
        return f"unix:{proxy.state}/admin.sock"
    return next(x["address"] for x in proxy.status()["listeners"] if x["use"] == use)


def ask(address, target, method="GET", fields=(), body=b""):
    with Client(address) as client:
        client.send(request(target, "localhost", method, fields, body or None))
        answer = client.response(method)
        client.assert_ended("FIN")
    assert answer.get("connection") == "close" and answer.get("cache-control") == "no-store"
    return answer


@pytest.mark.parametrize("use", ["socket", "metrics", "admin"])
def test_each_address_answers_what_it_is_for(proxy, use):
    address = door(proxy, use)
    assert ask(address, "/healthz").body == b"ok\n"
    assert ask(address, "/readyz").body == b"ok\n"
    metrics = ask(address, "/metrics")
    assert metrics.get("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    Metrics(metrics.body.decode())
    status = ask(address, "/status")
    if use == "metrics":  # it may be open to the network: nothing that names paths
        assert status.status == 404 and proxy.directory.encode() not in status.body
    else:
        assert status.status == 200 and status.get("content-type") == "application/json"
    assert ask(address, "/").status == 404
    assert ask(address, "/metrics/").status == 404


@pytest.mark.parametrize("use", ["metrics", "admin"])
@pytest.mark.parametrize("target", ["/reload", "/stop", "/stop?mode=quick", "/upgrade", "/reopen"])
def test_no_command_is_taken_over_tcp(proxy, use, target):
    answer = ask(door(proxy, use), target, "POST", body=b"x")
    assert answer.status == 403 and b"admin socket only" in answer.body
    assert ask(door(proxy, use), target).status == 404  # nor by a GET
    assert proxy.status()["generations"][0]["number"] == 1


def test_commands_are_taken_on_the_socket(proxy):
    address = door(proxy, "socket")
    assert ask(address, "/reopen", "POST").status == 200
    assert ask(address, "/reload", "POST").status == 200
    assert ask(address, "/nonsense", "POST").status == 404
    eventually(lambda: proxy.status()["generations"][-1]["number"] == 2, "the reload")
    with open(proxy.config_path, "a") as file:
        file.write("nonsense\n")
    refused = ask(address, "/reload", "POST")
    assert refused.status == 409 and b"nonsense" in refused.body
    assert ask(address, "/stop", "POST").status == 200
    proxy.wait_end()


def test_a_unix_socket_of_the_admin_directive_takes_commands(gate):
    proxy = gate(
        "listen 127.0.0.1:0\nadmin on unix:@directory/own.sock\nlog requests off\n"
        "log security off\nsite example.test { respond 200 }",
        options={"bare": True},
    )
    path = f"{proxy.directory}/own.sock"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    assert ask(f"unix:{path}", "/status").status == 200
    assert ask(f"unix:{path}", "/reload", "POST").status == 200


# --- Requests that are not as they should be -------------------------------------------------------


@pytest.mark.parametrize("use", ["socket", "metrics"])
def test_it_is_strict_about_requests(proxy, use):
    address = door(proxy, use)
    for sent, status in [
        (b"rubbish\r\n\r\n", 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\nHost: a\n\n", 400),
        (b"GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
    ]:
        with Client(address) as client:
            client.send(sent)
            answer = client.response()
            assert answer.status == status, (sent[:60], answer.start_line)
            client.assert_ended("FIN")
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "CONNECTED"):
        answer = ask(address, "/metrics", method)
        assert answer.status == 405 and answer.get("allow") == "GET, HEAD, POST"


def test_head_has_the_fields_of_get_and_no_body(proxy):
    address = door(proxy, "metrics")
    for target in ("/healthz", "/metrics", "/nothing"):
        got, head = ask(address, target), ask(address, target, "HEAD")
        assert head.status == got.status and head.body == b""
        assert [n for n in head.names] == [n for n in got.names]


def test_one_request_a_connection_and_the_rest_is_ignored(proxy):
    with Client(door(proxy, "socket")) as client:
        client.send(request("/healthz", "a") + request("/stop", "a", "POST"))
        assert client.response().body == b"ok\n"
        client.assert_ended()
    assert proxy.process.poll() is None and proxy.status()["workers"]


# --- Nobody keeps the others out -------------------------------------------------------------------


def test_clients_that_say_nothing_do_not_keep_commands_out(proxy):
    address = door(proxy, "metrics")
    held = [Client(address) for _ in range(60)]
    for client in held:
        client.send(b"GET /metr")
    refused = [client for client in held[48:] if b" 503 " in client.recv_until(b"\r\n")]
    assert len(refused) == 12  # the rest wait for their heads; places are left for the socket
    assert proxy.status()["workers"]
    assert proxy.reload().returncode == 0
    for client in held:
        client.close()
    eventually(lambda: ask_or_none(address), "a place")


def ask_or_none(address):
    try:
        return ask(address, "/healthz").status == 200
    except (AssertionError, Ended):
        return None


def test_a_reader_that_does_not_read_delays_nobody(gate):
    sites = "\n".join(f"site s{i}.test {{ respond 200 }}" for i in range(600))
    proxy = gate(CONFIG + sites, options={"bare": True})
    with proxy.client() as client:
        for index in range(600):
            client.get("/", host=f"s{index}.test")
    address = door(proxy, "metrics")
    stuck = [Client(address, receive_buffer=4096) for _ in range(8)]
    for client in stuck:
        client.send(request("/metrics", "a"))
        client.recv_exactly(100)  # its answer has begun and is larger than any buffer
    assert len(ask(address, "/metrics").body) > 500_000
    assert ask(address, "/healthz").status == 200
    assert len(stuck[0].recv_all()) > 500_000  # a slow one gets all of it in the end
    for client in stuck:
        client.close()


def test_a_client_that_goes_away_in_the_middle_harms_nothing(proxy):
    address = door(proxy, "socket")
    for _ in range(20):
        with Client(address) as client:
            client.send(request("/metrics", "a"))
        with Client(address) as client:
            client.send(b"GET / HT").reset()
    assert ask(address, "/healthz").status == 200


# --- Rights ----------------------------------------------------------------------------------------

CONNECT = (
    "import socket, sys\n"
    "s = socket.socket(socket.AF_UNIX)\n"
    "s.connect(sys.argv[1])\n"
)


def may_connect(path, uid, gid):
    done = subprocess.run(
        [sys.executable, "-c", CONNECT, path],
        user=uid, group=gid, extra_groups=[], capture_output=True, text=True,
    )
    assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


def test_the_sockets_permissions_say_who_may_command(proxy):
    path = f"{proxy.state}/admin.sock"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    assert stat.S_IMODE(os.stat(f"{proxy.state}/adoption.sock").st_mode) == 0o600
    assert not os.stat(proxy.state).st_mode & 0o022
    if os.geteuid() != 0:
        pytest.skip("only root can try it as somebody else")
    assert not may_connect(path, 65534, 65534)
    for each in (proxy.state, path):
        os.chown(each, 0, 65533)
    assert may_connect(path, 65534, 65533)
    assert not may_connect(path, 65534, 65534)


# --- Over time -------------------------------------------------------------------------------------


def test_readiness_ends_with_the_drain_and_liveness_goes_on(gate, origin):
    origin.serve(lambda got, connection: websocket.agreement())
    proxy = gate(CONFIG.replace('respond 200 "ok"', "to @origin"), options={"bare": True}, origin=origin)
    address = door(proxy, "metrics")
    with proxy.client() as client:
        client.send(websocket.handshake())
        assert client.response().status == 101
        proxy.send_signal(signal.SIGTERM)
        eventually(lambda: ask(address, "/readyz").status == 503, "an end of readiness")
        assert ask(address, "/healthz").status == 200
        assert ask(address, "/metrics").status == 200
    proxy.wait_end()


def test_a_killed_observer_is_replaced_and_nothing_is_forgotten(proxy):
    with proxy.client() as client:
        client.get("/")
    before = proxy.status()
    address = door(proxy, "metrics")
    os.kill(before["observer_pid"], signal.SIGKILL)
    with proxy.client() as client:
        client.get("/")  # requests do not need it

    def again():
        try:
            return ask(address, "/metrics")
        except (Ended, OSError):
            return None

    answer = eventually(again, "another observer")
    assert Metrics(answer.body.decode()).get("portcullis_exchanges_total") == 2
    assert proxy.status()["observer_pid"] != before["observer_pid"]


def refuses(address):
    try:
        Client(address).close()
        return False
    except ConnectionRefusedError:
        return True


def test_addresses_come_and_go_with_a_reload(proxy):
    old = door(proxy, "metrics")
    with proxy.client() as client:  # keeps the old generation draining
        client.send(b"GET / HT")
        proxy.reload(CONFIG.replace("metrics on 127.0.0.1:0\n", ""))
        eventually(lambda: refuses(old), "the end of the old address")
        assert all(x["use"] != "metrics" for x in proxy.status()["listeners"])
        proxy.reload(CONFIG)
        eventually(lambda: ask(door(proxy, "metrics"), "/healthz").status == 200, "a new one")


def test_a_reload_that_fails_takes_no_address_away(proxy):
    metrics, traffic = door(proxy, "metrics"), proxy.address
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        taken = "%s:%d" % occupied.getsockname()
        fresh = "listen 127.0.0.2:0\n"
        done = proxy.reload(
            fresh + f"listen {taken}\nlog requests off\nsite example.test {{ respond 200 }}", check=1
        )
        assert "already in use" in done.stderr
    assert ask(metrics, "/healthz").status == 200
    proxy.reload(CONFIG)  # the same addresses as before
    assert proxy.addresses()[0] == traffic and door(proxy, "metrics") == metrics
    with proxy.client() as client:
        assert client.get("/").status == 200
    assert len(proxy.addresses()) == 3
