"""Certificates for the measurements: made when they are needed, signed by a root that is forgotten."""

import datetime
import os
import pathlib
import time
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

DAYS = 90


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, in two files and, for HAProxy, in one."""

    certificate: pathlib.Path
    key: pathlib.Path
    both: pathlib.Path


def key_make(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def signature_us(kind, signatures=500):
    """The CPU time of one signature, here: what every proxy must pay for a full handshake."""
    key = key_make(kind)
    ways = (ec.ECDSA(hashes.SHA256()),)
    if kind == "rsa":
        ways = (padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(signatures // 5):
            key.sign(b"x" * 130, *ways)
        best = min(best, (time.process_time() - began) / (signatures // 5))
    return best * 1e6


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates into a folder of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        self.key = key_make("ecdsa")
        self.name = name("bench root")
        self.now = datetime.datetime.utcnow()

    def issue(self, file, names, kind="ecdsa"):
        """A pair for these names, in files that begin with `file`."""
        key = key_make(kind)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name(names[0]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - datetime.timedelta(hours=1))
            .not_valid_after(self.now + datetime.timedelta(days=DAYS))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        pair = Pair(*(self.folder / f"{file}.{end}" for end in ("crt", "key", "pem")))
        pair.certificate.write_bytes(certificate)
        for path, content in ((pair.key, secret), (pair.both, certificate + secret)):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                out.write(content)
        return pair
