"""TLS to origins: who they are is proven, what is wrong is named exactly, and everything that goes
over plain connections goes over these."""

import os
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

from harness.identities import Authority, self_signed, server_context
from harness.client import request
from harness.deadline import SECONDS, eventually
from harness.gate import binary_path
from harness.message import read_request
from harness.origin import OriginConnection, response
from harness.ports import reserve_port
from harness.program import Program
from harness.stream import FIN, RESET, Ended
from harness.websocket import TEXT, agreement, frame, handshake, read_frame

APP = "site * { to app }\n"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def folder(tmp_path, authority):
    """Where the files of a test are: the authority's certificate is ca.pem."""
    tmp_path.chmod(0o755)
    authority.write(tmp_path, "ca")
    return tmp_path


def app(settings="", servers="https://@origin"):
    return APP + f"origin app {{ server {servers}; tls {{ ca @folder/ca.pem; {settings} }} }}"


@pytest.fixture
def tls_origin(origins, folder, authority):
    """Makes an origin that speaks TLS, with a certificate of the authority for its address unless
    another identity is given."""

    def make(identity=None, path=None, **options):
        identity = identity or authority.issue("127.0.0.1")
        return origins(path=path, tls=server_context(folder, identity, **options))

    return make


def record_of(gate, path):
    return gate.requests_log.wait_for(lambda r: r["uri"] == path)


# --- What goes through ----------------------------------------------------------------------------


def test_requests_go_over_verified_tls_and_connections_are_kept(gate, tls_origin, folder):
    origin = tls_origin(alpn=["http/1.1"]).serve(lambda got, c: response(got.body or b"none"))
    g = gate(app(), origin=origin, folder=folder)
    big = os.urandom(1 << 20)
    with g.client() as client:
        assert client.get("/").body == b"none"
        assert client.get("/big", method="POST", body=big).body == big
        chunk = b"10000\r\n" + big[:65536] + b"\r\n"
        client.send(
            b"POST /chunks HTTP/1.1\r\nHost: x.test\r\nTransfer-Encoding: chunked\r\n\r\n",
            *[chunk] * 16,
            b"0\r\n\r\n",
        )
        assert client.response().body == big[:65536] * 16
        for i in range(10):
            assert client.get(f"/{i}").status == 200
    (connection,) = origin.connections
    assert connection.socket.selected_alpn_protocol() == "http/1.1"
    first = origin.requests[0]
    assert first.get("host") == "example.test"
    assert first.get("x-forwarded-proto") == "http"  # the client's, not ours to the origin
    metrics = g.metrics()
    assert metrics.sum("portcullis_origin_tls_handshakes_total") == 1
    assert metrics.sum("portcullis_origin_reused_total") == 12


def test_an_address_alone_needs_no_origin(gate, tls_origin, folder, authority):
    """`to https://…` believes the authorities of the system."""
    origin = tls_origin().serve()
    g = gate(
        "site * { to https://@origin }",
        origin=origin,
        options={"environment": {"SSL_CERT_FILE": str(folder / "ca.pem")}},
    )
    with g.client() as client:
        assert client.get().status == 200


def names_asked(context):
    """What clients say in SNI, as it comes."""
    names = []
    context.sni_callback = lambda sock, name, _: names.append(name)
    return names


@pytest.mark.parametrize(
    "names, server, settings, asked",
    [
        (["127.0.0.1"], "https://127.0.0.1:@port", "", None),
        (["localhost"], "https://localhost:@port", "", "localhost"),
        (["o.test"], "https://127.0.0.1:@port", "name o.test;", "o.test"),
        (["o.test"], "https://localhost:@port", "name o.test;", "o.test"),
        (["192.0.2.7"], "https://localhost:@port", "name 192.0.2.7;", None),
        (["*.o.test"], "https://localhost:@port", "name a.o.test;", "a.o.test"),
    ],
)
def test_the_name_is_asked_for_and_proven(
    gate, tls_origin, folder, authority, names, server, settings, asked
):
    origin = tls_origin(authority.issue(*names))
    told = names_asked(origin.tls)
    origin.serve()
    g = gate(app(settings, server), port=origin.port, folder=folder)
    with g.client() as client:
        assert client.get().status == 200
    assert told == [asked]


