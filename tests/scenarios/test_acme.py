"""Certificates from an authority, by ACME: Debian's pebble asks, we prove, order, present and renew."""

import json
import os
import re
import signal
import ssl
import sys

import pytest
from cryptography import x509
from harness import processes
from harness.client import Client
from harness.deadline import eventually
from harness.identities import Authority
from harness.pebble import Pebble
from harness.tls import connect, context

ANY = context()
NAME = "app.example.com"
LISTEN = "listen 127.0.0.1:0 tls\nsite local.test { respond 200; tls local }\n"


@pytest.fixture
def authority():
    """Makes authorities: authority(gate, environment=…)."""
    made = []

    def make(gate, **options):
        http, tls = gate.addresses()[:2]
        made.append(Pebble(http, tls, **options))
        return made[-1]

    yield make
    for pebble in made:
        pebble.close()


def presented(gate, name=NAME):
    """The certificate that a client gets; None: an alert."""
    try:
        with connect(gate.addresses()[1], ANY, name) as sock:
            return x509.load_der_x509_certificate(sock.getpeercert(True))
    except ssl.SSLError:
        return None


def issuer(certificate):
    return certificate and certificate.issuer.rfc4514_string()


def is_by_pebble(gate, name=NAME):
    certificate = presented(gate, name)
    return certificate if "Pebble" in (issuer(certificate) or "") else None


def row(gate, name=NAME):
    """What `certs` tells of a name; empty until the certifier has written of it."""
    rows = json.loads(gate.command("certs", "--json", check=0).stdout)
    return next((row for row in rows if row["name"] == name), {})


def site(more="", name=NAME):
    return f"site {name} {{ respond 200 served; {more} }}\n"


def obtain(gate, pebble, *lines, name=NAME, sites=None):
    gate.reload(LISTEN + (sites or site(name=name)) + pebble.block(*lines))
    return eventually(lambda: is_by_pebble(gate, name), f"a certificate for {name}")


@pytest.mark.parametrize("challenge, name", [("http", "HTTP-01"), ("tls-alpn", "TLS-ALPN-01")])
def test_a_public_name_has_a_certificate_by_itself(gate, authority, challenge, name):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    certificate = obtain(proxy, pebble, f"challenge {challenge}", "contact @mail")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert f"{NAME} is proved by {name}: `challenge` says so" in proxy.stderr()
    eventually(lambda: row(proxy).get("next_renewal"), "the next renewal")
    told = row(proxy)
    assert "error" not in told and told["kind"] == "acme", told
    with connect(proxy.addresses()[1], ANY, NAME) as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        assert b"served" in sock.recv(65536)


def test_an_authority_proves_a_name_whose_clients_have_to_show_certificates(gate, authority, tmp_path):
    """It has none; the handshake that shows the proof asks for none either."""
    tmp_path.chmod(0o755)
    Authority("Clients").write(tmp_path, "clients")
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    strict = site(f"auth mtls {tmp_path}/clients.pem {{ strict on }}")
    obtain(proxy, pebble, "challenge tls-alpn", sites=strict)
    with pytest.raises((ssl.SSLError, ConnectionError)), connect(proxy.addresses()[1], ANY, NAME) as sock:
        sock.recv(1)  # everybody else is asked


def test_the_chain_leads_to_the_root(gate, authority, tmp_path):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    obtain(proxy, pebble)
    (tmp_path / "root.pem").write_bytes(pebble.ask("/roots/0"))
    verifying = ssl.create_default_context(cafile=str(tmp_path / "root.pem"))
    with connect(proxy.addresses()[1], verifying, NAME) as sock:
        assert sock.version() == "TLSv1.3"


def test_refused_nonces_and_reused_proofs_change_nothing(gate, authority):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy, environment={"PEBBLE_WFE_NONCEREJECT": "30", "PEBBLE_AUTHZREUSE": "100"})
    obtain(proxy, pebble)
    obtain(proxy, pebble, name="www.example.com", sites=site() + site(name="www.example.com"))


