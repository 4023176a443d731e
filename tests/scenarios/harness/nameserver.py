"""A name server of raw bytes (RFC 1035): answers A and AAAA from a table, or as badly as it is told."""

import socket
import struct
import threading

A, AAAA = 1, 28


def read_question(query):
    """(name, type, the bytes of the question)."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    (kind,) = struct.unpack_from("!H", query, at + 1)
    return ".".join(labels).lower(), kind, query[12 : at + 5]


def record(address, ttl):
    kind, data = A, None
    try:
        data = socket.inet_pton(socket.AF_INET, address)
    except OSError:
        kind, data = AAAA, socket.inet_pton(socket.AF_INET6, address)
    return kind, b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


class NameServer:
    """`names` maps a name to its addresses; one that is not in it does not exist. `mode` says how
    everything is answered: "well", "silent", or one of the functions of HOSTILE."""

    def __init__(self, names=(), ttl=1):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.names, self.ttl, self.mode = dict(names), ttl, "well"
        self.asked = []
        self.closing = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __str__(self):
        return self.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        self.thread.join(timeout=20)
        self.socket.close()

    def run(self):
        while not self.closing:
            try:
                query, peer = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            name, kind, question = read_question(query)
            self.asked.append((name, kind))
            if self.mode == "silent":
                continue
            answer = self.answer(query[:2], name, kind, question)
            if self.mode != "well":
                answer = self.mode(answer, question)
            self.socket.sendto(answer, peer)

    def answer(self, number, name, kind, question, addresses=None):
        if addresses is None:
            addresses = self.names.get(name)
        code = 3 if addresses is None else 0
        found = [record(a, self.ttl) for a in addresses or ()]
        data = [bytes_ for kind_, bytes_ in found if kind_ == kind]
        head = number + struct.pack("!HHHHH", 0x8180 | code, 1, len(data), 0, 0)
        return head + question + b"".join(data)


def forged(address):
    """An answer in another's name: it names this address, under another number or question."""
    kind, data = record(address, 60)

    def other_number(answer, question):
        number = bytes([answer[0] ^ 0x55, answer[1] ^ 0x55])
        return number + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + data

    def other_question(answer, question):
        asked = b"\x04evil\x04test\x00" + struct.pack("!HH", kind, 1)
        return answer[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + asked + data

    return other_number, other_question


def truncated(answer, question):
    return answer[: len(answer) // 2]


def counts_that_lie(answer, question):
    return answer[:4] + b"\xff\xff" * 4 + answer[12:]


def compression_loop(answer, question):
    return answer[:4] + struct.pack("!HHHH", 1, 1, 0, 0) + question + b"\xc0\x0c" * 40 + b"\xc0"


def rubbish(answer, question):
    return answer[:2] + bytes(255 - i for i in range(200))


def server_failure(answer, question):
    return answer[:3] + bytes([0x82]) + answer[4:6] + b"\0" * 6 + question
