"""Stapled status responses: asked for, verified, kept over restarts; OpenSSL is responder and client."""

import http.server
import json
import os
import re
import subprocess
import tempfile
import threading

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID
from harness.certificates import Authority
from harness.deadline import eventually
from harness.tls import connect, context

CONFIG = "listen 127.0.0.1:0 tls\nsite a.test { to @origin; tls @pair }"


class Responder:
    """Answers over HTTP what `openssl ocsp` says to each request."""

    def __init__(self, folder, issuer):
        self.folder, self.issuer = str(folder), issuer
        self.states = {}  # serial number to index line's first letter
        self.asked = 0
        self.broken = None  # (status, body) instead of an answer
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.headers["content-type"] == "application/ocsp-request"
                responder.asked += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = responder.broken or (200, responder.answer(body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ocsp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def answer(self, request):
        with open(self.path("index.txt"), "w") as index:
            for serial, state in self.states.items():
                revoked = "260101000000Z,keyCompromise" if state == "R" else ""
                index.write(f"{state}\t490101000000Z\t{revoked}\t{serial:X}\tunknown\t/CN={serial}\n")
        with open(self.path("request"), "wb") as file:
            file.write(request)
        subprocess.run(
            ["openssl", "ocsp", "-index", self.path("index.txt"), "-CA", self.issuer.certificate_path,
             "-rsigner", self.issuer.certificate_path, "-rkey", self.issuer.key_path, "-nmin", "60",
             "-reqin", self.path("request"), "-respout", self.path("response")],
            check=True, capture_output=True,
        )
        with open(self.path("response"), "rb") as file:
            return file.read()

    def issue(self, must_staple=False, url=None):
        """A certificate that names this responder, and is good so far."""
        place = x509.UniformResourceIdentifier(url or self.url)
        extensions = [(x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)]), False)]
        if must_staple:
            extensions.append((x509.TLSFeature([x509.TLSFeatureType.status_request]), False))
        pair = self.issuer.issue("a.test", extensions=tuple(extensions))
        self.states[pair.certificate.serial_number] = "V"
        return pair

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def responder():
    with tempfile.TemporaryDirectory(prefix="ocsp-") as folder:
        os.chmod(folder, 0o755)  # the program's user sees changes at once
        made = Responder(folder, Authority(folder, issuer=Authority(folder, "root")))
        yield made
        made.close()


