"""A reload loses nothing: what is in flight, what is kept, what waits to be accepted."""

from harness.load import Load, echo

CONFIG = "site example.test { to @origin }"


def test_reloads_under_load_lose_nothing(gate, origin):
    origin.serve(echo)
    gate = gate("workers 2\n" + CONFIG, origin=origin)
    with Load(gate.address) as load:
        for _ in range(20):
            gate.reload()
            load.wait_answers(4)
    load.assert_no_failure()
    assert load.announced >= 20, "kept connections are told to end"


def test_a_kept_connection_that_was_promised_is_not_closed_by_a_drain(gate, origin):
    gate = gate(CONFIG, origin=origin)
    with gate.client() as client:
        client.send(b"GET /long HTTP/1.1\r\nHost: example.test\r\n\r\n")
        connection = origin.accept()
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        assert b"Connection" not in client.recv_until(b"\r\n\r\n")
        assert client.recv_exactly(5) == b"hello"
        gate.reload()
        connection.send(b"world")
        assert client.recv_exactly(5) == b"world"
        client.send(b"GET /next HTTP/1.1\r\nHost: example.test\r\n\r\n")
        origin.exchange()
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (200, "close")
        client.assert_ended()
