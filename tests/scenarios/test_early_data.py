"""Early data (0-RTT): served is what may be asked twice, nothing is served twice, and the origin is told."""

import contextlib
import socket
import subprocess
import threading

import pytest
from harness import tls
from harness.client import parse_address
from harness.deadline import SECONDS, Deadline, eventually
from harness.http2 import PREFACE, request, settings
from harness.identities import Authority
from harness.origin import response
from harness.stream import Stream

ON = "site a.test { to @origin; tls { early-data on } }"


def greet(got, connection):
    return response(b"origin says " + got.target.encode())


def config(sites, workers=1):
    return f"""
workers {workers}
listen 127.0.0.1:0 tls
defaults {{ tls @folder/site.pem @folder/site.key }}
{sites}
"""


@pytest.fixture
def serve(gate, origin, tmp_path):
    tmp_path.chmod(0o755)
    authority = Authority("Servers")
    authority.issue("a.test", "b.test").write(tmp_path, "site")
    authority.write(tmp_path, "clients")

    def start(sites=ON, workers=1, answer=greet):
        origin.serve(answer)
        g = gate(
            config(sites, workers),
            folder=tmp_path,
            origin=origin,
        )
        g.tls_address = g.addresses()[1]
        return g

    return start


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


class Client:
    """OpenSSL's own client, which can do what Python's library cannot."""

    def __init__(self, folder):
        self.session, self.early = str(folder / "session"), folder / "early"

    def run(self, address, *options, name="a.test", alpn=None, send=b"", until=b"", seconds=SECONDS):
        """What it has written when `until` stands in it, or it has ended."""
        command = ["openssl", "s_client", "-connect", address, "-servername", name, "-tls1_3", *options]
        command += ["-alpn", alpn] if alpn else []
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            told = [b""]

            def read():
                while data := process.stdout.read1(65536):
                    told[0] += data

            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            try:
                process.stdin.write(send)
                process.stdin.flush()
                eventually(lambda: (until and until in told[0]) or not reader.is_alive(), f"{until!r}", seconds)
            finally:
                process.kill()
                reader.join()
        return told[0]

    def get_ticket(self, address, **options):
        asked = b"GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n"
        if options.get("alpn") == "h2":
            asked = PREFACE + settings() + request(1, path="/first", authority="a.test", scheme="https")
        # the ticket goes with the first response
        self.run(address, "-sess_out", self.session, send=asked, until=b"origin says /first", **options)

    def ask_early(self, address, early, *more, until, **options):
        self.early.write_bytes(early)
        return self.run(
            address, "-sess_in", self.session, "-early_data", str(self.early), *more, until=until, **options
        )

    def record(self, early):
        """The bytes that it sends before it has heard anything: its first message, and the early data."""
        self.early.write_bytes(early)
        with socket.create_server(("127.0.0.1", 0)) as hole:
            hole.settimeout(SECONDS)
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{hole.getsockname()[1]}", "-tls1_3",
                       "-servername", "a.test", "-sess_in", self.session, "-early_data", str(self.early)]  # fmt: skip
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
                try:
                    with hole.accept()[0] as sock:
                        stream = Stream(sock)
                        while not has_application_data(stream.buffer):
                            assert stream.fill(Deadline(), "early data"), stream.ended
                finally:
                    process.kill()
        return stream.buffer


def has_application_data(records):
    """Whether a whole record of that kind stands in them."""
    while len(records) >= 5:
        length = 5 + int.from_bytes(records[3:5], "big")
        if records[0] == tls.APPLICATION_DATA and len(records) >= length:
            return True
        records = records[length:]
    return False


