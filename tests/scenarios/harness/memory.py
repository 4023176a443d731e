"""The memory of a process, as root sees it."""

import os
import re
import struct

PAGE = os.sysconf("SC_PAGE_SIZE")
HUGE = 1 << 30  # the sanitizers' shadow, and address space that was only reserved


def regions(pid):
    """What may hold data of its own: everything but files that are mapped to be read."""
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            start, end, rights, path = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \d+\s*(.*)", line).groups()
            start, end = int(start, 16), int(end, 16)
            is_file = path.startswith("/") and not path.startswith("/memfd:")
            if rights[0] == "r" and end - start <= HUGE and (not is_file or rights[1] == "w") and path != "[vvar]":
                yield start, end


def present(pagemap, start, end):
    """The runs of pages that are in memory, or swapped out."""
    entries = os.pread(pagemap, (end - start) // PAGE * 8, start // PAGE * 8)
    begin = None
    for i, (entry,) in enumerate(struct.iter_unpack("<Q", entries)):
        if entry >> 62 and begin is None:
            begin = i
        elif not entry >> 62 and begin is not None:
            yield start + begin * PAGE, start + i * PAGE
            begin = None
    if begin is not None:
        yield start + begin * PAGE, end


def pieces(pid):
    """All of it, a piece at a time."""
    memory, pagemap = os.open(f"/proc/{pid}/mem", os.O_RDONLY), os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
    try:
        for start, end in regions(pid):
            for begin, until in present(pagemap, start, end):
                try:
                    yield os.pread(memory, until - begin, begin)
                except OSError:  # unmapped meanwhile
                    continue
    finally:
        os.close(memory)
        os.close(pagemap)


def find(pid, needles):
    """The names of those needles that are in it: {name: bytes}."""
    found = set()
    for piece in pieces(pid):
        found |= {name for name, needle in needles.items() if name not in found and needle in piece}
    return found


def data_of(path):
    """The parts of a segment of shared memory that were ever written to."""
    with open(path, "rb") as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            yield os.pread(file.fileno(), end - at, at)
            at = end
