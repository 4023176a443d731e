"""How the cost of judging grows with a body, and what a set of rules costs besides: the processor's time to
load it, the memory that it takes in the running program, and what clients see of a reload."""

import json
import os
import pathlib
import subprocess
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from statistics import median

import accounting
import peers
import report
import scenarios
import waf

KIB = 1024
SIZES = (8 * KIB, 64 * KIB, 512 * KIB, 4096 * KIB, 10240 * KIB)
# The cost per byte of the largest, over that of any size: beyond this it is not linear.
LINEAR_MAX = 1.5
# How long the engine may hold its worker.
STEP_US_MAX = 500
LOAD_SECONDS_MAX = 1.0
MEMORY_MIB_MAX = 16.0
MANY_SITES = 100

# Everything is let in and read: what is measured is the rules' work on all of it.
LIMITS = """\
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 134217728
SecRequestBodyNoFilesLimit 134217728
SecArgumentsLimit 1000000
SecRule REQUEST_HEADERS:Content-Type "@beginsWith application/json" "id:901,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@beginsWith application/xml" "id:902,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQBODY_ERROR "!@eq 0" "id:911,phase:2,log,deny,status:400,msg:'%{reqbody_error_msg}'"
"""


def json_request(body):
    return waf.request("POST /sink HTTP/1.1", (*waf.BROWSER, "Content-Type: application/json"), body)


def json_values(size):
    """Few names to a value: those of all values together have a limit (8 MiB)."""
    def order(i):
        return json.dumps({"id": 1000 + i, "name": waf.words(i, 3), "note": waf.words(i + 5, 24)}) + ", "

    body = waf.filled('{"orders": [', order, '"]}', size - 1)
    return json_request(body.replace(b", x", b', "x', 1))


def json_text(size):
    """One value that is all of it."""
    return json_request(waf.filled('{"text": "', lambda i: waf.words(i, 9) + " ", '"}', size))


def form(size):
    return waf.form(waf.words(1, 3), size, last="thistime")


def form_field(size):
    """One field that is all of it."""
    body = waf.filled("text=", lambda i: urllib.parse.quote_plus(waf.words(i, 9) + " "), "", size)
    fields = (*waf.BROWSER, "Content-Type: application/x-www-form-urlencoded")
    return waf.request("POST /sink HTTP/1.1", fields, body)


def xml(size):
    def element(i):
        return f'<order number="{i}"><name>{waf.words(i, 3)}</name><note>{waf.words(i + 5, 12)}</note></order>'

    body = waf.filled("<orders>", element, "</orders>", size)
    return waf.request("POST /sink HTTP/1.1", (*waf.BROWSER, "Content-Type: application/xml"), body)


