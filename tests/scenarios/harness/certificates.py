"""Certificates for one test run: an authority of our own, and what it signs. Nothing of it is kept."""

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


def make_key(kind):
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    assert kind == "ed25519", kind
    return ed25519.Ed25519PrivateKey.generate()


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative(text):
    """A name, or an address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class Pair:
    """A certificate and its key: as objects, and as files."""

    def __init__(self, directory, stem, certificate, key, issuer=None):
        self.certificate, self.key = certificate, key
        self.certificate_path = os.path.join(directory, f"{stem}.pem")
        self.key_path = os.path.join(directory, f"{stem}.key")
        chain = certificate.public_bytes(PEM)
        if issuer and issuer.issuer_pair:  # the root is not sent
            chain += issuer.certificate.public_bytes(PEM)
        write(self.certificate_path, chain)
        write(self.key_path, key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), 0o600)

    def __str__(self):
        """As the arguments of `tls`."""
        return f"{self.certificate_path} {self.key_path}"


def write(path, data, mode=0o644):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)


class Authority(Pair):
    """Signs certificates; with `issuer` an intermediate one."""

    def __init__(self, directory, name="test authority", issuer=None):
        self.directory, self.issuer_pair, self.count = str(directory), issuer, 0
        key = make_key("ec")
        signer = issuer or self
        self.name, self.signing_key = named(name), key
        certificate = build(self.name, key, signer.name, signer.signing_key, days=3650, authority=True)
        super().__init__(self.directory, f"ca-{name.replace(' ', '-')}", certificate, key, issuer)

    def issue(self, *names, kind="ec", days=90, begin_days=-1, client=False, extensions=()):
        """A certificate for these names or addresses."""
        key = make_key(kind)
        self.count += 1
        certificate = build(named(names[0]), key, self.name, self.signing_key, names=names, days=days,
                            begin_days=begin_days, client=client, extensions=extensions)
        stem = f"{names[0].replace('*', 'any').replace(':', '_')}-{self.count}-{kind}"
        return Pair(self.directory, stem, certificate, key, self)


def build(subject, key, issuer, signing_key, names=(), days=90, begin_days=-1, authority=False, client=False,
          extensions=()):
    now = datetime.datetime.utcnow().replace(microsecond=0)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now + datetime.timedelta(days=begin_days))
               .not_valid_after(now + datetime.timedelta(days=days))
               .add_extension(x509.BasicConstraints(authority, None), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
               .add_extension(x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False),
                              critical=True))
    if names and not client:
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative(n) for n in names]), critical=False)
    if not authority:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signed_with = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signing_key, signed_with)
