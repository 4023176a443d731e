"""An upgrade replaces the program by the binary now on disk: the same process id, nothing lost. A
binary that is not up to it changes nothing."""

import os
import platform
import shutil
import signal
import sys

import pytest
from harness import websocket
from harness.client import request
from harness.deadline import eventually
from harness.gate import binary_path
from harness.load import Load, echo

CONFIG = "workers 2\nsite example.test { to @origin }"


@pytest.fixture
def installed(gate, tmp_path):
    """gate(…) with a binary of its own that a test may replace: (gate, path)."""
    tmp_path.chmod(0o755)
    path = tmp_path / "portcullis"
    shutil.copy(binary_path(), path)

    def make(config, arguments=(), **values):
        instance = gate(config, options={"binary": str(path), "arguments": arguments}, **values)
        return instance, path

    return make


def install(path, content):
    """As a package does: a new file takes the name."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.replace(path)


def another_binary(mark=b"another build"):
    with open(binary_path(), "rb") as file:
        return file.read() + mark


def runs(path, pid):
    """Does the process run this very file?"""
    try:
        return os.path.samefile(path, f"/proc/{pid}/exe")
    except FileNotFoundError:
        return False  # it has just ended


# --- Good ones ------------------------------------------------------------------------------------


def test_upgrades_under_load_lose_nothing(installed, origin):
    origin.serve(echo)
    gate, path = installed(CONFIG, origin=origin)
    pid = gate.process.pid
    names = ("pc-logger", "pc-observer")
    helpers = {name: eventually(lambda: gate.members(name), name) for name in names}
    with Load(gate.address) as load:
        for i in range(4):
            install(path, another_binary(b"%d" % i))
            assert not runs(path, pid)
            done = gate.command("upgrade", check=0)
            assert "upgraded to version" in done.stdout
            assert runs(path, pid), "in place: the same process"
            load.wait_answers(10)
        for name, before in helpers.items():
            eventually(
                lambda: len(set(gate.members(name)) - set(before)) == len(gate.members(name)) == 1,
                f"a {name} of the new binary",
            )
        gate.reload()
        load.wait_answers(10)
    load.assert_no_failure()
    gate.wait_generations(1)
    eventually(lambda: all(runs(path, member) for member in gate.members()), "nothing of the old")
    records = gate.requests_log.wait(load.answers)
    assert len(records) == load.answers, "the log goes on without a gap"
    assert gate.metrics().sum("portcullis_requests_total") == load.answers
    gate.stop()


def test_what_is_in_progress_survives_an_upgrade(installed, origin):
    gate, path = installed(CONFIG, origin=origin)
    tunnel, download = gate.client(), gate.client()
    tunnel.send(websocket.handshake())
    behind_tunnel = origin.accept()
    behind_tunnel.request_head()
    behind_tunnel.send(websocket.agreement())
    assert tunnel.response_head().status == 101
    download.send(request("/download"))
    behind_download = origin.accept()
    behind_download.request()
    behind_download.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    download.recv_until(b"hello")
    for mark in (b"1", b"2"):
        install(path, another_binary(mark))
        gate.send_signal(signal.SIGUSR2)
        eventually(lambda: runs(path, gate.process.pid), "the new binary in place")
    behind_download.send(b"world")
    assert download.recv_exactly(5) == b"world"
    tunnel.send(websocket.frame(b"still here", masked=True))
    assert websocket.read_frame(behind_tunnel)[1] == b"still here"
    eventually(lambda: gate.command("status").returncode == 0, "the observer to answer")
    eventually(lambda: gate.generations() == [1, 3], "only the first to have connections")
    behind_tunnel.close()
    tunnel.assert_ended()
    tunnel.close()
    download.close()
    gate.wait_generations(1)


def test_a_reload_goes_on_with_the_binary_that_runs(installed, origin):
    """A package has put the next one on disk; nobody has asked for it yet."""
    origin.serve(echo)
    gate, path = installed(CONFIG, origin=origin)
    install(path, b"#!/bin/sh\nexit 1\n")
    gate.reload()
    (logger,) = eventually(lambda: gate.members("pc-logger"), "a logger")
    gate.kill(logger)
    eventually(lambda: gate.members("pc-logger") not in ([], [logger]), "another logger")
    with gate.client() as client:
        assert client.get().status == 200
    path.unlink()
    gate.reload()
    assert gate.generations("current") == [3]


def test_after_an_upgrade_it_reloads_adopts_and_stops(installed, origin):
    origin.serve(echo)
    gate, path = installed(CONFIG, origin=origin)
    address = gate.address
    install(path, another_binary())
    gate.command("upgrade", check=0)
    gate.kill(gate.process.pid)
    gate.process.wait()
    with gate.client() as client:
        assert client.get().status == 200
    gate.start()
    assert gate.addresses() == [address]
    gate.reload()
    gate.stop()


# --- Bad ones -------------------------------------------------------------------------------------

NO_EPOLL = f"""#!{sys.executable}
# Workers, and only they, die of their first epoll_create1.
import ctypes, os, struct, sys
number = {{"x86_64": 291, "aarch64": 20}}[{platform.machine()!r}]
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
    sys.exit(9)
