"""What program a client is by the way it speaks TLS: in the logs, in templates, as a condition and as a
reason to be refused. The fingerprint is computed here once more from the client's own bytes."""

import hashlib
import socket
import ssl
import struct
import subprocess

import pytest
from harness import http2, tls
from harness.certificates import Authority
from harness.client import Client, parse_address, request
from harness.deadline import SECONDS
from harness.gate import binary_path
from harness.message import read_response
from harness.stream import Stream

SITE = """
listen 127.0.0.1:0 tls
site a.test { respond 200 "{tls.ja4}"; tls @pair
@words
}
"""


def run(*arguments):
    """The program once; what it said."""
    return subprocess.run([binary_path(), *arguments], capture_output=True, text=True, timeout=SECONDS * 2)


@pytest.fixture
def pair(tmp_path):
    return Authority(tmp_path).issue("a.test")


class Spoken(Stream):
    """A TLS connection whose first message is kept."""

    def __init__(self, address, how, name="a.test"):
        family, to = parse_address(address)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(SECONDS)
        sock.connect(to)
        super().__init__(sock)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = how.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.hello = b""
        self.shake()

    def pump(self):
        sent = self.outgoing.read()
        self.hello = self.hello or sent[5:]  # of one record
        if sent:
            self.socket.sendall(sent)
        data = self.socket.recv(65536)
        assert data, "the connection ended"
        self.incoming.write(data)

    def shake(self):
        while True:
            try:
                return self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.pump()

    def get(self, path="/"):
        self.tls.write(request(path, "a.test"))
        ours, theirs = socket.socketpair()
        with ours, theirs, Stream(theirs) as answer:
            while True:
                try:
                    ours.sendall(self.tls.read(65536))
                    return read_response(answer)
                except ssl.SSLWantReadError:
                    self.pump()


def values_of(data):
    return [v for (v,) in struct.iter_unpack(">H", data) if v & 0x0F0F != 0x0A0A or v >> 8 != v & 0xFF]


def ja4_of(hello):
    """From a whole handshake message of a client with TLS 1.3 (the specification's words, not ours)."""
    rest = hello[4 + 2 + 32 :]
    rest = rest[1 + rest[0] :]
    ciphers, rest = values_of(rest[2 : 2 + int.from_bytes(rest[:2], "big")]), rest[2 + int.from_bytes(rest[:2], "big") :]
    rest = rest[1 + rest[0] + 2 :]
    found = {}
    while rest:
        kind, length = struct.unpack(">HH", rest[:4])
        found[kind], rest = rest[4 : 4 + length], rest[4 + length :]
    kinds = values_of(b"".join(struct.pack(">H", kind) for kind in found))
    first = found[16][3 : 3 + found[16][2]].decode() if 16 in found else "00"
    version = {0x0304: "13", 0x0303: "12"}[max(values_of(found[43][1:]))]

    def hashed(text):
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def told(values):
        return ",".join(f"{value:04x}" for value in values)

    algorithms = told(values_of(found[13][2:]))
    return (f"t{version}{'d' if 0 in found else 'i'}{len(ciphers):02}{len(kinds):02}{first[0]}{first[-1]}_"
            f"{hashed(told(sorted(ciphers)))}_{hashed(told(sorted(set(kinds) - {0, 16})) + '_' + algorithms)}")


def test_the_fingerprint_is_in_the_log_and_in_templates(gate, pair):
    g = gate(SITE, pair=pair, words="")
    made = [Spoken(g.addresses()[1], tls.context(alpn=alpn, ciphers=ciphers)) for alpn, ciphers in
            (((), None), (("http/1.1",), None), (("http/1.1",), "ECDHE-RSA-AES128-GCM-SHA256"))]
    wanted = [ja4_of(client.hello) for client in made]
    assert len(set(wanted)) == 3
    for client, ja4 in zip(made, wanted):
        assert client.get().body.decode() == ja4
        client.close()
    assert [line["ja4"] for line in g.requests_log.wait(3)] == wanted
    with Client(g.addresses()[0]) as client:  # a client without TLS has none
        client.get("/", host="a.test")
    assert "ja4" not in g.requests_log.wait(4)[3]


