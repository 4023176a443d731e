"""What the kernel says that a proxy has cost: CPU time, context switches, memory, system calls, of
all its processes together."""

import os
import re
import subprocess
import time
from dataclasses import dataclass


def parents():
    """The parent of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                # The command stands in brackets and may contain anything, brackets too.
                found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def family(root, parent_of):
    """A process and all that descend from it, in ascending order."""
    members = {root} if root in parent_of else set()
    grown = True
    while grown:
        children = {pid for pid, parent in parent_of.items() if parent in members}
        grown = not children <= members
        members |= children
    return sorted(members)


def tree(root):
    return family(root, parents())


@dataclass(frozen=True)
class Account:
    """Sums over the threads of some processes, since each began."""

    pids: tuple
    cpu_ns: int
    switches: int

    def since(self, before):
        """What was added since `before`. A process that has ended took its account with it."""
        gone = set(before.pids) - set(self.pids)
        if gone:
            raise ValueError(f"{len(gone)} of the proxy's processes ended during the measurement")
        return Account(self.pids, self.cpu_ns - before.cpu_ns, self.switches - before.switches)


def thread_switches(status):
    """Voluntary and other context switches, from the text of /proc/PID/task/TID/status."""
    return sum(int(n) for n in re.findall(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", status, re.M))


def named(pids, name):
    """Those of the processes that have a name of their own and it is this one."""
    return [pid for pid in pids if comm(pid) == name]


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return None


def account(root, name=None):
    """Reads the accounts of a proxy, or of those of its processes that have this name. CPU time comes from schedstat, which counts nanoseconds on
    the processor, not from the clock ticks of /proc/PID/stat."""
    cpu_ns = switches = 0
    pids = named(tree(root), name) if name else tree(root)
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                cpu_ns += int(file.read().split()[0])
            with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                switches += thread_switches(file.read())
    return Account(tuple(pids), cpu_ns, switches)


def waited_ns(pid):
    """How long the threads of one process were ready to run, and others had the processor."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[1])
    return total


def pss_bytes(root):
    """Proportional set size: each shared page counts by its share."""
    total = 0
    for pid in tree(root):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            found = re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)
            total += int(found.group(1)) * 1024
    return total


def pss_settled(root, seconds=5):
    """The memory once it stays the same for half a second, or after `seconds`."""
    deadline = time.monotonic() + seconds
    before = None
    while True:
        now = pss_bytes(root)
        if now == before or time.monotonic() > deadline:
            return now
        before = now
        time.sleep(0.5)


def strace_total(table):
    """The number of calls in the table that strace -c writes."""
    for line in table.splitlines():
        words = line.split()
        if words and words[-1] == "total":
            # % time, seconds, usecs/call, calls, [errors,] total
            return int(words[3])
    raise ValueError("strace wrote no table")


class SystemCalls:
    """Counts the system calls of a proxy while it is entered; slow, so never while time counts."""

    def __init__(self, root, path):
        self.root, self.path, self.total = root, path, None

    def __enter__(self):
        pids = tree(self.root)
        command = ["strace", "-f", "-c", "-qq", "-o", self.path]
        for pid in pids:
            command += ["-p", str(pid)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while not all(self.traced(pid) for pid in pids):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise OSError(f"strace cannot attach: {self.process.communicate()[1].strip()}")
            time.sleep(0.01)
        return self

    def traced(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return f"TracerPid:\t{self.process.pid}\n" in file.read()

    def __exit__(self, *_):
        self.process.send_signal(2)
        self.process.communicate(timeout=10)
        with open(self.path, encoding="utf-8") as file:
            self.total = strace_total(file.read())
