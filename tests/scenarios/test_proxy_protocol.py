"""The PROXY protocol: who the client is, said by a trusted proxy in front, and told to servers."""

import socket
import struct

import pytest
from harness.client import Client, request
from harness.stream import FIN

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LISTEN = """\
listen 127.0.0.1:0 proxy-protocol
workers 1
log requests json to @directory/requests.log
log security json to @directory/security.log
"""
BARE = {"bare": True}


def v2(command, family, body):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(body)) + body


def v2_tcp4(source, destination, ports, more=b""):
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    return v2(1, 0x11, addresses + struct.pack("!HH", *ports) + more)


def v2_tcp6(source, destination, ports, more=b""):
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (source, destination))
    return v2(1, 0x21, addresses + struct.pack("!HH", *ports) + more)


GOOD = [
    # header, who the client is
    (b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n", "203.0.113.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 443\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"),
    (v2_tcp4("203.0.113.8", "198.51.100.1", (4711, 80)), "203.0.113.8"),
    (v2_tcp6("2001:db8::8", "2001:db8::1", (4711, 80)), "2001:db8::8"),
    (v2_tcp4("203.0.113.9", "198.51.100.1", (1, 80), b"\x02\x00\x03a.b"), "203.0.113.9"),
    (v2_tcp4("203.0.113.9", "198.51.100.1", (1, 80), b"\x04\x00\x00" * 100), "203.0.113.9"),
    (v2(0, 0, b""), "127.0.0.1"),
    (v2(0, 0x11, b"\x01" * 12), "127.0.0.1"),
]


@pytest.fixture
def front(gate, origin):
    origin.serve()
    config = LISTEN + "trust proxies 127.0.0.1\nsite * { to @origin }"
    return gate(config, options=BARE, origin=origin)


def test_headers_of_both_versions_name_the_client(front, origin):
    for header, who in GOOD:
        for pieces in ([header + request()], [header, request()], [header[:5], header[5:20],
                                                                  header[20:] + request()]):
            with front.client() as client:
                client.send(*pieces)
                assert client.response().status == 200, header
                client.get("/again")  # the header counts for the whole connection
            for got in origin.requests[-2:]:
                assert got.get("x-real-ip") == who, header
                assert got.get("x-forwarded-for") == who, header
    assert {r["client"] for r in front.requests_log.wait(6 * len(GOOD))} == {w for _, w in GOOD}


def test_who_is_behind_a_proxy_is_not_trusted_as_one(front, origin):
    forged = ["X-Forwarded-For: 1.1.1.1", "X-Request-ID: forged"]
    with front.client() as client:
        client.send(GOOD[0][0] + request(fields=forged))
        client.response()
        assert origin.requests[-1].get("x-real-ip") == "203.0.113.7"
        assert origin.requests[-1].get("x-request-id") != "forged"
    with front.client() as client:  # LOCAL: the trusted proxy speaks for itself
        client.send(v2(0, 0, b"") + request(fields=forged))
        client.response()
        assert origin.requests[-1].get("x-real-ip") == "1.1.1.1"
        assert origin.requests[-1].get("x-request-id") == "forged"


BAD = [
    b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"PROXY\r\n",
    b"proxy TCP4 203.0.113.7 198.51.100.1 4711 80\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80 9\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 65536\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 04711 80\r\n",
    b"PROXY TCP4 203.0.113.07 198.51.100.1 4711 80\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 80\r\n",
    b"PROXY TCP6 203.0.113.7 198.51.100.1 4711 80\r\n",
    b"PROXY TCP4  203.0.113.7 198.51.100.1 4711 80\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\n",
    b"PROXY UNIX /a /b 1 2\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80" + b" " * 100 + b"\r\n",
    b"\r\n" + GOOD[0][0],
    SIGNATURE + b"\x11\x11\x00\x0c" + b"\x01" * 12,  # version 1 in a binary header
    SIGNATURE + b"\x22\x11\x00\x0c" + b"\x01" * 12,  # a command nobody knows
    SIGNATURE + b"\x21\x12\x00\x0c" + b"\x01" * 12,  # datagrams
    SIGNATURE + b"\x21\x31\x00\xd8" + b"\x01" * 216,  # Unix sockets
    SIGNATURE + b"\x21\x11\x00\x08" + b"\x01" * 8,  # too short for its addresses
    SIGNATURE + b"\x21\x11\xff\xff" + b"\x01" * 600,  # too long
    v2_tcp4("203.0.113.9", "198.51.100.1", (1, 80), b"\x02\x00\x05a"),  # a value that overruns
    v2_tcp4("203.0.113.9", "198.51.100.1", (1, 80), b"\x03\x00\x04abcd"),  # a wrong checksum
]


def test_malformed_headers_close_the_connection_and_reach_nobody(front, origin):
    for header in BAD:
        with front.client() as client:
            client.send(header + request("/behind"))
            client.assert_ended()
    records = front.security_log.wait(len(BAD))
    assert {r["reason"] for r in records} == {"proxy-protocol.malformed"}
    assert origin.requests == []
    with front.client() as client:
        client.send(GOOD[0][0] + request())
        assert client.response().status == 200


def test_a_header_that_does_not_come_in_time_ends_the_connection(gate, origin):
    config = LISTEN + "timeout header 300ms\ntrust proxies any\nsite * { to @origin }"
    g = gate(config, options=BARE, origin=origin)
    for begin in (b"PROXY TCP4 203.0.113.7", SIGNATURE[:5], v2_tcp4("1.1.1.1", "1.1.1.1", (1, 1))[:20]):
        with g.client() as client:
            client.send(begin)
            client.assert_ended()
    assert len(g.security_log.wait(3)) == 3
    with g.client() as client:  # nothing at all, and a header with nothing behind it
        client.assert_ended(FIN)
    with g.client() as client:
        client.send(GOOD[0][0])
        client.assert_ended(FIN)
    assert origin.has_no_connection()


def test_an_untrusted_peer_is_refused_whatever_it_says(gate, origin):
    config = LISTEN + "trust proxies 192.0.2.1\nsite * { to @origin }"
    g = gate(config, options=BARE, origin=origin)
    for data in (GOOD[0][0] + request(), request(), b""):
        with g.client() as client:
            client.send(data)
            answer = client.response()
            assert (answer.status, answer.get("connection")) == (403, "close")
            assert answer.body == b"403 Forbidden\n"
    assert {r["reason"] for r in g.security_log.wait(3)} == {"proxy-protocol.untrusted"}
    assert origin.has_no_connection()


def test_connections_are_counted_for_the_client_that_is_named(gate, origin):
    origin.serve()
    config = (
        LISTEN
        + "trust proxies 127.0.0.1\nlimits { connections-per-client 2 }\nsite * { to @origin }"
    )
    g = gate(config, options=BARE, origin=origin)
    header = b"PROXY TCP4 203.0.113.%d 198.51.100.1 4711 80\r\n"
    clients = []
    try:
        for i in (1, 1, 2, 2, 3, 3):
            clients.append(g.client())
            clients[-1].send(header % i + request())
            assert clients[-1].response().status == 200, i
        with g.client() as client:
            client.send(header % 1 + request())
            assert client.response().status == 429
        record = g.security_log.wait(1)[0]
        assert (record["reason"], record["client"]) == (
            "limits.connections-per-client",
            "203.0.113.1",
        )
        clients.pop(0).close()  # the place is free again once it is gone
        with g.client() as client:
            client.send(header % 2 + request())
            assert client.response().status == 429
    finally:
        for client in clients:
            client.close()


# --- To the servers --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_servers_are_told_the_client_byte_for_byte(gate, origin, version):
    g = gate(
        LISTEN
        + """
        listen 127.0.0.2:0 [::1]:0 unix:@directory/front
        trust proxies 127.0.0.1
        origin app { server @origin; proxy-protocol @version }
        site * { to app }
        """,
        options=BARE,
        origin=origin,
        version=version,
    )
    behind, v4, v6, local = g.addresses()
    port = {address: int(address.rpartition(":")[2]) for address in (behind, v4, v6)}

    def header(source, destination, ports):
        if version == "v1":
            family = "TCP6" if ":" in source else "TCP4"
            return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()
        return (v2_tcp6 if ":" in source else v2_tcp4)(source, destination, ports)

    def unknown():
        return b"PROXY UNKNOWN\r\n" if version == "v1" else v2(0, 0, b"")

    def exchange(address, before, expected, fields=()):
        with Client(address) as client:
            client.send(before + request("/", fields=fields))
            connection = origin.accept()
            want = expected(client)
            assert connection.recv_exactly(len(want)) == want
            got = connection.request()
            assert got.get("connection") == "close"  # one client only
            connection.respond()
            assert client.response().status == 200
            connection.assert_ended()

    exchange(v4, b"", lambda c: header("127.0.0.1", "127.0.0.2", (c.local_port, port[v4])))
    exchange(v6, b"", lambda c: header("::1", "::1", (c.local_port, port[v6])))
    exchange(local, b"", lambda c: unknown())
    # what a header in front of us said is said on
    for said in (("203.0.113.7", "198.51.100.1"), ("2001:db8::7", "2001:db8::1")):
        exchange(behind, header(*said, (4711, 80)), lambda c, s=said: header(*s, (4711, 80)))
    # the client that a trusted proxy named has no port that we know of; families may be mixed
    exchange(
        v4,
        b"",
        lambda c: header("203.0.113.7", "127.0.0.2", (0, port[v4])),
        ["X-Forwarded-For: 203.0.113.7"],
    )
    exchange(
        v4,
        b"",
        lambda c: header("2001:db8::7", "::ffff:7f00:2", (0, port[v4])),
        ["X-Forwarded-For: 2001:db8::7"],
    )
