"""Bodies of multipart/form-data as origins read them: what our reader lets pass as well-formed holds every field and every
file that PHP, Django, Werkzeug and Python's reader of mail see in it. Thousands of bodies, bent and broken in ways that
follow from a seed, through the rules of `waf test`."""

import base64
import contextlib
import email.parser
import email.policy
import http.client
import io
import json
import random
import subprocess
from collections import Counter

import django.conf
import pytest
from harness.gate import binary_path
from harness.ports import reserve_port
from harness.program import Program
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

django.conf.settings.configure()
from django.core.files.uploadhandler import MemoryFileUploadHandler  # noqa: E402
from django.http.multipartparser import MultiPartParser  # noqa: E402

BODIES = 3000
RULES = """\
SecRuleEngine On
SecRequestBodyAccess On
SecRule ARGS "@rx ^" "id:1,phase:2,pass,log"
SecRule FILES "@rx ^" "id:2,phase:2,pass,log"
SecRule REQBODY_ERROR|MULTIPART_BOUNDARY_WHITESPACE|MULTIPART_DATA_BEFORE|MULTIPART_DATA_AFTER|MULTIPART_HEADER_FOLDING\\
|MULTIPART_LF_LINE|MULTIPART_MISSING_SEMICOLON|MULTIPART_INVALID_QUOTING|MULTIPART_INVALID_PART\\
|MULTIPART_INVALID_HEADER_FOLDING "!@eq 0" "id:3,phase:2,deny,status:400,log"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:4,phase:2,deny,status:400,log"
"""

# --- Bodies -----------------------------------------------------------------------------------------

TYPES = [b"multipart/form-data; boundary=x7"] * 30 + [
    b'multipart/form-data; boundary="x7"',
    b"multipart/form-data;boundary=x7; charset=utf-8",
    b"Multipart/Form-Data; Boundary=x7",
    b"multipart/form-data; boundary=x7;",
    b"multipart/form-data; boundary=x7, x",
    b"multipart/form-data; boundary=zz; boundary=x7",
    b"multipart/form-data; charset=x; boundary=x7",
    b"multipart/form-data; boundary='x7'",
]
NAMES = [b"a", b"b", b"c[d]", b"e f", b"g;h", b"\xc3\xa9", b""]
FILES = [b"f.txt", b"", b"../x.php", b"a;b", b"q'r"]
VALUES = [b"1", b"", b"' or 1=1", b"a\r\nb", b"--x", b"\r\n", b"\xff\x00", b"a" * 50, b"--x7y", b"\n--x7\n", b"\r\n--x7 ", b"--x7--"]
FIELD, FILE = b'Content-Disposition: form-data; name="%s"', b'; filename="%s"'
USUAL = [
    lambda name, file: FIELD % name,
    lambda name, file: FIELD % name,
    lambda name, file: FIELD % name + FILE % file + b"\r\nContent-Type: text/plain",
    lambda name, file: b"Content-Type: text/plain\r\n" + FIELD % name,
    lambda name, file: FIELD % name + b"\r\nContent-Transfer-Encoding: binary",
]
ODD = [
    lambda name, file: b"content-disposition:form-data;name=" + name,
    lambda name, file: b'Content-Disposition: form-data; filename="%s"; name="%s"' % (file, name),
    lambda name, file: b'Content-Disposition: form-data;\r\n name="%s"' % name,
    lambda name, file: FIELD % name + b"; filename*=UTF-8''" + file,
    lambda name, file: FIELD % name + FILE % file + b"; filename*=utf-8''" + file,
    lambda name, file: FIELD % name + FILE % b"f.txt" + b"; filename*=UTF-8''%2e%2e%2F" + file,
    lambda name, file: FIELD % name + b'; name="other"',
    lambda name, file: FIELD % name + b"\r\n" + FIELD % b"again",
    lambda name, file: b"Content-Disposition: form-data; name='%s'" % name,
    lambda name, file: b'Content-Disposition: form-data; name="%s\\"x"' % name,
    lambda name, file: b"X: y\r\n" + FIELD % name,
    lambda name, file: b'Content-Disposition : form-data; name="%s"' % name,
    lambda name, file: b'Content-Disposition: attachment; name="%s"' % name,
    lambda name, file: b'Content-Disposition: form-data; Name="%s"; FileName="%s"' % (name, file),
]
PIECES = [b"\r\n", b"\n", b"\r", b'"', b"'", b";", b"=", b"--", b"--x7", b"--x7--", b"--x7\r\n", b" ", b"\t", b"\0", b":", b"*", b"%22",
          b",", b'name="z"', b'filename="z"', b"\r\n\r\n", FIELD % b"z"]


def damage(dice, body):
    at, other = dice.randrange(len(body) + 1), dice.randrange(len(body) + 1)
    return dice.choice([
        lambda: body[:at] + dice.choice(PIECES) + body[at:],
        lambda: body[:at] + body[at + dice.randint(1, 3):],
        lambda: body[:at] + dice.choice([b"\r", b"\n", b'"', b"'", b";", b" ", b"=", b"-", b"\0", b"\x80"]) + body[at + 1:],
        lambda: body[:at] + body[other:other + dice.randint(1, 20)] + body[at:],
    ])()