def get(path, *fields, method="GET", body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: a.test", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def paths(origin):
    return [got.target for got in origin.requests]


@contextlib.contextmanager
def played(address, recorded):
    """A connection on which the recorded bytes have been sent."""
    family, to = parse_address(address)
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect(to)
        sock.sendall(recorded)
        yield Stream(sock)


def test_a_get_is_served_and_the_origin_is_told(serve, origin, client):
    g = serve()
    client.get_ticket(g.tls_address)
    told = client.ask_early(g.tls_address, get("/early"), until=b"origin says /early")
    assert b"Early data was accepted" in told
    first, early = origin.requests
    assert (first.get("early-data"), early.get("early-data")) == (None, "1")
    assert g.requests_log.wait_for(lambda r: r["uri"] == "/early")["resumed"] is True


def test_later_requests_of_the_connection_are_like_all_others(serve, origin, client):
    g = serve()
    client.get_ticket(g.tls_address)
    late = get("/late", "Content-Length: 2", method="POST", body=b"ok")
    client.ask_early(g.tls_address, get("/early"), send=late, until=b"origin says /late")
    assert [(got.target, got.get("early-data")) for got in origin.requests[1:]] == [("/early", "1"), ("/late", None)]


def test_over_http2_too(serve, origin, client):
    g = serve()
    client.get_ticket(g.tls_address, alpn="h2")
    asked = {"authority": "a.test", "scheme": "https"}
    early = PREFACE + settings() + request(1, path="/early", **asked) + request(3, path="/post", method="POST", **asked)
    told = client.ask_early(g.tls_address, early, until=b"origin says /early", alpn="h2")
    assert b"Early data was accepted" in told
    record = g.security_log.wait_for(lambda r: r["uri"] == "/post")
    assert (record["reason"], record["status"]) == ("tls.early-data", 425)
    assert [(got.target, got.get("early-data")) for got in origin.requests] == [("/first", None), ("/early", "1")]


@pytest.mark.parametrize(
    "what",
    [
        get("/early", "Content-Length: 2", method="POST", body=b"ok"),
        get("/early", "Content-Length: 0", method="POST"),
        get("/early", method="HEAD"),
        get("/early", method="DELETE"),
        get("/early", "Content-Length: 2", body=b"ok"),
        get("/early", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        get("/early", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    ],
)  # fmt: skip
def test_everything_else_is_to_come_again(serve, origin, client, what):
    """The recorded bytes alone: of a connection whose handshake is never complete."""
    g = serve()
    client.get_ticket(g.tls_address)
    with played(g.tls_address, client.record(what)):
        record = g.security_log.wait_for(lambda r: r.get("uri") == "/early")
    assert (record["reason"], record["status"], record["fault"]) == ("tls.early-data", 425, "policy")
    assert paths(origin) == ["/first"]


def test_what_was_recorded_is_served_once(serve, origin, client):
    g = serve(workers=2)
    client.get_ticket(g.tls_address)
    recorded = client.record(get("/early"))
    with played(g.tls_address, recorded) as first:
        eventually(lambda: "/early" in paths(origin), "the request")
        first.fill(Deadline(), "the answer, before the client has finished")
        for _ in range(6):  # to both workers
            with played(g.tls_address, recorded) as again:
                again.fill(Deadline(), "the handshake goes on without it")
    g.reload()
    with played(g.tls_address, recorded) as again:
        again.fill(Deadline(), "in the next generation too")
    client.get_ticket(g.tls_address)  # whatever would have been served has been by now
    assert paths(origin) == ["/first", "/early", "/first"]


def test_a_client_whose_early_data_is_not_taken_loses_nothing(serve, origin, client):
    g = serve(workers=2)
    client.get_ticket(g.tls_address)
    with played(g.tls_address, client.record(get("/early"))):
        eventually(lambda: "/early" in paths(origin), "the request")
    told = client.ask_early(g.tls_address, get("/again"), send=get("/late"), until=b"origin says /late")
    assert b"Early data was rejected" in told and b"Reused, TLSv1.3" in told
    assert paths(origin)[1:] == ["/early", "/late"]


def test_it_is_off_unless_it_is_written(serve, origin, client):
    g = serve("site a.test { to @origin }")
    client.get_ticket(g.tls_address)
    told = client.ask_early(g.tls_address, get("/early"), send=get("/late"), until=b"origin says /late")
    assert b"Early data was not sent" in told
    assert paths(origin) == ["/first", "/late"]


def test_it_can_be_switched_off(serve, origin, client):
    g = serve()
    client.get_ticket(g.tls_address)
    g.reload(config("site a.test { to @origin }"))
    told = client.ask_early(g.tls_address, get("/early"), send=get("/late"), until=b"origin says /late")
    assert b"Early data was accepted" not in told
    assert paths(origin) == ["/first", "/late"]


def test_a_ticket_is_good_in_its_own_site_only(serve, origin, client):
    """The name has come to another site meanwhile."""
    g = serve()
    client.get_ticket(g.tls_address)
    g.reload(config("site b.test a.test { to @origin; tls { early-data on } }"))
    told = client.ask_early(g.tls_address, get("/early"), send=get("/late"), until=b"origin says /late")
    assert b"Early data was rejected" in told and b"New, TLSv1.3" in told
    assert paths(origin) == ["/first", "/late"]


def test_clients_that_are_asked_for_a_certificate_have_none(serve, origin, client):
    g = serve("site a.test { to @origin; tls { early-data on }; auth mtls @folder/clients.pem optional }")
    client.get_ticket(g.tls_address)
    told = client.ask_early(g.tls_address, get("/early"), send=get("/late"), until=b"origin says /late")
    assert b"Early data was not sent" in told
    assert paths(origin) == ["/first", "/late"]


def test_whoever_comes_for_the_last_time_is_told_that_it_is_the_end(serve, origin, client):
    """close_notify, which takes a complete handshake."""
    g = serve()
    client.get_ticket(g.tls_address)
    told = client.ask_early(g.tls_address, get("/early", "Connection: close"), "-msg", until=b"close_notify")
    assert b"origin says /early" in told and b"Early data was accepted" in told


@pytest.mark.parametrize("early_data", ["off", "on"])
def test_the_field_is_kept_as_one(serve, origin, client, early_data):
    g = serve(f"site a.test {{ to @origin; tls {{ early-data {early_data} }} }}")
    how = tls.context()
    with tls.TlsClient(g.tls_address, how, "a.test") as plain:
        for fields in (["Early-Data: 1"], ["early-data: 0", "EARLY-DATA: x"], []):
            assert plain.get("/", host="a.test", fields=fields).status == 200
    assert [got.all("early-data") for got in origin.requests] == [[b"1"], [b"1"], []]


def test_the_origins_own_refusal_passes(serve, origin, client):
    g = serve(answer=lambda got, connection: b"HTTP/1.1 425 Too Early\r\nContent-Length: 5\r\n\r\nlater")
    with tls.TlsClient(g.tls_address, tls.context(), "a.test") as plain:
        answer = plain.get("/", host="a.test", fields=["Early-Data: 1"])
    assert (answer.status, answer.body) == (425, b"later")
