"""SETTINGS, PING, GOAWAY, WINDOW_UPDATE and the windows (RFC 9113 §5.2, §6.5 to §6.9; RFC 8441 §3;
RFC 9218 §2.1)."""

from harness.http2 import (DATA, ENABLE_CONNECT_PROTOCOL, ENABLE_PUSH, GOAWAY, HEADER_TABLE_SIZE,
                           INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, PING,
                           PREFACE, SETTINGS, WINDOW_UPDATE, data, frame, goaway, ping, request_fields, rst_stream,
                           settings, window_update)

from . import Answers, Closes, Holds, Ignores, Resets, barrier, end_of, get, head_of, post, strict

NO_RFC7540_PRIORITIES = 9
BIG = request_fields("/big")  # 100,000 bytes of the origin
WHOLE = 100000


def good(name, rfc, *pairs):
    return strict(name, rfc, settings(*pairs), barrier, get(), Answers(body=b"public"))


def bad(name, rfc, code, *pairs):
    return strict(name, rfc, settings(*pairs), Closes(code))


SETTINGS_VALUES = [
    good("no settings", "9113 §6.5"),
    good("an unknown setting", "9113 §6.5.2", (0xFFFF, 0xFFFFFFFF)),
    good("setting 0", "9113 §6.5.2", (0, 1)),
    good("push switched off", "9113 §6.5.2", (ENABLE_PUSH, 0)),
    good("push switched on: nothing is pushed", "9113 §8.4", (ENABLE_PUSH, 1)),
    bad("ENABLE_PUSH of 2", "9113 §6.5.2", "PROTOCOL_ERROR", (ENABLE_PUSH, 2)),
    bad("ENABLE_PUSH of 4294967295", "9113 §6.5.2", "PROTOCOL_ERROR", (ENABLE_PUSH, 0xFFFFFFFF)),
    good("the largest initial window", "9113 §6.5.2", (INITIAL_WINDOW_SIZE, 0x7FFFFFFF)),
    bad("an initial window above the largest", "9113 §6.5.2", "FLOW_CONTROL_ERROR", (INITIAL_WINDOW_SIZE, 0x80000000)),
    bad("an initial window of 4294967295", "9113 §6.5.2", "FLOW_CONTROL_ERROR", (INITIAL_WINDOW_SIZE, 0xFFFFFFFF)),
    good("the smallest frame size", "9113 §6.5.2", (MAX_FRAME_SIZE, 16384)),
    good("the largest frame size", "9113 §6.5.2", (MAX_FRAME_SIZE, 0xFFFFFF)),
    bad("a frame size below the smallest", "9113 §6.5.2", "PROTOCOL_ERROR", (MAX_FRAME_SIZE, 16383)),
    bad("a frame size of 0", "9113 §6.5.2", "PROTOCOL_ERROR", (MAX_FRAME_SIZE, 0)),
    bad("a frame size above the largest", "9113 §6.5.2", "PROTOCOL_ERROR", (MAX_FRAME_SIZE, 0x1000000)),
    good("no streams of the server", "9113 §6.5.2", (MAX_CONCURRENT_STREAMS, 0)),
    good("a table of 0 bytes for the responses", "9113 §6.5.2", (HEADER_TABLE_SIZE, 0)),
    good("a table of 4 GiB for the responses", "9113 §6.5.2", (HEADER_TABLE_SIZE, 0xFFFFFFFF)),
    good("a small list of fields for the responses", "9113 §6.5.2", (MAX_HEADER_LIST_SIZE, 4096)),
    good("ENABLE_CONNECT_PROTOCOL of a client", "8441 §3", (ENABLE_CONNECT_PROTOCOL, 1)),
    bad("ENABLE_CONNECT_PROTOCOL of 2", "8441 §3", "PROTOCOL_ERROR", (ENABLE_CONNECT_PROTOCOL, 2)),
    bad("NO_RFC7540_PRIORITIES of 2", "9218 §2.1", "PROTOCOL_ERROR", (NO_RFC7540_PRIORITIES, 2)),
    strict("NO_RFC7540_PRIORITIES that changes", "9218 §2.1", settings((NO_RFC7540_PRIORITIES, 0)), Closes("PROTOCOL_ERROR"),
           preface=PREFACE + settings((NO_RFC7540_PRIORITIES, 1))),
    strict("the last of two values counts", "9113 §6.5.3", settings((INITIAL_WINDOW_SIZE, 1), (INITIAL_WINDOW_SIZE, 3)), get(1, base=BIG), head_of(1),
           barrier, Holds("three bytes", lambda c: len(c.stream(1).body) == 3), gives_window=False),
    strict("a bad value behind a good one", "9113 §6.5.3", settings((ENABLE_PUSH, 0), (ENABLE_PUSH, 7)), Closes("PROTOCOL_ERROR")),
    strict("SETTINGS on a stream", "9113 §6.5", frame(SETTINGS, 0, 1), Closes("PROTOCOL_ERROR")),
    strict("an acknowledgement on a stream", "9113 §6.5", frame(SETTINGS, 1, 1), Closes("PROTOCOL_ERROR")),
    strict("each SETTINGS is acknowledged", "9113 §6.5.3", settings((1, 1)), settings((1, 2)), settings(), barrier,
           Holds("four acknowledgements", lambda c: c.settings_acks == 4)),
    strict("an acknowledgement too many", "9113 §6.5", barrier, settings(ack=True), Closes("PROTOCOL_ERROR")),
    strict("websockets are told to be possible", "8441 §3", barrier, Holds("the setting", lambda c: c.peer_settings.get(ENABLE_CONNECT_PROTOCOL) == 1)),
    strict("the gate does not push and says nothing of it", "9113 §6.5.2", barrier, Holds("no ENABLE_PUSH of 1", lambda c: c.peer_settings.get(ENABLE_PUSH, 0) == 0)),
    strict("a limit for lists of fields is told", "9113 §6.5.2", barrier, Holds("a limit", lambda c: c.peer_settings.get(MAX_HEADER_LIST_SIZE, 0) >= 16384)),
]

