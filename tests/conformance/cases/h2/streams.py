"""The life of a stream: its identifier, its states, what may come in which, and how many there are
(RFC 9113 §5)."""

from harness.http2 import (MAX_CONCURRENT_STREAMS, PRIORITY_UPDATE, block, continuation, data, dependency, frame,
                           headers, ping, priority, request_fields, rst_stream, window_update)

from . import Answers, Closes, Holds, Ignores, Resets, barrier, end_of, get, head_of, post, strict

TRAILERS = block(("x-trailer", "1"))
LAST = 0x7FFFFFFF


def limit(client):
    client.barrier()
    return client.peer_settings[MAX_CONCURRENT_STREAMS]


IDLE = [
    strict("DATA on an idle stream", "9113 §5.1", data(1, b"x"), Closes("PROTOCOL_ERROR")),
    strict("RST_STREAM on an idle stream", "9113 §6.4", rst_stream(1), Closes("PROTOCOL_ERROR")),
    strict("WINDOW_UPDATE on an idle stream", "9113 §5.1", window_update(1, 100), Closes("PROTOCOL_ERROR")),
    strict("CONTINUATION on an idle stream", "9113 §6.10", continuation(3, b""), Closes("PROTOCOL_ERROR")),
    strict("DATA on an idle stream above one in use", "9113 §5.1", post(), data(3, b"x"), Closes("PROTOCOL_ERROR")),
    strict("DATA on an idle stream of the server", "9113 §5.1", data(2, b"x"), Closes("PROTOCOL_ERROR")),
    strict("RST_STREAM on an idle stream of the server", "9113 §5.1", rst_stream(2), Closes("PROTOCOL_ERROR")),
    strict("WINDOW_UPDATE on an idle stream of the server", "9113 §5.1", window_update(2, 1), Closes("PROTOCOL_ERROR")),
    strict("PRIORITY on an idle stream", "9113 §5.1", priority(1), get(), Answers()),
    strict("PRIORITY on an idle stream far away", "9113 §5.1", priority(LAST), Ignores()),
    strict("PRIORITY_UPDATE of an idle stream", "9218 §7.1", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=1"), get(), Answers()),
]

IDENTIFIERS = [
    strict("HEADERS on stream 0", "9113 §6.2", get(0), Closes("PROTOCOL_ERROR")),
    strict("DATA on stream 0", "9113 §6.1", data(0, b"x"), Closes("PROTOCOL_ERROR")),
    strict("RST_STREAM on stream 0", "9113 §6.4", rst_stream(0), Closes("PROTOCOL_ERROR")),
    strict("PRIORITY on stream 0", "9113 §6.3", priority(0), Closes("PROTOCOL_ERROR")),
    strict("HEADERS on a stream of the server", "9113 §5.1.1", get(2), Closes("PROTOCOL_ERROR")),
    strict("HEADERS on a stream below one in use", "9113 §5.1.1", get(5), get(3), Closes("PROTOCOL_ERROR")),
    strict("streams may be left out", "9113 §5.1.1", get(1), get(101), Answers(stream=101)),
    strict("the last stream there is", "9113 §5.1.1", get(LAST), Answers(stream=LAST)),
    strict("nothing is behind the last stream", "9113 §5.1.1", get(LAST), end_of(LAST), get(LAST), Closes("STREAM_CLOSED")),
    strict("streams left out are closed: DATA", "9113 §5.1.1", get(5), end_of(5), data(3, b"x"), Closes("PROTOCOL_ERROR")),
    strict("streams left out are closed: WINDOW_UPDATE", "9113 §5.1.1", get(5), end_of(5), window_update(3, 1), Ignores()),
]

HALF_CLOSED = [
    strict("DATA behind the end of a request", "9113 §5.1", get(base=request_fields("/hold")), data(1, b"x"), Closes("STREAM_CLOSED")),
    strict("HEADERS behind the end of a request", "9113 §5.1", get(base=request_fields("/hold")), get(1), Closes("STREAM_CLOSED")),
    strict("trailers behind the end of a request", "9113 §5.1", post(), data(1, b"abc"), headers(1, TRAILERS), Closes("STREAM_CLOSED")),
    strict("CONTINUATION behind the end of a request", "9113 §6.10", get(base=request_fields("/hold")), continuation(1, b""), Closes("PROTOCOL_ERROR")),
    strict("WINDOW_UPDATE behind the end of a request", "9113 §5.1", get(base=request_fields("/hold")), window_update(1, 1), rst_stream(1), Ignores()),
    strict("PRIORITY behind the end of a request", "9113 §5.1", get(base=request_fields("/hold")), priority(1, 0), rst_stream(1), Ignores()),
    strict("RST_STREAM behind the end of a request", "9113 §5.1", get(base=request_fields("/hold")), rst_stream(1), Ignores()),
]

CLOSED = [
    strict("HEADERS behind an exchange", "9113 §5.1", get(), end_of(1), get(1), Closes("STREAM_CLOSED")),
    strict("DATA behind an exchange", "9113 §5.1", get(), end_of(1), data(1, b"x"), Closes("STREAM_CLOSED")),
    strict("CONTINUATION behind an exchange", "9113 §6.10", get(), end_of(1), continuation(1, b""), Closes("PROTOCOL_ERROR")),
    strict("WINDOW_UPDATE behind an exchange", "9113 §5.1", get(), end_of(1), window_update(1, 1), Ignores()),
    strict("RST_STREAM behind an exchange", "9113 §5.1", get(), end_of(1), rst_stream(1), Ignores()),
    strict("PRIORITY behind an exchange", "9113 §5.1", get(), end_of(1), priority(1), Ignores()),
    strict("DATA behind RST_STREAM", "9113 §5.1", post(), rst_stream(1), data(1, b"x"), Closes("STREAM_CLOSED")),
    strict("HEADERS behind RST_STREAM", "9113 §5.1", post(), rst_stream(1), get(1), Closes("STREAM_CLOSED")),
    strict("CONTINUATION behind RST_STREAM", "9113 §6.10", post(), rst_stream(1), continuation(1, b""), Closes("PROTOCOL_ERROR")),
    strict("WINDOW_UPDATE behind RST_STREAM", "9113 §5.1", post(), rst_stream(1), window_update(1, 5), Ignores()),
    strict("PRIORITY behind RST_STREAM", "9113 §5.1", post(), rst_stream(1), priority(1), Ignores()),
    strict("RST_STREAM behind RST_STREAM", "9113 §5.4.2", post(), rst_stream(1), rst_stream(1), Ignores()),
    strict("DATA on its way when the gate resets", "9113 §5.1", get(1, ("A", "b"), end=False), data(1, b"x" * 1000, end=False), data(1, b"x"),
           Resets("PROTOCOL_ERROR")),
    strict("trailers on their way when the gate resets", "9113 §5.1", get(1, ("A", "b"), end=False), headers(1, TRAILERS), Resets("PROTOCOL_ERROR")),
    strict("blocks on closed streams still change the table", "9113 §4.3", post(), rst_stream(1), post(3), data(3, b"abc"), Answers(stream=3, body=b"3")),
]

COURSE = [
    strict("a request and its response", "9113 §8.1", get(), Answers(body=b"public")),
    strict("a request with a body", "9113 §8.1", post(), data(1, b"abc", end=False), data(1, b"de"), Answers(body=b"5")),
    strict("a body that ends with an empty frame", "9113 §8.1", post(), data(1, b"abc", end=False), data(1), Answers(body=b"3")),
    strict("a body with trailers", "9113 §8.1", post(), data(1, b"abc", end=False), headers(1, TRAILERS), Answers(body=b"3")),
    strict("trailers without a body", "9113 §8.1", post(), headers(1, TRAILERS), Answers(body=b"0")),
    strict("trailers that do not end the stream", "9113 §8.1", post(), data(1, b"abc", end=False), headers(1, TRAILERS, end=False), Resets("PROTOCOL_ERROR")),
    strict("DATA behind trailers", "9113 §8.1", post(), headers(1, TRAILERS), data(1, b"x"), Closes("STREAM_CLOSED")),
    strict("trailers with a pseudo-field", "9113 §8.1", post(), data(1, b"abc", end=False), headers(1, block((":path", "/x"))), Resets("PROTOCOL_ERROR")),
    strict("HEAD has no body", "9110 §9.3.2", headers(1, block(*request_fields("/public", method="HEAD"))), Answers(body=b"")),
    strict("two requests in turn", "9113 §5.1", get(1), end_of(1), get(3), Answers(stream=3, body=b"public")),
    strict("twenty requests at once", "9113 §5", *[get(n) for n in range(1, 41, 2)], *[end_of(n) for n in range(1, 41, 2)],
           Holds("twenty answers", lambda c: all(c.stream(n).body == b"public" for n in range(1, 41, 2)))),
    strict("a stream that waits does not hold up others", "9113 §5", get(1, base=request_fields("/hold")), get(3), end_of(3), rst_stream(1), Answers(stream=3)),
    strict("a body in the middle of others", "9113 §5", post(1), get(3), data(1, b"ab", end=False), get(5), end_of(3), end_of(5), data(1, b"c"), Answers(body=b"3")),
    strict("responses of two requests in mixed order", "9113 §5", post(1), post(3), data(3, b"abcd"), end_of(3), data(1, b"ab"), Answers(body=b"2")),
]


def fill_up(client):
    """As many streams as the gate allows, all open."""
    return b"".join(post(2 * i + 1) for i in range(limit(client)))


CONCURRENCY = [
    strict("a limit for streams is told", "9113 §5.1.2", barrier, Holds("a limit", lambda c: 100 <= c.peer_settings.get(MAX_CONCURRENT_STREAMS, 0) <= 1000)),
    strict("a stream too many", "9113 §5.1.2", fill_up, lambda c: get(2 * limit(c) + 1), Closes("PROTOCOL_ERROR")),
    strict("room again when a stream has ended", "9113 §5.1.2", fill_up, data(1, b"x"), end_of(1), lambda c: get(2 * limit(c) + 1),
           Holds("no reset", lambda c: not any(m.reset for m in c.streams.values()), has_room=False)),
]

PRIORITIES = [
    strict("HEADERS with a priority", "9113 §5.3", get(priority=dependency(0, 255)), Answers()),
    strict("HEADERS that depend on an idle stream", "9113 §5.3", get(priority=dependency(99, 0, exclusive=True)), Answers()),
    strict("HEADERS that depend on themselves", "7540 §5.3.1", get(priority=dependency(1)), Closes("PROTOCOL_ERROR")),
    strict("PRIORITY that depends on itself means nothing any more", "9113 §5.3", post(), priority(1, 1), data(1, b"abc"), Answers(body=b"3")),
    strict("PRIORITY of an open stream", "9113 §6.3", post(), priority(1, 0, 200), data(1, b"abc"), Answers(body=b"3")),
    strict("a circle of dependencies", "9113 §5.3", post(1), post(3), priority(1, 3), priority(3, 1, exclusive=True), data(1, b"abc"), Answers(body=b"3")),
    strict("PRIORITY_UPDATE on a stream of its own", "9218 §7.1", frame(PRIORITY_UPDATE, 0, 1, b"\0\0\0\1u=1"), Closes("PROTOCOL_ERROR")),
    strict("PRIORITY_UPDATE of stream 0", "9218 §7.1", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\0u=1"), Closes("PROTOCOL_ERROR")),
    strict("PRIORITY_UPDATE of 3 bytes", "9218 §7.1", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0"), Closes("FRAME_SIZE_ERROR")),
    strict("PRIORITY_UPDATE of an open stream", "9218 §7.1", post(), frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=7, i"), data(1, b"abc"), Answers(body=b"3")),
    strict("PRIORITY_UPDATE with a value that is none", "9218 §4", post(), frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1=;,u=99"), data(1, b"abc"), Answers(body=b"3")),
    strict("the field priority", "9218 §5", get(1, ("priority", "u=0, i")), Answers()),
    strict("the field priority with a value that is none", "9218 §4", get(1, ("priority", "u=9;;=")), Answers()),
]

CASES = IDLE + IDENTIFIERS + HALF_CLOSED + CLOSED + COURSE + CONCURRENCY + PRIORITIES
