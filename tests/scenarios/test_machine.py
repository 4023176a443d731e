"""The machine fails: descriptors, memory and ports run out. The newest is refused, the rest is
served, and when there is room again everybody is, without a restart."""

import email.utils
import os
import pwd
import resource
import struct
import subprocess

import pytest
from harness import network, processes
from harness.client import Client, request
from harness.deadline import eventually
from harness.gate import ROOT, binary_path
from harness.origin import Origin, response
from harness.stream import Ended


# Limits may be set from outside on processes of the same user.
SAME_USER = f"user {pwd.getpwuid(os.geteuid()).pw_name}\n"


def limit(pid, what, value):
    resource.prlimit(pid, what, (value, resource.prlimit(pid, what)[1]))


def reasons(gate):
    return [r["reason"] for r in gate.security_log.records()]


# --- Descriptors -----------------------------------------------------------------------------------


def test_without_descriptors_the_newest_is_refused(gate, origin):
    origin.serve()
    g = gate(SAME_USER + "site * { to @origin }", origin=origin)
    kept = [g.client() for _ in range(3)]
    for client in kept:
        assert client.get().status == 200
    (worker,) = g.workers()
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)[0]
    limit(worker, resource.RLIMIT_NOFILE, processes.descriptor_count(worker) + 2)
    more, refused = [], 0
    for _ in range(12):
        more.append(g.client())
        more[-1].send(request("/more"))
        answer = more[-1].response()
        assert answer.status in (200, 503)
        refused += answer.status == 503
        for client in kept:  # those that are there are served
            assert client.get("/kept").status == 200
    assert refused >= 8
    eventually(lambda: reasons(g).count("resources.descriptors") == refused, "each is told")
    limit(worker, resource.RLIMIT_NOFILE, before)
    for _ in range(12):
        with g.client() as client:
            assert client.get("/again").status == 200
    for client in [*kept, *more]:
        client.close()
    assert g.workers() == [worker]


def test_descriptors_for_origins_are_kept_back(gate, origin):
    """However many connections somebody hoards, who is served has one to the origin too."""
    origin.serve()
    g = gate(
        "site * { to app }\norigin app { server @origin; keep-alive 0 }",
        options={"prefix": ["prlimit", "--nofile=100:100"]},
        origin=origin,
    )
    hoard = [g.client(source="127.0.0.2") for _ in range(120)]
    eventually(lambda: "resources.descriptors" in reasons(g), "no more are let in")
    for _ in range(20):
        with g.client() as client:
            assert client.get("/good").status == 200
    assert {r["client"] for r in g.security_log.records()} == {"127.0.0.2"}
    for client in hoard:
        client.close()
    with g.client(source="127.0.0.2") as client:
        assert client.get("/again").status == 200


# --- Ports -----------------------------------------------------------------------------------------


@network.own_network
def test_without_ports_the_newest_is_refused(gate):
    """A port of ours can be used once towards one server."""
    network.write_setting("net.ipv4.ip_local_port_range", "40000 40015")
    origin = Origin(port=8080)
    g = gate("site * { to app }\norigin app { server 127.0.0.1:8080 }")
    clients, waiting = [], []
    try:
        for i in range(24):
            clients.append(Client(g.address, source=f"127.0.0.{i + 2}"))
            clients[-1].send(request(f"/{i}"))
        while len(waiting) + sum(answered(c) for c in clients) < 24:
            if not origin.has_no_connection():
                waiting.append(origin.connections[-1])
                waiting[-1].request()
        refused = [c for c in clients if answered(c)]
        assert len(refused) >= 8
        assert all(c.response().status == 503 for c in refused)
        for connection in waiting:
            connection.respond()
        for client in clients:
            if client not in refused:
                assert client.response().status == 200
        for connection in waiting:
            connection.close()
        origin.serve()
        assert refused[0].get("/again").status == 200
    finally:
        for client in clients:
            client.close()
        origin.close()
    records = [r for r in g.requests_log.wait(25) if r.get("reason")]
    assert {r["reason"] for r in records} == {"resources.descriptors"}
    assert len(records) == len(refused)


# --- Memory ----------------------------------------------------------------------------------------


def unsanitized():
    """AddressSanitizer needs the whole address space: the limit is tried on another build."""
    for path in (binary_path(), *(os.path.join(ROOT, f"build/{b}/portcullis") for b in ("release", "clang"))):
        if os.access(path, os.X_OK):
            with open(path, "rb") as file:
                if b"__asan_init" not in file.read():
                    return path
    return None


