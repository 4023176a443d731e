"""Lists of clients' certificates that were taken back: a new one counts without a reload."""

import json
import os
import pathlib
import ssl
import subprocess
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from harness import tls
from harness.deadline import eventually
from harness.gate import binary_path
from harness.identities import Authority


class World:
    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o755)
        self.clients = Authority("Clients")
        self.middle = Authority("Middle", above=self.clients)
        self.clients.write(folder, "clients")
        Authority("Servers").issue("a.test", "b.test").write(folder, "site")
        self.alice, self.bob = (self.save(name, self.clients) for name in ("alice", "bob"))
        self.put("crl.pem", self.clients.revoke())

    def save(self, name, authority):
        identity = authority.issue(name, subject=name.capitalize())
        identity.write(self.folder, name)
        return identity

    def put(self, name, data):
        """As programs replace files: a new one takes the name."""
        path = self.folder / name
        new = self.folder / (name + ".new")
        new.write_bytes(data)
        os.replace(new, path)


@pytest.fixture
def world():
    """In a folder that the program's user may read: else nobody could watch it."""
    with tempfile.TemporaryDirectory(prefix="lists-") as folder:
        yield World(pathlib.Path(folder))


@pytest.fixture
def serve(gate, origin, world):
    def start(files="crl.pem", more="", workers=1):
        origin.serve()
        names = " ".join(f"@folder/{name}" for name in files.split())
        g = gate(
            f"""
workers {workers}
            listen 127.0.0.1:0 tls
            defaults {{ tls @folder/site.pem @folder/site.key }}
            site a.test {{ to @origin; auth mtls @folder/clients.pem {{ crl {names} }} }}
            {more}
            """,
            folder=world.folder,
            origin=origin,
        )
        g.tls_address = g.addresses()[1]
        return g

    return start


def connect(g, identity, name="a.test"):
    return tls.TlsClient(g.tls_address, tls.context(certificate=identity), name)


def ask(g, identity, path="/", name="a.test"):
    with connect(g, identity, name) as client:
        return client.get(path, host=name).status


def is_refused(g, identity, name="a.test", times=1):
    return all(ask(g, identity, name=name) == 403 for _ in range(times))


def test_a_new_list_counts_for_new_connections_and_for_old_ones(serve, world):
    g = serve(workers=2)
    with connect(g, world.alice) as open_one, connect(g, world.bob) as other:
        assert [c.get("/", host="a.test").status for c in (open_one, other)] == [200, 200]
        world.put("crl.pem", world.clients.revoke(world.alice))
        g.wait_stderr(r"revocation list .*/crl.pem\" was replaced")
        eventually(lambda: is_refused(g, world.alice, times=6), "both workers refuse her")
        assert open_one.get("/late", host="a.test").status == 403
        assert other.get("/", host="a.test").status == 200
    record = g.security_log.wait_for(lambda r: r.get("uri") == "/late")
    assert record["reason"] == "auth.mtls" and "(certificate revoked): CN=Alice" in record["text"]
    for pid in g.workers():  # those that take their place have it too
        g.kill(pid)
    g.expected_reports = True
    eventually(lambda: len(g.workers()) == 2 and is_refused(g, world.alice, times=6), "new workers")
    g.reload()
    assert is_refused(g, world.alice) and ask(g, world.bob) == 200
    world.put("crl.pem", world.clients.revoke(world.bob))  # a mistake was mended
    eventually(lambda: is_refused(g, world.bob), "the third list")
    assert ask(g, world.alice) == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_of_before_is_resumed_and_those_of_after_are(serve, world, version):
    g = serve(workers=2)
    how = tls.context(certificate=world.alice, versions=(version, version))

    def exchange(session=None):
        with tls.TlsClient(g.tls_address, how, "a.test", session=session) as client:
            assert client.get("/", host="a.test").status == 200
            return client.socket.session, client.socket.session_reused

    old, _ = exchange()
    assert exchange(old)[1]
    g.reload()
    assert exchange(old)[1], "the list is the same"
    world.put("crl.pem", world.clients.revoke(world.bob))
    eventually(lambda: is_refused(g, world.bob, times=6), "the list counts")
    assert not exchange(old)[1]
    new, _ = exchange()
    assert all(exchange(new)[1] for _ in range(6)), "in both workers"


