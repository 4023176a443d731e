"""From rounds to figures: medians, ratios, goals, tables. Pure."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    form: str


# What a table of each kind shows; the first column is the one that ratios are made of.
COLUMNS = {
    "cost": (
        Column("cpu_us", "CPU µs per request", "{:.1f}"),
        Column("switches", "context switches", "{:.2f}"),
        Column("per_second", "requests/s", "{:,.0f}"),
        Column("p50_us", "p50 µs", "{:,.0f}"),
        Column("p99_us", "p99 µs", "{:,.0f}"),
    ),
    "handshake": (
        Column("cpu_us", "CPU µs per request", "{:.1f}"),
        Column("less_us", "without the keyholder", "{:.1f}"),
        Column("switches", "context switches", "{:.2f}"),
        Column("per_second", "requests/s", "{:,.0f}"),
        Column("p99_us", "p99 µs", "{:,.0f}"),
    ),
    "latency": (
        Column("p999_us", "p99.9 µs", "{:,.0f}"),
        Column("p99_us", "p99 µs", "{:,.0f}"),
        Column("p50_us", "p50 µs", "{:,.0f}"),
        Column("cpu_us", "CPU µs per request", "{:.1f}"),
    ),
    "reload": (
        Column("p999_us", "p99.9 µs", "{:,.0f}"),
        Column("p99_us", "p99 µs", "{:,.0f}"),
        Column("max_us", "longest µs", "{:,.0f}"),
        Column("cut", "cut, tried again", "{:.0f}"),
    ),
    "memory": (
        Column("bytes", "bytes per connection", "{:,.0f}"),
        Column("base_mb", "MB before", "{:.1f}"),
        Column("count", "connections", "{:,.0f}"),
    ),
    "sites": (
        Column("seconds", "seconds to the first answer", "{:.2f}"),
        Column("count", "sites", "{:,.0f}"),
    ),
    "certificates": (
        Column("seconds", "seconds to the first answer", "{:.2f}"),
        Column("certificates", "certificates", "{:,.0f}"),
        Column("count", "sites", "{:,.0f}"),
    ),
}


@dataclass(frozen=True)
class Goal:
    text: str
    scenario: str
    key: str
    limit: float
    peers: tuple = ()  # ratio to each of them; none: the figure itself


GOALS = (
    Goal("1 KB keep-alive ≤ 0.85 × nginx", "keepalive-1k", "cpu_us", 0.85, ("nginx",)),
    Goal("100 KB keep-alive ≤ 0.75 × HAProxy", "keepalive-100k", "cpu_us", 0.75, ("haproxy",)),
    Goal("new connection ≤ both", "new-connections", "cpu_us", 1.0, ("nginx", "haproxy")),
    Goal("POST of 10 KB ≤ 0.85 × nginx", "post-10k", "cpu_us", 0.85, ("nginx",)),
    Goal("WebSocket round trip ≤ both", "websocket", "cpu_us", 1.0, ("nginx", "haproxy")),
    Goal("p99.9 at 2,000 req/s ≤ nginx", "latency", "p999_us", 1.0, ("nginx",)),
    Goal("idle connection ≤ 500 bytes", "memory", "bytes", 500),
    Goal("10,000 sites load in < 1 s", "sites", "seconds", 1.0),
    Goal("TLS keep-alive ≤ 0.85 × both", "tls-keepalive-1k", "cpu_us", 0.85, ("nginx", "haproxy")),
    Goal("full handshake ≤ 0.9 × nginx *", "tls-full", "less_us", 0.9, ("nginx",)),
    Goal("resumed handshake ≤ nginx", "tls-resumed", "cpu_us", 1.0, ("nginx",)),
    Goal("HTTP/2 ≤ 0.9 × each", "h2-1k", "cpu_us", 0.9, ("nginx", "haproxy", "h2o")),
    Goal("idle TLS connection ≤ 15 KiB", "tls-idle", "bytes", 15360),
    Goal("1,000 certificates load in < 1 s", "certificates", "seconds", 1.0),
)
OURS = "portcullis"
# A peer with a kinder configuration, where it was measured: a goal that is not reached of it says so.
STRICTER = {"nginx": "nginx-buffered"}


def figure(rounds, key):
    """Median, least and greatest of one key over the rounds; None without rounds."""
    found = [values[key] for values in rounds if key in values]
    return (median(found), min(found), max(found)) if found else None


def ratio(rounds, peer_rounds, key):
    """The median over the rounds of this proxy's figure through the peer's in the same round, so
    that what slows a whole round down falls out. None when there is nothing to compare."""
    pairs = zip(rounds, peer_rounds)
    found = [ours[key] / theirs[key] for ours, theirs in pairs if theirs.get(key)]
    return median(found) if found else None


def goals(results):
    """Each goal with what was measured, whether it is met, and stricter peers of whom it is not:
    (text, [(peer, value)], met, [peer]). What was not measured has no values, and neither is met nor
    missed: None."""
    judged = []
    for goal in GOALS:
        rounds = results.get(goal.scenario, {}).get("values", {})
        ours = rounds.get(OURS, [])
        stricter = [STRICTER[peer] for peer in goal.peers if rounds.get(STRICTER.get(peer))]
        values = {peer: ratio(ours, rounds.get(peer, []), goal.key) for peer in goal.peers}
        kinder = {peer: ratio(ours, rounds[peer], goal.key) for peer in stricter}
        if not goal.peers:
            values[""] = (figure(ours, goal.key) or [None])[0]
        whole = None not in values.values()
        met = all(value <= goal.limit for value in values.values()) if whole else None
        values = [(peer, value) for peer, value in (values | kinder).items() if value is not None]
        unreached = [peer for peer, value in kinder.items() if value is not None and value > goal.limit]
        judged.append((goal.text, values, met, unreached))
    return judged


def table(head, rows):
    """A Markdown table with columns padded, so that it also reads well as plain text."""
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row):
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths))
    return "\n".join([line(head), rule + "|", *map(line, rows)])


def scenario_table(result, names):
    columns = COLUMNS[result["kind"]]
    rounds, calls = result["values"], result["calls"]
    peers = [name for name in names if name not in (OURS, "direct") and rounds.get(name)]
    peers = [name for name in peers if rounds.get(OURS)]
    head = ["proxy", *(column.title for column in columns)]
    if calls:
        head.append("system calls")
    if peers:
        head.append("portcullis ÷ this")
    rows = []
    for name in names:
        if not rounds.get(name):
            continue
        row = [name, *(cell(rounds[name], column, i == 0) for i, column in enumerate(columns))]
        if calls:
            row.append(f"{calls[name]:.1f}" if calls.get(name) else "–")
        if peers:
            value = ratio(rounds[OURS], rounds[name], columns[0].key) if name in peers else None
            row.append(f"{value:.2f}" if value is not None else "–")
        rows.append(row)
    return table(head, rows)


def cell(rounds, column, spread):
    found = figure(rounds, column.key)
    if not found:
        return "–"
    middle, least, greatest = (column.form.format(value) for value in found)
    return f"{middle} ({least}–{greatest})" if spread and len(rounds) > 1 else middle


def goals_table(results):
    rows = []
    for text, values, met, unreached in goals(results):
        if met is None and not values:
            continue
        measured = ", ".join(f"{v:.2f} × {peer}" if peer else f"{v:,.2f}" for peer, v in values)
        verdict = {True: "met", False: "**missed**", None: "not measured"}[met]
        if met and unreached:
            verdict += f", **not** of {' and '.join(unreached)}"
        rows.append([text, measured or "–", verdict])
    return table(["goal", "measured", ""], rows)


def markdown(results, names, environment, command):
    """The whole result as Markdown."""
    parts = ["\n".join(f"- {key}: {value}" for key, value in environment.items())]
    parts.append(f"Made with `{command}`.")
    for result in results.values():
        parts.append(f"### {result['title'][:1].upper()}{result['title'][1:]}")
        parts.append(scenario_table(result, [*names, "direct"]))
    parts += ["### Goals", goals_table(results)]
    return "\n\n".join(parts) + "\n"


def marks(part):
    """Between which the figures of this part of a document stand."""
    return f"<!-- {part}: begin -->", f"<!-- {part}: end -->"


def embed(document, text, part="figures"):
    """The document with the text between its two marks; the text alone when it has none."""
    begin, end = marks(part)
    if begin not in document or end not in document:
        return text
    before, rest = document.split(begin, 1)
    return f"{before}{begin}\n\n{text}\n{end}{rest.split(end, 1)[1]}"
