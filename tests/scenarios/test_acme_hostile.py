"""An authority that is broken, hostile or in the way: what it says is bounded, judged and told in its words."""

import json
import os
import socket
import ssl
import tempfile
import threading

import pytest
from harness.certificates import Authority
from harness.deadline import eventually

NAME = "app.example.com"
CONFIG = "listen 127.0.0.1:0 tls\nsite app.example.com { respond 200 }\nacme { directory https://127.0.0.1:@port/dir; ca @ca }\n"


def answer(status="200 OK", body=b"", fields=(), length=None):
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", "Connection: close", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def problem(status, kind, detail, *fields):
    body = json.dumps({"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}).encode()
    return answer(status, body, ["Content-Type: application/problem+json", *fields])


class Hostile:
    """Answers every request with the same bytes, and keeps count."""

    def __init__(self, directory, reply):
        pair = Authority(directory, "its own").issue("127.0.0.1")
        self.ca = pair.certificate_path
        self.reply, self.count = reply, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate_path, pair.key_path)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            try:
                plain.settimeout(10)
                with self.context.wrap_socket(plain, server_side=True) as sock:
                    sock.recv(65536)
                    sock.sendall(self.reply)
            except OSError:
                pass
            finally:
                plain.close()

    def close(self):
        self.socket.close()


CASES = {
    "no answer": (b"", "cannot ask the CA for its directory"),
    "a body that is cut": (answer(body=b'{"newNonce":', length=1000), "cannot ask the CA for its directory"),
    "a body without end": (answer(body=b"[" * (3 << 20)), "cannot ask the CA for its directory: the answer is too long"),
    "no JSON": (answer(body=b"<html>welcome</html>"), "the CA's answer for its directory is no JSON object"),
    "JSON within JSON": (answer(body=b"[" * 100000), "the CA's answer for its directory is no JSON object"),
    "a URL that is not https": (answer(body=b'{"newNonce":"http://a/","newAccount":"file:///etc/passwd"}'),
                                'the CA\'s answer has no https URL under "newNonce"'),
    "a redirect": (answer("302 Found", fields=["Location: https://127.0.0.1:1/"]),
                   "the CA answered its directory with HTTP status 302 and no problem document"),
    "a problem": (problem("403 Forbidden", "unauthorized", "go\x07away"), "the CA refused its directory: unauthorized: go away"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_with_an_authority_is_said(gate, folder, case):
    reply, expected = CASES[case]
    hostile = Hostile(folder, reply)
    proxy = gate(CONFIG, port=hostile.port, ca=hostile.ca)
    row = eventually(lambda: (found := rows(proxy).get(NAME, {})).get("failures") and found, "a failure in `certs`")
    assert expected in row["error"], row
    assert row["failures"] == 1 and row["next_renewal"]
    proxy.wait_stderr("acme: no certificate for app.example.com: ")
    assert 1 <= hostile.count <= 3  # what changes nothing is asked again, a little
    hostile.close()


def test_a_limit_is_respected_over_a_restart(gate, folder):
    hostile = Hostile(folder, problem("429 Too Many Requests", "rateLimited", "too many certificates", "Retry-After: 86400"))
    proxy = gate(CONFIG, port=hostile.port, ca=hostile.ca)
    row = eventually(lambda: (found := rows(proxy).get(NAME, {})).get("failures") and found, "a failure in `certs`")
    assert row["error"] == "the CA refused its directory: rateLimited: too many certificates"
    asked = hostile.count
    proxy.stop()
    proxy.start()
    again = eventually(lambda: (found := rows(proxy).get(NAME, {})).get("failures") and found, "the failure after a restart")
    assert again["error"] == row["error"]
    assert hostile.count == asked
    assert again["next_renewal"][:13] == row["next_renewal"][:13]
    hostile.close()


def test_an_authority_that_nobody_vouches_for_is_not_believed(gate, folder):
    hostile, other = Hostile(folder, answer()), Authority(folder, "another")
    proxy = gate(CONFIG, port=hostile.port, ca=other.certificate_path)
    row = eventually(lambda: (found := rows(proxy).get(NAME, {})).get("failures") and found, "a failure in `certs`")
    assert "certificate" in row["error"], row
    hostile.close()


def rows(gate):
    return {row["name"]: row for row in json.loads(gate.command("certs", "--json", check=0).stdout)}


@pytest.fixture
def folder():
    """Where the program's user may read."""
    with tempfile.TemporaryDirectory(prefix="authority-") as path:
        os.chmod(path, 0o755)
        yield path
