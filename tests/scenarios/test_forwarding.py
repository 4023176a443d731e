"""Who the client is, and what the origin is told about it: fresh fields, believed chains, request
ids, and what of the origin a client never sees."""

import re

from harness.client import Client, request
from harness.origin import response

FORGED = [
    "X-Forwarded-For: 203.0.113.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Port: 443",
    "Forwarded: for=203.0.113.1;proto=https;host=evil.test",
    "X-Real-IP: 203.0.113.1",
    "X-Request-ID: forged",
    "X_Forwarded_For: 203.0.113.1",
    "Via: 1.1 somewhere",
]
OURS = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip")


def told(got):
    return [got.get(name) for name in OURS]


def test_what_an_untrusted_client_says_about_itself_is_dropped(gate, origin):
    origin.serve()
    g = gate("site * { to @origin }", origin=origin)
    with g.client() as client:
        client.get("/", host="A.test:81", fields=FORGED)
        client.get("/", host="[2001:DB8::1]:81")
        client.get("/", host="b.test", fields=["Connection: X-Mine", "X-Mine: 1", "Proxy: x"])
    named, ipv6, plain = origin.requests
    assert told(named) == [
        "127.0.0.1",
        "http",
        "a.test:81",
        'for=127.0.0.1;host="a.test:81";proto=http',
        "127.0.0.1",
    ]
    assert not named.all("x-forwarded-port") and not named.all("x_forwarded_for")
    assert told(ipv6)[2:4] == [
        "[2001:db8::1]:81",
        'for=127.0.0.1;host="[2001:db8::1]:81";proto=http',
    ]
    assert told(plain)[3] == "for=127.0.0.1;host=b.test;proto=http"
    assert not plain.all("x-mine") and not plain.all("proxy")
    ids = [r.get("x-request-id") for r in origin.requests]
    assert all(re.fullmatch("[0-9A-Z]{26}", i) for i in ids) and len(set(ids)) == 3


# What came in; who is the client; X-Forwarded-For for the origin. 127.0.0.1 is the peer; trusted
# are 127.0.0.0/8, 10.0.0.0/8 and 2001:db8:1::/48.
CHAINS = [
    ([], "127.0.0.1", "127.0.0.1"),
    (["X-Forwarded-For: 203.0.113.9"], "203.0.113.9", "203.0.113.9, 127.0.0.1"),
    (["X-Forwarded-For: 1.1.1.1, 203.0.113.9"], "203.0.113.9", "203.0.113.9, 127.0.0.1"),
    (
        ["X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.0.0.1, 10.0.0.2"],
        "203.0.113.9",
        "203.0.113.9, 10.0.0.1, 10.0.0.2, 127.0.0.1",
    ),
    (["X-Forwarded-For: 10.0.0.1, 10.0.0.2"], "10.0.0.1", "10.0.0.1, 10.0.0.2, 127.0.0.1"),
    (
        ["X-Forwarded-For: 2001:DB8:2::9, 2001:db8:1::1, 10.1.1.1"],
        "2001:db8:2::9",
        "2001:db8:2::9, 2001:db8:1::1, 10.1.1.1, 127.0.0.1",
    ),
    (
        ["X-Forwarded-For: [2001:db8:2::9]:4711,10.1.1.1:80"],
        "2001:db8:2::9",
        "2001:db8:2::9, 10.1.1.1, 127.0.0.1",
    ),
    (["X-Forwarded-For: ::ffff:203.0.113.9"], "203.0.113.9", "203.0.113.9, 127.0.0.1"),
    # several lines are one list; empty elements are none
    (
        ["X-Forwarded-For: 1.1.1.1, 203.0.113.9", "X-Forwarded-For: , 10.0.0.1 ,"],
        "203.0.113.9",
        "203.0.113.9, 10.0.0.1, 127.0.0.1",
    ),
    # what cannot be read ends the walk; what is behind it is not believed
    (["X-Forwarded-For: 1.1.1.1, unknown"], "127.0.0.1", "127.0.0.1"),
    (["X-Forwarded-For: 1.1.1.1, 300.1.1.1, 10.0.0.1"], "10.0.0.1", "10.0.0.1, 127.0.0.1"),
    (["X-Forwarded-For: 1.1.1.1, 10.0.0.1x"], "127.0.0.1", "127.0.0.1"),
    (["X-Forwarded-For: \"203.0.113.9\""], "127.0.0.1", "127.0.0.1"),
    (["X-Forwarded-For: 203.0.113.9%eth0"], "127.0.0.1", "127.0.0.1"),
    # Forwarded counts without X-Forwarded-For
    (["Forwarded: for=203.0.113.9"], "203.0.113.9", "203.0.113.9, 127.0.0.1"),
    (
        ['Forwarded: for=1.1.1.1, For="[2001:db8:2::9]:80";proto=http, for=10.0.0.1'],
        "2001:db8:2::9",
        "2001:db8:2::9, 10.0.0.1, 127.0.0.1",
    ),
    (["Forwarded: for=1.1.1.1, for=_hidden, for=10.0.0.1"], "10.0.0.1", "10.0.0.1, 127.0.0.1"),
    (["Forwarded: for=1.1.1.1, proto=http"], "127.0.0.1", "127.0.0.1"),
    (["Forwarded: for=1.1.1.1;by=x, for=unknown"], "127.0.0.1", "127.0.0.1"),
    (
        ["X-Forwarded-For: 203.0.113.9", "Forwarded: for=1.1.1.1"],
        "203.0.113.9",
        "203.0.113.9, 127.0.0.1",
    ),
]