def test_a_socket_of_the_file_system_proves_a_name_too(gate, tls_origin, folder, authority):
    with tempfile.TemporaryDirectory(prefix="origin-") as place:  # that the workers' user can reach
        os.chmod(place, 0o755)
        origin = tls_origin(authority.issue("o.test"), path=f"{place}/sock").serve()
        os.chmod(f"{place}/sock", 0o777)
        g = gate(app("name o.test"), origin=origin, folder=folder)
        with g.client() as client:
            assert client.get().status == 200


def test_authorities_in_between_are_found_or_believed(gate, origins, folder, authority):
    middle = Authority("Middle", above=authority)
    leaf = middle.issue("127.0.0.1")
    whole = origins(tls=server_context(folder, leaf, "whole")).serve()
    leaf.chain = []
    short = origins(tls=server_context(folder, leaf, "short")).serve()
    middle.write(folder, "middle")
    g = gate(
        """
        site * { to whole; route /short { to short }; route /middle { to middle } }
        origin whole { server https://@whole; tls ca @folder/ca.pem }
        origin short { server https://@short; tls ca @folder/ca.pem }
        origin middle { server https://@short; tls ca @folder/middle.pem }
        """,
        folder=folder,
        whole=whole,
        short=short,
    )
    with g.client() as client:
        assert client.get("/whole").status == 200
        assert client.get("/short").status == 502
        assert client.get("/middle").status == 200
    assert record_of(g, "/short")["reason"] == "upstream.tls.untrusted"


def test_websocket_goes_through(gate, tls_origin, folder):
    origin = tls_origin()
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        client.send(handshake())
        upstream = origin.accept()
        upstream.request()
        upstream.send(agreement() + frame(b"hello", TEXT))
        assert client.response_head().status == 101
        assert read_frame(client) == (TEXT, b"hello", True)
        for size in (1, 20000, 300000):
            data = os.urandom(size)
            client.send(frame(data, masked=True))
            assert read_frame(upstream)[1] == data
            upstream.send(frame(data))
            assert read_frame(client)[1] == data


# --- How bodies end --------------------------------------------------------------------------------


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_body_that_ends_with_the_connection_ends_with_close_notify(
    gate, tls_origin, folder, says_goodbye
):
    origin = tls_origin()
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        client.send(request("/end"))
        upstream = origin.accept()
        upstream.request()
        upstream.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        client.response_head()
        assert b"half of it" in client.recv_until(b"half of it")
        if says_goodbye:
            upstream.socket.unwrap()
            upstream.close()
            assert client.recv_until(b"0\r\n\r\n") == b"\r\n0\r\n\r\n"
        else:
            upstream.socket._sslobj = None  # closes without a word
            upstream.socket.close()
            client.recv_all()
            assert client.ended == RESET
    record = record_of(g, "/end")
    assert record.get("reason") == (None if says_goodbye else "upstream.truncated")


def test_close_notify_ends_a_body_without_a_fin(gate, tls_origin, folder):
    origin = tls_origin()
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        client.send(request("/end"))
        upstream = origin.accept()
        upstream.request()
        upstream.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        upstream.socket.setblocking(False)
        try:
            upstream.socket.unwrap()  # sends close_notify, and would wait for ours
        except OSError:
            pass
        assert client.response().body == b"all of it"


