"""The preface, the layout of frames, their sizes and padding, and blocks of fields in several of them
(RFC 9113 §3.4, §4, §6)."""

from harness.http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAX_FRAME_SIZE, PADDED,
                           PING, PRIORITY, PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                           WITH_PRIORITY, block, continuation, data, dependency, frame, goaway, headers, ping, priority,
                           request_fields, rst_stream, settings, window_update)

from . import PREFACE, PUBLIC, Answers, Closes, Holds, Ignores, Resets, barrier, get, post, strict

BLOCK = block(*PUBLIC)
UNKNOWN = 0xEE


def largest(client):
    """The payload that the gate takes in one frame."""
    client.read_until(lambda: client.peer_settings or client.settings_acks, "SETTINGS")
    return client.peer_settings.get(MAX_FRAME_SIZE, 16384)


PREFACES = [
    strict("the preface with empty SETTINGS", "9113 §3.4", get(), Answers()),
    strict("SETTINGS are the first that the server sends", "9113 §3.4", barrier,
           Holds("SETTINGS first", lambda c: c.frames[0].kind == SETTINGS and not c.frames[0].flags & ACK)),
    strict("the client's SETTINGS are acknowledged", "9113 §6.5.3", barrier, Holds("an acknowledgement", lambda c: c.settings_acks == 1)),
    strict("the preface byte by byte", "9113 §3.4", *[PREFACE[i : i + 1] for i in range(len(PREFACE))], get(), Answers(), preface=b""),
    strict("the preface in two pieces", "9113 §3.4", PREFACE[:12], PREFACE[12:] + get(), Answers(), preface=b""),
    strict("the preface and a request in one packet", "9113 §3.4", PREFACE + get(), Answers(), preface=b""),
    strict("requests before the server's SETTINGS are acknowledged", "9113 §6.5.3", get(), get(3), Answers(stream=3), acknowledges=False),
    strict("another preface", "9113 §3.4", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Closes(None), preface=b""),
    strict("half a preface and the end", "9113 §3.4", PREFACE[:10], lambda c: c.finish() and None, Closes(None), preface=b""),
    strict("PING in front of SETTINGS", "9113 §3.4", ping(), Closes("PROTOCOL_ERROR"), preface=PREFACE[:24]),
    strict("HEADERS in front of SETTINGS", "9113 §3.4", get(), Closes("PROTOCOL_ERROR"), preface=PREFACE[:24]),
    strict("WINDOW_UPDATE in front of SETTINGS", "9113 §3.4", window_update(0, 1), Closes("PROTOCOL_ERROR"), preface=PREFACE[:24]),
    strict("an unknown frame in front of SETTINGS", "9113 §3.4", frame(UNKNOWN, 0, 0, b"x"), Closes("PROTOCOL_ERROR"), preface=PREFACE[:24]),
    strict("an acknowledgement in front of SETTINGS", "9113 §3.4", settings(ack=True), Closes("PROTOCOL_ERROR"), preface=PREFACE[:24]),
    strict("the preface twice", "9113 §3.4", PREFACE, Closes("FRAME_SIZE_ERROR")),
]

LAYOUT = [
    strict("an unknown frame on stream 0", "9113 §4.1", frame(UNKNOWN, 0xFF, 0, b"x" * 8), Ignores()),
    strict("an unknown frame on an idle stream", "9113 §5.5", frame(UNKNOWN, 0, 101, b"x" * 8), Ignores()),
    strict("an unknown frame on an open stream", "9113 §5.5", post(), frame(UNKNOWN, 0, 1, b"x"), data(1, b"abc"), Answers(body=b"3")),
    strict("an unknown frame without payload", "9113 §4.1", frame(UNKNOWN), Ignores()),
    strict("an unknown frame of the largest size", "9113 §4.2", lambda c: frame(UNKNOWN, 0, 0, bytes(largest(c))), Ignores()),
    strict("the reserved bit of a stream", "9113 §4.1", get(0x80000001), Answers()),
    strict("the reserved bit of an increment", "9113 §6.9", window_update(0, 0x80000001), Ignores()),
    strict("the reserved bit of GOAWAY", "9113 §6.8", get(), goaway(0x80000000), Closes(None)),
    strict("flags that PING does not have", "9113 §4.1", frame(PING, 0xFE, 0, b"12345678"), Holds("an answer", lambda c: b"12345678" in c.pings)),
    strict("flags that DATA does not have", "9113 §4.1", post(), frame(DATA, 0xF6 | END_STREAM, 1, b"abc"), Answers(body=b"3")),
    strict("flags that HEADERS does not have", "9113 §4.1", frame(HEADERS, 0xD2 | END_STREAM | END_HEADERS, 1, BLOCK), Answers()),
    strict("flags that SETTINGS does not have", "9113 §4.1", frame(SETTINGS, 0xFE), barrier, Holds("an acknowledgement", lambda c: c.settings_acks == 2)),
    strict("flags that WINDOW_UPDATE does not have", "9113 §4.1", frame(WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1"), Ignores()),
    strict("flags that RST_STREAM does not have", "9113 §4.1", post(), frame(RST_STREAM, 0xFF, 1, b"\0\0\0\x08"), Ignores()),
    strict("flags that CONTINUATION does not have", "9113 §4.1", headers(1, BLOCK[:9], end_headers=False),
           frame(CONTINUATION, 0xFB | END_HEADERS, 1, BLOCK[9:]), Answers()),
    strict("END_STREAM on CONTINUATION means nothing", "9113 §6.10",
           headers(1, block(*request_fields("/echo", method="POST"))[:9], end=False, end_headers=False),
           frame(CONTINUATION, END_STREAM | END_HEADERS, 1, block(*request_fields("/echo", method="POST"))[9:]), data(1, b"abcd"), Answers(body=b"4")),
    strict("frames cut into single bytes", "9113 §4.1", *[get()[i : i + 1] for i in range(len(get()))], Answers()),
    strict("PUSH_PROMISE of a client", "9113 §8.4", frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + BLOCK), Closes("PROTOCOL_ERROR")),
    strict("PUSH_PROMISE on an open stream", "9113 §8.4", post(), frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + BLOCK), Closes("PROTOCOL_ERROR")),
]

