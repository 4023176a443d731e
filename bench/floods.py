"""Under each flood of HTTP/2: what becomes of a client that behaves well. In each round it is measured
without the flood and then with it, in the same way; a ratio is one of a round."""

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

import report
import scenarios

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "scenarios"))
from harness.floods import FLOODS

RATIO_MAX = 2.0
RATE = 500
SECONDS = 4

# Two connections with eight streams each, in the clear: nothing else is at work.
GOOD = scenarios.Scenario(
    "good-client",
    "HTTP/2, 500 requests of 1 KB per second, open loop",
    load=("--path", "/1k", "--length", "1024", "--rate", str(RATE)),
    connections=16,
    http2=8,
)


@dataclass
class Round:
    """A measurement without the flood, and one with it."""

    control: dict
    flooded: dict
    flood: dict  # connections and bytes


class Flood:
    """The flood, from its first connection until the end of the block; told() says what it was."""

    def __init__(self, port, name, number, cpus):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "flood.py"), str(port), name, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: self.place(cpus),
        )

    @staticmethod
    def place(cpus):
        """Beside the load generator, and behind it: what is slow under the flood is the proxy."""
        os.sched_setaffinity(0, cpus)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    def __enter__(self):
        if self.process.stdout.readline() != "ready\n":
            raise scenarios.Invalid("the flood did not begin")
        return self

    def told(self):
        self.process.stdin.close()
        return json.loads(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def measure_good(bench, port, requests):
    """{"failed": …, "p50_us": …, "p99_us": …} of a client that behaves well."""
    options = scenarios.load_options(GOOD, GOOD.connections * 2, requests)
    with scenarios.Load(bench, port, options) as load:
        load.go()
        result = json.loads(load.process.stdout.readline())
    return {"failed": result["failed"], "asked": requests, **scenarios.times(result)}


def measure_round(bench, proxy, name, number, requests):
    """number: of the flood, whose addresses have not made any before."""
    control = measure_good(bench, proxy.port, requests)
    with Flood(proxy.port, name, number, bench.load_cpus) as flood:
        flooded = measure_good(bench, proxy.port, requests)
        told = flood.told()
    if told["connections"] == 0 or told["bytes"] == 0:
        raise scenarios.Invalid(f"{name}: nothing was poured")
    return Round(control, flooded, told)


def run(bench, proxy, rounds, tell, names=tuple(FLOODS), requests=RATE * SECONDS):
    """All rounds of each flood by its name, and what went wrong."""
    values, problems = {name: [] for name in names}, []
    bench.start(proxy, GOOD)
    try:
        for number in range(rounds):
            for index, name in enumerate(names):
                tell(f"{name}: round {number + 1}")
                try:
                    values[name].append(measure_round(bench, proxy, name, number * len(names) + index, requests))
                except (scenarios.Invalid, OSError, ValueError) as error:
                    problems.append(f"{name}: {error}")
    finally:
        proxy.stop()
    return values, problems


# --- The table --------------------------------------------------------------------------------------


def ratio(rounds):
    return median(r.flooded["p99_us"] / r.control["p99_us"] for r in rounds)


def answered(rounds):
    asked = sum(r.flooded["asked"] for r in rounds)
    return 100 * (asked - sum(r.flooded["failed"] for r in rounds)) / asked


def row(name, rounds):
    middle = {side: median(getattr(r, side)["p99_us"] for r in rounds) for side in ("control", "flooded")}
    poured = sum(r.flood["bytes"] for r in rounds) / len(rounds)
    cut = sum(r.flood["connections"] for r in rounds) / len(rounds)
    return [
        name,
        f"{answered(rounds):.1f} %",
        f"{middle['control']:,.0f}",
        f"{middle['flooded']:,.0f}",
        f"{ratio(rounds):.2f}",
        f"{cut:,.0f}",
        f"{poured / 1024:,.0f}",
    ]


def verdict(values):
    measured = {name: rounds for name, rounds in values.items() if rounds}
    worst = max(measured, key=lambda name: ratio(measured[name]))
    all_answered = all(answered(rounds) == 100 for rounds in measured.values())
    met = all_answered and ratio(measured[worst]) <= RATIO_MAX
    return (
        f"Every request is answered, and p99 is within {RATIO_MAX:g} × the control: "
        f"{'met' if met else '**missed**'} (worst: {ratio(measured[worst]):.2f} ×, {worst}; "
        f"{'all' if all_answered else 'not all'} answered)."
    )


def markdown(values, environment, command):
    head = ["flood", "answered", "p99 µs without", "p99 µs under it", "ratio", "its connections", "its KiB"]
    rows = [row(name, rounds) for name, rounds in values.items() if rounds]
    parts = [
        "\n".join(f"- {key}: {value}" for key, value in environment.items()),
        f"Made with `{command}`.",
        report.table(head, rows),
        verdict(values),
    ]
    return "\n\n".join(parts) + "\n"
