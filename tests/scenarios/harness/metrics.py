"""The Prometheus text format, read strictly: what a scraper might overlook is an error here."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|\Z)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


def parse_labels(text):
    labels, at = [], 0
    while text and at < len(text):
        match = LABEL.match(text, at)
        assert match, f"bad labels {text!r}"
        labels.append(match.groups())
        at = match.end()
    assert len({n for n, _ in labels}) == len(labels), f"a label twice in {text!r}"
    return tuple(sorted(labels))


class Metrics:
    """samples: {(name, labels): value}; kinds: {family: counter|gauge|histogram|…}"""

    def __init__(self, text):
        assert text.endswith("\n"), "the last line has no end"
        self.kinds, self.helps, self.samples = {}, {}, {}
        self.text = text
        closed, current = set(), None
        for line in text.splitlines():
            if line.startswith("# "):
                what, family, rest = (line.split(" ", 3)[1:] + [""])[:3]
                assert what in ("HELP", "TYPE"), line
                table = self.helps if what == "HELP" else self.kinds
                assert family not in table, f"{what} of {family} twice"
                table[family] = rest
                continue
            name, labels, value = self._sample(line)
            family = self._family_of(name)
            assert family not in closed, f"the lines of {family} do not stand together"
            if current not in (None, family):
                closed.add(current)
            current = family
            assert (name, labels) not in self.samples, f"twice: {line}"
            self.samples[name, labels] = value
        self._check_histograms()

    @staticmethod
    def _sample(line):
        match = SAMPLE.match(line)
        assert match, f"bad sample line {line!r}"
        name, labels, value = match.groups()
        return name, parse_labels(labels or ""), float(value)

    def _family_of(self, name):
        if name in self.kinds:
            return name
        for family, kind in self.kinds.items():
            if any(name == family + suffix for suffix in SUFFIXES.get(kind, ())):
                return family
        raise AssertionError(f"no TYPE before {name}")

    def _check_histograms(self):
        for family, kind in self.kinds.items():
            assert family in self.helps, f"no HELP for {family}"
            if kind != "histogram":
                continue
            series = {}
            for (name, labels), value in self.samples.items():
                if name == family + "_bucket":
                    rest = tuple(p for p in labels if p[0] != "le")
                    bound = float(dict(labels)["le"])
                    series.setdefault(rest, []).append((bound, value))
            for labels, buckets in series.items():
                bounds, counts = zip(*buckets)
                assert list(bounds) == sorted(bounds) and bounds[-1] == float("inf"), bounds
                assert list(counts) == sorted(counts), f"{family}: buckets are not cumulative"
                assert self.samples[family + "_count", labels] == counts[-1]
                assert (family + "_sum", labels) in self.samples

    def get(self, name, **labels):
        """The one sample with exactly these labels."""
        return self.samples[name, tuple(sorted(labels.items()))]

    def sum(self, name, **labels):
        """Over all samples that have these labels among theirs; 0 when there are none."""
        wanted = set(labels.items())
        return sum(v for (n, ls), v in self.samples.items() if n == name and wanted <= set(ls))
