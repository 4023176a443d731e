"""Private keys are in one process and in no other; when it dies, handshakes wait for the next one."""

import os
import shutil
import signal
import ssl
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives import serialization

from harness import memory, processes
from harness.certificates import Authority
from harness.deadline import eventually
from harness.gate import binary_path
from harness.tls import TlsClient, context

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CONFIG = """
workers 2
listen 127.0.0.1:0 tls
site a.test { respond 200 "a"; tls @ec }
site b.test { respond 200 "b"; tls @rsa }
site c.test { respond 200 "c"; tls @ed25519 }
"""
NAMES = {"a.test": "ec", "b.test": "rsa", "c.test": "ed25519"}


@pytest.fixture
def pairs(tmp_path):
    authority = Authority(tmp_path)
    made = {kind: authority.issue(name, kind=kind) for name, kind in NAMES.items()}
    return authority, made


def secure(gate):
    return gate.addresses()[1]


class Handshakes:
    """New connections to every site, one after the other, in a few threads; sessions are not resumed."""

    def __init__(self, address, authority, threads=3):
        self.address, self.how = address, context(authority)
        self.failures, self.count, self.stopping = [], 0, threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        while not self.stopping.is_set():
            for name in NAMES:
                try:
                    with TlsClient(self.address, self.how, name) as client:
                        assert client.get(host=name).status == 200
                except (OSError, AssertionError, ssl.SSLError) as error:
                    self.failures.append((name, repr(error)))
                    return
                with self.lock:
                    self.count += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def wait(self, more):
        until = self.count + more
        eventually(lambda: self.count >= until or self.failures, f"{more} more handshakes")
        assert not self.failures, self.failures[:3]


def keyholder(gate):
    return eventually(lambda: (gate.members("pc-keyholder") or [None])[0], "a keyholder")


# --- Where keys are ---------------------------------------------------------------------------------


def both_ways(name, number, length):
    data = number.to_bytes(length, "big")
    return {name: data, name + ", limbs": data[::-1]}


def secrets(made):
    """What would give a key away, as it may stand in memory: numbers in both orders, files as they are."""
    d = made["ec"].key.private_numbers().private_value
    rsa = made["rsa"].key.private_numbers()
    needles = both_ways("ec d", d, 32)
    for name, number, length in (("rsa d", rsa.d, 256), ("rsa p", rsa.p, 128), ("rsa q", rsa.q, 128),
                                 ("rsa dp", rsa.dmp1, 128), ("rsa dq", rsa.dmq1, 128), ("rsa qinv", rsa.iqmp, 128)):
        needles.update(both_ways(name, number, length))
    raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    needles["ed25519 seed"] = made["ed25519"].key.private_bytes(*raw)
    for kind, pair in made.items():
        with open(pair.key_path, "rb") as file:
            needles[f"{kind} file"] = file.read().splitlines()[1][-40:]
    return needles


@ROOT
def test_no_other_process_has_a_key_in_its_memory(gate, pairs):
    authority, made = pairs
    g = gate(CONFIG, **made)
    with Handshakes(secure(g), authority) as load:
        load.wait(30)
    g.command("status", check=0)
    needles = secrets(made)
    holder = keyholder(g)
    found = memory.find(holder, needles)
    for kind in made:
        assert any(name.startswith(kind) for name in found), f"the search finds the {kind} key where it is: {found}"
    others = [pid for pid in g.members() if pid != holder]
    assert {"pc-generation", "pc-worker", "pc-logger", "pc-observer"} <= {processes.name(pid) for pid in others}
    for pid in others:
        assert not memory.find(pid, needles), processes.name(pid)


@ROOT
def test_the_keyholder_keeps_what_it_needs_and_nothing_else(gate, pairs):
    """The right to read files stays; the rest, and sockets of the network, are gone."""
    g = gate(CONFIG, **pairs[1])
    pid = keyholder(g)
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert int(status["CapEff"], 16) & ~(1 << 2) == 0, "CAP_DAC_READ_SEARCH at most"
    assert int(status["CapPrm"], 16) & ~(1 << 2) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    links = processes.files(pid).values()
    assert links and not [link for link in links if link.startswith("/memfd")], "no shared memory, no listeners"
    assert len([link for link in links if link.startswith("socket:")]) <= 2 + 4, "channels: supervisor, generation, workers"
    with open(f"/proc/{pid}/limits") as file:
        assert [line.split()[4:6] for line in file if line.startswith("Max core file size")] == [["0", "0"]]


# --- Its death --------------------------------------------------------------------------------------


def test_a_keyholder_that_is_killed_under_load_costs_no_handshake(gate, pairs):
    authority, made = pairs
    g = gate(CONFIG, **made)
    with Handshakes(secure(g), authority) as load:
        load.wait(10)
        for _ in range(3):
            before = keyholder(g)
            g.kill(before)
            eventually(lambda: g.members("pc-keyholder") not in ([], [before]), "another one")
            load.wait(20)
    assert not load.failures, load.failures[:3]
    g.wait_stderr("the keyholder ended: signal 9")


def test_reloads_keep_the_keyholder_and_its_keys(gate, pairs):
    authority, made = pairs
    g = gate(CONFIG, **made)
    before = keyholder(g)
    with Handshakes(secure(g), authority) as load:
        for _ in range(4):
            g.reload()
            load.wait(10)
    assert g.members("pc-keyholder") == [before]


