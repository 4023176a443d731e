"""What auditors try on a TLS server: testssl.sh of the distribution, and hellos and records made by hand.
Whatever comes, an alert or the end is the answer, and the next client is served."""

import json
import os
import shutil
import subprocess

import pytest
from harness import tls
from harness.certificates import Authority
from harness.deadline import Deadline
from harness.tls import (ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, SUITES_12, TLS13, USUAL, RecordClient, TlsClient,
                         client_hello, extension, record, vector, versions)

CONFIG = """
listen 127.0.0.1:0 tls
timeout { header 2s }
defaults { headers hardened }
site a.test { respond 200 "a"; tls @ec; tls @rsa; tls { hsts 365d } }
site b.test { respond 200 "b"; tls @b }
"""
# About a certificate that was made for this test, or about clients that do not know its authority.
ABOUT_THE_CERTIFICATE = {"cert_chain_of_trust", "cert_revocation", "cert_caIssuers", "OCSP_stapling", "DNS_CAArecord",
                         "cert_expirationStatus", "cert_notAfter", "cert_trust", "overall_grade", "final_score"}


@pytest.fixture
def served(gate, tmp_path):
    authority = Authority(tmp_path)
    g = gate(CONFIG, ec=authority.issue("a.test", days=200), rsa=authority.issue("a.test", kind="rsa", days=200), b=authority.issue("b.test"))
    yield g, g.addresses()[1], authority
    with TlsClient(g.addresses()[1], tls.context(authority)) as client:  # whatever was done to it
        assert client.get("/", host="a.test").body == b"a"
    assert g.status()["workers"][0]["pid"] in g.members()


TESTSSL = shutil.which("testssl") or shutil.which("testssl.sh")


