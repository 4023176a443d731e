"""A log file that the program writes: read as it grows."""

import json
import os

from .deadline import eventually


class Log:
    def __init__(self, path):
        self.path = str(path)
        self.offset = 0  # records before it are of earlier tests

    def skip(self):
        """Forgets what was written so far."""
        self.offset = os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def lines(self):
        """Complete lines so far, after the last skip()."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        return data.split(b"\n")[:-1]

    def wait_lines(self, count, seconds=None):
        """At least `count` lines."""
        what = f"{count} lines in {os.path.basename(self.path)}"
        eventually(lambda: len(self.lines()) >= count, what, seconds)
        return self.lines()

    def records(self):
        return [parse_record(line) for line in self.lines()]

    def wait(self, count=1, seconds=None):
        """At least `count` records."""
        return [parse_record(line) for line in self.wait_lines(count, seconds)]

    def wait_for(self, wanted, seconds=None):
        """The first record for which `wanted(record)` is true."""
        def look():
            return next((r for r in self.records() if wanted(r)), None)

        return eventually(look, f"a record in {os.path.basename(self.path)}", seconds)


def parse_record(line):
    """One JSON object without repeated names."""

    def unique(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"a name twice in {line!r}"
        return dict(pairs)

    record = json.loads(line.decode("utf-8"), object_pairs_hook=unique)
    assert isinstance(record, dict), line
    return record
