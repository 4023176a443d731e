"""Certificates while the program runs: files that change, the local authority, what `certs` tells."""

import hashlib
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from harness.certificates import Authority
from harness.client import Client, request
from harness.deadline import eventually
from harness.gate import binary_path
from harness.load import echo
from harness.tls import TlsClient, connect, context

ANY = context()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, issuer=Authority(tmp_path, "root"))


class Files:
    """What `tls` names: a certificate and its key, replaced in whatever way."""

    def __init__(self, folder):
        self.folder = str(folder)
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.certificate, self.key = (os.path.join(self.folder, name) for name in ("cert.pem", "key.pem"))

    def put(self, pair):
        self.put_key(pair)
        self.put_certificate(pair)

    def put_key(self, pair):
        shutil.copyfile(pair.key_path, self.key + ".new")
        os.rename(self.key + ".new", self.key)

    def put_certificate(self, pair):
        shutil.copyfile(pair.certificate_path, self.certificate + ".new")
        os.rename(self.certificate + ".new", self.certificate)

    def __str__(self):
        return f"{self.certificate} {self.key}"


@pytest.fixture
def files():
    """Where the program's user may look, so that the kernel tells it of changes."""
    with tempfile.TemporaryDirectory(prefix="files-") as folder:
        yield Files(folder)


CONFIG = "listen 127.0.0.1:0 tls\nsite a.test { to @origin; tls @files }"


def tls_address(gate):
    """Of the listener behind the one that the harness puts first."""
    return gate.addresses()[1]


def presented(address, name="a.test"):
    """The SHA-256 of the certificate that a client gets."""
    with connect(address, ANY, name) as sock:
        return hashlib.sha256(sock.getpeercert(True)).hexdigest()


def fingerprint(pair):
    return hashlib.sha256(pair.certificate.public_bytes(Encoding.DER)).hexdigest()


def rows(gate):
    return {row["name"]: row for row in json.loads(gate.command("certs", "--json", check=0).stdout)}


def row_with(gate, name, test):
    """The certificate's row, once it is as wanted."""
    return eventually(lambda: (lambda row: row and test(row) and row)(rows(gate).get(name)), f"what is told of {name}")


@pytest.fixture
def served(gate, origin, files, authority):
    """A gate with one certificate from files; its TLS address."""
    origin.serve(echo)
    pair = authority.issue("a.test")
    files.put(pair)
    it = gate(CONFIG, origin=origin, files=files)
    address = tls_address(it)
    assert presented(address) == fingerprint(pair)
    return it, address


# --- Files that change ------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["key", "certificate"])
def test_a_pair_is_replaced_without_a_reload(served, files, authority, first):
    gate, address = served
    other = authority.issue("a.test", kind="rsa")
    with TlsClient(address, ANY) as before:
        before.send(request("/1", host="a.test"))
        assert before.response().status == 200
        if first == "key":
            files.put_key(other)
            files.put_certificate(other)
        else:
            files.put_certificate(other)
            files.put_key(other)
        eventually(lambda: presented(address) == fingerprint(other), "the new certificate")
        before.send(request("/2", host="a.test"))
        assert before.response().status == 200, "a connection from before goes on"
    assert gate.generations() == [1]
    with TlsClient(address, context(authority.issuer_pair)) as client:
        client.send(request("/", host="a.test"))
        assert client.response().status == 200
    gate.wait_stderr(r'certificate ".*/cert.pem" was replaced: issued by test authority, ends on 20')
    gate.reload()
    eventually(lambda: gate.generations("current") == [2], "the reload")
    assert presented(address) == fingerprint(other)


