"""WebSocket over HTTP/2 (RFC 8441): CONNECT with :protocol becomes the handshake of HTTP/1."""

from .. import reached
from . import malformed, passes, raw, refused, told

C, S, A, P = (":method", "CONNECT"), (":scheme", "http"), (":authority", "a.test"), (":path", "/chat")
W, V = (":protocol", "websocket"), ("sec-websocket-version", "13")
VERSION, KEY = "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: KEY"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")


def handshake(*fields, path="/chat"):
    return reached(f"GET {path}", fields, last=UPGRADE)


def connect(*fields, end=False, pseudo=(C, W, S, A, P)):
    return raw(*pseudo, *fields, end=end)


CASES = told("h2.pseudo-field", [
    passes("a websocket that the origin does not accept", "8441 §5", connect(V), handshake(VERSION, KEY)),
    passes("with a protocol of its own and an origin", "8441 §5", connect(V, ("sec-websocket-protocol", "chat"), ("origin", "http://a.test")),
           handshake(VERSION, "Sec-WebSocket-Protocol: chat", "origin: http://a.test", KEY)),
    malformed("without :scheme", "8441 §4", connect(V, pseudo=(C, W, A, P))),
    malformed("without :path", "8441 §4", connect(V, pseudo=(C, W, S, A))),
    malformed("without :authority", "8441 §4", connect(V, pseudo=(C, W, S, P)), reason="h1.host"),
    malformed("with :protocol twice", "8441 §4", connect(V, pseudo=(C, W, W, S, A, P))),
    malformed("with an empty :protocol", "8441 §4", connect(V, pseudo=(C, (":protocol", ""), S, A, P))),
    refused("a line end in :protocol", "8441 §4", connect(V, pseudo=(C, (":protocol", "websocket\r\nX: y"), S, A, P)), 501, "h2.protocol"),
    malformed("with connection and upgrade", "8441 §5", connect(V, ("connection", "upgrade"), ("upgrade", "websocket")), reason="h2.connection-field"),
    malformed("with upgrade", "8441 §5", connect(V, ("upgrade", "websocket")), reason="h2.connection-field"),
    refused("another protocol", "9220 §3", connect(V, pseudo=(C, (":protocol", "connect-udp"), S, A, P)), 501, "h2.protocol"),
    refused("h2c as the protocol", "9110 §7.8", connect(V, pseudo=(C, (":protocol", "h2c"), S, A, P)), 501, "h2.protocol"),
    refused("another version", "6455 §4.4", connect(("sec-websocket-version", "8")), 426, "websocket.version"),
    malformed("without a version", "6455 §4.2.1", connect(), reason="websocket.handshake"),
    malformed("with a length", "8441 §5", connect(V, ("content-length", "3")), reason="websocket.handshake"),
    malformed("that has ended already", "8441 §5", connect(V, end=True), reason="websocket.handshake"),
    refused("to where nobody may go", "8441 §5", connect(V, pseudo=(C, W, S, A, (":path", "/secret/x"))), 403, "access.deny"),
    passes("the handshake of HTTP/1 is none: its key", "9113 §8.6", raw((":method", "GET"), S, A, P, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), V),
           reached("GET /chat", fields=[KEY, VERSION])),
])
