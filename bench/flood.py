#!/usr/bin/python3
"""Pours one flood of HTTP/2 (tests/scenarios/harness/floods.py) over a port, from a few addresses (127.1.NUMBER.1 …), and again
from the beginning whenever the connection has been ended, until standard input is closed. Then it
tells what it has done: {"connections": 12, "bytes": 345678}."""

import contextlib
import json
import pathlib
import select
import socket
import sys
import threading

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))
from harness.floods import FLOODS
from harness.http2 import PREFACE, settings

SOURCES = 4
TURN_SECONDS = 5  # one connection, however slowly it is taken


class Pouring:
    def __init__(self, port, name):
        begin, unit, most = FLOODS[name]
        self.port, self.connections, self.bytes = port, 0, 0
        self.flood = PREFACE + settings() + begin + b"".join(unit(i) for i in range(most))
        self.stopping = threading.Event()

    def run(self, source):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError), socket.socket() as sock:
                sock.bind((source, 0))
                sock.connect(("127.0.0.1", self.port))
                self.connections += 1
                self.pour(sock)

    def pour(self, sock):
        """Everything, as it is taken; what comes back is thrown away, so that nobody waits for us."""
        sock.settimeout(TURN_SECONDS)
        at = 0
        while not self.stopping.is_set():
            wanted = [sock] if at < len(self.flood) else []
            readable, writable, _ = select.select([sock], wanted, [], TURN_SECONDS)
            if readable and not sock.recv(65536):
                return
            if writable:
                sent = sock.send(self.flood[at : at + 65536])
                at, self.bytes = at + sent, self.bytes + sent
            if not readable and not writable:
                return


def main():
    pouring = Pouring(int(sys.argv[1]), sys.argv[2])
    threads = [
        threading.Thread(target=pouring.run, args=(f"127.1.{sys.argv[3]}.{i + 1}",), daemon=True)
        for i in range(SOURCES)
    ]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    pouring.stopping.set()
    print(json.dumps({"connections": pouring.connections, "bytes": pouring.bytes}), flush=True)


if __name__ == "__main__":
    main()