def test_an_account_is_bound_to_one_at_the_authority(gate, authority):
    proxy = gate(LISTEN, options={"environment": {"EAB_KEY": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}})
    pebble = authority(proxy, eab={"kid-1": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"})
    proxy.reload(LISTEN + site() + pebble.block())
    proxy.wait_stderr("the CA wants an account of its own customers: add eab KID")
    obtain(proxy, pebble, "eab kid-1 ${env:EAB_KEY}")


def test_workers_cannot_read_what_was_wanted(gate, authority, tmp_path):
    """The sheet for the certifier, which has the secret of the account at the authority."""
    secret = "c2VjcmV0LXNlY3JldC1vZi1hLWZpbGUtb25seQ"
    (tmp_path / "eab").write_text(secret + "\n")
    proxy = gate(LISTEN)
    pebble = authority(proxy, eab={"kid-1": secret})
    obtain(proxy, pebble, f"eab kid-1 ${{file:{tmp_path}/eab}}")
    for worker in proxy.workers():
        opened = processes.files(worker).values()
        assert opened and not [name for name in opened if "portcullis-certificates" in name]


HOOK = """#!{python}
import json, sys, urllib.request
action, record, value = sys.argv[1:]
path, data = ("set-txt", {{"host": record + ".", "value": value}}) if action == "set" else ("clear-txt", {{"host": record + "."}})
urllib.request.urlopen("http://127.0.0.1:{port}/" + path, json.dumps(data).encode(), timeout=10)
print(action, record)
"""


def make_hook(gate, text):
    path = os.path.join(gate.directory, "hook")
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def test_wildcards_are_proved_by_a_hook(gate, authority):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    hook = make_hook(proxy, HOOK.format(python=sys.executable, port=pebble.control))
    obtain(proxy, pebble, f"dns hook {hook}", name="deep.example.com", sites=site(name="*.example.com"))
    proxy.wait_stderr(r"acme: \S*hook: set _acme-challenge\.example\.com")
    proxy.wait_stderr(r"acme: \S*hook: remove _acme-challenge\.example\.com")


def test_a_hook_that_fails_is_named_with_its_words(gate, authority):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    hook = make_hook(proxy, "#!/bin/sh\necho no such zone >&2\nexit 3\n")
    proxy.reload(LISTEN + site() + pebble.block("challenge dns", f"dns hook {hook}"))
    proxy.wait_stderr("hook: no such zone")
    proxy.wait_stderr("could not set the TXT record _acme-challenge.app.example.com: it ended with exit code 3")
    eventually(lambda: "exit code 3" in row(proxy).get("error", ""), "the error in `certs`")


def test_what_the_authority_says_is_shown(gate, authority):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    proxy.reload(LISTEN + site(name="app.example.com.invalid-name_") + pebble.block(), check=None)
    proxy.reload(LISTEN + site() + pebble.block("challenge http"))
    eventually(lambda: is_by_pebble(proxy), "a certificate")
    other = authority(proxy)
    other.programs[0].process.kill()  # its name server: the proof cannot be found
    proxy.reload(LISTEN + site(name="other.example.com") + other.block("challenge http"))
    eventually(lambda: "the CA refused the proof of other.example.com by HTTP-01" in row(proxy, "other.example.com").get("error", ""),
               "the authority's words in `certs`")
    proxy.wait_stderr("acme: no certificate for other.example.com: the CA refused the proof")


def test_a_certificate_is_renewed_and_revoked_on_demand(gate, authority):
    proxy = gate(LISTEN)
    pebble = authority(proxy)
    first = obtain(proxy, pebble)

    def after(before):
        return eventually(lambda: (now := is_by_pebble(proxy)) and now.serial_number != before.serial_number and now,
                          "another certificate")

    done = proxy.command("certs", "renew", NAME, check=0)
    assert done.stdout == f"another certificate for {NAME} is ordered\n"
    second = after(first)
    assert second.public_key().public_numbers() != first.public_key().public_numbers()
    done = proxy.command("certs", "revoke", NAME, check=0)
    assert done.stdout == f"the certificate for {NAME} is revoked; another one is ordered\n"
    assert pebble.status(second) == "Revoked"
    third = after(second)
    proxy.command("certs", "renew", NAME, check=0)
    done = proxy.command("certs", "revoke", NAME, check=0)  # while the other one is being ordered
    assert done.stdout == f"the certificate for {NAME} is revoked; another one is ordered\n"
    after(third)
    assert proxy.stderr().count(f"the certificate for {NAME} was revoked") == 2
    assert "is not revoked" not in proxy.stderr()
    done = proxy.command("certs", "renew", "nobody.example", check=1)
    assert done.stderr == "no certificate for nobody.example comes from an authority\n"


def test_certificates_and_accounts_outlive_the_program(gate, authority):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy)
    before = obtain(proxy, pebble)
    proxy.stop()
    pebble.programs[1].process.kill()  # nobody could be asked
    proxy.start()
    assert eventually(lambda: is_by_pebble(proxy), "the stored certificate").serial_number == before.serial_number


def test_a_killed_certifier_goes_on_where_it_was(gate, authority):
    proxy = gate(LISTEN, mail="ops@example.com")
    pebble = authority(proxy, environment={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "3"})
    proxy.reload(LISTEN + site() + pebble.block())
    for _ in range(2):
        proxy.wait_stderr("is proved by")
        killed = proxy.members("pc-certifier")
        for pid in killed:
            proxy.kill(pid)
        eventually(lambda: set(proxy.members("pc-certifier")) - set(killed), "the next certifier")
    eventually(lambda: is_by_pebble(proxy), "a certificate")


def test_a_proof_is_told_by_a_worker_that_drains(gate, authority):
    """A connection that was there before a reload asks for the proof that came after it."""
    proxy = gate(LISTEN)
    pebble = authority(proxy, environment={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "8"})
    with Client(proxy.addresses()[0]) as client:
        assert client.get("/kept", host="local.test").status in (200, 308)
        proxy.reload(LISTEN + site() + pebble.block("challenge http"))
        token = eventually(lambda: offered(proxy), "a proof on its way")
        client.send(f"GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        answer = client.response()
        assert answer.status == 200 and answer.body.startswith(token.encode() + b"."), answer.raw
        assert answer.get("content-type") == "application/octet-stream"


@pytest.mark.parametrize("how", ["killed", "replaced"])
def test_a_proof_is_told_while_no_certifier_goes_on_with_it(gate, authority, how):
    """The authority may look just then."""
    proxy = gate(LISTEN)
    pebble = authority(proxy, environment={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "60"})
    proxy.reload(LISTEN + site() + pebble.block("challenge http"))
    token = eventually(lambda: offered(proxy), "a proof on its way")
    process = pebble.programs[1].process
    process.send_signal(signal.SIGSTOP)  # nobody gets further
    before = proxy.members("pc-certifier")
    if how == "killed":
        for pid in before:
            proxy.kill(pid)
    else:
        proxy.command("upgrade", check=0)
    eventually(lambda: (now := proxy.members("pc-certifier")) and not set(now) & set(before), "the next certifier")
    process.kill()
    proxy.wait_stderr("acme: no certificate for app.example.com: cannot ask the CA for its directory")
    with Client(proxy.addresses()[0]) as client:
        answer = client.get(f"/.well-known/acme-challenge/{token}", host=NAME)
        assert answer.status == 200 and answer.body.startswith(token.encode() + b"."), answer.raw


def offered(gate):
    """The token of a proof that is offered, from the segment that every worker has."""
    for pid in gate.members("pc-worker"):
        for path, target in processes.files(pid).items():
            if "portcullis-challenges" not in target:
                continue
            try:
                with open(path, "rb") as file:
                    found = re.search(rb"([A-Za-z0-9_-]{20,})\.[A-Za-z0-9_-]{43}", file.read())
            except OSError:
                continue
            return found and found.group(1).decode()
    return None


def test_an_ordinary_path_below_well_known_is_the_origins(gate, origin):
    proxy = gate("site * { to @origin }", origin=origin)
    with proxy.client() as client:
        client.send(b"GET /.well-known/acme-challenge/unknown HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
        origin.exchange(body=b"the origin's own")
        assert client.response().body == b"the origin's own"


def test_acme_tls_is_refused_when_nothing_is_due(gate):
    proxy = gate(LISTEN)
    asking = context(alpn=["acme-tls/1"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(proxy.addresses()[1], asking, "local.test")
    proxy.security_log.wait_for(lambda record: record["reason"] == "tls.no-proof")


def test_tls_auto_without_acme_says_what_to_write(gate):
    proxy = gate(LISTEN, mail="ops@example.com")
    done = proxy.reload(LISTEN + site("tls auto"), check=1)
    assert "write 'acme { contact you@example.com }'" in done.stderr + done.stdout
