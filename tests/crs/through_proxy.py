"""The regression tests of the Core Rule Set through the running program: each raw request on a connection of its own, in front
of an origin that answers as the test wants it, in shadow at paranoia level 4. What the rules found is read from the log."""

import contextlib
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import crs_tests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenarios"))
from harness.ports import is_listening, reserve_port  # noqa: E402

SECONDS = 60  # for whatever does not come: then the run fails
CONFIGURATION = """\
workers 1
listen 127.0.0.1:{port}
log requests json to {folder}/requests.json
log security json to {folder}/security.json
site * {{
  to 127.0.0.1:{origin}
  waf paranoid mode shadow {{
    rules crs {folder}/crs
    paranoia 4
  }}
}}
"""


@dataclass
class Outcome:
    """What became of one request. status: of the answer, 0 when there was none. reason: why the proxy itself refused it; ""
    when the rules saw it."""

    status: int = 0
    reason: str = ""
    was_judged: bool = False
    would_refuse: bool = False
    ids: set = field(default_factory=set)
    log: str = ""


# --- The origin --------------------------------------------------------------------------------------------------------------


def serve(listener):
    """Answers each request with what crs_tests says of it; a connection may have more than one."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(peer,), daemon=True).start()


def answer(peer):
    with peer, peer.makefile("rb") as stream, contextlib.suppress(OSError):
        while head := b"".join(iter(lambda: line_of(stream), b"")):
            body = body_of(stream, head)
            plain = re.sub(rb"(?im)^Transfer-Encoding:.*\r\n", b"", head)
            peer.sendall(crs_tests.response(plain + b"\r\n" + body))


def line_of(stream):
    """Up to the empty one that ends the head."""
    line = stream.readline()
    return b"" if line == b"\r\n" else line


def body_of(stream, head):
    if re.search(rb"(?im)^Transfer-Encoding: *chunked", head):
        return b"".join(chunks_of(stream))
    length = re.search(rb"(?im)^Content-Length: *(\d+)", head)
    return stream.read(int(length.group(1))) if length else b""


def chunks_of(stream):
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        yield stream.read(size)
        stream.readline()
    while stream.readline() not in (b"\r\n", b""):
        pass


# --- The client --------------------------------------------------------------------------------------------------------------


def is_whole(request):
    """Whether it ends where its own head says so: an answer comes without the client's leaving."""
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return False
    if re.search(rb"(?im)^Transfer-Encoding:", head):
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?im)^Content-Length: *(\d+)\s*$", head)
    return not length or len(body) >= int(length.group(1))


def exchange(port, request):
    """(status, id) of the first answer; (0, "") when the connection ends without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as peer, contextlib.suppress(ConnectionError):
        peer.sendall(request)
        if not is_whole(request):
            peer.shutdown(socket.SHUT_WR)
        with peer.makefile("rb") as stream:
            head = b"".join(iter(lambda: line_of(stream), b""))
        found = re.match(rb"HTTP/1\.1 (\d+)", head)
        number = re.search(rb"(?im)^X-Request-Id: *(\S+)", head)
        return int(found.group(1)) if found else 0, number.group(1).decode() if number else ""
    return 0, ""


# --- The program -------------------------------------------------------------------------------------------------------------


def rules_folder(folder, rules, variables):
    """As `rules crs` wants it: the settings with the tests' variables behind them, and the rules. rules: the settings' file,
    the folder of the rules."""
    setup, directory = map(pathlib.Path, rules)
    folder.mkdir()
    sets = ",".join(f"setvar:'{variable}'" for variable in variables)
    (folder / "crs-setup.conf").write_text(f'{setup.read_text()}\nSecAction "id:1,phase:1,nolog,pass,{sets}"\n')
    (folder / "rules").symlink_to(directory.resolve())


@contextlib.contextmanager
def proxy(binary, folder, origin):
    port = reserve_port()
    path = folder / "portcullis.conf"
    path.write_text(CONFIGURATION.format(port=port, folder=folder, origin=origin))
    with open(folder / "stderr", "wb") as said:
        process = subprocess.Popen([binary, "run", "-c", path, "--state", folder / "state"], stdin=subprocess.DEVNULL,
                                   stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + SECONDS
        while not is_listening(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the program did not start: {(folder / 'stderr').read_text()[-2000:]}")
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


# --- What the logs say -------------------------------------------------------------------------------------------------------


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def line_for(rule):
    """As the tests look for it."""
    text = f'[id "{rule["id"]}"] [msg "{rule.get("msg", "")}"]'
    if "target" in rule:
        text += f' [data "Matched Data: {rule["matched"]} found within {rule["target"]}: {rule["matched"]}"]'
    return text


def outcome_of(status, request, security):
    """From the records of one exchange in both logs; None: there is none."""
    found = Outcome(status)
    if request:
        found.was_judged = "waf_us" in request
        found.reason = request.get("reason", "")
    waf = (security or {}).get("waf", {})
    found.would_refuse = waf.get("verdict") == "would-refuse"
    if "unnamed" in waf:
        raise RuntimeError(f"{waf['unnamed']} rules of {security['id']} have no name in the log")
    found.ids = {rule["id"] for rule in waf.get("rules", [])} | set(waf.get("more", []))
    lines = [line_for(rule) for rule in waf.get("rules", [])]
    lines += [f'[id "{number}"]' for number in waf.get("more", [])]
    found.log = "\n".join(lines)
    return found


def run(binary, folder, rules, variables, tests):
    """An Outcome for each test, in order."""
    folder = pathlib.Path(folder)
    rules_folder(folder / "crs", rules, variables)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with proxy(binary, folder, listener.getsockname()[1]) as port:
            answers = [exchange(port, test.request) for test in tests]
    logged = {name: {record["id"]: record for record in records(folder / f"{name}.json") if "id" in record}
              for name in ("requests", "security")}
    return [outcome_of(status, logged["requests"].get(number), logged["security"].get(number)) for status, number in answers]


# --- What is not the rules' to judge -----------------------------------------------------------------------------------------

EXCEPTIONS = re.compile(r"(\S+) (\d+|inspect|log) (\S+)")


def exceptions(path):
    """The pinned list: for each test (status, reason) with which the program refuses the message before any rule sees it,
    ("inspect", where it looks beyond the rules' own targets) or ("log", what it does not write). # begins a comment, which says
    why."""
    found = {}
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        parts = EXCEPTIONS.fullmatch(line)
        if not parts or parts.group(1) in found:
            raise ValueError(f"{path}:{number}: expected TEST STATUS REASON, each test once: {line}")
        found[parts.group(1)] = (parts.group(2), parts.group(3))
    return found


def faults(test, outcome, pinned):
    """What is wrong with one test. pinned: its exception, or None."""
    if not outcome.was_judged:
        got = (str(outcome.status), outcome.reason or "-")
        return [] if got == pinned else [f"refused with {' '.join(got)}, but the list says {' '.join(pinned or ['nothing'])}"]
    statuses = {outcome.status, 403} if outcome.would_refuse else {outcome.status}
    found = crs_tests.faults(test, outcome.ids, outcome.log, statuses)
    if not pinned:
        return found
    if pinned[0].isdigit():
        return [f"judged by the rules, but the list says {' '.join(pinned)}"]
    return [] if found else [f"passes, but the list says {' '.join(pinned)}"]
