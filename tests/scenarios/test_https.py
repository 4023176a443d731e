"""HTTPS for clients: which certificate is presented to whom, which requests belong on a connection, what
sites with a certificate do to plain requests, and that bytes are the same bytes under TLS."""

import hashlib
import socket
import ssl
import struct
import subprocess

import pytest
from cryptography import x509

from harness.certificates import Authority
from harness.client import Client, parse_address, request
from harness.deadline import eventually
from harness.gate import binary_path
from harness.origin import response
from harness.tls import Http2TlsClient, TlsClient, connect, context

V12, V13 = (ssl.TLSVersion.TLSv1_2,) * 2, (ssl.TLSVersion.TLSv1_3,) * 2


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def listeners(g):
    """The plain one of the preamble, then the one with TLS."""
    return g.addresses()


def secure(g):
    return listeners(g)[1]


def peer_names(sock):
    certificate = x509.load_der_x509_certificate(sock.getpeercert(True))
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


def alert_of(address, how, name):
    with pytest.raises(ssl.SSLError) as error:
        connect(address, how, name).close()
    return error.value.reason


@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_a_request_over_tls_reaches_the_origin_as_https(gate, origin, authority, versions):
    origin.serve()
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { to @origin; tls @pair }", origin=origin, pair=authority.issue("a.test"))
    with TlsClient(secure(g), context(authority, versions=versions)) as client:
        answer = client.get("/x", host="a.test")
        assert answer.status == 200
        assert answer.get("strict-transport-security") == "max-age=86400"
        assert client.get("/y", host="a.test").status == 200
    first, second = origin.requests
    assert first.get("x-forwarded-proto") == "https"
    line = g.requests_log.wait(2)[0]
    assert line["tls"] == versions[0].name.replace("_", ".").replace("v1.", "v1.") and line["sni"] == "a.test"
    assert line["cipher"]


def test_the_certificate_is_chosen_by_name(gate, origin, authority):
    """Exact before the longest wildcard, and what belongs to nobody is refused."""
    g = gate(
        """
        listen 127.0.0.1:0 tls
        site a.test { respond 200 "a"; tls @a }
        site *.b.test { respond 200 "wild"; tls @wild }
        site x.b.test { respond 200 "x"; tls @x }
        site plain.test { respond 200; tls off }
        """,
        a=authority.issue("a.test"), wild=authority.issue("*.b.test"), x=authority.issue("x.b.test"),
    )
    how = context(authority)
    for name, wanted in [("a.test", "a.test"), ("A.TEST", "a.test"), ("x.b.test", "x.b.test"), ("y.b.test", "*.b.test")]:
        with connect(secure(g), how, name) as sock:
            assert peer_names(sock) == [wanted], name
    for name in ("b.test", "c.test", "plain.test"):
        assert "UNRECOGNIZED_NAME" in alert_of(secure(g), how, name)
    nameless = context()
    assert "UNRECOGNIZED_NAME" in alert_of(secure(g), nameless, None)
    records = g.security_log.wait(4)
    assert {r["reason"] for r in records} == {"tls.unknown-name"}
    for record, name in zip(records, ("'b.test'", "'c.test'", "'plain.test'", "no name")):
        assert f"asked for {name}" in record["text"], record


def test_clients_that_name_no_site_get_the_default_certificate(gate, authority):
    g = gate(
        """
        listen 127.0.0.1:0 tls
        site a.test { respond 200 "a"; tls @a default }
        site b.test { respond 200 "b"; tls @b }
        """,
        a=authority.issue("a.test"), b=authority.issue("b.test"),
    )
    for name in (None, "c.test"):
        with TlsClient(secure(g), context(), name) as client:
            assert peer_names(client.socket) == ["a.test"]
            assert client.get("/", host="a.test").body == b"a"
            assert client.get("/", host="b.test").status == 421


def test_a_client_that_sends_no_name_gets_the_site_of_the_address(gate, authority):
    g = gate(
        """
        listen 127.0.0.1:0 tls
        listen [::1]:0 tls
        site 127.0.0.1 [::1] { respond 200 "address"; tls @address }
        site a.test { respond 200 "a"; tls @a }
        """,
        address=authority.issue("127.0.0.1", "::1"), a=authority.issue("a.test"),
    )
    for address, host in zip(g.addresses()[1:], ("127.0.0.1", "[::1]")):
        with TlsClient(address, context(), None) as client:
            assert client.get("/", host=host).body == b"address"