def test_chains_are_read_from_the_right_as_far_as_trust_reaches(gate, origin):
    origin.serve()
    g = gate(
        "trust proxies 127.0.0.0/8 10.0.0.0/8 2001:db8:1::/48\nsite * { to @origin }",
        origin=origin,
    )
    with g.client() as client:
        for fields, who, chain in CHAINS:
            client.get("/", host="a.test", fields=fields)
            got = origin.requests[-1]
            assert got.get("x-forwarded-for") == chain, fields
            assert got.get("x-real-ip") == who, fields
            node = f'"[{who}]"' if ":" in who else who
            assert got.get("forwarded").startswith(f"for={node};"), fields
    records = g.requests_log.wait(len(CHAINS))
    assert [r["client"] for r in records] == [who for _, who, _ in CHAINS]
    assert {r.get("peer") for r in records} == {None, "127.0.0.1"}


def test_a_trusted_peer_may_say_more_than_a_chain(gate, origin):
    """Fields of the kind that is dropped from strangers; and that the client came over TLS, as the
    scheme of an absolute target has to agree with."""
    origin.serve()
    g = gate("trust proxies 127.0.0.0/8\nsite * { to @origin }", origin=origin)
    said = ["X-Forwarded-Prefix: /app", "X-Original-URL: /x", "CF-Connecting-IP: 203.0.113.9"]
    with g.client() as client:
        client.get("/", fields=said)
        got = origin.requests[-1]
        assert [f"{name}: {got.get(name)}" for name in got.names[1:4]] == said
        secure = "X-Forwarded-Proto: https"
        assert client.get("https://example.test/a", fields=[secure]).status == 200
        assert client.get("https://example.test/a").status == 421
    assert g.security_log.wait(1)[0]["reason"] == "h1.scheme-differs"


def test_a_chain_is_bounded(gate, origin):
    origin.serve()
    g = gate("trust proxies any\nsite * { to @origin }", origin=origin)
    hops = [f"10.0.0.{i}" for i in range(100)]
    with g.client() as client:
        for fields in (
            [f"X-Forwarded-For: {', '.join(hops)}"],
            [f"X-Forwarded-For: {hop}" for hop in hops[-60:]],
            ["Forwarded: " + ", ".join(f"for={hop}" for hop in hops)],
        ):
            client.get("/", fields=fields)
            chain = origin.requests[-1].get("x-forwarded-for").split(", ")
            assert chain == [*hops[-32:], "127.0.0.1"]
            assert origin.requests[-1].get("x-real-ip") == hops[-32]


# What a trusted proxy says of the scheme and the host; what the origin is told.
WORDS = [
    ([], "http", "a.test"),
    (["X-Forwarded-Proto: https"], "https", "a.test"),
    (["X-Forwarded-Proto: HTTPS"], "https", "a.test"),
    (["X-Forwarded-Proto: http"], "http", "a.test"),
    (["X-Forwarded-Proto: gopher"], "http", "a.test"),
    (["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"], "http", "a.test"),
    (["X-Forwarded-Proto: http, https"], "https", "a.test"),
    (["Forwarded: for=203.0.113.9;proto=https"], "https", "a.test"),
    (["Forwarded: for=203.0.113.9;proto=https, for=10.0.0.1;proto=http"], "https", "a.test"),
    (["Forwarded: for=1.1.1.1;proto=https, for=203.0.113.9;proto=http"], "http", "a.test"),
    (["X-Forwarded-Host: shop.test:8443"], "http", "shop.test:8443"),
    (["X-Forwarded-Host: evil.test", "X-Forwarded-Host: shop.test"], "http", "shop.test"),
    (["X-Forwarded-Host: not a host"], "http", "a.test"),
    (["X-Forwarded-Host: user@shop.test"], "http", "a.test"),
]


def test_a_trusted_proxy_says_scheme_and_host(gate, origin):
    origin.serve()
    g = gate(
        """
        trust proxies 127.0.0.1 10.0.0.0/8
        site * { to @origin; route /go { redirect {scheme}://b.test/ } }
        """,
        origin=origin,
    )
    with g.client() as client:
        for fields, scheme, host in WORDS:
            client.get("/", host="a.test", fields=fields)
            got = origin.requests[-1]
            assert got.get("x-forwarded-proto") == scheme, fields
            assert got.get("forwarded").endswith(f";proto={scheme}"), fields
            assert got.get("x-forwarded-host") == host, fields
            assert got.get("host") == "a.test", fields
            answer = client.get("/go", host="a.test", fields=fields)
            assert answer.get("location") == f"{scheme}://b.test/", fields