def test_a_pair_that_does_not_fit_keeps_the_old_one_and_says_why(served, files, authority):
    gate, address = served
    before, other = presented(address), authority.issue("a.test")
    files.put_certificate(other)
    told = row_with(gate, files.certificate, lambda row: "error" in row)
    assert told["error"] == f'cannot use key "{files.key}": it does not belong to the certificate'
    assert presented(address) == before
    gate.wait_stderr("the certificate in force stays")
    assert gate.metrics().sum("portcullis_certificate_error", kind="files", certificate="a.test") == 1
    files.put_key(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")
    assert "error" not in row_with(gate, files.certificate, lambda row: "error" not in row)
    gate.wait_stderr("are in order again")


def write_text(path, text):
    with open(path, "w") as file:
        file.write(text)


def cut_certificate(files, authority):
    text = open(authority.issue("a.test").certificate_path).read()
    write_text(files.certificate, text[: len(text) // 3])


def end_certificate(files, authority):
    files.put(authority.issue("a.test", days=-1, begin_days=-10))


def begin_later(files, authority):
    files.put(authority.issue("a.test", days=10, begin_days=5))


def remove_certificate(files, authority):
    os.unlink(files.certificate)


def write_nonsense(files, authority):
    write_text(files.certificate, "nonsense")


def lose_key(files, authority):
    os.unlink(files.key)
    files.put_certificate(authority.issue("a.test"))


@pytest.mark.parametrize(
    "spoil, error",
    [
        (cut_certificate, "a certificate in it is malformed"),
        (end_certificate, "ended on 20"),
        (begin_later, "begins only on 20"),
        (remove_certificate, "cannot read certificate .*No such file or directory"),
        (write_nonsense, "there is no certificate in it .BEGIN CERTIFICATE."),
        (lose_key, "cannot use key .*"),
    ],
)
def test_what_cannot_be_used_changes_nothing(served, files, authority, spoil, error):
    gate, address = served
    before = presented(address)
    spoil(files, authority)
    gate.wait_stderr(error)
    row_with(gate, files.certificate, lambda row: "error" in row)
    assert presented(address) == before
    good = authority.issue("a.test")
    files.put(good)
    eventually(lambda: presented(address) == fingerprint(good), "the new certificate")


def link_anew(target, path):
    os.symlink(target, path + ".tmp")
    os.rename(path + ".tmp", path)


def test_links_are_followed_as_certbot_and_kubernetes_swap_them(gate, origin, files, authority):
    origin.serve(echo)
    pairs = [authority.issue("a.test") for _ in range(3)]
    for number, pair in enumerate(pairs):
        Files(os.path.join(files.folder, f"..{number}")).put(pair)
    link_anew("..0", os.path.join(files.folder, "..data"))
    link_anew("..data/cert.pem", files.certificate)
    link_anew("..data/key.pem", files.key)
    gate = gate(CONFIG, origin=origin, files=files)
    address = tls_address(gate)
    link_anew("..1", os.path.join(files.folder, "..data"))
    eventually(lambda: presented(address) == fingerprint(pairs[1]), "the swapped folder")
    link_anew("..2/cert.pem", files.certificate)
    link_anew("..2/key.pem", files.key)
    eventually(lambda: presented(address) == fingerprint(pairs[2]), "the replaced links")


def test_a_folder_that_only_root_may_enter_is_looked_at_now_and_then(gate, origin, files, authority):
    """As /etc/letsencrypt/live; a key in the same file stays where it is."""
    os.chmod(files.folder, 0o700)
    origin.serve(echo)
    first, second = authority.issue("a.test"), authority.issue("a.test")
    files.put(first)
    gate = gate(CONFIG, origin=origin, files=files)
    address = tls_address(gate)
    both = open(second.key_path).read() + open(second.certificate_path).read()
    for path in (files.key, files.certificate):
        write_text(path + ".new", both)
        os.rename(path + ".new", path)
    eventually(lambda: presented(address) == fingerprint(second), "the new certificate", seconds=60)


def test_what_was_replaced_is_served_with_another_keyholder(served, files, authority):
    gate, address = served
    other = authority.issue("a.test")
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")
    (pid,) = gate.members("pc-keyholder")
    gate.kill(pid)
    eventually(lambda: gate.members("pc-keyholder") not in ([], [pid]), "another keyholder")
    assert presented(address) == fingerprint(other)
    third = authority.issue("a.test")
    files.put(third)
    eventually(lambda: presented(address) == fingerprint(third), "the third certificate")


def test_two_certificates_side_by_side_are_replaced_each_for_itself(gate, origin, authority):
    origin.serve(echo)
    with tempfile.TemporaryDirectory(prefix="files-") as folder:
        ec, rsa = Files(folder + "/ec"), Files(folder + "/rsa")
        os.chmod(folder, 0o755)
        first, second = authority.issue("a.test"), authority.issue("a.test", kind="rsa")
        ec.put(first)
        rsa.put(second)
        it = gate(
            "listen 127.0.0.1:0 tls\nsite a.test { to @origin; tls @ec; tls @rsa }", origin=origin, ec=ec, rsa=rsa
        )
        address = tls_address(it)
        only = [context(versions=(None, ssl.TLSVersion.TLSv1_2), ciphers=c) for c in ("ECDHE+aECDSA", "ECDHE+aRSA")]

        def both():
            found = []
            for how in only:
                with connect(address, how, "a.test") as sock:
                    found.append(hashlib.sha256(sock.getpeercert(True)).hexdigest())
            return found

        assert both() == [fingerprint(first), fingerprint(second)]
        third = authority.issue("a.test", kind="rsa")
        rsa.put(third)
        eventually(lambda: both() == [fingerprint(first), fingerprint(third)], "the new certificate")
        metrics = it.metrics()  # a scraper takes no sample twice
        for key in ("ecdsa", "rsa"):
            assert metrics.sum("portcullis_certificate_error", certificate="a.test", key=key) == 0


# --- The local authority ----------------------------------------------------------------------------

LOCAL = """\
listen 127.0.0.1:0 tls
site shop.test *.shop.test { to @origin; tls local }
site localhost { to @origin; tls local }
site 127.0.0.1 { to @origin; tls local }
"""


def root_path(gate):
    return os.path.join(gate.state, "certificates", "local-root.pem")


def trusting(gate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(root_path(gate))
    return made


@pytest.mark.parametrize("name", ["shop.test", "a.shop.test", "localhost"])
def test_local_names_have_certificates_at_once(gate, origin, name):
    origin.serve(echo)
    gate = gate(LOCAL, origin=origin)
    with TlsClient(tls_address(gate), trusting(gate), name) as client:
        client.send(request("/", host=name))
        assert client.response().status == 200
    told = row_with(gate, {"a.shop.test": "shop.test"}.get(name, name), lambda row: True)
    assert told["kind"] == "local" and told["ocsp"] == "none" and told["days_left"] in (6, 7)
    assert told["issuer"].startswith("Portcullis local CA on ")


def test_a_restart_keeps_root_and_certificates(gate, origin):
    gate = gate(LOCAL, origin=origin)
    before, root = presented(tls_address(gate), "localhost"), open(root_path(gate)).read()
    gate.stop()
    gate.start()
    assert presented(tls_address(gate), "localhost") == before
    assert open(root_path(gate)).read() == root
    assert os.stat(os.path.join(gate.state, "keys")).st_mode & 0o077 == 0


def test_a_folder_may_be_written_from_where_one_is(gate, origin):
    """The keyholder and the certifier work in other folders than the one who starts them."""
    gate = gate(LOCAL, origin=origin)
    gate.stop()
    gate.state = "here"
    gate.start()
    assert presented(tls_address(gate), "localhost")
    gate.stop()
    assert os.listdir(os.path.join(gate.directory, gate.state, "keys"))
    gate.arguments = ["--storage", "kept"]
    gate.start()
    assert presented(tls_address(gate), "localhost")
    assert os.listdir(os.path.join(gate.directory, "kept", "keys"))


def test_a_name_that_a_reload_adds_has_its_certificate_when_it_is_in_force(gate, origin):
    origin.serve(echo)
    gate = gate(LOCAL, origin=origin)
    gate.reload(LOCAL + "site new.test { to @origin; tls local }\n")
    with TlsClient(tls_address(gate), trusting(gate), "new.test") as client:
        client.send(request("/", host="new.test"))
        assert client.response().status == 200
    row_with(gate, "new.test", lambda row: True)
    gate.reload(LOCAL)
    eventually(lambda: "new.test" not in rows(gate), "the name to be forgotten")


def test_certs_right_after_a_reload_are_those_of_the_new_configuration(gate, origin):
    origin.serve(echo)
    gate = gate(LOCAL, origin=origin)
    for number in range(12):
        gate.write_config(LOCAL + "site new.test { to @origin; tls local }\n" * (number % 2))
        with Client(f"unix:{gate.state}/admin.sock") as one, Client(f"unix:{gate.state}/admin.sock") as other:
            one.send(request("/reload", method="POST", host="l", body=b""))
            assert one.response().status == 200
            other.send(request("/certificates", host="l"))
            assert ("new.test" in {row["name"] for row in json.loads(other.response().body)}) == (number % 2 == 1), number


def test_certificates_are_served_while_the_certifier_is_gone(served, files, authority):
    gate, address = served
    before = presented(address)
    for _ in range(2):
        (pid,) = gate.members("pc-certifier")
        gate.kill(pid)
        assert presented(address) == before
        eventually(lambda: gate.members("pc-certifier") not in ([], [pid]), "another certifier")
    gate.wait_stderr("the certifier ended; it starts again")
    other = authority.issue("a.test")
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")


def test_a_replaced_certificate_outlives_the_certifier(served, files, authority):
    gate, address = served
    other = authority.issue("a.test")
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")
    (pid,) = gate.members("pc-certifier")
    gate.kill(pid)
    assert presented(address) == fingerprint(other), "its key is held by others too"


def test_the_first_pair_again_is_presented_though_the_certifier_has_died_meanwhile(gate, origin, files, authority):
    """It is the one that the configuration was loaded with: to another certifier nothing has changed."""
    origin.serve(echo)
    first, other = authority.issue("a.test"), authority.issue("a.test", kind="rsa")
    files.put(first)
    gate = gate(CONFIG, origin=origin, files=files)
    address = tls_address(gate)
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")
    (pid,) = gate.members("pc-certifier")
    gate.kill(pid)
    files.put(first)
    eventually(lambda: presented(address) == fingerprint(first), "the first certificate")


def test_an_upgrade_keeps_what_was_replaced(served, files, authority):
    gate, address = served
    other = authority.issue("a.test")
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")
    gate.command("upgrade", check=0)
    assert presented(address) == fingerprint(other)
    third = authority.issue("a.test")
    files.put(third)
    eventually(lambda: presented(address) == fingerprint(third), "the third certificate")


def test_pairs_that_are_replaced_during_upgrades_cost_no_handshake(gate, origin, files, authority):
    """What the certifier of before says last has its key in the keyholder of before."""
    origin.serve(echo)
    pairs = [authority.issue("a.test") for _ in range(3)]
    one = files.certificate  # with the key in it: replaced at once

    def put(pair):
        with open(one + ".new", "wb") as file:
            file.write(pathlib.Path(pair.key_path).read_bytes() + pathlib.Path(pair.certificate_path).read_bytes())
        os.chmod(one + ".new", 0o600)
        os.rename(one + ".new", one)

    put(pairs[0])
    gate = gate(f"listen 127.0.0.1:0 tls\nsite a.test {{ to @origin; tls {one} {one} }}", origin=origin)
    address = tls_address(gate)
    ended, failures, seen = threading.Event(), [], []

    def replace():
        while not ended.wait(0.03):
            pairs.append(pairs.pop(0))
            put(pairs[-1])

    def handshake():
        while not ended.is_set():
            try:
                seen.append(presented(address))
            except (OSError, AssertionError) as failure:
                failures.append(failure)

    threads = [threading.Thread(target=target) for target in (replace, handshake)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        done = gate.command("upgrade")
        assert done.returncode == 0, done
    ended.set()
    for thread in threads:
        thread.join()
    assert not failures, (failures, len(seen))
    assert len(set(seen)) > 1, "nothing was replaced"
    eventually(lambda: presented(address) == fingerprint(pairs[-1]), "the last pair")


def test_there_is_another_certifier_where_the_supervisor_cannot_be_replaced(gate, origin, files, authority, tmp_path):
    """The generation of such an upgrade serves all the same, with a keyholder that the certifier of before does not know."""
    origin.serve(echo)
    first, other = authority.issue("a.test"), authority.issue("a.test")
    files.put(first)
    tmp_path.chmod(0o755)
    path, kept, new = (tmp_path / name for name in ("portcullis", "kept", "new"))
    for copy in (path, kept):
        shutil.copy(binary_path(), copy)
    gate = gate(CONFIG, origin=origin, files=files, options={"binary": str(path)})
    address = tls_address(gate)
    new.write_text(f'#!/bin/sh\n[ "$2" != generation ] || chmod 644 {path}\nexec {kept} "$@"\n')
    new.chmod(0o755)
    new.replace(path)
    assert "cannot take the supervisor's place" in gate.command("upgrade", check=1).stderr
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")


def test_an_adopted_program_has_a_certifier_again(served, files, authority):
    gate, address = served
    gate.kill(gate.process.pid)
    gate.process.wait()
    assert presented(address)
    gate.start()
    other = authority.issue("a.test")
    files.put(other)
    eventually(lambda: presented(address) == fingerprint(other), "the new certificate")


# --- What is told -----------------------------------------------------------------------------------


def test_certs_prints_a_table(served, files, authority):
    gate, _ = served
    eventually(lambda: rows(gate), "the report")
    text = gate.command("certs", check=0).stdout.splitlines()
    assert text[0].split() == ["NAME", "KIND", "ISSUER", "ENDS", "RENEWAL", "OCSP"]
    assert text[1].split()[1:4] == ["files", "test", "authority"], text[1]
    assert gate.metrics().sum("portcullis_certificate_days_left", kind="files", certificate="a.test") in (89, 90)


def test_certs_without_certificates_says_so(gate, origin):
    gate = gate("site a.test { to @origin }", origin=origin)
    assert gate.command("certs", check=0).stdout == "no site has a certificate\n"
    assert json.loads(gate.command("certs", "--json", check=0).stdout) == []
    assert gate.members("pc-certifier") == [], "nobody needs it"


@pytest.mark.parametrize("days, told", [((-1, -10), "ended"), ((10, 5), "begins"), ((10, -5), None)])
def test_check_tells_of_a_certificate_that_does_not_count_today(gate, origin, files, authority, days, told):
    pair = authority.issue("a.test", days=days[0], begin_days=days[1])
    files.put(pair)
    gate = gate(CONFIG, origin=origin, files=files)
    done = subprocess.run([binary_path(), "check", gate.config_path], capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    moment = pair.certificate.not_valid_before if told == "begins" else pair.certificate.not_valid_after
    expected = f"warning[W0712]: the certificate '{files.certificate}' {told} on {moment:%Y-%m-%dT%H:%M:%SZ}"
    assert (expected in text) if told else ("W0712" not in text), text


def test_an_end_that_is_near_is_told(gate, origin, files, authority):
    files.put(authority.issue("a.test", days=5))
    gate = gate(CONFIG, origin=origin, files=files)
    gate.wait_stderr(r'warn .*certificate .*cert.pem ends within 7 days')


# --- Trust ------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("update-ca-certificates"), reason="needs root and Debian")
def test_the_root_is_trusted_by_the_system_and_forgotten(gate, origin, tmp_path):
    """In a mount namespace: this machine's roots stay as they are."""
    gate = gate(LOCAL, origin=origin)
    script = tmp_path / "script"
    etc, local = tmp_path / "etc", tmp_path / "local"
    shutil.copytree("/etc/ssl/certs", etc, symlinks=True)
    local.mkdir()
    check = "openssl verify -CApath /etc/ssl/certs %s" % root_path(gate)
    script.write_text(
        f"""set -e
mount --bind {etc} /etc/ssl/certs
mount --bind {local} /usr/local/share/ca-certificates
! {check} || exit 3
{binary_path()} certs trust --state {gate.state}
{check}
{binary_path()} certs untrust --state {gate.state}
! {check} || exit 4
"""
    )
    ran = subprocess.run(["unshare", "-m", "sh", script], capture_output=True, text=True, env=gate.command_environment())
    if "unshare" in ran.stderr:
        pytest.skip("a mount namespace cannot be made here")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert 'believe "Portcullis local CA on ' in ran.stdout
    assert "Firefox" in ran.stdout


def test_trust_says_that_there_is_no_root(gate, origin):
    gate = gate("site a.test { to @origin }", origin=origin)
    told = gate.command("certs", "trust", check=1)
    assert "there is no root of a local CA" in told.stderr
