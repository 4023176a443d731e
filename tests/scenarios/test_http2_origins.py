"""Origins that speak HTTP/2: what goes over one connection, and what a hostile one gets for it."""

import pytest
from harness.client import Client
from harness.http2 import block, data, headers
from harness.http2_origin import Http2Origin


@pytest.fixture
def h2_origin():
    origin = Http2Origin()
    yield origin
    origin.close()


SITE = "site * { to h2://@origin }\n"


def test_a_request_becomes_a_list_of_fields_and_the_response_comes_back(gate, h2_origin):
    instance = gate(SITE, origin=h2_origin)
    with Client(instance.address) as client:
        client.send(b"GET /a/b?c=d HTTP/1.1\r\nHost: App.Example:81\r\nX-Thing: One\r\nCookie: a=b; c=d\r\n"
                    b"Connection: x-drop\r\nX-Drop: 1\r\nTE: trailers\r\n\r\n")
        connection = h2_origin.accept()
        number, request = connection.request()
        assert request.fields[:4] == [(":method", "GET"), (":scheme", "http"),
                                      (":authority", "app.example:81"), (":path", "/a/b?c=d")]
        names = [name for name, _ in request.fields]
        assert request.get("x-thing") == "One" and request.get("cookie") == "a=b; c=d"
        assert not {"connection", "x-drop", "host", "te", "transfer-encoding", "content-length"} & set(names)
        assert all(name == name.lower() for name in names)
        connection.respond(number, b"hello", fields=[("content-length", "5"), ("server", "secret"), ("x-a", "b")])
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.get("X-A") == "b" and answer.get("Server") is None
