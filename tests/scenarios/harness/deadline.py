"""Time limits. A wait here never decides whether a test passes: it only ends a test that hangs."""

import os
import time

# One wait of a test. Generous, because a sanitized binary may run on a busy machine.
SECONDS = float(os.environ.get("PORTCULLIS_TEST_SECONDS", "60"))


class Deadline:
    def __init__(self, seconds=None):
        self.seconds = SECONDS if seconds is None else seconds
        self.end = time.monotonic() + self.seconds

    def left(self, what="the wait"):
        """Seconds that are left, never 0; raises when none are."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{what}: nothing within {self.seconds:g} s")
        return left

    def has_passed(self):
        return time.monotonic() >= self.end


def eventually(look, what, seconds=None):
    """Looks again and again until `look()` gives something true; that is returned."""
    deadline = Deadline(seconds)
    pause = 0.001
    while True:
        found = look()
        if found:
            return found
        if deadline.has_passed():
            raise TimeoutError(f"{what}: not so within {deadline.seconds:g} s (last: {found!r})")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