def test_a_fingerprint_that_is_denied_is_refused_with_its_place(gate, pair):
    how = tls.context(alpn=("http/1.1",))
    other = tls.context(alpn=("http/1.1",), ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    g = gate(SITE, pair=pair, words="")
    with Spoken(g.addresses()[1], how) as client:
        ja4 = ja4_of(client.hello)
    for pattern in (ja4, ja4[:24] + "*", ja4[:11] + "*"):
        g.reload(SITE, words=f"deny ja4 t12i000000_* {pattern}")
        with Spoken(g.addresses()[1], how) as client:
            answer = client.get()
            assert answer.status == 403, pattern
        with Spoken(g.addresses()[1], other) as client:
            assert client.get().status == 200, pattern
    records = g.security_log.wait(3)
    assert {(r["reason"], r["ja4"]) for r in records} == {("access.ja4", ja4)}
    with open(g.config_path) as file:
        line = [number for number, text in enumerate(file, 1) if "deny ja4" in text][0]
    assert {r["where"] for r in records} == {f"{g.config_path}:{line}:1"}


def test_a_route_is_chosen_by_the_fingerprint(gate, pair):
    how = tls.context(alpn=("http/1.1",))
    g = gate(SITE, pair=pair, words="")
    with Spoken(g.addresses()[1], how) as client:
        ja4 = ja4_of(client.hello)
    words = f"""route /* {{ when ja4 {ja4[:24]}*; respond 200 "known" }}
    route /x/* {{ when not ja4 {ja4}; respond 200 "other" }}"""
    g.reload(SITE, words=words)
    with Spoken(g.addresses()[1], how) as client:
        assert client.get("/x/y").body == b"known"
    with Spoken(g.addresses()[1], tls.context(ciphers="ECDHE-RSA-AES128-GCM-SHA256")) as client:
        assert client.get("/x/y").body == b"other"
    told = run("explain", "-c", g.config_path, "https://a.test/x", "--ja4", ja4)
    assert told.returncode == 0 and "/*  when ja4" in told.stdout, told


@pytest.mark.parametrize("words, told", [
    ("deny ja4 771,4865-4866,0", "expects a JA4 fingerprint such as"),
    ("deny ja4 t13d1516h2_8daaf6152771_E5627EFA2AB1", "expects a JA4 fingerprint such as"),
    ("deny ja4", "expects values behind it"),
    ("route /x { when ja4 chrome }", "expects a JA4 fingerprint such as"),
    ("allow ja4 t13d1516h2_*", "ja4"),
])
def test_what_is_no_fingerprint_is_said(gate, pair, words, told):
    g = gate(SITE, start=False, pair=pair, words=words)
    done = run("check", "-c", g.config_path)
    assert done.returncode == 1 and told in done.stderr, done.stderr


def test_routes_for_overlapping_fingerprints_are_a_tie(gate, pair):
    g = gate(SITE, start=False, pair=pair, words="""route /x { when ja4 t13d1516h2_*; respond 200 }
    route /x { when ja4 t13d1516h2_8daaf6152771_*; respond 201 }""")
    assert "E0407" in run("check", "-c", g.config_path).stderr
    g.write_config(SITE.replace("@words", """route /x { when ja4 t13d1516h2_8daaf6152770_*; respond 200 }
    route /x { when ja4 t13d1516h2_8daaf6152771_*; respond 201 }"""))
    assert run("check", "-c", g.config_path).returncode == 0


def test_the_fingerprint_of_http_2_is_in_the_log(gate):
    """What a client says before its first request, and in which order; nothing that comes later."""
    g = gate('listen 127.0.0.1:0 h2c\nsite a.test { respond 200; route /no { deny all } }')
    chrome = http2.settings((1, 65536), (2, 0), (4, 6291456), (6, 262144)) + http2.window_update(0, 15663105)
    firefox = http2.settings((1, 65536), (4, 131072), (5, 16384)) + http2.window_update(0, 12517377) + http2.priority(3, 0, 200)
    firefox += http2.priority(5, 3, 100, exclusive=True)
    orders = {"m": (":method", "GET"), "a": (":authority", "a.test"), "s": (":scheme", "http"), "p": (":path", "/no")}
    for preface, order in ((chrome, "masp"), (firefox, "mpas"), (http2.settings(), "psam")):
        with http2.Http2Client(g.addresses()[1], preface=http2.PREFACE + preface) as client:
            client.send(http2.headers(1, http2.block(*[orders[letter] for letter in order])))
            assert client.response(1).status == 403
            client.send(http2.settings((3, 7)), http2.window_update(0, 9), http2.request(3, path="/no"))
            assert client.response(3).status == 403
    wanted = [w for w in ("1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p",
                          "1:65536;4:131072;5:16384|12517377|3:0:0:201,5:1:3:101|m,p,a,s", "|00|0|p,s,a,m") for _ in range(2)]
    assert [line["h2"] for line in g.requests_log.wait(6)] == wanted
    assert [line["h2"] for line in g.security_log.wait(6)] == wanted
    with g.client() as client:
        client.get("/", host="a.test")
    assert "h2" not in g.requests_log.wait(7)[6]


HTTP2 = """listen 127.0.0.1:0 h2c
site a.test { respond 200 "plain"
@words
}"""
CURL = http2.settings((3, 100), (4, 10485760), (2, 0)) + http2.window_update(0, 1048510465)
CURL_SAYS = "3:100;4:10485760;2:0|1048510465|0|m,p,s,a"


def of_http_2(g, preface=CURL, target="/x/y", order="mpsa"):
    fields = {"m": (":method", "GET"), "a": (":authority", "a.test"), "s": (":scheme", "http"), "p": (":path", target)}
    with http2.Http2Client(g.addresses()[1], preface=http2.PREFACE + preface) as client:
        client.send(http2.headers(1, http2.block(*[fields[letter] for letter in order])))
        return client.response(1)


def test_a_fingerprint_of_http_2_is_denied_with_its_place(gate):
    g = gate(HTTP2, words="")
    for pattern in (CURL_SAYS, "3:100;4:10485760;*", "3:100;4:10485760;2:0|1048510465|0|m*"):
        g.reload(HTTP2, words=f'deny h2 "9:9;*" "{pattern}"')
        assert of_http_2(g).status == 403, pattern
        assert of_http_2(g, http2.settings((3, 100))).status == 200, pattern
        assert of_http_2(g, order="masp").status == (200 if pattern == CURL_SAYS else 403), pattern
        with g.client() as client:  # HTTP/1 has none
            assert client.get("/", host="a.test").status == 200
    records = g.security_log.wait(5)
    assert {r["reason"] for r in records} == {"access.h2"} and records[0]["h2"] == CURL_SAYS
    with open(g.config_path) as file:
        line = [number for number, text in enumerate(file, 1) if "deny h2" in text][0]
    assert {r["where"] for r in records} == {f"{g.config_path}:{line}:1"}
    told = run("explain", "-c", g.config_path, "http://a.test/x", "--h2", CURL_SAYS)
    assert "access.h2" in told.stdout and "`deny h2` covers the client's HTTP/2 fingerprint" in told.stdout, told
    told = g.command("explain", records[0]["id"], check=0).stdout
    assert "access.h2" in told


def test_a_route_is_chosen_by_the_fingerprint_of_http_2(gate):
    g = gate(HTTP2, words=f"""route /* {{ when h2 "3:100;*"; respond 200 "known" }}
    route /x/* {{ when not h2 "{CURL_SAYS}"; respond 200 "other" }}""")
    assert of_http_2(g).body == b"known"
    assert of_http_2(g, order="masp").body == b"other"
    with g.client() as client:
        assert client.get("/x/y", host="a.test").body == b"other"
    told = run("explain", "-c", g.config_path, "http://a.test/x/y", "--h2", CURL_SAYS)
    assert told.returncode == 0 and '/*  when h2 3:100;*' in told.stdout, told
    assert run("explain", "-c", g.config_path, "http://a.test/x", "--h2", "curl").returncode == 2


@pytest.mark.parametrize("words, told", [
    ('deny h2 "curl"', "expects an HTTP/2 fingerprint in quotes, such as"),
    ("deny h2", "expects values behind it"),
    ('route /x { when h2 "1:2|x" }', "expects an HTTP/2 fingerprint in quotes, such as"),
    ('allow h2 "1:*"', "h2"),
])
def test_what_is_no_fingerprint_of_http_2_is_said(gate, words, told):
    done = run("check", "-c", gate(HTTP2, start=False, words=words).config_path)
    assert done.returncode == 1 and told in done.stderr, done.stderr


def test_what_a_denied_fingerprint_of_http_2_would_have_changed_is_told(gate):
    g = gate(HTTP2, words="")
    assert of_http_2(g).status == 200
    g.requests_log.wait(1)
    changed = f"{g.directory}/changed.conf"
    with open(g.config_path) as file, open(changed, "w") as to:
        to.write(file.read().replace('"plain"', '"plain"\ndeny h2 "3:100;*"'))
    told = g.command("whatif", changed)
    assert told.returncode == 1 and "access.h2" in told.stdout, told
