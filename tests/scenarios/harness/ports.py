"""Ports for programs that cannot choose one themselves, and addresses where nobody shall listen. Only the
standard library: the benchmark and the demonstration choose theirs here too."""

import random
import socket

FIRST, LAST = 10240, 65535  # below are those that programs of the distribution have by custom
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"

_reserved = []  # what keeps a port ours, until this process ends


def _candidates():
    """Those that the kernel gives to nobody: neither to an outgoing connection nor to who binds port 0."""
    with open(RANGE) as file:
        low, high = map(int, file.read().split())
    found = [port for port in range(FIRST, LAST + 1) if not low <= port <= high]
    random.shuffle(found)
    return found


def _is_unused(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def reserve_port():
    """A port of TCP and UDP that no other process gets from here while this one lives. The reservation is a
    name without a file, in the same network namespace as the port, and ends with its process however that ends."""
    for port in _candidates():
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0portcullis-test-port-{port}")
        except OSError:
            claim.close()
            continue
        if _is_unused(port):
            _reserved.append(claim)
            return port
        claim.close()
    raise OSError(f"no port is unused from {FIRST} to {LAST} outside of {RANGE}")


def is_listening(port):
    """Does somebody take connections on it?"""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