@pytest.mark.parametrize(
    ("ciphers", "wanted"), [("ECDHE-ECDSA-AES128-GCM-SHA256", "EllipticCurvePublicKey"), ("ECDHE-RSA-AES128-GCM-SHA256", "RSAPublicKey")]
)
def test_a_client_gets_the_certificate_it_can_verify(gate, authority, ciphers, wanted):
    g = gate(
        "listen 127.0.0.1:0 tls\nsite a.test { respond 200; tls @ec; tls @rsa }",
        ec=authority.issue("a.test", kind="ec"), rsa=authority.issue("a.test", kind="rsa"),
    )
    with connect(secure(g), context(authority, versions=V12, ciphers=ciphers), "a.test") as sock:
        key = x509.load_der_x509_certificate(sock.getpeercert(True)).public_key()
        assert wanted in type(key).__name__ or wanted in str(type(key).__mro__)


def test_requests_for_another_site_belong_on_another_connection(gate, authority):
    pair = authority.issue("a.test", "b.test")
    g = gate(
        "listen 127.0.0.1:0 tls\nsite a.test { respond 200 a; tls @pair }\nsite b.test { respond 200 b; tls @pair }",
        pair=pair,
    )
    with TlsClient(secure(g), context(authority)) as client:
        assert client.get("/", host="a.test").status == 200
        assert client.get("/", host="b.test").status == 421
    with Http2TlsClient(secure(g), context(authority, alpn=["h2"])) as client:
        assert client.get("/", authority="b.test").status == 421
        assert client.get("/", authority="a.test").status == 200
    records = g.security_log.wait(2)
    assert {r["reason"] for r in records} == {"tls.other-site"}
    assert all("a.test" in r["text"] for r in records), records


def test_no_browser_is_kept_from_a_site_without_tls(gate, authority):
    """A wildcard covers its name: browsers may ask for it on a connection of another site."""
    g = gate(
        "listen 127.0.0.1:0 tls\nsite a.test { respond 200; tls @pair }\nsite b.test { respond 200; tls off }",
        pair=authority.issue("a.test", "b.test"),
    )
    with TlsClient(secure(g), context(authority)) as client:
        answer = client.get("/", host="b.test")
    assert answer.status == 421 and not answer.all("strict-transport-security"), answer


def test_plain_requests_to_a_site_with_a_certificate_are_sent_to_https(gate, authority):
    g = gate(
        """
        listen 127.0.0.1:0 plain
        listen 127.0.0.1:0 tls
        site a.test { respond 200 "a"; tls @pair }
        site plain.test { respond 200 "plain"; tls off }
        """,
        pair=authority.issue("a.test"),
    )
    open_to_all, really_plain, tls = g.addresses()
    port = tls.rpartition(":")[2]
    with Client(open_to_all) as client:
        for path, wanted in [("/x%20y?q=1&r=%0d%0aSet-Cookie:x", None), ("//evil.test/", "/evil.test/"), ("/", None)]:
            answer = client.get(path, host="a.test")
            assert answer.status == 308
            assert answer.get("location") == f"https://a.test:{port}{wanted or path}"
            assert not answer.all("strict-transport-security")
        assert client.get("/", host="plain.test").body == b"plain"
    with Client(really_plain) as client:
        assert client.get("/", host="a.test").body == b"a"