def make(dice):
    """A Content-Type and a body: half of the bodies as a browser would send them, the others damaged."""
    parts = []
    for _ in range(dice.randint(1, 3)):
        head = dice.choice(ODD if dice.random() < 0.1 else USUAL)(dice.choice(NAMES), dice.choice(FILES))
        values = VALUES if dice.random() < 0.2 else VALUES[:8]
        parts.append(b"--x7\r\n" + head + b"\r\n\r\n" + dice.choice(values) + b"\r\n")
    body = b"".join(parts) + b"--x7--" + dice.choice([b"\r\n"] * 8 + [b"", b"\r\nepilogue"])
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        body = damage(dice, body)
    return dice.choice(TYPES), body


# --- Readers: a list of ("arg", name, value) and ("file", name, filename); None: refused -------------


def text(raw):
    return raw.decode("utf-8", "replace")


def by_werkzeug(kind, body):
    media, options = parse_options_header(kind.decode("latin-1"))
    try:
        _, form, files = FormDataParser(silent=False).parse(io.BytesIO(body), media, len(body), options)
    except ValueError:
        return None
    return [("arg", k, v) for k, v in form.items(multi=True)] + [("file", k, v.filename) for k, v in files.items(multi=True)]


def by_django(kind, body):
    meta = {"CONTENT_TYPE": kind.decode("latin-1"), "CONTENT_LENGTH": len(body)}
    try:
        post, files = MultiPartParser(meta, io.BytesIO(body), [MemoryFileUploadHandler()]).parse()
    except Exception:  # noqa: BLE001: it has many, and answers all of them with 400 or 500
        return None
    return [("arg", k, v) for k, vs in post.lists() for v in vs] + [("file", k, v.name) for k, vs in files.lists() for v in vs]


def by_mail(kind, body):
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    found = []
    for part in message.iter_parts() if message.is_multipart() else ():
        with contextlib.suppress(Exception):  # of a part that it cannot make sense of itself
            name, file = (part.get_param(word, header="content-disposition") for word in ("name", "filename"))
            value = part.get_payload(decode=True) or b""
            if name is not None:
                found.append(("arg", name, text(value)) if file is None else ("file", name, file))
    return found


PHP = """<?php
$seen = [];
array_walk_recursive($_POST, function ($value) use (&$seen) { $seen[] = ['arg', base64_encode($value)]; });
foreach ($_FILES as $file) {
    $names = (array) $file['name'];
    array_walk_recursive($names, function ($name) use (&$seen) { $seen[] = ['file', base64_encode($name)]; });
}
echo json_encode($seen);
"""


@pytest.fixture(scope="module")
def by_php(tmp_path_factory):
    """Names are left out: PHP makes others of them."""
    folder, port = tmp_path_factory.mktemp("php"), reserve_port()
    (folder / "index.php").write_text(PHP)
    def read(kind, body):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/", body, {"Content-Type": kind.decode("latin-1")})
            seen = json.loads(connection.getresponse().read())
        return [(what, None, text(base64.b64decode(value))) for what, value in seen]

    with Program(["php", "-d", "display_errors=0", "-S", f"127.0.0.1:{port}", "-t", folder]) as program:
        program.wait_listening(port)
        yield read


def by_us(folder, cases):
    """Of each body: what the rules saw, or None where they refused it."""
    lines = []
    for number, (kind, body) in enumerate(cases):
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
        (folder / str(number)).write_bytes(head + body)
        lines.append(f"{folder}/{number}\n")
    (folder / "list").write_text("".join(lines))
    (folder / "rules.conf").write_text(RULES)
    done = subprocess.run([binary_path(), "waf", "test", "--json", "--rules", folder / "rules.conf", "--from", folder / "list"],
                          capture_output=True, timeout=300)
    results = [json.loads(line.decode("latin-1")) for line in done.stdout.splitlines()]
    assert len(results) == len(cases), done.stderr
    for result in results:
        if result["gate"]["status"] or result["result"]["decision"]["disposition"] == "deny":
            yield None
            continue
        found = [(m["id"], m["found"][0]["name"], m["found"][0]["raw"]) for m in result["result"]["matches"]]
        yield [("arg" if rule == 1 else "file", *(text(s.encode("latin-1")) for s in (name.partition(":")[2], value)))
               for rule, name, value in found]


# --- The comparison ---------------------------------------------------------------------------------


def last_step(path):
    return path.replace("\\", "/").rpartition("/")[2]


def unseen(theirs, ours):
    """What they see and we do not. Of the names of files they keep the last step only."""
    names = {name.strip() for _, name, _ in ours}
    args = {value for what, _, value in ours if what == "arg"}
    files = {last_step(value) for what, _, value in ours if what == "file"}
    for what, name, value in theirs:
        known = value in args or value == "" if what == "arg" else last_step(value or "") in files
        if not known or (name is not None and name.strip() not in names):
            yield what, name, value


def test_no_origin_sees_a_field_or_a_file_that_the_rules_did_not(tmp_path, by_php):
    dice = random.Random(7578)
    cases = [make(dice) for _ in range(BODIES)]
    readers = {"werkzeug": by_werkzeug, "django": by_django, "mail": by_mail, "php": by_php}
    counts, differences = Counter(), []
    for (kind, body), ours in zip(cases, by_us(tmp_path, cases)):
        if ours is None:
            counts["refused"] += 1
            continue
        for who, read in readers.items():
            theirs = read(kind, body)
            counts[who] += theirs is not None and len(theirs) > 0
            differences += [(who, what, kind, body) for what in unseen(theirs or [], ours)]
    assert not differences, differences[:5]
    assert BODIES * 0.2 < counts["refused"] < BODIES * 0.8, counts
    assert all(counts[who] > BODIES * 0.2 for who in readers), counts
