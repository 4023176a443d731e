"""Floods of HTTP/2: frames of clients that make work instead of asking for something."""

from .http2 import (
    ENABLE_PUSH,
    INITIAL_WINDOW_SIZE,
    block,
    continuation,
    data,
    frame,
    headers,
    indexed,
    indexed_literal,
    literal,
    ping,
    priority,
    request,
    request_fields,
    rst_stream,
    settings,
    table_size,
    window_update,
)

PUBLIC = block(*request_fields("/public"))
WAITING = block(*request_fields("/wait", method="POST"))


def stream(i):
    return 2 * i + 1


# What is sent once before the flood, a unit of it, and how many frames of answers there may be.
FLOODS = {
    # requests that are taken back at once, before the gate or an origin can answer
    "rapid reset": (b"", lambda i: request(stream(i), path="/public") + rst_stream(stream(i)), 2000),
    "rapid reset of requests for an origin": (b"", lambda i: request(stream(i), path="/wait") + rst_stream(stream(i)), 2000),
    "rapid reset of bodies": (b"", lambda i: headers(stream(i), WAITING, end=False) + data(stream(i), b"x", end=False)
                              + rst_stream(stream(i)), 2000),
    # resets that the client makes the gate send
    "malformed fields": (b"", lambda i: request(stream(i), ("Bad", "x"), path="/wait"), 2000),
    "malformed pseudo-fields": (b"", lambda i: request(stream(i), (":path", "/x"), path="/wait"), 2000),
    "a length that is not kept": (b"", lambda i: headers(stream(i), WAITING + block(("content-length", "1")), end=False)
                                  + data(stream(i), b"xx", end=False), 2000),
    "a length without a body": (b"", lambda i: request(stream(i), ("content-length", "5"), path="/wait"), 2000),
    "increments of nothing": (b"", lambda i: headers(stream(i), WAITING, end=False) + window_update(stream(i), 0), 2000),
    "windows that overflow": (b"", lambda i: headers(stream(i), WAITING, end=False) + window_update(stream(i), 0x7FFFFFFF), 2000),
    "trailers that do not end": (b"", lambda i: headers(stream(i), WAITING, end=False) + headers(stream(i), block(("a", "b")), end=False), 2000),
    # frames that say nothing
    "SETTINGS": (b"", lambda i: settings((ENABLE_PUSH, 0)), 2000),
    "SETTINGS with many entries": (b"", lambda i: settings(*[(INITIAL_WINDOW_SIZE, n) for n in range(100)]), 2000),
    "empty SETTINGS": (b"", lambda i: settings(), 2000),
    "PING": (b"", lambda i: ping(b"%08d" % i), 3000),
    "PRIORITY": (b"", lambda i: priority(1, 0, i % 256), 5000),
    "PRIORITY of streams that are idle": (b"", lambda i: priority(stream(i) + 100), 5000),
    "PRIORITY_UPDATE": (b"", lambda i: frame(16, 0, 0, b"\0\0\0\1u=%d" % (i % 8)), 5000),
    "increments of one": (b"", lambda i: window_update(0, 1), 20000),
    "increments of one on a stream": (headers(1, WAITING, end=False), lambda i: window_update(1, 1), 20000),
    "empty DATA": (headers(1, WAITING, end=False), lambda i: data(1, b"", end=False), 5000),
    "DATA of padding": (headers(1, WAITING, end=False), lambda i: data(1, b"", end=False, pad=1), 5000),
    "DATA of one byte": (headers(1, WAITING, end=False), lambda i: data(1, b"x", end=False), 20000),
    "unknown frames": (b"", lambda i: frame(0xEE, 0, 0, b""), 20000),
    "RST_STREAM of one stream": (request(1, path="/public") + rst_stream(1), lambda i: rst_stream(1), 5000),
    "DATA of a stream that was reset": (request(1, ("Bad", "x"), end=False, path="/wait"), lambda i: data(1, b"x", end=False), 20000),
    # header blocks
    "CONTINUATION": (headers(1, PUBLIC[:5], end_headers=False), lambda i: continuation(1, literal("x%d" % i, "y"), end_headers=False), 2000),
    "empty CONTINUATION": (headers(1, PUBLIC, end_headers=False), lambda i: continuation(1, b"", end_headers=False), 2000),
    "heads that are too large": (b"", lambda i: headers(stream(i), PUBLIC + block(*[("x", "y" * 4000)] * 4, ), end_headers=False)
                                 + b"".join(continuation(stream(i), literal("z", "y" * 16000), end_headers=n == 4) for n in range(5)), 500),
    "a bomb of indexed fields": (headers(1, PUBLIC + indexed_literal("bomb", "b" * 3900)),
                                 lambda i: headers(stream(i) + 2, PUBLIC + indexed(62) * 4000), 300),
    "sizes of the table": (b"", lambda i: headers(stream(i), table_size(0) + table_size(4096) + PUBLIC + block(("Bad", "x"))), 2000),
}


MAY_BREAK = {"malformed fields", "malformed pseudo-fields", "a length that is not kept", "a length without a body",
             "increments of nothing", "windows that overflow", "trailers that do not end", "sizes of the table"}
