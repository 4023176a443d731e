"""Who judges: libmodsecurity through its C API, and Portcullis through `waf test`. Both read the same
rules: a base configuration as distributions recommend it, and the Core Rule Set. A verdict is the ids
of the rules that matched and whether the request would be refused."""

import ctypes
import json
import os
import pathlib
import re
import subprocess
import tempfile
from dataclasses import dataclass

# The recommended configuration, enforcing, without audit log and without looking at responses.
BASE = r"""
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 1048576
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 512
SecArgumentsLimit 1000
SecPcreMatchLimit 100000
SecPcreMatchLimitRecursion 100000
SecResponseBodyAccess Off
SecArgumentSeparator &
SecCookieFormat 0
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" \
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" \
    "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" \
    "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" \
    "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation'"
"""
DISTRIBUTION = "/usr/share/modsecurity-crs"
SETUPS = ("crs-setup.conf", "crs-setup.conf.example", "/etc/modsecurity/crs/crs-setup.conf")


@dataclass(frozen=True)
class Verdict:
    is_refused: bool
    rules: tuple


class Missing(Exception):
    """Something that is needed is not on this machine."""


def rule_files(folder, place):
    """The files to read, in their order: the base, the set-up, the rules."""
    folder = pathlib.Path(folder)
    rules = sorted((folder / "rules").glob("*.conf"))
    setups = [folder / name for name in SETUPS if (folder / name).is_file()]
    if not rules or not setups:
        raise Missing(f"no Core Rule Set in {folder}")
    base = pathlib.Path(place) / "base.conf"
    base.write_text(BASE, encoding="utf-8")
    return [base, setups[0], *rules]


def split(request):
    """(method, target, version, [(name, value)], body) of a request as it goes over the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method, target, version = line.split(b" ", 2)
    pairs = [tuple(part.strip() for part in field.split(b":", 1)) for field in fields]
    return method, target, version.partition(b"/")[2], pairs, body


class Intervention(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("pause", ctypes.c_int), ("url", ctypes.c_void_p),
                ("log", ctypes.c_void_p), ("disruptive", ctypes.c_int)]


RULE_ID = re.compile(rb'\[id "(\d+)"\]')
LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)


class ModSecurity:
    """libmodsecurity, in this process, called as its connector for nginx calls it."""

    name = "libmodsecurity"

    def __init__(self, files):
        try:
            self.library = ctypes.CDLL("libmodsecurity.so.3")
        except OSError as error:
            raise Missing(f"libmodsecurity is not installed: {error}") from error
        for name in ("msc_init", "msc_create_rules_set", "msc_new_transaction", "msc_who_am_i"):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.library.msc_who_am_i.restype = ctypes.c_char_p
        self.libc, self.matched = ctypes.CDLL(None), []
        self.log = LOG(lambda _, text: self.matched.extend(RULE_ID.findall(text or b"")))
        self.engine = ctypes.c_void_p(self.library.msc_init())
        self.library.msc_set_log_cb(self.engine, self.log)
        self.rules = ctypes.c_void_p(self.library.msc_create_rules_set())
        for path in files:
            problem = ctypes.c_char_p()
            done = self.library.msc_rules_add_file(self.rules, os.fsencode(path),
                                                   ctypes.byref(problem))
            if done < 0:
                raise Missing(f"{path}: {(problem.value or b'?').decode()}")

    def version(self):
        return self.library.msc_who_am_i(self.engine).decode()

    def refused(self, transaction):
        found = Intervention(status=200)
        self.library.msc_intervention(transaction, ctypes.byref(found))
        if found.log:  # of the rule that refuses; the callback gets only the others
            self.matched.extend(RULE_ID.findall(ctypes.string_at(found.log)))
        for text in (found.log, found.url):
            self.libc.free(ctypes.c_void_p(text))
        return bool(found.disruptive)

    def phases(self, transaction, request):
        """Each phase of the request; stops where it is refused."""
        lib, (method, target, version, fields, body) = self.library, split(request)
        lib.msc_process_connection(transaction, b"127.0.0.1", 50000, b"127.0.0.1", 80)
        lib.msc_process_uri(transaction, target, method, version)
        yield
        for name, value in fields:
            lib.msc_add_n_request_header(transaction, name, ctypes.c_size_t(len(name)), value,
                                         ctypes.c_size_t(len(value)))
        lib.msc_process_request_headers(transaction)
        yield
        if body:
            lib.msc_append_request_body(transaction, body, ctypes.c_size_t(len(body)))
        lib.msc_process_request_body(transaction)
        yield

    def judge(self, request):
        self.matched.clear()
        transaction = ctypes.c_void_p(self.library.msc_new_transaction(self.engine, self.rules, None))
        refused = False
        for _ in self.phases(transaction, request):
            refused = self.refused(transaction)
            if refused:
                break
        self.library.msc_process_logging(transaction)
        self.library.msc_transaction_cleanup(transaction)
        return Verdict(refused, tuple(int(rule) for rule in self.matched))

    def verdicts(self, requests):
        return [self.judge(request) for request in requests]


class Portcullis:
    """`portcullis waf test --proxy`, all requests at once: what the proxy reads before the rules stands
    in for the base."""

    name = "portcullis"

    def __init__(self, files, program):
        self.program, self.files = program, files[1:]

    def version(self):
        return subprocess.run([self.program, "version"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.splitlines()[0]

    def verdicts(self, requests):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            names = [str(folder / str(number)) for number in range(len(requests))]
            for name, request in zip(names, requests):
                pathlib.Path(name).write_bytes(request)
            (folder / "list").write_text("\n".join(names) + "\n", encoding="utf-8")
            rules = [word for path in self.files for word in ("--rules", str(path))]
            done = subprocess.run([self.program, "waf", "test", "--proxy", *rules, "--json", "--from",
                                   str(folder / "list")], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)
        lines = done.stdout.splitlines()
        if done.returncode not in (0, 1) or len(lines) != len(requests):
            raise RuntimeError(f"waf test ended with {done.returncode} after {len(lines)} of "
                               f"{len(requests)} requests: {done.stderr.decode()[-2000:]}")
        return [verdict_of(json.loads(line)) for line in lines]


def verdict_of(line):
    """Of one line of `waf test --json`."""
    result = line["result"]
    rules = tuple(match["id"] for match in result["matches"] if match["logged"])
    return Verdict(result["decision"]["disposition"] not in ("pass", "allow"), rules)
