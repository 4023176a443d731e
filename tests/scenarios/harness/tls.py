"""TLS from the client's side: connections made by Python's own library, and records by hand."""

import socket
import ssl
import struct

from .client import Client, parse_address
from .deadline import SECONDS, Deadline
from .http2 import PREFACE, Http2, request, settings
from .stream import RESET, Ended, Stream

HANDSHAKE, ALERT, CHANGE_CIPHER_SPEC, APPLICATION_DATA = 22, 21, 20, 23
CLIENT_HELLO, SERVER_HELLO = 1, 2
ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    47: "illegal_parameter", 50: "decode_error", 70: "protocol_version", 80: "internal_error", 86: "inappropriate_fallback",
    100: "no_renegotiation", 109: "missing_extension", 112: "unrecognized_name", 116: "certificate_required",
    120: "no_application_protocol",
}


def context(authority=None, alpn=(), versions=(None, None), ciphers=None, certificate=None):
    """What a client trusts and offers. Without an authority it takes any certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        made.load_verify_locations(authority.certificate_path)
    else:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    low, high = versions
    if low:
        made.minimum_version = low
    if high:
        made.maximum_version = high
    if ciphers:
        made.set_ciphers(ciphers)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if certificate:
        made.load_cert_chain(certificate.certificate_path, certificate.key_path)
    return made


class TlsStream(Stream):
    """A Stream whose socket is TLS: what the library holds back counts as having arrived."""

    def fill(self, deadline, what):
        try:
            return super().fill(deadline, what)
        except ssl.SSLError as error:  # the peer's alert
            self.ended, self.alert = RESET, error.reason
            return False

    def has_nothing_now(self):
        return not self.socket.pending() and super().has_nothing_now()


def connect(address, how, name=None, session=None, source=None):
    """A connected socket with TLS; the library's error when the handshake fails."""
    family, to = parse_address(address)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(SECONDS)
        if source:
            sock.bind((source, 0))
        sock.connect(to)
        return how.wrap_socket(sock, server_hostname=name, session=session)
    except BaseException:
        sock.close()
        raise


class TlsClient(TlsStream, Client):
    """HTTP/1 over TLS."""

    def __init__(self, address, how, name="a.test", **options):
        Stream.__init__(self, connect(address, how, name, **options))


class Http2TlsClient(TlsStream, Http2):
    """HTTP/2 over TLS, agreed on by ALPN."""

    def __init__(self, address, how, name="a.test", preface=PREFACE + settings(), **options):
        sock = connect(address, how, name, **options)
        assert sock.selected_alpn_protocol() == "h2", sock.selected_alpn_protocol()
        Http2.__init__(self, sock)
        self.next_stream = 1
        self.send(preface)

    def get(self, path="/", *fields, **pseudo):
        number, self.next_stream = self.next_stream, self.next_stream + 2
        self.send(request(number, *fields, path=path, **{"authority": "a.test", "scheme": "https", **pseudo}))
        return self.response(number)


# --- By hand ----------------------------------------------------------------------------------------


def record(kind, payload, version=0x0303):
    return struct.pack(">BHH", kind, version, len(payload)) + payload


def vector(payload, width):
    return len(payload).to_bytes(width, "big") + payload


def extension(kind, payload=b""):
    return struct.pack(">H", kind) + vector(payload, 2)


def server_name(name):
    return extension(0, vector(b"\0" + vector(name.encode("latin-1"), 2), 2))


def versions(*offered):
    return extension(43, vector(b"".join(struct.pack(">H", v) for v in offered), 1))


GROUPS = extension(10, vector(bytes.fromhex("001d00170018"), 2))
POINTS = extension(11, b"\1\0")
SIGNATURES = extension(13, vector(bytes.fromhex("040308040401050308050501080606010807"), 2))
KEY_SHARE = extension(51, vector(bytes.fromhex("001d") + vector(bytes([9]) + bytes(31), 2), 2))
SUITES_12 = bytes.fromhex("c02bc02fc02cc030cca9cca8")
SUITES_13 = bytes.fromhex("130113021303")
USUAL = (GROUPS, POINTS, SIGNATURES)
TLS13 = (versions(0x0304), KEY_SHARE)


def client_hello(name="a.test", suites=SUITES_13 + SUITES_12, extensions=USUAL + TLS13, version=0x0303, compressions=b"\0",
                 session=b""):
    """A whole handshake message."""
    named = (server_name(name),) if name is not None else ()
    body = struct.pack(">H", version) + bytes(range(32)) + vector(session, 1) + vector(suites, 2) + vector(compressions, 1)
    body += vector(b"".join([*named, *extensions]), 2)
    return bytes([CLIENT_HELLO]) + vector(body, 3)


class RecordClient(Client):
    """Sends and reads records as they are."""

    def read_record(self, deadline=None):
        """(type, payload)"""
        deadline = deadline or Deadline()
        while len(self.buffer) < 5 or len(self.buffer) < 5 + int.from_bytes(self.buffer[3:5], "big"):
            if not self.fill(deadline, "a record"):
                raise Ended(self.ended, self.buffer)
        kind, _, length = struct.unpack(">BHH", self.take(5))
        return kind, self.take(length)

    def outcome(self):
        """What the gate makes of what was sent: "hello" when it goes on, the name of a plain alert, or
        how the connection ended without one. One without an answer is one that waits."""
        try:
            kind, payload = self.read_record()
        except Ended as ended:
            return ended.how
        if kind == HANDSHAKE and payload[0] == SERVER_HELLO:
            return "hello"
        if kind == ALERT and len(payload) == 2:
            return ALERTS.get(payload[1], payload[1])
        return f"record {kind} {payload[:8]!r}"