os.execv({{binary!r}}, ["portcullis", *sys.argv[1:]])
"""

BROKEN = {
    "cannot be executed": (b"rubbish", "cannot start a generation with"),
    "ends at once": (b"#!/bin/sh\nexit 7\n", "ended while it was loading: exit code 7"),
    "is killed": (b"#!/bin/sh\nkill -9 $$\n", "ended while it was loading: signal 9 (Killed)"),
    "does not know the process": (b"#!/bin/sh\nexec @ internal nonsense\n", "ended while"),
    "hangs": (b"#!/bin/sh\nexec sleep 1000\n", "the new generation was not ready within 2 s"),
    "has workers that die": (None, "worker 0 died at once: signal 31"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_binary_that_is_not_up_to_it_changes_nothing(installed, origin, case):
    origin.serve(echo)
    content, text = BROKEN[case]
    gate, path = installed(CONFIG, arguments=["--load-seconds", "2"], origin=origin)
    kept = path.with_name("kept")
    shutil.copy(path, kept)
    if content is None:
        content = NO_EPOLL.replace("{binary!r}", repr(str(kept))).encode()
    workers = gate.workers()
    with Load(gate.address) as load:
        install(path, content.replace(b"@", str(kept).encode()))
        done = gate.command("upgrade")
        assert done.returncode == 1 and text in done.stderr, done.stdout + done.stderr
        for line in done.stderr.splitlines():
            assert line in gate.stderr(), f"not in the program log: {line}"
        load.wait_answers(10)
        eventually(lambda: gate.generations() == [1], "the refused one to be gone")
        assert gate.workers() == workers
        assert runs(kept, gate.process.pid) or not runs(path, gate.process.pid)
        install(path, another_binary())
        gate.command("upgrade", check=0)
        assert runs(path, gate.process.pid)
    load.assert_no_failure()


def test_a_binary_with_another_layout_of_shared_memory_is_refused(installed, origin):
    """Its magic number stands for the layout here: both are compared in one place."""
    magic = b"SKROWTCP"  # of the segment with the workers, as it lies in the file
    binary = another_binary()
    assert magic in binary
    gate, path = installed(CONFIG, origin=origin)
    install(path, binary.replace(magic, b"SKROWTCQ"))
    done = gate.command("upgrade", check=1)
    assert "lays out the shared memory in another way and cannot take over" in done.stderr
    eventually(lambda: gate.generations() == [1], "the refused one to be gone")
    assert not runs(path, gate.process.pid)


def test_an_upgrade_with_a_broken_configuration_changes_nothing(installed, origin):
    gate, path = installed(CONFIG, origin=origin)
    install(path, another_binary())
    gate.write_config("nonsense")
    done = gate.command("upgrade", check=1)
    assert "error[E0201]: unknown directive 'nonsense'" in done.stderr
    eventually(lambda: gate.generations() == [1], "the refused one to be gone")
    assert not runs(path, gate.process.pid)


def test_a_reload_asked_for_while_an_upgrade_loads_has_its_own_outcome(installed, origin):
    gate, path = installed(CONFIG, origin=origin)
    go = path.with_name("go")
    install(path, b"#!/bin/sh\nwhile [ ! -e %s ]; do sleep 0.05; done; exit 7\n" % str(go).encode())
    upgrade = gate.start_command("upgrade")
    eventually(lambda: gate.generations() == [1, 2], "the upgrade to load")
    reload = gate.start_command("reload")
    eventually(lambda: is_waiting(reload.pid), "the reload to wait")
    assert upgrade.poll() is reload.poll() is None
    go.touch()
    _, said = upgrade.communicate(timeout=20)
    assert upgrade.returncode == 1 and "exit code 7" in said
    told, _ = reload.communicate(timeout=20)
    assert (reload.returncode, told) == (0, "the new configuration is in force\n")
    assert gate.generations("current") == [3]


def is_waiting(pid):
    with open(f"/proc/{pid}/wchan") as file:
        return "poll" in file.read()


def test_a_file_that_nobody_may_execute_is_said(installed, origin):
    gate, path = installed(CONFIG, origin=origin)
    path.chmod(0o644)
    done = gate.command("upgrade", check=1)
    assert f"cannot start a generation with {path}: Permission denied" in done.stderr
    path.unlink()
    done = gate.command("upgrade", check=1)
    assert f"cannot start a generation with {path}: No such file or directory" in done.stderr
    assert gate.generations() == [1], "none was ever made"
