"""Debian's pebble, a certificate authority for tests, with its name server. It asks our listeners for the
proofs, and its own HTTPS has a certificate of an authority of this run."""

import json
import os
import ssl
import tempfile
import urllib.request

from cryptography import x509

from .certificates import Authority
from .ports import reserve_port
from .program import Program


def port_of(address):
    return int(address.rsplit(":", 1)[1])


class Pebble:
    def __init__(self, http, tls, environment=None, eab=None, arguments=()):
        """http, tls: the addresses of our listeners. eab: {kid: key} that accounts must be bound to."""
        self.folder = tempfile.TemporaryDirectory(prefix="pebble-")
        os.chmod(self.folder.name, 0o755)
        self.authority = Authority(self.folder.name, "the authority's own")
        own = self.authority.issue("127.0.0.1", "localhost")
        self.port, self.management, self.dns, self.control = (reserve_port() for _ in range(4))
        settings = {"listenAddress": f"127.0.0.1:{self.port}",
                    "managementListenAddress": f"127.0.0.1:{self.management}",
                    "certificate": own.certificate_path, "privateKey": own.key_path,
                    "httpPort": port_of(http), "tlsPort": port_of(tls), "ocspResponderURL": "",
                    "externalAccountBindingRequired": bool(eab), "externalAccountMACKeys": eab or {}}
        path = os.path.join(self.folder.name, "pebble.json")
        with open(path, "w") as file:
            json.dump({"pebble": settings}, file)
        self.programs = []
        self.start("pebble-challtestsrv", "-http01", "", "-https01", "", "-tlsalpn01", "", "-dns01",
                   f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.control}", "-defaultIPv4",
                   "127.0.0.1", "-defaultIPv6", "")
        self.start("pebble", "-config", path, "-dnsserver", f"127.0.0.1:{self.dns}", *arguments,
                   environment={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0",
                                "PEBBLE_AUTHZREUSE": "0", **(environment or {})})
        for program, *ports in zip(self.programs, (self.control, self.port), (self.control, self.management)):
            program.wait_listening(*ports)

    def start(self, *command, environment=None):
        self.programs.append(Program(command, env={**os.environ, **(environment or {})}))

    def log(self):
        return "".join(program.log() for program in self.programs)

    @property
    def directory(self):
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def ca(self):
        """The file with the root of its own HTTPS."""
        return self.authority.certificate_path

    def block(self, *lines):
        """What `acme` says about it."""
        return "acme {{ directory {}; ca {}; {} }}".format(self.directory, self.ca, "; ".join(lines))

    def ask(self, path):
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(f"https://127.0.0.1:{self.management}{path}", context=context, timeout=10) as answer:
            return answer.read()

    def root(self):
        return x509.load_pem_x509_certificate(self.ask("/roots/0"))

    def status(self, certificate):
        """"Valid" or "Revoked"."""
        return json.loads(self.ask(f"/cert-status-by-serial/{certificate.serial_number:x}"))["Status"]

    def close(self):
        for program in self.programs:
            program.close()
        self.folder.cleanup()