PINGS = [
    strict("PING is answered with its payload", "9113 §6.7", ping(b"\0\xff\0\xff\1\2\3\4"), barrier, Holds("it", lambda c: c.pings[0] == b"\0\xff\0\xff\1\2\3\4")),
    strict("PINGs are answered in order", "9113 §6.7", *[ping(b"%08d" % i) for i in range(5)], barrier,
           Holds("them", lambda c: c.pings[:5] == [b"%08d" % i for i in range(5)])),
    strict("PING while a body goes up", "9113 §6.7", post(), data(1, b"ab", end=False), barrier, data(1, b"c"), Answers(body=b"3")),
    strict("PING on a stream", "9113 §6.7", frame(PING, 0, 1, b"12345678"), Closes("PROTOCOL_ERROR")),
    strict("an answer to no PING", "9113 §6.7", ping(b"unasked!", ack=True), Ignores()),
    strict("an answer to no PING on a stream", "9113 §6.7", frame(PING, 1, 3, b"12345678"), Closes("PROTOCOL_ERROR")),
]

GOAWAYS = [
    strict("GOAWAY on a stream", "9113 §6.8", frame(GOAWAY, 0, 1, bytes(8)), Closes("PROTOCOL_ERROR")),
    strict("what has begun goes on behind GOAWAY", "9113 §6.8", post(), goaway(0), data(1, b"abc"), end_of(1), Closes(None)),
    strict("GOAWAY of an idle connection ends it", "9113 §6.8", goaway(0), Closes(None)),
    strict("GOAWAY with an unknown code and a text", "9113 §7", get(), end_of(1), goaway(0, 0xDEAD, b"text" * 9), Closes(None)),
    strict("GOAWAY whose last stream grows", "9113 §6.8", post(), goaway(0), goaway(2), Closes("PROTOCOL_ERROR")),
    strict("the last stream is named in GOAWAY", "9113 §6.8", get(1), end_of(1), get(5), end_of(5), frame(PING, 0, 0, b"x"),
           lambda c: c.read_to_end() and None, Holds("stream 5", lambda c: c.goaways[-1][:2] == (5, "FRAME_SIZE_ERROR"))),
    strict("no stream is named when there was none", "9113 §6.8", frame(PING, 0, 0, b"x"), lambda c: c.read_to_end() and None,
           Holds("stream 0", lambda c: c.goaways[-1][:2] == (0, "FRAME_SIZE_ERROR"))),
]


