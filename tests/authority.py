"""A certificate authority of our own, and a server's certificate signed by it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; ``certificate`` is what its friends trust."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for tests")])
        usage = x509.KeyUsage(*(place in (5, 6) for place in range(9)))  # signing certificates and revocations
        builder = self._builder(self._name, self._key).add_extension(usage, critical=True)
        made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = made.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    def signed(self, host: str, *, ends: timedelta = timedelta(days=90)) -> tuple[bytes, bytes]:
        """The certificate of a host of this name, and its key; ``ends``: from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([]), key, ends)
        named = x509.SubjectAlternativeName([x509.DNSName(host)])
        made = builder.add_extension(named, critical=True).sign(self._key, SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return made.public_bytes(Encoding.PEM), private

    def trusted(self, folder: Path) -> str:
        """The file that names this authority."""
        path = folder / "authority.pem"
        path.write_bytes(self.certificate)
        return str(path)

    def door(self, host: str, folder: Path) -> ssl.SSLContext:
        """What a server of this name listens with."""
        path = folder / f"{host}.pem"
        path.write_bytes(b"".join(self.signed(host)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ends: timedelta = timedelta(days=90)
    ) -> x509.CertificateBuilder:
        today = datetime.now(UTC)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(today - timedelta(days=30)).not_valid_after(today + ends)
        for identifier in (
            own,
            issuer,
        ):  # without them Python 3.13 trusts no certificate (RFC 5280, 4.2.1.1 and 4.2.1.2)
            builder = builder.add_extension(identifier, critical=False)
        return builder
