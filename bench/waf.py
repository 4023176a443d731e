"""What the rules cost: Portcullis and nginx with libmodsecurity, each with the WAF off and on, with the
same copy of the Core Rule Set at paranoia level 1. In each round all four do the same requests; what
the WAF costs is the difference of a round, and a ratio is one of a round."""

import json
import pathlib
import re
import socket
import urllib.parse
from dataclasses import dataclass
from statistics import median

import peers
import report
import scenarios

DISTRIBUTION = "/usr/share/modsecurity-crs"
# Of the package libnginx-mod-http-modsecurity, which nginx-light takes.
MODULE = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"
RECOMMENDED = "/etc/nginx/modsecurity.conf"
SETUPS = ("crs-setup.conf", "crs-setup.conf.example", "/etc/modsecurity/crs/crs-setup.conf")
CONNECTIONS = 8


class Missing(Exception):
    """Something that is needed is not on this machine."""


# --- Requests ---------------------------------------------------------------------------------------

# What the load generator replaces (bench/request.h): by another number in each request, and by one that stays for twenty, which
# are a visitor's. Nobody sends the same request again and again.
EACH_TIME, EACH_USER = "eachtime", "eachuser"

BROWSER = (
    "Host: bench.test",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br",
    f"Referer: https://bench.test/catalogue/garden?page=1&sort=price&q={EACH_TIME}",
    f"Cookie: session=7c9a41d2e8b3{EACH_USER}; theme=light; consent=needed%2Cstatistics; "
    f"basket={EACH_USER}-5a7c-4e21-9d1f-6b2c8a90e4d7; last_seen=1767225600; currency=EUR",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-User: ?1",
)
WORDS = (
    "morning garden chair wooden delivery yellow window quiet river supper letter winter market basket "
    "silver candle meadow harbour autumn kettle blanket lantern orchard pebble saddle thimble"
).split()
# What a form and a document in JSON hold when they are no attack, and one that all rules know.
ATTACK = "1' UNION SELECT name, secret FROM users WHERE 'a'='a"


def words(seed, count):
    """The same ones for the same seed; no two seeds near each other begin alike."""
    return " ".join(WORDS[(seed * 7 + i * 5) % len(WORDS)] for i in range(count))


def request(line, fields, body=b""):
    told = (f"Content-Length: {len(body)}",) if body else ()
    return "\r\n".join([line, *fields, *told, "", ""]).encode("ascii") + body


def browser_get(value):
    query = urllib.parse.urlencode({"page": "2", "sort": "price", "q": f"{value} {EACH_TIME}"})
    return request(f"GET /1k?{query} HTTP/1.1", BROWSER)


def filled(begin, more, end, size):
    """begin, then pieces of more(i) and what is still missing as text, then end: exactly `size` bytes."""
    pieces, missing = [begin], size - len(begin) - len(end)
    while len(piece := more(len(pieces) - 1)) < missing:
        pieces.append(piece)
        missing -= len(piece)
    return "".join([*pieces, "x" * missing, end]).encode("ascii")


def form(value, size=1024, last=EACH_TIME):
    """last: the last word of each field."""
    def field(i):
        return urllib.parse.urlencode({f"field{i}": f"{words(i, 3 + i % 5)} {last}"}) + "&"

    begin = urllib.parse.urlencode({"comment": value}) + "&"
    body = filled(begin, field, "", size - len("note=")).replace(b"&x", b"&note=x")
    fields = (*BROWSER, "Origin: https://bench.test", "Content-Type: application/x-www-form-urlencoded")
    return request("POST /sink HTTP/1.1", fields, body)


def json_document(value, size=8192):
    """Orders, as an interface would be sent them; one text of them is the value."""
    def order(i):
        return json.dumps({
            "id": 1000 + i, "name": words(i, 3), "city": words(i + 3, 1), "paid": i % 2 == 0,
            "price": round(9.95 + i * 1.25, 2), "tags": [words(i + 1, 1), words(i + 2, 1)],
            "note": f"{words(i + 5, 11)} {EACH_TIME}",
        }) + ", "

    begin = json.dumps({"comment": value})[:-1] + ', "orders": ['
    body = filled(begin, order, '"]}', size - 1)
    body = re.sub(rb", (x+\"\]\})$", rb', "\1', body)
    fields = (*BROWSER, "Origin: https://bench.test", "Content-Type: application/json")
    return request("POST /sink HTTP/1.1", fields, body)


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    make: object  # from a value, the request that holds it
    length: int  # of the answer's body
    requests: int  # of libmodsecurity in one round; the others do as many times `FACTOR`
    ratio: int  # the goal: one so-manieth of libmodsecurity's
    aim_us: float  # and in itself


