"""tools/gdb.py: the fibers of a live worker, suspended ones with where they wait."""

import os
import re
import shutil
import subprocess

import pytest
from harness.client import request
from harness.gate import ROOT

CONFIG = "site example.test { to @origin }"
SCRIPT = os.path.join(ROOT, "tools/gdb.py")
REFUSED = re.compile(r"ptrace: |Operation not permitted|Could not attach")


def look(pid, command):
    """What gdb prints for a command in that process."""
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed: tools/install-packages test")
    words = ["gdb", "--batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", f"attach {pid}",
             "-ex", f"source {SCRIPT}", "-ex", command, "-ex", "detach"]
    result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if REFUSED.search(result.stderr):
        pytest.skip(f"ptrace is refused here: {result.stderr.strip().splitlines()[-1]}")
    return result.stdout + result.stderr


def test_gdb_lists_fibers_with_where_they_wait(gate, origin):
    gate = gate(CONFIG, origin=origin)
    with gate.client() as client, gate.client() as other:
        client.send(request("/waits"))
        first = origin.accept()
        first.request()  # the exchange waits for the response head now
        other.send(b"POST /upload HTTP/1.1\r\nHost: example.test\r\nContent-Length: 9\r\n\r\nabc")
        second = origin.accept()
        second.request_head()
        shown = look(gate.workers()[0], "fibers all")
        assert re.search(r"^3 fibers$", shown, re.MULTILINE), shown
        fibers = re.findall(r"^fiber 0x[0-9a-f]+ (\w+): waits, in .*\n((?:    #.*\n)+)", shown, re.MULTILINE)
        assert sorted(name for name, _ in fibers) == ["exchange", "exchange", "upload"], shown
        for name, frames in fibers:
            assert "pollable_wait" in frames and "socket_read" in frames, shown
            wanted = "upload_run" if name == "upload" else "exchange_serve"
            assert re.search(wanted + r" \(.*src/proxy/\w+\.c:\d+\)", frames), shown
        first.respond(b"one")
        assert client.response().body == b"one"
        other.send(b"defghi")
        second.respond(b"two")
        assert other.response().body == b"two"
        shown = look(gate.workers()[0], "fibers exchange")
        assert re.search(r"^0 fibers$", shown, re.MULTILINE), shown
