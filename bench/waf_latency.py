"""What becomes of a client while the worker judges large bodies: GETs at a fixed rate, alone, and beside
somebody who posts one document of 10 MiB in JSON after the other, judged or not. In each round all are
measured in turn; a ratio is one of a round.

What is to be seen is how long the proxy lets the client wait. So whatever else the client could wait for
is kept away: it and the origin that answers it go first on their processor; the bodies come from a process
of the lowest priority, go to an origin of their own of the same, and move in small pieces, since nobody
interrupts the kernel while it copies one. How long it waited for its processor all the same is measured as
well."""

import contextlib
import json
import os
import pathlib
import subprocess
from dataclasses import dataclass
from statistics import median

import accounting
import report
import scenarios
import waf
import waf_growth

RATIO_MAX = 2.0
BODY_BYTES = 10 * 1024 * 1024
RATE, SECONDS = 500, 8
CLIENT = ["--path", "/1k", "--length", "1024", "--connections", "16", "--warm-up", "64", "--rate", str(RATE)]
SHAPES = (
    ("JSON of many values", waf_growth.json_values),
    ("JSON of one text", waf_growth.json_text),
    ("form of many fields", waf_growth.form),
    ("XML", waf_growth.xml),
)
# The proxy's own limits let such bodies in; what they are is not what is measured.
RULES = "waf balanced {{ rules crs {folder}; body 16M; budget 60s }}; limits {{ body 16M }}"
LIMITS = "limits { held 4G }\n"
WITHOUT_RULES = "waf off; limits { body 16M }"
CLIENT_LEFT = (0, 499)
# Bodies have an origin of their own: it is busy for a while with each.
SINK = "route /sink {{ to 127.0.0.1:{port} }}"
# The kernel doubles it. So much is copied, and passed from one end of a connection to the other, at once.
BUFFER_BYTES = 64 * 1024
ORIGIN_PRIORITY, CLIENT_PRIORITY = 10, 20
FIRST = (
    f"the client that is measured (SCHED_FIFO {CLIENT_PRIORITY}), then the origin that answers it ({ORIGIN_PRIORITY}), "
    f"last the bodies and their own origin (SCHED_IDLE, socket buffers of {2 * BUFFER_BYTES // 1024} KiB)"
)
NOT_FIRST = (
    "not allowed to put the client and its origin before others (SCHED_FIFO): "
    "what it waits for its processor is a part of what it sees"
)


