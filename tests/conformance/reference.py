"""A second opinion: which requests a strict reader finds in the bytes of a client. Written from the
RFC for these tests; it knows no policy and no limits. What reaches the origin must be among what it
finds, in this order: then no byte of a body has become a request, and none of a request a body."""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIRST = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?)")
SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(;[\t\x20-\x7e\x80-\xff]*)?")


class Malformed(Exception):
    pass


def line_of(data):
    """The line at the front, without its CRLF, and what follows."""
    line, end, rest = data.partition(b"\r\n")
    if not end or b"\r" in line or b"\n" in line:
        raise Malformed
    return line, rest


def head_of(data):
    """(match of the first line, fields, what follows)"""
    first, rest = line_of(data)
    match = FIRST.fullmatch(first)
    if not match:
        raise Malformed
    fields = []
    while True:
        line, rest = line_of(rest)
        if not line:
            return match, fields, rest
        field = FIELD.fullmatch(line)
        if not field:
            raise Malformed
        fields.append((field.group(1).lower(), field.group(2).rstrip(b" \t")))


def chunks_of(data):
    """(body, what follows)"""
    body = b""
    while True:
        line, data = line_of(data)
        match = SIZE.fullmatch(line)
        if not match:
            raise Malformed
        size = int(match.group(1), 16)
        if size == 0:
            break
        if len(data) < size + 2 or data[size : size + 2] != b"\r\n":
            raise Malformed
        body += data[:size]
        data = data[size + 2 :]
    while True:
        line, data = line_of(data)
        if not line:
            return body, data
        if not FIELD.fullmatch(line):
            raise Malformed


def body_of(minor, fields, data):
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = {value for name, value in fields if name == b"content-length"}
    if codings:
        if lengths or minor == b"0" or [c.lower() for c in codings] != [b"chunked"]:
            raise Malformed
        return chunks_of(data)
    if not lengths:
        return b"", data
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", min(lengths)):
        raise Malformed
    length = int(min(lengths))
    if len(data) < length:
        raise Malformed
    return data[:length], data[length:]


def requests_in(data):
    """[(method, body), …] up to the first byte that is not a strict request."""
    found = []
    try:
        while True:
            while data.startswith(b"\r\n"):
                data = data[2:]
            match, fields, data = head_of(data)
            body, data = body_of(match.group(3), fields, data)
            found.append((match.group(1), body))
    except Malformed:
        return found


def is_subsequence(some, all_of_them):
    rest = iter(all_of_them)
    return all(item in rest for item in some)
