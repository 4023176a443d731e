"""When a log cannot be written: no request waits for it, no line is torn, and what is lost is
counted: lines written + lines dropped = exchanges."""

import os
import re
import select
import signal
import stat
import subprocess
import threading
import time

import pytest
from harness.client import Client
from harness.deadline import eventually
from harness.records import Log, parse_record

SITE = 'site example.test { respond 200 "ok" }\n'
LONG = "User-Agent: " + "a" * 700  # so that a buffer is soon full


def exchange_many(proxy, count, fields=(LONG,)):
    """`count` exchanges on one connection; every one is answered."""
    with proxy.client() as client:
        for _ in range(count):
            assert client.get("/", fields=fields).status == 200


def several(gate, workers, config=SITE):
    return gate(
        f"listen 127.0.0.1:0\nworkers {workers}\n"
        "log requests json to @directory/requests.log\n"
        "log security json to @directory/security.log\n" + config,
        options={"bare": True},
    )


def accounts(proxy):
    """Exchanges; lines of the request log that were offered to the logger, dropped by workers, lost
    by the file, written to it."""
    log = proxy.status()["log"]
    files = [f for f in log["files"] if not f["path"].endswith("security.log")]
    lost, written = (sum(f[name] for f in files) for name in ("lost", "written"))
    requests = log["requests"]
    return [log["exchanges"], requests["offered"], requests["dropped"], lost, written]


def balance(proxy):
    """When the logger has done all it can: everything is accounted for."""
    exchanges, offered, dropped, lost, written = accounts(proxy)
    assert offered + dropped == exchanges
    return written + lost == offered


def logger_pid(proxy):
    return proxy.status()["logger_pid"]


def whole(lines):
    """Complete records, none torn or run together."""
    return [parse_record(line) for line in lines]


# --- What an ordinary log does ---------------------------------------------------------------------


