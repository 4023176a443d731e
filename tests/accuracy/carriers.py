"""How a value travels: encoded, then put into a request. A form is (encoding, carrier); what comes
out are the bytes of one request as they go over the wire."""

import base64
import hashlib
import json
import re
import urllib.parse
import xml.sax.saxutils
from dataclasses import dataclass

BROWSER = (
    b"Host: www.example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
)
BOUNDARY = b"----geckoformboundary7d1f03a5c2"


def percent(data):
    return urllib.parse.quote_from_bytes(data, safe="").encode()


def unicode_escapes(data):
    """%uXXXX for every byte that is no letter or digit; beyond ASCII the code units of UTF-16."""
    text = data.decode("utf-8", "surrogateescape").encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(text[i : i + 2], "big") for i in range(0, len(text), 2)]
    plain = (chr(unit) if unit < 128 and chr(unit).isalnum() else f"%u{unit:04x}" for unit in units)
    return "".join(plain).encode()


# Encodings of the value itself, before the carrier's own, which every carrier adds where it must.
ENCODINGS = {
    "plain": lambda data: data,
    "url twice": percent,
    "unicode": unicode_escapes,
    "base64": base64.b64encode,
    "base64 without padding": lambda data: base64.b64encode(data).rstrip(b"="),
}


def message(method, target, fields=b"", kind=None, body=b""):
    head = method + b" " + target + b" HTTP/1.1\r\n" + BROWSER + fields
    if kind is not None:
        head += b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n" % len(body)
    return head + b"\r\n" + body


def post(kind, body):
    return message(b"POST", b"/submit", b"", kind, body)


def in_query(data):
    return message(b"GET", b"/search?page=2&q=" + percent(data))


def in_query_unicode(data):
    """A value of %uXXXX is the carrier's encoding too: encoded once more it would be another."""
    return message(b"GET", b"/search?page=2&q=" + data)


def in_form(data):
    return post(b"application/x-www-form-urlencoded", b"page=2&comment=" + percent(data) + b"&send=1")


def in_form_unicode(data):
    return post(b"application/x-www-form-urlencoded", b"page=2&comment=" + data + b"&send=1")


def text(data):
    return data.decode("utf-8", "replace")


def in_json(data):
    if is_object(data):
        return post(b"application/json", data)
    return post(b"application/json", json.dumps({"id": 7, "data": {"comment": text(data)}},
                                                ensure_ascii=False).encode())


def in_json_escaped(data):
    """Every character of the value as \\uXXXX."""
    units = text(data).encode("utf-16-be")
    escaped = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    return post(b"application/json", f'{{"id":7,"comment":"{escaped}"}}'.encode())


def is_object(data):
    return data.startswith(b"{") and data.endswith(b"}") and is_json(data)


def is_json(data):
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def xml_escape(data):
    """As text of an element. What XML 1.0 has no place for is left out."""
    clean = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text(data))
    return xml.sax.saxutils.escape(clean).replace("\r", "&#13;").encode()


def in_xml(data):
    return post(b"application/xml", b'<?xml version="1.0" encoding="UTF-8"?>\n<order><id>7</id><comment>'
                + xml_escape(data) + b"</comment></order>")


def in_xml_attribute(data):
    value = xml_escape(data).replace(b'"', b"&quot;").replace(b"\n", b"&#10;")
    return post(b"text/xml", b'<order id="7"><item note="' + value + b'"/></order>')


def as_xml(data):
    return post(b"application/xml", data)


def in_multipart(data):
    def part(name, value):
        return (b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n'
                + value + b"\r\n")

    body = part(b"page", b"2") + part(b"comment", data) + b"--" + BOUNDARY + b"--\r\n"
    return post(b"multipart/form-data; boundary=" + BOUNDARY, body)


def field_value(data):
    """No control byte can stand in a field: such values come percent-encoded."""
    return percent(data) if re.search(rb"[\x00-\x1f\x7f]", data) else data.strip()


def in_header(data):
    return message(b"GET", b"/", b"X-Search-Filter: " + field_value(data) + b"\r\n")


