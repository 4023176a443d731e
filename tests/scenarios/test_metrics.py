"""The metrics: the exposition format, what they count, that they never go back, that they are
bounded. harness.metrics reads them strictly; every scrape here goes through it."""

import os
import signal
import threading

import pytest
from harness import websocket
from harness.client import Client, request
from harness.deadline import Deadline, eventually
from harness.metrics import Metrics
from harness.origin import response
from harness.stream import Ended


def scrape(address, path="/metrics"):
    with Client(address) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: prometheus\r\n\r\n".encode())
        answer = client.response()
    assert answer.status == 200, answer.raw
    return Metrics(answer.body.decode())


def play(got, connection):
    if got.target == "/hold":
        connection.fill(Deadline(), "the proxy's end")
        raise Ended("FIN", b"")
    if got.target == "/slow":
        threading.Event().wait(0.06)  # what is measured, not waited for
    if got.target == "/bad":
        return b"nonsense\r\n\r\n"
    if got.target == "/ws":
        connection.send(websocket.agreement())
        connection.fill(Deadline(), "the end of the tunnel")
        raise Ended("FIN", b"")
    return response(b"hello")


SITES = """
origin app { server @origin }
site example.test { to app; route = /denied { deny all } }
site two.test { respond 204 }
"""


@pytest.fixture
def serving(gate, origin):
    origin.serve(play)
    return gate(SITES, origin=origin)


def test_what_is_counted_agrees_with_itself_and_the_log(serving, origin):
    with serving.client() as client:
        for path, host, status in [
            ("/", "example.test", 200),
            ("/bad", "example.test", 502),
            ("/denied", "example.test", 403),
            ("/", "two.test", 204),
            ("/slow", "example.test", 200),
        ]:
            assert client.get(path, host=host).status == status
        assert client.get("/", host="three.test").status == 421
    with serving.client() as client:
        client.send(b"rubbish\r\n\r\n")
        assert client.response().status == 400
    records = serving.requests_log.wait(7)
    m = serving.metrics()
    assert m.get("portcullis_exchanges_total") == 7 == m.sum("portcullis_requests_total")
    for site, counts in {
        "example.test": {"2xx": 2, "4xx": 1, "5xx": 1},
        "two.test": {"2xx": 1},
        "(other)": {"4xx": 2},
    }.items():
        for status in ("none", "1xx", "2xx", "3xx", "4xx", "5xx"):
            got = m.get("portcullis_requests_total", site=site, status=status)
            assert got == counts.get(status, 0), (site, status)
        mine = [r for r in records if r.get("site", "(other)") == site]
        assert m.get("portcullis_received_bytes_total", site=site) == sum(
            r["bytes_in"] for r in mine
        )
        assert m.get("portcullis_sent_bytes_total", site=site) == sum(r["bytes_out"] for r in mine)
        name = "portcullis_request_duration_seconds"
        assert m.get(name + "_count", site=site) == len(mine)
        assert m.get(name + "_sum", site=site) == pytest.approx(
            sum(r["duration_s"] for r in mine), abs=1e-3
        )
    slow = m.get("portcullis_request_duration_seconds_bucket", site="example.test", le="0.05")
    assert slow <= 3  # the one that took more is not among them
    for reason, count in {"access.deny": 1, "site.unknown": 1, "h1.method": 1}.items():
        assert m.get("portcullis_refusals_total", reason=reason) == count
    assert m.sum("portcullis_refusals_total") == 3 == len(serving.security_log.wait(3))
    assert m.sum("portcullis_failures_total") == 1
    server = f"app/{origin}"
    assert m.get("portcullis_origin_requests_total", server=server) == 3
    assert m.get("portcullis_origin_failures_total", server=server) == 1
    assert m.get("portcullis_origin_connects_total", server=server) == 2
    assert m.get("portcullis_origin_reused_total", server=server) == 1
    assert m.get("portcullis_origin_head_seconds_count", server=server) == 2
    assert m.get("portcullis_origin_head_seconds_bucket", server=server, le="0.05") <= 1


def test_gauges_follow_what_is_there(serving, origin):
    server = f"app/{origin}"

    def gauges():
        m = serving.metrics()
        return (
            m.get("portcullis_connections_open"),
            m.get("portcullis_connections_idle"),
            m.get("portcullis_tunnels_open"),
            m.sum("portcullis_origin_in_flight", server=server),
            m.sum("portcullis_origin_idle", server=server),
            m.get("portcullis_origin_connections_open"),
            m.get("portcullis_origin_connections_idle"),
        )

    idle, holding, tunnel = (serving.client() for _ in range(3))
    idle.get("/")
    eventually(lambda: gauges() == (3, 3, 0, 0, 1, 1, 1), "three idle ones")
    holding.send(request("/hold"))
    eventually(lambda: gauges() == (3, 2, 0, 1, 0, 1, 0), "one that works")
    tunnel.send(websocket.handshake())
    assert tunnel.response().status == 101
    eventually(lambda: gauges() == (3, 1, 1, 2, 0, 2, 0), "a tunnel")
    holding.reset()
    tunnel.close()
    eventually(lambda: gauges() == (1, 1, 0, 0, 0, 0, 0), "the end of both")
    idle.close()
    eventually(lambda: gauges() == (0, 0, 0, 0, 0, 0, 0), "nothing")
    m = serving.metrics()
    # a tunnel has no latency
    assert m.get("portcullis_request_duration_seconds_count", site="example.test") == 2
    assert m.get("portcullis_exchanges_total") == 3


