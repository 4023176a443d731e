"""WebSocket by hand (RFC 6455): the handshake's bytes and frames."""

import base64
import hashlib
import os
import struct

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455 §1.3
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def accept_of(key=KEY):
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def handshake(path="/ws", host="example.test", key=KEY, fields=()):
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *fields,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def agreement(key=KEY, fields=()):
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_of(key)}",
        *fields,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(payload, opcode=BINARY, masked=False, final=True):
    """One frame; a client's are masked."""
    first = opcode | (0x80 if final else 0)
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask_bit | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def read_frame(stream):
    """(opcode, payload, final) of the next frame, unmasked."""
    first, second = stream.recv_exactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", stream.recv_exactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", stream.recv_exactly(8))
    mask = stream.recv_exactly(4) if second & 0x80 else b""
    payload = stream.recv_exactly(length)
    if mask:
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return first & 0x0F, payload, bool(first & 0x80)