def test_a_key_that_comes_with_a_reload_is_used(gate, pairs):
    authority, made = pairs
    g = gate(CONFIG, **made)
    other = authority.issue("a.test", kind="rsa")
    g.reload(CONFIG.replace("@ec", "@other"), other=other, **{kind: made[kind] for kind in ("rsa", "ed25519")})
    with TlsClient(secure(g), context(authority), "a.test") as client:
        assert client.socket.getpeercert(True) == other.certificate.public_bytes(serialization.Encoding.DER)
        assert client.get(host="a.test").status == 200


def test_an_upgrade_has_a_keyholder_of_its_own_and_costs_no_handshake(gate, pairs, tmp_path):
    authority, made = pairs
    tmp_path.chmod(0o755)
    path = tmp_path / "portcullis"
    shutil.copy(binary_path(), path)
    g = gate(CONFIG, options={"binary": str(path)}, **made)
    before = keyholder(g)
    with Handshakes(secure(g), authority) as load:
        load.wait(10)
        for mark in (b"1", b"2"):
            shutil.copy(binary_path(), path.with_suffix(".new"))
            with open(path.with_suffix(".new"), "ab") as file:
                file.write(mark)
            path.with_suffix(".new").replace(path)
            assert "upgraded to version" in g.command("upgrade", check=0).stdout
            load.wait(20)
    g.wait_generations(1)
    eventually(lambda: len(g.members("pc-keyholder")) == 1, "the old ones to go with their generations")
    assert g.members("pc-keyholder") != [before]
    assert os.path.samefile(path, f"/proc/{keyholder(g)}/exe")
    before = keyholder(g)
    g.kill(before)
    with Handshakes(secure(g), authority) as load:
        load.wait(10)


def test_handshakes_go_on_without_a_supervisor(gate, pairs):
    authority, made = pairs
    g = gate(CONFIG, **made)
    address, before = secure(g), keyholder(g)
    with Handshakes(address, authority) as load:
        load.wait(5)
        g.kill(g.process.pid)
        g.process.wait()
        load.wait(10)
        g.start()
        g.wait_generations(1)
        load.wait(10)
    eventually(lambda: len(g.members("pc-keyholder")) == 1, "the old one to go with its generation")
    assert g.members("pc-keyholder") != [before]


def test_a_keyholder_that_stands_still_fails_handshakes_with_the_reason(gate, pairs):
    authority, made = pairs
    g = gate("timeout header 1s\n" + CONFIG, **made)
    holder = keyholder(g)
    os.kill(holder, signal.SIGSTOP)
    try:
        with pytest.raises((ssl.SSLError, OSError)):
            TlsClient(secure(g), context(authority), "a.test").close()
        records = g.security_log.wait(1)
        assert "keyholder" in str(records[0]) or records[0]["reason"] == "tls.timeout", records[0]
        with g.client() as client:  # who needs no key is served
            assert client.get(host="a.test").status in (200, 301, 308)
    finally:
        os.kill(holder, signal.SIGCONT)
    with TlsClient(secure(g), context(authority), "a.test") as client:
        assert client.get(host="a.test").status == 200


# --- What is wrong with a key ------------------------------------------------------------------------


def test_check_says_what_is_wrong_with_a_key(gate, pairs, tmp_path):
    authority, made = pairs
    cases = {
        "missing": (None, "it does not exist"),
        "empty": (b"", "it is empty"),
        "certificate": (open(made["ec"].certificate_path, "rb").read(), "there is a certificate in it, but no private key"),
        "other": (open(made["rsa"].key_path, "rb").read(), "it does not belong to the certificate"),
        "encrypted": (made["ec"].key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                   serialization.BestAvailableEncryption(b"word")), "it is encrypted"),
    }
    for name, (data, text) in cases.items():
        path = tmp_path / f"{name}.key"
        if data is not None:
            path.write_bytes(data)
            path.chmod(0o600)
        config = f"listen 127.0.0.1:0 tls\nsite a.test {{ respond 200 a; tls {made['ec'].certificate_path} {path} }}\n"
        g = gate(config, start=False)
        checked = subprocess.run([binary_path(), "check", g.config_path], capture_output=True, text=True)
        assert checked.returncode == 1 and text in checked.stderr, (name, checked.stderr)
        g.spawn().wait_end(status=1)
        assert text in g.stderr(), (name, g.stderr())


def test_a_key_that_everybody_may_read_is_told_with_its_name(gate, pairs, tmp_path):
    authority, made = pairs
    path = tmp_path / "open.key"
    path.write_bytes(open(made["ec"].key_path, "rb").read())
    path.chmod(0o644)
    config = f"listen 127.0.0.1:0 tls\nsite a.test {{ respond 200 a; tls {made['ec'].certificate_path} {path} }}\n"
    g = gate(config, start=False)
    said = f"warning[W0708]: the key '{path}': everybody on this machine may read it: chmod 600 it"
    checked = subprocess.run([binary_path(), "check", g.config_path], capture_output=True, text=True)
    assert checked.returncode == 0 and said in checked.stdout + checked.stderr, checked.stderr
    path.chmod(0o600)
    checked = subprocess.run([binary_path(), "check", g.config_path], capture_output=True, text=True)
    assert checked.returncode == 0 and "W0708" not in checked.stdout + checked.stderr, checked.stderr
