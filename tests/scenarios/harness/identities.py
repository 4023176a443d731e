"""Certificates of all kinds for both sides, the wrong ones too, made when a test wants them: nothing of
this is kept. For what is in order, certificates.py is enough."""

import base64
import datetime
import hashlib
import ipaddress
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def make_key(kind="ec"):
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[len("rsa") :]))


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) if text else x509.Name([])


def alternative(text):
    """ "a.test", "192.0.2.1", "spiffe://x/y" or "a@b.test"."""
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    if "@" in text:
        return x509.RFC822Name(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class Identity:
    """A certificate with its key; `chain` are those that stand behind it in its file."""

    def __init__(self, certificate, key, chain=()):
        self.certificate, self.key, self.chain = certificate, key, list(chain)

    def pem(self):
        parts = [self.certificate, *self.chain]
        return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in parts)

    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def fingerprint(self):
        return hashlib.sha256(self.der()).hexdigest()

    def pin(self):
        """As `pin` of a configuration has it."""
        spki = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()

    def write(self, folder, name):
        """NAME.pem and NAME.key in the folder; both paths."""
        paths = [os.path.join(folder, f"{name}.{end}") for end in ("pem", "key")]
        for path, data in zip(paths, (self.pem(), self.key_pem())):
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, 0o600 if path.endswith(".key") else 0o644)
        self.certificate_path, self.key_path = paths
        return paths


class Authority(Identity):
    """Signs certificates; `above` is the authority that has signed it, None for a root."""

    def __init__(self, name="Test Root", above=None, key_kind="ec", **draft):
        key = make_key(key_kind)
        super().__init__(build(name, [], key, above, authority=True, **draft), key)
        # What stands behind the certificates that it signs: no root.
        self.below = [self.certificate, *above.below] if above else []

    def issue(self, *names, subject=None, key_kind="ec", key=None, **draft):
        """A certificate for the names. draft: days=(from, to) around now, usage="server" or
        "client" or "ocsp" or None, hash, serial, responder (URL)."""
        key = key or make_key(key_kind)
        subject = subject if subject is not None else (names[0] if names else "nobody")
        return Identity(build(subject, names, key, self, **draft), key, self.below)

    def revoke(self, *identities, days=(-1, 9)):
        """A revocation list in PEM with these."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now() + days[0] * DAY)
            .next_update(now() + days[1] * DAY)
        )
        for identity in identities:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(identity.certificate.serial_number)
                .revocation_date(now() - DAY)
                .build()
            )
        made = builder.sign(self.key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


def self_signed(*names, subject=None, key_kind="ec", **draft):
    key = make_key(key_kind)
    subject = subject if subject is not None else (names[0] if names else "nobody")
    return Identity(build(subject, names, key, None, **draft), key)


def build(
    subject,
    names,
    key,
    issuer,
    authority=False,
    days=(-1, 9),
    usage=None,
    hash="SHA256",
    serial=None,
    responder=None,
):
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject if isinstance(subject, x509.Name) else name_of(subject))
        .issuer_name(issuer.certificate.subject if issuer else name_of(subject))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now() + days[0] * DAY)
        .not_valid_after(now() + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        found = x509.SubjectAlternativeName([alternative(text) for text in names])
        builder = builder.add_extension(found, critical=False)
    usages = {
        "server": ExtendedKeyUsageOID.SERVER_AUTH,
        "client": ExtendedKeyUsageOID.CLIENT_AUTH,
        "ocsp": ExtendedKeyUsageOID.OCSP_SIGNING,
    }
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usages[usage]]), critical=False)
    if responder:
        place = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    signer = issuer.key if issuer else key
    plain = isinstance(signer, ed25519.Ed25519PrivateKey)
    return builder.sign(signer, None if plain else getattr(hashes, hash)())


def server_context(folder, identity, name="server", **options):
    """An ssl.SSLContext that presents the identity. options: minimum, maximum (ssl.TLSVersion),
    ciphers, alpn, ask (an Authority that clients must have a certificate of), tickets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if "ciphers" in options:
        context.set_ciphers(options["ciphers"])
    context.load_cert_chain(*identity.write(folder, name))
    if "minimum" in options:
        context.minimum_version = options["minimum"]
    if "maximum" in options:
        context.maximum_version = options["maximum"]
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    if "ask" in options:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=options["ask"].pem().decode())
    if "tickets" in options:
        context.num_tickets = options["tickets"]
    return context