ACCEPTABLE_IDS = ["a", "A-b_c.d:e=f+g/h", "0" * 128]
OTHER_IDS = ["", "a b", "a,b c", "ä", '"a"', "<a>", "0" * 129]


def test_request_ids_are_taken_from_trusted_peers_only(gate, origin):
    origin.serve()
    for trust, believed in (("", False), ("trust proxies 127.0.0.1", True)):
        g = gate(trust + "\nsite * { to @origin; route /no { deny all } }", origin=origin)
        with g.client() as client:
            for said in ACCEPTABLE_IDS + OTHER_IDS:
                field = f"X-Request-Id: {said}"
                answer = client.get("/", fields=[field])
                own = answer.get("x-request-id")
                assert origin.requests[-1].get("x-request-id") == own
                assert (own == said) == (believed and said in ACCEPTABLE_IDS), said
                record = g.requests_log.wait_for(lambda r, own=own: r["id"] == own)
                assert record["uri"] == "/"
                refused = client.get("/no", fields=[field])
                assert refused.get("x-request-id").encode() in refused.body
                assert (refused.get("x-request-id") == said) == (own == said)
        ids = [r["id"] for r in g.security_log.wait(len(ACCEPTABLE_IDS + OTHER_IDS))]
        assert all(said in ids for said in ACCEPTABLE_IDS) == believed
        g.stop()


def test_who_the_client_is_decides_about_access(gate, origin):
    origin.serve()
    g = gate(
        """
        trust proxies 127.0.0.1
        site * { to @origin; deny ip 203.0.113.0/24 2001:db8::/32 }
        """,
        origin=origin,
    )
    with g.client() as client:
        for said, status in (
            ("203.0.113.9", 403),
            ("2001:db8::1", 403),
            ("198.51.100.1", 200),
            ("203.0.113.9, 198.51.100.1", 200),
            ("::ffff:203.0.113.9", 403),
        ):
            assert client.get("/", fields=[f"X-Forwarded-For: {said}"]).status == status, said
    assert {r["client"] for r in g.security_log.wait(3)} == {"203.0.113.9", "2001:db8::1"}
    assert len(origin.requests) == 2


def test_clients_of_other_addresses_and_families(gate, origin):
    origin.serve()
    g = gate(
        """
        listen 127.0.0.1:0 [::1]:0 unix:@directory/front
        log requests json to @directory/requests.log
        site * { to @origin }
        """,
        options={"bare": True},
        origin=origin,
    )
    v4, v6, local = g.addresses()
    for address, source in ((v4, "127.0.0.2"), (v6, None), (local, None)):
        with Client(address, source=source) as client:
            client.send(request("/", host="a.test"))
            assert client.response().status == 200
    first, second, third = (told(got) for got in origin.requests)
    assert (first[0], first[3][:13], first[4]) == ("127.0.0.2", "for=127.0.0.2", "127.0.0.2")
    assert (second[0], second[3][:12], second[4]) == ("::1", 'for="[::1]";', "::1")
    assert third == [None, "http", "a.test", "for=unknown;host=a.test;proto=http", None]


def test_nothing_of_the_origin_shows(gate, origin):
    fields = [
        "Server: nginx/1.2",
        "X-Powered-By: PHP/5",
        "X-AspNet-Version: 4",
        "X-AspNetMvc-Version: 5",
        "X-Runtime: 0.1",
        "X-Generator: Drupal",
        "X-Backend-Server: app7.internal",
        "Via: 1.1 app7.internal",
        "Proxy-Authenticate: Basic",
        "Connection: X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "Trailer: X-T",
        "Set-Cookie: a=b; Domain=app7.internal; Path=/",
        "Set-Cookie: c=d",
        "Location: http://app7.internal/x",
        "X-Kept: as it is",
    ]
    origin.serve(lambda got, connection: response(fields=fields))
    g = gate("site a.test { to @origin }\nsite b.test { to @origin; headers { via on } }", origin=origin)
    with g.client() as client:
        for host in ("a.test", "b.test"):
            answer = client.get("/", host=host)
            assert answer.names == [
                "Set-Cookie",
                "Set-Cookie",
                "Location",
                "X-Kept",
                "Date",
                "X-Request-ID",
                *(["Via"] if host == "b.test" else []),
                "Content-Length",
            ]
            # what it says of places and cookies is left as it is
            assert answer.get("location") == "http://app7.internal/x"
            assert answer.all("set-cookie") == [b"a=b; Domain=app7.internal; Path=/", b"c=d"]
        assert client.get("/", host="b.test").get("via") == "1.1 portcullis"