SIZES = [
    strict("DATA of the largest size", "9113 §4.2", post(), lambda c: data(1, bytes(largest(c))), Answers()),
    strict("DATA above the largest size", "9113 §4.2", post(), lambda c: data(1, bytes(largest(c) + 1)), Closes("FRAME_SIZE_ERROR")),
    strict("HEADERS above the largest size", "9113 §4.2", lambda c: headers(1, bytes(largest(c) + 1)), Closes("FRAME_SIZE_ERROR")),
    strict("CONTINUATION above the largest size", "9113 §4.2", barrier, headers(1, BLOCK, end_headers=False),
           lambda c: continuation(1, bytes(largest(c) + 1)), Closes("FRAME_SIZE_ERROR")),
    strict("an unknown frame above the largest size", "9113 §4.2", lambda c: frame(UNKNOWN, 0, 0, bytes(largest(c) + 1)), Closes("FRAME_SIZE_ERROR")),
    strict("SETTINGS above the largest size", "9113 §4.2", lambda c: frame(SETTINGS, 0, 0, bytes(largest(c) + 6)), Closes("FRAME_SIZE_ERROR")),
    strict("a frame that claims 16 MiB", "9113 §4.2", post(), frame(DATA, 0, 1, b"x", length=0xFFFFFF), Closes("FRAME_SIZE_ERROR")),
    *[strict(f"PRIORITY of {n} bytes", "9113 §6.3", post(), frame(PRIORITY, 0, 1, bytes(n)), Closes("FRAME_SIZE_ERROR")) for n in (0, 4, 6)],
    *[strict(f"RST_STREAM of {n} bytes", "9113 §6.4", post(), frame(RST_STREAM, 0, 1, bytes(n)), Closes("FRAME_SIZE_ERROR")) for n in (0, 3, 5)],
    *[strict(f"SETTINGS of {n} bytes", "9113 §6.5", frame(SETTINGS, 0, 0, bytes(n)), Closes("FRAME_SIZE_ERROR")) for n in (1, 5, 7)],
    strict("an acknowledgement with settings", "9113 §6.5", frame(SETTINGS, ACK, 0, bytes(6)), Closes("FRAME_SIZE_ERROR")),
    *[strict(f"PING of {n} bytes", "9113 §6.7", frame(PING, 0, 0, bytes(n)), Closes("FRAME_SIZE_ERROR")) for n in (0, 7, 9)],
    *[strict(f"GOAWAY of {n} bytes", "9113 §6.8", frame(GOAWAY, 0, 0, bytes(n)), Closes("FRAME_SIZE_ERROR")) for n in (0, 7)],
    *[strict(f"WINDOW_UPDATE of {n} bytes", "9113 §6.9", frame(WINDOW_UPDATE, 0, 0, b"\1" * n), Closes("FRAME_SIZE_ERROR")) for n in (0, 3, 5)],
    strict("WINDOW_UPDATE of 3 bytes on a stream", "9113 §6.9", post(), frame(WINDOW_UPDATE, 0, 1, b"\1\1\1"), Closes("FRAME_SIZE_ERROR")),
]