FACTOR = 8
CASES = (
    Case("get", "GET of a browser", browser_get, 1024, 1000, 50, 50),
    Case("form", "form of 1 KiB", form, 2, 1000, 40, 130),
    Case("json", "JSON of 8 KiB", json_document, 2, 200, 100, 450),
)


# --- Proxies ----------------------------------------------------------------------------------------


class PortcullisWaf(peers.Portcullis):
    name = "portcullis, waf on"

    def __init__(self, program, crs):
        super().__init__(program)
        self.crs = crs

    def site(self, name, number):
        rules = f"waf balanced {{ rules crs {self.crs} }}"
        return f"site {name} {{ {rules}; to 127.0.0.1:{self.origin} }}\n"


class PortcullisOff(peers.Portcullis):
    name = "portcullis, waf off"

    def site(self, name, number):
        return f"site {name} {{ waf off; to 127.0.0.1:{self.origin} }}\n"


class NginxOff(peers.Nginx):
    name = "nginx"


class NginxModsecurity(peers.Nginx):
    name = "nginx + libmodsecurity"

    def __init__(self, crs):
        super().__init__()
        self.crs = crs

    def installed(self):
        return super().installed() and pathlib.Path(MODULE).exists()

    def values(self, sites):
        rules = self.directory / "modsecurity.conf"
        rules.write_text(modsecurity_rules(self.crs, self.directory), encoding="utf-8")
        return super().values(sites) | {
            "modules": f"load_module {MODULE};",
            "waf": f"modsecurity on; modsecurity_rules_file {rules};",
        }


def modsecurity_rules(crs, directory):
    """The recommended configuration as distributed, but refusing, and with its files elsewhere."""
    recommended = pathlib.Path(RECOMMENDED).read_text(encoding="utf-8")
    for directive, value in (
        ("SecRuleEngine", "On"),
        ("SecAuditLog", f"{directory}/audit.log"),
        ("SecUnicodeMapFile", f"{pathlib.Path(RECOMMENDED).parent}/unicode.mapping 20127"),
        ("SecStatusEngine", "Off"),
    ):
        recommended, found = re.subn(rf"(?m)^{directive} .*$", f"{directive} {value}", recommended)
        if found != 1:
            raise Missing(f"{RECOMMENDED} has {found} lines with {directive}, not one")
    includes = "".join(f"Include {path}\n" for path in (crs_setup(crs), crs / "rules" / "*.conf"))
    return f"{recommended}\n{includes}"


def crs_setup(crs):
    found = [crs / name for name in SETUPS if (crs / name).is_file()]
    if not found or not list((crs / "rules").glob("*.conf")):
        raise Missing(f"no Core Rule Set in {crs}: it has rules/*.conf and crs-setup.conf")
    return found[0]


def crs_version(crs):
    found = re.search(r"OWASP CRS ver\.(\S+)", crs_setup(crs).read_text(encoding="utf-8"))
    return found.group(1) if found else "unknown"


def four(program, crs):
    """The one that is to win, its own control; the other, and its."""
    proxies = (PortcullisWaf(program, crs), PortcullisOff(program), NginxModsecurity(crs), NginxOff())
    for proxy in proxies:
        if not proxy.installed():
            raise Missing(f"{proxy.name} is not there: tools/install-packages bench")
    return proxies


# --- Measuring --------------------------------------------------------------------------------------


def status_of(port, bytes_):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(bytes_)
        return int(peer.recv(4096).split()[1])


