"""A network of a test's own: its threads and processes see a loopback that nobody else has, so that
addresses, ports and settings of the machine stay as they are. Needs root; a test is skipped else."""

import ctypes
import fcntl
import functools
import os
import socket
import struct
import subprocess
import threading

import pytest

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1


def enter():
    """This thread, and what it starts from now on, moves to a new network. False: not permitted."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    return True


def own_network(test):
    """A test that runs in a network of its own. Its processes are started by the thread of the
    test; what answers there must be as well."""

    @functools.wraps(test)
    def run(*arguments, **values):
        outcome = []

        def body():
            try:
                if not enter():
                    outcome.append("a network namespace needs root")
                    return
                test(*arguments, **values)
            except BaseException as problem:
                outcome.append(problem)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if outcome and isinstance(outcome[0], str):
            pytest.skip(outcome[0])
        if outcome:
            raise outcome[0]

    return run


def add_addresses(*addresses):
    """On the loopback of this thread's network."""
    for address in addresses:
        width = "128" if ":" in address else "32"
        subprocess.run(
            ["ip", "address", "add", f"{address}/{width}", "dev", "lo"], check=True, timeout=20
        )


def write_setting(name, value):
    """net.ipv4.x of this thread's network."""
    with open(os.path.join("/proc/sys", name.replace(".", "/")), "w") as file:
        file.write(value)