def test_browsers_are_told_how_long_unless_the_origin_says_it(gate, origin, authority):
    origin.serve(lambda r, _: response(fields=["Strict-Transport-Security: max-age=1"]))
    g = gate(
        """
        listen 127.0.0.1:0 tls
        site a.test { to @origin; tls @pair { hsts 365d }; route /off { respond 200 } }
        site b.test { respond 200; tls @pair { hsts 0s } }
        site c.test { respond 200; tls @pair; route /hard { headers hardened; respond 200 } }
        site d.test { respond 200; tls @pair { hsts 2d }; headers hardened }
        """,
        origin=origin, pair=authority.issue("a.test", "b.test", "c.test", "d.test"),
    )

    def told(name, path="/"):
        with TlsClient(secure(g), context(authority), name) as client:
            return client.get(path, host=name).get("strict-transport-security")

    assert told("c.test") == "max-age=86400"
    assert told("c.test", "/hard") == "max-age=31536000"
    assert told("d.test") == "max-age=172800"
    with TlsClient(secure(g), context(authority)) as client:
        assert client.get("/", host="a.test").get("strict-transport-security") == "max-age=1"
        assert client.get("/off", host="a.test").get("strict-transport-security") == "max-age=31536000"
    with TlsClient(secure(g), context(authority), "b.test") as client:
        assert not client.get("/", host="b.test").all("strict-transport-security")


def test_http2_can_be_switched_off_for_a_site(gate, authority):
    g = gate(
        """
        listen 127.0.0.1:0 tls
        site a.test { respond 200; tls @pair { http2 off } }
        site b.test { respond 200; tls @pair }
        """,
        pair=authority.issue("a.test", "b.test"),
    )
    offers = context(authority, alpn=["h2", "http/1.1"])
    for name, chosen in (("a.test", "http/1.1"), ("b.test", "h2")):
        with connect(secure(g), offers, name) as sock:
            assert sock.selected_alpn_protocol() == chosen
    alert_of(secure(g), context(authority, alpn=["h2"]), "a.test")
    record = g.security_log.wait_for(lambda r: r["reason"] == "tls.handshake")
    assert record["text"] == "the handshake for 'a.test' failed: no application protocol"
    assert record["ja4"].startswith("t13d")
    with pytest.raises(ssl.SSLError):
        connect(secure(g), ssl.create_default_context(), "a.test").close()
    g.security_log.wait_for(lambda r: r.get("text", "").startswith("the client ended the handshake for 'a.test': "))


def test_a_client_may_offer_http_1_0_alone(gate, authority):
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { respond 200; tls @pair }", pair=authority.issue("a.test"))
    with connect(secure(g), context(authority, alpn=["http/1.0"]), "a.test") as sock:
        assert sock.selected_alpn_protocol() == "http/1.0"
        sock.sendall(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    alert_of(secure(g), context(authority, alpn=["http/0.9"]), "a.test")


def test_min_ciphers_and_groups_are_what_is_spoken(gate, authority):
    g = gate(
        """
        listen 127.0.0.1:0 tls
        site new.test { respond 200; tls @new { min 1.3; ciphers TLS_CHACHA20_POLY1305_SHA256 } }
        site old.test { respond 200; tls @old { ciphers ECDHE-ECDSA-AES256-GCM-SHA384 } }
        """,
        new=authority.issue("new.test"), old=authority.issue("old.test"),
    )
    assert "PROTOCOL_VERSION" in alert_of(secure(g), context(authority, versions=V12), "new.test")
    with connect(secure(g), context(authority), "new.test") as sock:
        assert sock.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
    with connect(secure(g), context(authority, versions=V12), "old.test") as sock:
        assert sock.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_large_bodies_are_the_same_bytes(gate, origin, authority, alpn):
    body = bytes(range(256)) * 8192
    origin.serve(lambda r, _: response(body=r.body or body))
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { to @origin; tls @pair }", origin=origin, pair=authority.issue("a.test"))
    how = context(authority, alpn=[alpn])
    if alpn == "h2":
        with Http2TlsClient(secure(g), how) as client:
            assert hashlib.sha256(client.get("/").body).digest() == hashlib.sha256(body).digest()
        return
    with TlsClient(secure(g), how) as client:
        assert client.get("/", host="a.test").body == body
        assert client.get("/", host="a.test", method="POST", body=body).body == body


def test_requests_behind_each_other_in_one_record_are_all_answered(gate, authority):
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { respond 200 x; tls @pair }", pair=authority.issue("a.test"))
    with TlsClient(secure(g), context(authority)) as client:
        client.send(request("/", "a.test") * 20)
        assert [client.response().status for _ in range(20)] == [200] * 20


def test_the_end_goes_with_the_last_response(gate, authority):
    """close_notify in the same segment: after that of the handshake there is one with everything."""
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { respond 200 x; tls @pair }", pair=authority.issue("a.test"))
    with TlsClient(secure(g), context(authority, versions=V13)) as client:
        client.send(request("/", "a.test", fields=["Connection: close"]))
        assert client.response().body == b"x"
        client.assert_ended()
        assert data_segments(client.socket) == 2


def data_segments(sock):
    """Those with data that have come in: tcpi_data_segs_in of tcp(7)'s struct tcp_info."""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 152)[0]