def test_files_are_told_apart(serve, world):
    world.put("other.pem", world.clients.revoke())
    g = serve(
        more="site b.test { to @origin; auth mtls @folder/clients.pem { crl @folder/other.pem } }"
    )
    world.put("other.pem", world.clients.revoke(world.alice))
    eventually(lambda: is_refused(g, world.alice, "b.test"), "the second site's list")
    assert ask(g, world.alice) == 200


def test_several_files_count_together(serve, world):
    dave = world.save("dave", world.middle)
    world.put("middle.crl", der(world.middle.revoke()))
    g = serve("crl.pem middle.crl")
    assert ask(g, dave) == ask(g, world.alice) == 200
    world.put("middle.crl", der(world.middle.revoke(dave)))
    eventually(lambda: is_refused(g, dave), "the list in DER")
    assert ask(g, world.alice) == 200
    world.put("crl.pem", world.clients.revoke(world.alice))
    eventually(lambda: is_refused(g, world.alice), "the list in PEM")
    assert is_refused(g, dave)


def der(pem):
    return x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)


SPOILT = {
    "text": (lambda w: b"nothing of use\n", "there is no revocation list in it"),
    "empty": (lambda w: b"", "there is no revocation list in it"),
    "half": (lambda w: w.clients.revoke(w.alice)[:-200], "revocation list 1 in it cannot be read"),
    "over": (lambda w: w.clients.revoke(w.alice, days=(-3, -1)), "the list of CN=Clients in it is out of date"),
    "older": (lambda w: w.clients.revoke(w.alice, days=(-5, 9)), "in it is older than the one in force"),
    "other": (lambda w: Authority("Others").revoke(w.alice), "the list of CN=Clients is not in it any more"),
    "forged": (lambda w: Authority("Clients").revoke(w.alice), "the list of CN=Clients in it is not signed by it"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_list_of_no_use_changes_nothing_and_is_told(serve, world, name):
    make, words = SPOILT[name]
    g = serve()
    world.put("crl.pem", make(world))
    g.wait_stderr(rf"cannot use revocation list \".*/crl.pem\": .*{words}.*; the one in force stays")
    assert ask(g, world.alice) == 200
    world.put("crl.pem", world.clients.revoke(world.alice))
    eventually(lambda: is_refused(g, world.alice), "a good one")


def test_a_list_that_is_gone_changes_nothing_and_is_told(serve, world):
    g = serve()
    os.unlink(world.folder / "crl.pem")
    g.wait_stderr(r"cannot read revocation list \".*/crl.pem\": No such file or directory; the one in force stays")
    assert ask(g, world.alice) == 200
    world.put("crl.pem", world.clients.revoke(world.alice))
    g.wait_stderr(r"revocation list \".*/crl.pem\" is in order again")
    eventually(lambda: is_refused(g, world.alice), "a good one")


def test_no_list_stands_among_the_certificates(serve, world):
    g = serve()
    world.put("crl.pem", world.clients.revoke(world.alice))
    g.wait_stderr("was replaced")
    told = eventually(lambda: json.loads(g.command("certs", "--json", check=0).stdout), "the report")
    assert [row["name"] for row in told] == [str(world.folder / "site.pem")]


def test_a_list_that_may_not_be_read_is_told(serve, world):
    if os.geteuid() != 0:
        pytest.skip("the program's user is ours")
    world.folder.chmod(0o700)
    g = serve()
    g.wait_stderr(r"crl.pem\": Permission denied .the user of the workers has to be able to read it.; the one")
    assert ask(g, world.alice) == 200


def test_routes_with_other_lists_are_told_of_them(world, tmp_path):
    config = tmp_path / "portcullis.conf"
    config.write_text(
        f"""listen 127.0.0.1:0 tls
site a.test {{ respond 200; tls {world.folder}/site.pem {world.folder}/site.key; auth mtls {world.folder}/clients.pem
  route /x {{ auth mtls {world.folder}/clients.pem {{ crl {world.folder}/crl.pem }} }}
}}
"""
    )
    told = subprocess.run([binary_path(), "check", config], capture_output=True, text=True).stderr
    assert f"in two ways, at {config}:3:" in told and ": other lists ('crl')\n" in told, told