@pytest.mark.skipif(not TESTSSL, reason="testssl.sh is not installed: tools/install-packages test")
def test_testssl_finds_nothing_above_low(served, tmp_path):
    _, address, _ = served
    found = tmp_path / "found.json"
    port = address.rpartition(":")[2]
    done = subprocess.run(
        [TESTSSL, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--nodns", "min", "--jsonfile", found,
         "-p", "-s", "-f", "-S", "-P", "-U", "-h", f"https://a.test:{port}/"],
        capture_output=True, text=True, timeout=400, env={**os.environ, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL,
    )
    findings = json.loads(found.read_text())
    assert len(findings) > 60, done.stdout[-2000:]  # it has looked
    told = {item["id"]: (item["severity"], item["finding"]) for item in findings
            if item["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL") and item["id"].split(" ")[0] not in ABOUT_THE_CERTIFICATE}
    assert not told, told


OLD = (0x0301, 0x0302)
HELLOS = {
    "a hello of TLS 1.3": (client_hello(), "hello"),
    "a hello of TLS 1.2": (client_hello(suites=SUITES_12, extensions=USUAL), "hello"),
    "TLS 1.1 alone": (client_hello(version=0x0302, suites=SUITES_12, extensions=USUAL), "protocol_version"),
    "TLS 1.0 alone": (client_hello(version=0x0301, suites=SUITES_12, extensions=USUAL), "protocol_version"),
    "SSL 3.0 alone": (client_hello(version=0x0300, suites=SUITES_12, extensions=USUAL), ("handshake_failure", "protocol_version")),
    "TLS 1.1 in the list of versions": (client_hello(extensions=(*USUAL, versions(*OLD))), "protocol_version"),
    "a fallback from TLS 1.3 (RFC 7507)": (client_hello(suites=SUITES_12 + b"\x56\x00", extensions=USUAL), "inappropriate_fallback"),
    "compression beside none": (client_hello(suites=SUITES_12, extensions=USUAL, compressions=b"\1\0"), "hello"),
    "compression alone": (client_hello(suites=SUITES_12, extensions=USUAL, compressions=b"\1"), "decode_error"),
    "no suite that is good enough (CBC)": (client_hello(suites=b"\xc0\x13\xc0\x09\x00\x2f", extensions=USUAL), "handshake_failure"),
    "no suite but export": (client_hello(suites=b"\x00\x03\x00\x08", extensions=USUAL), "handshake_failure"),
    "anonymous Diffie-Hellman": (client_hello(suites=b"\x00\xa6\xc0\x18", extensions=USUAL), "handshake_failure"),
    "RSA without forward secrecy": (client_hello(suites=b"\x00\x9c\x00\x9d", extensions=USUAL), "handshake_failure"),
    "a name that nobody has": (client_hello(name="c.test"), "unrecognized_name"),
    "no name": (client_hello(name=None), "unrecognized_name"),
    "an empty name": (client_hello(name=""), "decode_error"),
    "a name with a NUL": (client_hello(name="a.test\0.evil.test"), "decode_error"),
    "two names": (client_hello(name=None, extensions=(extension(0, vector(b"\0\0\1a\0\0\1b", 2)), *USUAL, *TLS13)), "decode_error"),
    "the name twice": (client_hello(extensions=(tls.server_name("b.test"), *USUAL, *TLS13)), "decode_error"),
    "an extension that goes beyond the message": (client_hello(extensions=(*USUAL, *TLS13))[:-3], None),
    "a message that is another one": (b"\x02" + client_hello()[1:], "decode_error"),
    "a body behind the message": (client_hello() + b"\x14\0\0\0", None),
}


@pytest.mark.parametrize("name", HELLOS)
def test_a_hello_is_answered_or_refused(served, name):
    _, address, _ = served
    message, expected = HELLOS[name]
    with RecordClient(address) as client:
        client.send_as_far_as_taken(record(HANDSHAKE, message, 0x0301))
        outcome = client.outcome()
    if expected is None:
        assert outcome != "hello", outcome
    else:
        assert outcome in (expected if isinstance(expected, tuple) else (expected,))


def test_a_server_of_tls_1_3_tells_those_that_were_talked_down(served):
    """RFC 8446 §4.1.3: the last bytes of the server's random."""
    _, address, _ = served
    with RecordClient(address) as client:
        client.send(record(HANDSHAKE, client_hello(suites=SUITES_12, extensions=USUAL)))
        kind, payload = client.read_record()
        assert kind == HANDSHAKE and payload[0] == tls.SERVER_HELLO
        assert payload[4 + 2 + 24 : 4 + 2 + 32] == b"DOWNGRD\x01"
        assert payload[4 + 2 + 32 + 1 + payload[38] + 2] == 0  # no compression


def test_a_hello_in_pieces_is_understood(served):
    _, address, _ = served
    hello = client_hello(extensions=(*USUAL, *TLS13, extension(21, bytes(3000))))  # padding
    for each in (1, 7, 100, 2000):
        with RecordClient(address) as client:
            client.send(b"".join(record(HANDSHAKE, hello[i : i + each]) for i in range(0, len(hello), each)))
            assert client.outcome() == "hello", each
    with RecordClient(address) as client:
        whole = record(HANDSHAKE, client_hello())
        client.send(*[whole[i : i + 1] for i in range(len(whole))])
        assert client.outcome() == "hello"


GARBAGE = {
    "a hello that is too long": record(HANDSHAKE, b"\1" + (1 << 20).to_bytes(3, "big") + bytes(16000)) + record(HANDSHAKE, bytes(16000)) * 9,
    "a record that is too long": b"\x16\x03\x01\xff\xff" + bytes(70000),
    "an empty record": record(HANDSHAKE, b"") * 50,
    "records of another kind": record(APPLICATION_DATA, b"x" * 100) * 3,
    "a change of cipher first": record(CHANGE_CIPHER_SPEC, b"\1") * 3,
    "bytes of nothing": bytes(range(256)) * 40,
    "SSL 2.0": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "alerts": record(ALERT, b"\1\x5a") * 100,
    "a heartbeat": record(24, b"\1\x40\x00"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ends_the_connection(served, name):
    _, address, _ = served
    with RecordClient(address) as client:
        client.send_as_far_as_taken(GARBAGE[name])
        assert client.outcome() != "hello"
        client.recv_all()
        assert client.ended


def test_half_a_hello_waits_no_longer_than_a_head(served):
    g, address, _ = served
    with RecordClient(address) as client:
        client.send(record(HANDSHAKE, client_hello())[:100])
        client.recv_all()
        assert client.ended
    assert {r["reason"] for r in g.security_log.wait(1)} == {"tls.timeout"}


def s_client(address, *arguments, sent=""):
    """openssl's client; what it said."""
    done = subprocess.run(["openssl", "s_client", "-connect", address, "-servername", "a.test", *arguments], input=sent,
                          capture_output=True, text=True, timeout=Deadline().seconds * 2)
    return done.stdout + done.stderr


def test_nobody_renegotiates(served):
    _, address, _ = served
    told = s_client(address, "-tls1_2", sent="R\n")
    assert "RENEGOTIATING" in told
    assert "no renegotiation" in told or "handshake failure" in told or "unexpected message" in told, told[-1500:]
    assert "Secure Renegotiation IS supported" in told


def test_tickets_allow_no_early_data(served):
    _, address, _ = served
    told = s_client(address, "-tls1_3", "-ign_eof", sent="GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    assert "HTTP/1.1 200" in told and "Post-Handshake New Session Ticket" in told, told[-1500:]
    assert "Max Early Data: 0" in told, told[-1500:]


def test_updates_of_keys_do_not_go_on_for_ever(served):
    _, address, _ = served
    told = s_client(address, "-tls1_3", sent="K\n" * 200)
    assert "KEYUPDATE" in told
