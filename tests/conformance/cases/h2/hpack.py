"""Compressed fields (RFC 7541): indexes, the table and its size, integers, strings, Huffman codes. All
that goes wrong here ends the connection, since nobody knows the table any more (RFC 9113 §4.3)."""

from harness.http2 import (block, continuation, data, headers, indexed, indexed_literal, integer, literal,
                           request_fields, string, table_size)

from . import PUBLIC, Answers, Closes, Resets, end_of, get, post, strict

BLOCK = block(*PUBLIC)
METHOD_GET, SCHEME_HTTP, PATH, AUTHORITY = indexed(2), indexed(6), 4, 1


def good(name, rfc, *parts, stream=1):
    """A block that is a whole request."""
    return strict(name, rfc, headers(stream, b"".join(parts)), Answers(stream=stream, body=b"public"))


def bad(name, rfc, sent, before=BLOCK):
    return strict(name, rfc, headers(1, before + sent), Closes("COMPRESSION_ERROR"))


def huffman(*codes):
    """A string of (bits, count) codes, filled with ones."""
    value = count = 0
    for bits, length in codes:
        value, count = value << length | bits, count + length
    fill = -count % 8
    value, count = value << fill | (1 << fill) - 1, count + fill
    payload = value.to_bytes(count // 8, "big")
    return integer(len(payload), 7, 0x80) + payload


A, EOS = (0x3, 5), (0x3FFFFFFF, 30)
NAMED = b"\x00" + string("x")  # a literal whose value follows

GOOD = [
    good("static entries", "7541 §6.1", METHOD_GET, SCHEME_HTTP, integer(AUTHORITY, 4) + string("a.test"), integer(PATH, 4) + string("/public")),
    good("a name from the static table", "7541 §6.2.2", BLOCK, integer(58, 4) + string("agent")),
    good("literals never to be indexed", "7541 §6.2.3", METHOD_GET, SCHEME_HTTP, b"\x10" + string(":authority") + string("a.test"),
         integer(PATH, 4, 0x10) + string("/public")),
    good("an integer with bytes of nothing at its end", "7541 §5.1", BLOCK, b"\x00\x7f\x81\x80\x80\x00" + b"x" * 128 + string("v")),
    good("a table of 0 bytes", "7541 §6.3", table_size(0), BLOCK, indexed_literal("x", "y")),
    good("two sizes of the table", "7541 §4.2", table_size(0), table_size(4096), BLOCK),
    good("an entry larger than the table empties it", "7541 §4.4", BLOCK, indexed_literal("x", "y"), indexed_literal("big", "z" * 5000)),
    good("Huffman codes", "7541 §5.2", BLOCK, NAMED + huffman(A, A, A)),
    good("an empty Huffman string", "7541 §5.2", BLOCK, NAMED + b"\x80"),
    good("Huffman codes without a fill", "7541 §5.2", BLOCK, NAMED + huffman(A, A, A, A, A, A, A, A)),
    good("an empty value", "7541 §6.2.2", BLOCK, literal("x", "")),
    strict("an entry of an earlier request", "7541 §2.2", headers(1, METHOD_GET + SCHEME_HTTP + indexed_literal(":authority", "a.test") +
           indexed_literal(":path", "/public")), end_of(1), headers(3, METHOD_GET + SCHEME_HTTP + indexed(63) + indexed(62)), Answers(stream=3, body=b"public")),
    strict("an entry of a request that was reset", "9113 §4.3", headers(1, METHOD_GET + SCHEME_HTTP + indexed_literal(":authority", "a.test") +
           indexed_literal(":path", "/public") + literal("A", "x")), headers(3, METHOD_GET + SCHEME_HTTP + indexed(63) + indexed(62)),
           Answers(stream=3, body=b"public", resets=(1,))),
    strict("an entry of trailers", "9113 §4.3", post(1), headers(1, indexed_literal("x-a", "b")), end_of(1), headers(3, BLOCK + indexed(62)),
           Answers(stream=3, body=b"public")),
    strict("an entry that was pushed out by a smaller table", "7541 §4.3", headers(1, BLOCK + indexed_literal("x", "y")), end_of(1),
           headers(3, table_size(0) + BLOCK + indexed(62)), Closes("COMPRESSION_ERROR")),
    strict("entries that were pushed out by others", "7541 §4.4", headers(1, BLOCK + indexed_literal("x", "y") + indexed_literal("big", "z" * 4050)), end_of(1),
           headers(3, BLOCK + indexed(63)), Closes("COMPRESSION_ERROR")),
    strict("an integer across two frames", "9113 §4.3", headers(1, BLOCK + b"\x00\x7f", end_headers=False), continuation(1, b"\x03" + b"x" * 130 + string("y")),
           Answers(body=b"public")),
    strict("a string across three frames", "9113 §4.3", headers(1, BLOCK + b"\x00\x04nam", end_headers=False), continuation(1, b"e\x05va", end_headers=False),
           continuation(1, b"lue"), Answers(body=b"public")),
]

BAD = [
    bad("index 0", "7541 §6.1", indexed(0)),
    bad("an index behind the static table when the other is empty", "7541 §2.3.3", indexed(62)),
    bad("an index far away", "7541 §2.3.3", indexed(500)),
    bad("the largest index", "7541 §5.1", integer(0xFFFFFFFF, 7, 0x80)),
    bad("a name behind the tables, to be indexed", "7541 §2.3.3", integer(62, 6, 0x40) + string("v")),
    bad("a name behind the tables, not to be indexed", "7541 §2.3.3", integer(62, 4) + string("v")),
    bad("a name behind the tables, never to be indexed", "7541 §2.3.3", integer(99, 4, 0x10) + string("v")),
    bad("an integer of 11 bytes", "7541 §5.1", b"\xff" + b"\xff" * 10 + b"\x01"),
    bad("an integer above 32 bits", "7541 §5.1", b"\xff" + b"\x80\x80\x80\x80\x7f"),
    bad("an integer that does not end", "7541 §5.1", b"\xff\x80\x80"),
    bad("an integer of nothing without end", "7541 §5.1", b"\x00\x7f" + b"\x80" * 40),
    bad("a length without a string", "7541 §5.2", b"\x00\x03"),
    bad("a string longer than the block", "7541 §5.2", b"\x00\x05abc"),
    bad("a value longer than the block", "7541 §5.2", NAMED + b"\x7f\xff\xff\xff\x0f" + b"v" * 20),
    bad("a name without a value", "7541 §6.2", NAMED),
    bad("nothing behind a literal", "7541 §6.2", b"\x00"),
    bad("nothing behind a name from the table", "7541 §6.2", integer(58, 4)),
    bad("a table larger than allowed", "7541 §6.3", BLOCK, before=table_size(4097)),
    bad("a table of 4 GiB", "7541 §6.3", BLOCK, before=table_size(0xFFFFFFFF)),
    bad("a size of the table that does not end", "7541 §5.1", b"", before=b"\x3f\xff"),
    bad("a size of the table behind a field", "7541 §4.2", table_size(0)),
    bad("a size of the table between fields", "7541 §4.2", table_size(100) + literal("x", "y")),
    bad("a Huffman string filled with more than 7 bits", "7541 §5.2", NAMED + b"\x82" + bytes([0b00011111, 0xFF])),
    bad("a Huffman string filled with a whole byte", "7541 §5.2", NAMED + b"\x81\xff"),
    bad("a Huffman string filled with zeros", "7541 §5.2", NAMED + b"\x81" + bytes([0b00011000])),
    bad("a Huffman string with its end inside", "7541 §5.2", NAMED + huffman(A, EOS, A)),
    bad("a Huffman string that is its end alone", "7541 §5.2", NAMED + huffman(EOS)),
    bad("a Huffman code that is cut off", "7541 §5.2", NAMED + b"\x83\xff\xff\xff"),
    bad("a bad Huffman code in a name", "7541 §5.2", b"\x00\x81\xff" + string("v")),
    strict("bad fields in trailers", "9113 §4.3", post(), data(1, b"abc", end=False), headers(1, indexed(99)), Closes("COMPRESSION_ERROR")),
    strict("bad fields on a stream that was reset", "9113 §4.3", headers(1, BLOCK + literal("A", "b")), headers(3, indexed(99)), Closes("COMPRESSION_ERROR")),
    strict("bad fields that begin in CONTINUATION", "9113 §4.3", headers(1, BLOCK, end_headers=False), continuation(1, indexed(0)), Closes("COMPRESSION_ERROR")),
    strict("a block that is cut off by its last frame", "9113 §4.3", headers(1, BLOCK + b"\x00\x04na", end_headers=False), continuation(1, b""),
           Closes("COMPRESSION_ERROR")),
    strict("an empty block", "9113 §8.3.1", headers(1, b""), Resets("PROTOCOL_ERROR")),
    strict("a block of table sizes alone", "9113 §8.3.1", headers(1, table_size(0)), Resets("PROTOCOL_ERROR")),
]

CASES = GOOD + BAD
