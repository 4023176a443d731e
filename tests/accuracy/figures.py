"""From verdicts to figures: detection, false positives and balanced accuracy, by class, by encoding
and carrier. Pure."""

from collections import Counter
from dataclasses import dataclass, replace


@dataclass
class Tally:
    """How many of `all` were refused."""

    all: int = 0
    refused: int = 0

    def add(self, is_refused):
        self.all += 1
        self.refused += is_refused

    @property
    def rate(self):
        return self.refused / self.all if self.all else None


def tally(samples, verdicts, key):
    """Tallies by (is_attack, key of the sample)."""
    found = {}
    for sample, verdict in zip(samples, verdicts, strict=True):
        found.setdefault((sample.is_attack, key(sample)), Tally()).add(verdict.is_refused)
    return found


def balanced(samples, verdicts):
    """(detection, false positives, balanced accuracy): the mean of both kinds of being right."""
    all_of = tally(samples, verdicts, lambda sample: None)
    detection = all_of.get((True, None), Tally()).rate
    false = all_of.get((False, None), Tally()).rate
    if detection is None or false is None:
        raise ValueError("a set needs attacks and harmless requests")
    return detection, false, (detection + 1 - false) / 2


def percent(rate):
    return "–" if rate is None else f"{100 * rate:.1f} %"


def table(head, rows):
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row):
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        return "| " + " | ".join([row[0].ljust(widths[0]), *rest]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def by(samples, judged, is_attack, key, title):
    """A table: a row for each value of the key, a column for each engine."""
    counts = {name: tally(samples, verdicts, key) for name, verdicts in judged.items()}
    keys = sorted({key(sample) for sample in samples if sample.is_attack == is_attack})
    rows = []
    for value in keys:
        tallies = [counts[name][is_attack, value] for name in judged]
        rows.append([value, f"{tallies[0].all:,}", *(percent(t.rate) for t in tallies)])
    return table([title, "requests", *judged], rows)


BODY_TYPE = 920420  # refuses a request for the type of its body, whatever is in it


def sums_up(rule):
    return 949000 <= rule < 950000 or 980000 <= rule < 981000


def is_for_type_alone(verdict):
    return {rule for rule in verdict.rules if not sums_up(rule)} == {BODY_TYPE}


def summary(samples, judged):
    """With a second row where an engine refused for the type of a body alone: as if it had not."""
    rows = []
    for name, verdicts in judged.items():
        rows.append([name, *map(percent, balanced(samples, verdicts))])
        looked = [replace(v, is_refused=v.is_refused and not is_for_type_alone(v)) for v in verdicts]
        if looked != list(verdicts):
            rows.append([f"{name}, every type of body let in", *map(percent, balanced(samples, looked))])
    return table(["", "detection", "false positives", "balanced accuracy"], rows)


def culprits(samples, verdicts, count=12):
    """The rules most often there when harmless requests were refused, but for those that only sum up."""
    found = Counter()
    for sample, verdict in zip(samples, verdicts, strict=True):
        if not sample.is_attack and verdict.is_refused:
            found.update(rule for rule in set(verdict.rules) if not sums_up(rule))
    return found.most_common(count)


def markdown(samples, judged):
    attacks = sum(sample.is_attack for sample in samples)
    parts = [f"{attacks:,} attacks and {len(samples) - attacks:,} harmless requests.",
             summary(samples, judged)]
    for is_attack, what in ((True, "Attacks refused"), (False, "Harmless requests refused")):
        for key, title in ((lambda s: s.kind, "kind"), (lambda s: s.encoding, "encoding"),
                           (lambda s: s.carrier, "carrier")):
            parts += [f"{what}, by {title}:", by(samples, judged, is_attack, key, title)]
    for name, verdicts in judged.items():
        found = ", ".join(f"{rule} ({n})" for rule, n in culprits(samples, verdicts))
        parts.append(f"Rules behind {name}'s false positives: {found or 'none'}.")
    return "\n\n".join(parts) + "\n"