def goes_first(pid, priority):
    """Whether the process could be put before all that have no such priority."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return False
    return True


class Background:
    """A process that gives way to all others on its processors, until the end of the block."""

    def __init__(self, cpus, command, **pipes):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **pipes},
            preexec_fn=lambda: self.place(cpus),
        )

    @staticmethod
    def place(cpus):
        os.sched_setaffinity(0, cpus)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Poster(Background):
    """One connection that posts the request again and again."""

    def __init__(self, bench, port, path):
        command = [str(bench.load), "--port", str(port), "--request", str(path), "--length", "2"]
        command += ["--connections", "1", "--requests", "1000000", "--timeout", "3600"]
        super().__init__(bench.load_cpus, [*command, "--send-buffer", str(BUFFER_BYTES)])


class Sink(Background):
    """The origin of the bodies; `port` is where."""

    def __init__(self, bench):
        super().__init__(bench.load_cpus, [str(bench.origin), "0", str(BUFFER_BYTES)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])


@dataclass
class Round:
    """p50, p99 and the longest, in µs: alone, beside bodies that nobody looks at, beside the same judged;
    with it, as wait_us, what the client and its origin waited for their processor, for each request. And how
    many were judged in that time."""

    alone: dict
    unjudged: dict
    judged: dict
    bodies: int


def client_sees(bench, proxy, requests):
    with scenarios.Load(bench, proxy.port, [*CLIENT, "--requests", str(requests)]) as load:
        goes_first(load.process.pid, CLIENT_PRIORITY)
        pids = (load.process.pid, bench.process.pid)
        before = sum(map(accounting.waited_ns, pids))
        load.go()
        seen = scenarios.times(load.result())
        waited = sum(map(accounting.waited_ns, pids)) - before
        return {**seen, "wait_us": waited / 1000 / requests}


def beside_bodies(bench, proxy, path, requests):
    """What the client sees, and how many bodies were answered meanwhile: all must have been let in."""
    before = len(posts(proxy))
    with Poster(bench, proxy.port, path):
        seen = client_sees(bench, proxy, requests)
    made = posts(proxy)[before:]
    if not made or any(post["status"] != 200 for post in made):
        raise scenarios.Invalid(f"bodies were answered with {sorted({post['status'] for post in made})}, not all with 200")
    return seen, len(made)


def posts(proxy):
    """What the log says of bodies; one whose client has left is none, whether before its answer or in it."""
    lines = map(json.loads, proxy.log.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.get("method") == "POST" and line["status"] not in CLIENT_LEFT]


def measure_round(bench, on, off, path, requests):
    alone = client_sees(bench, on, requests)
    unjudged, _ = beside_bodies(bench, off, path, requests)
    return Round(alone, unjudged, *beside_bodies(bench, on, path, requests))


def rules_folder(crs, folder):
    """The rules as they are, with as many arguments as there may be in such a body."""
    folder.mkdir()
    setup = waf.crs_setup(crs).read_text(encoding="utf-8")
    (folder / "crs-setup.conf").write_text(f"{setup}\nSecArgumentsLimit 1000000\n", encoding="utf-8")
    (folder / "rules").symlink_to(crs / "rules")
    return folder


def run(bench, program, crs, rounds, tell, share=1):
    """All rounds by the kind of body, who goes first, and what went wrong. share: one so-manieth of the requests."""
    folder = rules_folder(crs, pathlib.Path(bench.place.name) / "crs")
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink(bench))
        to_sink = SINK.format(port=sink.port)
        on = waf_growth.Portcullis(program, f"{RULES.format(folder=folder)}; {to_sink}", LIMITS)
        off = waf_growth.Portcullis(program, f"{WITHOUT_RULES}; {to_sink}")
        order = FIRST if goes_first(bench.process.pid, ORIGIN_PRIORITY) else NOT_FIRST
        tell(order)
        return *run_rounds(bench, on, off, rounds, tell, share), order


def run_rounds(bench, on, off, rounds, tell, share):
    values, problems = {title: [] for title, _ in SHAPES}, []
    try:
        for proxy in (on, off):
            proxy.start(bench.directory(), bench.origin_port, bench.proxy_cpus)
        for number in range(rounds):
            for title, make in SHAPES:
                tell(f"{title}: round {number + 1}")
                path = pathlib.Path(bench.place.name) / "body.request"
                path.write_bytes(make(BODY_BYTES))
                values[title].append(measure_round(bench, on, off, path, RATE * SECONDS // share))
    except (scenarios.Invalid, OSError, ValueError) as error:
        problems.append(str(error))
    finally:
        for proxy in (on, off):
            proxy.stop()
    return values, problems


# --- The table --------------------------------------------------------------------------------------


def ratio(rounds):
    return median(r.judged["p99_us"] / r.alone["p99_us"] for r in rounds)


def row(title, rounds):
    cells = []
    for time in "p50_us", "p99_us", "max_us", "wait_us":
        for side in "alone", "unjudged", "judged":
            cells.append(f"{median(getattr(r, side)[time] for r in rounds):,.0f}")
    met = ratio(rounds) <= RATIO_MAX
    return [title, *cells, f"{ratio(rounds):.2f}: {waf.word(met)}", f"{sum(r.bodies for r in rounds)}"]


def markdown(values, about, command):
    head = ["a client beside bodies of 10 MiB"]
    head += [f"{time} µs {side}" for time in ("p50", "p99", "longest", "waited for its processor") for side in ("alone", "beside, not judged", "judged")]
    head += [f"p99 judged ÷ alone ≤ {RATIO_MAX:g}", "bodies judged"]
    rows = [row(title, rounds) for title, rounds in values.items() if rounds]
    parts = ["\n".join(f"- {key}: {value}" for key, value in about.items()), f"Made with `{command}`.", report.table(head, rows)]
    return "\n\n".join(parts) + "\n"