def in_referer(data):
    return message(b"GET", b"/", b"Referer: https://www.example.com/?q=" + percent(data) + b"\r\n")


def in_cookie(data):
    return message(b"GET", b"/", b"Cookie: theme=dark; filter=" + percent(data) + b"\r\n")


def as_text(data):
    return post(b"text/plain", data)


def in_ndjson(data):
    rows = ({"index": {"_id": 7}}, {"comment": text(data)})
    return post(b"application/x-ndjson", b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n"
                                                  for row in rows))


def in_report(data):
    """What a browser tells of a page that breaks its content security policy."""
    return post(b"application/csp-report", json.dumps({"csp-report": {
        "document-uri": "https://www.example.com/", "violated-directive": "img-src",
        "blocked-uri": "https://cdn.example.net/a.png", "script-sample": text(data)[:40]}}).encode())


@dataclass(frozen=True)
class Form:
    encoding: str
    carrier: str
    carry: object  # bytes of the encoded value -> bytes of the request

    def request(self, data):
        return self.carry(ENCODINGS[self.encoding](data))


# Attacks: plain in every carrier; the other encodings where applications undo them.
ATTACK_FORMS = (
    *(Form("plain", carrier, carry) for carrier, carry in (
        ("query", in_query), ("form", in_form), ("JSON", in_json), ("JSON, escaped", in_json_escaped),
        ("XML text", in_xml), ("XML attribute", in_xml_attribute), ("multipart", in_multipart),
        ("header", in_header), ("Referer", in_referer), ("cookie", in_cookie),
        ("text/plain", as_text), ("ndjson", in_ndjson))),
    Form("url twice", "query", in_query), Form("url twice", "form", in_form),
    Form("unicode", "query", in_query_unicode), Form("unicode", "form", in_form_unicode),
    *(Form(encoding, carrier, carry) for encoding in ("base64", "base64 without padding")
      for carrier, carry in (("query", in_query), ("form", in_form), ("JSON", in_json),
                             ("cookie", in_cookie), ("header", in_header))),
)
WHOLE_XML = Form("plain", "XML body", as_xml)

CLEAN_FORMS = (
    *(Form("plain", carrier, carry) for carrier, carry in (
        ("query", in_query), ("form", in_form), ("JSON", in_json), ("XML text", in_xml),
        ("multipart", in_multipart), ("text/plain", as_text), ("ndjson", in_ndjson),
        ("csp-report", in_report), ("cookie", in_cookie))),
    Form("base64", "form", in_form), Form("base64", "JSON", in_json),
)
CLEAN_SHORT = ("names", "addresses", "comments", "snippets", "logs")


@dataclass(frozen=True)
class Sample:
    is_attack: bool
    kind: str
    source: str
    encoding: str
    carrier: str
    data: bytes  # the request


def turns(value, forms, count):
    """`count` different forms of a value, by its hash: all forms are used equally often."""
    ranked = sorted(forms, key=lambda form: hashlib.sha256(
        f"{form.encoding}:{form.carrier}:".encode() + value.data).digest())
    return ranked[:count]


def forms_of_attack(value, count):
    return [WHOLE_XML] if value.kind == "xxe" else turns(value, ATTACK_FORMS, count)


def forms_of_clean(value, count):
    if value.kind == "api":
        return [form for form in CLEAN_FORMS if (form.encoding, form.carrier) == ("plain", "JSON")]
    forms = CLEAN_FORMS
    if value.kind not in CLEAN_SHORT:  # nobody keeps paragraphs in a cookie or a query
        forms = [form for form in forms if form.carrier not in ("cookie", "query")]
    return turns(value, forms, count)


def samples(attacks, clean, count):
    """Every value in `count` forms."""
    for is_attack, values, forms_of in ((True, attacks, forms_of_attack), (False, clean, forms_of_clean)):
        for value in values:
            for form in forms_of(value, count):
                yield Sample(is_attack, value.kind, value.source, form.encoding, form.carrier,
                             form.request(value.data))
