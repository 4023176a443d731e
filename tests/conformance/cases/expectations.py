"""Expect, and what a client wants to switch to (RFC 9110 §10.1.1 and §7.8, RFC 6455 §4)."""

from . import get, passes, post, reached, refused

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")
VERSION = "Sec-WebSocket-Version: 13"
HANDSHAKE = "websocket.handshake"

EXPECT = [
    passes("100-continue with its body at once", "9110 §10.1.1", post("Expect: 100-continue", "Content-Length: 3", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("100-continue in other letters", "9110 §10.1.1", post("Expect: 100-Continue", "Content-Length: 3", body="abc"),
           reached("POST /", framing=["Content-Length: 3"], body="abc")),
    passes("100-continue without a body means nothing", "9110 §10.1.1", get("Expect: 100-continue"), reached()),
    passes("Expect in HTTP/1.0 means nothing", "9110 §10.1.1", post("Expect: 100-continue", "Content-Length: 3", body="abc", version="1.0"),
           reached("POST /", framing=["Content-Length: 3"], body="abc"), keeps=False),
    *[refused(f"Expect: {value!r}", "9110 §10.1.1", post(f"Expect: {value}", "Content-Length: 3", body="abc"), 417, "h1.expect")
      for value in ["", "x", "100", "100-continue, x", "200-ok", "100-continue;a=b", '"100-continue"', "100 continue"]],
    refused("two expectations", "9110 §10.1.1", post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 3", body="abc"), 417, "h1.expect"),
]

SWITCH = [
    passes("h2c is not switched to", "9110 §7.8", get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), reached()),
    passes("h2c in a list is not switched to", "9110 §7.8", get("Connection: Upgrade", "Upgrade: h2c, foo"), reached()),
    passes("TLS is not switched to", "9110 §7.8", get("Connection: Upgrade", "Upgrade: TLS/1.2"), reached()),
    passes("websocket without Connection: Upgrade", "9110 §7.8", get("Upgrade: websocket", KEY, VERSION), reached(fields=[KEY, VERSION])),
    passes("a handshake that the origin does not accept", "6455 §4.1", get(*UPGRADE, KEY, VERSION),
           reached(fields=[KEY, VERSION], last=UPGRADE)),
    refused("websocket and h2c together", "6455 §4.2.1", get("Connection: Upgrade", "Upgrade: websocket, h2c", KEY, VERSION), 400, HANDSHAKE),
    refused("h2c and websocket on two lines", "6455 §4.2.1", get("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", KEY, VERSION), 400, HANDSHAKE),
    refused("a handshake without a key", "6455 §4.2.1", get(*UPGRADE, VERSION), 400, HANDSHAKE),
    refused("a handshake with two keys", "6455 §4.2.1", get(*UPGRADE, KEY, KEY, VERSION), 400, HANDSHAKE),
    refused("a handshake with a short key", "6455 §4.2.1", get(*UPGRADE, "Sec-WebSocket-Key: YWJj", VERSION), 400, HANDSHAKE),
    refused("a handshake with a key that is not base64", "6455 §4.2.1", get(*UPGRADE, "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==", VERSION), 400, HANDSHAKE),
    refused("a handshake without a version", "6455 §4.2.1", get(*UPGRADE, KEY), 400, HANDSHAKE),
    refused("a handshake of another version", "6455 §4.4", get(*UPGRADE, KEY, "Sec-WebSocket-Version: 8"), 426, "websocket.version"),
    refused("a handshake with POST", "6455 §4.2.1", post(*UPGRADE, KEY, VERSION), 400, HANDSHAKE),
    refused("a handshake with a body", "6455 §4.2.1", get(*UPGRADE, KEY, VERSION, "Content-Length: 3") + b"abc", 400, HANDSHAKE),
    refused("a handshake whose key Connection names", "9110 §7.6.1",
            get("Connection: Upgrade, Sec-WebSocket-Key", "Upgrade: websocket", KEY, VERSION), 400, "h1.connection"),
    passes("websocket of a version is not switched to", "9110 §7.8", get("Connection: Upgrade", "Upgrade: websocket/13", KEY, VERSION),
           reached(fields=[KEY, VERSION])),
    passes("websocket in other letters", "9110 §7.8", get("Connection: upgrade", "Upgrade: WebSocket", KEY, VERSION),
           reached(fields=[KEY, VERSION], last=UPGRADE)),
    refused("a handshake with two versions", "6455 §4.2.1", get(*UPGRADE, KEY, VERSION, VERSION), 400, HANDSHAKE),
    refused("a handshake with chunks", "6455 §4.2.1", get(*UPGRADE, KEY, VERSION, "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, HANDSHAKE),
    refused("what stands behind a refused handshake is no request", "6455 §4.2.1", get(*UPGRADE, VERSION) + get(target="/smuggled"), 400,
            HANDSHAKE),
    passes("a handshake in HTTP/1.0 means nothing", "9110 §7.8", get(*UPGRADE, KEY, VERSION, version="1.0"), reached(fields=[KEY, VERSION]), keeps=False),
]

CASES = EXPECT + SWITCH
