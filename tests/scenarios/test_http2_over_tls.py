"""Origins behind https:// and grpcs://: the protocol is chosen in the handshake."""

import shutil

import pytest
from harness import http2
from harness.client import request
from harness.http2 import Http2Client, data
from harness.http2_origin import Http2Origin
from harness.identities import Authority, server_context
from harness.ports import reserve_port
from harness.program import Program
from harness.websocket import KEY, TEXT, accept_of, agreement, frame, handshake, read_frame

NGHTTPD = shutil.which("nghttpd")
APP = "site * { to app }\norigin app { server @scheme://@origin; tls { ca @folder/ca.pem }; @more }\n"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def folder(tmp_path, authority):
    tmp_path.chmod(0o755)
    authority.write(tmp_path, "ca")
    return tmp_path


@pytest.fixture
def start(gate, folder, authority):
    """The program before an origin that would choose one of these protocols: start("h2", …)."""
    origins = []

    def make(*protocols, scheme="https", more="", before=""):
        context = server_context(folder, authority.issue("127.0.0.1"))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        origins.append(Http2Origin(tls=context))
        text = before + APP.replace("@scheme", scheme).replace("@more", more)
        return gate(text, origin=origins[-1], folder=folder), origins[-1]

    yield make
    for origin in origins:
        origin.close()


def get(client, path="/"):
    client.send(request(path))
    return client


@pytest.mark.parametrize("protocols", [("h2",), ("h2", "http/1.1")])
def test_a_server_may_choose_http2(start, protocols):
    g, origin = start(*protocols)
    with g.client() as client, g.client() as other:
        get(client, "/1")
        connection = origin.accept()
        assert connection.socket.selected_alpn_protocol() == "h2"
        number, got = connection.request()
        assert got.get(":scheme") == "https"
        get(other, "/2")
        second, _ = connection.request()  # they share it
        connection.respond(second, b"two")
        assert other.response().body == b"two"
        connection.respond(number, bytes(100_000))
        assert client.response().body == bytes(100_000)


@pytest.mark.parametrize("protocols", [("http/1.1",), ()])
def test_a_server_may_stay_with_http1(start, protocols):
    g, origin = start(*protocols)
    with g.client() as client:
        get(client)
        connection = origin.accept_plain()
        assert connection.request().method == "GET"
        connection.respond(b"one")
        assert client.response().body == b"one"
        get(client)  # on the same connection
        connection.request()
        connection.respond(b"again")
        assert client.response().body == b"again"
        assert origin.has_no_connection()


def test_http2_is_not_offered_when_it_is_off(start):
    g, origin = start("h2", "http/1.1", more="http2 off")
    with g.client() as client:
        get(client)
        connection = origin.accept_plain()
        connection.request()
        assert connection.socket.selected_alpn_protocol() == "http/1.1"
        connection.respond()
        assert client.response().status == 200


def test_a_server_of_grpcs_must_agree_to_http2(start):
    g, origin = start("http/1.1", scheme="grpcs")
    with g.client() as client:
        get(client, "/plain")
        connection = origin.accept_plain()
        connection.recv_all()
        assert client.response().status == 502
    record = g.requests_log.wait()[0]
    assert record["reason"] in ("upstream.tls.alpn", "upstream.tls.handshake", "upstream.tls.protocol"), record


def test_calls_go_over_tls(start):
    g, origin = start("h2", scheme="grpcs", before="listen 127.0.0.1:0 h2c\n")
    with Http2Client(g.addresses()[1]) as client:
        client.send(http2.request(1, ("content-type", "application/grpc"), method="POST", end=False), data(1, b"x"))
        connection = origin.accept()
        number, got = connection.request()
        assert got.get("te") == "trailers"
        connection.respond(number, b"y", fields=[("content-type", "application/grpc")], trailers=[("grpc-status", "0")])
        assert client.response(1).trailers == [("grpc-status", "0")]


def test_a_websocket_uses_the_shared_connection_where_it_may(start):
    g, origin = start("h2", "http/1.1")
    with g.client() as client, g.client() as ws:
        get(client)
        connection = origin.accept((http2.ENABLE_CONNECT_PROTOCOL, 1))
        number, _ = connection.request()
        connection.respond(number)
        assert client.response().status == 200
        ws.send(handshake())
        number = connection.request_head()
        connection.head(number)
        answer = ws.response()
        assert answer.status == 101 and answer.get("sec-websocket-accept") == accept_of(KEY)
        connection.send(data(number, frame(b"down", TEXT), end=False))
        assert read_frame(ws)[1] == b"down"


def test_a_websocket_asks_for_http1_where_there_is_no_other_way(start):
    g, origin = start("h2", "http/1.1")
    with g.client() as ws:
        ws.send(handshake())
        connection = origin.accept_plain()
        connection.request_head()
        assert connection.socket.selected_alpn_protocol() == "http/1.1"
        connection.send(agreement())
        assert ws.response().status == 101


@pytest.mark.skipif(not NGHTTPD, reason="nghttpd is not installed")
@pytest.mark.parametrize("scheme", ["h2", "https"])
def test_a_real_server_of_http2(gate, folder, authority, scheme):
    (folder / "file").write_bytes(bytes(range(256)) * 4096)
    port = reserve_port()
    command = [NGHTTPD, "--address=127.0.0.1", f"--htdocs={folder}", "--echo-upload"]
    if scheme == "h2":
        command += ["--no-tls", str(port)]
    else:
        authority.issue("127.0.0.1").write(folder, "server")
        command += [str(port), str(folder / "server.key"), str(folder / "server.pem")]
    with Program(command) as server:
        server.wait_listening(port)
        more = "" if scheme == "h2" else f"tls {{ ca {folder}/ca.pem }}"
        g = gate("site * { to app }\norigin app { server %s://127.0.0.1:%d; %s }" % (scheme, port, more))
        with g.client() as client:
            for _ in range(3):
                assert client.get("/file").body == bytes(range(256)) * 4096
            assert client.get("/none").status == 404
            body = b"echo" * 50_000
            client.send(request("/", method="POST", body=body))
            assert client.response("POST").body == body