def test_a_record_that_comes_in_pieces_is_waited_for(gate, authority):
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { respond 200 x; tls @pair }", pair=authority.issue("a.test"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(authority).wrap_bio(incoming, outgoing, server_hostname="a.test")
    with Client(secure(g)) as raw:
        def pump(call, *arguments):
            while True:
                try:
                    result = call(*arguments)
                except ssl.SSLWantReadError:
                    result = None
                for byte in outgoing.read():
                    raw.send(bytes([byte]))
                if result is not None:
                    return result
                incoming.write(raw.socket.recv(65536))
        pump(lambda: tls.do_handshake() or True)
        pump(tls.write, request("/", "a.test"))
        answer = b""
        while b"\r\n\r\nx" not in answer:
            answer += pump(tls.read, 65536)
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_plain_http_on_a_port_of_https_is_told_so(gate, authority):
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { respond 200 x; tls @pair }", pair=authority.issue("a.test"))
    with Client(secure(g)) as client:
        assert client.get("/", host="a.test").status == 400
    assert g.security_log.wait(1)[0]["reason"] == "tls.malformed"


def test_a_proxy_header_stands_before_tls(gate, origin, authority):
    origin.serve()
    g = gate(
        "trust proxies 127.0.0.0/8\nlisten 127.0.0.1:0 tls proxy-protocol\nsite a.test { to @origin; tls @pair }",
        origin=origin, pair=authority.issue("a.test"),
    )
    host, _, port = secure(g).rpartition(":")
    raw = socket.create_connection((host, int(port)), timeout=20)
    raw.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n")
    with context(authority).wrap_socket(raw, server_hostname="a.test") as sock:
        sock.sendall(request("/", "a.test"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert origin.requests[0].get("x-forwarded-for").startswith("192.0.2.7")


@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_sessions_are_resumed_in_every_worker_and_generation_but_in_no_other_site(gate, authority, versions):
    config = """
workers 2
listen 127.0.0.1:0 tls
site a.test { respond 200 a; tls @pair }
site b.test { respond 200 b; tls @pair }
"""
    g = gate(config, pair=authority.issue("a.test", "b.test"))
    how = context(authority, versions=versions)

    def exchange(name, session=None):
        with TlsClient(secure(g), how, name, session=session) as client:
            assert client.get("/", host=name).status == 200
            return client.socket.session, client.socket.session_reused

    session, reused = exchange("a.test")
    assert not reused and session.has_ticket
    for _ in range(6):
        ticket = session.id
        session, reused = exchange("a.test", session)
        # A client uses a ticket once (RFC 8446 C.4): with TLS 1.3 there is a new one each time.
        assert reused and (session.id != ticket or versions == V12)
    g.reload()
    session, reused = exchange("a.test", session)
    assert reused
    assert not exchange("b.test", session)[1]


def records_of(address, how, name, message, bytes_wanted):
    """What is sent in answer to a message: the lengths of its records. The plain bytes are read as well."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls, lengths, plain, raw = how.wrap_bio(received, sent, server_hostname=name), [], b"", b""
    family, to = parse_address(address)
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(20)
        sock.connect(to)
        def more():
            sock.sendall(sent.read())
            got = sock.recv(65536)
            assert got, "it has ended"
            received.write(got)
            return got
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                more()
        tls.write(message)
        while len(plain) < bytes_wanted:
            try:
                plain += tls.read(65536)
            except ssl.SSLWantReadError:
                raw += more()
    while len(raw) >= 5:
        kind, _, length = struct.unpack(">BHH", raw[:5])
        if len(raw) < 5 + length:
            break
        lengths += [length] if kind == 23 else []
        raw = raw[5 + length:]
    return lengths


def test_records_are_small_first_and_large_later(gate, origin, authority):
    origin.serve(lambda got, connection: response(b"x" * 200_000))
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { to @origin; tls @pair }", origin=origin, pair=authority.issue("a.test"))
    lengths = records_of(secure(g), context(authority, versions=V12), "a.test", request("/", host="a.test"), 200_000)
    assert max(lengths[:4]) <= 4096 + 64, lengths
    assert max(lengths[5:]) >= 16384, lengths


def test_a_client_that_sends_nothing_is_let_go(gate, authority):
    g = gate(
        "defaults { timeout header 300ms }\nlisten 127.0.0.1:0 tls\nsite a.test { respond 200; tls @pair }",
        pair=authority.issue("a.test"),
    )
    with Client(secure(g)) as client:
        client.send(b"\x16\x03\x01")
        client.assert_ended()
    assert g.security_log.wait(1)[0]["reason"] == "tls.timeout"


BAD = [
    ("site * { respond 200 }", "E0416", "has no certificate"),
    ("site *.example.com { respond 200 }\nacme { contact @mail }", "E0416", "by DNS only"),
    ("site *.example.com { respond 200; tls auto }\nacme { contact @mail }", "E0416", "proves '*.example.com' by DNS only"),
    ("site a.test { respond 200; tls /nowhere.pem /nowhere.key }", "E0501", "cannot read '/nowhere.pem'"),
    ("site a.test { respond 200; tls @key @pem }", "E0504", "there is no certificate in it"),
    ("site a.test { respond 200; tls @p12 @key }", "E0504", "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nokeys"),
    ("site a.test { respond 200; tls @pem @p12 }", "E0504", "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nocerts"),
    ("site a.test { respond 200; tls @pem /nowhere.key }", "E0504", "/nowhere.key"),
    ("site a.test { respond 200; tls @pem @other }", "E0504", "does not belong"),
    ("site a.test { respond 200; tls @pem }", "E0304", "a certificate and its key"),
    ("site a.test { respond 200; tls @pem @key; tls @pem @key }", "E0406", "a key of this kind"),
    ("site a.test { respond 200; tls @pem @key { ciphers AES128-SHA } }", "E0304", "forward secrecy"),
    ("site a.test { respond 200; tls @pem @key { groups X25519 P-9 } }", "E0304", "groups that this OpenSSL knows"),
    ("site a.test { respond 200; tls @pem @key { min 1.1 } }", "E0306", "1.2"),
]


@pytest.mark.parametrize(("site", "code", "text"), BAD)
def test_what_is_wrong_with_certificates_is_said(gate, authority, site, code, text):
    pair, other = authority.issue("a.test"), authority.issue("a.test")
    p12 = pair.certificate_path + ".p12"
    subprocess.run(["openssl", "pkcs12", "-export", "-passout", "pass:word", "-in", pair.certificate_path, "-inkey", pair.key_path, "-out", p12],
                   check=True)
    g = gate(
        f"listen 127.0.0.1:0 tls\n{site}", start=False,
        pem=pair.certificate_path, key=pair.key_path, other=other.key_path, p12=p12, mail="me@example.com",
    )
    done = subprocess.run([binary_path(), "check", g.config_path], capture_output=True, text=True, env=g.command_environment())
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert code in said and text in said, said


def test_a_client_that_asks_for_nothing_gets_its_ticket_all_the_same(gate, authority):
    g = gate("listen 127.0.0.1:0 tls\nsite a.test { respond 200 x; tls @pair }", pair=authority.issue("a.test"))
    how = context(authority, versions=V13)
    with connect(secure(g), how, "a.test") as sock:
        sock.settimeout(0.05)  # the ticket is taken in by reading, of which there is nothing else

        def has_ticket():
            try:
                sock.recv(1)
            except TimeoutError:
                pass
            return sock.session and sock.session.has_ticket

        eventually(has_ticket, "a ticket")
        session = sock.session
    with TlsClient(secure(g), how, session=session) as client:
        assert client.socket.session_reused
        assert client.get("/", host="a.test").status == 200
