"""Signals, the service manager, the files in the state directory: how the program is started and
ended by others."""

import os
import pwd
import re
import signal
import stat
import subprocess
import time

import pytest
from harness import processes
from harness.client import Client, request
from harness.deadline import eventually
from harness.load import Load, echo

CONFIG = "site example.test { to @origin }"
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def in_flight(gate, origin, path="/slow"):
    """A client whose request has reached the origin, and the origin's end."""
    client = gate.client()
    client.send(request(path))
    connection = origin.accept()
    connection.request()
    return client, connection


# --- The end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_drain_finishes_what_has_begun_and_refuses_what_comes(gate, origin, number):
    gate = gate("workers 2\n" + CONFIG, origin=origin)
    address = gate.address
    client, connection = in_flight(gate, origin)
    gate.send_signal(number)
    eventually(lambda: refuses(address), "new connections to be refused")
    assert gate.process.poll() is None
    connection.respond(b"in time")
    answer = client.response()
    assert (answer.body, answer.get("connection")) == (b"in time", "close")
    client.assert_ended()
    gate.wait_end()
    assert "STOPPING=1" in gate.notifications.all()
    assert not os.path.exists(f"{gate.state}/admin.sock")
    assert not os.path.exists(f"{gate.state}/portcullis.pid")
    assert gate.command("status").returncode == 3


def refuses(address):
    try:
        Client(address).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # the listener closed between our SYN and the end of the handshake
        return False
    return False


def test_a_drain_serves_the_accept_queue_and_kept_connections_that_speak(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    (worker,) = gate.workers()
    kept, silent = gate.client(), gate.client()
    assert kept.get().status == silent.get().status == 200
    gate.kill(worker, signal.SIGSTOP)
    queued = [gate.client() for _ in range(10)]
    for client in queued:
        client.send(request("/queued"))
    kept.send(request("/kept"))
    gate.send_signal(signal.SIGTERM)
    eventually(lambda: "STOPPING=1" in gate.notifications.all(), "the stop")
    gate.kill(worker, signal.SIGCONT)
    for client in [*queued, kept]:
        assert client.response().status == 200
    for client in [*queued, kept, silent]:
        client.assert_ended()
    gate.wait_end()


def test_drain_limits_how_long_a_stop_takes(gate, origin):
    gate = gate("drain 500ms\n" + CONFIG, origin=origin)
    client, _ = in_flight(gate, origin)
    gate.send_signal(signal.SIGTERM)
    assert client.response().status == 503
    gate.wait_end()
    gate.wait_stderr("closes its last connections: `drain` is over")


@pytest.mark.parametrize(
    "numbers", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)]
)
def test_interrupt_or_a_second_signal_ends_at_once(gate, origin, numbers):
    gate = gate(CONFIG, origin=origin)
    client, _ = in_flight(gate, origin)
    for number in numbers:
        gate.send_signal(number)
        if number == signal.SIGTERM:
            eventually(lambda: refuses_now(gate), "the drain to begin")
    assert client.response().status == 503
    gate.wait_end()


def refuses_now(gate):
    return "draining, then stopping" in gate.stderr()


def test_what_does_not_end_is_killed(gate, origin):
    gate = gate(CONFIG, origin=origin)
    in_flight(gate, origin)
    gate.kill(gate.workers()[0], signal.SIGSTOP)
    gate.send_signal(signal.SIGINT)
    gate.wait_end()
    gate.wait_stderr("what is left of generation 1 after 5 s is killed")


def test_stop_while_the_first_configuration_loads(gate, origin):
    sites = "".join(f"site s{i}.test {{ to @origin }}\n" for i in range(3000))
    gate = gate(sites, start=False, origin=origin).spawn()
    eventually(lambda: gate.members("pc-generation"), "the generation to load")
    gate.send_signal(signal.SIGTERM)
    gate.wait_end()


def test_the_command_stops_with_or_without_waiting(gate, origin):
    gate = gate(CONFIG, origin=origin)
    client, connection = in_flight(gate, origin)
    assert gate.command("stop", check=0).stdout == "draining, then stopping\n"
    assert gate.command("stop", check=0).stdout == "draining, then stopping\n"
    refused = gate.command("reload", check=1)
    assert refused.stderr == "the program is stopping\n"
    assert client.has_nothing_now()
    connection.respond()
    assert client.response().status == 200
    gate.wait_end()
    for command in ("stop", "reload", "status", "upgrade"):
        assert gate.command(command).returncode == 3
    gate.start()
    in_flight(gate, origin)
    assert gate.command("stop", "--now", check=0).stdout == "stopping\n"
    gate.wait_end()


# --- Logs -----------------------------------------------------------------------------------------


