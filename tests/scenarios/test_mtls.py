"""Clients that prove who they are by a certificate: who comes in, what the origin is told, and that
no session opens a door which its handshake did not."""

import base64
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from harness import tls
from harness.deadline import SECONDS
from harness.gate import binary_path
from harness.identities import Authority, Identity, self_signed

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
IDENTITY = ["subject", "issuer", "serial", "san", "fingerprint"]


class World:
    """The certificates of a test, as files in its folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o755)
        self.servers = Authority("Servers")
        self.clients = Authority("Clients")
        self.middle = Authority("Middle", above=self.clients)
        self.others = Authority("Others")
        for name in ("clients", "others", "middle"):
            getattr(self, name).write(folder, name)
        self.site = self.servers.issue("a.test", "b.test", "c.test")
        self.site.write(folder, "site")
        self.good = self.save("good", self.clients.issue("alice.test", subject="Alice"))

    def save(self, name, identity):
        identity.write(self.folder, name)
        return identity

    def revoke(self, *identities, by=None, **options):
        path = self.folder / "crl.pem"
        path.write_bytes((by or self.clients).revoke(*identities, **options))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def serve(gate, world):
    """Starts the program with these sites; TLS is on its second listener."""

    def start(sites, **options):
        config = f"""
        listen 127.0.0.1:0 tls
        defaults {{ tls @folder/site.pem @folder/site.key }}
        {sites}
        """
        g = gate(config, folder=world.folder, **options)
        g.tls_address = g.addresses()[1]
        return g

    return start


def context(identity=None, version=None):
    return tls.context(certificate=identity, versions=(version, version))


def ask(g, how, path="/", name="a.test", fields=(), session=None):
    with tls.TlsClient(g.tls_address, how, name, session=session) as client:
        return client.get(path, host=name, fields=fields)


def security(g, path):
    return g.security_log.wait_for(lambda r: r.get("uri") == path)


SITE = "site a.test { to @origin; auth mtls @folder/clients.pem }\n"


# --- Who comes in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [V12, V13])
def test_the_origin_is_told_who_it_is(serve, origin, world, version):
    origin.serve()
    g = serve(SITE, origin=origin)
    assert ask(g, context(world.good, version)).status == 200
    got = origin.requests[0]
    certificate = world.good.certificate
    assert [got.get(f"x-client-cert-{name}") for name in IDENTITY] == [
        "CN=Alice",
        "CN=Clients",
        f"{certificate.serial_number:X}".zfill(len(f"{certificate.serial_number:X}") + 1 & ~1),
        "DNS:alice.test",
        world.good.fingerprint(),
    ]
    sent = got.get("client-cert")
    assert (sent[0], sent[-1], base64.b64decode(sent[1:-1])) == (":", ":", world.good.der())
    record = g.requests_log.wait_for(lambda r: r["status"] == 200)
    assert record["client_certificate"] == "CN=Alice"
    assert record["client_fingerprint"] == world.good.fingerprint()


def bad_clients(world):
    clients = world.clients
    return {
        "none": (None, "has shown no certificate"),
        "expired": (clients.issue("x", subject="Old", days=(-9, -2)), "certificate has expired"),
        "early": (clients.issue("x", days=(2, 9)), "not yet valid"),
        "stranger": (world.others.issue("x", subject="Stranger"), "CN=Stranger, from "),
        "self": (self_signed("x"), "self-signed"),
        "server": (clients.issue("x", usage="server"), "purpose"),
        "same-name": (Authority("Clients").issue("x"), "certificate signature failure"),
    }


@pytest.mark.parametrize("version", [V12, V13])
def test_who_does_not_convince_is_told_so(serve, origin, world, version):
    g = serve(SITE, origin=origin)
    for name, (identity, words) in bad_clients(world).items():
        how = context(identity and world.save(name, identity), version)
        answer = ask(g, how, f"/{name}")
        assert answer.status == 403, name
        assert b"those who show a certificate that it accepts" in answer.body
        record = security(g, f"/{name}")
        assert (record["reason"], record["fault"]) == ("auth.mtls", "policy"), name
        assert words in record["text"], (name, record["text"])
        assert "portcullis.conf:" in record["where"]
    assert origin.has_no_connection()


def test_optional_lets_in_who_has_none_and_nobody_with_a_bad_one(serve, origin, world):
    origin.serve()
    g = serve(SITE.replace(".pem }", ".pem optional }"), origin=origin)
    assert ask(g, context()).status == 200
    assert ask(g, context(world.good)).status == 200
    stranger = world.save("stranger", world.others.issue("x"))
    assert ask(g, context(stranger)).status == 403
    assert [got.get("x-client-cert-subject") for got in origin.requests] == [None, "CN=Alice"]


def test_routes_decide_within_one_handshake(serve, origin, world):
    origin.serve()
    g = serve(
        """
        site a.test {
          to @origin
          route /in/* { auth mtls @folder/clients.pem }
          route /maybe/* { auth mtls @folder/clients.pem optional }
        }
        """,
        origin=origin,
    )
    with tls.TlsClient(g.tls_address, context()) as client:
        assert [client.get(p, host="a.test").status for p in ("/", "/maybe/", "/in/", "/in", "/")] == [
            200, 200, 403, 403, 200,
        ]  # fmt: skip
    with tls.TlsClient(g.tls_address, context(world.good)) as client:
        assert [client.get(p, host="a.test").status for p in ("/", "/maybe/", "/in/")] == [200] * 3
    told = [got.get("x-client-cert-subject") for got in origin.requests]
    assert told == [None, None, None, None, "CN=Alice", "CN=Alice"]


def test_plain_connections_have_no_certificate(gate, origin, world):
    g = gate(
        """
        listen 127.0.0.1:0 plain
        listen 127.0.0.1:0 tls
        defaults { tls @folder/site.pem @folder/site.key }
        site a.test { to @origin; auth mtls @folder/clients.pem }
        """,
        folder=world.folder,
        origin=origin,
    )
    plain = g.addresses()[1]
    with tls.Client(plain) as client:
        assert client.get("/plain", host="a.test").status == 403
    assert security(g, "/plain")["reason"] == "auth.mtls"
    assert origin.has_no_connection()


def test_http2_streams_have_the_certificate_of_their_connection(serve, origin, world):
    origin.serve()
    g = serve(SITE, origin=origin)
    how = tls.context(certificate=world.good, alpn=["h2"])
    with tls.Http2TlsClient(g.tls_address, how) as client:
        assert client.get("/").status == 200
        assert client.get("/", ("x-client-cert-subject", "CN=Mallory")).status == 200
    assert [got.get("x-client-cert-subject") for got in origin.requests] == ["CN=Alice"] * 2
    with tls.Http2TlsClient(g.tls_address, tls.context(alpn=["h2"])) as client:
        assert client.get("/").status == 403


FORGED = ["X-Client-Cert-Subject: CN=Root", "x-client-cert-fingerprint: 00", "Client-Cert: :AA==:",
          "X_Client_Cert_Subject: CN=Root", "client_cert: :AA==:", "Client-Cert-Chain: :AA==:",
          "X-Client-Cert: x", "X-CLIENT_CERT-SAN: DNS:root"]  # fmt: skip


@pytest.mark.parametrize("trusted", ["", "trust proxies 127.0.0.1\n"])
def test_nobody_can_send_an_identity(serve, origin, world, trusted):
    origin.serve()
    g = serve(
        trusted + "site a.test { to @origin; auth mtls @folder/clients.pem optional }\n"
        "site b.test { to @origin }\n",
        origin=origin,
    )
    for name in ("a.test", "b.test"):
        assert ask(g, context(), name=name, fields=FORGED).status == 200
    assert ask(g, context(world.good), fields=FORGED).status == 200
    *without, told = origin.requests
    for got in without:
        assert not [name for name in got.names if "client" in name.lower()], got.head
    assert b"CN=Root" not in told.head
    assert told.get("x-client-cert-subject") == "CN=Alice"


def test_hostile_names_stay_within_their_field(serve, origin, world):
    origin.serve()
    key = world.good.key
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a, CN=root\r\nX-Admin: 1"),
            x509.NameAttribute(NameOID.COMMON_NAME, "\u00fcmlaut \u202e"),
        ]
    )
    identity = world.clients.issue(
        "spiffe://a/b%0d%0aX-Admin:1", "x@y.test", subject=subject, key=key
    )
    g = serve(SITE, origin=origin)
    assert ask(g, context(world.save("hostile", identity))).status == 200
    got = origin.requests[0]
    assert got.get("x-admin") is None
    assert got.get("x-client-cert-subject") == (
        "CN=\\C3\\BCmlaut \\E2\\80\\AE,O=a\\, CN=root\\0D\\0AX-Admin: 1"
    )
    assert got.get("x-client-cert-san") == "URI:spiffe://a/b%0d%0aX-Admin:1, email:x@y.test"


def test_a_certificate_that_is_too_long_is_refused(serve, origin, world):
    identity = world.clients.issue(*[f"{'n' * 60}{i}.test" for i in range(200)], subject="Long")
    g = serve(SITE, origin=origin)
    assert ask(g, context(world.save("long", identity)), "/long").status == 403
    assert "longer than 8 KiB" in security(g, "/long")["text"]


def test_variables_and_answers_know_the_client(serve, world):
    g = serve(
        'site a.test { auth mtls @folder/clients.pem optional; respond 200 "{tls.client.subject}|'
        '{tls.client.issuer}|{tls.client.san}|{tls.client.fingerprint}|{tls.client.serial}" }'
    )
    body = ask(g, context(world.good)).body.decode().split("|")
    assert body[:4] == ["CN=Alice", "CN=Clients", "DNS:alice.test", world.good.fingerprint()]
    assert int(body[4], 16) == world.good.certificate.serial_number
    assert ask(g, context()).body == b"||||"


# --- Chains and lists ------------------------------------------------------------------------------


def test_depth_bounds_the_way_to_an_authority(serve, origin, world):
    origin.serve()
    deep = world.save("deep", world.middle.issue("x"))
    g = serve(
        """
        site a.test { to @origin; auth mtls @folder/clients.pem { depth 1 } }
        site b.test { to @origin; auth mtls @folder/clients.pem { depth 0 } }
        site c.test { to @origin; auth mtls @folder/middle.pem { depth 0 } }
        """,
        origin=origin,
    )
    assert [ask(g, context(deep), name=name).status for name in ("a.test", "b.test", "c.test")] == [
        200, 403, 200,
    ]  # fmt: skip
    assert ask(g, context(world.good), name="b.test").status == 200


CRL_SITE = "site a.test { to @origin; auth mtls @folder/clients.pem { crl @folder/crl.pem } }\n"


def test_revoked_certificates_are_refused_also_after_a_reload(serve, origin, world):
    origin.serve()
    other = world.save("other", world.clients.issue("bob.test", subject="Bob"))
    world.revoke(other)
    g = serve(CRL_SITE, origin=origin)
    assert ask(g, context(world.good)).status == 200
    assert ask(g, context(other), "/bob").status == 403
    assert "revoked" in security(g, "/bob")["text"]
    how = context(world.good, V12)
    with tls.TlsClient(g.tls_address, how) as client:
        assert client.get(host="a.test").status == 200
        session = client.socket.session
    assert ask(g, how, session=session).status == 200
    world.revoke(other, world.good)
    g.reload()
    assert ask(g, context(world.good)).status == 403
    assert ask(g, how, "/again", session=session).status == 403  # what it resumes is forgotten


@pytest.mark.parametrize("how", ["expired", "of another"])
def test_a_list_that_does_not_count_lets_nobody_in(serve, origin, world, how):
    if how == "expired":
        world.revoke(days=(-9, -2))
    else:
        world.revoke(by=world.others)
    g = serve(CRL_SITE, origin=origin)
    assert ask(g, context(world.good), "/x").status == 403
    words = {"expired": "CRL has expired", "of another": "unable to get certificate CRL"}
    assert words[how] in security(g, "/x")["text"]


def test_a_list_that_a_route_names_again_is_one_list(serve, origin, world):
    origin.serve()
    world.revoke()
    again = "route /in/* { auth mtls @folder/clients.pem required { crl @folder/crl.pem } } }"
    g = serve(CRL_SITE.replace("} }\n", f"}} {again}\n"), origin=origin)
    assert ask(g, context(world.good), "/in/").status == 200


# --- Sessions --------------------------------------------------------------------------------------


SITES = """
site a.test { to @origin; auth mtls @folder/clients.pem }
site b.test { to @origin }
site c.test { to @origin; auth mtls @folder/others.pem }
"""


def session_of(g, how, name):
    with tls.TlsClient(g.tls_address, how, name) as client:
        client.get("/", host=name)
        session = client.socket.session
        assert session.has_ticket or session.id
        return session


@pytest.mark.parametrize("version", [V12, V13])
def test_a_session_opens_only_where_it_was_made(serve, origin, world, version):
    """Also not where another certificate, or none, is asked for; nor is a request for another site
    answered on its connection."""
    origin.serve()
    stranger = world.save("stranger", world.others.issue("x"))
    g = serve(SITES, origin=origin)
    for identity in (None, world.good, stranger):
        for made_at in ("a.test", "b.test", "c.test"):
            how = context(identity, version)
            session = session_of(g, how, made_at)
            for name in ("a.test", "b.test", "c.test"):
                with tls.TlsClient(g.tls_address, how, name, session=session) as client:
                    allowed = {
                        "a.test": identity is world.good, "b.test": True, "c.test": identity is stranger,
                    }[name]  # fmt: skip
                    assert client.get("/", host=name).status == (200 if allowed else 403)
                    assert client.socket.session_reused == (name == made_at)
                    if name != "a.test":
                        assert client.get("/", host="a.test").status == 421


@pytest.mark.parametrize("version", [V12, V13])
def test_a_session_without_a_certificate_stays_without_one(serve, origin, world, version):
    """The same context of the client would now send one; the session is the one of before."""
    origin.serve()
    g = serve(SITE.replace(".pem }", ".pem optional }"), origin=origin)
    how = context(None, version)
    session = session_of(g, how, "a.test")
    how.load_cert_chain(world.good.certificate_path, world.good.key_path)
    ask(g, how, session=session)
    with tls.TlsClient(g.tls_address, how, session=session) as client:
        reused = client.socket.session_reused
        assert client.get("/last", host="a.test").status == 200
    last = origin.requests[-1]
    assert last.get("x-client-cert-subject") == (None if reused else "CN=Alice")


@pytest.mark.parametrize("version", [V12, V13])
def test_a_resumed_session_brings_its_certificate(serve, origin, world, version):
    origin.serve()
    g = serve(SITE, origin=origin)
    how = context(world.good, version)
    session = session_of(g, how, "a.test")
    with tls.TlsClient(g.tls_address, how, session=session) as client:
        assert client.socket.session_reused
        assert client.get("/", host="a.test").status == 200
    assert origin.requests[-1].get("x-client-cert-subject") == "CN=Alice"
    bad = context(world.save("stranger", world.others.issue("x")), version)
    session = session_of(g, bad, "a.test")
    with tls.TlsClient(g.tls_address, bad, session=session) as client:
        assert client.get("/", host="a.test").status == 403  # resumed or not


# --- Strict ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [V12, V13])
def test_strict_refuses_in_the_handshake(serve, origin, world, version):
    origin.serve()
    g = serve(
        "site a.test { to @origin; auth mtls @folder/clients.pem { strict on } }", origin=origin
    )
    assert ask(g, context(world.good, version)).status == 200
    for identity in (None, world.save("stranger", world.others.issue("x"))):
        with pytest.raises((ssl.SSLError, ConnectionError, tls.Ended)):
            ask(g, context(identity, version))
    assert len(origin.requests) == 1
    record = g.security_log.wait_for(lambda r: r["reason"] == "tls.handshake")
    assert "certificate" in record["text"]


# --- What is checked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "site, says",
    [
        ("auth mtls", "the file of the authorities"),
        ("auth mtls @folder/none.pem", "No such file"),
        ("auth mtls @folder/site.key", "a private key"),
        ("auth mtls @folder/clients.pem { crl @folder/clients.pem }", "there is no revocation list in it"),
        ("auth mtls @folder/clients.pem { crl @folder/none.pem }", "No such file"),
        ("auth mtls @folder/clients.pem; tls off", "has no TLS"),
        ("auth mtls @folder/clients.pem; route /x { auth mtls @folder/others.pem }", "in two ways, at @folder/portcullis.conf:3:"),
        ("auth mtls @folder/clients.pem; route /x { auth mtls @folder/others.pem { depth 2 } }", ": other authorities, 'depth' 2 and 3\n"),
        ("auth mtls @folder/clients.pem; route /x { auth mtls @folder/clients.pem { depth 5 } }", ": 'depth' 5 and 3\n"),
        ("auth mtls @folder/clients.pem { strict on }; route /x { auth mtls @folder/clients.pem { depth 5; strict off } }", ": 'depth' 5 and 3, 'strict' off and on\n"),
        ("auth mtls @folder/clients.pem { strict on }; route /x { auth off }", "'strict on'"),
        ("auth basic users", "not built yet"),
        ("auth off @folder/clients.pem", "nothing behind 'off'"),
    ],
)
def test_what_cannot_be_meant_is_an_error(world, site, says):
    config = world.folder / "portcullis.conf"
    text = f"""
    listen 127.0.0.1:0 tls
    site a.test {{ respond 200; tls @folder/site.pem @folder/site.key; {site} }}
    """
    if "tls off" in site:
        text = text.replace("tls @folder/site.pem @folder/site.key; ", "")
    config.write_text(text.replace("@folder", str(world.folder)))
    done = subprocess.run(
        [binary_path(), "check", config], capture_output=True, text=True, timeout=SECONDS
    )
    told = done.stdout + done.stderr
    assert done.returncode == 1 and says.replace("@folder", str(world.folder)) in told and "(null)" not in told, told