def test_lines_of_several_workers_are_never_torn(gate):
    proxy = several(gate, 3)
    threads = [threading.Thread(target=exchange_many, args=(proxy, 150)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = proxy.requests_log.wait(900)
    assert len({r["id"] for r in records}) == len(records) == 900
    assert {r["worker"] for r in records} <= set(proxy.workers())
    eventually(lambda: balance(proxy), "a balance")
    assert accounts(proxy) == [900, 900, 0, 0, 900]


def test_a_line_is_in_the_file_within_a_second(gate):
    proxy = gate(SITE)
    exchange_many(proxy, 1)
    proxy.requests_log.wait_lines(1)
    ages = []
    for count in range(2, 7):
        exchange_many(proxy, 1)
        began = time.monotonic()
        proxy.requests_log.wait_lines(count)
        ages.append(time.monotonic() - began)
    assert min(ages) < 1.0  # the best of five: a busy machine may be late, not always


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_logs_go_to_the_programs_own_streams(gate, stream):
    proxy = gate(
        f"listen 127.0.0.1:0\nlog requests json to {stream}\nlog security json to {stream}\n"
        + SITE,
        options={"bare": True},
    )
    exchange_many(proxy, 3)
    with proxy.client() as client:
        client.get("/", host="nobody.test")
    log = Log(f"{proxy.directory}/{stream}")

    def records():
        return [parse_record(line) for line in log.lines() if line.startswith(b"{")]

    eventually(lambda: len(records()) == 5, "both logs on the stream")
    assert sorted(r.get("reason", "") for r in records()) == [""] * 3 + ["site.unknown"] * 2


def test_log_files_are_for_their_group_alone(gate):
    proxy = gate(SITE)
    exchange_many(proxy, 1)
    proxy.requests_log.wait_lines(1)
    mode = stat.S_IMODE(os.stat(proxy.requests_log.path).st_mode)
    assert mode & ~0o640 == 0 and mode & 0o600 == 0o600


# --- Files that are moved away ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["signal", "admin"])
def test_rotation_loses_nothing(gate, how):
    proxy = gate(SITE)
    path = proxy.requests_log.path
    with proxy.client() as client:
        for turn in range(4):
            for _ in range(20):
                client.get("/", fields=[f"User-Agent: {turn}"])
            os.rename(path, f"{path}.{turn}")
            if how == "signal":
                proxy.send_signal(signal.SIGUSR1)
            else:
                with Client(f"unix:{proxy.state}/admin.sock") as admin:
                    admin.send(b"POST /reopen HTTP/1.1\r\nHost: a\r\n\r\n")
                    assert admin.response().status == 200
            eventually(lambda: os.path.exists(path), "a new file")
    files = [f"{path}.{turn}" for turn in range(4)] + [path]
    eventually(lambda: sum(len(Log(f).lines()) for f in files) == 80, "all lines")
    agents = [record["agent"] for f in files for record in whole(Log(f).lines())]
    assert agents == sorted(agents)  # in order over all files


def test_a_file_that_cannot_be_opened_again_is_tried_until_it_can(gate):
    proxy = gate("log requests json to @directory/logs/requests.log\n" + SITE, start=False)
    folder = f"{proxy.directory}/logs"
    os.mkdir(folder)
    proxy.start()
    exchange_many(proxy, 3)
    log = Log(f"{folder}/requests.log")
    log.wait_lines(3)
    os.rename(folder, f"{folder}.away")
    proxy.send_signal(signal.SIGUSR1)
    proxy.wait_stderr(r"cannot open the log \S+: No such file")
    exchange_many(proxy, 3)
    Log(f"{folder}.away/requests.log").wait_lines(6)  # the old file goes on meanwhile
    os.mkdir(folder)
    proxy.wait_stderr(r"the log \S+ is open now")
    exchange_many(proxy, 2)
    log.wait_lines(2)
    eventually(lambda: balance(proxy), "a balance")
    assert accounts(proxy)[0:5] == [8, 8, 0, 0, 8]


# --- Faults ----------------------------------------------------------------------------------------


def test_a_full_disk_delays_nobody_and_what_is_lost_is_counted(gate):
    proxy = gate("log requests json to /dev/full\n" + SITE)
    exchange_many(proxy, 800)
    proxy.wait_stderr(r"warn logger\S+ cannot write the log /dev/full: No space left on device")
    eventually(lambda: accounts(proxy)[3] > 0, "lines that are lost")
    exchanges, offered, dropped, _, written = accounts(proxy)
    assert (exchanges, offered + dropped, written) == (800, 800, 0)

    def counts_agree():
        m, told = proxy.metrics(), accounts(proxy)
        lost = m.get("portcullis_log_lines_lost_total", path="/dev/full")
        return lost == told[3] and m.get("portcullis_log_lines_written_total", path="/dev/full") == 0

    eventually(counts_agree, "the same in status and metrics")


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for 128 KiB."""
    path = tmp_path / "small"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k,mode=777", "tmpfs", path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def test_when_the_disk_has_room_again_no_line_is_torn(gate, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 65536)
    proxy = gate("log requests json to @disk/requests.log\n" + SITE, disk=small_disk)
    log = Log(small_disk / "requests.log")
    exchange_many(proxy, 500)
    proxy.wait_stderr(r"cannot write the log \S+requests.log: No space left on device; its lines")
    eventually(lambda: accounts(proxy)[3] > 0, "lines that are lost")
    assert os.path.getsize(log.path) == 65536 and len(whole(log.lines())) > 10
    filler.unlink()
    small_disk_size(small_disk, "4m")
    eventually(lambda: balance(proxy), "a balance")
    lost = accounts(proxy)[3]
    proxy.wait_stderr(rf"the log \S+requests.log is written again; {lost} lines were lost")
    exchange_many(proxy, 10)
    eventually(lambda: balance(proxy), "a balance")
    assert len(whole(log.lines())) + accounts(proxy)[3] == 510


def small_disk_size(path, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", path], check=True)


def test_a_pipe_that_nobody_reads_delays_nobody(gate):
    proxy = gate("log requests json to @directory/pipe\n" + SITE, start=False)
    os.mkfifo(f"{proxy.directory}/pipe")
    reader = os.open(f"{proxy.directory}/pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        proxy.start()
        exchange_many(proxy, 700)
        eventually(lambda: accounts(proxy)[3] > 0, "lines that are lost")
        proxy.wait_stderr(r"cannot write the log \S+/pipe: its reader is stuck")
        with proxy.client() as client:
            assert client.get("/", host="nobody.test").status == 421
        proxy.security_log.wait(1)  # the other log goes on
        data = b""

        def read_all():
            nonlocal data
            while select.select([reader], [], [], 0)[0]:
                more = os.read(reader, 1 << 20)
                if not more:
                    break
                data += more
            return balance(proxy)

        eventually(read_all, "a balance")
        read_all()
        proxy.wait_stderr(r"the log \S+/pipe is written again")
    finally:
        os.close(reader)
    lines = data.split(b"\n")
    assert lines.pop() == b""
    exchanges, _, dropped, lost, written = accounts(proxy)
    assert len(whole(lines)) == written == exchanges - dropped - lost


def test_a_pipe_without_a_reader_is_written_when_one_comes(gate):
    proxy = gate("log requests json to @directory/pipe\n" + SITE, start=False)
    os.mkfifo(f"{proxy.directory}/pipe")
    proxy.start()
    exchange_many(proxy, 5)
    proxy.wait_stderr(r"cannot open the log \S+/pipe")
    with open(f"{proxy.directory}/pipe", "rb") as reader:
        assert len(whole([reader.readline().rstrip(b"\n") for _ in range(5)])) == 5


def test_a_stopped_logger_delays_nobody_and_all_is_accounted_for(gate):
    proxy = gate(SITE)
    exchange_many(proxy, 1)
    proxy.requests_log.wait_lines(1)
    os.kill(logger_pid(proxy), signal.SIGSTOP)
    fields = (LONG, "Referer: " + "r" * 1500)
    exchange_many(proxy, 700, fields)  # more than a ring holds
    exchanges, offered, dropped, lost, written = accounts(proxy)
    assert exchanges == 701 and dropped > 0 and offered + dropped == exchanges
    metrics = proxy.metrics()
    assert metrics.get("portcullis_log_records_dropped_total", log="requests") == dropped
    os.kill(logger_pid(proxy), signal.SIGCONT)
    eventually(lambda: balance(proxy), "a balance")
    proxy.wait_stderr(rf"{dropped} log lines were dropped by the workers")
    assert len(whole(proxy.requests_log.lines())) == 701 - dropped


def test_what_the_rings_hold_survives_a_killed_logger(gate):
    proxy = several(gate, 2)
    exchange_many(proxy, 5)
    proxy.requests_log.wait_lines(5)
    first = logger_pid(proxy)
    os.kill(first, signal.SIGSTOP)
    for _ in range(10):
        exchange_many(proxy, 10)
    os.kill(first, signal.SIGKILL)
    proxy.requests_log.wait_lines(105)
    second = eventually(lambda: logger_pid(proxy), "another logger")
    assert second != first
    exchange_many(proxy, 5)
    eventually(lambda: balance(proxy), "a balance")
    assert accounts(proxy) == [110, 110, 0, 0, 110]
    assert len(whole(proxy.requests_log.lines())) == 110


def test_a_torn_line_of_a_killed_logger_spoils_no_other(gate):
    proxy = gate(SITE)
    exchange_many(proxy, 3)
    proxy.requests_log.wait_lines(3)
    with open(proxy.requests_log.path, "ab") as file:
        file.write(b'{"time":"torn')
    os.kill(logger_pid(proxy), signal.SIGKILL)
    exchange_many(proxy, 3)
    lines = proxy.requests_log.wait_lines(7)
    assert lines[3] == b'{"time":"torn'
    assert len(whole(lines[:3] + lines[4:])) == 6


def test_the_end_does_not_wait_for_a_stopped_logger(gate):
    proxy = gate(SITE)
    exchange_many(proxy, 1)
    os.kill(logger_pid(proxy), signal.SIGSTOP)
    proxy.stop()
    assert "does not end within 5 s and is killed" in proxy.stderr()


def test_the_end_does_not_wait_for_a_stuck_reader_and_writes_the_rest(gate):
    proxy = gate("log requests json to @directory/pipe\n" + SITE, start=False)
    os.mkfifo(f"{proxy.directory}/pipe")
    reader = os.open(f"{proxy.directory}/pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        proxy.start()
        exchange_many(proxy, 150)
        with proxy.client() as client:
            client.get("/", host="nobody.test")
        proxy.stop()
    finally:
        os.close(reader)
    assert len(proxy.security_log.records()) == 1


def test_lines_of_the_last_moment_are_in_the_file_when_it_has_ended(gate):
    proxy = several(gate, 2)
    for _ in range(4):
        exchange_many(proxy, 50)
    proxy.stop()
    assert len(proxy.requests_log.records()) == 200


# --- The program's own log -------------------------------------------------------------------------


def test_a_hostile_client_cannot_fill_the_program_log(gate):
    proxy = gate("limits { connections-per-client 4 }\n" + SITE)
    before = len(proxy.stderr())
    clients = [proxy.client() for _ in range(12)]
    for client in clients[:4]:
        client.send(b"rubbish\r\n\r\n")
        client.recv_all()
    for client in clients:
        client.close()
    for _ in range(50):
        with proxy.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: \x01\r\n\r\n")
            client.recv_all()
    proxy.security_log.wait(4 + 8 + 50)
    assert len(proxy.stderr()) == before  # what strangers do is in the logs of requests


def test_the_program_log_has_times_levels_and_processes_and_no_requests(gate):
    proxy = gate(SITE)
    exchange_many(proxy, 2)
    proxy.reload(SITE)
    proxy.stop()
    lines = proxy.stderr().splitlines()
    assert lines and all(
        re.match(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|info|debug) "
            r"[a-z0-9 -]+\[\d+\]: \S",
            line,
        )
        for line in lines
    )
    assert "example.test" not in proxy.stderr()


def test_under_the_journal_lines_carry_their_priority(gate):
    proxy = gate(SITE, options={"environment": {"JOURNAL_STREAM": "8:1"}})
    proxy.stop()
    assert all(line.startswith(("<6>", "<4>")) for line in proxy.stderr().splitlines())
    assert "<6>supervisor: generation 1 serves" in proxy.stderr()
