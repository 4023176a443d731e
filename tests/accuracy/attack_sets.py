"""Attacks, each (class, source, bytes): those written by hand in attacks.txt, and those of sqlmap and
wapiti, read where their packages put them. What is not installed gives nothing."""

import configparser
import pathlib
import re
import xml.etree.ElementTree
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
SQLMAP = pathlib.Path("/usr/share/sqlmap/data/xml")
WAPITI = pathlib.Path("/usr/lib/python3/dist-packages/wapitiCore/data/attacks")
CONTROLS = {"[LF]": "\n", "[CR]": "\r", "[TAB]": "\t", "[NUL]": "\0"}


@dataclass(frozen=True)
class Value:
    kind: str  # the class of an attack, or what sort of harmless text
    source: str
    data: bytes


def listed(path):
    """(section, line) of a file with [sections]; # begins a comment."""
    section = None
    for line in path.read_text(encoding="utf-8").splitlines():
        heading = re.fullmatch(r"\[([a-z]+)\]", line)
        if heading:
            section = heading.group(1)
        elif line and not line.startswith("# "):
            yield section, line


def controls(text):
    for word, byte in CONTROLS.items():
        text = text.replace(word, byte)
    return text


def own():
    return [Value(section, "own", controls(line).encode()) for section, line in
            listed(HERE / "attacks.txt")]


# What sqlmap puts where its files say [WORD]. A number ends the name of most.
SQLMAP_WORDS = {
    "RANDNUM": "4821", "RANDNUM1": "1177", "RANDNUM2": "2093", "RANDNUM3": "3301",
    "RANDNUM4": "4409", "RANDNUM5": "5519", "RANDSTR": "qzkw", "SLEEPTIME": "5",
    "DELIMITER_START": "qxkvq", "DELIMITER_STOP": "qzbpq", "ORIGVALUE": "1", "CHAR": "NULL",
    "QUERY": "SELECT CURRENT_USER", "INFERENCE": "ASCII(SUBSTR((SELECT CURRENT_USER),1,1))>64",
    "DELAYED": "SLEEP(5)", "UNION": "UNION ALL SELECT NULL,NULL,NULL",
    "GENERIC_SQL_COMMENT": "-- qzkw", "COLSTART": "1", "COLSTOP": "3", "SPACE_REPLACE": "qqk",
    "DOLLAR_REPLACE": "qdk", "AT_REPLACE": "qak", "HASH_REPLACE": "qhk",
}


def sqlmap_fill(text):
    return re.sub(r"\[([A-Z_]+\d?)\]", lambda m: SQLMAP_WORDS.get(m.group(1), m.group(0)), text)


def sqlmap_boundaries(folder):
    """(prefix, suffix, clauses, wheres) of all boundaries."""
    for item in xml.etree.ElementTree.parse(folder / "boundaries.xml").getroot().iter("boundary"):
        text = {child.tag: child.text or "" for child in item}
        yield (text.get("prefix", ""), text.get("suffix", ""), set(text["clause"].split(",")),
               set(text["where"].split(",")))


def sqlmap_tests(folder):
    """(payload, comment, clauses, wheres) of all tests."""
    for path in sorted((folder / "payloads").glob("*.xml")):
        for test in xml.etree.ElementTree.parse(path).getroot().iter("test"):
            payload = test.findtext("request/payload") or test.findtext("vector") or ""
            yield (payload, test.findtext("request/comment") or "",
                   set((test.findtext("clause") or "0").split(",")),
                   set((test.findtext("where") or "1").split(",")))


def sqlmap(folder=SQLMAP):
    """Each test of sqlmap inside a boundary that it is for; they take turns."""
    if not folder.is_dir():
        return []
    boundaries, found = list(sqlmap_boundaries(folder)), []
    for number, (payload, comment, clauses, wheres) in enumerate(sqlmap_tests(folder)):
        fits = [(prefix, suffix) for prefix, suffix, c, w in boundaries
                if wheres & w and (clauses & c or "0" in clauses | c)]
        prefix, suffix = fits[number % len(fits)] if fits else ("", "")
        if "3" in wheres:  # in place of the value
            text = payload
        else:  # a comment ends the statement: nothing stands behind it
            text = f"1{prefix} {payload}" + (comment if comment else suffix)
        found.append(Value("sqli", "sqlmap", sqlmap_fill(text.strip()).encode()))
    return found


# The same for wapiti.
WAPITI_WORDS = {
    "[VALUE]": "shoes", "[DIRVALUE]": "images", "[EXTVALUE]": "html", "[FILE_NAME]": "index.php",
    "[EXTERNAL_ENDPOINT]": "http://evil.example/", "[TIME]": "6", "[TIMEOUT]": "",
    "[SESSION_ID]": "s1", "[PATH_ID]": "7", "[PARAM_AS_HEX]": "71", "\\0": "\0",
    "[ATTR_SEP]": " ", "[VALUE_SEP]": "'", "[FF]": "\f", "__XSS__": "w8x2k",
}


def wapiti_fill(text):
    for word, meaning in WAPITI_WORDS.items():
        text = text.replace(word, meaning)
    return controls(text)


def wapiti_class(name, payload):
    """Its lists of files and commands hold several classes."""
    if name == "exec":
        return "php" if "md5(" in payload or payload.startswith("data:") else "shell"
    if name == "file":
        return "remote" if "[EXTERNAL_ENDPOINT]" in payload else "traversal"
    return name


def wapiti_lines(folder):
    for name, file in (("exec", "execPayloads.txt"), ("sqli", "blindSQLPayloads.txt")):
        for line in (folder / file).read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield name, line.rstrip("\n")
    for name, file in (("file", "fileHandlingPayloads.ini"), ("xss", "xssPayloads.ini"),
                       ("xxe", "xxePayloads.ini")):
        parser = configparser.RawConfigParser(strict=False)
        parser.read(folder / file, encoding="utf-8")
        for section in parser.sections():
            if parser.has_option(section, "payload"):
                yield name, parser.get(section, "payload")


# A word alone is no attack: `env` and `set` are what somebody may search for.
WAPITI_LEFT_OUT = {"env", "set", "/e\\0"}


def wapiti(folder=WAPITI):
    if not folder.is_dir():
        return []
    return [Value(wapiti_class(name, payload), "wapiti", wapiti_fill(payload).encode())
            for name, payload in wapiti_lines(folder) if payload not in WAPITI_LEFT_OUT]


def all_attacks():
    """Each once, in the order of the sources."""
    return list({(v.kind, v.data): v for v in (*own(), *sqlmap(), *wapiti())}.values())