@pytest.mark.parametrize("cut", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"])
def test_what_is_cut_is_not_completed(gate, tls_origin, folder, cut):
    origin = tls_origin()
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        client.send(request("/cut"))
        upstream = origin.accept()
        upstream.request()
        upstream.send(cut)
        upstream.close()
        if len(cut) < 20:
            assert client.response().status == 502
        else:
            with pytest.raises(Ended):
                client.response()
    assert record_of(g, "/cut")["reason"] in ("upstream.closed", "upstream.truncated")


@pytest.mark.parametrize("how", ["unwrap", "close"])
def test_an_idle_connection_that_the_origin_closes_is_replaced(gate, tls_origin, folder, how):
    origin = tls_origin()
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        for turn in range(3):
            client.send(request(f"/{turn}", method="POST", body=b"once"))
            upstream, got = origin.exchange(body=b"%d" % turn)
            assert client.response().body == b"%d" % turn
            if how == "unwrap":
                with pytest.raises((OSError, ValueError)):  # our answer is the end
                    while True:
                        upstream.socket.unwrap()
            upstream.close()
            eventually(lambda: g.metrics().sum("portcullis_origin_idle") == 0, "nothing idle")
    assert g.metrics().sum("portcullis_origin_connects_total") == 3


# --- Sessions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed(gate, tls_origin, folder, version):
    origin = tls_origin(minimum=VERSIONS[version], maximum=VERSIONS[version])
    resumed = []

    def answer(got, connection):
        resumed.append(connection.socket.session_reused)
        return response(fields=["Connection: close"])

    origin.serve(answer)
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        for i in range(6):
            assert client.get(f"/{i}").status == 200
    assert resumed == [False] + [True] * 5
    metrics = g.metrics()
    assert metrics.sum("portcullis_origin_tls_handshakes_total") == 6
    assert metrics.sum("portcullis_origin_tls_resumed_total") == 5


@pytest.mark.parametrize("version", VERSIONS.values())
def test_no_session_outlives_the_certificate_it_was_made_under(gate, origins, folder, authority, version):
    """Requests that come often enough would otherwise never see that the server's certificate has ended."""
    context = server_context(folder, authority.issue("127.0.0.1"), minimum=version, maximum=version)
    origin = origins(tls=context).serve(lambda got, connection: response(fields=["Connection: close"]))
    g = gate(app(), origin=origin, folder=folder)

    def answers_before_its_end():  # which a busy machine may miss
        context.load_cert_chain(*authority.issue("127.0.0.1", days=(-1, 10 / 86400)).write(folder, "ending"))
        return [client.get("/before").status for _ in range(3)] == [200, 200, 200]

    with g.client() as client:
        eventually(answers_before_its_end, "answers under a certificate that ends soon")
        eventually(lambda: client.get("/after").status == 502, "the server to be refused", seconds=60)
    assert g.requests_log.wait_for(lambda r: r["status"] == 502)["reason"] == "upstream.tls.expired"


def test_a_session_of_one_server_is_not_offered_to_another(gate, tls_origin, folder):
    """Both have the same settings, and so the same context here."""
    resumed = []

    def answer(got, connection):
        resumed.append(connection.socket.session_reused)
        return response(fields=["Connection: close"])

    a, b = (tls_origin().serve(answer) for _ in range(2))
    g = gate(app(servers="https://@a https://@b"), a=a, b=b, folder=folder)
    with g.client() as client:
        for _ in range(4):
            assert client.get().status == 200
    assert resumed == [False, False, True, True]


def test_a_ticket_on_an_idle_connection_does_not_end_it(gate, tls_origin, folder):
    origin = tls_origin(minimum=VERSIONS["1.3"], tickets=2)
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        client.send(request("/a"))
        upstream, _ = origin.exchange()
        assert client.response().status == 200
        client.send(request("/b"))
        upstream.request()
        upstream.respond()
        assert client.response().status == 200
    assert g.metrics().sum("portcullis_origin_connects_total") == 1


# --- What is wrong ---------------------------------------------------------------------------------

OLD = {"minimum": ssl.TLSVersion.TLSv1, "maximum": ssl.TLSVersion.TLSv1_1, "ciphers": "ALL:@SECLEVEL=0"}
WEAK = {"ciphers": "ALL:@SECLEVEL=0"}
NO_SHARED = {"maximum": VERSIONS["1.2"], "ciphers": "AES128-SHA256"}


def wrong_servers(authority):
    """name: (identity, options of the server, settings of the origin, reason, words of the text)"""
    other = Authority("Other Root")
    leaf_that_signs = authority.issue("middle.test")
    leaf_that_signs.below = [leaf_that_signs.certificate]
    issue = authority.issue
    return {
        "expired": (issue("127.0.0.1", days=(-9, -2)), {}, "", "expired",
                    ["has expired", "CN=127.0.0.1, from ", "issued by CN=Test Root"]),
        "early": (issue("127.0.0.1", days=(2, 9)), {}, "", "not-yet-valid", ["is not valid yet"]),
        "name": (issue("a.test", "b.test", subject="x"), {}, "", "name",
                 ["is not for 127.0.0.1; it is for DNS:a.test, DNS:b.test: CN=x"]),
        "wanted": (issue("127.0.0.1"), {}, "name o.test;", "name", ["is not for o.test"]),
        "subject": (issue(subject="127.0.0.1"), {}, "", "name", ["names none (no subjectAltName)"]),
        "authority": (other.issue("127.0.0.1"), {}, "", "untrusted", ["issued by CN=Other Root"]),
        "self": (self_signed("127.0.0.1"), {}, "", "untrusted", ["self-signed"]),
        "usage": (issue("127.0.0.1", usage="client"), {}, "", "untrusted", ["purpose"]),
        "leaf": (Authority.issue(leaf_that_signs, "127.0.0.1"), {}, "", "untrusted", ["CN=middle.test"]),
        "small": (issue("127.0.0.1", key_kind="rsa1024"), WEAK, "", "untrusted", ["too weak"]),
        "sha1": (issue("127.0.0.1", key_kind="rsa2048", hash="SHA1"), WEAK, "", "untrusted",
                 ["too weak"]),
        "pin": (issue("127.0.0.1"), {}, f"pin {self_signed('x').pin()};", "pin", ["it is sha256/"]),
        "old": (issue("127.0.0.1"), OLD, "", "protocol", ["protocol version"]),
        "least": (issue("127.0.0.1"), {"maximum": VERSIONS["1.2"]}, "min 1.3;", "protocol",
                  ["protocol version"]),
        "cipher": (issue("127.0.0.1", key_kind="rsa2048"), NO_SHARED, "", "handshake",
                   ["no cipher suite"]),
        "asks2": (issue("127.0.0.1"), {"ask": authority, "maximum": VERSIONS["1.2"]}, "",
                  "handshake", ["wants a certificate of ours"]),
        "asks3": (issue("127.0.0.1"), {"ask": authority, "minimum": VERSIONS["1.3"]}, "",
                  "client-certificate", ["certificate"]),
    }  # fmt: skip


def test_every_fault_of_a_server_has_its_reason(gate, origins, folder, authority):
    cases = wrong_servers(authority)
    config, values = ["site * { respond 404"], {"folder": folder}
    for name, (identity, options, settings, _, _) in cases.items():
        context = server_context(folder, identity, name, **options)
        values[f"o_{name}"] = origins(tls=context).serve()
        config.append(f"route /{name} {{ to {name} }}")
    config.append("}")
    for name, case in cases.items():
        config.append(
            f"origin {name} {{ server https://@o_{name}; tls {{ ca @folder/ca.pem; {case[2]} }} }}"
        )
    g = gate("\n".join(config), **values)
    with g.client() as client:
        for name, (_, _, _, reason, words) in cases.items():
            answer = client.get(f"/{name}")
            record = record_of(g, f"/{name}")
            assert (name, record["reason"]) == (name, f"upstream.tls.{reason}"), record
            assert (answer.status, record["fault"]) == (502, "upstream")
            for word in words:
                assert word in record["text"], (name, record["text"])
            told = answer.raw.lower()
            for inside in (b"certificate", b"tls", b"test root", b"127.0.0.1", b"cn="):
                assert inside not in told, (name, answer.raw)
            assert values[f"o_{name}"].requests == []
    metrics = g.metrics()
    assert metrics.sum("portcullis_origin_tls_handshakes_total") == 1  # asks3 fails behind it
    assert metrics.get("portcullis_failures_total", reason="upstream.tls.untrusted") == 6


class Breaker:
    """A server that does not speak TLS to the end."""

    def __init__(self, break_it):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.break_it = break_it
        self.kept = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            peer.settimeout(SECONDS)
            try:
                self.break_it(OriginConnection(peer))
            except (OSError, Ended):
                pass
            self.kept.append(peer)

    def __str__(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.kept:
            peer.close()


def read_hello(c):
    head = c.recv_exactly(5)
    return c.recv_exactly(int.from_bytes(head[3:], "big"))


def speaks_http(c):
    c.recv_some()
    c.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def sends_noise(c):
    read_hello(c)
    c.send(bytes(range(200, 256)) * 20)


def closes_at_once(c):
    c.close()


def closes_after_hello(c):
    read_hello(c)
    c.close()


def resets_after_hello(c):
    read_hello(c)
    c.reset()


def stops_in_its_hello(c):
    read_hello(c)
    c.send(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
    c.close()


def sends_an_alert(c):
    read_hello(c)
    c.send(b"\x15\x03\x03\x00\x02\x02\x50")  # fatal: internal_error


def does_not_know_the_name(c):
    read_hello(c)
    c.send(b"\x15\x03\x03\x00\x02\x02\x70")


def says_nothing(c):
    read_hello(c)


def drips(c):
    read_hello(c)
    c.send(b"\x16\x03\x03\x00\x7a")


@pytest.mark.parametrize(
    "break_it, status, reason, words",
    [
        (speaks_http, 502, "protocol", "does it speak TLS on this port?"),
        (sends_noise, 502, "protocol", "does it speak TLS on this port?"),
        (closes_at_once, 502, "closed", "in the middle of the TLS handshake"),
        (closes_after_hello, 502, "closed", "in the middle of the TLS handshake"),
        (resets_after_hello, 502, "closed", "in the middle of the TLS handshake"),
        (stops_in_its_hello, 502, "closed", "in the middle of the TLS handshake"),
        (sends_an_alert, 502, "handshake", 'the alert "internal error"'),
        (does_not_know_the_name, 502, "handshake", "does not know the name"),
        (says_nothing, 504, "timeout", "`timeout connect`"),
        (drips, 504, "timeout", "`timeout connect`"),
    ],
)
def test_a_handshake_that_breaks_is_named(gate, folder, break_it, status, reason, words):
    server = Breaker(break_it)
    try:
        g = gate(app() + "\ndefaults { timeout connect 300ms }", origin=server, folder=folder)
        with g.client() as client:
            assert client.get("/x").status == status
            assert client.get("/y", method="POST", body=b"x").status == status
    finally:
        server.close()
    record = record_of(g, "/y")
    assert (record["reason"], words in record["text"]) == (f"upstream.tls.{reason}", True), record
    assert g.metrics().sum("portcullis_origin_connections_open") == 0


def test_a_server_whose_tls_fails_is_passed_over(gate, tls_origin, folder, authority):
    bad = tls_origin(authority.issue("other.test"), name="bad").serve()
    good = tls_origin().serve()
    g = gate(app(servers="https://@bad https://@good"), bad=bad, good=good, folder=folder)
    with g.client() as client:
        for i in range(4):
            assert client.get(f"/{i}", method="POST", body=b"once").status == 200
    assert len(good.requests) == 4
    assert g.metrics().sum("portcullis_origin_connect_failures_total") == 2


def test_a_client_that_hangs_up_ends_the_handshake(gate, folder):
    server = Breaker(says_nothing)
    try:
        g = gate(app() + "\ndefaults { timeout connect 60s }", origin=server, folder=folder)
        with g.client() as client:
            client.send(request("/gone"))
            eventually(lambda: server.kept, "the handshake begun")
        assert record_of(g, "/gone")["reason"] == "client.gone"
    finally:
        server.close()


# --- Other proofs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    ["pin @pin", "pin @other @pin", "pin @pin; ca @folder/self.pem; name o.test", "verify off",
     "ca @folder/self.pem; name o.test"],
)  # fmt: skip
def test_a_server_that_signed_itself_is_believed_by_key_or_by_name(
    gate, origins, folder, settings
):
    identity = self_signed("o.test", days=(-9, 9))
    identity.write(folder, "self")
    origin = origins(tls=server_context(folder, identity)).serve()
    g = gate(
        APP + f"origin app {{ server https://@origin; tls {{ {settings} }} }}",
        origin=origin,
        folder=folder,
        pin=identity.pin(),
        other=self_signed("x").pin(),
    )
    with g.client() as client:
        assert client.get().status == 200
    checked = subprocess.run(
        [binary_path(), "check", g.config_path], capture_output=True, text=True, timeout=SECONDS
    )
    assert checked.returncode == 0, checked.stderr
    warns = "do not have to prove who they are" in checked.stdout + checked.stderr
    assert warns == (settings == "verify off")


def test_the_proxy_protocol_goes_before_tls(gate, origins, folder, authority):
    origin = origins()
    g = gate(
        APP + "origin app { server https://@origin; proxy-protocol v1; tls ca @folder/ca.pem }",
        origin=origin,
        folder=folder,
    )
    context = server_context(folder, authority.issue("127.0.0.1"))
    with g.client() as client:
        client.send(request())
        raw = origin.accept()
        line = b""
        while not line.endswith(b"\r\n"):  # no byte of TLS is taken with it
            line += raw.socket.recv(1)
        assert line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
        upstream = OriginConnection(context.wrap_socket(raw.socket, server_side=True))
        assert read_request(upstream).get("host") == "example.test"
        upstream.respond(b"over tls")
        assert client.response().body == b"over tls"
        upstream.close()


def test_a_changed_file_counts_after_a_reload(gate, tls_origin, folder):
    new = Authority("New Root")
    origin = tls_origin(new.issue("127.0.0.1")).serve()
    g = gate(app(), origin=origin, folder=folder)
    with g.client() as client:
        assert client.get("/a").status == 502
    new.write(folder, "ca")
    g.reload()
    with g.client() as client:
        assert client.get("/b").status == 200
    (folder / "ca.pem").write_text("nonsense")
    told = g.reload(check=1)
    assert "there is no certificate in it" in told.stdout + told.stderr
    with g.client() as client:
        assert client.get("/c").status == 200


# --- Servers that others have written --------------------------------------------------------------


def test_openssl_as_a_server(gate, folder, authority):
    certificate, key = authority.issue("127.0.0.1").write(folder, "server")
    port = reserve_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate]
    with Program([*command, "-key", key, "-www", "-quiet"]) as server:
        server.wait_listening(port)
        g = gate(app(servers="https://127.0.0.1:@port"), port=port, folder=folder)
        with g.client() as client:
            answer = client.get()
        assert answer.status == 200 and b"TLSv1.3" in answer.body