def multipart(size):
    """Fields, and behind them a file that is half of it."""
    def head(name):
        return f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'

    file = head('file"; filename="file.txt') + "\x01" * (size // 2)

    def value(i):
        return f"{waf.words(i, 12)}\r\n{head(f'field{i + 1}')}"

    body = waf.filled(head("field0"), value, f"\r\n{file}\r\n--limit--\r\n", size)
    fields = (*waf.BROWSER, "Content-Type: multipart/form-data; boundary=limit")
    return waf.request("POST /sink HTTP/1.1", fields, body)


SHAPES = (
    ("JSON of many values", json_values),
    ("JSON of one text", json_text),
    ("form of many fields", form),
    ("form of one field", form_field),
    ("XML", xml),
    ("multipart, half of it a file", multipart),
)


@dataclass
class Growth:
    """µs by size in bytes, in the order of SIZES: of the whole, and of the longest stretch of it."""

    title: str
    costs: dict
    stretches: dict

    def per_kib(self, size):
        return self.costs[size] / (size / KIB)

    def steepness(self):
        """The largest's cost per byte over the least of all sizes."""
        return self.per_kib(max(self.costs)) / min(self.per_kib(size) for size in self.costs)


def judge(program, crs, place, paths, repeats):
    """What each request costs, none of which may be refused: [(µs, of which at a stretch), …]"""
    base = place / "limits.conf"
    base.write_text(LIMITS, encoding="utf-8")
    command = [program, "waf", "test", "--json", "--paranoia", "1", "--repeat", str(repeats), "--rules", base]
    command += ["--rules", waf.crs_setup(crs), "--rules", crs / "rules", *paths]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise scenarios.Invalid(f"waf test: {done.stderr.decode()[-500:] or 'a request is refused'}")
    return [(said["cpu_us"], said["step_us"]) for said in map(json.loads, done.stdout.splitlines())]


def measure_growth(program, crs, place, sizes, repeats, tell):
    found = []
    for title, make in SHAPES:
        tell(title)
        paths = []
        for size in sizes:
            paths.append(place / f"{size}.request")
            paths[-1].write_bytes(make(size))
        costs, stretches = zip(*judge(program, crs, place, paths, repeats))
        found.append(Growth(title, dict(zip(sizes, costs)), dict(zip(sizes, stretches))))
    return found


# --- The rules themselves ---------------------------------------------------------------------------


class Portcullis(peers.Portcullis):
    """With one kind of rules, which also tells its generation. limits: of all sites together."""

    def __init__(self, program, rules, limits=""):
        super().__init__(program)
        self.rules, self.limits, self.generation = rules, limits, 1

    def site(self, name, number):
        told = f'route /generation {{ respond 200 "{self.generation}" }}'
        site = f"site {name} {{ {self.rules}; {told}; to 127.0.0.1:{self.origin} }}\n"
        return site if number else self.limits + site

    def reload_and_wait(self):
        """Seconds until a new configuration answers."""
        self.generation += 1
        path = self.directory / self.template
        path.write_text(self.configuration(self.port, self.origin, 0), encoding="utf-8")
        began = time.monotonic()
        self.reload()
        while self.told() != self.generation:
            if time.monotonic() - began > peers.READY_SECONDS:
                raise scenarios.Invalid(f"{self.rules}: no new generation")
            time.sleep(0.005)
        return time.monotonic() - began

    def told(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/generation", timeout=10) as answer:
            self.asked += 1
            return int(answer.read())


RULES = {"no rules": "waf off", "built-in rules": "waf balanced { rules builtin }", "Core Rule Set": "waf balanced { rules crs @crs@ }"}
# What a client does meanwhile: bench_load tries again what was cut on a connection that it had used before, and counts it.
CLIENT_RATE, CLIENT_SECONDS = 500, 6
CLIENT = ["--path", "/1k", "--length", "1024", "--connections", "16", "--warm-up", "32", "--retry", "--rate", str(CLIENT_RATE)]


@dataclass
class Load:
    """Of one round: CPU s of `check`; MiB of all processes with one site and with many; s until a reload
    has taken effect, and what a client saw without and with one (p99 and the longest, µs; connections cut)."""

    check_s: float
    one_mib: float
    many_mib: float
    reload_s: float
    calm: dict
    reloaded: dict


def check_seconds(proxy, directory):
    """The processor's time of `check` with a proxy's configuration."""
    proxy.directory = directory
    directory.mkdir()
    path = directory / proxy.template
    path.write_text(proxy.configuration(1, 2, 0), encoding="utf-8")
    process = subprocess.Popen([proxy.program, "check", "-c", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process.stderr as stream:
        said = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise scenarios.Invalid(f"check: {said.decode()[-500:]}")
    return usage.ru_utime + usage.ru_stime


def memory_mib(bench, proxy, sites):
    proxy.start(bench.directory(), bench.origin_port, bench.proxy_cpus, sites)
    try:
        return accounting.pss_settled(proxy.process.pid) / KIB / KIB
    finally:
        proxy.stop()


def client_sees(bench, proxy, what, seconds):
    """What a client sees, and what `what` returns, which happens meanwhile. A request that fails is no measurement."""
    options = [*CLIENT, "--requests", str(CLIENT_RATE * seconds)]
    with scenarios.Load(bench, proxy.port, options) as load:
        load.go()
        time.sleep(seconds / 8)
        told = what()
        seen = load.result()
    return {name: seen[name] for name in ("p99_us", "max_us", "cut")}, told


def measure_reload(bench, proxy, seconds):
    proxy.start(bench.directory(), bench.origin_port, bench.proxy_cpus)
    try:
        calm, _ = client_sees(bench, proxy, lambda: None, seconds)
        reloaded, took_s = client_sees(bench, proxy, proxy.reload_and_wait, seconds)
        return took_s, calm, reloaded
    finally:
        proxy.stop()


def measure_load(bench, proxy, sites, seconds):
    check_s = check_seconds(proxy, bench.directory())
    one, many = memory_mib(bench, proxy, 0), memory_mib(bench, proxy, sites)
    return Load(check_s, one, many, *measure_reload(bench, proxy, seconds))


def run(bench, program, crs, rounds, tell, sizes=SIZES, sites=MANY_SITES, seconds=CLIENT_SECONDS):
    """(growths, loads by the name of the rules, problems)"""
    proxies = {name: Portcullis(program, rules.replace("@crs@", str(crs))) for name, rules in RULES.items()}
    growths, loads = [], {name: [] for name in proxies}
    try:
        place = pathlib.Path(bench.place.name)
        growths = measure_growth(program, crs, place, sizes, rounds, tell)
        for number in range(rounds):
            for name, proxy in proxies.items():
                tell(f"{name}: round {number + 1}")
                loads[name].append(measure_load(bench, proxy, sites, seconds))
    except (scenarios.Invalid, OSError, ValueError) as error:
        return growths, loads, [str(error)]
    return growths, loads, []


# --- The tables -------------------------------------------------------------------------------------


def size_name(size):
    return f"{size // KIB // KIB} MiB" if size >= KIB * KIB else f"{size // KIB} KiB"


def growth_table(growths):
    sizes = list(growths[0].costs)
    head = ["CPU µs per KiB", *map(size_name, sizes), f"largest ÷ least ≤ {LINEAR_MAX:g}", f"longest stretch ≤ {STEP_US_MAX} µs"]
    rows = []
    for growth in growths:
        steep, stretch = growth.steepness(), max(growth.stretches.values())
        verdicts = [f"{steep:.2f}: {waf.word(steep <= LINEAR_MAX)}", f"{stretch:,}: {waf.word(stretch <= STEP_US_MAX)}"]
        rows.append([growth.title, *(f"{growth.per_kib(size):,.1f}" for size in sizes), *verdicts])
    return report.table(head, rows)


LOAD_ROWS = (  # title, value of a Load, form, the most that it may add to what is without rules
    ("CPU s of `check`", lambda load: load.check_s, "{:.2f}", LOAD_SECONDS_MAX),
    ("MiB of all processes, one site", lambda load: load.one_mib, "{:.1f}", MEMORY_MIB_MAX),
    (f"MiB of all processes, {MANY_SITES + 1} sites", lambda load: load.many_mib, "{:.1f}", MEMORY_MIB_MAX),
    ("s until a reload has taken effect", lambda load: load.reload_s, "{:.2f}", None),
    ("a client's p99 µs without reload", lambda load: load.calm["p99_us"], "{:,.0f}", None),
    ("a client's p99 µs, one reload in it", lambda load: load.reloaded["p99_us"], "{:,.0f}", None),
    ("its longest µs without", lambda load: load.calm["max_us"], "{:,.0f}", None),
    ("its longest µs with", lambda load: load.reloaded["max_us"], "{:,.0f}", None),
    ("its connections that were cut, tried again", lambda load: load.reloaded["cut"], "{:.0f}", None),
)


def load_table(loads):
    names = [name for name in loads if loads[name]]
    rows = []
    for title, value, form, limit in LOAD_ROWS:
        found = [median(map(value, loads[name])) for name in names]
        rows.append([title, *map(form.format, found), verdict_of(found, limit)])
    return report.table(["", *names, "goal"], rows)


def verdict_of(found, limit):
    """Of what all kinds of rules add to what is without."""
    if limit is None:
        return ""
    return f"rules add ≤ {limit:g}: {waf.word(max(found) - found[0] <= limit)}"


def markdown(growths, loads, about, command):
    parts = ["\n".join(f"- {key}: {value}" for key, value in about.items()), f"Made with `{command}`."]
    parts += [growth_table(growths)] if growths else []
    parts += [load_table(loads)] if any(loads.values()) else []
    return "\n\n".join(parts) + "\n"
