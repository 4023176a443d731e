"""A database of places in MaxMind's format (MaxMind DB File Format Specification 2.0), for tests: networks of
addresses, and for each what is known of them."""

import ipaddress
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"
RECORD_BITS = 24
SEPARATOR = bytes(16)  # between the tree and the data


def control(kind, size):
    assert size < 29 + 256
    more = b"" if size < 29 else bytes([size - 29])
    low = min(size, 29)
    return (bytes([kind << 5 | low]) if kind < 8 else bytes([low, kind - 7])) + more


def encoded(value):
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(encoded(k) + encoded(v) for k, v in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encoded, value))
    if isinstance(value, float):
        return control(3, 8) + struct.pack(">d", value)
    if isinstance(value, tuple):
        bits, number = value
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return control({16: 5, 32: 6, 64: 9}[bits], len(raw)) + raw
    text = value.encode()
    return control(2, len(text)) + text


def bits_of(network):
    network = ipaddress.ip_network(network)
    address, length = int(network.network_address), network.prefixlen
    if network.version == 4:  # beneath ::/96
        length += 96
    return [address >> (127 - i) & 1 for i in range(length)]


def database(places, made=1):
    """places: {network: what is known}; numbers are floats or (bits, number)"""
    nodes, data = [[None, None]], b""
    for network, known in places.items():
        node, bits = 0, bits_of(network)
        for bit in bits[:-1]:
            if nodes[node][bit] is None:
                nodes.append([None, None])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][bits[-1]] = ("data", len(data))
        data += encoded(known)

    def record(to):
        if to is None:
            number = len(nodes)
        else:
            number = len(nodes) + len(SEPARATOR) + to[1] if isinstance(to, tuple) else to
        return number.to_bytes(RECORD_BITS // 8, "big")

    tree = b"".join(record(to) for node in nodes for to in node)
    told = {
        "node_count": (32, len(nodes)), "record_size": (16, RECORD_BITS), "ip_version": (16, 6), "database_type": "Test",
        "languages": ["en"], "binary_format_major_version": (16, 2), "binary_format_minor_version": (16, 0),
        "build_epoch": (64, made), "description": {"en": "a test"},
    }
    return tree + SEPARATOR + data + MARKER + encoded(told)
