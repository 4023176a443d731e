"""What becomes of a client while the worker judges large bodies: GETs at a fixed rate, alone, and beside
somebody who posts one document of 10 MiB in JSON after the other, judged or not. In each round all are
measured in turn; a ratio is one of a round."""

import json
import os
import pathlib
import subprocess
from dataclasses import dataclass
from statistics import median

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


class Poster:
    """One connection that posts the request again and again, until the end of the block; it gives way to
    all others on its processor."""

    def __init__(self, bench, port, path):
        command = [str(bench.load), "--port", str(port), "--request", str(path), "--length", "2"]
        self.process = subprocess.Popen(
            [*command, "--connections", "1", "--requests", "1000000", "--timeout", "3600"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: self.place(bench.load_cpus),
        )

    @staticmethod
    def place(cpus):
        os.sched_setaffinity(0, cpus)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@dataclass
class Round:
    """p50, p99 and the longest, in µs: alone, beside bodies that nobody looks at, beside the same judged;
    and how many were judged in that time."""

    alone: dict
    unjudged: dict
    judged: dict
    bodies: int


def client_sees(bench, proxy, requests):
    with scenarios.Load(bench, proxy.port, [*CLIENT, "--requests", str(requests)]) as load:
        load.go()
        return scenarios.times(load.result())


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
    """What the log says of bodies; one whose client has left is none."""
    lines = map(json.loads, proxy.log.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.get("method") == "POST" and line["status"]]


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
    """All rounds by the kind of body, and what went wrong. share: one so-manieth of the requests."""
    folder = rules_folder(crs, pathlib.Path(bench.place.name) / "crs")
    on = waf_growth.Portcullis(program, RULES.format(folder=folder), LIMITS)
    off = waf_growth.Portcullis(program, WITHOUT_RULES)
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
    for time in "p50_us", "p99_us", "max_us":
        for side in "alone", "unjudged", "judged":
            cells.append(f"{median(getattr(r, side)[time] for r in rounds):,.0f}")
    met = ratio(rounds) <= RATIO_MAX
    return [title, *cells, f"{ratio(rounds):.2f}: {waf.word(met)}", f"{sum(r.bodies for r in rounds)}"]


def markdown(values, about, command):
    head = ["a client beside bodies of 10 MiB"]
    head += [f"{time} µs {side}" for time in ("p50", "p99", "longest") for side in ("alone", "beside, not judged", "judged")]
    head += [f"p99 judged ÷ alone ≤ {RATIO_MAX:g}", "bodies judged"]
    rows = [row(title, rounds) for title, rounds in values.items() if rounds]
    parts = ["\n".join(f"- {key}: {value}" for key, value in about.items()), f"Made with `{command}`.", report.table(head, rows)]
    return "\n\n".join(parts) + "\n"