def stapled(gate):
    """What a client is told about the certificate's status: a word, or None."""
    told = subprocess.run(
        ["openssl", "s_client", "-connect", gate.addresses()[1], "-servername", "a.test", "-status"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    ).stdout
    if "OCSP response: no response sent" in told:
        return None
    assert "OCSP Response Status: successful" in told, told
    return next(line.split(":")[1].strip() for line in told.splitlines() if "Cert Status" in line)


def row(gate):
    """What `certs` tells of the only certificate; empty until the certifier has written of it."""
    found = json.loads(gate.command("certs", "--json", check=0).stdout)
    assert len(found) <= 1, found
    return found[0] if found else {}


def test_a_response_is_stapled_and_kept_over_a_restart(gate, origin, responder):
    pair = responder.issue(must_staple=True)
    gate = gate(CONFIG, origin=origin, pair=pair)
    eventually(lambda: stapled(gate) == "good", "a stapled response")
    told = eventually(lambda: row(gate).get("ocsp") == "good" and row(gate), "the report")
    assert told["must_staple"] and told["ocsp_until"] and "ocsp_error" not in told
    gate.wait_stderr("the responder says good")
    assert responder.asked == 1
    gate.reload()
    assert stapled(gate) == "good", "the next generation begins with it"
    gate.stop()
    responder.broken = (503, b"")
    gate.start()
    assert stapled(gate) == "good", "it was kept"
    assert responder.asked == 1


def test_a_revoked_certificate_is_told_loudly_and_not_stapled(gate, origin, responder):
    pair = responder.issue()
    responder.states[pair.certificate.serial_number] = "R"
    gate = gate(CONFIG, origin=origin, pair=pair)
    gate.wait_stderr(r"error .*is REVOKED by its issuer .keyCompromise.: clients refuse it; replace it and its key now")
    assert stapled(gate) is None
    told = eventually(lambda: row(gate).get("ocsp") == "revoked" and row(gate), "the report")
    assert told["ocsp_error"] == "REVOKED by its issuer (keyCompromise)"
    assert "ocsp: REVOKED by its issuer" in gate.command("certs", check=0).stdout


@pytest.mark.parametrize(
    "broken, why",
    [
        ((503, b"busy"), "it answers with status 503"),
        ((200, b"<html>"), "it is not an OCSP response"),
        ((200, b"\x30\x03\x0a\x01\x03"), "the responder says: try later"),
        ((200, b"x" * 70000), "the answer is too long"),
    ],
)
def test_an_answer_that_is_none_is_told_and_not_stapled(gate, origin, responder, broken, why):
    responder.broken = broken
    gate = gate(CONFIG, origin=origin, pair=responder.issue())
    told = eventually(lambda: row(gate).get("ocsp_error") and row(gate), "the error")
    assert told["ocsp_error"] == f"the responder {responder.url}: {why}"
    assert told["ocsp"] == "waiting"
    assert stapled(gate) is None


def test_an_answer_about_another_certificate_is_refused(gate, origin, responder):
    pair, other = responder.issue(), responder.issue()
    answer = responder.answer(
        subprocess.run(
            ["openssl", "ocsp", "-issuer", responder.issuer.certificate_path, "-cert", other.certificate_path,
             "-reqout", "-", "-no_nonce"], check=True, capture_output=True).stdout)
    responder.broken = (200, answer)
    gate = gate(CONFIG, origin=origin, pair=pair)
    gate.wait_stderr("it is about another certificate")
    assert stapled(gate) is None


def test_a_certificate_that_must_be_stapled_says_so_when_it_cannot_be(gate, origin, responder):
    responder.close()
    gate = gate(CONFIG, origin=origin, pair=responder.issue(must_staple=True))
    gate.wait_stderr(r"error .*no new status from the responder .*it must be stapled: strict clients refuse it until there is one")
    assert stapled(gate) is None


def test_a_replaced_certificate_gets_a_response_of_its_own(gate, origin, responder):
    pair, other = responder.issue(), responder.issue()
    gate = gate(CONFIG, origin=origin, pair=pair)
    eventually(lambda: stapled(gate) == "good", "a stapled response")
    for name in ("key_path", "certificate_path"):
        os.replace(getattr(other, name), getattr(pair, name))
    eventually(lambda: row(gate).get("ocsp") == "good" and responder.asked == 2, "the second response")
    eventually(lambda: stapled(gate) == "good", "a stapled response")


def presented(gate):
    """The serial number of the certificate that a client gets."""
    with connect(gate.addresses()[1], context(), "a.test") as sock:
        return x509.load_der_x509_certificate(sock.getpeercert(True)).serial_number


def test_a_status_of_the_first_pair_does_not_bring_it_back(gate, origin, responder):
    """Another certifier finds half of a renewal: what is presented it does not know, the first pair and its status it does."""
    first, other, third = (responder.issue() for _ in range(3))
    gate = gate(CONFIG, origin=origin, pair=first)
    eventually(lambda: stapled(gate) == "good", "a stapled response")
    for name in ("key_path", "certificate_path"):
        os.replace(getattr(other, name), getattr(first, name))
    eventually(lambda: presented(gate) == other.certificate.serial_number, "the second certificate")
    os.replace(third.certificate_path, first.certificate_path)
    does_not_fit = "cannot use key .*: it does not belong to the certificate"
    gate.wait_stderr(does_not_fit)
    (pid,) = gate.members("pc-certifier")
    gate.kill(pid)
    eventually(lambda: len(re.findall(does_not_fit, gate.stderr())) == 2, "the next certifier's complaint")
    assert presented(gate) == other.certificate.serial_number
    os.replace(third.key_path, first.key_path)
    eventually(lambda: presented(gate) == third.certificate.serial_number, "the third certificate")
    eventually(lambda: stapled(gate) == "good", "a stapled response")