PADDING = [
    strict("DATA with padding", "9113 §6.1", post(), data(1, b"abc", pad=200), Answers(body=b"3")),
    strict("DATA with padding of no byte", "9113 §6.1", post(), data(1, b"abc", pad=0), Answers(body=b"3")),
    strict("DATA of padding alone", "9113 §6.1", post(), data(1, b"abc", end=False), data(1, b"", pad=255), Answers(body=b"3")),
    strict("DATA with padding as long as the frame", "9113 §6.1", post(), frame(DATA, PADDED | END_STREAM, 1, b"\3ab"), Closes("PROTOCOL_ERROR")),
    strict("DATA with more padding than the frame has", "9113 §6.1", post(), frame(DATA, PADDED | END_STREAM, 1, b"\xffab"), Closes("PROTOCOL_ERROR")),
    strict("padded DATA without a length", "9113 §6.1", post(), frame(DATA, PADDED | END_STREAM, 1, b""), Closes("FRAME_SIZE_ERROR")),
    strict("HEADERS with padding", "9113 §6.2", get(pad=100), Answers()),
    strict("HEADERS with padding and a priority", "9113 §6.2", get(pad=7, priority=dependency(0)), Answers()),
    strict("HEADERS with padding as long as the frame", "9113 §6.2", frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, bytes([len(BLOCK) + 1]) + BLOCK),
           Closes("PROTOCOL_ERROR")),
    strict("HEADERS with more padding than the frame has", "9113 §6.2", frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, b"\xff" + BLOCK[:20]),
           Closes("PROTOCOL_ERROR")),
    strict("padded HEADERS without a length", "9113 §6.2", frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, b""), Closes("FRAME_SIZE_ERROR")),
    strict("HEADERS with half a priority", "9113 §6.2", frame(HEADERS, WITH_PRIORITY | END_HEADERS | END_STREAM, 1, bytes(4)), Closes("FRAME_SIZE_ERROR")),
    strict("HEADERS whose priority is in the padding", "9113 §6.2",
           frame(HEADERS, PADDED | WITH_PRIORITY | END_HEADERS | END_STREAM, 1, b"\3" + bytes(5)), Closes("PROTOCOL_ERROR")),
]

BETWEEN = [("PRIORITY", priority(3)), ("PRIORITY of the same stream", priority(1)), ("PING", ping()), ("SETTINGS", settings()),
           ("WINDOW_UPDATE", window_update(0, 1)), ("RST_STREAM", rst_stream(1)), ("GOAWAY", goaway()), ("DATA", data(1, b"x")),
           ("HEADERS of another stream", get(3)), ("HEADERS of the same stream", get(1)), ("an unknown frame", frame(UNKNOWN, 0, 1, b"x")),
           ("PRIORITY_UPDATE", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=1")), ("CONTINUATION of another stream", continuation(3, BLOCK[9:]))]

BLOCKS = [
    strict("a block in HEADERS and CONTINUATION", "9113 §6.10", headers(1, BLOCK[:9], end_headers=False), continuation(1, BLOCK[9:]), Answers()),
    strict("a block in six frames", "9113 §6.10", headers(1, BLOCK[:5], end_headers=False),
           *[continuation(1, BLOCK[i : i + 12], end_headers=i + 12 >= len(BLOCK)) for i in range(5, len(BLOCK), 12)], Answers()),
    strict("a block that begins in CONTINUATION", "9113 §6.10", headers(1, b"", end_headers=False), continuation(1, BLOCK), Answers()),
    strict("a block with an empty CONTINUATION at its end", "9113 §6.10", headers(1, BLOCK, end_headers=False), continuation(1, b""), Answers()),
    strict("a padded block that goes on", "9113 §6.10", headers(1, BLOCK[:9], end_headers=False, pad=3), continuation(1, BLOCK[9:]), Answers()),
    *[strict(f"{name} inside a block", "9113 §6.10", headers(1, BLOCK[:9], end_headers=False), sent, Closes("PROTOCOL_ERROR")) for name, sent in BETWEEN],
    strict("CONTINUATION on stream 0", "9113 §6.10", headers(1, BLOCK[:9], end_headers=False), continuation(0, BLOCK[9:]), Closes("PROTOCOL_ERROR")),
    strict("CONTINUATION behind a whole block", "9113 §6.10", post(), continuation(1, b""), Closes("PROTOCOL_ERROR")),
    strict("CONTINUATION behind CONTINUATION that ended the block", "9113 §6.10", headers(1, BLOCK[:9], end=False, end_headers=False),
           continuation(1, BLOCK[9:]), continuation(1, b""), Closes("PROTOCOL_ERROR")),
    strict("CONTINUATION behind DATA", "9113 §6.10", post(), data(1, b"abc", end=False), continuation(1, b""), Closes("PROTOCOL_ERROR")),
    strict("CONTINUATION alone", "9113 §6.10", continuation(1, BLOCK), Closes("PROTOCOL_ERROR")),
    strict("the end in the middle of a block", "9113 §6.10", headers(1, BLOCK[:9], end_headers=False), lambda c: c.finish() and None, Closes(None)),
]

CASES = PREFACES + LAYOUT + SIZES + PADDING + BLOCKS