def test_counters_never_go_back_over_reloads_and_deaths(gate, origin):
    origin.serve()
    config = (
        "listen 127.0.0.1:0\nworkers 2\nlog requests json to @directory/requests.log\n"
        "site example.test { to @origin; route /d { deny all } }\n"
    )
    proxy = gate(config, options={"bare": True}, origin=origin)
    done, problems, scrapes = threading.Event(), [], []

    def watch():
        last = {}
        while not done.is_set():
            try:
                m = proxy.metrics()
                now = {
                    key: value
                    for key, value in m.samples.items()
                    if m.kinds[m._family_of(key[0])] != "gauge"
                }
                problems.extend(
                    (key, value, now.get(key)) for key, value in last.items()
                    if now.get(key, -1) < value
                )
                last = now
                scrapes.append(now)
            except Exception as error:
                problems.append(error)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    answered = 0
    for turn in range(6):
        with proxy.client() as client:
            for path in ("/", "/d", "/x"):
                client.get(path)
                answered += 1
        proxy.requests_log.wait_lines(answered)
        if turn % 2:
            proxy.reload()
        else:
            workers = proxy.status()["workers"]
            newest = max(worker["generation"] for worker in workers)
            victims = [w["pid"] for w in workers if w["generation"] == newest]
            os.kill(victims[turn // 2 % len(victims)], signal.SIGKILL)
            proxy.wait_stderr(r"(?:(?s:.)*it is replaced){%d}" % (turn // 2 + 1))
            eventually(lambda: len(proxy.workers()) == 2, "a new worker")
    done.set()
    watcher.join()
    assert not problems, problems[:3]
    m = proxy.metrics()
    assert len(scrapes) > 5
    assert m.get("portcullis_exchanges_total") == answered
    assert m.get("portcullis_worker_deaths_total") == 3
    assert m.get("portcullis_refusals_total", reason="access.deny") == 6
    eventually(lambda: proxy.metrics().get("portcullis_generations") == 1, "the last generation")
    assert proxy.metrics().get("portcullis_generation") == 4


def test_a_draining_generation_is_counted(serving):
    with serving.client() as client:
        client.send(request("/hold"))
        eventually(lambda: serving.metrics().sum("portcullis_origin_in_flight") == 1, "a request")
        serving.reload()
        eventually(lambda: serving.metrics().get("portcullis_generations") == 2, "two generations")
        m = serving.metrics()
        assert m.get("portcullis_connections_draining") == 1
        assert m.get("portcullis_generation") == 2 and m.get("portcullis_workers") == 2
    eventually(lambda: serving.metrics().get("portcullis_generations") == 1, "one generation")
    assert serving.metrics().get("portcullis_connections_draining") == 0


def test_labels_are_escaped(gate, origins):
    proxy = gate(
        'log requests json to "@directory/we\\"ird\\\\.log"\n'
        'site example.test { to "unix:@directory/o\\"s.sock" }',
        start=False,
    )
    origin = origins(path=f'{proxy.directory}/o"s.sock').serve()
    os.chmod(f'{proxy.directory}/o"s.sock', 0o777)
    proxy.start()
    with proxy.client() as client:
        assert client.get("/").status == 200
    m = proxy.metrics()
    name = f'{proxy.directory}/o\\"s.sock'
    servers = [dict(labels)["server"] for n, labels in m.samples if n.endswith("origin_in_flight")]
    assert len(servers) == 1 and name in servers[0]
    assert m.get("portcullis_log_lines_lost_total", path=f'{proxy.directory}/we\\"ird\\\\.log') == 0
    assert origin.requests


def test_strangers_cannot_make_the_metrics_grow(serving):
    with serving.client() as client:
        client.get("/")
        client.get("/denied")
    with serving.client() as client:
        client.get("/", host="x.test")
    before = len(serving.metrics().samples)
    for index in range(60):
        with serving.client() as client:
            client.get(f"/{index}", fields=[f"X-{index}: {index}"], method=f"M{index}")
            client.get(f"/denied?{index}")
            client.get("/", host=f"h{index}.test")
    assert len(serving.metrics().samples) == before


def test_more_sites_and_servers_than_rows_share_the_last_one(gate, origin):
    origin.serve()
    many = 1100
    sites = "\n".join(f"site s{i}.test {{ to 127.0.{i // 250}.{i % 250 + 1}:1 }}" for i in range(many))
    proxy = gate(f"{sites}\nsite example.test {{ to @origin }}", origin=origin)
    with proxy.client() as client:
        for index in range(0, many, 4):
            client.get("/", host=f"s{index}.test")
        for _ in range(3):
            assert client.get("/").status == 200
    m = proxy.metrics()
    assert m.get("portcullis_exchanges_total") == many // 4 + 3
    assert m.sum("portcullis_requests_total") == many // 4 + 3
    sites = {dict(labels)["site"] for name, labels in m.samples if name.endswith("requests_total")
             and "site" in dict(labels)}
    assert "(other)" in sites and len(sites) <= 1024
    proxy.status()  # it names a thousand servers, and is whole


def test_the_metrics_address_speaks_for_all_workers(gate):
    proxy = gate(
        "listen 127.0.0.1:0\nworkers 3\nmetrics on 127.0.0.1:0\nlog requests off\n"
        "log security off\nsite example.test { respond 200 }",
        options={"bare": True},
    )
    address = proxy.addresses()[1]
    for _ in range(30):
        with proxy.client() as client:
            client.get("/")
    eventually(lambda: scrape(address).get("portcullis_exchanges_total") == 30, "all of them")
    m = scrape(address)
    assert m.samples.keys() == proxy.metrics().samples.keys()
    assert scrape(address, "/metrics?collect=all").kinds == m.kinds
