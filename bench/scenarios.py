"""What is measured: the scenarios, and how each is run."""

import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass

import accounting
import certificates
import peers

TRACED_REQUESTS = 2000
LOAD_SECONDS = 120


class Invalid(Exception):
    """A measurement that must not count: something failed, or the log is not complete."""


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    kind: str = "cost"  # cost, handshake, latency, reload, memory, sites, certificates
    load: tuple = ()  # options of bench_load
    connections: int = 0
    requests: int = 0  # in one round
    rounds_max: int = 100
    rounds_factor: int = 1  # a figure that is mostly noise needs more rounds than others
    tunnels: bool = False  # one line in the log per connection, when it ends
    key: str = ""  # over TLS, with this kind of key: ecdsa, rsa
    http2: int = 0  # so many streams on each connection; `connections` counts all of them
    agreed: str = ""  # what must have been agreed on by TLS, as bench_load says it
    certificates: int = 1

    def quick(self, factor=4):
        if self.kind == "certificates":
            return self
        return Scenario(**{**self.__dict__, "requests": self.requests // factor})


TLS_1_3 = "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519"
SCENARIOS = (
    Scenario(
        "keepalive-1k",
        "1 KB, keep-alive, 64 connections",
        load=("--path", "/1k", "--length", "1024"),
        connections=64,
        requests=60000,
    ),
    Scenario(
        "single-1k",
        "1 KB, one connection",
        load=("--path", "/1k", "--length", "1024"),
        connections=1,
        requests=8000,
    ),
    Scenario(
        "keepalive-100k",
        "100 KB, keep-alive, 32 connections",
        load=("--path", "/100k", "--length", "102400"),
        connections=32,
        requests=10000,
    ),
    Scenario(
        "new-connections",
        "1 KB, a new connection per request",
        load=("--path", "/1k", "--length", "1024", "--close", "--sources", "50"),
        connections=32,
        requests=20000,
    ),
    Scenario(
        "post-10k",
        "POST of 10 KB, keep-alive, 64 connections",
        load=("--path", "/sink", "--length", "2", "--body", "10240"),
        connections=64,
        requests=40000,
    ),
    Scenario(
        "websocket",
        "WebSocket round trip of 100 bytes, 64 connections",
        load=("--path", "/ws", "--websocket", "100"),
        connections=64,
        requests=60000,
        tunnels=True,
    ),
    Scenario(
        "latency",
        "2,000 requests per second, open loop, 64 connections",
        kind="latency",
        load=("--path", "/1k", "--length", "1024"),
        connections=64,
        requests=8000,
        rounds_factor=2,
    ),
    Scenario(
        "reload",
        "the same while the configuration is reloaded three times",
        kind="reload",
        load=("--path", "/1k", "--length", "1024", "--retry"),
        connections=64,
        requests=8000,
        rounds_max=3,
    ),
    Scenario(
        "memory",
        "idle keep-alive connections",
        kind="memory",
        load=("--path", "/1k", "--length", "1024", "--concurrency", "64", "--sources", "100"),
        connections=10000,
        rounds_max=2,
    ),
    Scenario("sites", "configured sites", kind="sites", requests=10000, rounds_max=3),
    Scenario(
        "tls-keepalive-1k",
        "TLS 1.3, 1 KB, keep-alive, 64 connections",
        load=("--path", "/1k", "--length", "1024", "--tls"),
        connections=64,
        requests=40000,
        key="ecdsa",
        agreed=f"{TLS_1_3} ECDSA http/1.1",
    ),
    Scenario(
        "tls-100k",
        "TLS 1.3, 100 KB, keep-alive, 32 connections",
        load=("--path", "/100k", "--length", "102400", "--tls"),
        connections=32,
        requests=6000,
        key="ecdsa",
        agreed=f"{TLS_1_3} ECDSA http/1.1",
    ),
    Scenario(
        "tls-full",
        "TLS 1.3, a full handshake (ECDSA P-256) and one request of 1 KB",
        kind="handshake",
        load=("--path", "/1k", "--length", "1024", "--close", "--sources", "50", "--tls"),
        connections=16,
        requests=3000,
        key="ecdsa",
        agreed=f"{TLS_1_3} ECDSA http/1.1",
    ),
    Scenario(
        "tls-full-rsa",
        "TLS 1.3, a full handshake (RSA 2048) and one request of 1 KB",
        kind="handshake",
        load=("--path", "/1k", "--length", "1024", "--close", "--sources", "50", "--tls"),
        connections=16,
        requests=2000,
        key="rsa",
        agreed=f"{TLS_1_3} RSA http/1.1",
    ),
    Scenario(
        "tls-resumed",
        "TLS 1.3, a resumed handshake (ticket, X25519) and one request of 1 KB",
        kind="handshake",
        load=(
            *("--path", "/1k", "--length", "1024", "--close", "--sources", "50"),
            *("--tls", "--resume"),
        ),
        connections=16,
        requests=4000,
        key="ecdsa",
        agreed=f"{TLS_1_3} ECDSA http/1.1",
    ),
    Scenario(
        "tls12-full",
        "TLS 1.2, a full handshake (ECDSA P-256) and one request of 1 KB",
        kind="handshake",
        load=("--path", "/1k", "--length", "1024", "--close", "--sources", "50", "--tls12"),
        connections=16,
        requests=3000,
        key="ecdsa",
        agreed="TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 X25519 ECDSA http/1.1",
    ),
    Scenario(
        "h2-1k",
        "HTTP/2 over TLS 1.3, 1 KB, 2 connections with 32 streams each",
        load=("--path", "/1k", "--length", "1024", "--tls"),
        connections=64,  # all proxies keep as many connections to the origin
        requests=16000,
        key="ecdsa",
        http2=32,
        agreed=f"{TLS_1_3} ECDSA h2",
    ),
    Scenario(
        "h2c-1k",
        "HTTP/2 without TLS, 1 KB, 2 connections with 32 streams each",
        load=("--path", "/1k", "--length", "1024"),
        connections=64,
        requests=16000,
        http2=32,
    ),
    Scenario(
        "tls-idle",
        "idle connections of TLS 1.3",
        kind="memory",
        load=(
            *("--path", "/1k", "--length", "1024", "--concurrency", "64", "--sources", "100"),
            "--tls",
        ),
        connections=5000,
        rounds_max=2,
        key="ecdsa",
        agreed=f"{TLS_1_3} ECDSA http/1.1",
    ),
    Scenario(
        "certificates",
        "1,000 certificates, one for each of 1,000 sites",
        kind="certificates",
        requests=1000,
        rounds_max=3,
        key="ecdsa",
        certificates=1000,
    ),
    Scenario(
        "certificates-10k",
        "1,000 certificates for 10,000 sites",
        kind="certificates",
        requests=10000,
        rounds_max=2,
        key="ecdsa",
        certificates=1000,
    ),
)
RATE = 2000
MEMORY_WARM_UP = 1000


class Load:
    """bench_load, run step by step: warm, measured, ended."""

    def __init__(self, bench, port, options):
        command = [str(bench.load), "--step", "--port", str(port), *options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, bench.load_cpus),
        )

    def __enter__(self):
        line = self.process.stdout.readline()
        if line != "warm\n":
            raise Invalid(f"the warm-up failed: {failure(line)}")
        return self

    def go(self):
        self.step()

    def result(self):
        result = json.loads(self.process.stdout.readline())
        if result["failed"]:
            raise Invalid(f"{result['failed']} requests failed: {result['error']}")
        return result

    def end(self):
        """Lets it close its connections; says whether all had stayed open that should."""
        self.step()
        if self.process.wait(LOAD_SECONDS) != 0:
            raise Invalid("connections did not stay open")

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def failure(line):
    return json.loads(line)["error"] if line.startswith("{") else "the load generator ended"


class Bench:
    """The tools, the processors, the origin, and where files go while it runs."""

    def __init__(self, build, proxy_cpus, load_cpus):
        self.load = pathlib.Path(build) / "bench" / "bench_load"
        self.origin = pathlib.Path(build) / "bench" / "bench_origin"
        self.proxy_cpus, self.load_cpus = proxy_cpus, load_cpus
        self.count = 0
        self.made, self.signatures = {}, {}

    def __enter__(self):
        self.place = tempfile.TemporaryDirectory(prefix="portcullis-bench-")
        os.chmod(self.place.name, 0o755)
        self.process = subprocess.Popen(
            [str(self.origin)],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self.load_cpus),
        )
        self.origin_port = int(self.process.stdout.readline().split()[1])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()
        self.place.cleanup()

    def directory(self):
        self.count += 1
        return pathlib.Path(self.place.name) / str(self.count)

    def start(self, proxy, scenario):
        """With the certificates of the scenario, and its sites where it counts sites."""
        entry = peers.Entry(self.pairs(scenario), scenario.http2 > 0)
        sites = scenario.requests if scenario.kind in ("sites", "certificates") else 0
        directory = self.directory()
        return proxy.start(directory, self.origin_port, self.proxy_cpus, sites, entry)

    def signature_us(self, kind):
        if kind not in self.signatures:
            self.signatures[kind] = certificates.signature_us(kind)
        return self.signatures[kind]

    def pairs(self, scenario):
        """The same for all proxies: made once. Each is for bench.test and for the sites whose turn
        it is."""
        made = (scenario.key, scenario.certificates)
        if scenario.key and made not in self.made:
            authority = certificates.Authority(self.directory())
            sites = range(scenario.requests + 1 if scenario.kind == "certificates" else 1)
            names = [f"site{i}.bench.test" if i else "bench.test" for i in sites]
            turns = [names[i :: scenario.certificates] for i in range(scenario.certificates)]
            self.made[made] = tuple(
                authority.issue(f"pair{i}", turn, scenario.key) for i, turn in enumerate(turns)
            )
        return self.made[made] if scenario.key else ()