def check_verdicts(case, proxies):
    """The request is let through by all; an attack in the same place, by those without a WAF alone. Else
    something else would be measured than what the name says."""
    clean, attack = case.make(words(1, 3)), case.make(ATTACK)
    for proxy in proxies:
        wanted = (200, 403 if isinstance(proxy, (PortcullisWaf, NginxModsecurity)) else 200)
        found = (status_of(proxy.port, clean), status_of(proxy.port, attack))
        proxy.asked += 2
        if found != wanted:
            raise scenarios.Invalid(
                f"{proxy.name}: {case.title} is answered with {found[0]}, an attack in it with "
                f"{found[1]}, not {wanted[0]} and {wanted[1]}"
            )


def measure_cpu(bench, proxy, case, path, requests):
    """CPU µs per request, of all the proxy's processes."""
    warm_up = CONNECTIONS * 2
    options = ["--request", str(path), "--length", str(case.length)]
    options += ["--connections", str(CONNECTIONS), "--warm-up", str(warm_up), "--requests", str(requests)]
    with scenarios.Load(bench, proxy.port, options) as load:
        before = proxy.account()
        load.go()
        load.result()
        scenarios.check_log(proxy, warm_up + requests)
        cost = proxy.account().since(before)
        load.end()
    return cost.cpu_ns / 1000 / requests


@dataclass
class Round:
    on_us: float
    off_us: float
    peer_on_us: float
    peer_off_us: float

    @property
    def waf_us(self):
        return self.on_us - self.off_us

    @property
    def peer_waf_us(self):
        return self.peer_on_us - self.peer_off_us


def measure_round(bench, proxies, case, path, share):
    found = []
    for proxy in proxies:
        factor = 1 if isinstance(proxy, NginxModsecurity) else FACTOR
        found.append(measure_cpu(bench, proxy, case, path, max(CONNECTIONS, case.requests * factor // share)))
    return Round(*found)


def run(bench, proxies, rounds, tell, share=1):
    """All rounds of each case by its name, and what went wrong. share: one so-manieth of the requests."""
    values, problems = {case.name: [] for case in CASES}, []
    try:
        for proxy in proxies:
            proxy.start(bench.directory(), bench.origin_port, bench.proxy_cpus)
        for case in CASES:
            path = pathlib.Path(bench.place.name) / f"{case.name}.request"
            path.write_bytes(case.make(words(1, 3)))
            check_verdicts(case, proxies)
            for number in range(rounds):
                tell(f"{case.title}: round {number + 1}")
                values[case.name].append(measure_round(bench, proxies, case, path, share))
    except (scenarios.Invalid, OSError, ValueError) as error:
        problems.append(str(error))
    finally:
        for proxy in proxies:
            proxy.stop()
    return values, problems


# --- The table --------------------------------------------------------------------------------------


def ratio(rounds):
    """How often ours goes into libmodsecurity's."""
    return median(r.peer_waf_us / max(r.waf_us, 0.1) for r in rounds)


def row(case, rounds):
    cost = median(r.waf_us for r in rounds)
    spread = f"{min(r.waf_us for r in rounds):,.0f}–{max(r.waf_us for r in rounds):,.0f}"
    met = ratio(rounds) >= case.ratio, cost <= case.aim_us
    return [
        case.title,
        f"{median(r.peer_off_us for r in rounds):,.0f}",
        f"{median(r.peer_waf_us for r in rounds):,.0f}",
        f"{median(r.off_us for r in rounds):,.0f}",
        f"{cost:,.0f} ({spread})",
        f"1/{ratio(rounds):,.0f}",
        f"≤ 1/{case.ratio}: {word(met[0])}",
        f"≤ {case.aim_us:g} µs: {word(met[1])}",
    ]


def word(met):
    return "met" if met else "**missed**"


def markdown(values, about, command):
    head = ["CPU µs per request", "nginx", "+ libmodsecurity", "Portcullis", "+ WAF", "ratio", "goal", "aim"]
    rows = [row(case, values[case.name]) for case in CASES if values.get(case.name)]
    parts = ["\n".join(f"- {key}: {value}" for key, value in about.items()), f"Made with `{command}`."]
    return "\n\n".join([*parts, report.table(head, rows)]) + "\n"


def module_version():
    """What dpkg says of the library."""
    found = peers.first_line("dpkg-query", "-W", "-f", "${Version}", "libmodsecurity3")
    return f"libmodsecurity {found.partition('-')[0]}" if found[:1].isdigit() else "libmodsecurity"