def has(stream, count):
    return lambda c: c.read_until(lambda: len(c.stream(stream).body) >= count, f"{count} bytes of the body") and None


def exactly(count, stream=1):
    return Holds(f"{count} bytes", lambda c: len(c.stream(stream).body) == count and not c.stream(stream).ended)


SMALL = PREFACE + settings((INITIAL_WINDOW_SIZE, 10))
NONE = PREFACE + settings((INITIAL_WINDOW_SIZE, 0))
HUGE = PREFACE + settings((INITIAL_WINDOW_SIZE, 0x7FFFFFFF))

WINDOWS = [
    strict("an increment of 0 for the connection", "9113 §6.9", window_update(0, 0), Closes("PROTOCOL_ERROR")),
    strict("an increment of 0 for a stream", "9113 §6.9", post(), window_update(1, 0), Closes("PROTOCOL_ERROR")),
    strict("a window of the connection above the largest", "9113 §6.9.1", window_update(0, 0x7FFFFFFF), Closes("FLOW_CONTROL_ERROR")),
    strict("a window of the connection that grows above the largest", "9113 §6.9.1", window_update(0, 0x40000000), window_update(0, 0x40000000),
           Closes("FLOW_CONTROL_ERROR")),
    strict("the largest window of the connection", "9113 §6.9.1", window_update(0, 0x7FFFFFFF - 65535), Ignores()),
    strict("a window of a stream above the largest", "9113 §6.9.1", post(), window_update(1, 0x7FFFFFFF), Closes("FLOW_CONTROL_ERROR")),
    strict("the largest window of a stream", "9113 §6.9.1", post(), window_update(1, 0x7FFFFFFF - 65535), data(1, b"abc"), Answers(body=b"3")),
    strict("no more than the initial window is sent", "9113 §6.9.2", get(1, base=BIG), has(1, 10), barrier, exactly(10), preface=SMALL, gives_window=False),
    strict("no more than the connection's window is sent", "9113 §6.9.1", get(1, base=BIG), has(1, 65535), barrier, exactly(65535),
           preface=HUGE, gives_window=False),
    strict("the connection's window is shared", "9113 §6.9.1", get(1, base=BIG), has(1, 65535), get(3, base=BIG), head_of(3), barrier, exactly(0, stream=3),
           preface=HUGE, gives_window=False),
    strict("a window of 0 holds the body back", "9113 §6.9.2", get(1), head_of(1), barrier, exactly(0), preface=NONE, gives_window=False),
    strict("an increment lets as much go", "9113 §6.9", get(1, base=BIG), head_of(1), window_update(1, 1), has(1, 1), barrier, exactly(1),
           preface=NONE, gives_window=False),
    strict("a larger initial window lets open streams go on", "9113 §6.9.2", get(1, base=BIG), has(1, 10), settings((INITIAL_WINDOW_SIZE, 25)), has(1, 25),
           barrier, exactly(25), preface=SMALL, gives_window=False),
    strict("a window may become negative", "9113 §6.9.2", get(1, base=BIG), has(1, 10), settings((INITIAL_WINDOW_SIZE, 0)), window_update(1, 10), barrier,
           exactly(10), preface=SMALL, gives_window=False),
    strict("a negative window has to be filled first", "9113 §6.9.2", get(1, base=BIG), has(1, 10), settings((INITIAL_WINDOW_SIZE, 0)), window_update(1, 11),
           has(1, 11), barrier, exactly(11), preface=SMALL, gives_window=False),
    strict("a setting that makes a window too large", "9113 §6.9.2", post(), window_update(1, 0x7FFFFFFF - 65535), settings((INITIAL_WINDOW_SIZE, 65536)),
           Closes("FLOW_CONTROL_ERROR")),
    strict("the whole body as windows are given", "9113 §6.9", get(1, base=BIG), end_of(1), Holds("it", lambda c: len(c.stream(1).body) == WHOLE)),
    strict("an empty body needs no window", "9113 §6.9", get(1, base=request_fields("/empty")), Answers(body=b""), preface=NONE, gives_window=False),
    strict("frames as large as allowed, no larger", "9113 §4.2", get(1, base=BIG), end_of(1),
           Holds("16384 at most", lambda c: max(len(f.payload) for f in c.frames) <= 16384)),
    strict("a body within the gate's window", "9113 §6.9", post(), *[data(1, bytes(16000), end=i == 3) for i in range(4)], Answers(body=b"64000")),
    strict("a body larger than the gate's window", "9113 §6.9", post(), lambda c: upload(c, 1, 400000), Answers(body=b"400000")),
    strict("padding counts in the window", "9113 §6.9.1", post(), lambda c: upload(c, 1, 100000, pad=255), Answers(body=b"100000")),
    strict("what a reset stream sent counts in the connection's window", "9113 §6.9.1", *[lambda c, n=n: abandon(c, n) for n in range(1, 41, 2)],
           post(101), lambda c: upload(c, 101, 100000), Answers(stream=101, body=b"100000")),
    strict("a body beyond the window", "9113 §6.9.1", post(base=request_fields("/unread", method="POST")), lambda c: overrun(c, 1), Closes("FLOW_CONTROL_ERROR")),
]