def check_log(proxy, exchanges):
    """Every exchange that the proxy was ever asked for stands in its log."""
    if not proxy.logs:
        return
    proxy.asked += exchanges
    lines = proxy.log_complete(proxy.asked)
    if lines != proxy.asked:
        raise Invalid(f"{proxy.asked} exchanges, but {lines} lines in the log")


def load_options(scenario, warm_up, requests):
    return [
        *scenario.load,
        *("--connections", str(scenario.connections)),
        *("--warm-up", str(warm_up), "--requests", str(requests)),
        *(("--h2", str(scenario.http2)) if scenario.http2 else ()),
    ]


def check_handshakes(scenario, requests, result):
    """That the measured run did the handshakes that its name says, and no others."""
    each = scenario.kind == "handshake" or scenario.kind == "memory"
    resumed = requests if each and "--resume" in scenario.load else 0
    full = requests - resumed if each and scenario.key else 0
    found = (result["full"], result["resumed"], result["agreed"])
    if found != (full, resumed, scenario.agreed):
        raise Invalid(
            f"{found[0]} full and {found[1]} resumed handshakes of {found[2]}, instead of "
            f"{full} and {resumed} of {scenario.agreed}"
        )


def measure_cost(bench, proxy, scenario):
    """One round: CPU time, context switches and times of one bounded run."""
    warm_up = max(scenario.connections * 2, scenario.requests // 20)
    options = load_options(scenario, warm_up, scenario.requests)
    if scenario.kind == "latency":
        options += ["--rate", str(RATE)]
    with Load(bench, proxy.port, options) as load:
        before, key_before = proxy.account(), proxy.key_account()
        load.go()
        result = load.result()
        if not scenario.tunnels:
            check_log(proxy, warm_up + scenario.requests)
        cost, key_cost = proxy.account().since(before), proxy.key_account().since(key_before)
        load.end()
    check_handshakes(scenario, scenario.requests, result)
    if scenario.tunnels:
        check_log(proxy, scenario.connections)
    return {
        "cpu_us": cost.cpu_ns / 1000 / scenario.requests,
        **without_keyholder(bench, proxy, scenario, (cost.cpu_ns - key_cost.cpu_ns) / 1000),
        "switches": cost.switches / scenario.requests,
        "per_second": scenario.requests / result["seconds"],
        **times(result),
    }


def without_keyholder(bench, proxy, scenario, others_us):
    """What a handshake would cost if the proxy signed in its worker: the process with the keys not
    counted, but one signature. Asking it is still counted."""
    if scenario.kind != "handshake":
        return {}
    signs = proxy.key_process and "--resume" not in scenario.load
    return {
        "less_us": others_us / scenario.requests + (bench.signature_us(scenario.key) if signs else 0)
    }


def times(result):
    return {name: result[name] for name in ("p50_us", "p99_us", "p999_us", "max_us")}


def count_system_calls(bench, proxy, scenario):
    """A short run of its own: tracing slows the proxy down."""
    warm_up = scenario.connections * 2
    requests = min(TRACED_REQUESTS, scenario.requests)
    options = load_options(scenario, warm_up, requests)
    if scenario.kind == "latency":
        options += ["--rate", str(RATE)]
    with Load(bench, proxy.port, options) as load:
        trace = accounting.SystemCalls(proxy.process.pid, str(proxy.directory / "strace"))
        with trace:
            load.go()
            load.result()
        load.end()
    check_log(proxy, scenario.connections if scenario.tunnels else warm_up + requests)
    return trace.total / requests


def measure_reload(bench, proxy, scenario):
    """The open loop while the configuration is reloaded, three times at equal distances."""
    options = load_options(scenario, scenario.connections * 2, scenario.requests)
    distance = scenario.requests / RATE / 4
    with Load(bench, proxy.port, options + ["--rate", str(RATE)]) as load:
        load.go()
        for _ in range(3):
            time.sleep(distance)
            proxy.reload()
        result = load.result()
        load.end()
    proxy.await_ready("bench.test")
    return {"cut": result["cut"], **times(result)}


def measure_direct(bench, scenario):
    """The open loop against the origin itself: what of the times is not the proxy's."""
    options = load_options(scenario, scenario.connections * 2, scenario.requests)
    with Load(bench, bench.origin_port, options + ["--rate", str(RATE)]) as load:
        load.go()
        result = load.result()
        load.end()
    return times(result)


def measure_memory(bench, proxy, scenario):
    """A fresh proxy, warmed up; then what its processes grow by while every connection has done
    one exchange and stays open."""
    connections = min(scenario.connections, connections_possible())
    bench.start(proxy, scenario)
    try:
        warm_up = ["--path", "/1k", "--length", "1024", "--connections", "64", "--sources", "64"]
        warm_up += ["--tls"] if scenario.key else []
        with Load(bench, proxy.port, [*warm_up, "--requests", str(MEMORY_WARM_UP)]) as load:
            load.go()
            load.result()
            load.end()
        before = accounting.pss_settled(proxy.process.pid)
        options = [*scenario.load, "--once", "--connections", str(connections)]
        with Load(bench, proxy.port, [*options, "--requests", str(connections)]) as load:
            load.go()
            check_handshakes(scenario, connections, load.result())
            after = accounting.pss_settled(proxy.process.pid)
            load.end()
        check_log(proxy, MEMORY_WARM_UP + connections)
    finally:
        proxy.stop()
    return {"bytes": (after - before) / connections, "base_mb": before / 1e6, "count": connections}


def connections_possible():
    """A descriptor per connection, and some for everything else."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500


def measure_sites(bench, proxy, scenario):
    """From the start of the program to the first answer of the last site."""
    try:
        return {"seconds": bench.start(proxy, scenario), "count": scenario.requests}
    finally:
        proxy.stop()


def measure_certificates(bench, proxy, scenario):
    return {**measure_sites(bench, proxy, scenario), "certificates": scenario.certificates}


MEASURES = {
    "cost": measure_cost,
    "handshake": measure_cost,
    "latency": measure_cost,
    "reload": measure_reload,
    "memory": measure_memory,
    "sites": measure_sites,
    "certificates": measure_certificates,
}
TRACED = ("cost", "handshake", "latency")
FRESH = ("memory", "sites", "certificates")  # kinds that start the proxy themselves


def run(bench, scenario, proxies, rounds, tell):
    """All rounds of a scenario, the proxies in turn in each. Returns the rounds' values by proxy,
    the system calls per request by proxy, and what went wrong."""
    proxies = [proxy for proxy in proxies if proxy.takes_part(scenario)]
    values = {proxy.name: [] for proxy in proxies}
    calls, problems = {}, []
    working = list(proxies)
    measure = MEASURES[scenario.kind]

    def attempt(proxy, what, *arguments):
        try:
            return what(*arguments)
        except (Invalid, OSError, ValueError, subprocess.TimeoutExpired) as error:
            problems.append(f"{scenario.name}, {proxy.name}: {error}")
            if proxy in working:
                working.remove(proxy)
            return None

    try:
        if scenario.kind not in FRESH:
            for proxy in proxies:
                attempt(proxy, bench.start, proxy, scenario)
        for number in range(min(rounds * scenario.rounds_factor, scenario.rounds_max)):
            tell(f"{scenario.name}: round {number + 1}")
            for proxy in list(working):
                value = attempt(proxy, measure, bench, proxy, scenario)
                if value:
                    values[proxy.name].append(value)
            if scenario.kind in ("latency", "reload"):
                values.setdefault("direct", []).append(measure_direct(bench, scenario))
        if scenario.kind in TRACED and can_trace():
            for proxy in list(working):
                calls[proxy.name] = attempt(proxy, count_system_calls, bench, proxy, scenario)
    finally:
        for proxy in proxies:
            proxy.stop()
    return values, calls, problems


def can_trace():
    return subprocess.run(["which", "strace"], stdout=subprocess.DEVNULL).returncode == 0