def address_space(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def test_without_memory_the_newest_is_refused(gate, origin, monkeypatch):
    program = unsanitized()
    if not program:
        pytest.skip("an address space limit needs a build without AddressSanitizer")
    monkeypatch.setenv("PORTCULLIS_BINARY", program)
    g = gate(
        SAME_USER + "limits { connections-per-client 2000 }\nsite * { to @origin }", origin=origin
    )
    (worker,) = g.workers()
    kept = g.client()
    kept.send(request("/kept"))
    held, _ = origin.accept(), None
    held.request()
    limit(worker, resource.RLIMIT_AS, address_space(worker) + (4 << 20))
    clients = [g.client() for _ in range(60)]
    for i, client in enumerate(clients):
        client.send(request(f"/{i}"))
    refused = [c for c in clients if answered(c)]
    eventually(lambda: sum(answered(c) for c in clients) >= 20, "many are refused")
    refused = [c for c in clients if answered(c)]
    for client in refused:
        assert client.response().status == 503
    held.respond(b"kept")
    assert kept.response().body == b"kept"
    assert set(reasons(g)) <= {"resources.memory"}
    limit(worker, resource.RLIMIT_AS, resource.RLIM_INFINITY)
    origin.serve()
    for client in clients:
        if client not in refused:
            assert client.response().status in (200, 503)
    for _ in range(60):
        with g.client() as client:
            assert client.get("/again").status == 200
    for client in [*clients, kept]:
        client.close()
    assert g.workers() == [worker]


def answered(client):
    return not client.has_nothing_now()


# --- The clock -------------------------------------------------------------------------------------

# The time of day as the test wants it: seconds to add, in a file that is mapped.
CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile long *offset;
__attribute__((constructor)) static void open_offset(void)
{
    int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY);
    void *memory = fd < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    offset = memory == MAP_FAILED ? 0 : memory;
    close(fd);
}
int clock_gettime(clockid_t clock, struct timespec *to)
{
    int result = (int)syscall(SYS_clock_gettime, clock, to);
    if (offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        to->tv_sec += *offset;
    return result;
}
"""
DAY = 86400


def test_a_clock_that_jumps_ends_nothing(gate, origin):
    g = gate("site * { to @origin; timeout { head 60s } }", start=False, origin=origin)
    source, library, offset = (f"{g.directory}/{name}" for name in ("clock.c", "clock.so", "offset"))
    with open(source, "w") as file:
        file.write(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)

    def jump(seconds):
        with open(offset, "r+b" if os.path.exists(offset) else "wb") as file:
            file.write(struct.pack("l", seconds))

    jump(0)
    g.environment.update(
        LD_PRELOAD=library, CLOCK_OFFSET=offset, ASAN_OPTIONS="verify_asan_link_order=0"
    )
    g.start()
    with g.client() as waiting, g.client() as kept:
        waiting.send(request("/waiting"))
        held = origin.accept()
        held.request()
        days = []
        for seconds in (0, 400 * DAY, -400 * DAY):
            jump(seconds)
            kept.send(request(f"/{seconds}"))
            origin.accept().request()
            origin.connections[-1].respond(fields=["Connection: close"])
            answer = kept.response()
            assert answer.status == 200
            days.append(email.utils.parsedate_to_datetime(answer.get("date")))
        assert abs((days[1] - days[0]).days - 400) <= 1  # it has jumped
        assert abs((days[0] - days[2]).days - 400) <= 1
        held.respond(b"at last")
        assert waiting.response().body == b"at last"
    for record in g.requests_log.wait(4):
        assert 0 <= record["duration_s"] < 60, record


# --- Nothing is left behind ------------------------------------------------------------------------


def faulty_origin(got, connection):
    kind = int(got.target[1:]) % 8
    if kind == 1:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        raise Ended("truncated", b"")
    if kind == 2:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
        connection.reset()
        raise Ended("reset", b"")
    if kind == 3:
        raise Ended("closed without an answer", b"")
    if kind == 4:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok")
        raise Ended("malformed", b"")
    if kind == 5:
        return response(b"ok") + b"left over"
    if kind == 6:
        return response(b"x" * 200000)
    return response(b"ok")


def faulty_client(client, number):
    path = f"/{number}"
    kind = number % 7
    if kind == 0:
        client.send(request(path)[:-10])
        client.reset()
    elif kind == 1:
        client.send(request(path))
        client.close()
    elif kind == 2:
        client.send(request(path, method="POST", fields=["Content-Length: 50"]) + b"half")
        client.close()
    elif kind == 3:
        client.send(request(path, method="POST", fields=["Transfer-Encoding: chunked"]) + b"zz\r\n")
        client.recv_all()
    elif kind == 4:
        client.send(request(path))
        client.reset()
    else:
        client.send(request(path, fields=["Connection: close"]))
        client.recv_all()
    client.close()


def test_a_thousand_faulty_exchanges_leave_nothing_behind(gate, origin):
    origin.serve(faulty_origin)
    g = gate("site * { to @origin; timeout { idle 1s; send 1s; head 1s } }", origin=origin)
    (worker,) = g.workers()

    def run(numbers):
        for number in numbers:
            faulty_client(g.client(), number)
        eventually(is_quiet, "nothing is going on")

    def is_quiet():
        metrics = g.metrics()
        names = ("connections_open", "connections_idle", "fibers", "buffered_bytes", "tunnels_open")
        return all(metrics.get(f"portcullis_{name}") == 0 for name in names) and (
            metrics.get("portcullis_origin_connections_open")
            == metrics.get("portcullis_origin_connections_idle")
            and metrics.sum("portcullis_origin_in_flight") == 0
        )

    run(range(300))
    idle = g.metrics().get("portcullis_origin_connections_idle")
    descriptors, resident = processes.descriptor_count(worker) - idle, processes.resident_bytes(worker)
    run(range(300, 1300))
    idle = g.metrics().get("portcullis_origin_connections_idle")
    assert processes.descriptor_count(worker) - idle == descriptors
    assert processes.resident_bytes(worker) - resident < 4 << 20
    assert g.workers() == [worker]
    assert g.metrics().get("portcullis_exchanges_total") > 1000