def granted(client, stream):
    """The windows that the gate has given so far, of the connection and of a stream."""
    given = [(f.stream, int.from_bytes(f.payload, "big")) for f in client.frames if f.kind == WINDOW_UPDATE]
    initial = client.peer_settings.get(INITIAL_WINDOW_SIZE, 65535)
    return (65535 + sum(n for s, n in given if s == 0), initial + sum(n for s, n in given if s == stream))


def sent(client):
    """What has been sent of bodies on a connection and its streams, padding included."""
    if not hasattr(client, "bodies_sent"):
        client.bodies_sent = {0: 0}
    return client.bodies_sent


def upload(client, stream, count, pad=None):
    """A body of so many bytes, as the gate's windows allow it."""
    client.barrier()
    counts = sent(client)
    counts.setdefault(stream, 0)
    extra = 0 if pad is None else pad + 1
    while count:
        def room():
            connection, own = granted(client, stream)
            return min(connection - counts[0], own - counts[stream], 16384) - extra

        client.read_until(lambda: room() > 0 or client.stream(stream).is_over, "a window")
        assert not client.stream(stream).is_over, client.story()
        piece = min(room(), count)
        count -= piece
        client.send(data(stream, bytes(piece), end=count == 0, pad=pad))
        counts[0] += piece + extra
        counts[stream] += piece + extra


def abandon(client, stream):
    """A request that is reset in its body; its DATA stays counted for the connection."""
    client.barrier()
    counts = sent(client)
    client.read_until(lambda: granted(client, stream)[0] - counts[0] >= 16000, "a window")
    client.send(post(stream), data(stream, bytes(16000), end=False), rst_stream(stream))
    counts[0] += 16000


def overrun(client, stream):
    """Far more than all windows and all buffers behind them, without asking."""
    for _ in range(4096):
        client.send_as_far_as_taken(data(stream, bytes(16384), end=False))
        if client.has_ended_so_far():
            return


CASES = SETTINGS_VALUES + PINGS + GOAWAYS + WINDOWS
