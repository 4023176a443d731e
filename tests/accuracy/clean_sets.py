"""Harmless text: what was written by hand in clean.txt, and pieces of what is installed on this
machine: documentation, manual pages, source code. Chosen by a hash of their place, so that the same
packages always give the same set."""

import gzip
import hashlib
import json
import pathlib
import re

from attack_sets import HERE, Value, listed

DOC, MAN, CODE = "/usr/share/doc", "/usr/share/man", "/usr/lib/python3"
PIECE_MIN, PIECE_MAX = 40, 600
FILE_BYTES = 64 * 1024
SEED = "accuracy-1"


def order(path):
    return hashlib.sha256(f"{SEED}:{path}".encode()).digest()


def chosen(root, patterns, count):
    """`count` files below a folder, by the hash of their names."""
    root = pathlib.Path(root)
    found = {path for pattern in patterns for path in root.rglob(pattern) if path.is_file()}
    return sorted(found, key=order)[:count]


def text_of(path):
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return file.read(FILE_BYTES).decode("utf-8", "strict")
    except (OSError, EOFError, UnicodeDecodeError):
        return ""


def paragraphs(text):
    """Pieces between empty lines, of a size that people write."""
    pieces = (piece.strip() for piece in re.split(r"\n\s*\n", text))
    return [piece[:PIECE_MAX] for piece in pieces if len(piece) >= PIECE_MIN and printable(piece)]


def printable(text):
    return not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


def man_text(text):
    """A manual page without its requests to troff."""
    lines = [re.sub(r"\\f.|\\[&|^]|\\s[+-]?\d", "", line).replace("\\-", "-").replace("\\e", "\\")
             for line in text.splitlines()]
    return "\n".join("" if re.match(r"[.']\s*(SH|SS|PP|P|TP|IP)\b", line) else line
                     for line in lines if not re.match(r"[.'](?!\s*(SH|SS|PP|P|TP|IP)\b)", line))


def pieces_of(kind, paths, per_file, change=lambda text: text):
    found = []
    for path in paths:
        pieces = sorted(paragraphs(change(text_of(path))), key=order)[:per_file]
        found += [Value(kind, "machine", piece.encode()) for piece in pieces]
    return found


def documentation(count=120):
    return pieces_of("documentation", chosen(DOC, ("README*", "NEWS*", "FAQ*", "*.txt", "*.txt.gz",
                                                    "copyright"), count), 3)


def manuals(count=120):
    return pieces_of("manual", chosen(MAN, ("man[1-8]/*.gz",), count), 3, man_text)


def sources(count=60):
    return pieces_of("source", chosen(CODE, ("*.py",), count), 2)


def own():
    return [Value(section, "own", line.encode()) for section, line in listed(HERE / "clean.txt")]


def objects(values):
    """Bodies of an API, around harmless texts: orders, with what programs put beside people's words."""
    found = []
    for number, value in enumerate(values):
        text = value.data.decode()
        found.append(Value("api", value.source, json.dumps({
            "id": hashlib.sha256(text.encode()).hexdigest()[:24], "type": "order", "version": 3,
            "created": f"2026-03-{number % 28 + 1:02}T08:{number % 60:02}:00.000Z", "active": True,
            "customer": {"name": text, "tags": ["new", "eu-west-1"], "score": 0.75 * number},
            "items": [{"sku": f"A-{number}/{i}", "price": "19.90", "url": f"/p/{i}?ref=a&x=1"}
                      for i in range(3)],
            "filter": {"from": 0, "to": None, "order": "-created,name"},
            "etag": "W/\"5f2-18c9d1e2a40\"", "query": "status:open AND total>=10"},
            ensure_ascii=number % 2 == 0).encode()))
    return found


def all_clean():
    hand = own()
    texts = (*hand, *documentation(), *manuals(), *sources())
    people = [value for value in hand if value.kind in ("names", "addresses", "comments")]
    return list({(v.kind, v.data): v for v in (*texts, *objects(people))}.values())