def test_log_files_are_renamed_and_opened_again_without_losing_a_line(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    path = gate.requests_log.path
    with Load(gate.address) as load:
        for i in range(5):
            os.rename(path, f"{path}.{i}")
            gate.send_signal(signal.SIGUSR1)
            eventually(lambda: os.path.exists(path), "the file to be opened again")
            load.wait_answers(20)
    load.assert_no_failure()

    def lines():
        names = [path, *(f"{path}.{i}" for i in range(5))]
        return sum(open(name, "rb").read().count(b"\n") for name in names)

    eventually(lambda: lines() >= load.answers, "all lines")
    assert lines() == load.answers


# --- The service manager --------------------------------------------------------------------------


def test_the_service_manager_is_told_everything(gate, origin):
    gate = gate(CONFIG, origin=origin)
    told = gate.notifications
    assert f"MAINPID={gate.process.pid}" in told.all()
    told.messages.clear()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    gate.send_signal(signal.SIGHUP)
    eventually(lambda: "READY=1" in told.all(), "the reload")
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert told.messages[0] == "RELOADING=1"
    key, _, moment = told.messages[1].partition("=")
    assert key == "MONOTONIC_USEC" and before <= int(moment) <= after
    gate.write_config("nonsense")
    told.messages.clear()
    gate.send_signal(signal.SIGHUP)
    eventually(lambda: "READY=1" in told.all(), "the refused reload")
    assert "STATUS=serving; the last reload failed" in told.messages


def test_a_service_manager_that_does_not_read_holds_up_nothing(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin)
    for number in range(2, 10):
        gate.send_signal(signal.SIGHUP)
        eventually(
            lambda: f"generation {number} serves" in gate.stderr(), f"generation {number}"
        )
    assert gate.command("status").returncode == 0


def test_ready_does_not_wait_for_names(gate):
    """No resolver answers here, and the program is ready all the same."""
    gate = gate("site example.test { to no-such-name.invalid:80 }")
    with gate.client() as client:
        assert client.get().status in (502, 503)
    assert gate.generations() == [1]


# --- The state directory --------------------------------------------------------------------------


def test_the_state_directory_is_for_its_owner(gate, origin):
    gate = gate(CONFIG, origin=origin, options={"arguments": ["--pid-file", "gate.pid"]})
    modes = {
        name: stat.S_IMODE(os.stat(os.path.join(gate.state, name)).st_mode)
        for name in (".", "lock", "portcullis.pid", "admin.sock", "adoption.sock")
    }
    assert modes["."] == 0o750
    assert modes["adoption.sock"] == 0o600
    assert modes["admin.sock"] == 0o660
    for path in (f"{gate.state}/portcullis.pid", f"{gate.directory}/gate.pid"):
        with open(path) as file:
            assert file.read() == f"{gate.process.pid}\n"
    gate.stop()
    assert not os.path.exists(f"{gate.directory}/gate.pid")


def test_what_a_crash_left_does_not_hinder_the_next_start(gate, origin):
    origin.serve(echo)
    path = "unix:@directory/gate.sock"
    gate = gate(f"listen {path}\n" + CONFIG, origin=origin)
    for pid in gate.members():
        os.kill(pid, signal.SIGKILL)
    gate.process.wait()
    eventually(lambda: not gate.members(), "everything to be dead")
    left = sorted(os.listdir(gate.state))
    assert left == ["admin.sock", "adoption.sock", "lock", "portcullis.pid"]
    assert gate.command("status").returncode == 3
    gate.start()
    assert gate.generations() == [1]
    with Client(gate.addresses()[1]) as client:
        assert client.get().status == 200


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_state_directory_that_anybody_may_write_to_is_refused(gate, origin, mode):
    gate = gate(CONFIG, start=False, origin=origin)
    os.mkdir(gate.state)
    os.chmod(gate.state, mode)
    gate.spawn().wait_end(status=1)
    assert "cannot start" in gate.stderr() and gate.state in gate.stderr()


# --- Users ----------------------------------------------------------------------------------------


def credentials(pid):
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    ids = {k: set(v.split()) for k, v in re.findall(r"^(Uid|Gid|Groups):[ \t]*(.*)$", text, re.M)}
    return ids["Uid"], ids["Gid"], ids["Groups"]


def can_be_dumped(pid):
    """The kernel gives the files of a process that can not to root."""
    return os.stat(f"/proc/{pid}/mem").st_uid != 0


@ROOT
def test_root_keeps_only_what_must_be_root(gate, origin):
    user = pwd.getpwnam("daemon")
    logs = "log requests json to @directory/logs/requests.log\nlog security off\n"
    gate = gate(
        "listen 127.0.0.1:0\nworkers 2\nuser daemon\n" + logs + CONFIG,
        origin=origin,
        options={"bare": True},
    )
    expected = ({str(user.pw_uid)}, {str(user.pw_gid)}, set())
    for name in ("pc-generation", "pc-worker", "pc-logger", "pc-observer"):
        for pid in eventually(lambda: gate.members(name), name):
            eventually(lambda: credentials(pid) == expected, f"{name} to be of its user")
            eventually(lambda: not can_be_dumped(pid), f"{name} not to be dumpable")
    assert credentials(gate.process.pid)[0] == {"0"}
    folder = os.stat(f"{gate.directory}/logs")
    assert folder.st_uid == 0, "the workers' user cannot plant a file there"
    assert stat.S_IMODE(folder.st_mode) == 0o750
    file = os.stat(f"{gate.directory}/logs/requests.log")
    assert (file.st_uid, stat.S_IMODE(file.st_mode)) == (0, 0o640)
    gate.reload()
    (logger,) = eventually(lambda: gate.members("pc-logger"), "a logger")
    gate.kill(logger)
    eventually(lambda: gate.members("pc-logger") not in ([], [logger]), "another logger")


@ROOT
def test_an_unknown_user_is_an_error(gate, origin):
    gate = gate("user no-such-user\n" + CONFIG, start=False, origin=origin)
    gate.spawn().wait_end(status=1)
    assert "no-such-user" in gate.stderr()


UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@ROOT
def test_any_user_can_run_it(gate, origin):
    origin.serve(echo)
    gate = gate(CONFIG, origin=origin, options={"prefix": UNPRIVILEGED})
    assert len(gate.members()) == 6
    for pid in gate.members():
        assert credentials(pid)[0] == {"65534"}
        eventually(lambda: not can_be_dumped(pid), "none to be dumpable, or looked into")
    with gate.client() as client:
        assert client.get().status == 200
    gate.reload()
    gate.requests_log.wait(1)


@ROOT
def test_a_port_that_needs_a_right_is_refused_with_the_reason(gate, origin):
    inside = ["unshare", "-n", "sh", "-c", "ip link set lo up 2>/dev/null;"
              'echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start; exec "$@"', "sh"]
    gate = gate(
        "listen 127.0.0.1:80\n" + CONFIG,
        start=False,
        origin=origin,
        options={"bare": True, "prefix": inside + UNPRIVILEGED},
    )
    gate.spawn().wait_end(status=1)
    told = "cannot listen on 127.0.0.1:80: permission denied (ports below 1024 need root"
    assert told in gate.stderr()


# --- Limits, terminals, containers ----------------------------------------------------------------


def test_the_descriptor_limit_is_raised_as_far_as_it_may_be(gate, origin):
    def limited(soft, hard):
        command = f"ulimit -Sn {soft} && ulimit -Hn {hard} && " + 'exec "$@"'
        return {"prefix": [*(UNPRIVILEGED if os.geteuid() == 0 else []), "sh", "-c", command, "sh"]}

    few = gate(CONFIG, origin=origin, options=limited(256, 1024))
    assert few.status()["descriptor_limit"] == 1024
    few.wait_stderr("only 1024 descriptors may be open at once")
    for pid in few.members():
        if pid != few.process.pid:
            with open(f"/proc/{pid}/limits") as file:
                assert re.search(r"^Max open files +1024 +1024 ", file.read(), re.M)
    many = gate(CONFIG, origin=origin, options=limited(256, 8192))
    assert many.status()["descriptor_limit"] == 8192
    assert "descriptors may be open" not in many.stderr()


def test_in_the_foreground_the_log_goes_where_the_program_writes(gate, origin):
    origin.serve(echo)
    gate = gate(
        "listen 127.0.0.1:0\nworkers 1\nlog requests json to stdout\n"
        "log security json to stderr\n" + CONFIG,
        origin=origin,
        options={"bare": True},
    )
    with gate.client() as client:
        assert client.get("/here").status == 200
        assert client.get("/", host="unknown.test").status == 421
    eventually(lambda: '"uri":"/here"' in gate.stdout().replace('": "', '":"'), "the record")
    eventually(lambda: "unknown.test" in gate.stderr(), "the security record")
    gate.reload()
    with gate.client() as client:
        assert client.get("/again").status == 200
    eventually(lambda: "/again" in gate.stdout(), "the log goes on after a reload")


@ROOT
def test_as_process_1_of_a_container(gate, origin):
    """It reaps whatever is left to it, stops when it is told to, and takes everything along."""
    gate = gate(
        "listen unix:@directory/gate.sock\nworkers 1\n" + CONFIG,
        origin=origin,
        start=False,
        options={"bare": True, "prefix": ["unshare", "-fp", "--mount-proc", "--kill-child"]},
    )
    gate.spawn()
    gate.wait_ready()
    (first,) = [
        pid for pid in gate.members("portcullis") if processes.parent(pid) == gate.process.pid
    ]
    # nsenter's child becomes a member; its orphan is left to process 1 and ends
    subprocess.run(
        ["nsenter", "-t", str(first), "-p", "-m", "sh", "-c", "(sleep 0.2 &) ; exit 0"],
        check=True,
        timeout=20,
    )

    def zombies():
        children = [p for p in os.listdir("/proc") if p.isdigit() and processes.parent(p) == first]
        return [p for p in children if (processes.stat_fields(p) or [b"Z"])[0] == b"Z"]

    eventually(lambda: not zombies(), "no zombie")
    gate.kill(first, signal.SIGHUP)
    eventually(lambda: "generation 2 serves" in gate.stderr(), "the reload")
    gate.kill(first, signal.SIGTERM)
    gate.wait_end()