@pytest.mark.parametrize("kind", ["ec", "rsa2048"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_server_that_asks_is_shown_our_certificate(gate, origins, folder, authority, kind, version):
    """The key of it is the keyholder's alone; a server that does not ask sees nothing."""
    ours = authority.issue("gate.test", key_kind=kind, usage="client")
    cert, key = ours.write(folder, "ours")
    server = authority.issue("127.0.0.1")
    limits = {"minimum": VERSIONS[version], "maximum": VERSIONS[version]}
    asks = origins(tls=server_context(folder, server, "asks", ask=authority, **limits)).serve()
    plain = origins(tls=server_context(folder, server, "plain", **limits)).serve()
    g = gate(
        "origin asks { server https://@asks; tls { ca @folder/ca.pem; cert @cert; key @key } }\n"
        "origin plain { server https://@plain; tls { ca @folder/ca.pem; cert @cert; key @key } }\n"
        "site * { to asks; route /plain { to plain } }",
        asks=asks, plain=plain, folder=folder, cert=cert, key=key,
    )
    with g.client() as client:
        assert client.get("/").status == 200
        assert client.get("/plain").status == 200
    shown = [server.connections[0].socket.getpeercert(True) for server in (asks, plain)]
    assert shown == [ours.der(), None]


def test_one_of_certificate_and_key_says_nothing_without_the_other(gate, folder, authority):
    cert, key = authority.issue("gate.test", usage="client").write(folder, "half")
    other = authority.issue("gate.test", usage="client").write(folder, "other")
    for words, code, text in [
        (f"cert {cert}", "E0406", "'cert' is written without 'key'"),
        (f"key {key}", "E0406", "'key' is written without 'cert'"),
        (f"cert {cert}; key {other[1]}", "E0504", "does not belong"),
        (f"cert /nowhere.pem; key {key}", "E0501", "cannot read '/nowhere.pem'"),
    ]:
        g = gate(f"origin o {{ server https://127.0.0.1:9; tls {{ {words} }} }}\nsite * {{ to o }}", start=False)
        done = subprocess.run([binary_path(), "check", g.config_path], capture_output=True, text=True, env=g.command_environment())
        said = done.stdout + done.stderr
        assert done.returncode == 1 and code in said and text in said, said
