"""The regression tests of the OWASP Core Rule Set, read where they are: what each one sends, and what it expects.

A test is one request (for those of the responses also what the origin answers: POST /reflect answers as its body says) and what
the rules' log has to hold of it. Nothing of the tests is kept in the project."""

import base64
import json
import pathlib
import re
from dataclasses import dataclass, field

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it is there: some ten times as fast


@dataclass
class Test:
    key: tuple  # the test that the stage is of
    name: str
    request: bytes
    response: bytes
    expected: dict = field(default_factory=dict)


def load(folder):
    """The stages of all tests below a folder; those of one test have the same key."""
    tests = []
    for path in sorted(p for end in ("yaml", "yml") for p in pathlib.Path(folder).rglob(f"*.{end}")):
        document = yaml.load(path.read_text(), Loader=LOADER) or {}
        for number, test in enumerate(document.get("tests") or [], 1):
            tests += _stages(path, document, number, test)
    return tests


def _stages(path, document, number, test):
    name = test.get("test_title") or f"{document.get('rule_id', path.stem)}-{test.get('test_id', number)}"
    for stage in test["stages"]:
        is_old = "stage" in stage  # the format of the tests of 3.x
        stage = stage.get("stage", stage)
        request = _request(stage["input"], is_old)
        yield Test((path, number), str(name), request, response(request), stage.get("output") or {})


def _request(given, is_old):
    if "encoded_request" in given:
        return base64.b64decode(given["encoded_request"])
    if "raw_request" in given:
        return given["raw_request"].encode()
    headers = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
    data = given.get("data") or ""
    data = "\r\n".join(data) if isinstance(data, list) else str(data)
    body = data.encode()
    if given.get("autocomplete_headers", not given.get("stop_magic", False)):
        known = {name.lower() for name in headers}
        if body and "content-type" not in known:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        has_body = body or (given.get("method") == "POST" and not is_old)
        if has_body and "content-length" not in known and "transfer-encoding" not in known:
            headers["Content-Length"] = str(len(body))
        if "connection" not in known:
            headers["Connection"] = "close"
    line = f"{given.get('method', 'GET')} {given.get('uri', '/')} {given.get('version', 'HTTP/1.1')}"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{line}\r\n{head}\r\n".encode() + body


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"


def response(request):
    """What the origin of the tests says."""
    head, _, body = request.partition(b"\r\n\r\n")
    if not re.match(rb"POST /reflect(\?\S*)? ", head):
        return PLAIN
    try:
        wanted = json.loads(body)
    except ValueError:
        return PLAIN
    text = wanted.get("body", "").encode()
    if "encodedBody" in wanted:
        text = base64.b64decode(wanted["encodedBody"])
    headers = {"Content-Type": "text/plain", **{k: str(v) for k, v in (wanted.get("headers") or {}).items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    status = int(wanted.get("status", 200))
    return f"HTTP/1.1 {status} Status\r\n{lines}Content-Length: {len(text)}\r\n\r\n".encode() + text


def _statuses(expected):
    status = expected.get("status", [])
    return [int(s) for s in (status if isinstance(status, list) else [status])]


def faults(test, ids, log, statuses, gate=0):
    """What a test expects and did not happen; an empty list: it has passed. statuses: what is done in shadow and what would be
    done. gate: the status with which the proxy refuses the
    message before any rule sees it, which is what a test that wants 400 of its server is about; 0: it lets it in."""
    found = []
    expected = test.expected
    if gate and (gate in _statuses(expected) or 400 in _statuses(expected)):
        return found
    wanted = expected.get("log") or {}
    found += [f"rule {i} did not match" for i in wanted.get("expect_ids") or [] if int(i) not in ids]
    found += [f"rule {i} matched" for i in wanted.get("no_expect_ids") or [] if int(i) in ids]
    for pattern in filter(None, [wanted.get("match_regex"), expected.get("log_contains")]):
        if not re.search(pattern, log):
            found.append(f"the log does not hold {pattern}")
    for pattern in filter(None, [wanted.get("no_match_regex"), expected.get("no_log_contains")]):
        if re.search(pattern, log):
            found.append(f"the log holds {pattern}: {sorted(ids)}")
    if "status" in expected and not wanted and "log_contains" not in expected:
        if not set(_statuses(expected)) & statuses:
            found.append(f"status {sorted(statuses)}, expected {_statuses(expected)}")
    return found
